/* The sending half of a link. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/link/header.h"
#include "proto/link/link.h"
#include "proto/link/wait.h"

/* Bytes that remain to be sent, in pieces. */
struct pieces {
	struct iovec *at;
	size_t count;
};

static void advance(struct pieces *pieces, size_t sent)
{
	while (pieces->count > 0 && sent >= pieces->at->iov_len) {
		sent -= pieces->at->iov_len;
		pieces->at++;
		pieces->count--;
	}
	if (pieces->count > 0) {
		pieces->at->iov_base = (uint8_t *)pieces->at->iov_base + sent;
		pieces->at->iov_len -= sent;
	}
}

/* After a failed call: waits where it would block. 0 means: try again. */
static int retry(struct link *link, int error_number, struct error *error)
{
	if (error_number == EINTR)
		return 0;
	if (error_number != EAGAIN)
		return link_lost(link, error_number, error);
	int ready = link_await(link, POLLOUT, error);
	return ready < 0 ? ready : 0;
}

static int send_pieces(struct link *link, struct pieces pieces, bool more,
		       struct error *error)
{
	while (pieces.count > 0) {
		ssize_t sent =
			transport_send(&link->transport, pieces.at, pieces.count, more);
		if (sent < 0) {
			int err = retry(link, errno, error);
			if (err < 0)
				return err;
			continue;
		}
		link->sent_bytes += (size_t)sent;
		advance(&pieces, (size_t)sent);
	}
	return 0;
}

/* Until the kernel has all. */
static int flush_transport(struct link *link, struct error *error)
{
	while (transport_flush(&link->transport) < 0) {
		int err = retry(link, errno, error);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Before a message: refuses one that is too long, looks at the wake-up, sends the queue,
 * which fails if this half is torn. Called under hold(), because a KEEPALIVE could tear
 * this half after it was looked at. */
static int begin(struct link *link, uint16_t type, size_t len, struct error *error)
{
	size_t max = message_type_is_bulk(type) ? BULK_LEN_MAX : CONTROL_LEN_MAX;
	if (len > max)
		return error_set(
			error, ERR_LIMIT,
			"the message %s would have %zu bytes; at most %zu are allowed",
			message_type_name(type), len, max);
	int err = link_woken(link, error);
	return err < 0 ? err : link_flush(link, error);
}

/* After a message that began when `before` bytes had been sent. */
static int end(struct link *link, uint64_t before, int ret)
{
	if (ret < 0 && link->sent_bytes > before)
		link->send_torn = true;
	return ret;
}

static size_t total_len(const struct iovec *pieces, int count)
{
	size_t len = 0;
	for (int i = 0; i < count; i++)
		len += pieces[i].iov_len;
	return len;
}

/* Waits while another thread sends a KEEPALIVE, which takes one system call. */
static void hold(struct link *link)
{
	while (atomic_exchange(&link->sending, true))
		sched_yield();
}

static void release(struct link *link)
{
	atomic_store(&link->sending, false);
}

void link_keepalive(struct link *link)
{
	if (atomic_exchange(&link->sending, true))
		return;
	if (!link->send_torn) {
		uint8_t keepalive[KEEPALIVE_LEN];
		memcpy(keepalive, header_keepalive, sizeof(keepalive));
		struct iovec piece = {keepalive, sizeof(keepalive)};
		ssize_t sent = transport_send(&link->transport, &piece, 1, false);
		link->send_torn = sent > 0 && sent < (ssize_t)KEEPALIVE_LEN;
	}
	release(link);
}

int link_send(struct link *link, uint16_t type, const struct iovec *pieces, int count,
	      struct error *error)
{
	claim(count >= 0 && count <= LINK_PIECES_MAX);
	size_t len = total_len(pieces, count);
	struct header_bytes header = header_encode(type, len);
	struct iovec all[1 + LINK_PIECES_MAX] = {{&header, sizeof(header)}};
	for (int i = 0; i < count; i++)
		all[1 + i] = pieces[i];
	struct pieces whole = {.at = all, .count = 1 + (size_t)count};
	hold(link);
	int err = begin(link, type, len, error);
	uint64_t before = link->sent_bytes;
	if (err == 0)
		err = send_pieces(link, whole, false, error);
	if (err == 0)
		err = flush_transport(link, error);
	err = end(link, before, err);
	release(link);
	return err;
}

int link_send_control(struct link *link, uint16_t type, const void *message,
		      struct error *error)
{
	struct buffer payload AUTO(buffer_fini) = {0};
	message_encode(&payload, type, message);
	struct iovec piece = {.iov_base = payload.at, .iov_len = payload.len};
	return link_send(link, type, &piece, 1, error);
}

static int short_file(size_t left, struct error *error)
{
	return error_set(error, ERR_DAMAGED,
			 "a stored file ends %zu bytes before what was to be sent of it",
			 left);
}

static int send_file(struct link *link, int file_fd, off_t offset, size_t left,
		     struct error *error)
{
	while (left > 0) {
		ssize_t sent =
			transport_send_file(&link->transport, file_fd, &offset, left);
		if (sent < 0 && transport_is_file_error(errno))
			return error_set_errno(error, ERR_DAMAGED, errno,
					       "a stored file cannot be read");
		if (sent < 0) {
			int err = retry(link, errno, error);
			if (err < 0)
				return err;
			continue;
		}
		if (sent == 0)
			return short_file(left, error);
		link->sent_bytes += (size_t)sent;
		left -= (size_t)sent;
	}
	return 0;
}

int link_send_file(struct link *link, uint16_t type, int file_fd, uint64_t offset,
		   size_t len, struct error *error)
{
	struct header_bytes header = header_encode(type, len);
	struct iovec piece = {.iov_base = &header, .iov_len = sizeof(header)};
	hold(link);
	int err = begin(link, type, len, error);
	uint64_t before = link->sent_bytes;
	if (err == 0)
		err = send_pieces(link, (struct pieces){&piece, 1}, len > 0, error);
	if (err == 0)
		err = send_file(link, file_fd, (off_t)offset, len, error);
	if (err == 0)
		err = flush_transport(link, error);
	err = end(link, before, err);
	release(link);
	return err;
}
