/*
 * Work that is done for each entry, by all workers at once. Each takes ranges of entries
 * that follow each other. A range is made of whole subtrees, but for the directories
 * above the place where two ranges meet. For client/destination alone.
 */
#ifndef BATON_CLIENT_PLACE_SHARE_H
#define BATON_CLIENT_PLACE_SHARE_H

#include "client/view/table.h"
#include "proto/base/error.h"

/* The entries, but the root, cut into so many parts. */
struct ranges {
	const struct view_table *table; /* borrowed */
	unsigned count;
};

/* Works on the entries from first up to end, on worker `worker`. */
typedef int on_range(void *context, unsigned worker, uint32_t first, uint32_t end,
		     struct error *error);

struct ranges ranges_of(const struct view_table *table);
/* Whether several ranges have entries of this directory. Then what is done to it must be
 * done before all ranges, or after them. */
bool ranges_are_below(const struct ranges *ranges, uint32_t entry);
/* Calls it for each range; for several at a time, if there is enough in them. */
int ranges_each(const struct ranges *ranges, on_range *call, void *context,
		struct error *error);

#endif
