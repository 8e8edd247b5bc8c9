/*
 * The signals that a service hears, as calls on the loop: SIGTERM, SIGINT, SIGHUP,
 * SIGUSR1. Belongs to the loop's thread.
 */
#ifndef BATON_DAEMON_LOOP_SIGNALS_H
#define BATON_DAEMON_LOOP_SIGNALS_H

#include <stddef.h>
#include <uv.h>

#define SIGNALS_COUNT 4u

struct signals {
	uv_signal_t handles[SIGNALS_COUNT];
	size_t count;
	void (*call)(void *context, int number);
	void *context; /* borrowed; what the call is given */
};

/* 0 or one of libuv's numbers, which are errno's but negative: then the loop may have
 * some of the handles, to be closed by the caller. */
int signals_open(struct signals *signals, uv_loop_t *loop,
		 void (*call)(void *context, int number), void *context);
void signals_close(struct signals *signals);

#endif
