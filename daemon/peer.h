/*
 * A connection, and who owns it.
 *
 *   GREETING  the loop reads a HELLO: at most 4 KiB and 10 seconds (batond --hello)
 *   IDLE      the loop reads a request
 *   GIVEN     a request waits for a worker, or a worker owns the socket; while the worker
 *             has nothing to say the loop says KEEPALIVE in its place
 *   LEAVING   it was sent away; the loop drops what it still sends, for up to 2 seconds:
 *             closing at once would reset a TCP connection and lose the ERROR
 *   CLOSING   the loop is closing its handle
 *
 * All functions belong to the loop's thread, but for peer_set_silent().
 */
#ifndef BATON_DAEMON_PEER_H
#define BATON_DAEMON_PEER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/request.h"
#include "proto/bounds.h"

enum peer_state {
	PEER_GREETING,
	PEER_IDLE,
	PEER_GIVEN,
	PEER_LEAVING,
	PEER_CLOSING,
};

#define PEER_LABEL_SIZE 80u

struct peer {
	struct server *server;        /* borrowed */
	struct peer *previous, *next; /* in the server's list */
	struct peer *queue_next;      /* in the workers' lists */
	int fd;                       /* owned */
	uv_poll_t poll;
	enum peer_state state;
	uint64_t deadline_ms; /* loop time at which patience ends; GIVEN: of waiting for a
				 worker */
	uint64_t said_ms;     /* loop time of the last KEEPALIVE */
	uint8_t header[WIRE_HEADER_LEN];
	size_t header_len;
	uint8_t *payload; /* owned; of payload_room bytes */
	uint32_t payload_len, payload_room;
	struct request *request; /* owned; GIVEN */
	bool keep; /* set by the worker: the connection may carry another request */
	pthread_mutex_t voice; /* guards silent, and sending while silent */
	bool silent; /* the worker says nothing for a while: the loop keeps it alive */
	bool local;  /* a Unix socket: compressing for it does not pay */
	char label[PEER_LABEL_SIZE]; /* "unix uid 0", "tcp 127.0.0.1:4711" */
};

/* Takes ownership of fd and begins to read. */
void peer_open(struct server *server, int fd);
/* A worker has ended its request: closes, or reads the next one. */
void peer_return(struct peer *peer);
/* Sends an ERROR if there is room for it, logs that, and closes when the peer has, or
 * soon. */
void peer_refuse(struct peer *peer, const struct error *error);
void peer_close(struct peer *peer);
/* Deadlines and KEEPALIVEs; called a few times a second. */
void peer_tick(struct peer *peer, uint64_t now_ms);

/* From the worker: while silent, the loop sends KEEPALIVEs in its place. */
void peer_set_silent(struct peer *peer, bool silent);

#endif
