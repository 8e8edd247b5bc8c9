/*
 * Who waits for whom while files are read and sent: one lock, the first failure, and one
 * way to wait. Knows no worker and no batch.
 *
 * With threads, whoever waits sleeps until another has moved something. Where the calling
 * thread is alone, it moves it itself: `help` does the next piece of work, and waiting is
 * calling it.
 */
#ifndef BATON_CLIENT_CONTENT_FLOW_H
#define BATON_CLIENT_CONTENT_FLOW_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "proto/base/error.h"

struct flow {
	int socket_fd; /* borrowed; shut down by a failure, so that nobody waits for a
			* daemon that waits for us */
	int wake_fd;   /* borrowed; readable: interrupted; -1: nothing interrupts */

	pthread_mutex_t lock; /* never held during input, output, hashing, compression */
	/* with lock; each wakes those only who wait for it */
	pthread_cond_t job;      /* workers: there may be one */
	pthread_cond_t room;     /* who sends: the window has room */
	pthread_cond_t question; /* the receiver: something is unanswered */
	pthread_cond_t freed;    /* a batch is free */
	pthread_cond_t done;     /* the caller's thread: all is quiet, or stored */

	/* under lock */
	int code; /* of the first failure; 0 */
	struct error error;
	bool is_closing; /* nothing new comes: workers and receiver end */
	/* Does one piece of work. Called with the lock held, which it lets go of
	 * meanwhile, when there is something to wait for and nothing has failed. NULL:
	 * threads do the work. */
	void (*help)(void *context);
	void *help_context; /* borrowed */
};

void flow_init(struct flow *flow, int socket_fd, int wake_fd);
void flow_fini(struct flow *flow);

void flow_lock(struct flow *flow);
void flow_unlock(struct flow *flow);

/* Whether the calling thread does everything itself. */
bool flow_is_alone(const struct flow *flow);

/* Waits until something may have changed. */
void flow_wait_locked(struct flow *flow, pthread_cond_t *until);
/* Sleeps until `done` is signalled, at most until a moment of CLOCK_MONOTONIC; false:
 * that has come. */
bool flow_wait_done_locked(struct flow *flow, const struct timespec *until);

/* Notes a failure and wakes everyone. The first one counts, but for what the daemon
 * says, which counts more than that the connection was lost. Returns its code. */
int flow_fail(struct flow *flow, const struct error *error);
/* Says that nothing new comes, and wakes everyone. */
void flow_close(struct flow *flow);
/* ERR_INTERRUPTED if wake_fd is readable; else the failure, if there is one. */
int flow_check(struct flow *flow, struct error *error);
/* The same without looking at wake_fd. */
int flow_failure_locked(const struct flow *flow, struct error *error);

#endif
