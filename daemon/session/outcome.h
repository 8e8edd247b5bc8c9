/*
 * What COMMITTED says about the effect of a layer on its workspace.
 */
#ifndef BATON_DAEMON_SESSION_OUTCOME_H
#define BATON_DAEMON_SESSION_OUTCOME_H

#include "daemon/session/session.h"

/*
 * Looks at the workspace as it is now, in which the layer with database id layer_id is
 * new. Fills message->replaces and ->warnings (in the session's arena). A failure here
 * does not undo the commit: the caller only logs it.
 */
int session_outcome(struct session *session, const struct contact *contact,
		    int64_t layer_id, struct msg_committed *message, struct error *error);

#endif
