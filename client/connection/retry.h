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

/* How long to wait before the next try: what a busy daemon asked for, else longer with
 * each try (from 0), with some chance in it so that many clients do not come at once.
 * Milliseconds. link: of the try that failed. */
uint32_t retry_pause_ms(struct link *link, unsigned try);

/* Waits so long; ERR_INTERRUPTED when a signal ends it. */
int retry_wait(uint32_t pause_ms, struct error *error);

/* All tries of one persist or attach. */
struct retry {
	int timeout_ms;
	/* What was done before the connection was lost is not lost: each such try gets
	 * the whole timeout, for a number of tries. Else, and while the daemon is busy,
	 * the timeout counts from the first failure. */
	bool keeps_progress;
	unsigned failures;
	uint64_t until_ms; /* of the clock that only goes forward; 0: not set yet */
	uint32_t pause_ms; /* before the next try */
};

/* Counts a failure: whether another try follows it, after pause_ms. */
bool retry_goes_on(struct retry *retry, struct link *link, int code);

#endif
