/*
 * A connection, and who owns it.
 *
 *   SHAKING   a TLS handshake is under way, on libuv's pool while there is input: at most
 *             HANDSHAKE_LEN_MAX bytes, within the 10 seconds of the next states
 *   GREETING  the loop reads a HELLO: at most HELLO_LEN_MAX bytes, within 10 seconds
 *             (batond --hello)
 *   PROVING   its token is being verified, within the same 10 seconds
 *   IDLE      the loop reads a request
 *   GIVEN     a request waits for a worker, or a worker owns the socket; while the worker
 *             is silent the loop sends KEEPALIVE in its place
 *   LEAVING   it was refused; the loop reads and drops what it still sends, for up to 2
 *             seconds: closing at once would reset a TCP connection and lose the ERROR
 *   CLOSING   the loop is closing its handle
 *
 * All functions belong to the loop's thread. What a request does is not known here:
 * struct peers has the function that runs it.
 */
#ifndef BATON_DAEMON_LOOP_PEER_H
#define BATON_DAEMON_LOOP_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/loop/admission.h"
#include "daemon/loop/peer_label.h"
#include "daemon/loop/proving.h"
#include "daemon/loop/refusals.h"
#include "daemon/loop/shaking.h"
#include "daemon/service/config.h"
#include "daemon/service/log.h"
#include "daemon/task/budget.h"
#include "daemon/task/request.h"
#include "daemon/task/voice.h"
#include "daemon/task/workers.h"
#include "proto/bounds.h"
#include "proto/link/meter.h"
#include "proto/transport/transport.h"

enum peer_state {
	PEER_SHAKING,
	PEER_GREETING,
	PEER_PROVING,
	PEER_IDLE,
	PEER_GIVEN,
	PEER_LEAVING,
	PEER_CLOSING,
};

/* All connections, and what they share. */
struct peers {
	uv_loop_t *loop;             /* borrowed */
	const struct config *config; /* borrowed */
	const struct log *log;       /* borrowed */
	struct workers *workers;     /* borrowed */
	struct access *access;       /* borrowed */
	struct budget *views;        /* borrowed */
	struct admission admission;  /* of those that come over TLS */
	struct refusals refusals;    /* of those that have not shown who they are */
	struct number_list data;     /* borrowed; of WELCOME, for who may see it */
	/* Runs peer->request on a worker's thread, and sets peer->keep. */
	void (*run)(struct task *task, int wake_fd);
	/* Takes over a socket that speaks HTTP, from which nothing was read; false where
	 * it cannot, and has closed it. NULL: HTTP is not served. */
	bool (*take_http)(void *context, int fd, enum proof_way way,
			  const struct sockaddr_storage *from, socklen_t from_len);
	/* Called when the last connection has been closed. */
	void (*on_none)(void *context);
	void *context;
	struct peer *first;
	_Atomic uint64_t count;
	uint64_t count_max; /* open at once */
	uint64_t arrivals;  /* requests given to the workers so far */
	bool stopping;      /* no connection may carry another request */
};

/* What pressure.h knows of the speed of a request. */
struct pace {
	struct link_pace mark;     /* when the present span began */
	bool slow;                 /* the span before was */
	_Atomic bool too_slow;     /* the request is to end for it */
	_Atomic bool holds_memory; /* the request does, of peers->views */
};

struct peer {
	struct peers *peers;          /* borrowed */
	struct peer *previous, *next; /* of all peers */
	struct task task;             /* its request's */
	struct transport transport;   /* owned */
	uv_poll_t poll;
	enum peer_state state;
	uint64_t deadline_ms; /* loop time until which the peer may be silent; GIVEN:
				 until which the request may wait for a worker */
	uint64_t said_ms;     /* loop time of the last KEEPALIVE */
	uint8_t header[WIRE_HEADER_LEN];
	size_t header_len;
	struct shaking *shaking; /* owned; SHAKING */
	struct admitted admitted;
	struct proving *proving;     /* runs on libuv's pool; NULL: none */
	struct principal *principal; /* owned; from IDLE on */
	uint8_t *payload;            /* owned; of payload_room bytes */
	uint32_t payload_len, payload_room;
	struct request *request; /* owned; GIVEN */
	bool keep; /* set by the worker: the connection may carry another request */
	struct voice voice;
	struct link_meter meter; /* of its request */
	struct pace pace;
	enum proof_way way;
	bool left; /* its handle is closed, and what runs for it on the pool has not ended
		    */
	char label[PEER_LABEL_SIZE]; /* "unix uid 0", "tcp 127.0.0.1:4711" */
};

static inline struct peer *peer_of(struct task *task)
{
	return (struct peer *)((char *)task - offsetof(struct peer, task));
}

/* Takes ownership of the transport and of what was admitted (zeros: nothing), and begins
 * to read. */
void peer_open(struct peers *peers, struct transport transport, struct admitted admitted);
/* A worker has ended its request: closes, or reads the next one. */
void peer_return(struct peer *peer);
/* Begins to stop: requests that wait for a worker are refused, those that run may
 * finish. */
void peers_stop(struct peers *peers);
/* Deadlines and KEEPALIVEs; called a few times a second. */
void peers_tick(struct peers *peers);

#endif
