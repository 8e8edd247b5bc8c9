/*
 * Rest: what a daemon gives back to the system when nothing has run for a while. On the
 * loop's thread.
 */
#ifndef BATON_DAEMON_UPKEEP_REST_H
#define BATON_DAEMON_UPKEEP_REST_H

#include <stdint.h>

#include "daemon/task/crew.h"
#include "daemon/task/workers.h"

struct rest {
	struct crew *crew;       /* borrowed */
	struct workers *workers; /* borrowed */
	uint64_t due_ms;         /* loop time at which memory is given back; 0: it was */
	uint64_t ended;          /* tasks that had ended by the latest tick */
};

/* Called a few times a second. */
void rest_tick(struct rest *rest, uint64_t now_ms);

#endif
