#include "daemon/server.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/notify.h"
#include "daemon/peer.h"
#include "daemon/persist_keys.h"
#include "daemon/session_run.h"
#include "daemon/workers.h"
#include "proto/base/bytes.h"

#define TICK_MS 250u
#define RETENTION_EVERY_MS 3600000u

static bool is_stopping(const struct server *server)
{
	return server->stop_by_ms != 0;
}

/* ---- listening ---- */

static void on_connection(uv_poll_t *poll, int status, int events);

static void listener_resume(struct listener *listener)
{
	if (listener->polling || listener->fd < 0 || is_stopping(listener->server))
		return;
	listener->polling = true;
	claim(uv_poll_start(&listener->poll, UV_READABLE, on_connection) == 0);
}

static void listener_pause(struct listener *listener)
{
	listener->polling = false;
	(void)uv_poll_stop(&listener->poll);
}

/* One connection; false when there is none, or none can be taken for now. */
static bool accept_one(struct listener *listener)
{
	struct server *server = listener->server;
	if (server->peers.count >= server->config->connections) {
		listener_pause(listener); /* resumed by the next tick */
		return false;
	}
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		peer_open(&server->peers, fd);
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		log_line(server->log, LOG_WARNING, "accept", "%s; waiting",
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
	int code = address_is_loopback(address, &loopback, error);
	if (code || loopback)
		return code;
	return error_set(
		error, ERR_DENIED,
		"%s: is not a loopback address; this version has neither tokens "
		"nor TLS, so it listens on 127.0.0.1 or ::1 only (use an SSH tunnel "
		"to reach it from elsewhere)",
		address->url);
}

/* passed_fd: a socket that listens at url already, now the listener's; -1: none. */
static int listener_open(struct listener *listener, const char *url, int passed_fd,
			 struct error *error)
{
	struct server *server = listener->server;
	int code = address_parse(url, &listener->address, error);
	if (code == 0)
		code = check_reachable(&listener->address, error);
	if (code == 0 && passed_fd < 0)
		code = address_listen(&listener->address, &listener->fd, error);
	if (code)
		return code;
	listener->passed = passed_fd >= 0;
	if (listener->passed)
		listener->fd = passed_fd;
	log_line(server->log, LOG_INFO, "listening", "%s", url);
	claim(uv_poll_init(&server->loop, &listener->poll, listener->fd) == 0);
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

static void listeners_close(struct server *server)
{
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++) {
		struct listener *listener = &server->listeners[i];
		if (listener->fd < 0 || uv_is_closing((uv_handle_t *)&listener->poll))
			continue;
		if (!listener->passed)
			address_unlisten(&listener->address);
		uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
	}
}

/* ---- stopping ---- */

static void close_handles(struct server *server)
{
	if (server->closing_handles || server->retention_running)
		return;
	server->closing_handles = true;
	uv_close((uv_handle_t *)&server->on_term, NULL);
	uv_close((uv_handle_t *)&server->on_int, NULL);
	uv_close((uv_handle_t *)&server->tick, NULL);
	uv_close((uv_handle_t *)&server->wake, NULL);
}

static void on_no_peers(void *context)
{
	struct server *server = context;
	if (is_stopping(server))
		close_handles(server);
}

static void begin_stop(struct server *server, const char *why)
{
	server->stop_by_ms = uv_now(&server->loop) + server->config->stop_timeout_ms;
	struct workers_figures figures = workers_figures(server->workers);
	log_line(server->log, LOG_INFO, "stopping", "%s; %" PRIu64 " requests may finish",
		 why, figures.running);
	notify_state("STOPPING=1");
	listeners_close(server);
	peers_stop(&server->peers);
	if (!server->peers.first)
		close_handles(server);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
	struct server *server = handle->data;
	if (is_stopping(server))
		workers_interrupt(server->workers);
	else
		begin_stop(server, strsignal(number));
}

/* ---- what comes from other threads ---- */

/* The loop sees for itself that the store has failed: there may be no loop yet, or none
 * any more. */
static void on_store_failure(void *context, const char *sentence)
{
	const struct server *server = context;
	log_line(server->log, LOG_ERROR, "store", "%s; the daemon ends itself", sentence);
}

static void on_store_note(void *context, const char *sentence)
{
	struct server *server = context;
	log_line(server->log, LOG_INFO, "store", "%s", sentence);
}

/* From a worker's thread, while a request of its own keeps the loop alive. */
static void on_task_ended(void *context)
{
	struct server *server = context;
	(void)uv_async_send(&server->wake);
}

static void on_wake(uv_async_t *handle)
{
	struct server *server = handle->data;
	for (struct task *task; (task = workers_take_ended(server->workers));)
		peer_return(peer_of(task));
}

/* Asked on every tick: a contact, an attach or retention can fail to write as well as a
 * persist can, and not all of them tell on_store_failure(). */
static void end_if_store_failed(struct server *server)
{
	if (server->exit_status || !store_is_read_only(server->store))
		return;
	server->exit_status = 1;
	if (!is_stopping(server))
		begin_stop(server, "the store is read-only after a failed write");
	workers_interrupt(server->workers);
}

/* ---- retention ---- */

static void expire(struct server *server)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	uint64_t count = 0;
	struct error error = {0};
	if (catalogue_expire(store_catalogue(server->store),
			     now_ms - (int64_t)server->config->retention_ms, &count,
			     &error))
		log_line(server->log, LOG_WARNING, "retention", "%s", error.text);
	else if (count)
		log_line(server->log, LOG_INFO, "retention", "%" PRIu64 " %s expired",
			 count, count == 1 ? "workflow" : "workflows");
}

static void on_retention_work(uv_work_t *work)
{
	expire(work->data);
}

static void on_retention_done(uv_work_t *work, int status)
{
	(void)status;
	struct server *server = work->data;
	server->retention_running = false;
	if (is_stopping(server) && !server->peers.first)
		close_handles(server);
}

static void retention_tick(struct server *server, uint64_t now_ms)
{
	if (server->config->retention_ms == 0 || server->retention_running ||
	    is_stopping(server) || now_ms < server->retention_due_ms)
		return;
	server->retention_due_ms = now_ms + RETENTION_EVERY_MS;
	server->retention_work.data = server;
	server->retention_running = uv_queue_work(&server->loop, &server->retention_work,
						  on_retention_work,
						  on_retention_done) == 0;
}

static void on_tick(uv_timer_t *timer)
{
	struct server *server = timer->data;
	uint64_t now_ms = uv_now(&server->loop);
	peers_tick(&server->peers);
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
		listener_resume(&server->listeners[i]);
	if (is_stopping(server) && now_ms >= server->stop_by_ms)
		workers_interrupt(server->workers);
	end_if_store_failed(server);
	retention_tick(server, now_ms);
}

/* ---- running ---- */

static int open_store(struct server *server, struct error *error)
{
	struct store_options options = {
		.directory = server->config->data,
		.on_failure = on_store_failure,
		.on_note = on_store_note,
		.context = server,
	};
	int code = store_open(&options, &server->store, error);
	if (code == 0 && server->config->retention_ms)
		expire(server);
	return code;
}

static void start_handles(struct server *server)
{
	uv_loop_t *loop = &server->loop;
	claim(uv_loop_init(loop) == 0);
	claim(uv_async_init(loop, &server->wake, on_wake) == 0);
	claim(uv_timer_init(loop, &server->tick) == 0);
	claim(uv_signal_init(loop, &server->on_term) == 0);
	claim(uv_signal_init(loop, &server->on_int) == 0);
	server->wake.data = server->tick.data = server;
	server->on_term.data = server->on_int.data = server;
	claim(uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS) == 0);
	claim(uv_signal_start(&server->on_term, on_stop_signal, SIGTERM) == 0);
	claim(uv_signal_start(&server->on_int, on_stop_signal, SIGINT) == 0);
}

static int listen_passed(struct server *server, struct error *error)
{
	int code = 0;
	for (size_t i = 0; code == 0 && i < server->passed.count; i++) {
		struct listen_fd *item = &server->passed.items[i];
		code = listener_open(&server->listeners[i], item->url, item->fd, error);
		if (code == 0)
			item->fd = -1;
	}
	return code;
}

/* What the service manager opened takes the place of what the configuration says. */
static int listen_all(struct server *server, struct error *error)
{
	const struct config *config = server->config;
	if (server->passed.count)
		return listen_passed(server, error);
	int code = 0;
	for (size_t i = 0; code == 0 && i < config->listen_count; i++)
		code = listener_open(&server->listeners[i], config->listen[i], -1, error);
	return code;
}

static void run_loop(struct server *server)
{
	start_handles(server);
	struct error error = {0};
	if (listen_all(server, &error)) {
		log_line(server->log, LOG_ERROR, "start", "%s", error.text);
		server->exit_status = error_exit_status(error.code);
		begin_stop(server, "cannot listen");
	} else {
		server->retention_due_ms = uv_now(&server->loop) + RETENTION_EVERY_MS;
		log_line(server->log, LOG_INFO, "ready", "batond %s, data in %s",
			 BATON_VERSION, server->config->data);
		notify_state("READY=1");
	}
	(void)uv_run(&server->loop, UV_RUN_DEFAULT);
	claim(uv_loop_close(&server->loop) == 0);
}

static uint64_t clock_ms(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- who knows whom ---- */

static struct daemon_figures figures_of(void *context)
{
	const struct server *server = context;
	struct workers_figures workers = workers_figures(server->workers);
	return (struct daemon_figures){
		.started_ms = server->started_ms,
		.uptime_ms = clock_ms(CLOCK_MONOTONIC) - server->started_mono_ms,
		.connections = server->peers.count,
		.running = workers.running,
		.waiting = workers.waiting,
	};
}

/* 0 in the configuration is endless patience. */
static int silence_of(const struct config *config)
{
	if (config->silence_ms == 0)
		return -1;
	return config->silence_ms > INT_MAX ? INT_MAX : (int)config->silence_ms;
}

/* On a worker's thread. */
static void run_request(struct task *task, int wake_fd)
{
	struct peer *peer = peer_of(task);
	const struct server *server = peer->peers->context;
	const struct session_call call = {
		.request = peer->request,
		.voice = &peer->voice,
		.fd = peer->fd,
		.label = peer->label,
		.local = peer->local,
		.silence_ms = silence_of(server->config),
	};
	peer->keep = session_run(&server->services, &call, wake_fd);
}

static void wire(struct server *server)
{
	server->peers = (struct peers){
		.loop = &server->loop,
		.config = server->config,
		.log = server->log,
		.workers = server->workers,
		.run = run_request,
		.on_none = on_no_peers,
		.context = server,
	};
	server->services = (struct services){
		.store = server->store,
		.crew = server->crew,
		.keys = server->keys,
		.log = server->log,
		.data = server->config->data,
		.figures = figures_of,
		.context = server,
	};
}

static void server_fini(struct server *server)
{
	workers_free(server->workers);
	crew_free(server->crew);
	persist_keys_free(server->keys);
	listen_fds_fini(&server->passed);
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
		address_fini(&server->listeners[i].address);
}

int server_run(const struct config *config)
{
	struct server *server = must_calloc(1, sizeof(*server));
	server->config = config;
	server->log = &config->log;
	server->started_ms = clock_ms(CLOCK_REALTIME);
	server->started_mono_ms = clock_ms(CLOCK_MONOTONIC);
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++) {
		server->listeners[i].server = server;
		server->listeners[i].fd = -1;
	}
	struct error error = {0};
	/* Writing says EPIPE, and EFBIG. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (listen_fds_take(&server->passed, &error) || open_store(server, &error)) {
		log_line(server->log, LOG_ERROR, "start", "%s", error.text);
		listen_fds_fini(&server->passed);
		free(server);
		return error_exit_status(error.code);
	}
	server->crew = crew_new(0);
	server->keys = persist_keys_new();
	server->workers = workers_new((unsigned)config->sessions, on_task_ended, server);
	wire(server);
	run_loop(server);
	server_fini(server);
	if (server->exit_status == 0 && store_is_read_only(server->store))
		server->exit_status = 1;
	if (store_close(server->store, &error) && server->exit_status == 0) {
		log_line(server->log, LOG_ERROR, "stop", "%s", error.text);
		server->exit_status = 1;
	}
	int status = server->exit_status;
	log_line(server->log, LOG_INFO, "stopped", "status %d", status);
	free(server);
	return status;
}
