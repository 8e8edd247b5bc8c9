/*
 * Where a layer's pieces and units lie: its root and placement, read and checked, and its
 * segments pinned. What layer_reader.h and a commit's base share. Belongs to one thread.
 */
#ifndef BATON_STORE_LAYER_MAP_H
#define BATON_STORE_LAYER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue.h"
#include "daemon/store/placement.h"
#include "daemon/store/segment_reader.h"
#include "daemon/store/segment_table.h"
#include "daemon/store/store.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/manifest/manifest.h"

struct layer_map {
	int64_t layer_id;
	char name[LAYER_ID_TEXT_SIZE];
	struct layer_place place; /* its segments are owned */
	struct root root;
	struct buffer root_bytes; /* encoded */
	struct placement placement;
};

/* Pins all segments of the layer in `pins`, reads root and placement with `reader`; the
 * root is what the catalogue's digest says. Every error of this module names the layer.
 */
int layer_map_load(struct store *store, int64_t layer_id, struct segment_pins *pins,
		   struct segment_reader *reader, struct layer_map *ret_map,
		   struct error *error);
void layer_map_fini(struct layer_map *map);

/* The bytes of a piece, SHA-256 checked; borrowed from the reader until its next use. */
int layer_map_piece(const struct layer_map *map, size_t piece,
		    const struct segment_pins *pins, struct segment_reader *reader,
		    const uint8_t **ret_bytes, struct error *error);
/* The block of a piece; its segments are among the layer's. */
int layer_map_block(const struct layer_map *map, size_t piece,
		    const struct segment_pins *pins, struct segment_reader *reader,
		    struct block *ret_block, struct error *error);

/* Puts "layer NAME: " in front of the sentence; returns its code. */
int layer_map_error(const struct layer_map *map, struct error *error);

#endif
