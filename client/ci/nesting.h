/*
 * CI systems inside each other: a job of one that runs the other's runner, which starts
 * this step with the variables of both. Which one is inside is read off the processes
 * around this one: an outer system's variables are there already where the inner one's
 * are not yet. Main thread.
 */
#ifndef BATON_CLIENT_CI_NESTING_H
#define BATON_CLIENT_CI_NESTING_H

#include "client/ci/ci.h"

/* Which of the count systems (at least 1), all marked, came last. *ret_certain: whether
 * the processes tell; otherwise it is the first of those that may be it. */
const struct ci_system *ci_nesting_innermost(const struct ci_system *const *found,
					     size_t count, bool *ret_certain);

#endif
