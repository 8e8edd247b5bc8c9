/*
 * What the files of a transaction share of it. Not for sessions.
 */
#ifndef BATON_STORE_TRANSACTION_STATE_H
#define BATON_STORE_TRANSACTION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/layer/map.h"
#include "daemon/store/segment/pins.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/table.h"
#include "daemon/store/segment/writer.h"
#include "daemon/store/transaction/citable.h"
#include "daemon/store/transaction/neighbours.h"
#include "daemon/store/transaction/piece_check.h"
#include "daemon/store/transaction/pieces_ahead.h"
#include "daemon/store/transaction/reach.h"
#include "daemon/store/transaction/transaction.h"
#include "proto/base/bytes.h"

struct transaction {
	struct store *store; /* borrowed */
	uint64_t ticket;     /* what it may cite is not removed while it runs */
	int64_t namespace_id;
	struct segment_pins pins; /* of all that it may cite or wrote */
	struct segment_writer writer;
	struct citable units;
	struct segment_reader pieces; /* the frame of the piece being looked at */
	struct segment_reader heads;  /* tables of offered frames; blocks */
	struct neighbours neighbours;
	struct reach reach;
	struct piece_checker checker;
	struct pieces_ahead ahead;
	struct layer_map base;
	bool has_base;
	bool has_place;     /* among the layers of its namespace: census.h */
	bool ended;         /* a commit was tried */
	struct buffer head; /* scratch of transaction_append */
	uint64_t new_bytes, stored_bytes;
};

/* Appends a frame to the transaction's segment and pins that. Its place and length. */
int transaction_append(struct transaction *transaction, const struct frame_input *frame,
		       struct segment **ret_segment, uint64_t *ret_offset,
		       struct error *error);

/* Writes one unit of that kind as a frame of its own, compressed. As transaction_put(),
 * and ERR_LIMIT where it does not fit a frame. */
int transaction_put_single(struct transaction *transaction, enum frame_kind kind,
			   const struct buffer *data, struct stored_place *ret_place,
			   struct error *error);

/*
 * The entry of a unit that a commit may cite. Without a citation (NULL) the base is not
 * asked. Asks the base's pieces (those not in
 * base_taken first) where the session was neither offered nor sent it. ERR_DENIED.
 */
struct citation {
	const bool *base_taken; /* borrowed; for each piece of the base; or NULL */
	uint8_t base_stage;     /* how much of the base was asked: 0, 1, 2 */
};
int transaction_cite(struct transaction *transaction, struct citation *citation,
		     const struct unit_name *name, struct unit_entry **ret_entry,
		     struct error *error);

#endif
