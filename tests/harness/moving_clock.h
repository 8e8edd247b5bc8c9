/*
 * For tests of what the clock's grain hides: waits for the clock itself, not for a time.
 */
#ifndef BATON_TESTS_MOVING_CLOCK_H
#define BATON_TESTS_MOVING_CLOCK_H

#include <sys/stat.h>
#include <time.h>

#include "client/record/record.h"

/* Until a write gives what was made so far another change time. */
static inline void let_the_clock_move(void)
{
	struct stat stat = {0};
	(void)clock_gettime(CLOCK_REALTIME, &stat.st_ctim);
	struct stamp stamp = stamp_of(&stat);
	while (!stamp_is_settled(&stamp))
		;
}

#endif
