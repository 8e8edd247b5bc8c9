/*
 * Which history and which view a request is about: the part that attach shares with ls,
 * cat and diff.
 */
#ifndef BATON_DAEMON_SESSION_QUESTION_H
#define BATON_DAEMON_SESSION_QUESTION_H

#include <stdbool.h>

#include "daemon/session/left_out.h"
#include "daemon/session/session.h"
#include "daemon/view/view.h"
#include "daemon/workspace/tree.h"

struct session_view {
	struct scope scope;               /* whose layers */
	struct contact contact;           /* execution_id 0: nothing is to be recorded */
	struct catalogue_history history; /* owned */
	struct view view;                 /* owned */
	struct left_out left_out;
	struct tree_options options; /* owned content */
	bool is_kept;  /* what is attached is to be recorded, where there is an execution
			*/
	bool filtered; /* only, exclude, from or layer narrow what is given */
};

/* Answers MSG_ATTACH's question. Rule W8: an empty view is ERR_NOT_FOUND or ERR_EMPTY
 * with the reason, unless the request says if_empty. */
int session_view_make(struct session *session, struct session_view *ret_view,
		      struct error *error);
void session_view_fini(struct session_view *view);

#endif
