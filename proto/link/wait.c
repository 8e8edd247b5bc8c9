#include "proto/link/wait.h"

#include <errno.h>
#include <poll.h>

#include "proto/base/clock.h"

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
		{.fd = link->transport.fd, .events = events},
		{.fd = link->wake_fd, .events = POLLIN}, /* ignored where it is -1 */
	};
	bool pending = events & POLLIN && transport_pending(&link->transport);
	int64_t deadline = clock_deadline(pending ? 0 : timeout_ms);
	int ready;
	do {
		ready = poll(polled, 2, clock_left(deadline));
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return link_lost(link, errno, error);
	if (polled[1].revents)
		return error_set(error, ERR_INTERRUPTED,
				 "interrupted in the exchange with %s", link->peer);
	return polled[0].revents | (pending ? POLLIN : 0);
}

int link_await(struct link *link, short events, struct error *error)
{
	if (link->meter)
		link_meter_begin(link->meter, link->sent_bytes + link->received_bytes -
						      link->idle_bytes +
						      link->worked_bytes);
	int ready = link_poll(link, events, link->silence_ms, error);
	if (link->meter)
		link_meter_end(link->meter);
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
