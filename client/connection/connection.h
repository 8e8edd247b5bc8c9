/*
 * Reaching the daemon: address, connect, greeting.
 */
#ifndef BATON_CLIENT_CONNECTION_CONNECTION_H
#define BATON_CLIENT_CONNECTION_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "client/connection/security.h"
#include "proto/base/error.h"
#include "proto/link/link.h"

struct connection {
	struct link link;            /* without a transport: closed */
	char *server;                /* owned; the URL, for sentences */
	char *peer;                  /* owned; "the daemon at URL", for the link */
	uint32_t ask_window;         /* units */
	struct heartbeat *heartbeat; /* owned; NULL: none was needed so far */
	uint64_t heartbeat_ms;       /* 0: none is wanted */
	bool is_local;               /* a Unix socket: compressing rows does not pay */
};

/* How the daemon is to be reached. */
struct connection_how {
	const char
		*server; /* borrowed; its URL; NULL: the usual places (server_list.h) */
	struct security_files security; /* for tls:// */
	int timeout_ms;                 /* reaching it, silence on the line */
	bool timeout_given;             /* else the daemon may ask for more patience */
	bool is_quiet;                  /* does not say that it tries again */
};

/* What the client wants: a message of that type, as message_encode() takes it. */
struct connection_request {
	uint16_t type;
	const void *message; /* borrowed */
};

/*
 * Connects, greets and asks: the request goes out with the HELLO, so that its answer
 * costs one round trip, not two. NULL: none yet. Without --server the usual places are
 * tried (server_list.h). ERR_UNREACHABLE names what was tried and how to start a daemon
 * or name another; ERR_VERSION both sides' versions. deadline_ms (clock_now_ms()): tries
 * again until then when nobody listens; 0: one try. A connection that is lost while it
 * greets, or a daemon that is busy, is tried again for the timeout at least. On failure
 * *ret_connection is closed.
 */
int connection_open(const struct connection_how *how, uint64_t deadline_ms,
		    const struct connection_request *request,
		    struct connection *ret_connection, struct error *error);
/* From now on there may be nothing to say for longer than the daemon is patient: a thread
 * says KEEPALIVE. The connection stays at its address until it is closed. */
void connection_keep_alive(struct connection *connection);
/* A closed one is fine, and so is one of zeros that never was open. */
void connection_close(struct connection *connection);

/* The deadline of a question that can be asked again by hand: with --timeout, until then;
 * else one try. */
uint64_t connection_patience(const struct connection_how *how);

#endif
