/* Connecting to a daemon. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/transport/address.h"
#include "proto/transport/address_inet.h"

/* How long to wait before a Unix socket with a full queue is asked again. */
#define BACKLOG_RETRY_MS 10

/* What one attempt may wait for, and where it says why it failed. */
struct attempt {
	const struct address *address;
	int64_t deadline;
	int wake_fd;
	struct error *error;
};

/* A socket's own mode, or that of a folder above it. */
static int unreachable(const struct attempt *attempt, int error_number)
{
	const char *url = attempt->address->url;
	if (error_number == EACCES && attempt->address->kind == ADDRESS_UNIX)
		return error_set(attempt->error, ERR_DENIED,
				 "the daemon at %s cannot be reached: this user may not "
				 "use its socket; who may is said by `socket_group` and "
				 "`socket_mode` in batond.conf",
				 url);
	if (error_number == EACCES || error_number == EPERM)
		return error_set_errno(attempt->error, ERR_DENIED, error_number,
				       "the daemon at %s cannot be reached", url);
	if (error_number == ETIMEDOUT)
		return error_set(attempt->error, ERR_TIMEOUT,
				 "the daemon at %s did not answer in time", url);
	return error_set_errno(attempt->error, ERR_UNREACHABLE, error_number,
			       "the daemon at %s cannot be reached", url);
}

/* Waits for the socket (fd -1: for nothing) at most timeout_ms: 1, 0, ERR_INTERRUPTED. */
static int wait_for(const struct attempt *attempt, int fd, int timeout_ms)
{
	struct pollfd polled[] = {
		{.fd = fd, .events = POLLOUT},
		{.fd = attempt->wake_fd, .events = POLLIN},
	};
	int64_t deadline = clock_deadline(timeout_ms);
	int ready;
	do {
		ready = poll(polled, 2, clock_left(deadline));
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return unreachable(attempt, errno);
	if (polled[1].revents)
		return error_set(attempt->error, ERR_INTERRUPTED,
				 "interrupted while connecting to %s",
				 attempt->address->url);
	return ready > 0;
}

/* Waits for the end of a connect() that is under way. */
static int await_connected(const struct attempt *attempt, int fd)
{
	int result = wait_for(attempt, fd, clock_left(attempt->deadline));
	if (result <= 0)
		return result < 0 ? result : unreachable(attempt, ETIMEDOUT);
	int failed = 0;
	socklen_t len = sizeof(failed);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
		failed = errno;
	return failed ? unreachable(attempt, failed) : 0;
}

/* Waits a moment for a place in the daemon's queue. 0: try again. */
static int await_place(const struct attempt *attempt)
{
	int left = clock_left(attempt->deadline);
	if (left == 0)
		return unreachable(attempt, ETIMEDOUT);
	return wait_for(attempt, -1,
			left > 0 && left < BACKLOG_RETRY_MS ? left : BACKLOG_RETRY_MS);
}

static int connect_socket(const struct attempt *attempt, int fd,
			  const struct sockaddr *to, socklen_t len)
{
	while (connect(fd, to, len) < 0) {
		if (errno == EINPROGRESS || errno == EINTR)
			return await_connected(attempt, fd);
		if (errno != EAGAIN || to->sa_family != AF_UNIX)
			return unreachable(attempt, errno);
		int err = await_place(attempt);
		if (err < 0)
			return err;
	}
	return 0;
}

static int try_one(const struct attempt *attempt, const struct sockaddr *to,
		   socklen_t len, int *ret_fd)
{
	int fd AUTO_FD =
		socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return unreachable(attempt, errno);
	int on = 1;
	if (to->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	int err = connect_socket(attempt, fd, to, len);
	if (err < 0)
		return err;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int connect_inet(const struct attempt *attempt, int *ret_fd)
{
	struct addrinfo *resolved AUTO(address_inet_free) = NULL;
	int err = address_inet_resolve(attempt->address, 0, &resolved, attempt->error);
	if (err < 0)
		return err;
	for (struct addrinfo *at = resolved; at; at = at->ai_next) {
		err = try_one(attempt, at->ai_addr, at->ai_addrlen, ret_fd);
		if (err == 0 || err == ERR_INTERRUPTED)
			break;
	}
	return err;
}

int address_connect(const struct address *address, int timeout_ms, int wake_fd,
		    int *ret_fd, struct error *error)
{
	struct attempt attempt = {
		.address = address,
		.deadline = clock_deadline(timeout_ms),
		.wake_fd = wake_fd,
		.error = error,
	};
	if (address->kind != ADDRESS_UNIX)
		return connect_inet(&attempt, ret_fd);
	struct sockaddr_un to = address_unix_of(address);
	return try_one(&attempt, (const struct sockaddr *)&to, sizeof(to), ret_fd);
}
