/*
 * Retention: workflows without contact for longer than a set time expire (rule W8).
 * Called on the loop's thread; the work itself has a thread of its own.
 */
#ifndef BATON_DAEMON_UPKEEP_RETENTION_H
#define BATON_DAEMON_UPKEEP_RETENTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/service/log.h"
#include "daemon/store/store.h"
#include "daemon/terms/terms.h"

struct retention {
	struct store *store;      /* borrowed */
	const struct log *log;    /* borrowed */
	struct terms_book *terms; /* borrowed */
	/* Called on that thread when the work is done: the loop must then call
	 * retention_settle(). */
	void (*on_worked)(void *context);
	/* Called on the loop when it has been settled. */
	void (*on_done)(void *context);
	void *context;
	uint64_t begun_ms; /* loop time of the first tick or the latest work; 0: no tick
			      yet */
	bool running;
	uv_thread_t thread; /* while running */
	atomic_bool worked;
};

/* Runs once, on the calling thread. */
void retention_run(const struct retention *retention);
/* At the daemon's end, on the calling thread. */
void retention_rest(const struct retention *retention);
/* Every hour, or oftener where lives are short: nothing that has a time to live outlives
 * it by more than a twentieth and a second. The first time so long after the first tick.
 * The loop goes on meanwhile. */
void retention_tick(struct retention *retention, uv_loop_t *loop);

/* Joins the thread if its work is done. */
void retention_settle(struct retention *retention);

#endif
