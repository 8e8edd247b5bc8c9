#include "daemon/http/http.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/http/request/answer.h"
#include "daemon/http/request/framing.h"
#include "daemon/http/request/host.h"
#include "daemon/http/request/http_request.h"
#include "daemon/http/resource.h"
#include "daemon/http/syntax/route.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/machine/parallel.h"

#define STACK_LEN (512u * 1024u)

/* The library does not say by which way a connection came, so each way has instances of
 * its own. */
/* One thread of the library, and its connections. */
struct instance {
	struct instance *next; /* owned; of all, the latest first */
	struct http *http;     /* borrowed */
	enum proof_way way;
	size_t thread;             /* which of the way's threads it is */
	struct MHD_Daemon *daemon; /* owned */
	SSL_CTX *context; /* owned; what its certificate was taken from; or NULL */
	bool retired;     /* another one takes what comes */
};

struct http {
	const struct services *services; /* borrowed */
	struct http_options options;
	struct budget *sending; /* owned; memory for what is on its way */
	size_t threads;
	struct instance *instances; /* owned; the loop's thread alone uses the list */
	size_t turn;
	atomic_uint_least64_t running;
};

static unsigned seconds_of(uint64_t ms)
{
	return (unsigned)(ms / 1000 + 1);
}

/* ---- connections ----------------------------------------------------------------- */

static int socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info ? info->connect_fd : -1;
}

static struct visitor *visitor_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection,
			  void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct instance *instance = context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		struct visitor *visitor = must_calloc(1, sizeof(*visitor));
		visitor->way = instance->way;
		visitor->fd = socket_of(connection);
		*socket_context = visitor;
		return;
	}
	visitor_fini(*socket_context);
	free(*socket_context);
	*socket_context = NULL;
}

/* ---- requests -------------------------------------------------------------------- */

/* Called with the target as it came, before anything of it was read. */
static void *on_target(void *context, const char *target,
		       struct MHD_Connection *connection)
{
	struct instance *instance = context;
	struct http_request *request = must_calloc(1, sizeof(*request));
	request->http = instance->http;
	request->services = instance->http->services;
	request->sending = instance->http->sending;
	request->connection = connection;
	request->began_ms = clock_now_ms();
	const struct text path = {target, strcspn(target, "?#")};
	request->target = (struct text){arena_text(&request->arena, path), path.len};
	atomic_fetch_add(&instance->http->running, 1);
	return request;
}

static void log_exchange(struct http_request *request)
{
	const char *namespace = arena_text(&request->arena, request->namespace);
	const struct principal *principal = request->visitor ? request->visitor->principal
							     : NULL;
	const struct log_field fields[] = {
		LOG_TEXT("principal", principal ? principal->name : ""),
		LOG_TEXT("namespace", namespace),
		LOG_TEXT("path", request->target.at),
		LOG_NUMBER("status", request->status),
		LOG_NUMBER("ms", clock_now_ms() - request->began_ms),
		LOG_TEXT("result",
			 request->error.code ? error_name(request->error.code) : "ok"),
	};
	log_event(request->services->log, LOG_INFO, "http",
		  request->error.code ? request->error.text : NULL, fields,
		  sizeof(fields) / sizeof(*fields));
}

static void on_completed(void *context, struct MHD_Connection *connection,
			 void **request_context, enum MHD_RequestTerminationCode code)
{
	struct instance *instance = context;
	struct http_request *request = *request_context;
	(void)connection;
	(void)code;
	if (!request)
		return;
	if (request->status)
		log_exchange(request);
	if (request->entered)
		store_leave(request->services->store, request->ticket);
	arena_fini(&request->arena);
	free(request);
	*request_context = NULL;
	atomic_fetch_sub(&instance->http->running, 1);
}

static int show_visitor(struct http_request *request, struct error *error)
{
	const struct visitor_headers headers = {
		.authorization = http_request_header(request, "Authorization"),
		.circle_token = http_request_header(request, "Circle-Token"),
		.private_token = http_request_header(request, "PRIVATE-TOKEN"),
	};
	int err = host_check(request, error);
	if (err == 0)
		err = visitor_show(request->visitor, request->services->access, &headers,
				   error);
	if (err == 0)
		(void)MHD_set_connection_option(
			request->connection, MHD_CONNECTION_OPTION_TIMEOUT,
			seconds_of(request->http->options.idle_ms));
	return err;
}

static enum MHD_Result answer(struct http_request *request)
{
	struct error error = {0};
	struct route route;
	if (show_visitor(request, &error) ||
	    route_find(&request->arena, request->target, &route, &error))
		return answer_error(request, &error);
	request->ticket = store_enter(request->services->store);
	request->entered = true;
	return resource_answer(request, &route);
}

/* Once the head is there: refuses what is not to be read on. */
static enum MHD_Result begin(struct http_request *request)
{
	if (strcmp(request->method, MHD_HTTP_METHOD_GET) != 0 &&
	    !http_request_is_head(request))
		return answer_refusal(request, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD",
				      "here one can only read: GET and HEAD");
	if (!framing_is_bare(request))
		return answer_refusal(request, MHD_HTTP_BAD_REQUEST, NULL,
				      "a request that reads has no body, and no two "
				      "lengths");
	return MHD_YES;
}

/* Called for the head, then for each part of a body, then for the end. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *url, const char *method,
				  const char *version, const char *body, size_t *body_len,
				  void **request_context)
{
	struct http_request *request = *request_context;
	(void)context;
	(void)url;
	(void)version;
	(void)body;
	if (!request->method) {
		request->method = method;
		request->visitor = visitor_of(connection);
		return request->visitor ? begin(request) : MHD_NO;
	}
	/* What was refused goes on until it is cut off. */
	*body_len = 0;
	return request->status ? MHD_YES : answer(request);
}

/* Arguments are decoded where they are looked at, and the path as it was sent. */
static size_t keep_encoded(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static void on_message(void *context, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));
static void on_message(void *context, const char *format, va_list arguments)
{
	const struct http *http = context;
	char text[512];
	text_vprint(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_line(http->services->log, LOG_DEBUG, "http", "%s", text);
}

/* ---- starting and stopping ------------------------------------------------------- */

/* What a TLS instance is given besides; both texts are used during the call alone. */
struct secrets {
	struct buffer certificate, key;
};

static void secrets_fini(struct secrets *secrets)
{
	buffer_fini(&secrets->certificate);
	buffer_wipe(&secrets->key);
}

#define PLAIN_FLAGS                                                                      \
	(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |        \
	 MHD_USE_ERROR_LOG)

/* Clients of CI systems may be too old for 1.3. */
static const char tls_versions[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

static struct MHD_Daemon *start_library(struct instance *instance,
					const struct secrets *secrets)
{
	const struct http_options *options = &instance->http->options;
	bool tls = secrets->key.len > 0;
	struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem secured[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, secrets->certificate.at},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, secrets->key.at},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_versions},
		{MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		 (intptr_t)options->address_connections, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	return MHD_start_daemon(
		PLAIN_FLAGS | (tls ? (unsigned)MHD_USE_TLS : 0u), 0, NULL, NULL,
		on_request, instance, MHD_OPTION_EXTERNAL_LOGGER, on_message,
		instance->http, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)(options->connections / instance->http->threads + 1),
		MHD_OPTION_CONNECTION_TIMEOUT, seconds_of(options->hello_ms),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_LEN,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_LEN,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
		keep_encoded, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_target, instance,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, instance,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, instance, MHD_OPTION_ARRAY,
		tls ? secured : plain, MHD_OPTION_END);
}

/* The library's threads take no signals: the loop does. */
static void start_quietly(struct instance *instance, const struct secrets *secrets)
{
	sigset_t all, before;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	instance->daemon = start_library(instance, secrets);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void instance_free(struct instance *instance)
{
	if (instance->daemon)
		MHD_stop_daemon(instance->daemon);
	SSL_CTX_free(instance->context);
	free(instance);
}

static struct instance *start_instance(struct http *http, enum proof_way way,
				       size_t thread, struct error *error)
{
	struct secrets secrets AUTO(secrets_fini) = {0};
	const struct certificate *certificate = http->options.certificate;
	int err = way == PROOF_TLS ? certificate_pem(certificate, &secrets.certificate,
						     &secrets.key, error)
				   : 0;
	if (err)
		return NULL;
	struct instance *instance = must_calloc(1, sizeof(*instance));
	*instance = (struct instance){.http = http, .way = way, .thread = thread};
	if (way == PROOF_TLS && SSL_CTX_up_ref(certificate->context))
		instance->context = certificate->context;
	start_quietly(instance, &secrets);
	if (instance->daemon) {
		instance->next = http->instances;
		http->instances = instance;
		return instance;
	}
	instance_free(instance);
	(void)error_set(error, ERR_NO_MEMORY, "no thread can be started that answers");
	return NULL;
}

/* The one that takes what comes this way; it is started where there is none. */
static struct instance *find_instance(struct http *http, enum proof_way way,
				      size_t thread, struct error *error)
{
	const SSL_CTX *context = way == PROOF_TLS ? http->options.certificate->context
						  : NULL;
	for (struct instance *at = http->instances; at; at = at->next) {
		if (at->way != way || at->thread != thread || at->retired)
			continue;
		if (at->context == context)
			return at;
		at->retired = true;
	}
	return start_instance(http, way, thread, error);
}

struct http *http_new(const struct services *services, const struct http_options *options)
{
	struct http *http = must_calloc(1, sizeof(*http));
	unsigned cores = parallel_cores();
	http->services = services;
	http->options = *options;
	http->sending = budget_new(HTTP_SENDING_LEN);
	http->threads = cores < HTTP_THREADS_MAX ? cores : HTTP_THREADS_MAX;
	return http;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	for (struct instance *next; http->instances; http->instances = next) {
		next = http->instances->next;
		instance_free(http->instances);
	}
	budget_free(http->sending);
	free(http);
}

bool http_take(struct http *http, int fd, enum proof_way way,
	       const struct sockaddr_storage *from, socklen_t from_len)
{
	struct error error = {0};
	struct instance *instance =
		find_instance(http, way, http->turn++ % http->threads, &error);
	/* Closes the socket where it fails. */
	if (instance)
		return MHD_add_connection(instance->daemon, fd,
					  (const struct sockaddr *)from,
					  from_len) == MHD_YES;
	(void)close(fd);
	log_line(http->services->log, LOG_WARNING, "http", "%s", error.text);
	return false;
}

static bool has_ended(const struct instance *instance)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(
		instance->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	return instance->retired && info && info->num_connections == 0;
}

void http_tick(struct http *http)
{
	for (struct instance **at = &http->instances; *at;) {
		struct instance *instance = *at;
		if (has_ended(instance)) {
			*at = instance->next;
			instance_free(instance);
		} else {
			at = &instance->next;
		}
	}
}

uint64_t http_running(const struct http *http)
{
	return atomic_load(&http->running);
}
