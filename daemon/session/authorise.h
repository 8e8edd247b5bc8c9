/*
 * Whether a request may be made (rules A7, A8): from what it says and what its principal
 * was granted alone, before anything is looked up.
 */
#ifndef BATON_DAEMON_SESSION_AUTHORISE_H
#define BATON_DAEMON_SESSION_AUTHORISE_H

#include <stdbool.h>

#include "daemon/session/session.h"

/* ERR_DENIED with the sentence that names principal, verb and grant. */
int session_authorise(const struct session *session, struct error *error);

/* Whether it may read what its own workflow has, and what any workflow of its namespace
 * has. */
bool session_reads_workflow(const struct session *session);
bool session_reads_namespace(const struct session *session);

/* The request's identity as the catalogue takes it, with the rule of what a retry
 * inherits, and with what its principal may change there: who may not write as this job
 * only looks, and who may not read a workflow does not choose it as a parent. Borrows the
 * texts. */
struct contact_request session_contact(const struct session *session,
				       const struct scope *scope, enum contact_kind kind);

#endif
