/*
 * A layer's pieces and blocks, from wherever they are whole: what cannot be read where
 * the layer says, or is known to be damaged there, is looked for by its name (healing.h).
 * Every error names the layer. Belongs to one thread.
 */
#ifndef BATON_STORE_LAYER_PARTS_H
#define BATON_STORE_LAYER_PARTS_H

#include "daemon/store/layer/map.h"

/* The bytes of a piece, SHA-256 checked; borrowed from the reader until its next use. */
int layer_parts_piece(const struct layer_map *map, size_t piece,
		      struct segment_reader *reader, const uint8_t **ret_bytes,
		      struct error *error);
/* The block of a piece, made anew where it has to be; its segments are pinned. A frame in
 * it is damaged only where a unit has no other copy. */
int layer_parts_block(const struct layer_map *map, size_t piece,
		      struct segment_reader *reader, struct block *ret_block,
		      struct error *error);

/* 0 if nothing that the layer names is known to be damaged, be there another copy or not:
 * then its pieces and blocks may be taken over by reference. ERR_DAMAGED. */
int layer_parts_check_sound(const struct layer_map *map, struct segment_reader *reader,
			    struct error *error);

#endif
