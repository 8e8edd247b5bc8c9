/*
 * The segments that one session has pinned (table.h), each once. Belongs to one thread.
 */
#ifndef BATON_STORE_SEGMENT_PINS_H
#define BATON_STORE_SEGMENT_PINS_H

#include <stddef.h>

#include "daemon/store/segment/table.h"
#include "proto/base/error.h"

/* {0} is empty. */
struct segment_pins {
	struct segment **at; /* owned; ascending by id */
	size_t count, room;
};

/* Finds it among the pinned, or pins it. As segment_table_pin. */
int segment_pins_get(struct segment_pins *pins, struct segment_table *table,
		     const struct segment_id *id, struct segment **ret_segment,
		     struct error *error);
/* Pins an open segment that the caller has pinned otherwise. */
void segment_pins_add(struct segment_pins *pins, struct segment_table *table,
		      struct segment *segment);
struct segment *segment_pins_find(const struct segment_pins *pins,
				  const struct segment_id *id); /* or NULL */
void segment_pins_fini(struct segment_pins *pins, struct segment_table *table);

#endif
