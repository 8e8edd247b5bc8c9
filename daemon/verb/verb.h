/*
 * The verbs that are one file. A return of 0 means that the client has all it asked for.
 */
#ifndef BATON_DAEMON_VERB_VERB_H
#define BATON_DAEMON_VERB_VERB_H

#include "daemon/session/session.h"

int verb_attach(struct session *session, struct error *error);
int verb_log(struct session *session, struct error *error);
int verb_metrics(struct session *session, struct error *error);
int verb_backup(struct session *session, struct error *error);
int verb_status(struct session *session, struct error *error);

#endif
