/*
 * What a committed layer means for its workspace: which layers it replaced, whether it is
 * late or stale, and the first conflict that is coming (rules W4, W7, W9). Facts only:
 * the caller puts them into words. Any thread.
 */
#ifndef BATON_DAEMON_WORKSPACE_OUTCOME_H
#define BATON_DAEMON_WORKSPACE_OUTCOME_H

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/store.h"
#include "daemon/view/view.h"

struct outcome {
	struct catalogue_history now; /* owned; the workspace with the layer in it */
	/* owned; the view of a request for everything in the layer's run */
	struct view view;
	uint32_t layer; /* position in now; its state is view.states[layer] */
	uint32_t place; /* position in view.layers; VIEW_NONE: it is not visible */
	/* owned; positions in now of the layers that this one replaced, without those
	 * that other layers committed meanwhile replaced */
	uint32_t *replaced;
	size_t replaced_count;
	/* From outcome_foresee. owned; the path of a conflict that an attach would meet;
	 * NULL: none is known */
	char *conflict_path;
	size_t conflict_path_len;
	bool conflict_of_mode;  /* the bytes there are the same */
	uint32_t conflict_with; /* position in now of another layer in it */
};

/* The workspace as it is now, in which the layer with database id layer_id is new. `run`
 * is the layer's. */
int outcome_make(struct catalogue *catalogue, const struct contact *contact,
		 const char *run, int64_t layer_id, struct outcome *ret_outcome,
		 struct error *error);
void outcome_fini(struct outcome *outcome); /* {0} is fine */

/* Whether there are visible layers that come neither before nor after it: only with these
 * can it conflict. */
bool outcome_has_concurrent(const struct outcome *outcome);

/* Looks for such a conflict. It reads and merges the paths at which the layers differ,
 * which takes the memory of two layers and keeps a core busy. It stops without a finding
 * when wake_fd becomes readable; -1: it does not stop. */
int outcome_foresee(struct store *store, struct outcome *outcome, int wake_fd,
		    struct error *error);

#endif
