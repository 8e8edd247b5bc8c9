/*
 * The log's lines about strangers: of those that show no token whoever can reach the port
 * can make as many as he likes. So many are told in each span of time, the others are
 * counted, and the count is one line. Belongs to the loop's thread.
 */
#ifndef BATON_DAEMON_LOOP_REFUSALS_H
#define BATON_DAEMON_LOOP_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/service/log.h"

/* Enough for whoever looks for his own mistake; 60 MB a day. */
#define REFUSALS_SPAN_MS 10000u
#define REFUSALS_TOLD_MAX 40u

/* {0} is ready. */
struct refusals {
	uint64_t since_ms; /* loop time at which the span began */
	uint32_t told;     /* in this span */
	uint64_t untold;   /* since the last line that counts them */
};

/* Whether the next line may be written; else it is counted. */
bool refusals_may_tell(struct refusals *refusals);
/* Called a few times a second: once the span is over, the line, and a new span. */
void refusals_tick(struct refusals *refusals, const struct log *log, uint64_t now_ms);
/* The line now, if there is something to count. */
void refusals_tell(struct refusals *refusals, const struct log *log);

#endif
