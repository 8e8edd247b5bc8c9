/*
 * A persist's way into the store: units offered or written, then one commit, or nothing.
 *
 * A transaction belongs to one session thread. It leases segments of its own (a segment
 * has one writer at a time), pins the segments of what it was offered until it ends, and
 * cuts off what it wrote when it is aborted. Freeing an uncommitted one aborts it.
 */
#ifndef BATON_STORE_TRANSACTION_TRANSACTION_H
#define BATON_STORE_TRANSACTION_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/unit/digest.h"

struct store;
struct transaction;

int transaction_begin(struct store *store, int64_t namespace_id,
		      struct transaction **ret_transaction, struct error *error);
/* Aborts if not committed; after a commit it does the work that need not delay the
 * answer. NULL is fine. */
void transaction_free(struct transaction *transaction);

/* Offers, from now on, nothing but what these layers hold, what was learned of the first
 * before the others, and what this transaction wrote (reach.h). Before the first offer.
 */
void transaction_narrow(struct transaction *transaction, const int64_t *layer_ids,
			size_t count);

/* What a namespace may have, with all that is being persisted; 0: no limit (rule L3). */
struct quota {
	uint64_t bytes; /* stored */
	uint64_t layers;
};

/* Takes a place for the layer, and says what its namespace may have from now on.
 * ERR_QUOTA: there is no place for another layer, or no room for a byte. */
int transaction_enter(struct transaction *transaction, const struct quota *quota,
		      struct error *error);
/* The namespace's quota of bytes has changed. */
void transaction_set_quota(struct transaction *transaction, uint64_t bytes);

/*
 * What the namespace has under these keys. ret_counts[i] (0 … CANDIDATES_MAX) SHA-256s
 * for key i, one after the other in *ret_digests (room for count × CANDIDATES_MAX). Units
 * that this transaction wrote itself count too. What is answered is offered: pinned, and
 * may be cited.
 */
int transaction_offer(struct transaction *transaction, const struct unit_key *keys,
		      size_t count, uint8_t *ret_counts, struct digest *ret_digests,
		      struct error *error);

/* A frame whose units were verified (XXH3-128 checked, SHA-256 computed) by the
 * caller. */
struct frame_input {
	uint8_t kind; /* FRAME_CONTENT or FRAME_PIECE */
	uint8_t codec;
	uint32_t raw_len;
	const struct unit_name *units; /* borrowed */
	uint32_t unit_count;
	const uint8_t *payload; /* borrowed */
	size_t payload_len;
};
/* The frame must keep the limits of frames (claimed): units_decode has checked them. The
 * raw length of content counts into the layer's new_bytes, the stored length of content
 * and pieces into its stored_bytes. Fails with ERR_NO_ROOM, ERR_QUOTA, ERR_READ_ONLY,
 * ERR_LOCAL, ERR_LIMIT; the transaction can then only be freed. */
int transaction_put(struct transaction *transaction, const struct frame_input *frame,
		    struct error *error);

/* Lets the commit cite what this layer's pieces hold, and the pieces themselves. At most
 * once. *ret_root (owned by the caller) is the base's encoded root. ERR_DENIED for a
 * layer of another namespace; ERR_DAMAGED: the persist can go on without a base. */
int transaction_base(struct transaction *transaction, int64_t layer_id,
		     struct buffer *ret_root, struct error *error);

/* Whether there are pieces that could be checked before the commit: sent or offered, and
 * not looked at. */
bool transaction_has_ahead(const struct transaction *transaction);
/* Checks one of them (claimed), some milliseconds. What is wrong with it is reported by
 * the commit. As transaction_put(). */
int transaction_look_ahead(struct transaction *transaction, struct error *error);

struct transaction_commit {
	int64_t execution_id;
	uint8_t key[KEY_LEN];
	const void *root; /* borrowed; encoded */
	size_t root_len;
};

/*
 * Checks the root, each new piece (content digest, totals, rows and their order across
 * pieces) and that each unit cited was offered, written, or is the base's (ERR_DENIED);
 * writes blocks, placement and root; syncs; commits to the catalogue; tells the unit
 * index. After success or failure the transaction can only be freed. *ret_again as in
 * catalogue_commit_layer. The record's texts are NULL. May take as long as the disk takes
 * to sync: the session calls it while the loop sends KEEPALIVE.
 */
int transaction_commit(struct transaction *transaction,
		       const struct transaction_commit *commit,
		       struct layer_record *ret_record, bool *ret_again,
		       struct error *error);

#endif
