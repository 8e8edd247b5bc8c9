/*
 * A persist (PROTOCOL.md §5). 0: it is committed, and the client has been told.
 */
#ifndef BATON_DAEMON_VERB_PERSIST_PERSIST_H
#define BATON_DAEMON_VERB_PERSIST_PERSIST_H

#include "daemon/session/session.h"

int verb_persist(struct session *session, struct error *error);

#endif
