/* Sockets, and what all transports have in common. */
#include "proto/transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/error.h"
#include "proto/transport/transport_calls.h"

/* What is read at a time from a file that cannot be sent by sendfile(). */
#define COPY_LEN (16u * 1024u)

/* ---- a socket ---- */

static ssize_t socket_receive(const struct transport *transport, struct iovec *pieces,
			      size_t count, bool peek)
{
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
	return recvmsg(transport->fd, &message, MSG_DONTWAIT | (peek ? MSG_PEEK : 0));
}

static bool socket_pending(const struct transport *transport)
{
	(void)transport;
	return false;
}

static ssize_t socket_send(const struct transport *transport, struct iovec *pieces,
			   size_t count, bool more)
{
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
	return sendmsg(transport->fd, &message,
		       MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

/* For files that sendfile() refuses. */
static ssize_t copy_file(const struct transport *transport, int file_fd, off_t *offset,
			 size_t len)
{
	uint8_t copy[COPY_LEN];
	ssize_t got = pread(file_fd, copy, len < COPY_LEN ? len : COPY_LEN, *offset);
	if (got <= 0)
		return got;
	ssize_t sent =
		send(transport->fd, copy, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		*offset += sent;
	return sent;
}

static ssize_t socket_send_file(const struct transport *transport, int file_fd,
				off_t *offset, size_t len)
{
	ssize_t sent = sendfile(transport->fd, file_fd, offset, len);
	if (sent < 0 && (errno == EINVAL || errno == ENOSYS || errno == ESPIPE))
		return copy_file(transport, file_fd, offset, len);
	return sent;
}

static int socket_flush(const struct transport *transport)
{
	(void)transport;
	return 0;
}

static void socket_end(const struct transport *transport)
{
	(void)shutdown(transport->fd, SHUT_WR);
}

static const struct transport_calls socket_calls = {
	.receive = socket_receive,
	.pending = socket_pending,
	.send = socket_send,
	.send_file = socket_send_file,
	.flush = socket_flush,
	.end = socket_end,
};

struct transport transport_of_socket(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	claim(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
	return (struct transport){.calls = &socket_calls, .fd = fd};
}

/* ---- any of them ---- */

ssize_t transport_receive(const struct transport *transport, struct iovec *pieces,
			  size_t count)
{
	return transport->calls->receive(transport, pieces, count, false);
}

ssize_t transport_peek(const struct transport *transport, void *at, size_t len)
{
	struct iovec piece = {.iov_base = at, .iov_len = len};
	return transport->calls->receive(transport, &piece, 1, true);
}

bool transport_pending(const struct transport *transport)
{
	return transport->calls->pending(transport);
}

ssize_t transport_send(const struct transport *transport, struct iovec *pieces,
		       size_t count, bool more)
{
	return transport->calls->send(transport, pieces, count, more);
}

ssize_t transport_send_file(const struct transport *transport, int file_fd, off_t *offset,
			    size_t len)
{
	return transport->calls->send_file(transport, file_fd, offset, len);
}

bool transport_is_file_error(int error_number)
{
	return error_number == EIO || error_number == EOVERFLOW ||
	       error_number == EBADF || error_number == EISDIR || error_number == ESPIPE;
}

int transport_flush(const struct transport *transport)
{
	return transport->calls->flush(transport);
}

void transport_end(const struct transport *transport)
{
	transport->calls->end(transport);
}

void transport_cut(const struct transport *transport)
{
	(void)shutdown(transport->fd, SHUT_RDWR);
}

void transport_close(struct transport *transport)
{
	if (!transport->calls)
		return;
	if (transport->tls)
		transport->calls->free(transport->tls);
	(void)close(transport->fd);
	*transport = (struct transport){0};
}
