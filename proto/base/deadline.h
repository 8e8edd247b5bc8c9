/*
 * Deadlines for poll(): milliseconds of the monotonic clock. No thread affinity.
 */
#ifndef BATON_PROTO_BASE_DEADLINE_H
#define BATON_PROTO_BASE_DEADLINE_H

#include <stdint.h>
#include <time.h>

static inline int64_t deadline_now_ms_(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The moment timeout_ms from now; -1: never. */
static inline int64_t deadline_in(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : deadline_now_ms_() + timeout_ms;
}

/* Milliseconds left, as poll() takes them: 0 when it has passed, -1 for never. */
static inline int deadline_left(int64_t deadline)
{
	if (deadline == INT64_MAX)
		return -1;
	int64_t left = deadline - deadline_now_ms_();
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

#endif
