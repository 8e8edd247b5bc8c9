#include "daemon/loop/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/loop/pressure.h"
#include "proto/bounds.h"
#include "proto/transport/transport_tls.h"

/* A host's name or number, in brackets. */
#define CLIENT_HOST_SIZE (HOST_NAME_MAX + 4)

static void on_connection(uv_poll_t *poll, int status, int events);

/* Why a connection could not be taken: like a stranger's refusal, whom it may come from.
 */
static void tell(struct peers *peers, const char *sentence)
{
	if (refusals_may_tell(&peers->refusals))
		log_line(peers->log, LOG_WARNING, "accept", "%s", sentence);
}

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

/* A connection that is to become TLS, if it is let in. */
static void take_secured(struct listener *listener, int fd,
			 const struct sockaddr_storage *from)
{
	struct peers *peers = listener->all->peers;
	struct transport transport = {0};
	struct admitted admitted = {0};
	struct error error = {0};
	if (!admission_take(&peers->admission, from, &admitted)) {
		(void)close(fd);
		return;
	}
	if (transport_of_tls(listener->all->certificate->context, fd, HANDSHAKE_LEN_MAX,
			     &transport, &error)) {
		admission_leave(&peers->admission, &admitted);
		tell(peers, error.text);
		return;
	}
	SSL_set_accept_state(transport_tls_ssl(&transport));
	peer_open(peers, transport, admitted);
}

static bool is_http(const struct address *address)
{
	return address->kind == ADDRESS_HTTP || address->kind == ADDRESS_HTTPS;
}

static void take_http(struct listener *listener, int fd,
		      const struct sockaddr_storage *from, socklen_t from_len)
{
	struct peers *peers = listener->all->peers;
	bool is_secured = listener->address.kind == ADDRESS_HTTPS;
	(void)peers->take_http(peers->context, fd,
			       is_secured ? PROOF_TLS : PROOF_LOOPBACK, from, from_len);
}

/* For one that waits at the door, if there is one. */
static bool make_room(struct listener *listener)
{
	struct pollfd door = {.fd = listener->fd, .events = POLLIN};
	return poll(&door, 1, 0) == 1 && pressure_make_room(listener->all->peers);
}

/* Accepts one connection; false when there is none, or none can be taken for now. */
static bool accept_one(struct listener *listener)
{
	struct peers *peers = listener->all->peers;
	if (peers->count >= peers->count_max && !make_room(listener)) {
		listener_pause(listener); /* resumed by the next tick */
		return false;
	}
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	int fd = accept4(listener->fd, (struct sockaddr *)&from, &len,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && listener->address.kind == ADDRESS_TLS) {
		take_secured(listener, fd, &from);
		return true;
	}
	if (fd >= 0 && is_http(&listener->address)) {
		take_http(listener, fd, &from, len);
		return true;
	}
	if (fd >= 0) {
		peer_open(peers, transport_of_socket(fd), (struct admitted){0});
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		tell(peers, strerror(errno));
		(void)make_room(listener);
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
	if (address->pin)
		return error_set(error, ERR_USAGE,
				 "%s: the pin behind # is for clients; the daemon has it "
				 "of its certificate",
				 address->url);
	bool loopback = address->kind == ADDRESS_TLS || address->kind == ADDRESS_HTTPS;
	int err = loopback ? 0 : address_is_loopback(address, &loopback, error);
	if (err || loopback)
		return err;
	return error_set(
		error, ERR_DENIED,
		"%s: is not a loopback address, and beyond this machine there is TLS and "
		"a token, or nothing: --listen tls://… instead, and `batond token "
		"create`",
		address->url);
}

static int check_secured(const struct address *address, const struct config *config,
			 struct error *error)
{
	if (address->kind != ADDRESS_HTTPS || !config->client_ca)
		return 0;
	return error_set(error, ERR_USAGE,
			 "%s: certificates of clients (--client-ca) are demanded on "
			 "tls:// alone; leave one of the two out",
			 address->url);
}

bool listeners_need_certificate(const struct config *config)
{
	bool needed = false;
	for (size_t i = 0; i < config->listen.count; i++) {
		const char *url = config->listen.items[i];
		needed = needed || strncmp(url, "tls:", 4) == 0 ||
			 strncmp(url, "https:", 6) == 0;
	}
	return needed;
}

/* The port that it got, which need not be the one that it asked for. */
static unsigned port_of(int fd)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} name = {0};
	socklen_t len = sizeof(name);
	(void)getsockname(fd, (struct sockaddr *)&name.any, &len);
	bool is_v6 = name.any.ss_family == AF_INET6;
	return ntohs(is_v6 ? name.v6.sin6_port : name.v4.sin_port);
}

/* The host that clients have to name: of a listener on all addresses this machine's name.
 */
static void client_host(const char *listens, char ret_host[CLIENT_HOST_SIZE])
{
	bool everywhere = strcmp(listens, "0.0.0.0") == 0 || strcmp(listens, "::") == 0;
	char name[HOST_NAME_MAX + 1] = "localhost";
	if (everywhere)
		(void)gethostname(name, sizeof(name) - 1);
	const char *host = everywhere ? name : listens;
	(void)snprintf(ret_host, CLIENT_HOST_SIZE, strchr(host, ':') ? "[%s]" : "%s",
		       host);
}

/* Says what clients need, ready to be pasted. */
static void announce(const struct listener *listener)
{
	char host[CLIENT_HOST_SIZE];
	client_host(listener->address.host, host);
	unsigned port = port_of(listener->fd);
	const char *pin = listener->all->certificate->pin;
	log_line(listener->all->peers->log, LOG_INFO, "listening",
		 "%s, for clients with BATON_SERVER=tls://%s:%u#%s",
		 listener->address.url, host, port, pin);
	printf("BATON_SERVER=tls://%s:%u#%s\n", host, port, pin);
	(void)fflush(stdout);
}

/* With the port that it got. */
static void tell_place(const struct listener *listener)
{
	const struct address *address = &listener->address;
	bool is_inet = address->kind != ADDRESS_UNIX;
	char host[CLIENT_HOST_SIZE] = "";
	if (is_inet)
		client_host(address->host, host);
	if (is_inet)
		log_line(listener->all->peers->log, LOG_INFO, "listening", "%s://%s:%u",
			 address->kind == ADDRESS_HTTP    ? "http"
			 : address->kind == ADDRESS_HTTPS ? "https"
							  : "tcp",
			 host, port_of(listener->fd));
	else
		log_line(listener->all->peers->log, LOG_INFO, "listening", "%s",
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
	if (err == 0)
		err = check_secured(&listener->address, peers->config, error);
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
	if (listener->address.kind == ADDRESS_TLS)
		announce(listener);
	else
		tell_place(listener);
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

void listeners_init(struct listeners *listeners, struct peers *peers,
		    const struct certificate *certificate)
{
	*listeners = (struct listeners){.peers = peers, .certificate = certificate};
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++) {
		listeners->items[i].all = listeners;
		listeners->items[i].fd = -1;
	}
}

/* One line for all, and so many lines only, so that a flood does not fill the log. */
static void tell_dropped(struct listeners *listeners)
{
	struct peers *peers = listeners->peers;
	uint32_t dropped = peers->admission.dropped;
	uint64_t now_ms = uv_now(peers->loop);
	if (dropped == 0 || now_ms < listeners->dropped_told_ms)
		return;
	listeners->dropped_told_ms = now_ms + REFUSALS_SPAN_MS;
	log_line(peers->log, LOG_WARNING, "dropped",
		 "%" PRIu32 " new connections: too many of one address "
		 "(--address-connections), or too many that have not shown a "
		 "token (%" PRIu32 ")",
		 dropped, peers->admission.strangers);
	peers->admission.dropped = 0;
}

void listeners_tick(struct listeners *listeners)
{
	tell_dropped(listeners);
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
		listener_resume(&listeners->items[i]);
}

void listeners_fini(struct listeners *listeners)
{
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
		address_fini(&listeners->items[i].address);
}
