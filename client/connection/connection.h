/*
 * Reaching the daemon: address, connect, greeting.
 */
#ifndef BATON_CLIENT_CONNECTION_CONNECTION_H
#define BATON_CLIENT_CONNECTION_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "client/connection/security.h"
#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/link/link.h"
#include "proto/options/string_list.h"

struct connection {
	struct link link;            /* without a transport: closed */
	char *server;                /* owned; the URL, for sentences */
	char *peer;                  /* owned; "the daemon at URL", for the link */
	uint32_t ask_window;         /* units */
	struct heartbeat *heartbeat; /* owned; NULL: none was needed so far */
	uint64_t heartbeat_ms;       /* 0: none is wanted */
	bool is_local;               /* a Unix socket: compressing rows does not pay */
	/* Who the daemon takes us for, in its words. */
	char *principal, *tier; /* owned; NULL: it does not say */
	struct string_list grants;
	/* Of WELCOME: device and inode of the daemon's data directory and of those above
	 * it. */
	uint64_t data_place[WELCOME_DATA_MAX];
	size_t data_place_count;
};

/* How the daemon is to be reached. */
struct connection_how {
	const char
		*server; /* borrowed; its URL; NULL: the usual places (server_list.h) */
	struct security_files security; /* for tls:// */
	const char *token_file;         /* borrowed; NULL: none (credentials.h) */
	int timeout_ms;                 /* for reaching it, and for silence on the line */
	bool timeout_given;             /* else the daemon may ask for a longer one */
	bool is_quiet;                  /* does not say that it tries again */
};

/* The client's request: a message of that type, as message_encode() takes it. */
struct connection_request {
	uint16_t type;
	const void *message; /* borrowed */
};

/*
 * Connects, greets and sends the request, which goes out with the HELLO, so that its
 * answer costs one round trip and not two. request NULL: only greets. Without a server,
 * the usual places are tried (server_list.h).
 *
 * If nobody listens, it is tried again until deadline_ms (clock_now_ms(); 0: one try),
 * which is said after a second. If the connection is lost during the greeting, or the
 * daemon is busy, it is tried again for how->timeout_ms at least. ERR_UNREACHABLE names
 * what was tried, for how long if that was long, and how to start a daemon or name
 * another; ERR_VERSION names the versions of both sides. On failure *ret_connection is
 * closed.
 *
 * A token (credentials.h), where there is one, goes along over TLS and over TCP to this
 * machine; on a Unix socket the user id stands for it. To another machine in clear it is
 * never sent: ERR_USAGE.
 */
int connection_open(const struct connection_how *how, uint64_t deadline_ms,
		    const struct connection_request *request,
		    struct connection *ret_connection, struct error *error);
/* Starts a thread that sends KEEPALIVE, for work that leaves the connection silent for
 * longer than the daemon waits. From here on the connection must not move in memory. */
void connection_keep_alive(struct connection *connection);
/* A closed connection is fine, and so is one that is all zero. */
void connection_close(struct connection *connection);

/* Until when a daemon is tried that is not there, for connection_open(). If the timeout
 * was given, or a daemon is to be expected (server_list_expects()), the timeout from
 * now; else 0, which is one try. */
uint64_t connection_patience(const struct connection_how *how);
/* The same for a command that only asks whether there is a daemon: 0 unless the timeout
 * was given. */
uint64_t connection_patience_given(const struct connection_how *how);

#endif
