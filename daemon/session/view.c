#include "daemon/session/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/session/layer_message.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define SENTENCE_SIZE 1000u

/* ---- which history ---- */

/* The layer named by an id or the beginning of one, in this history; VIEW_NONE. */
static uint32_t find_layer(const struct catalogue_history *history, struct text id)
{
	uint32_t found = VIEW_NONE;
	for (uint32_t i = 0; id.len >= 4 && i < history->history.layer_count; i++) {
		char name[LAYER_ID_TEXT_SIZE];
		layer_id_text(history->records[i].name, name);
		if (id.len >= sizeof(name) || memcmp(name, id.at, id.len) != 0)
			continue;
		if (found != VIEW_NONE)
			return VIEW_NONE;
		found = i;
	}
	return found;
}

static int load_own(struct session *session, struct session_view *view,
		    struct error *error)
{
	const struct msg_attach *attach = &session->request->attach;
	bool look = text_is(attach->purpose, "look");
	const struct contact_request request =
		contact_of(&attach->identity, look ? CONTACT_LOOK : CONTACT_ATTACH);
	return catalogue_contact(store_catalogue(session->services->store), &request,
				 &view->contact, &view->history, error);
}

/* A layer that is not of the own workflow: its own workflow's history, nothing recorded.
 */
static int load_layer(struct session *session, struct session_view *view,
		      uint32_t *ret_layer, struct error *error)
{
	const struct msg_attach *attach = &session->request->attach;
	*ret_layer = find_layer(&view->history, attach->layer);
	if (*ret_layer != VIEW_NONE)
		return 0;
	catalogue_history_fini(&view->history);
	view->history = (struct catalogue_history){0};
	view->contact.execution_id = 0;
	return catalogue_find_layer(store_catalogue(session->services->store),
				    attach->identity.namespace, attach->layer,
				    &view->history, ret_layer, error);
}

/* Rule W8: also of a workflow that is not there if_empty says that nothing will do; but
 * not of the parent of a retry (R3). */
static bool is_nothing_allowed(const struct msg_attach *attach, int code)
{
	bool of_workflow = attach->from_workflow.len || !attach->identity.retry_of.len;
	return code == ERR_NOT_FOUND && attach->if_empty && of_workflow;
}

static int load(struct session *session, struct session_view *view, uint32_t *ret_layer,
		struct error *error)
{
	const struct msg_attach *attach = &session->request->attach;
	*ret_layer = VIEW_NONE;
	int code = 0;
	if (attach->from_workflow.len)
		code = catalogue_workflow_history(
			store_catalogue(session->services->store),
			attach->identity.namespace, attach->from_workflow, &view->history,
			error);
	else
		code = load_own(session, view, error);
	if (code)
		code = store_not_found(session->services->store, error);
	if (is_nothing_allowed(attach, code)) {
		error->code = 0;
		return 0;
	}
	if (code == 0 && attach->layer.len)
		code = load_layer(session, view, ret_layer, error);
	return code;
}

/* ---- the question ---- */

static void make_request(struct session *session, const struct session_view *view,
			 uint32_t layer, struct view_request *request)
{
	const struct msg_attach *attach = &session->request->attach;
	bool other = attach->from_workflow.len > 0;
	struct text run = attach->identity.run.len ? attach->identity.run : text_of("1");
	*request = (struct view_request){
		.run = other ? NULL : arena_text(session->arena, run),
		.execution = other ? VIEW_NONE : view->history.own_execution,
		.job = other || attach->identity.job.len == 0
			       ? NULL
			       : arena_text(session->arena, attach->identity.job),
		.has_needs = !other && attach->identity.has_needs,
		.needs = arena_strings(session->arena, &attach->identity.needs),
		.need_count = other ? 0 : attach->identity.needs.count,
		.from = arena_strings(session->arena, &attach->from),
		.from_count = attach->from.count,
		.layer = layer,
		.stale_keep = text_is(attach->stale, "keep"),
	};
}

static int add_globs(struct glob_set *set, const struct text_list *patterns,
		     struct error *error)
{
	int code = 0;
	for (size_t i = 0; code == 0 && i < patterns->count; i++)
		code = glob_set_add(set, patterns->items[i].at, patterns->items[i].len,
				    error);
	return code;
}

static int choose(struct text word, const char *const *choices, size_t count,
		  const char *what, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		if (text_is(word, choices[i]))
			return (int)i;
	}
	return word.len == 0
		       ? 0
		       : error_set(error, ERR_PROTOCOL, "ATTACH: `%.*s` is not a %s",
				   (int)word.len, word.at, what);
}

static int make_options(struct session *session, struct session_view *view,
			struct error *error)
{
	static const char *const conflicts[] = {
		[ON_CONFLICT_ERROR] = "error",
		[ON_CONFLICT_FIRST] = "first",
		[ON_CONFLICT_LAST] = "last",
		[ON_CONFLICT_MARK] = "mark",
	};
	static const char *const stales[] = {"drop", "keep"};
	static const char *const purposes[] = {"attach", "look"};
	const struct msg_attach *attach = &session->request->attach;
	int on_conflict = choose(attach->on_conflict, conflicts, 4, "on_conflict", error);
	if (on_conflict < 0)
		return on_conflict;
	if (choose(attach->stale, stales, 2, "stale", error) < 0 ||
	    choose(attach->purpose, purposes, 2, "purpose", error) < 0)
		return error->code;
	view->options.filter.exclude.basename_anywhere = true;
	view->options.by_job = attach->by_job;
	view->options.merge = (struct merge_options){
		.prefer = arena_strings(session->arena, &attach->prefer),
		.prefer_count = attach->prefer.count,
		.on_conflict = (enum on_conflict)on_conflict,
	};
	view->filtered = attach->only.count || attach->exclude.count;
	int code = add_globs(&view->options.filter.only, &attach->only, error);
	return code ? code
		    : add_globs(&view->options.filter.exclude, &attach->exclude, error);
}

/* ---- nothing to give (W8) ---- */

struct sentence {
	char text[SENTENCE_SIZE];
	size_t len;
};

static void say(struct sentence *sentence, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct sentence *sentence, const char *format, ...)
{
	size_t room = sizeof(sentence->text) - sentence->len;
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(sentence->text + sentence->len, room, format, arguments);
	va_end(arguments);
	if (len > 0)
		sentence->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* Whether one of the names may be a list that somebody meant. */
static bool has_comma(const struct text_list *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i].len &&
		    memchr(names->items[i].at, ',', names->items[i].len))
			return true;
	return false;
}

/* Names them after `intro`. */
static void say_names(struct session *session, const char *intro,
		      const struct text_list *names, struct sentence *sentence)
{
	for (size_t i = 0; i < names->count; i++)
		say(sentence, "%s `%s`", i ? "," : intro,
		    arena_text(session->arena, names->items[i]));
}

/* Executions that only made a base of another workflow were not heard of here. */
static bool is_heard_of(const struct session_view *view, const char *name, bool is_shard)
{
	const struct history *history = &view->history.history;
	for (size_t i = 0; i < history->execution_count; i++) {
		const struct history_execution *it = &history->executions[i];
		if (!it->fact && (is_shard ? merge_is_named(name, it->job, it->shard)
					   : strcmp(name, it->job) == 0))
			return true;
	}
	return false;
}

/* Those of the request's names that were never heard of, in the arena. */
static struct text_list unknown_of(struct session *session,
				   const struct session_view *view,
				   const struct text_list *names)
{
	struct text_list unknown = {
		.items = arena_take(session->arena,
				    (names->count + 1) * sizeof(struct text))};
	bool is_shard = names == &session->request->attach.prefer;
	for (size_t i = 0; i < names->count; i++) {
		const char *name = arena_text(session->arena, names->items[i]);
		if (!is_heard_of(view, name, is_shard))
			unknown.items[unknown.count++] = names->items[i];
	}
	return unknown;
}

static struct text_list unknown_needs(struct session *session,
				      const struct session_view *view)
{
	const struct text_list *needs = &session->request->attach.identity.needs;
	struct text_list unknown = {
		.items = arena_take(session->arena,
				    (needs->count + 1) * sizeof(struct text))};
	for (size_t i = 0; i < view->view.unknown_need_count; i++)
		unknown.items[unknown.count++] =
			needs->items[view->view.unknown_needs[i]];
	return unknown;
}

/* Why, as far as names go that the daemon never heard of. Returns advice. */
static uint32_t say_unknown(struct session *session, const struct session_view *view,
			    struct sentence *sentence)
{
	struct text_list needs = unknown_needs(session, view);
	struct text_list from = {0};
	say_names(session, "; the daemon never heard of the job", &needs, sentence);
	if (view->contact.workflow_id || session->request->attach.from_workflow.len)
		from = unknown_of(session, view, &session->request->attach.from);
	say_names(session, "; the daemon never heard of", &from, sentence);
	return (has_comma(&needs) ? ADVICE_ONE_NEED_EACH : 0u) |
	       (has_comma(&from) ? ADVICE_ONE_FROM_EACH : 0u);
}

static int nothing(struct session *session, const struct session_view *view,
		   struct error *error)
{
	const struct msg_attach *attach = &session->request->attach;
	bool other = attach->from_workflow.len > 0;
	const char *workflow =
		arena_text(session->arena,
			   other ? attach->from_workflow : attach->identity.workflow);
	uint32_t advice = ADVICE_ALLOW_EMPTY;
	struct sentence sentence = {0};
	if (!other && view->contact.workflow_id == 0) {
		say(&sentence,
		    "workflow `%s` is unknown here: nothing was persisted under that "
		    "name",
		    workflow);
		advice |= ADVICE_RETRY_OF;
	} else {
		say(&sentence, "workflow `%s` has no layer that this job would see",
		    workflow);
	}
	say_names(session, " from", &attach->from, &sentence);
	advice |= say_unknown(session, view, &sentence);
	if (view->view.stale_count) {
		say(&sentence, "; %zu stale ones were left out", view->view.stale_count);
		advice |= ADVICE_STALE_BACK;
	}
	(void)error_set(error, ERR_NOT_FOUND, "%s", sentence.text);
	return error_advise(error, advice);
}

int session_view_make(struct session *session, struct session_view *ret_view,
		      struct error *error)
{
	uint32_t layer = VIEW_NONE;
	ret_view->history.own_execution = VIEW_NONE;
	int code = load(session, ret_view, &layer, error);
	if (code)
		return code;
	struct view_request request;
	make_request(session, ret_view, layer, &request);
	code = make_options(session, ret_view, error);
	if (code == 0)
		code = view_make(&ret_view->history.history, &request, &ret_view->view,
				 error);
	bool empty = code == 0 && ret_view->view.layer_count == 0;
	bool may_be_empty = session->request->attach.if_empty &&
			    store_refusal(session->services->store)->code != ERR_DAMAGED;
	if (empty && !may_be_empty)
		return nothing(session, ret_view, error);
	return code;
}

void session_view_fini(struct session_view *view)
{
	view_fini(&view->view);
	catalogue_history_fini(&view->history);
	glob_filter_fini(&view->options.filter);
}

/* ---- VIEW ---- */

static struct msg_layer_list describe_layers(struct session *session,
					     const struct session_view *view)
{
	struct msg_layer_list list = {.count = view->view.layer_count};
	list.items = arena_take(session->arena, (list.count + 1) * sizeof(*list.items));
	for (uint32_t i = 0; i < list.count; i++) {
		layer_message(session->arena, &view->history, view->view.layers[i].layer,
			      &list.items[i]);
		layer_message_after(session->arena, &view->history, &view->view, i,
				    &list.items[i]);
	}
	return list;
}

static struct msg_layer_list describe_stale(struct session *session,
					    const struct session_view *view)
{
	struct msg_layer_list list = {.count = view->view.stale_count};
	list.items = arena_take(session->arena, (list.count + 1) * sizeof(*list.items));
	for (size_t i = 0; i < list.count; i++) {
		char *reason = arena_take(session->arena, SENTENCE_SIZE);
		layer_message(session->arena, &view->history, view->view.stale[i],
			      &list.items[i]);
		view_stale_sentence(&view->history.history, &view->view,
				    view->view.stale[i], reason, SENTENCE_SIZE);
		list.items[i].reason = text_of(reason);
	}
	return list;
}

static bool all_layers_are_empty(const struct session_view *view)
{
	for (size_t i = 0; i < view->view.layer_count; i++) {
		const struct layer_record *record =
			&view->history.records[view->view.layers[i].layer];
		if (totals_rows(&record->totals))
			return false;
	}
	return view->view.layer_count > 0;
}

static void add_warnings(struct session *session, const struct session_view *view,
			 struct msg_view *message)
{
	const struct msg_attach *attach = &session->request->attach;
	struct text *warnings = arena_take(session->arena, 2 * sizeof(*warnings));
	message->warnings.items = warnings;
	if (*view->contact.warning)
		warnings[message->warnings.count++] =
			arena_copy(session->arena, view->contact.warning);
	if (all_layers_are_empty(view))
		warnings[message->warnings.count++] =
			text_of("every layer of this view is empty");
	message->unknown_needs = unknown_needs(session, view);
	/* Without any layer it was said what may be empty. */
	if (view->view.layer_count)
		message->unknown_from = unknown_of(session, view, &attach->from);
	message->unknown_prefer = unknown_of(session, view, &attach->prefer);
}

int session_view_send(struct session *session, const struct session_view *view,
		      const struct digest *tag, bool held, struct error *error)
{
	struct msg_layer_list layers = describe_layers(session, view);
	struct msg_layer_list stale = describe_stale(session, view);
	struct msg_view message = {.held = held};
	if (tag)
		message.tag = (struct text){(const char *)tag->bytes, SHA256_LEN};
	add_warnings(session, view, &message);
	size_t layers_sent = 0, stale_sent = 0;
	int code = 0;
	do {
		size_t count = layer_message_batch(&layers, layers_sent);
		message.layers =
			(struct msg_layer_list){layers.items + layers_sent, count};
		layers_sent += count;
		/* The stale ones come when the layers are through. */
		bool through = layers_sent == layers.count && count == 0;
		count = through ? layer_message_batch(&stale, stale_sent) : 0;
		message.stale = (struct msg_layer_list){stale.items + stale_sent, count};
		stale_sent += count;
		message.more = layers_sent < layers.count || stale_sent < stale.count;
		code = link_send_control(&session->link, MSG_VIEW, &message, error);
		message.warnings.count = message.unknown_needs.count = 0;
		message.unknown_from.count = message.unknown_prefer.count = 0;
		message.tag.len = 0;
		message.held = false;
	} while (code == 0 && message.more);
	return code;
}
