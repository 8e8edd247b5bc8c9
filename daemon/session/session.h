/*
 * A session: one request on a worker thread, in straight-line code (PROTOCOL.md §5, §6).
 * The program counter is the state; back-pressure is the kernel's. daemon/verb begins and
 * ends it; what follows here is what the verbs share.
 */
#ifndef BATON_DAEMON_SESSION_SESSION_H
#define BATON_DAEMON_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/session/services.h"
#include "daemon/store/catalogue/catalogue.h"
#include "daemon/task/request.h"
#include "daemon/task/voice.h"
#include "proto/base/arena.h"
#include "proto/link/link.h"

struct session {
	const struct services *services;   /* borrowed */
	struct request *request;           /* borrowed */
	struct voice *voice;               /* borrowed */
	const struct principal *principal; /* borrowed; who asks */
	struct link link;
	_Atomic bool *holds_memory; /* borrowed; of services->views, for the loop */
	int wake_fd;                /* borrowed; readable: the session must end */
	bool local;                 /* a Unix socket: compressing for it does not pay */
	enum tier tier;             /* of who asks (rule A10) */
	/* What an ERROR carries besides its sentence: conflicts, borrowed until the
	 * session ends. */
	struct msg_error details;
	struct arena *arena; /* borrowed: texts of messages, for the session's length */
	/* For the log. */
	char layer[LAYER_ID_TEXT_SIZE];
	uint64_t files, bytes, new_bytes;
};

/* Around work during which the session sends nothing: a merge, a long sync, a wait for
 * another session. The loop sends KEEPALIVE meanwhile, so the session must not send; what
 * is queued is sent first. A session starts silent: each verb ends that when it has its
 * first answer. */
int session_begin_silence(struct session *session, struct error *error);
void session_end_silence(struct session *session);

#endif
