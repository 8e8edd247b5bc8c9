#include <stdio.h>
#include <string.h>

#include "daemon/history/names.h"
#include "daemon/session/authorise.h"
#include "daemon/session/layer_message.h"
#include "daemon/session/left_out.h"
#include "daemon/verb/verb.h"
#include "daemon/view/view.h"
#include "proto/base/cleanup.h"

#define REASON_SIZE 1000u

/* What a log is made of. */
struct logged {
	struct scope scope;
	struct contact contact;
	struct catalogue_history history; /* owned */
	struct view view;                 /* owned */
	struct left_out left_out;
};

static void logged_fini(struct logged *logged)
{
	view_fini(&logged->view);
	catalogue_history_fini(&logged->history);
}

static int load_history(struct session *session, struct logged *logged,
			struct error *error)
{
	const struct msg_log *log = &session->request->log;
	struct catalogue *catalogue = store_catalogue(session->services->store);
	int err = session_scope(session, log->identity.namespace, log->tier,
				&logged->scope, error);
	if (err)
		return err;
	if (log->from_workflow.len)
		return catalogue_workflow_history(catalogue, &logged->scope,
						  log->from_workflow, &logged->history,
						  error);
	const struct contact_request look =
		session_contact(session, &logged->scope, CONTACT_LOOK);
	err = catalogue_contact(catalogue, &look, &logged->contact, &logged->history,
				error);
	bool is_shown = logged->contact.both && logged->contact.other_workflow_id;
	if (err == 0 && logged->contact.workflow_id == 0 && !is_shown)
		return error_set(error, ERR_NOT_FOUND,
				 "workflow `%s` is unknown here: nothing was persisted "
				 "under that name",
				 arena_text(session->arena, log->identity.workflow));
	return err;
}

/* Why a layer is out of sight, as one sentence. */
static struct text reason_of(struct session *session,
			     const struct catalogue_history *history,
			     const struct view *view, uint32_t layer)
{
	char *text = arena_take(session->arena, REASON_SIZE);
	uint8_t state = view->states[layer];
	uint32_t cause = view->reasons[layer];
	if (state == LAYER_STALE) {
		view_stale_sentence(&history->history, view, layer, text, REASON_SIZE);
	} else if ((state == LAYER_REPLACED || state == LAYER_LATE) &&
		   cause != VIEW_NONE) {
		char label[600], id[LAYER_ID_TEXT_SIZE];
		const struct history_layer *by = &history->history.layers[cause];
		execution_label(&history->history.executions[by->execution], label,
				sizeof(label));
		layer_id_text(history->records[cause].name, id);
		snprintf(text, REASON_SIZE, "%s by layer %s of %s",
			 state == LAYER_LATE ? "committed after it was replaced"
					     : "replaced",
			 id, label);
	}
	return text_of(text);
}

static void describe(struct session *session, const struct catalogue_history *history,
		     const struct view *view, uint32_t layer, struct msg_layer *message)
{
	layer_message(session->arena, history, layer, message);
	message->state = text_of(layer_state_text(view->states[layer]));
	message->reason = reason_of(session, history, view, layer);
}

/* The view's layers in order, then, with all, the others in commit order. */
static struct msg_layer_list list_layers(struct session *session,
					 const struct catalogue_history *history,
					 const struct view *view)
{
	size_t room = history->history.layer_count + 1;
	struct msg_layer_list list = {
		.items = arena_take(session->arena, room * sizeof(*list.items))};
	bool *listed = arena_take(session->arena, room * sizeof(*listed));
	for (uint32_t i = 0; i < view->layer_count; i++) {
		struct msg_layer *message = &list.items[list.count++];
		describe(session, history, view, view->layers[i].layer, message);
		layer_message_after(session->arena, history, view, i, message);
		listed[view->layers[i].layer] = true;
	}
	for (uint32_t i = 0; session->request->log.all && i < room - 1; i++) {
		bool shown = !listed[i] && view->states[i] != LAYER_HIDDEN;
		if (shown)
			describe(session, history, view, i, &list.items[list.count++]);
	}
	return list;
}

/* Where the catalogue has forgotten something, layers may be missing without a trace. */
static struct text_list warnings_of(const struct session *session, struct text *room)
{
	const struct error *refusal = store_refusal(session->services->store);
	*room = text_of(refusal->text);
	return (struct text_list){room, refusal->code == ERR_DAMAGED ? 1 : 0};
}

int verb_log(struct session *session, struct error *error)
{
	struct logged logged AUTO(logged_fini) = {0};
	int err = load_history(session, &logged, error);
	const struct view_request request = {.execution = VIEW_NONE, .layer = VIEW_NONE};
	if (err == 0)
		err = view_make(&logged.history.history, &request, &logged.view, error);
	if (err)
		return err;
	left_out_find(session, &logged.scope, &logged.contact,
		      session->request->log.from_workflow, &request, &logged.left_out);
	struct msg_layer_list layers =
		list_layers(session, &logged.history, &logged.view);
	err = arena_check(session->arena, error);
	if (err)
		return err;
	session_end_silence(session);
	struct text warning;
	struct text_list warnings = warnings_of(session, &warning);
	size_t first = 0;
	do {
		size_t count = layer_message_batch(&layers, first);
		struct msg_log_reply reply = {
			.layers = {.items = layers.items + first, .count = count},
			.parent = text_of(logged.history.parent),
			.more = first + count < layers.count,
		};
		if (first == 0) {
			reply.warnings = warnings;
			reply.left_out = logged.left_out.layers;
			reply.left_out_count = logged.left_out.count;
		}
		err = link_send_control(&session->link, MSG_LOG_REPLY, &reply, error);
		first += count;
	} while (err == 0 && first < layers.count);
	return err;
}
