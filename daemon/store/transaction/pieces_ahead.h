/*
 * Pieces of a manifest that come before the commit, checked while the session has nothing
 * else to do, so that the client does not wait for it at the end. What is wrong with one
 * is forgotten: the commit may not cite it, or what it cites may still come. Belongs to
 * one thread.
 */
#ifndef BATON_STORE_TRANSACTION_PIECES_AHEAD_H
#define BATON_STORE_TRANSACTION_PIECES_AHEAD_H

#include "daemon/store/transaction/piece_check.h"

/* Memory for it; the pieces of some 1.5 million files. What is beyond is the commit's. */
#define PIECES_AHEAD_LEN_MAX (1024u * 1024u)

struct pieces_ahead {
	struct unit_name *waiting; /* owned */
	size_t waiting_count, waiting_room;
	size_t next;                   /* of waiting */
	struct checked_piece *checked; /* owned */
	size_t checked_count, checked_room;
	size_t len; /* bytes in use */
};

/* {0} is empty. */
void pieces_ahead_fini(struct pieces_ahead *ahead);
/* A piece was sent or offered. */
void pieces_ahead_note(struct pieces_ahead *ahead, const struct unit_name *name);
/* A piece was checked and its block written: takes it, as it is. ERR_NO_MEMORY: it stays
 * the caller's. */
int pieces_ahead_keep(struct pieces_ahead *ahead, const struct checked_piece *piece,
		      struct error *error);
/* By name, for pieces_ahead_find(). */
void pieces_ahead_sort(struct pieces_ahead *ahead);
/* The piece as it was checked, its block written; borrowed. NULL: it was not. */
const struct checked_piece *pieces_ahead_find(const struct pieces_ahead *ahead,
					      const struct unit_name *name);

#endif
