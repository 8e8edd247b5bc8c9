/*
 * When to try again what failed: which failures may go away by themselves, how long to
 * wait, and when it has been tried for long enough.
 */
#ifndef BATON_CLIENT_CONNECTION_RETRY_H
#define BATON_CLIENT_CONNECTION_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/link/link.h"

/* Whether it is one of ERR_LOST, ERR_BUSY, ERR_SHUTDOWN, ERR_UNREACHABLE, ERR_TIMEOUT,
 * which may go away by themselves. */
bool retry_may_help(int code);

/* How many milliseconds to wait after try number `try` (from 0) has failed: as long as a
 * busy daemon asked for, else twice as long after each try, and varied, so that many
 * clients do not come at once. link: of that try. */
uint32_t retry_pause_ms(struct link *link, unsigned try);

/* Waits. ERR_INTERRUPTED: a signal has ended that. */
int retry_wait(uint32_t pause_ms, struct error *error);

/* All tries of one persist or attach. */
struct retry {
	int timeout_ms;
	/* If the daemon keeps what a try has sent before its connection was lost, each
	 * try gets further: then their number is limited, and each has the whole
	 * timeout. Else, and while the daemon is busy, one timeout counts from the first
	 * failure. */
	bool keeps_progress;
	unsigned failures;
	uint64_t until_ms; /* clock_now_ms(); 0: nothing failed so far */
	uint32_t pause_ms; /* before the next try */
};

/* Counts a failure. Returns whether to try again, after pause_ms. */
bool retry_goes_on(struct retry *retry, struct link *link, int code);

#endif
