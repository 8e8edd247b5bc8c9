/*
 * The paths at which two layers differ: only there can they conflict. Whether they do is
 * decided by the merge (merge/merge.h), which knows bases and other layers.
 *
 * Paths of which only one layer has any are skipped, and so are pieces that both have:
 * two trees of a million rows that differ in one row are compared in a few reads.
 */
#ifndef BATON_DAEMON_WORKSPACE_OVERLAP_H
#define BATON_DAEMON_WORKSPACE_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/store/layer/reader.h"
#include "proto/base/error.h"

/* More than these are too many to look at one by one. */
#define OVERLAP_PATHS_MAX 4096u

struct overlap_path {
	char *path; /* owned */
	size_t len;
	bool is_of_mode; /* only the modes differ */
};

/* {0} is empty and ready. */
struct overlap {
	struct overlap_path *paths; /* owned; see overlap_sort() */
	size_t count, room;
	bool full; /* there may be more */
};
void overlap_fini(struct overlap *overlap);

/* Adds the paths at which two layers differ, both read from their beginning: with
 * different rows (other than directories), or where one has a file or link above what
 * the other has (the file's path). It ends early when there are OVERLAP_PATHS_MAX.
 * ERR_NO_MEMORY, and what a layer_reader gives. */
int overlap_find(struct layer_reader *one, struct layer_reader *other,
		 struct overlap *overlap, struct error *error);
/* Puts the paths in manifest order, each once, and none that is below another. */
void overlap_sort(struct overlap *overlap);
/* Once it is sorted: whether the layers differ at this path in nothing but the mode. */
bool overlap_is_of_mode(const struct overlap *overlap, const char *path, size_t len);

#endif
