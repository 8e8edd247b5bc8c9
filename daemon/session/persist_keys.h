/*
 * The persists that are running, by key (rule W2): a newer session with the key of an
 * execution ends an older one, and waits until that has gone, so that only one of them
 * can commit. Any thread.
 */
#ifndef BATON_DAEMON_SESSION_PERSIST_KEYS_H
#define BATON_DAEMON_SESSION_PERSIST_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"

struct persist_keys;

/* A running persist; embedded in its session. */
struct persist_claim {
	struct persist_claim *next; /* set by the registry */
	int64_t execution_id;
	uint8_t key[KEY_LEN];
	uint64_t arrival; /* of two, the one with the larger number is the newer */
	int wake_fd;      /* borrowed; written to end the session's waits */
	bool superseded;  /* set by the registry; read it with
			     persist_claim_is_superseded() */
};

struct persist_keys *persist_keys_new(void);
void persist_keys_free(struct persist_keys *keys); /* no claim may be registered */

/*
 * Registers; an older claim of the same key is woken first and waited for. The caller
 * fills execution_id, key, arrival and wake_fd. Workers may come here in another order
 * than their requests came in. False when a newer session is here already or comes while
 * this one waits: then it is not registered.
 */
bool persist_claim_enter(struct persist_keys *keys, struct persist_claim *claim);
void persist_claim_leave(struct persist_keys *keys, struct persist_claim *claim);
bool persist_claim_is_superseded(struct persist_keys *keys, struct persist_claim *claim);

#endif
