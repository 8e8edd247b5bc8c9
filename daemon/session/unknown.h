/*
 * Names in a request that the daemon never heard of in the workflow: mostly mistyped.
 */
#ifndef BATON_DAEMON_SESSION_UNKNOWN_H
#define BATON_DAEMON_SESSION_UNKNOWN_H

#include "daemon/session/question.h"

/* Those of `names`, which is the request's `from` or `prefer`, in the session's arena. */
struct text_list unknown_in_names(struct session *session,
				  const struct session_view *view,
				  const struct text_list *names);
/* The same of its needs. */
struct text_list unknown_in_needs(struct session *session,
				  const struct session_view *view);

#endif
