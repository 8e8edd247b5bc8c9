/*
 * Checking one piece of a manifest that a session sent or was offered: what it is, its
 * rows, that each unit in it may be cited. What it says of its neighbours and what the
 * root says of it are the commit's to compare. Then its block is written, which tells
 * where the units lie. Belongs to one thread.
 */
#ifndef BATON_STORE_TRANSACTION_PIECE_CHECK_H
#define BATON_STORE_TRANSACTION_PIECE_CHECK_H

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/layer/placement.h"
#include "proto/base/bytes.h"
#include "proto/manifest/manifest.h"

struct transaction;
struct citation;

struct piece_checker {
	struct row_decoder decoder;
	struct block block;
	struct buffer content; /* the piece with its times zeroed */
	struct buffer encoded; /* the block */
	uint32_t number;       /* of the pieces checked so far: marks frames */
};

/* {0} is a checker. */
void piece_checker_fini(struct piece_checker *checker);

struct checked_piece {
	struct unit_name name;
	struct totals totals;
	struct digest content;
	struct piece_edges edges;  /* owned */
	struct stored_place place; /* of its frame */
	uint32_t position;         /* in the frame */
	struct stored_place block;
	struct segment_list block_segments; /* owned; where its units lie */
};

void checked_piece_fini(struct checked_piece *piece);

/* Fills all of *ret_piece but the block; what was written must be flushed. The citation
 * is that of a commit; NULL: the base is not asked, the piece may become good later.
 * ERR_DENIED, ERR_DAMAGED, ERR_BUSY, ERR_VERSION, ERR_LIMIT, ERR_LOCAL. Nothing to end
 * after a failure. */
int piece_check(struct transaction *transaction, struct citation *citation,
		const struct unit_name *name, struct checked_piece *ret_piece,
		struct error *error);
/* After a piece that was offered could not be read: ERR_DAMAGED becomes ERR_BUSY. Its
 * frame was marked as it was met (healing.h), so that it is not offered to who tries
 * again. */
int piece_try_again(struct error *error);
/* Writes the block of the piece that was checked last. As transaction_put(). */
int piece_check_write(struct transaction *transaction, struct checked_piece *piece,
		      struct error *error);
/* The edges of a piece whose rows are known to be good. */
int piece_check_edges(struct transaction *transaction, const uint8_t *bytes, size_t len,
		      struct piece_edges *ret_edges, struct error *error);

#endif
