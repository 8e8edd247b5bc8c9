/*
 * Running a request: from the message that began it to its last word and its line in the
 * log.
 */
#ifndef BATON_DAEMON_VERB_RUN_H
#define BATON_DAEMON_VERB_RUN_H

#include <stdbool.h>

#include "daemon/session/services.h"
#include "daemon/task/request.h"
#include "daemon/task/voice.h"
#include "proto/transport/transport.h"

/* The connection that a request came on. All is borrowed. */
struct session_call {
	struct request *request;
	struct voice *voice;               /* borrowed; begins silent */
	struct transport transport;        /* greeted */
	const char *label;                 /* of the other side, for the log */
	const struct principal *principal; /* who asks */
	bool local;                        /* a Unix socket */
	enum tier tier;                    /* of who asks */
	int silence_ms;                    /* as in struct link */
	struct link_meter *meter;          /* how fast it goes */
	const _Atomic bool *too_slow;      /* it was interrupted because others wait */
	_Atomic bool *holds_memory; /* set while it holds some that others may want */
};

/* Runs the request to its end, sends an ERROR if it fails, writes one line to the log.
 * Every wait ends when wake_fd becomes readable. Returns whether the connection may carry
 * another request. */
bool verb_run(const struct services *services, const struct session_call *call,
	      int wake_fd);

#endif
