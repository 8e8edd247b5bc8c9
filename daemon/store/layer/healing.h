/*
 * What is done about a damaged frame (FORMAT.md §8): it is marked, its units are stored
 * again when they are persisted again, and readers get another copy. Copies are found by
 * the unit's name in the unit index, so a unit that was stored again heals every layer
 * that named the old place. Any thread.
 */
#ifndef BATON_STORE_LAYER_HEALING_H
#define BATON_STORE_LAYER_HEALING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/layer/reader.h"
#include "daemon/store/segment/pins.h"
#include "daemon/store/segment/reader.h"

struct store;

/* Reads a frame that a client reported as damaged, and marks it if it is. Returns whether
 * it was marked by this call. */
bool healing_doubt(struct store *store, const struct frame_place *place);
/* Makes a reader mark each frame that it finds damaged, and take its units, as far as
 * they are known, out of the unit index. Each is logged once. */
void healing_watch(struct store *store, struct segment_reader *reader);

/* What looks for copies. */
struct healer {
	struct store *store;       /* borrowed */
	int64_t namespace_id;      /* of the layer: copies never cross namespaces */
	struct segment_pins *pins; /* borrowed; gets the segments of what is found */
	struct segment_reader heads;
};
void healer_init(struct healer *healer, struct store *store, int64_t namespace_id,
		 struct segment_pins *pins);
void healer_fini(struct healer *healer);
/* A frame that holds the unit and is not marked: its table names it, its payload was not
 * read. While the unit index is being rebuilt it waits for that before it gives up. */
bool healer_find(struct healer *healer, const struct unit_name *name,
		 struct frame_place *ret_place, uint32_t *ret_position);

#endif
