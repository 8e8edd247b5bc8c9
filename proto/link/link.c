/* The life of a link, and waiting. */
#include "proto/link/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/deadline.h"
#include "proto/link/wait.h"

/* For Unix sockets, whose buffer does not grow by itself: a few frames between the two
 * ends were worth 13 % of a persist. The kernel lowers it to net.core.wmem_max. */
#define UNIX_BUFFER_LEN (4 * 1024 * 1024)

static void enlarge_buffer(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);
	int size = UNIX_BUFFER_LEN;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	    domain == AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

void link_init(struct link *link, int fd, int wake_fd, const char *peer)
{
	*link = (struct link){
		.fd = fd,
		.wake_fd = wake_fd,
		.silence_ms = -1,
		.control_max = HELLO_LEN_MAX,
		.peer = peer,
	};
	int flags = fcntl(fd, F_GETFL);
	claim(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
	enlarge_buffer(fd);
}

void link_greeted(struct link *link)
{
	link->control_max = CONTROL_LEN_MAX;
	link->bulk_max = BULK_LEN_MAX;
}

void link_fini(struct link *link)
{
	if (link->fd >= 0)
		(void)close(link->fd);
	link->fd = -1;
	buffer_fini(&link->queue);
	buffer_fini(&link->last_error);
}

int link_lost(const struct link *link, int error_number, struct error *error)
{
	if (error_number == EPIPE)
		return error_set(error, ERR_LOST, "%s closed the connection", link->peer);
	(void)error_set_errno(error, ERR_LOST, error_number,
			      "the connection to %s was lost", link->peer);
	return error->code = ERR_LOST;
}

int link_poll(struct link *link, short events, int timeout_ms, struct error *error)
{
	struct pollfd polled[] = {
		{.fd = link->fd, .events = events},
		{.fd = link->wake_fd, .events = POLLIN}, /* ignored where it is -1 */
	};
	int64_t deadline = deadline_in(timeout_ms);
	int ready;
	do {
		ready = poll(polled, 2, deadline_left(deadline));
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return link_lost(link, errno, error);
	if (polled[1].revents)
		return error_set(error, ERR_INTERRUPTED,
				 "interrupted in the exchange with %s", link->peer);
	return polled[0].revents;
}

int link_await(struct link *link, short events, struct error *error)
{
	int ready = link_poll(link, events, link->silence_ms, error);
	if (ready != 0)
		return ready;
	return error_set(error, ERR_TIMEOUT, "%s: nothing came or went for %.3g seconds",
			 link->peer, link->silence_ms / 1000.0);
}

int link_woken(struct link *link, struct error *error)
{
	if (link->wake_fd < 0)
		return 0;
	int ready = link_poll(link, 0, 0, error);
	return ready < 0 ? ready : 0;
}

static int peek(struct link *link, struct error *error)
{
	char byte;
	ssize_t got = recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (got > 0)
		return 1;
	if (got == 0)
		return link_lost(link, EPIPE, error);
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return link_lost(link, errno, error);
}

/* One round of link_wait(): input, time out, or (with *ret_again) neither. */
static int wait_once(struct link *link, int timeout_ms, bool *ret_again,
		     struct error *error)
{
	short events = link_waiting(link) ? POLLIN | POLLOUT : POLLIN;
	int ready = link_poll(link, events, timeout_ms, error);
	if (ready <= 0)
		return ready;
	if (ready & POLLOUT)
		link_push(link);
	int ret = ready & ~POLLOUT ? peek(link, error) : 0;
	*ret_again = ret == 0;
	return ret;
}

int link_wait(struct link *link, int timeout_ms, struct error *error)
{
	int ret = link_woken(link, error);
	if (ret < 0)
		return ret;
	if (link->early_len > 0)
		return 1;
	int64_t deadline = deadline_in(timeout_ms);
	bool again;
	do {
		again = false;
		ret = wait_once(link, deadline_left(deadline), &again, error);
	} while (again);
	return ret;
}
