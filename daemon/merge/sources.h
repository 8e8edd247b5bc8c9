/*
 * From a view to the sources of its merge: which layers have to be read besides those of
 * the view, what each one had before it, and what it was built on. Pure.
 */
#ifndef BATON_DAEMON_MERGE_SOURCES_H
#define BATON_DAEMON_MERGE_SOURCES_H

#include "daemon/merge/merge.h"
#include "daemon/view/view.h"

struct merge_sources {
	/* owned; the layers of the view in their order, then shadows: bases that are not
	 * in the view, in commit order. A view of fewer than two layers has no shadows.
	 * Cursors are left for the caller to set. */
	struct merge_source *sources;
	uint32_t *layers; /* owned; position in history.layers of each source */
	size_t count;
	uint32_t **lists; /* owned; what the sources borrow: before, bases of each */
};

/* The bases of a source are what its execution had attached, and the execution's own
 * earlier layers: a later persist of one execution wins over the earlier (W3), also where
 * it goes back to what was attached. Jobs are borrowed from history. ERR_NO_MEMORY. */
int merge_sources_make(const struct history *history, const struct view *view,
		       struct merge_sources *ret_sources, struct error *error);
void merge_sources_fini(struct merge_sources *sources);

#endif
