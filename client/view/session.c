#include "client/view/session.h"

#include <string.h>

#include "client/terminal/advice.h"
#include "client/view/left_out.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/enumeration.h"
#include "proto/bounds.h"

/* So many layers of conflicts are named, as many as conflicts are. */
#define NOTED_MAX 20u

/* ---- conflicts ---- */

static bool mentions(const struct msg_error *conflict, struct text layer)
{
	for (size_t i = 0; i < conflict->conflicts.count; i++) {
		const struct text_list *layers = &conflict->conflicts.items[i].layers;
		for (size_t j = 0; j < layers->count; j++)
			if (text_equal(layers->items[j], layer))
				return true;
	}
	return false;
}

/* A conflict names layers by id: which jobs they are of. */
static void note_jobs(const struct view_session *session,
		      const struct msg_error *conflict)
{
	const struct msg_layer_list *layers = &session->view.layers;
	size_t count = 0;
	for (size_t i = 0; i < layers->count; i++) {
		char label[LAYER_LABEL_SIZE];
		const struct msg_layer *layer = &layers->items[i];
		if (mentions(conflict, layer->layer) && count++ < NOTED_MAX)
			report_note(session->report, "layer %.*s is of `%s`",
				    (int)layer->layer.len, layer->layer.at,
				    layer_label(layer, label, sizeof(label)));
	}
	if (count > NOTED_MAX)
		report_note(session->report, "and %zu more layers; `baton log` has all",
			    count - NOTED_MAX);
}

/* The warnings may tell how it came to that: a preferred job that is mistyped, a layer
 * that is stale. */
static void keep_conflicts(struct view_session *session)
{
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_error conflict;
	view_session_warn(session);
	if (!link_last_error(&session->connection.link, &memory, &conflict))
		return;
	note_jobs(session, &conflict);
	report_keep_conflicts(session->report, &conflict);
}

/* ---- the view ---- */

int view_session_connect(struct view_session *session, const struct connection_how *how,
			 uint64_t deadline_ms, struct error *error)
{
	return connection_open(how, deadline_ms, NULL, &session->connection, error);
}

/* What comes behind the request. From here on there may be little to say for long. */
static int receive(struct view_session *session, const struct msg_attach *request,
		   struct error *error)
{
	connection_keep_alive(&session->connection);
	int err =
		view_rows_open(&session->view, &session->connection.link, request, error);
	if (err == ERR_CONFLICT)
		keep_conflicts(session);
	return err;
}

int view_session_ask(struct view_session *session, const struct msg_attach *request,
		     struct error *error)
{
	int err =
		link_send_control(&session->connection.link, MSG_ATTACH, request, error);
	return err ? err : receive(session, request, error);
}

int view_session_open(struct view_session *session, const struct connection_how *how,
		      const struct msg_attach *request, uint64_t deadline_ms,
		      struct error *error)
{
	struct connection_request asked = {MSG_ATTACH, request};
	int err = connection_open(how, deadline_ms, &asked, &session->connection, error);
	return err ? err : receive(session, request, error);
}

int view_session_next(struct view_session *session, struct view_row *ret_row,
		      struct error *error)
{
	int got = view_rows_next(&session->view, ret_row, error);
	if (got == ERR_CONFLICT)
		keep_conflicts(session);
	return got;
}

void view_session_close(struct view_session *session)
{
	view_rows_fini(&session->view);
	connection_close(&session->connection);
}

/* ---- what is said of it ---- */

static bool has_comma(struct text name)
{
	return name.len && memchr(name.at, ',', name.len);
}

static void warn_of_need(struct report *report, struct text need)
{
	char advice[ADVICE_TEXT_SIZE];
	report_warning(
		report,
		"needs `%.*s`: the daemon never heard of that job in this workflow%s",
		(int)need.len, need.at,
		advice_text(has_comma(need) ? ADVICE_ONE_NEED_EACH : 0, advice));
}

/* Names given with an option, of which the daemon knows none: one warning for all. */
static void warn_of_names(struct report *report, const char *option,
			  const struct text_list *names, uint32_t advice_of_comma)
{
	struct enumeration list AUTO(enumeration_fini) = {0};
	char advice[ADVICE_TEXT_SIZE];
	bool comma = false;
	for (size_t i = 0; i < names->count; i++) {
		char quoted[NAME_LEN_MAX + 3];
		text_print(quoted, sizeof(quoted), "`%.*s`", (int)names->items[i].len,
			   names->items[i].at);
		enumeration_add(&list, quoted);
		comma = comma || has_comma(names->items[i]);
	}
	if (names->count > 0)
		report_warning(report,
			       "%s %s: the daemon never heard of that in this workflow%s",
			       option, enumeration_end(&list),
			       advice_text(comma ? advice_of_comma : 0, advice));
}

void view_session_warn(struct view_session *session)
{
	const struct view_rows *view = &session->view;
	for (size_t i = 0; i < view->warnings.count; i++)
		report_warning(session->report, "%.*s", (int)view->warnings.items[i].len,
			       view->warnings.items[i].at);
	warn_of_names(session->report, "--from", &view->unknown_from,
		      ADVICE_ONE_FROM_EACH);
	warn_of_names(session->report, "--prefer", &view->unknown_prefer,
		      ADVICE_ONE_PREFER_EACH);
	for (size_t i = 0; i < view->unknown_needs.count; i++)
		warn_of_need(session->report, view->unknown_needs.items[i]);
	for (size_t i = 0; i < view->stale.count; i++) {
		char label[LAYER_LABEL_SIZE];
		const struct msg_layer *layer = &view->stale.items[i];
		report_warning(session->report,
			       "layer %.*s of `%s` is stale and left out: %.*s",
			       (int)layer->layer.len, layer->layer.at,
			       layer_label(layer, label, sizeof(label)),
			       (int)layer->reason.len, layer->reason.at);
	}
	left_out_warn(session->report, &view->left_out, view->left_out_count);
}

static void put_text(struct json_writer *writer, const char *name, struct text text)
{
	json_writer_text_len(writer, name, text.len ? text.at : "", text.len);
}

static void put_layer(struct json_writer *writer, const struct msg_layer *layer)
{
	json_writer_object_begin(writer, NULL);
	put_text(writer, "layer", layer->layer);
	put_text(writer, "workflow", layer->workflow);
	put_text(writer, "run", layer->run);
	put_text(writer, "job", layer->job);
	put_text(writer, "shard", layer->shard);
	put_text(writer, "attempt", layer->attempt);
	json_writer_unsigned(writer, "sequence", layer->sequence);
	if (layer->reason.len)
		put_text(writer, "reason", layer->reason);
	if (layer->tier.len)
		put_text(writer, "tier", layer->tier);
	json_writer_object_end(writer);
}

static void put_layers(struct json_writer *writer, const char *name,
		       const struct msg_layer_list *layers)
{
	json_writer_array_begin(writer, name);
	for (size_t i = 0; i < layers->count; i++)
		put_layer(writer, &layers->items[i]);
	json_writer_array_end(writer);
}

void view_session_json(const struct view_session *session, struct json_writer *writer)
{
	put_layers(writer, "layers", &session->view.layers);
	put_layers(writer, "stale", &session->view.stale);
	put_layers(writer, "left_out", &session->view.left_out);
	json_writer_array_begin(writer, "unknown_needs");
	for (size_t i = 0; i < session->view.unknown_needs.count; i++)
		put_text(writer, NULL, session->view.unknown_needs.items[i]);
	json_writer_array_end(writer);
}

bool view_session_gave_nothing(const struct view_session *session)
{
	const struct totals *totals = &session->view.totals;
	if (totals->files || totals->directories || totals->symlinks)
		return false;
	for (size_t i = 0; i < session->view.layers.count; i++) {
		const struct msg_layer *layer = &session->view.layers.items[i];
		if (layer->files || layer->directories || layer->symlinks)
			return true;
	}
	return session->view.layers.count == 0;
}
