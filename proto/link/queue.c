#include "proto/link/queue.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "proto/link/header.h"
#include "proto/link/wait.h"

/* Sent bytes that may stay in the queue before the rest moves to its front. */
#define QUEUE_SLACK_LEN (256u * 1024u)

bool link_waiting(const struct link *link)
{
	return link->queue.len > link->queue_sent || link->unflushed;
}

static void drop_sent(struct link *link)
{
	size_t left = link->queue.len - link->queue_sent;
	if (left > 0 && link->queue_sent < QUEUE_SLACK_LEN)
		return;
	if (left > 0)
		memmove(link->queue.at, link->queue.at + link->queue_sent, left);
	link->queue.len = left;
	link->queue_sent = 0;
}

static void drop_queue(struct link *link)
{
	buffer_clear(&link->queue);
	link->queue_sent = 0;
	link->unflushed = false;
	link->send_torn = true;
}

/* Whether the transport took something of the queue. */
static bool push_some(struct link *link)
{
	struct iovec rest = {.iov_base = link->queue.at + link->queue_sent,
			     .iov_len = link->queue.len - link->queue_sent};
	ssize_t sent = transport_send(&link->transport, &rest, 1, false);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		drop_queue(link);
	if (sent < 0)
		return errno == EINTR;
	link->unflushed = true;
	link->sent_bytes += (size_t)sent;
	link->queue_sent += (size_t)sent;
	drop_sent(link);
	return true;
}

void link_push(struct link *link)
{
	while (link->queue.len > link->queue_sent) {
		if (!push_some(link))
			return;
	}
	if (!link->unflushed)
		return;
	if (transport_flush(&link->transport) == 0)
		link->unflushed = false;
	else if (errno != EAGAIN && errno != EINTR)
		drop_queue(link);
}

void link_queue(struct link *link, uint16_t type, const void *payload, size_t len)
{
	claim(len <= (message_type_is_bulk(type) ? BULK_LEN_MAX : CONTROL_LEN_MAX));
	if (link->send_torn)
		return;
	struct header_bytes header = header_encode(type, len);
	buffer_put(&link->queue, &header, sizeof(header));
	buffer_put(&link->queue, payload, len);
	link_push(link);
}

int link_flush(struct link *link, struct error *error)
{
	link_push(link);
	while (link_waiting(link)) {
		int ready = link_await(link, POLLOUT, error);
		if (ready < 0)
			return ready;
		link_push(link);
	}
	if (link->send_torn)
		return error_set(error, ERR_LOST,
				 "the connection to %s was lost while sending",
				 link->peer);
	return 0;
}
