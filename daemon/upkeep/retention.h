/*
 * Retention: workflows without contact for longer than their time expire (rule W8). On
 * the loop's thread, but for the work itself, which goes to the loop's threads for work.
 */
#ifndef BATON_DAEMON_UPKEEP_RETENTION_H
#define BATON_DAEMON_UPKEEP_RETENTION_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/service/log.h"
#include "daemon/store/store.h"

struct retention {
	struct store *store;   /* borrowed */
	const struct log *log; /* borrowed */
	uint64_t time_ms;      /* 0: nothing expires */
	/* It has run; called on the loop. */
	void (*on_done)(void *context);
	void *context;
	uint64_t due_ms; /* loop time; 0: no tick has come yet */
	bool running;
	uv_work_t work;
};

/* Once, now, on this thread. */
void retention_run(const struct retention *retention);
/* Every hour, the first time an hour after the first tick. The loop goes on meanwhile. */
void retention_tick(struct retention *retention, uv_loop_t *loop);

#endif
