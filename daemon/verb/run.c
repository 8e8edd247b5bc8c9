#include "daemon/verb/run.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/metrics/metrics.h"
#include "daemon/session/authorise.h"
#include "daemon/session/layer_message.h"
#include "daemon/verb/persist/persist.h"
#include "daemon/verb/verb.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

/* With ERR_BUSY: what ran short is free again when another session ends. */
#define RETRY_MS 1000u

static int run_verb(struct session *session, struct error *error)
{
	switch (session->request->type) {
	case MSG_PERSIST:
		return verb_persist(session, error);
	case MSG_ATTACH:
		return verb_attach(session, error);
	case MSG_LOG:
		return verb_log(session, error);
	case MSG_METRICS:
		return verb_metrics(session, error);
	case MSG_BACKUP:
		return verb_backup(session, error);
	default:
		return verb_status(session, error);
	}
}

/* What it is shown, offered or reads is not removed before it has ended. */
static int run_in_store(struct session *session, struct error *error)
{
	struct store *store = session->services->store;
	uint64_t ticket = store_enter(store);
	int err = run_verb(session, error);
	store_leave(store, ticket);
	return err;
}

/* ---- the end of a request ---- */

/* The loop reads on until the client has seen it (PEER_LEAVING): closing at once would
 * throw it away, and no worker waits for who was refused. */
static void send_error(struct session *session, const struct error *error)
{
	struct msg_error message = session->details;
	message.code = error_to_wire(error->code);
	message.exit = (uint64_t)error_exit_status(error->code);
	message.message = text_of(error->text);
	message.retry_ms = error->code == ERR_BUSY ? RETRY_MS : 0;
	struct text advice[ADVICE_COUNT];
	message.advice.items = advice;
	message.advice.count = advice_names(error->advice, advice);
	struct error ignored = {0};
	session->link.wake_fd = -1;
	session->link.silence_ms = LINGER_MS;
	(void)link_send_control(&session->link, MSG_ERROR, &message, &ignored);
}

/* The client ended the request with an ERROR: say so, instead of sending it back to
 * it. */
static void explain_farewell(struct error *error)
{
	struct error told = *error;
	(void)error_set(error, ERR_LOST, "the client gave up: %s (%s)", told.text,
			error_name(told.code));
}

/* A sentence of the link is about its peer, but it is the peer that will read it.
 * ERR_INTERRUPTED means that the daemon stops: a verb that was interrupted for another
 * reason has replaced it. */
static void explain(const struct session *session, const struct session_call *call,
		    struct error *error)
{
	error_say_busy(error);
	if (session->link.last_error.len)
		explain_farewell(error);
	else if (error->code == ERR_INTERRUPTED && atomic_load(call->too_slow))
		(void)error_set(error, ERR_BUSY,
				"this request moves too little while others wait for its "
				"place or memory (batond --min-rate)");
	else if (error->code == ERR_INTERRUPTED)
		(void)error_set(error, ERR_SHUTDOWN,
				"the daemon is shutting down; try again when it is back");
	else if (error->code == ERR_TIMEOUT)
		(void)error_set(error, ERR_TIMEOUT,
				"the daemon heard nothing from this client for %.3g s "
				"and waits no longer (batond --silence)",
				session->link.silence_ms / 1000.0);
}

/* Every text of an identity is at most NAME_LEN_MAX bytes. */
static const char *field_text(struct session *session, struct text text)
{
	return arena_text(session->arena, text);
}

static enum log_level level_of(int code)
{
	if (code == ERR_INTERNAL || code == ERR_DAMAGED || code == ERR_READ_ONLY)
		return LOG_ERROR;
	return code == ERR_PROTOCOL || code == ERR_DENIED ? LOG_WARNING : LOG_INFO;
}

static void log_request(struct session *session, int code, const struct error *error,
			uint64_t elapsed_ms)
{
	struct buffer grants AUTO(buffer_fini) = {0};
	principal_describe(session->principal, &grants);
	buffer_put_u8(&grants, 0);
	static const struct msg_identity nobody;
	const struct msg_identity *identity = request_identity(session->request);
	if (!identity)
		identity = &nobody;
	const struct text other = request_from_workflow(session->request);
	const struct text wanted = request_layer(session->request);
	struct log_field fields[] = {
		LOG_TEXT("peer", session->link.peer),
		LOG_TEXT("principal", session->principal->name),
		LOG_TEXT("tier", tier_text(session->principal->tier)),
		LOG_TEXT("grant", (const char *)grants.at),
		LOG_TEXT("namespace", field_text(session, identity->namespace)),
		LOG_TEXT("workflow", field_text(session, identity->workflow)),
		LOG_TEXT("from_workflow", field_text(session, other)),
		LOG_TEXT("retry_of", field_text(session, identity->retry_of)),
		LOG_TEXT("from_layer", field_text(session, wanted)),
		LOG_TEXT("run", field_text(session, identity->run)),
		LOG_TEXT("job", field_text(session, identity->job)),
		LOG_TEXT("shard", field_text(session, identity->shard)),
		LOG_TEXT("attempt", field_text(session, identity->attempt)),
		LOG_TEXT("layer", session->layer),
		LOG_NUMBER("files", session->files),
		LOG_NUMBER("bytes", session->bytes),
		LOG_NUMBER("new_bytes", session->new_bytes),
		LOG_NUMBER("received", session->link.received_bytes),
		LOG_NUMBER("sent", session->link.sent_bytes),
		LOG_NUMBER("ms", elapsed_ms),
		LOG_TEXT("result", code ? error_name(code) : "ok"),
	};
	log_event(session->services->log, level_of(code), request_verb(session->request),
		  code ? error->text : NULL, fields, sizeof(fields) / sizeof(*fields));
}

static void count_request(const struct session *session, int code, uint64_t begin)
{
	const struct request_count count = {
		.verb = request_verb(session->request),
		.result = code ? error_name(code) : "ok",
		.elapsed_ms = clock_now_ms() - begin,
		.received = session->link.received_bytes,
		.sent = session->link.sent_bytes,
		.bytes = session->bytes,
		.new_bytes = session->new_bytes,
	};
	metrics_end(session->services->metrics, begin, &count);
}

bool verb_run(const struct services *services, const struct session_call *call,
	      int wake_fd)
{
	AUTO(arena_fini) struct arena arena = {0};
	struct session session = {
		.services = services,
		.request = call->request,
		.voice = call->voice,
		.principal = call->principal,
		.holds_memory = call->holds_memory,
		.wake_fd = wake_fd,
		.local = call->local,
		.tier = call->tier,
		.arena = &arena,
	};
	uint64_t begin;
	metrics_begin(services->metrics, &begin);
	link_init(&session.link, call->transport, wake_fd, call->label);
	link_greeted(&session.link);
	session.link.silence_ms = call->silence_ms;
	session.link.meter = call->meter;
	struct error error = {0};
	int err = session_authorise(&session, &error);
	if (err == 0)
		err = run_in_store(&session, &error);
	if (err)
		err = store_not_found(session.services->store, &error);
	session_end_silence(&session);
	if (err == 0)
		err = link_flush(&session.link, &error);
	if (err)
		explain(&session, call, &error);
	err = err ? error.code : 0;
	if (err && err != ERR_LOST)
		send_error(&session, &error);
	log_request(&session, err, &error, clock_now_ms() - begin);
	count_request(&session, err, begin);
	session.link.transport = (struct transport){0}; /* the connection's */
	link_fini(&session.link);
	return err == 0;
}
