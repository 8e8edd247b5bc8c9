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
#include <stdint.h>

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
	struct overlap_path *paths; /* owned */
	size_t count, room;
	bool full; /* there may be more */
};
void overlap_fini(struct overlap *overlap);

/*
 * Finds the paths at which layer `own` and any of `others` differ, which are the
 * catalogue's ids: with different rows (other than directories), or where one has a file
 * or link above what the other has (the file's path). In manifest order, each once, and
 * none that is below another. It ends early when there are OVERLAP_PATHS_MAX, and once
 * wake_fd is readable. Two layers are open at a time. ERR_NO_MEMORY, and what a
 * layer_reader gives.
 */
int overlap_find(struct store *store, int64_t own, const int64_t *others, size_t count,
		 int wake_fd, struct overlap *overlap, struct error *error);
/* Whether the layers differ at this path in nothing but the mode. */
bool overlap_is_of_mode(const struct overlap *overlap, const char *path, size_t len);
/* Whether wake_fd is readable: nobody waits for the answer any more. */
bool overlap_is_woken(int wake_fd);

#endif
