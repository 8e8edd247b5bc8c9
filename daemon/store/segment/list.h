/*
 * Segments in the order of their first mention, each once: others name them by their
 * position. No input or output, no thread affinity.
 */
#ifndef BATON_STORE_SEGMENT_LIST_H
#define BATON_STORE_SEGMENT_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"

/* {0} is empty. */
struct segment_list {
	struct segment_id *ids; /* owned */
	size_t count, room;
};

/* Its position; appended where it is new. */
uint32_t segment_list_put(struct segment_list *list, const struct segment_id *id);
void segment_list_fini(struct segment_list *list);

#endif
