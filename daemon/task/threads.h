/*
 * Whether threads can be had at all: the daemon cannot do without. Before there are any.
 */
#ifndef BATON_DAEMON_TASK_THREADS_H
#define BATON_DAEMON_TASK_THREADS_H

#include <uv.h>

#include "proto/base/error.h"

/* ERR_DENIED, with a sentence that names the sandbox, where a new thread is forbidden;
 * ERR_NO_MEMORY where there is none to be had now. */
int threads_check(struct error *error);

/* Has libuv start its threads for work now: it ends the process where one of them cannot
 * be started, which is not to happen later, because of somebody's first token. 0 or one
 * of libuv's numbers. */
int threads_begin_pool(uv_loop_t *loop);

#endif
