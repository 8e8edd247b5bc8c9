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

/* LOST, BUSY, SHUTDOWN, UNREACHABLE, TIMEOUT. */
bool retry_may_help(int code);

/* Milliseconds to wait after try number `try` (from 0) failed: what a busy daemon asked
 * for, else twice as long after each, and varied so that many clients do not come at
 * once. link: of the try that failed. */
uint32_t retry_pause_ms(struct link *link, unsigned try);

/* Waits so long; ERR_INTERRUPTED when a signal ends it. */
int retry_wait(uint32_t pause_ms, struct error *error);

/* All tries of one persist or attach. */
struct retry {
	int timeout_ms;
	/* The daemon keeps what a try has sent before the connection was lost, so that
	 * each gets further: their number is limited, and each has the whole timeout.
	 * Else, and while it is busy, one timeout counts from the first failure. */
	bool keeps_progress;
	unsigned failures;
	uint64_t until_ms; /* clock_now_ms(); 0: nothing failed so far */
	uint32_t pause_ms; /* before the next try */
};

/* Counts a failure. Returns whether to try again, after pause_ms. */
bool retry_goes_on(struct retry *retry, struct link *link, int code);

#endif
