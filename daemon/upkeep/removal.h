/*
 * Removal: gives back what nothing reaches any more (daemon/store/removal), every ten
 * minutes and when somebody asks. Called on the loop's thread; the work itself has a
 * thread of its own, on which whoever uses the store goes first.
 */
#ifndef BATON_DAEMON_UPKEEP_REMOVAL_H
#define BATON_DAEMON_UPKEEP_REMOVAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/service/log.h"
#include "daemon/store/store.h"
#include "daemon/upkeep/retention.h"
#include "proto/base/error.h"

struct collector;

/* What its passes have done since the daemon began. Any thread. */
struct removal_totals {
	_Atomic uint64_t passes, layers, removed, compacted, freed;
	/* Something keeps the last pass from removing anything in some namespace (L8). */
	atomic_bool stopped;
};

struct removal_work {
	struct store *store;         /* borrowed */
	const struct log *log;       /* borrowed */
	struct collector *collector; /* owned */
	/* Called on that thread when the work is done: the loop must then call
	 * removal_settle(). */
	void (*on_worked)(void *context);
	/* Called on the loop when it has been settled. */
	void (*on_done)(void *context);
	void *context;
	uint64_t begun_ms; /* loop time of the latest work, or of the first tick; 0: none
			    * yet */
	bool asked;
	bool running;
	uv_thread_t thread; /* while running */
	atomic_bool worked;
	struct removal_totals totals;
	char told[ERROR_TEXT_SIZE]; /* the thread's: what was said of damage last */
};

/* Store, log and whom to tell are those of retention. */
void removal_init(struct removal_work *removal, const struct retention *beside);
void removal_fini(struct removal_work *removal); /* not while it is running */

void removal_tick(struct removal_work *removal, uv_loop_t *loop);
/* The next tick begins, whatever the time. */
void removal_ask(struct removal_work *removal);
/* Joins the thread if its work is done. */
void removal_settle(struct removal_work *removal);
/* It ends soon, and begins no more. */
void removal_stop(struct removal_work *removal);

#endif
