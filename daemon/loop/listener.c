#include "daemon/loop/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_connection(uv_poll_t *poll, int status, int events);

static void listener_resume(struct listener *listener)
{
	if (listener->polling || listener->fd < 0 || listener->all->closed)
		return;
	listener->polling = true;
	claim(uv_poll_start(&listener->poll, UV_READABLE, on_connection) == 0);
}

static void listener_pause(struct listener *listener)
{
	listener->polling = false;
	(void)uv_poll_stop(&listener->poll);
}

/* Accepts one connection; false when there is none, or none can be taken for now. */
static bool accept_one(struct listener *listener)
{
	struct peers *peers = listener->all->peers;
	if (peers->count >= peers->config->connections) {
		listener_pause(listener); /* resumed by the next tick */
		return false;
	}
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		peer_open(peers, transport_of_socket(fd));
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		log_line(peers->log, LOG_WARNING, "accept", "%s; waiting",
			 strerror(errno));
		listener_pause(listener);
	}
	return errno == EINTR || errno == ECONNABORTED;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	(void)events;
	struct listener *listener = poll->data;
	if (status < 0)
		return;
	while (accept_one(listener))
		;
}

static int check_reachable(const struct address *address, struct error *error)
{
	bool loopback = false;
	int err = address_is_loopback(address, &loopback, error);
	if (err || loopback)
		return err;
	return error_set(
		error, ERR_DENIED,
		"%s: is not a loopback address; this version has neither tokens "
		"nor TLS, so it listens on 127.0.0.1 or ::1 only (use an SSH tunnel "
		"to reach it from elsewhere)",
		address->url);
}

/* The kernel cannot watch one more descriptor. */
static int cannot_poll(struct listener *listener, int number, struct error *error)
{
	(void)close(listener->fd);
	listener->fd = -1;
	if (!listener->passed)
		address_unlisten(&listener->address);
	return error_set_errno(error, ERR_NO_MEMORY, -number, "%s: cannot be polled",
			       listener->address.url);
}

/* passed_fd: a socket that listens at url already, now the listener's; -1: none. */
static int listener_open(struct listener *listener, const char *url, int passed_fd,
			 struct error *error)
{
	const struct peers *peers = listener->all->peers;
	int err = address_parse(url, &listener->address, error);
	if (err == 0)
		err = check_reachable(&listener->address, error);
	if (err == 0 && passed_fd < 0)
		err = address_listen(&listener->address, &peers->config->socket,
				     &listener->fd, error);
	if (err)
		return err;
	listener->passed = passed_fd >= 0;
	if (listener->passed)
		listener->fd = passed_fd;
	int number = uv_poll_init(peers->loop, &listener->poll, listener->fd);
	if (number)
		return cannot_poll(listener, number, error);
	log_line(peers->log, LOG_INFO, "listening", "%s", url);
	listener->poll.data = listener;
	listener_resume(listener);
	return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;
	(void)close(listener->fd);
	listener->fd = -1;
}

void listeners_close(struct listeners *listeners)
{
	listeners->closed = true;
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++) {
		struct listener *listener = &listeners->items[i];
		if (listener->fd < 0 || uv_is_closing((uv_handle_t *)&listener->poll))
			continue;
		if (!listener->passed)
			address_unlisten(&listener->address);
		uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
	}
}

static int open_passed(struct listeners *listeners, struct listen_fds *passed,
		       struct error *error)
{
	int err = 0;
	for (size_t i = 0; err == 0 && i < passed->count; i++) {
		struct listen_fd *item = &passed->items[i];
		err = listener_open(&listeners->items[i], item->url, item->fd, error);
		if (err == 0)
			item->fd = -1;
	}
	return err;
}

int listeners_open(struct listeners *listeners, struct listen_fds *passed,
		   struct error *error)
{
	const struct config *config = listeners->peers->config;
	if (passed->count)
		return open_passed(listeners, passed, error);
	int err = 0;
	for (size_t i = 0; err == 0 && i < config->listen.count; i++)
		err = listener_open(&listeners->items[i], config->listen.items[i], -1,
				    error);
	return err;
}

void listeners_init(struct listeners *listeners, struct peers *peers)
{
	*listeners = (struct listeners){.peers = peers};
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++) {
		listeners->items[i].all = listeners;
		listeners->items[i].fd = -1;
	}
}

void listeners_tick(struct listeners *listeners)
{
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
		listener_resume(&listeners->items[i]);
}

void listeners_fini(struct listeners *listeners)
{
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
		address_fini(&listeners->items[i].address);
}
