#include "daemon/session/persist_keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

struct persist_keys {
	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t gone;
	struct persist_claim *running, *waiting;
};

struct persist_keys *persist_keys_new(void)
{
	struct persist_keys *keys = must_calloc(1, sizeof(*keys));
	pthread_mutex_init(&keys->mutex, NULL);
	pthread_cond_init(&keys->gone, NULL);
	return keys;
}

void persist_keys_free(struct persist_keys *keys)
{
	if (!keys)
		return;
	claim(!keys->running && !keys->waiting);
	pthread_cond_destroy(&keys->gone);
	pthread_mutex_destroy(&keys->mutex);
	free(keys);
}

static struct persist_claim **find(struct persist_claim **list,
				   const struct persist_claim *like)
{
	while (*list && ((*list)->execution_id != like->execution_id ||
			 memcmp((*list)->key, like->key, KEY_LEN) != 0))
		list = &(*list)->next;
	return list;
}

static void take_out(struct persist_claim **list, struct persist_claim *claim)
{
	while (*list != claim)
		list = &(*list)->next;
	*list = claim->next;
}

static void supersede_locked(struct persist_claim *claim)
{
	claim->superseded = true;
	(void)eventfd_write(claim->wake_fd, 1);
}

static bool is_newer(const struct persist_claim *rival, const struct persist_claim *claim)
{
	return rival && rival->arrival > claim->arrival;
}

static bool is_too_late_locked(struct persist_keys *keys,
			       const struct persist_claim *claim)
{
	return is_newer(*find(&keys->running, claim), claim) ||
	       is_newer(*find(&keys->waiting, claim), claim);
}

/* Puts the claim among those that run, once it is the only one of its key. */
static void enter_locked(struct persist_keys *keys, struct persist_claim *claim)
{
	struct persist_claim *rival = *find(&keys->waiting, claim);
	if (rival)
		supersede_locked(rival);
	claim->next = keys->waiting;
	keys->waiting = claim;
	pthread_cond_broadcast(&keys->gone);
	for (; !claim->superseded && (rival = *find(&keys->running, claim));) {
		supersede_locked(rival);
		pthread_cond_wait(&keys->gone, &keys->mutex);
	}
	take_out(&keys->waiting, claim);
	if (!claim->superseded) {
		claim->next = keys->running;
		keys->running = claim;
	}
}

bool persist_claim_enter(struct persist_keys *keys, struct persist_claim *claim)
{
	pthread_mutex_lock(&keys->mutex);
	claim->superseded = is_too_late_locked(keys, claim);
	if (!claim->superseded)
		enter_locked(keys, claim);
	bool entered = !claim->superseded;
	pthread_mutex_unlock(&keys->mutex);
	return entered;
}

void persist_claim_leave(struct persist_keys *keys, struct persist_claim *claim)
{
	pthread_mutex_lock(&keys->mutex);
	take_out(&keys->running, claim);
	pthread_cond_broadcast(&keys->gone);
	pthread_mutex_unlock(&keys->mutex);
}

bool persist_claim_is_superseded(struct persist_keys *keys, struct persist_claim *claim)
{
	pthread_mutex_lock(&keys->mutex);
	bool superseded = claim->superseded;
	pthread_mutex_unlock(&keys->mutex);
	return superseded;
}
