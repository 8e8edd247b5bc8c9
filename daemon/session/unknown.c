#include "daemon/session/unknown.h"

#include <string.h>

/* A maker of a base from another workflow (`fact`) does not count. */
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

struct text_list unknown_in_names(struct session *session,
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

struct text_list unknown_in_needs(struct session *session,
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
