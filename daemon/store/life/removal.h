/*
 * Giving up the bytes of layers that nothing reaches any more (FORMAT.md §13): the rows
 * of it. A workflow that was removed does not come back; its name stays, and so do the
 * rows of its layers, which others may mention.
 *
 * Any thread: each call takes the catalogue's mutex.
 */
#ifndef BATON_STORE_LIFE_REMOVAL_H
#define BATON_STORE_LIFE_REMOVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/base/error.h"

/* What may be given up, as far as states say: what is not hidden is not in it. */
struct removal_candidates {
	int64_t *workflows; /* owned; expired, and daemons have run long enough since */
	size_t workflow_count, workflow_room;
	int64_t *layers; /* owned; a person ended them */
	size_t layer_count, layer_room;
};
void removal_candidates_fini(struct removal_candidates *candidates);

/* Those that expired when daemons had run for at least wait_ms less than now. */
int removal_list(struct catalogue *catalogue, int64_t wait_ms,
		 struct removal_candidates *ret_candidates, struct error *error);

struct removed_layer {
	int64_t id;
	uint8_t name[LAYER_ID_LEN];
	char workflow[NAME_LEN_MAX + 1]; /* that made it */
	bool ended;                      /* by a person */
};

struct removed {
	struct removed_layer *layers; /* owned */
	size_t layer_count, layer_room;
	struct segment_id *segments; /* owned; that these named, some of them twice */
	size_t segment_count, segment_room;
	uint64_t workflows;
};
void removed_fini(struct removed *removed);

/* Gives up, as one transaction, what of these is still what it was when it was listed,
 * and appends to *removed what went. A layer that a workflow which was not removed has
 * inherited stays. `undo`: only tells what would go. */
int removal_apply(struct catalogue *catalogue,
		  const struct removal_candidates *candidates, int64_t wait_ms, bool undo,
		  struct removed *removed, struct error *error);

/* Whether there is a layer of that id, and it was not removed. */
int removal_is_there(struct catalogue *catalogue, const uint8_t name[LAYER_ID_LEN],
		     bool *ret_there, struct error *error);
/* The layers that name a segment; owned by the caller (free). */
int removal_layers_of(struct catalogue *catalogue, const struct segment_id *segment,
		      int64_t **ret_ids, size_t *ret_count, struct error *error);

#endif
