/*
 * Layers of one execution that were made at the same time. Which of them comes later is
 * then chance, unlike with layers that one job makes one after the other (rule W3): where
 * they differ, they may be those of two jobs that share a name.
 */
#ifndef BATON_DAEMON_WORKSPACE_RIVAL_H
#define BATON_DAEMON_WORKSPACE_RIVAL_H

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/store.h"
#include "daemon/workspace/overlap.h"

/* A layer, and when it was begun. */
struct rivalry {
	const struct catalogue_history *now; /* borrowed; the workspace with the layer */
	uint32_t layer;                      /* its position there */
	/* The sequence of the last layer that its execution had when the layer was begun;
	 * 0: it had none. */
	uint32_t before;
};

/* Whether there are layers of its execution that were committed while it was made. */
bool rival_exists(const struct rivalry *rivalry);

/* Adds to `overlap` the paths at which it differs from those, sorted. One of them is read
 * at a time; when wake_fd becomes readable, no further one is. */
int rival_find(struct store *store, const struct rivalry *rivalry, int wake_fd,
	       struct overlap *overlap, struct error *error);

#endif
