/*
 * Questions and frames that go to the daemon, and its answers: never more units
 * unanswered than its window takes. A batch goes round:
 *
 *   free ──read──▶ asked ──OFFER──▶ answered ──compress, send──▶ free
 *
 * Locks: send_lock is held while something is sent and taken before the flow's. Who
 * receives takes the flow's only, so it can always go on, so the daemon can always
 * answer: nobody waits in a circle.
 */
#ifndef BATON_CLIENT_UPLOAD_EXCHANGE_H
#define BATON_CLIENT_UPLOAD_EXCHANGE_H

#include <sys/uio.h>

#include "client/content/batch.h"
#include "client/content/flow.h"
#include "client/content/units.h"
#include "proto/link/link.h"

/* Units of a frame that was sent, until STORED names them. */
struct parcel;

struct exchange {
	struct flow *flow;   /* borrowed */
	struct link *link;   /* borrowed */
	struct units *units; /* borrowed */
	uint32_t window;     /* units that may be unanswered */
	/* Called before the first message; may be NULL. */
	int (*on_begin)(void *context, struct error *error);
	void *context;  /* borrowed */
	bool has_begun; /* before there are threads */

	pthread_mutex_t send_lock;
	/* under the flow's lock */
	struct batch_queue free, asked, answered;
	unsigned in_use;    /* batches that are not free */
	size_t batches_len; /* the most bytes that each of all batches had, together */
	struct parcel *sent_first, *sent_last;
	bool has_sent;      /* any unit */
	uint32_t in_flight; /* units asked about or sent, unanswered */
};

/* The borrowed members, window and on_begin are set. */
void exchange_init(struct exchange *exchange);
void exchange_fini(struct exchange *exchange);

/* Before the first message; does what is to be done once. */
int exchange_begin(struct exchange *exchange, struct error *error);

/* ---- batches ---- */
/* A free batch, or NULL. */
struct batch *exchange_take_free_locked(struct exchange *exchange);
/* Waits for a free batch; NULL after a failure. */
struct batch *exchange_lease(struct exchange *exchange);
void exchange_release(struct exchange *exchange, struct batch *batch);

/* ---- out ---- */
/* Asks about the batch's units, or puts an empty one back. Takes the batch. */
int exchange_ask(struct exchange *exchange, struct batch *batch, struct error *error);
/* Sends UNITS, its head and its frame, that carry these. */
int exchange_send(struct exchange *exchange, const struct batch_unit *units,
		  uint32_t count, const struct iovec message[2], struct error *error);

/* ---- in ---- */
/* Waits for one answer, and passes it on to who asked. */
int exchange_receive_one(struct exchange *exchange, struct error *error);
/* Receives until the flow is closed and everything answered, or it has failed. Reads only
 * while something is unanswered, so that a slow disk on this side is not taken for a
 * silent daemon. The receiver's thread; or the caller's, at the end, where there are
 * none. */
void exchange_receive(struct exchange *exchange);

#endif
