/*
 * A connection with a view on it: how attach, ls, cat and diff begin, and what they all
 * have to say about the layers.
 */
#ifndef BATON_CLIENT_VIEW_SESSION_H
#define BATON_CLIENT_VIEW_SESSION_H

#include "client/connection/connection.h"
#include "client/terminal/report.h"
#include "client/view/rows.h"
#include "proto/base/error.h"

struct view_session {
	struct connection connection; /* owned */
	struct view_rows view;        /* owned */
	struct report *report;        /* borrowed */
};

/* Connects (until deadline_ms, connection_open()), asks, receives the layers.
 * view_session_close() also after a failure. */
int view_session_open(struct view_session *session, const struct connection_how *how,
		      const struct msg_attach *request, uint64_t deadline_ms,
		      struct error *error);

/* As view_rows_next(). It also tells the report of conflicts: their paths, and of which
 * jobs the layers are. */
int view_session_next(struct view_session *session, struct view_row *ret_row,
		      struct error *error);

/* The two halves of view_session_open(): connecting, and asking. */
int view_session_connect(struct view_session *session, const struct connection_how *how,
			 uint64_t deadline_ms, struct error *error);
int view_session_ask(struct view_session *session, const struct msg_attach *request,
		     struct error *error);

void view_session_close(struct view_session *session);

/* The daemon's warnings, needs it never heard of, layers left out as stale (W5, W9). */
void view_session_warn(struct view_session *session);

/* The members `layers`, `stale`, `unknown_needs`. */
void view_session_json(const struct view_session *session, struct json_writer *writer);

/* For --if-empty=warn: whether the view has nothing, because there is no layer or the
 * filters left nothing. Of layers that are empty themselves the daemon warns. */
bool view_session_gave_nothing(const struct view_session *session);

#endif
