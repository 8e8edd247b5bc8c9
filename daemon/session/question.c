#include "daemon/session/question.h"

#include <string.h>

#include "daemon/session/authorise.h"
#include "daemon/session/layer_message.h"
#include "daemon/session/nothing.h"

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
	const struct contact_request request = session_contact(
		session, &view->scope, look ? CONTACT_LOOK : CONTACT_ATTACH);
	view->is_kept = request.kind == CONTACT_ATTACH;
	return catalogue_contact(store_catalogue(session->services->store), &request,
				 &view->contact, &view->history, error);
}

/* For a layer of another workflow: loads that workflow's history; nothing is recorded. */
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
				    &view->scope, attach->layer, &view->history,
				    ret_layer, error);
}

/* Rule W8: with if_empty a missing workflow is accepted, too, but not a missing parent of
 * a retry (R3). */
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
	int err = 0;
	if (attach->from_workflow.len)
		err = catalogue_workflow_history(
			store_catalogue(session->services->store), &view->scope,
			attach->from_workflow, &view->history, error);
	else
		err = load_own(session, view, error);
	if (err)
		err = store_not_found(session->services->store, error);
	if (is_nothing_allowed(attach, err)) {
		error->code = 0;
		return 0;
	}
	if (err == 0 && attach->layer.len)
		err = load_layer(session, view, ret_layer, error);
	return err;
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
	/* What a set takes is about its cost, once as texts and once as what they mean.
	 */
	int err = patterns->count ? memory_check(2 * GLOB_SET_COST_MAX, error) : 0;
	for (size_t i = 0; err == 0 && i < patterns->count; i++)
		err = glob_set_add(set, patterns->items[i].at, patterns->items[i].len,
				   error);
	return err;
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
	view->options.parents = attach->parents;
	view->options.merge = (struct merge_options){
		.prefer = arena_strings(session->arena, &attach->prefer),
		.prefer_count = attach->prefer.count,
		.on_conflict = (enum on_conflict)on_conflict,
	};
	view->filtered = attach->only.count || attach->exclude.count;
	int err = add_globs(&view->options.filter.only, &attach->only, error);
	return err ? err
		   : add_globs(&view->options.filter.exclude, &attach->exclude, error);
}

/* ---- the answer ---- */

int session_view_make(struct session *session, struct session_view *ret_view,
		      struct error *error)
{
	uint32_t layer = VIEW_NONE;
	ret_view->history.own_execution = VIEW_NONE;
	const struct msg_attach *attach = &session->request->attach;
	int err = session_scope(session, attach->identity.namespace, attach->tier,
				&ret_view->scope, error);
	if (err == 0)
		err = load(session, ret_view, &layer, error);
	if (err)
		return err;
	struct view_request request;
	make_request(session, ret_view, layer, &request);
	err = make_options(session, ret_view, error);
	if (err == 0)
		err = view_make(&ret_view->history.history, &request, &ret_view->view,
				error);
	if (err == 0)
		left_out_find(session, &ret_view->scope, &ret_view->contact,
			      attach->from_workflow, &request, &ret_view->left_out);
	bool empty = err == 0 && ret_view->view.layer_count == 0;
	bool may_be_empty = session->request->attach.if_empty &&
			    store_refusal(session->services->store)->code != ERR_DAMAGED;
	if (empty && !may_be_empty)
		return nothing_error(session, ret_view, error);
	return err;
}

void session_view_fini(struct session_view *view)
{
	view_fini(&view->view);
	catalogue_history_fini(&view->history);
	glob_filter_fini(&view->options.filter);
}
