#include "daemon/session/view.h"

#include "daemon/session/layer_message.h"
#include "daemon/session/unknown.h"

#define SENTENCE_SIZE 1000u

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
	struct text *warnings = arena_take(session->arena, 3 * sizeof(*warnings));
	message->warnings.items = warnings;
	const struct error *refusal = store_refusal(session->services->store);
	if (refusal->code == ERR_DAMAGED)
		warnings[message->warnings.count++] =
			arena_copy(session->arena, refusal->text);
	if (*view->contact.warning)
		warnings[message->warnings.count++] =
			arena_copy(session->arena, view->contact.warning);
	if (all_layers_are_empty(view))
		warnings[message->warnings.count++] =
			text_of("every layer of this view is empty");
	message->unknown_needs = unknown_in_needs(session, view);
	/* Without layers the request allows an empty view, and so an unknown name in
	 * `from`. */
	if (view->view.layer_count)
		message->unknown_from = unknown_in_names(session, view, &attach->from);
	message->unknown_prefer = unknown_in_names(session, view, &attach->prefer);
}

int session_view_send(struct session *session, const struct session_view *view,
		      const struct digest *tag, bool held, struct error *error)
{
	struct msg_layer_list layers = describe_layers(session, view);
	struct msg_layer_list stale = describe_stale(session, view);
	struct msg_view message = {
		.held = held,
		.left_out = view->left_out.layers,
		.left_out_count = view->left_out.count,
	};
	if (tag)
		message.tag = (struct text){(const char *)tag->bytes, SHA256_LEN};
	add_warnings(session, view, &message);
	int err = arena_check(session->arena, error);
	if (err)
		return err;
	size_t layers_sent = 0, stale_sent = 0;
	do {
		size_t count = layer_message_batch(&layers, layers_sent);
		message.layers =
			(struct msg_layer_list){layers.items + layers_sent, count};
		layers_sent += count;
		/* Stale layers follow when all visible ones were sent. */
		bool through = layers_sent == layers.count && count == 0;
		count = through ? layer_message_batch(&stale, stale_sent) : 0;
		message.stale = (struct msg_layer_list){stale.items + stale_sent, count};
		stale_sent += count;
		message.more = layers_sent < layers.count || stale_sent < stale.count;
		err = link_send_control(&session->link, MSG_VIEW, &message, error);
		message.warnings.count = message.unknown_needs.count = 0;
		message.unknown_from.count = message.unknown_prefer.count = 0;
		message.left_out.count = message.left_out_count = 0;
		message.tag.len = 0;
		message.held = false;
	} while (err == 0 && message.more);
	return err;
}
