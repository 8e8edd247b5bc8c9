/*
 * Arrays of segments that ascend by id. No input or output; whoever owns one locks it.
 */
#ifndef BATON_STORE_SEGMENT_SEGMENTS_H
#define BATON_STORE_SEGMENT_SEGMENTS_H

#include <stddef.h>

#include "daemon/store/segment/table.h"

/* Where the id is, or belongs. */
size_t segments_position(struct segment *const *at, size_t count,
			 const struct segment_id *id);
struct segment *segments_find(struct segment *const *at, size_t count,
			      const struct segment_id *id); /* or NULL */
/* Puts it in its place; it is not there yet. */
void segments_insert(struct segment ***at, size_t *count, size_t *room,
		     struct segment *segment);

#endif
