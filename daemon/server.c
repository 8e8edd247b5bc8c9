#include "daemon/server.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "daemon/access/access.h"
#include "daemon/http/http.h"
#include "daemon/loop/listener.h"
#include "daemon/loop/peer.h"
#include "daemon/loop/pressure.h"
#include "daemon/loop/renewal.h"
#include "daemon/loop/signals.h"
#include "daemon/metrics/metrics.h"
#include "daemon/scrub/scrub.h"
#include "daemon/service/listen_fds.h"
#include "daemon/service/notify.h"
#include "daemon/service/room.h"
#include "daemon/service/socket_access.h"
#include "daemon/session/persist_keys.h"
#include "daemon/session/services.h"
#include "daemon/store/store.h"
#include "daemon/task/crew.h"
#include "daemon/task/threads.h"
#include "daemon/task/workers.h"
#include "daemon/terms/terms.h"
#include "daemon/upkeep/removal.h"
#include "daemon/upkeep/rest.h"
#include "daemon/upkeep/retention.h"
#include "daemon/verb/run.h"
#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/bounds.h"

#define TICK_MS 250u
#define RESERVE_LEN (8u * 1024u * 1024u) /* of memory.h: for what is small */

struct server {
	const struct config *config; /* borrowed */
	const struct log *log;       /* borrowed */
	struct store *store;         /* owned */
	struct crew *crew;           /* owned */
	struct budget *views;        /* owned; memory for what views are read from */
	struct workers *workers;     /* owned */
	struct http *http;           /* owned */
	struct persist_keys *keys;   /* owned; running persists by their key (rule W2) */
	struct access *access;       /* owned */
	struct terms_book *terms;    /* owned */
	uv_loop_t loop;
	struct listen_fds passed; /* owned until the listeners take them */
	struct listeners listeners;
	struct certificate certificate; /* for tls:// */
	struct renewal renewal;
	struct signals signals;
	uv_timer_t tick;
	uv_async_t wake;
	struct retention retention;
	struct removal_work removal;
	struct rest rest;
	struct peers peers;
	struct services services;              /* what sessions may use */
	uint64_t data_place[WELCOME_DATA_MAX]; /* for WELCOME */
	uint64_t started_ms;                   /* Unix time */
	uint64_t started_mono_ms;
	uint64_t stop_by_ms; /* loop time; 0 while running */
	bool closing_handles;
	int exit_status;
};

static bool is_stopping(const struct server *server)
{
	return server->stop_by_ms != 0;
}

/* ---- stopping ---- */

/* What runs has had the time that it may take to finish. */
static bool is_late(const struct server *server)
{
	return uv_now(&server->loop) >= server->stop_by_ms;
}

static void close_handles(struct server *server)
{
	if (server->closing_handles || server->retention.running ||
	    server->removal.running)
		return;
	server->closing_handles = true;
	signals_close(&server->signals);
	uv_close((uv_handle_t *)&server->tick, NULL);
	uv_close((uv_handle_t *)&server->wake, NULL);
}

/* Called when the last connection was closed, and when retention has run. */
static void end_if_stopped(void *context)
{
	struct server *server = context;
	if (is_stopping(server) && !server->peers.first &&
	    (http_running(server->http) == 0 || is_late(server)))
		close_handles(server);
}

static void begin_stop(struct server *server, const char *why)
{
	server->stop_by_ms = uv_now(&server->loop) + server->config->stop_timeout_ms;
	struct workers_figures figures = workers_figures(server->workers);
	log_line(server->log, LOG_INFO, "stopping", "%s; %" PRIu64 " requests may finish",
		 why, figures.running);
	notify_state("STOPPING=1");
	listeners_close(&server->listeners);
	removal_stop(&server->removal);
	peers_stop(&server->peers);
	end_if_stopped(server);
}

static void on_signal(void *context, int number)
{
	struct server *server = context;
	if (number == SIGUSR1)
		removal_ask(&server->removal);
	else if (number == SIGHUP && !is_stopping(server))
		renewal_begin(&server->renewal);
	else if (number != SIGHUP && is_stopping(server))
		workers_interrupt(server->workers);
	else if (number != SIGHUP)
		begin_stop(server, strsignal(number));
}

/* ---- what comes from other threads ---- */

/* There may be no loop yet or no longer: end_if_store_failed() ends it. */
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

/* Called on another thread. The loop does not end before what runs there has ended. */
static void wake_loop(void *context)
{
	struct server *server = context;
	(void)uv_async_send(&server->wake);
}

static void on_wake(uv_async_t *handle)
{
	struct server *server = handle->data;
	for (struct task *task; (task = workers_take_ended(server->workers));)
		peer_return(peer_of(task));
	retention_settle(&server->retention);
	removal_settle(&server->removal);
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

static void on_tick(uv_timer_t *timer)
{
	struct server *server = timer->data;
	peers_tick(&server->peers);
	pressure_tick(&server->peers);
	listeners_tick(&server->listeners);
	if (is_stopping(server) && is_late(server))
		workers_interrupt(server->workers);
	end_if_stopped(server);
	end_if_store_failed(server);
	if (!is_stopping(server)) {
		retention_tick(&server->retention, &server->loop);
		removal_tick(&server->removal, &server->loop);
	}
	http_tick(server->http);
	rest_tick(&server->rest, uv_now(&server->loop));
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
	int err = store_open(&options, &server->store, error);
	if (err == 0 && store_refusal(server->store)->code)
		log_line(server->log, LOG_ERROR, "store", "%s",
			 store_refusal(server->store)->text);
	return err;
}

/* Only where somebody may ask for it. */
static int load_certificate(struct server *server, struct error *error)
{
	bool needed = listeners_need_certificate(server->config);
	return needed && server->passed.count == 0
		       ? renewal_load(&server->renewal, &server->certificate, error)
		       : 0;
}

static int start_crew(struct server *server, struct error *error)
{
	int err = crew_new(0, &server->crew, error);
	if (err == 0 && crew_threads(server->crew) == 0)
		log_line(server->log, LOG_WARNING, "start",
			 "no thread for the crew could be started; each session does "
			 "its work itself");
	return err;
}

static int init_handles(struct server *server)
{
	uv_loop_t *loop = &server->loop;
	int number = uv_async_init(loop, &server->wake, on_wake);
	if (number == 0)
		number = uv_timer_init(loop, &server->tick);
	server->wake.data = server->tick.data = server;
	if (number == 0)
		number = uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS);
	if (number == 0)
		number = signals_open(&server->signals, loop, on_signal, server);
	return number == 0 ? threads_begin_pool(loop) : number;
}

static void close_any(uv_handle_t *handle, void *context)
{
	(void)context;
	uv_close(handle, NULL);
}

static int start_loop(struct server *server, struct error *error)
{
	int number = uv_loop_init(&server->loop);
	if (number == 0 && (number = init_handles(server))) {
		uv_walk(&server->loop, close_any, NULL);
		(void)uv_run(&server->loop, UV_RUN_DEFAULT);
		(void)uv_loop_close(&server->loop);
	}
	return number ? error_set_errno(error, ERR_NO_MEMORY, -number,
					"the event loop cannot be made")
		      : 0;
}

static void run_loop(struct server *server)
{
	struct error error = {0};
	if (start_loop(server, &error)) {
		log_line(server->log, LOG_ERROR, "start", "%s", error.text);
		server->exit_status = error_exit_status(error.code);
		return;
	}
	if (load_certificate(server, &error) ||
	    listeners_open(&server->listeners, &server->passed, &error)) {
		log_line(server->log, LOG_ERROR, "start", "%s", error.text);
		server->exit_status = error_exit_status(error.code);
		begin_stop(server, "cannot listen");
	} else {
		log_line(server->log, LOG_INFO, "ready", "batond %s, data in %s",
			 BATON_VERSION, server->config->data);
		notify_state("READY=1");
	}
	(void)uv_run(&server->loop, UV_RUN_DEFAULT);
	claim(uv_loop_close(&server->loop) == 0);
}

/* ---- what sessions are given ---- */

static struct daemon_figures figures_of(void *context)
{
	const struct server *server = context;
	struct workers_figures workers = workers_figures(server->workers);
	return (struct daemon_figures){
		.started_ms = server->started_ms,
		.uptime_ms = clock_now_ms() - server->started_mono_ms,
		.connections = server->peers.count,
		.running = workers.running,
		.waiting = workers.waiting,
		.running_max = server->config->sessions,
	};
}

/* In the configuration 0 means no limit, for a link -1 does. */
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
		.transport = peer->transport,
		.label = peer->label,
		.principal = peer->principal,
		.tier = peer->principal->tier,
		.local = peer->way == PROOF_UNIX,
		.silence_ms = silence_of(server->config),
		.meter = &peer->meter,
		.too_slow = &peer->pace.too_slow,
		.holds_memory = &peer->pace.holds_memory,
	};
	peer->keep = verb_run(&server->services, &call, wake_fd);
}

/* On the loop's thread. */
static bool take_http(void *context, int fd, enum proof_way way,
		      const struct sockaddr_storage *from, socklen_t from_len)
{
	const struct server *server = context;
	return http_take(server->http, fd, way, from, from_len);
}

static struct http *make_http(struct server *server)
{
	const struct http_options http = {
		.connections = server->config->connections,
		.address_connections = server->config->address_connections,
		.hello_ms = server->config->hello_ms,
		.idle_ms = server->config->idle_ms,
		.certificate = &server->certificate,
	};
	return http_new(&server->services, &http);
}

static void wire(struct server *server)
{
	server->peers = (struct peers){
		.loop = &server->loop,
		.config = server->config,
		.log = server->log,
		.workers = server->workers,
		.count_max = room_for_connections(server->config->connections,
						  server->config->sessions),
		.access = server->access,
		.views = server->views,
		.run = run_request,
		.take_http = take_http,
		.on_none = end_if_stopped,
		.context = server,
	};
	admission_init(&server->peers.admission, server->config->address_connections);
	listeners_init(&server->listeners, &server->peers, &server->certificate);
	server->renewal = (struct renewal){
		.loop = &server->loop,
		.config = server->config,
		.access = server->access,
		.terms = server->terms,
		.log = server->log,
	};
	server->peers.data.items = server->data_place;
	server->peers.data.count =
		store_ancestry(server->store, server->data_place, WELCOME_DATA_MAX);
	server->retention = (struct retention){
		.store = server->store,
		.log = server->log,
		.terms = server->terms,
		.on_worked = wake_loop,
		.on_done = end_if_stopped,
		.context = server,
	};
	removal_init(&server->removal, &server->retention);
	server->rest = (struct rest){.crew = server->crew, .workers = server->workers};
	server->services = (struct services){
		.store = server->store,
		.crew = server->crew,
		.views = server->views,
		.view_wait_ms = server->config->queue_wait_ms,
		.keys = server->keys,
		.log = server->log,
		.access = server->access,
		.reuse_namespace = server->config->reuse_namespace,
		.metrics = metrics_new(),
		.removal = &server->removal.totals,
		.scrub =
			scrub_start(server->store, server->log, server->config->scrub_ms),
		.terms = server->terms,
		.data = server->config->data,
		.figures = figures_of,
		.context = server,
	};
	server->http = make_http(server);
}

static void server_fini(struct server *server)
{
	removal_fini(&server->removal);
	http_free(server->http);
	scrub_stop(server->services.scrub);
	workers_free(server->workers);
	crew_free(server->crew);
	budget_free(server->views);
	metrics_free(server->services.metrics);
	persist_keys_free(server->keys);
	access_free(server->access);
	terms_book_free(server->terms);
	listen_fds_fini(&server->passed);
	listeners_fini(&server->listeners);
	certificate_fini(&server->certificate);
}

/* Makes all that must exist before the loop does. */
static int prepare(struct server *server, struct error *error)
{
	/* So that a write fails with EPIPE or EFBIG instead of ending the process. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	/* libuv aborts when an allocation fails; with must_…() it first uses the
	 * reserve. */
	(void)uv_replace_allocator(must_alloc, must_realloc, must_calloc, free);
	int err = memory_keep_reserve(RESERVE_LEN, error);
	if (err == 0)
		err = threads_check(error);
	if (err == 0)
		err = listen_fds_take(&server->passed, error);
	if (err == 0)
		err = socket_access_check_passed(&server->config->socket, &server->passed,
						 error);
	if (err == 0)
		err = start_crew(server, error);
	if (err == 0)
		err = access_new(server->config, &server->access, error);
	if (err == 0)
		err = terms_book_new(server->config, &server->terms, error);
	return err ? err : open_store(server, error);
}

int server_run(const struct config *config)
{
	struct server *server = must_calloc(1, sizeof(*server));
	server->config = config;
	server->log = &config->log;
	server->started_ms = (uint64_t)clock_wall_ms();
	server->started_mono_ms = clock_now_ms();
	struct error error = {0};
	if (prepare(server, &error)) {
		log_line(server->log, LOG_ERROR, "start", "%s", error.text);
		crew_free(server->crew);
		access_free(server->access);
		terms_book_free(server->terms);
		listen_fds_fini(&server->passed);
		free(server);
		return error_exit_status(error.code);
	}
	server->keys = persist_keys_new();
	server->workers = workers_new((unsigned)config->sessions, wake_loop, server);
	server->views = budget_new(config->view_memory);
	wire(server);
	retention_run(&server->retention);
	run_loop(server);
	retention_rest(&server->retention);
	server_fini(server);
	if (server->exit_status == 0 && store_is_read_only(server->store))
		server->exit_status = 1;
	if (store_close(server->store, &error) && server->exit_status == 0) {
		log_line(server->log, LOG_ERROR, "stop", "%s", error.text);
		server->exit_status = error_exit_status(error.code);
	}
	int status = server->exit_status;
	log_line(server->log, LOG_INFO, "stopped", "status %d", status);
	free(server);
	return status;
}
