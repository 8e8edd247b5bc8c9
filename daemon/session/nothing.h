/*
 * Why a view gives nothing (rule W8).
 */
#ifndef BATON_DAEMON_SESSION_NOTHING_H
#define BATON_DAEMON_SESSION_NOTHING_H

#include "daemon/session/question.h"

/* For a view without layers: ERR_NOT_FOUND with a sentence that names all possible
 * reasons. */
int nothing_error(struct session *session, const struct session_view *view,
		  struct error *error);

#endif
