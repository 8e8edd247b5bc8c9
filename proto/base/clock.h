/*
 * The two clocks, in milliseconds: one that only goes forward, for waiting and measuring,
 * and that of the wall, for what is kept or shown. Any thread; signal handlers, too.
 */
#ifndef BATON_PROTO_BASE_CLOCK_H
#define BATON_PROTO_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ms_(clockid_t clock)
{
	struct timespec now = {0};
	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Of the clock that only goes forward. */
static inline uint64_t clock_now_ms(void)
{
	return (uint64_t)clock_ms_(CLOCK_MONOTONIC);
}

/* Since 1970; it may be set back. */
static inline int64_t clock_wall_ms(void)
{
	return clock_ms_(CLOCK_REALTIME);
}

/* ms from now, for pthread_cond_timedwait() of a condition with CLOCK_MONOTONIC. */
static inline struct timespec clock_moment_in(uint64_t ms)
{
	struct timespec at = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	uint64_t nanoseconds = (uint64_t)at.tv_nsec + ms % 1000 * 1000000;
	at.tv_sec += (time_t)(ms / 1000 + nanoseconds / 1000000000);
	at.tv_nsec = (long)(nanoseconds % 1000000000);
	return at;
}

/* The moment timeout_ms from now, for clock_left(); -1: never. */
static inline int64_t clock_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : clock_ms_(CLOCK_MONOTONIC) + timeout_ms;
}

/* Milliseconds left, as poll() takes them: 0 when it has passed, -1 for never. */
static inline int clock_left(int64_t deadline)
{
	if (deadline == INT64_MAX)
		return -1;
	int64_t left = deadline - clock_ms_(CLOCK_MONOTONIC);
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

#endif
