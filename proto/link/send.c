/* The sending half of a link. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/link/header.h"
#include "proto/link/link.h"
#include "proto/link/wait.h"

/* What is read at a time from a file that cannot be sent by sendfile(). */
#define COPY_LEN (64u * 1024u)

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

static int send_pieces(struct link *link, struct pieces pieces, int flags,
		       struct error *error)
{
	while (pieces.count > 0) {
		struct msghdr message = {.msg_iov = pieces.at,
					 .msg_iovlen = pieces.count};
		ssize_t sent = sendmsg(link->fd, &message, flags | MSG_NOSIGNAL);
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
		ssize_t sent = send(link->fd, header_keepalive, sizeof(header_keepalive),
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		link->send_torn = sent > 0 && sent < (ssize_t)sizeof(header_keepalive);
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
		err = end(link, before, send_pieces(link, whole, 0, error));
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

/* For files that sendfile() refuses. */
static int copy_file(struct link *link, int file_fd, off_t offset, size_t left,
		     struct error *error)
{
	void *copy AUTO_FREE = may_alloc(COPY_LEN, error);
	if (!copy)
		return ERR_NO_MEMORY;
	while (left > 0) {
		size_t want = left < COPY_LEN ? left : COPY_LEN;
		ssize_t got = pread(file_fd, copy, want, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, ERR_DAMAGED, errno,
					       "a stored file cannot be read");
		if (got == 0)
			return short_file(left, error);
		struct iovec piece = {.iov_base = copy, .iov_len = (size_t)got};
		int err = send_pieces(link, (struct pieces){&piece, 1}, 0, error);
		if (err < 0)
			return err;
		offset += got;
		left -= (size_t)got;
	}
	return 0;
}

/* Errors that a failing sendfile() has from the file, not from the socket. */
static bool is_file_error(int error_number)
{
	return error_number == EIO || error_number == EOVERFLOW ||
	       error_number == EBADF || error_number == EISDIR;
}

static int send_file(struct link *link, int file_fd, off_t offset, size_t left,
		     struct error *error)
{
	while (left > 0) {
		ssize_t sent = sendfile(link->fd, file_fd, &offset, left);
		if (sent < 0 && (errno == EINVAL || errno == ENOSYS || errno == ESPIPE))
			return copy_file(link, file_fd, offset, left, error);
		if (sent < 0 && is_file_error(errno))
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
	int flags = len > 0 ? MSG_MORE : 0;
	hold(link);
	int err = begin(link, type, len, error);
	uint64_t before = link->sent_bytes;
	if (err == 0)
		err = send_pieces(link, (struct pieces){&piece, 1}, flags, error);
	if (err == 0)
		err = send_file(link, file_fd, (off_t)offset, len, error);
	err = end(link, before, err);
	release(link);
	return err;
}
