#include "proto/link/queue.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/link/header.h"
#include "proto/link/wait.h"

/* Sent bytes that may stay in the queue before the rest moves to its front. */
#define QUEUE_SLACK_LEN (256u * 1024u)

bool link_waiting(const struct link *link)
{
	return link->queue.len > link->queue_sent;
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
	link->send_torn = true;
}

void link_push(struct link *link)
{
	while (link_waiting(link)) {
		ssize_t sent = send(link->fd, link->queue.at + link->queue_sent,
				    link->queue.len - link->queue_sent,
				    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			drop_queue(link);
		if (sent < 0)
			return;
		link->sent_bytes += (size_t)sent;
		link->queue_sent += (size_t)sent;
		drop_sent(link);
	}
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
