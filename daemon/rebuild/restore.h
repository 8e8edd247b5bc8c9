/*
 * Making a catalogue again of what commit frames say (facts.h, FORMAT.md §11). The
 * catalogue is a new one that nobody else uses; each call is a change of its own.
 */
#ifndef BATON_DAEMON_REBUILD_RESTORE_H
#define BATON_DAEMON_REBUILD_RESTORE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/stamp.h"
#include "daemon/store/facts/facts.h"
#include "daemon/store/segment/holes.h"

/* A layer, and the segments that it names (borrowed). */
struct restored_layer {
	const struct layer_facts *facts;
	const struct segment_id *segments;
	size_t segment_count;
};

struct restoration {
	const struct restored_layer *layers; /* borrowed; ascending by id, each once */
	size_t layer_count;
	const struct segment_row *segments; /* borrowed */
	const struct holes *holes;          /* borrowed; of these */
	size_t segment_count;
};

struct restored_figures {
	uint64_t namespaces, workflows, executions;
	uint64_t missing_segments; /* that layers name and nobody has: damaged rows */
	uint64_t nameless;         /* namespaces of which no layer tells the name */
};

/* Writes all of it, with the ids that it had. What a set names that is not there is left
 * out of it. */
int catalogue_restore(struct catalogue *catalogue, const struct restoration *restoration,
		      struct restored_figures *ret_figures, struct error *error);

/* Gives the catalogue the name and the number of changes of the one that is lost. */
int catalogue_restore_mark(struct catalogue *catalogue, const struct stamp_mark *mark,
			   struct error *error);

#endif
