/*
 * Retention: workflows without contact for longer than their time expire (rule W8). On
 * the loop's thread, but for the work itself, which has one of its own while it runs.
 */
#ifndef BATON_DAEMON_UPKEEP_RETENTION_H
#define BATON_DAEMON_UPKEEP_RETENTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/service/log.h"
#include "daemon/store/store.h"

struct retention {
	struct store *store;   /* borrowed */
	const struct log *log; /* borrowed */
	uint64_t time_ms;      /* 0: nothing expires */
	/* It has run: called on its thread, to have retention_settle() called. */
	void (*on_worked)(void *context);
	/* And settled: called on the loop. */
	void (*on_done)(void *context);
	void *context;
	uint64_t due_ms; /* loop time; 0: no tick has come yet */
	bool running;
	uv_thread_t thread; /* while running */
	atomic_bool worked;
};

/* Once, now, on this thread. */
void retention_run(const struct retention *retention);
/* Every hour, the first time an hour after the first tick. The loop goes on meanwhile. */
void retention_tick(struct retention *retention, uv_loop_t *loop);

/* Joins a thread that has run; nothing, where there is none. */
void retention_settle(struct retention *retention);

#endif
