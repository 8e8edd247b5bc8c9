#include "daemon/session/left_out.h"

#include "daemon/session/layer_message.h"
#include "proto/base/cleanup.h"

int session_scope(const struct session *session, struct text namespace, struct text tier,
		  struct scope *ret_scope, struct error *error)
{
	bool both = text_is(tier, "untrusted");
	if (!both && tier.len && !text_is(tier, "trusted"))
		return error_set(error, ERR_PROTOCOL, "`%.*s` is not a tier",
				 (int)tier.len, tier.at);
	*ret_scope = (struct scope){namespace, session->tier, both};
	return 0;
}

/* With the layers of both tiers; empty where there is no other tier. */
static int load_both(struct session *session, const struct scope *scope,
		     const struct contact *contact, struct text from_workflow,
		     struct catalogue_history *ret_history, struct error *error)
{
	struct catalogue *catalogue = store_catalogue(session->services->store);
	struct scope both = *scope;
	both.both = true;
	if (!from_workflow.len && !contact->other_workflow_id)
		return 0;
	if (!from_workflow.len)
		return catalogue_history_load(catalogue, contact, true, ret_history,
					      error);
	int err = catalogue_workflow_history(catalogue, &both, from_workflow, ret_history,
					     error);
	return err == ERR_NOT_FOUND ? 0 : err;
}

/* The texts outlive the history. */
static void keep_texts(struct arena *arena, struct msg_layer *layer)
{
	struct text *texts[] = {&layer->workflow, &layer->run,     &layer->job,
				&layer->shard,    &layer->attempt, &layer->digest};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *copy = arena_text(arena, *texts[i]);
		*texts[i] = (struct text){copy, texts[i]->len};
	}
}

static void describe(struct session *session, const struct catalogue_history *history,
		     uint32_t layer, struct left_out *left_out)
{
	if (left_out->count++ >= LEFT_OUT_SHOWN)
		return;
	struct msg_layer *message = &left_out->layers.items[left_out->layers.count++];
	layer_message(session->arena, history, layer, message);
	keep_texts(session->arena, message);
}

/* Those that the request would see, of a history of both tiers. */
static void find_seen(struct session *session, const struct catalogue_history *history,
		      const struct view_request *request, struct left_out *left_out)
{
	struct view view AUTO(view_fini) = {0};
	struct view_request all = *request;
	struct error ignored = {0};
	all.execution = history->own_execution;
	/* What is stale there is no reason to refuse what was asked for here. */
	all.stale_keep = true;
	if (view_make(&history->history, &all, &view, &ignored))
		return;
	left_out->layers.items =
		arena_take(session->arena, LEFT_OUT_SHOWN * sizeof(struct msg_layer));
	for (size_t i = 0; i < view.layer_count; i++)
		if (history->records[view.layers[i].layer].tier == TIER_UNTRUSTED)
			describe(session, history, view.layers[i].layer, left_out);
}

static int find(struct session *session, const struct scope *scope,
		const struct contact *contact, struct text from_workflow,
		const struct view_request *request, struct left_out *left_out,
		struct error *error)
{
	struct catalogue_history history AUTO(catalogue_history_fini) = {0};
	struct text workflow = from_workflow.len
				       ? from_workflow
				       : request_identity(session->request)->workflow;
	uint64_t stored;
	int err = catalogue_count_other(store_catalogue(session->services->store), scope,
					workflow, &stored, error);
	if (err || stored == 0)
		return err;
	if (stored > LEFT_OUT_LOADED_MAX) {
		left_out->count = stored;
		return 0;
	}
	err = load_both(session, scope, contact, from_workflow, &history, error);
	if (err == 0 && history.history.layer_count)
		find_seen(session, &history, request, left_out);
	return err;
}

void left_out_find(struct session *session, const struct scope *scope,
		   const struct contact *contact, struct text from_workflow,
		   const struct view_request *request, struct left_out *ret_left_out)
{
	struct error error = {0};
	*ret_left_out = (struct left_out){0};
	/* One layer that was asked for leaves out nothing. */
	if (scope->both || scope->tier == TIER_UNTRUSTED || request->layer != VIEW_NONE)
		return;
	if (find(session, scope, contact, from_workflow, request, ret_left_out, &error))
		log_line(session->services->log, LOG_WARNING, "left out",
			 "layers of untrusted jobs were not looked at: %s", error.text);
}
