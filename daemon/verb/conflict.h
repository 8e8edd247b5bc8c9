/*
 * What an attach says that ends because its layers disagree: a sentence about
 * the first path, and all of them as data. Belongs to the session's thread.
 */
#ifndef BATON_DAEMON_VERB_CONFLICT_H
#define BATON_DAEMON_VERB_CONFLICT_H

#include "daemon/merge/merge.h"
#include "daemon/session/view.h"

/* ERR_CONFLICT; the session's details borrow from its arena. `merge` has a conflict. */
int conflict_refuse(struct session *session, const struct session_view *view,
		    const struct merge *merge, struct error *error);

#endif
