/*
 * What commit.c and commit_pieces.c share of one commit. Not for sessions.
 */
#ifndef BATON_STORE_TRANSACTION_COMMIT_STATE_H
#define BATON_STORE_TRANSACTION_COMMIT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/facts/facts.h"
#include "daemon/store/layer/placement.h"
#include "daemon/store/transaction/state.h"
#include "proto/base/bytes.h"
#include "proto/manifest/manifest.h"
#include "proto/unit/frame.h"

#define NEW_PIECE SIZE_MAX

struct commit {
	struct transaction *transaction; /* borrowed */
	struct root root;
	struct placement placement;
	struct segment_list segments; /* all that the layer refers to */
	size_t *base_pieces; /* owned; for each piece its position in the base; NEW_PIECE
			      */
	bool *base_taken;    /* owned; for each piece of the base */
	struct citation citation;
	struct piece_edges before; /* owned; of the piece before, if they are known */
	struct layer_facts layer; /* id 0: not reserved yet */
	struct stored_place root_place, placement_place;
};

/* Finds out which pieces are the base's, checks the others and what stands beside them,
 * writes their blocks, and fills the placement. ERR_DENIED, ERR_DAMAGED name the piece.
 */
int commit_check_pieces(struct commit *commit, struct error *error);

#endif
