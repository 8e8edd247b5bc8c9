/* The life of a link, and waiting for input. */
#include "proto/link/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/base/clock.h"
#include "proto/link/queue.h"
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

void link_init(struct link *link, struct transport transport, int wake_fd,
	       const char *peer)
{
	*link = (struct link){
		.transport = transport,
		.wake_fd = wake_fd,
		.silence_ms = -1,
		.control_max = HELLO_LEN_MAX,
		.peer = peer,
	};
	enlarge_buffer(transport.fd);
}

void link_greeted(struct link *link)
{
	link->control_max = CONTROL_LEN_MAX;
	link->bulk_max = BULK_LEN_MAX;
}

void link_fini(struct link *link)
{
	transport_close(&link->transport);
	buffer_fini(&link->queue);
	buffer_fini(&link->last_error);
}

static int peek(struct link *link, struct error *error)
{
	char byte;
	ssize_t got = transport_peek(&link->transport, &byte, 1);
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
	int result = ready & ~POLLOUT ? peek(link, error) : 0;
	*ret_again = result == 0;
	return result;
}

int link_wait(struct link *link, int timeout_ms, struct error *error)
{
	int result = link_woken(link, error);
	if (result < 0)
		return result;
	if (link->early_len > 0)
		return 1;
	int64_t deadline = clock_deadline(timeout_ms);
	bool again;
	do {
		again = false;
		result = wait_once(link, clock_left(deadline), &again, error);
	} while (again);
	return result;
}
