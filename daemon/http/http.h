/*
 * The HTTP front end (artifacts.md K9): libmicrohttpd on threads of its own, which gets
 * sockets that the loop accepted, and answers from the same services as sessions do. It
 * speaks HTTP/1.1 and nothing of Baton's protocol.
 *
 * Threads: as many as there are cores, up to HTTP_THREADS_MAX, from the first connection
 * on; each serves its connections in turn, so that a client that reads slowly costs
 * memory and no thread. A request is answered on the thread of its connection, piece by
 * piece as the client takes it.
 *
 * Memory: per connection HTTP_CONNECTION_LEN; for all large files and archives that are
 * on their way together HTTP_SENDING_LEN, beyond which one is told to come again.
 */
#ifndef BATON_DAEMON_HTTP_HTTP_H
#define BATON_DAEMON_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "daemon/access/access.h"
#include "daemon/access/token/certificate.h"
#include "daemon/session/services.h"
#include "proto/base/error.h"

#define HTTP_THREADS_MAX 4u
/* Of each connection, for heads in both directions and what is on its way. */
#define HTTP_CONNECTION_LEN (48u * 1024u)

#define HTTP_SENDING_LEN (256ull * 1024 * 1024)

struct http;

struct http_options {
	uint64_t connections;         /* that may be open at once, of each way in */
	uint64_t address_connections; /* of one address, over TLS */
	uint64_t hello_ms; /* one that has not shown who it is may be idle for so long */
	uint64_t idle_ms;  /* one that has */
	/* Borrowed; for PROOF_TLS. Another one in its place counts for new connections. */
	const struct certificate *certificate;
};

/* services: borrowed until http_free. */
struct http *http_new(const struct services *services,
		      const struct http_options *options);
/* Ends all connections. NULL is fine. */
void http_free(struct http *http);

/* Takes a connected socket over, also where it fails; nothing was read from it. way: how
 * it came. The loop's thread. False: there is no place for it, or no thread. */
bool http_take(struct http *http, int fd, enum proof_way way,
	       const struct sockaddr_storage *from, socklen_t from_len);

/* Called a few times a second by the loop: ends what serves an older certificate, once its
 * connections have ended. */
void http_tick(struct http *http);

/* How many requests are being answered. Any thread. */
uint64_t http_running(const struct http *http);

#endif
