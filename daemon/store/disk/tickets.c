#include "daemon/store/disk/tickets.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

struct tickets {
	pthread_mutex_t mutex;
	pthread_cond_t returned; /* by CLOCK_MONOTONIC */
	uint64_t next;
	uint64_t *out; /* owned; in no order */
	size_t count, room;
};

struct tickets *tickets_new(void)
{
	struct tickets *tickets = must_calloc(1, sizeof(*tickets));
	pthread_condattr_t attributes;
	claim(pthread_condattr_init(&attributes) == 0);
	claim(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	claim(pthread_mutex_init(&tickets->mutex, NULL) == 0);
	claim(pthread_cond_init(&tickets->returned, &attributes) == 0);
	(void)pthread_condattr_destroy(&attributes);
	return tickets;
}

void tickets_free(struct tickets *tickets)
{
	if (!tickets)
		return;
	claim(tickets->count == 0);
	free(tickets->out);
	(void)pthread_cond_destroy(&tickets->returned);
	(void)pthread_mutex_destroy(&tickets->mutex);
	free(tickets);
}

uint64_t tickets_take(struct tickets *tickets)
{
	HOLD(&tickets->mutex);
	array_make_room(tickets->out, tickets->count, tickets->room);
	tickets->out[tickets->count++] = tickets->next;
	return tickets->next++;
}

void tickets_return(struct tickets *tickets, uint64_t ticket)
{
	HOLD(&tickets->mutex);
	size_t at = 0;
	while (at < tickets->count && tickets->out[at] != ticket)
		at++;
	claim(at < tickets->count);
	tickets->out[at] = tickets->out[--tickets->count];
	(void)pthread_cond_broadcast(&tickets->returned);
}

static bool has_older(const struct tickets *tickets, uint64_t than)
{
	for (size_t i = 0; i < tickets->count; i++)
		if (tickets->out[i] < than)
			return true;
	return false;
}

bool tickets_wait(struct tickets *tickets, const atomic_bool *stop)
{
	HOLD(&tickets->mutex);
	uint64_t now = tickets->next;
	while (has_older(tickets, now) && !atomic_load(stop))
		(void)pthread_cond_wait(&tickets->returned, &tickets->mutex);
	return !has_older(tickets, now);
}

void tickets_wait_idle(struct tickets *tickets, unsigned ms, const atomic_bool *stop)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	HOLD(&tickets->mutex);
	int late = 0;
	while (tickets->count > 0 && !late && !atomic_load(stop))
		late = pthread_cond_timedwait(&tickets->returned, &tickets->mutex,
					      &until);
}

void tickets_wake(struct tickets *tickets)
{
	HOLD(&tickets->mutex);
	(void)pthread_cond_broadcast(&tickets->returned);
}
