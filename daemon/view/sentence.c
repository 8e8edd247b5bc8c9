#include "daemon/history/names.h"
#include "daemon/view/view.h"
#include "proto/message/message.h"

#define LABEL_SIZE 768

static void layer_label(const struct history *history, uint32_t layer,
			char ret_text[LABEL_SIZE])
{
	execution_label(&history->executions[history->layers[layer].execution], ret_text,
			LABEL_SIZE);
}

void view_stale_sentence(const struct history *history, const struct view *view,
			 uint32_t layer, char *ret_text, size_t room)
{
	text_print(ret_text, room, "%s", "");
	uint32_t reason = view->reasons[layer];
	if (reason == VIEW_NONE)
		return;
	char name[LABEL_SIZE], why[LABEL_SIZE], by[LABEL_SIZE];
	layer_label(history, layer, name);
	layer_label(history, reason, why);
	if (view->states[layer] == LAYER_STALE) {
		layer_label(history, view->reasons[reason], by);
		text_print(ret_text, room,
			   "`%s` is stale: it was built on %s`%s`, which `%s` replaced "
			   "with different content",
			   name,
			   history->layers[reason].inherited ? "the inherited " : "", why,
			   by);
	} else if (view->states[layer] == LAYER_LATE) {
		text_print(ret_text, room,
			   "`%s` is late: `%s`, which replaces it, had committed before",
			   name, why);
	} else {
		text_print(ret_text, room, "%s`%s` was replaced by `%s`",
			   history->layers[layer].inherited ? "the inherited " : "", name,
			   why);
	}
}
