/*
 * The base of a persist: the layer that the client named as nearly equal to what it
 * persists.
 */
#ifndef BATON_DAEMON_VERB_PERSIST_BASE_H
#define BATON_DAEMON_VERB_PERSIST_BASE_H

#include "daemon/session/session.h"
#include "daemon/store/transaction/transaction.h"

/* Finds it in the history or elsewhere in the namespace, tells the transaction, and gives
 * its root. A base that cannot be read only costs time: then the root is empty. */
void persist_base_find(const struct session *session,
		       const struct catalogue_history *history,
		       struct transaction *transaction, struct buffer *ret_root);

#endif
