/*
 * A client reports that a frame was damaged (PROTOCOL.md §6). The daemon then reads the
 * frame itself: a report alone never marks a sound frame, and no report makes the daemon
 * read what it was not asked to send in this attach. Belongs to the session's thread.
 */
#ifndef BATON_DAEMON_VERB_FRAME_DOUBT_H
#define BATON_DAEMON_VERB_FRAME_DOUBT_H

#include "daemon/store/store.h"
#include "daemon/workspace/frame_plan.h"
#include "proto/link/link.h"

/* Between frames, without waiting: the client's ERROR if it is there, else 0. */
int frame_doubt_hear(struct link *link, struct error *error);

/* An attach has ended with an error: reads the frame that the client named, if it did,
 * and marks it if it is damaged. Returns error's code, which may now be the client's. */
int frame_doubt_end(struct link *link, struct store *store, struct frame_plan *plan,
		    struct error *error);

#endif
