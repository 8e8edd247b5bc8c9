/*
 * What a client that finds a frame damaged says about it (PROTOCOL.md §6). The frame
 * itself is asked: nobody's word marks a sound one, and nobody makes the daemon read more
 * than what it was asked to send. Belongs to the session's thread.
 */
#ifndef BATON_DAEMON_SESSION_FRAME_DOUBT_H
#define BATON_DAEMON_SESSION_FRAME_DOUBT_H

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
