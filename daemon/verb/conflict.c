#include "daemon/verb/conflict.h"

#include <stdio.h>
#include <string.h>

#include "daemon/history/names.h"
#include "daemon/session/layer_message.h"
#include "proto/base/advice.h"
#include "proto/base/cleanup.h"
#include "proto/base/enumeration.h"
#include "proto/base/escape.h"

#define LABEL_SIZE 160u

static void describe(struct arena *arena, const struct session_view *view,
		     const struct merge_conflict *conflict, struct msg_conflict *message)
{
	message->path =
		(struct text){.at = arena_text(arena, (struct text){conflict->path,
								    conflict->path_len}),
			      .len = conflict->path_len};
	message->layers.count = conflict->source_count;
	message->layers.items =
		arena_take(arena, conflict->source_count * sizeof(struct text));
	for (size_t i = 0; i < conflict->source_count; i++) {
		uint32_t layer = view->view.layers[conflict->sources[i]].layer;
		message->layers.items[i] =
			layer_message_id(arena, &view->history.records[layer]);
	}
}

/* Conflicts whose paths are very long are left to the count. */
static size_t how_many_fit(const struct merge_conflict *conflicts, size_t count)
{
	size_t len = 0, fit = 0;
	while (fit < count) {
		len += conflicts[fit].path_len +
		       conflicts[fit].source_count * LAYER_ID_TEXT_SIZE + 64;
		if (len > CONTROL_LEN_MAX / 2)
			break;
		fit++;
	}
	return fit;
}

static const struct history_execution *maker_of(const struct session_view *view,
						uint32_t source)
{
	const struct history *history = &view->history.history;
	uint32_t layer = view->view.layers[source].layer;
	return &history->executions[history->layers[layer].execution];
}

/* A job's name alone chooses nothing where shards of one job disagree. */
static bool is_between_shards(const struct session_view *view,
			      const struct merge_conflict *conflict)
{
	for (size_t i = 0; i < conflict->source_count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(maker_of(view, conflict->sources[i])->job,
				   maker_of(view, conflict->sources[k])->job) == 0)
				return true;
	return false;
}

/* The conflicts as data, for programs. */
static void list_all(struct session *session, const struct session_view *view,
		     const struct merge *merge)
{
	size_t count = 0;
	const struct merge_conflict *conflicts = merge_conflicts(merge, &count);
	struct msg_error *details = &session->details;
	size_t fit = how_many_fit(conflicts, count);
	details->conflict_count = merge_conflict_count(merge);
	details->conflicts.count = fit;
	details->conflicts.items =
		arena_take(session->arena, (fit + 1) * sizeof(*details->conflicts.items));
	for (size_t i = 0; i < fit; i++)
		describe(session->arena, view, &conflicts[i],
			 &details->conflicts.items[i]);
}

/* "`build` as layer 1f… and `test` as layer 2a…", or the first few. */
static void name_makers(const struct session_view *view,
			const struct merge_conflict *conflict, struct enumeration *makers)
{
	for (size_t i = 0; i < conflict->source_count; i++) {
		uint32_t layer = view->view.layers[conflict->sources[i]].layer;
		char label[LABEL_SIZE], id[LAYER_ID_TEXT_SIZE], maker[LABEL_SIZE + 64];
		execution_label(maker_of(view, conflict->sources[i]), label,
				sizeof(label));
		layer_id_text(view->history.records[layer].name, id);
		text_print(maker, sizeof(maker), "`%s` as layer %s", label, id);
		enumeration_add(makers, maker);
	}
}

int conflict_refuse(struct session *session, const struct session_view *view,
		    const struct merge *merge, struct error *error)
{
	size_t count = 0;
	const struct merge_conflict *first = merge_conflicts(merge, &count);
	uint64_t all = merge_conflict_count(merge);
	list_all(session, view, merge);
	struct enumeration makers AUTO(enumeration_fini) = {0};
	name_makers(view, first, &makers);
	char path[ESCAPE_SHOWN_SIZE];
	char more[64] = "";
	if (all > 1)
		snprintf(more, sizeof(more), ", and %llu more %s",
			 (unsigned long long)all - 1, all == 2 ? "path" : "paths");
	(void)error_set(error, ERR_CONFLICT,
			"concurrent jobs persisted %s at `%s`: %s%s",
			first->of_mode ? "the same content with different modes"
				       : "different content",
			escape_shown(first->path, first->path_len, path),
			enumeration_end(&makers), more);
	return error_advise(error, is_between_shards(view, first) ? ADVICE_CHOOSE_SHARD
								  : ADVICE_CHOOSE_JOB);
}
