#include "client/connection/heartbeat.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/machine/thread.h"

struct heartbeat {
	struct link *link; /* borrowed */
	uint64_t interval_ms;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards stopping */
	pthread_cond_t stop;
	bool stopping;
};

/* Waits for the interval; false: it is to stop. */
static bool rest_locked(struct heartbeat *heartbeat)
{
	struct timespec until = clock_moment_in(heartbeat->interval_ms);
	int late = 0;
	while (!heartbeat->stopping && late == 0)
		late = pthread_cond_timedwait(&heartbeat->stop, &heartbeat->mutex,
					      &until);
	return !heartbeat->stopping;
}

static void *beat(void *context)
{
	struct heartbeat *heartbeat = context;
	pthread_mutex_lock(&heartbeat->mutex);
	while (rest_locked(heartbeat))
		link_keepalive(heartbeat->link);
	pthread_mutex_unlock(&heartbeat->mutex);
	return NULL;
}

static void init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void heartbeat_fini(struct heartbeat *heartbeat)
{
	pthread_cond_destroy(&heartbeat->stop);
	pthread_mutex_destroy(&heartbeat->mutex);
	free(heartbeat);
}

struct heartbeat *heartbeat_new(struct link *link, uint64_t interval_ms)
{
	struct heartbeat *heartbeat = must_calloc(1, sizeof(*heartbeat));
	heartbeat->link = link;
	heartbeat->interval_ms = interval_ms;
	pthread_mutex_init(&heartbeat->mutex, NULL);
	init_condition(&heartbeat->stop);
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
	bool started = thread_start(&heartbeat->thread, 0, beat, heartbeat);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		return heartbeat;
	heartbeat_fini(heartbeat);
	return NULL;
}

void heartbeat_free(struct heartbeat *heartbeat)
{
	if (!heartbeat)
		return;
	pthread_mutex_lock(&heartbeat->mutex);
	heartbeat->stopping = true;
	pthread_cond_signal(&heartbeat->stop);
	pthread_mutex_unlock(&heartbeat->mutex);
	pthread_join(heartbeat->thread, NULL);
	heartbeat_fini(heartbeat);
}
