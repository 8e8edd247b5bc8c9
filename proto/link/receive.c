/* The receiving half of a link. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "proto/base/advice.h"
#include "proto/base/cleanup.h"
#include "proto/link/header.h"
#include "proto/link/link.h"
#include "proto/link/queue.h"
#include "proto/link/wait.h"

static int at_end(struct link *link, struct error *error)
{
	if (link->early_len == 0 && !link->receive_torn)
		return link_lost(link, EPIPE, error);
	return error_set(error, ERR_LOST,
			 "%s closed the connection in the middle of a message",
			 link->peer);
}

/* Until there is something to read, sending what is queued meanwhile. */
static int await_input(struct link *link, struct error *error)
{
	for (;;) {
		short events = link_waiting(link) ? POLLIN | POLLOUT : POLLIN;
		int ready = link_await(link, events, error);
		if (ready < 0)
			return ready;
		if (ready & POLLOUT)
			link_push(link);
		if (ready & ~POLLOUT)
			return 0;
	}
}

/* At least one byte; returns how many. */
static int receive_some(struct link *link, struct iovec *pieces, size_t count,
			struct error *error)
{
	for (;;) {
		ssize_t got = transport_receive(&link->transport, pieces, count);
		if (got > 0) {
			link->received_bytes += (size_t)got;
			return (int)got;
		}
		if (got == 0)
			return at_end(link, error);
		if (errno != EAGAIN && errno != EINTR)
			return link_lost(link, errno, error);
		int err = errno == EAGAIN ? await_input(link, error) : 0;
		if (err < 0)
			return err;
	}
}

/* Collects a header in link->early, which keeps its part when this is interrupted. */
static int collect_header(struct link *link, struct error *error)
{
	while (link->early_len < WIRE_HEADER_LEN) {
		struct iovec piece = {
			.iov_base = link->early + link->early_len,
			.iov_len = WIRE_HEADER_LEN - link->early_len,
		};
		int got = receive_some(link, &piece, 1, error);
		if (got < 0)
			return got;
		link->early_len += (size_t)got;
	}
	return 0;
}

static int check_limit(const struct link *link, const struct header *header,
		       struct error *error)
{
	const char *name = message_type_name(header->type);
	uint32_t largest = link->bulk_max > link->control_max ? link->bulk_max
							      : link->control_max;
	uint32_t max = name ? link->control_max : largest;
	if (message_type_is_bulk(header->type))
		max = link->bulk_max;
	if (max == 0)
		return error_set(error, ERR_PROTOCOL, "%s sent %s before the greeting",
				 link->peer, name);
	if (header->len > max)
		return error_set(error, ERR_PROTOCOL,
				 "%s sent a message of type %u (%s) with %u bytes; at "
				 "most %u are allowed",
				 link->peer, header->type, name ? name : "unknown",
				 header->len, max);
	return 0;
}

static int check_header(const struct link *link, const struct header *header,
			struct error *error)
{
	if (!header->is_a_message)
		return error_set(
			error, ERR_PROTOCOL, "%s sent something that is not a message%s",
			link->peer,
			memcmp(link->early, "HTTP", 4) == 0
				? ": it answers in HTTP, and is another service, "
				  "or another port of the daemon"
				: "");
	if (!message_type_name(header->type) && header->critical)
		return error_set(error, ERR_PROTOCOL,
				 "%s sent a critical message of type %u, which this "
				 "version does not know",
				 link->peer, header->type);
	return check_limit(link, header, error);
}

/* The next header. From here to the end of its payload the direction counts as torn. */
static int next_header(struct link *link, struct header *ret_header, struct error *error)
{
	if (link->receive_torn)
		return error_set(
			error, ERR_LOST,
			"the connection to %s was lost in the middle of a message",
			link->peer);
	int err = link_woken(link, error);
	if (err == 0)
		err = collect_header(link, error);
	if (err < 0)
		return err;
	link->receive_torn = true;
	link->early_len = 0;
	*ret_header = header_decode(link->early);
	return check_header(link, ret_header, error);
}

/*
 * Receives the payload into its place. With `ahead` the call that brings its end may
 * bring the next header too, which saves a call for each message of a stream. Not after
 * control messages: a request ends with one, and the daemon's loop watches the idle
 * socket for the next request.
 */
static int receive_payload(struct link *link, uint8_t *payload, size_t len, bool ahead,
			   struct error *error)
{
	size_t done = 0;
	while (done < len) {
		struct iovec pieces[] = {
			{.iov_base = payload + done, .iov_len = len - done},
			{.iov_base = link->early, .iov_len = WIRE_HEADER_LEN},
		};
		int got = receive_some(link, pieces, ahead ? 2 : 1, error);
		if (got < 0)
			return got;
		done += (size_t)got;
		if (done >= len)
			break;
		/* A short read took all there was: wait at once instead of asking
		 * again. */
		int err = await_input(link, error);
		if (err < 0)
			return err;
	}
	link->early_len = done - len;
	link->receive_torn = false;
	return 0;
}

static int skip(struct link *link, size_t len, struct error *error)
{
	link->idle_bytes += WIRE_HEADER_LEN + len;
	uint8_t dropped[4096];
	while (len > 0) {
		struct iovec piece = {
			.iov_base = dropped,
			.iov_len = len < sizeof(dropped) ? len : sizeof(dropped),
		};
		int got = receive_some(link, &piece, 1, error);
		if (got < 0)
			return got;
		len -= (size_t)got;
	}
	link->receive_torn = false;
	return 0;
}

static int swallow_keepalive(struct link *link, size_t len, struct error *error)
{
	uint8_t *payload AUTO_FREE = may_alloc(len + 1, error);
	int err = payload ? receive_payload(link, payload, len, false, error)
			  : ERR_NO_MEMORY;
	if (err < 0)
		return err;
	link->idle_bytes += WIRE_HEADER_LEN + len;
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_empty keepalive;
	return message_decode(&memory, MSG_KEEPALIVE, payload, len, &keepalive, error);
}

/* Receives an ERROR and returns its code. */
static int receive_error(struct link *link, size_t len, struct error *error)
{
	struct buffer *kept = &link->last_error;
	int err = buffer_may_reserve(kept, len + 1, error);
	if (err == 0)
		err = receive_payload(link, kept->at, len, false, error);
	if (err < 0)
		return err;
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_error message;
	err = message_decode(&memory, MSG_ERROR, kept->at, len, &message, error);
	if (err < 0)
		return err;
	kept->len = len;
	char text[ERROR_TEXT_SIZE];
	int code = error_from_wire(message.code, message.exit);
	if (text_clean(message.message, text, sizeof(text)) == 0)
		return error_set(error, code, "%s: %s", link->peer, error_text(code));
	uint32_t advice = 0;
	for (size_t i = 0; i < message.advice.count; i++)
		advice |= advice_named(message.advice.items[i].at,
				       message.advice.items[i].len);
	/* The disk and the files are the peer's: name it, so that nobody looks for them
	 * here. */
	if (code == ERR_NO_ROOM || code == ERR_LOCAL)
		(void)error_set(error, code, "%s: %s", link->peer, text);
	else
		(void)error_set(error, code, "%s", text);
	return error_advise(error, advice);
}

static int receive_message(struct link *link, const struct header *header,
			   struct link_message *into, size_t room, struct error *error)
{
	bool fits = into->payload && header->len <= room;
	uint8_t *fresh AUTO_FREE = fits ? NULL : may_alloc(header->len + 1, error);
	uint8_t *place = fits ? into->payload : fresh;
	if (!place)
		return ERR_NO_MEMORY;
	bool ahead = message_type_is_bulk(header->type);
	int err = receive_payload(link, place, header->len, ahead, error);
	if (err < 0)
		return err;
	*into = (struct link_message){
		.type = header->type,
		.len = header->len,
		.payload = fits ? place : take_ptr(&fresh),
	};
	return 0;
}

int link_receive(struct link *link, struct link_message *into, size_t room,
		 struct error *error)
{
	buffer_clear(&link->last_error);
	for (;;) {
		struct header header = {0};
		int err = next_header(link, &header, error);
		if (err < 0)
			return err;
		if (header.type == MSG_ERROR)
			return receive_error(link, header.len, error);
		if (!message_type_name(header.type))
			err = skip(link, header.len, error);
		else if (header.type == MSG_KEEPALIVE)
			err = swallow_keepalive(link, header.len, error);
		else
			return receive_message(link, &header, into, room, error);
		if (err < 0)
			return err;
		if (link->tell_swallowed) {
			*into = (struct link_message){.payload = into->payload};
			return 0;
		}
	}
}

int link_expect(struct link *link, uint16_t type, struct link_message *into,
		struct error *error)
{
	struct link_message message = {0};
	int err = link_receive(link, &message, 0, error);
	if (err < 0)
		return err;
	uint8_t *payload AUTO_FREE = message.payload;
	if (message.type != type)
		return error_set(error, ERR_PROTOCOL, "%s sent %s where %s was due",
				 link->peer, message_type_name(message.type),
				 message_type_name(type));
	message.payload = take_ptr(&payload);
	*into = message;
	return 0;
}

bool link_has_error(struct link *link)
{
	uint8_t header[WIRE_HEADER_LEN];
	size_t early = link->early_len;
	if (link->receive_torn || early > WIRE_HEADER_LEN)
		return false;
	memcpy(header, link->early, early);
	ssize_t got = early == WIRE_HEADER_LEN
			      ? 0
			      : transport_peek(&link->transport, header + early,
					       sizeof(header) - early);
	struct reader in = reader_of(header, sizeof(header));
	(void)reader_u32(&in);
	return got >= 0 && early + (size_t)got == WIRE_HEADER_LEN &&
	       reader_u16(&in) == MSG_ERROR;
}

bool link_last_error(struct link *link, struct message_memory *memory,
		     struct msg_error *ret_error)
{
	if (link->last_error.len == 0)
		return false;
	struct error ignored;
	return message_decode(memory, MSG_ERROR, link->last_error.at,
			      link->last_error.len, ret_error, &ignored) == 0;
}
