/*
 * A link: messages over a transport (PROTOCOL.md §1), with deadlines and a descriptor
 * that wakes and stops it.
 *
 * Waiting happens in poll() on the socket and a wake-up descriptor; the transport itself
 * never waits. One thread may send while another receives; two senders or two receivers
 * at a time are a bug. link_queue() and link_receive() belong to the same thread, and a
 * link whose queue is used has no second one.
 *
 * A message that stopped half-way (ERR_TIMEOUT, ERR_INTERRUPTED, …) leaves that direction
 * torn: whatever is tried there afterwards is ERR_LOST. Stopped between messages, the
 * link stays usable: to tell the peer why, set wake_fd to -1, silence_ms to what is left,
 * and send the ERROR.
 *
 * The program ignores SIGPIPE, because sendfile() cannot be told not to raise it.
 */
#ifndef BATON_PROTO_LINK_LINK_H
#define BATON_PROTO_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/link/meter.h"
#include "proto/message/message.h"
#include "proto/transport/transport.h"

struct link {
	struct transport transport; /* owned */
	int wake_fd;                /* borrowed; readable means: stop waiting. -1: none */
	int silence_ms; /* ERR_TIMEOUT after so long without a byte moving; -1: never */
	uint32_t control_max; /* bytes; HELLO_LEN_MAX until greeted */
	uint32_t bulk_max;    /* bytes; 0 until greeted: no bulk message at all */
	const char *peer;     /* borrowed; "the daemon at unix:/…", for sentences */
	struct buffer
		queue; /* owned; answers that wait for link_receive() or link_flush() */
	size_t queue_sent;
	bool unflushed; /* what went out of the queue is with the transport yet */
	uint64_t sent_bytes, received_bytes;
	/* Of those received: KEEPALIVEs and what is of no known type. */
	uint64_t idle_bytes;
	/* What the other side did beside sending and receiving, in bytes: the owner adds.
	 */
	uint64_t worked_bytes;
	struct link_meter *meter;       /* borrowed; NULL: nobody asks */
	uint8_t early[WIRE_HEADER_LEN]; /* header bytes received so far */
	size_t early_len;
	struct buffer
		last_error; /* owned; payload of the latest ERROR, for its conflicts */
	_Atomic bool send_torn; /* link_keepalive() may tear it, too */
	bool receive_torn;
	_Atomic bool sending; /* a message is under way; see link_keepalive() */
	/* link_receive() returns also after a message that it swallowed, as type 0 with
	 * the payload left alone: for callers that have something to do before they wait
	 * again. */
	bool tell_swallowed;
};

/* One received message; the payload is owned by the caller (free), or lies in a buffer
 * that the caller gave. */
struct link_message {
	uint16_t type;
	uint32_t len;
	uint8_t *payload;
};

/* Takes ownership of the transport. No limit of silence, the limits of size of a peer
 * that has not greeted. */
void link_init(struct link *link, struct transport transport, int wake_fd,
	       const char *peer);
/* Allows messages of full size: both have greeted. */
void link_greeted(struct link *link);
/* Closes the transport; what is still queued is dropped. */
void link_fini(struct link *link);

/* Pieces that one message may be given in. */
#define LINK_PIECES_MAX 15

/* Sends one message: header and the pieces of its payload. Returns when the kernel has
 * it all. ERR_LOST, ERR_TIMEOUT, ERR_INTERRUPTED (woken); ERR_LIMIT for a message that no
 * peer would accept, of which nothing is sent. Whatever is queued goes first.
 * After ERR_LOST the peer's ERROR may still be there to receive. */
int link_send(struct link *link, uint16_t type, const struct iovec *pieces, int count,
	      struct error *error);
int link_send_control(struct link *link, uint16_t type, const void *message,
		      struct error *error);
/* Sends a bulk message whose payload is len bytes of file_fd from offset, by sendfile()
 * where the file can do that. ERR_DAMAGED when the file ends before or cannot be read. */
int link_send_file(struct link *link, uint16_t type, int file_fd, uint64_t offset,
		   size_t len, struct error *error);

/* Says KEEPALIVE, from any thread, unless a message is under way or the socket is full:
 * for the side that works without anything to say. It never waits. Not together with
 * link_queue(). */
void link_keepalive(struct link *link);

/* Adds a message to the queue; sends what the socket takes without waiting. Errors of the
 * socket show at the next receive or flush. How much may wait is the caller's to bound
 * (ASK_WINDOW_UNITS). */
void link_queue(struct link *link, uint16_t type, const void *payload, size_t len);
/* Waits until nothing is queued. Errors as link_send(). */
int link_flush(struct link *link, struct error *error);

/*
 * Waits for the next message of a known type; unknown types that are not critical are
 * skipped (read and dropped), critical ones are ERR_PROTOCOL; so is a length above the
 * limit of the type. KEEPALIVEs are swallowed. An ERROR is turned into its code and
 * sentence (clean, at most 1023 bytes) and returned as such; link_last_error() tells it
 * from an error of this side. While it waits, queued answers are sent. At the end of the
 * stream: ERR_LOST ("closed the connection"). After ERR_PROTOCOL for a header link->early
 * still has its bytes, for a caller that wants to see whether it is HTTP.
 *
 * The payload goes to into->payload if that is not NULL and `room` is enough for it, else
 * into fresh memory: compare pointers to know. *into is untouched on failure.
 */
int link_receive(struct link *link, struct link_message *into, size_t room,
		 struct error *error);

/* link_receive() into fresh memory that insists on a type (ERR_PROTOCOL names both). */
int link_expect(struct link *link, uint16_t type, struct link_message *into,
		struct error *error);

/* Whether the latest link_receive() failed because the peer sent an ERROR: decoded into
 * *ret_error with memory. Its texts borrow from link->last_error, until the next
 * receive. */
bool link_last_error(struct link *link, struct message_memory *memory,
		     struct msg_error *ret_error);

/* Whether an ERROR is what link_receive() would give now, without waiting or taking
 * it. */
bool link_has_error(struct link *link);

/* Waits up to timeout_ms (-1: for ever) for input or the wake-up without reading. 1
 * input, 0 time out, <0 ERR_INTERRUPTED, ERR_LOST (also when the stream has ended). Sends
 * what is queued meanwhile. */
int link_wait(struct link *link, int timeout_ms, struct error *error);

#endif
