/*
 * Sending a view.
 */
#ifndef BATON_DAEMON_SESSION_VIEW_H
#define BATON_DAEMON_SESSION_VIEW_H

#include "daemon/session/question.h"

/* Sends VIEW, in as many parts as it takes. tag: of the rows; NULL: there are none. held:
 * the client has the rows already, and gets them only if it asks for them. */
int session_view_send(struct session *session, const struct session_view *view,
		      const struct digest *tag, bool held, struct error *error);

#endif
