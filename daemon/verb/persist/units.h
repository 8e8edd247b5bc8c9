/*
 * The units of a persist: which of them the store has (ASK, OFFER), and taking those that
 * it has not (UNITS, STORED), by way of the crew. Belongs to the session's thread.
 */
#ifndef BATON_DAEMON_VERB_PERSIST_UNITS_H
#define BATON_DAEMON_VERB_PERSIST_UNITS_H

#include "daemon/verb/persist/state.h"
#include "proto/link/link.h"

/* Room for a message's payload, BULK_LEN_MAX bytes. NULL: ERR_NO_MEMORY. */
uint8_t *persist_units_buffer(struct persisting *persist, struct error *error);
/* Takes ownership of payload. NULL is fine: it was handed on. */
void persist_units_give_back(struct persisting *persist, uint8_t *payload);

int persist_units_ask(struct persisting *persist, const struct link_message *message,
		      struct error *error);
/* Takes over the message's payload; answers now or later. */
int persist_units_take(struct persisting *persist, struct link_message *message,
		       struct error *error);
/* While nothing arrives: collects finished crew jobs, and checks pieces ahead of the
 * commit, which would have to check them. */
int persist_units_collect(struct persisting *persist, struct error *error);
/* Stores and answers all that was taken. */
int persist_units_finish(struct persisting *persist, struct error *error);

/* Waits for what is on the crew, and drops it. */
void persist_units_fini(struct persisting *persist);

#endif
