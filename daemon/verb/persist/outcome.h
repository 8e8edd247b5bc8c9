/*
 * What COMMITTED says about the effect of a layer on its workspace.
 */
#ifndef BATON_DAEMON_VERB_PERSIST_OUTCOME_H
#define BATON_DAEMON_VERB_PERSIST_OUTCOME_H

#include "daemon/session/session.h"

/* A layer that was committed. */
struct persisted {
	const struct contact *contact;          /* borrowed */
	const struct catalogue_history *before; /* borrowed; when it was begun */
	int64_t layer_id;                       /* its database id */
};

/*
 * Looks at the workspace as it is now, in which the layer is new. Fills message->replaces
 * and ->warnings (in the session's arena). A failure here does not undo the commit: the
 * caller only logs it.
 */
int session_outcome(struct session *session, const struct persisted *persisted,
		    struct msg_committed *message, struct error *error);

#endif
