/*
 * Where a layer's pieces and units lie: its root and placement, read and checked, and its
 * segments pinned. What layer/reader.h and a commit's base share. Belongs to one thread.
 *
 * What cannot be read where the layer says is looked for elsewhere (healing.h): a root in
 * another layer of the same digest, pieces and units by their names; what a placement or
 * a block said then follows from these.
 */
#ifndef BATON_STORE_LAYER_MAP_H
#define BATON_STORE_LAYER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/layer/placement.h"
#include "daemon/store/layer/reader.h"
#include "daemon/store/segment/pins.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/manifest/manifest.h"

struct store;

struct layer_map {
	struct store *store;       /* borrowed */
	struct segment_pins *pins; /* borrowed */
	int64_t layer_id, namespace_id;
	char name[LAYER_ID_TEXT_SIZE];
	struct layer_place place; /* its segments are owned */
	struct root root;
	struct buffer root_bytes;           /* encoded */
	struct placement placement;         /* of no pieces where it is lost */
	bool root_borrowed, placement_lost; /* they are not where the catalogue says */
};

/* Pins in `pins` what there is of the layer's segments, reads root and placement with
 * `reader`; the root is what the catalogue's digest says. `pins` outlives the map. Every
 * error of this module names the layer. */
int layer_map_load(struct store *store, int64_t layer_id, struct segment_pins *pins,
		   struct segment_reader *reader, struct layer_map *ret_map,
		   struct error *error);
void layer_map_fini(struct layer_map *map);

/* What lies at the place that the layer names, whatever is known of damage there: the
 * bytes of a piece, SHA-256 checked, borrowed from the reader until its next use; a
 * piece's block, whose frames may be damaged and its segments missing. layer/parts.h
 * looks elsewhere, too. */
int layer_map_piece(const struct layer_map *map, size_t piece,
		    struct segment_reader *reader, const uint8_t **ret_bytes,
		    struct error *error);
int layer_map_block(const struct layer_map *map, size_t piece,
		    struct segment_reader *reader, struct block *ret_block,
		    struct error *error);
/* The bytes of a piece at any place. */
int layer_map_piece_at(const struct unit_name *name, const struct frame_place *place,
		       uint32_t position, struct segment_reader *reader,
		       const uint8_t **ret_bytes, struct error *error);
/* Where the layer says that the piece is; NULL where it cannot say. */
const struct piece_place *layer_map_piece_place(const struct layer_map *map,
						size_t piece);

/* Whether a frame can be had and is not marked. */
bool layer_map_is_sound(const struct layer_map *map, const struct segment_id *segment,
			uint64_t offset);
/* One of the layer's segments, pinned now if it can be; naming another is damage. */
int layer_map_segment(const struct layer_map *map, const struct segment_id *id,
		      struct segment **ret_segment, struct error *error);

/* Puts "layer NAME: " in front of the sentence; returns its code. */
int layer_map_error(const struct layer_map *map, struct error *error);

#endif
