#include "daemon/persist_outcome.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "daemon/history/names.h"
#include "daemon/layer_message.h"
#include "daemon/view/view.h"
#include "daemon/workspace/overlap.h"
#include "daemon/workspace/tree.h"
#include "proto/base/cleanup.h"

#define WARNING_SIZE 1000u
#define INTERRUPT_EVERY 4096u /* rows */
#define WARNINGS_MAX 3u

/* Whether the session is to end. */
static bool is_woken(int wake_fd)
{
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	return poll(&wake, 1, 0) > 0;
}

static uint32_t position_of(const struct catalogue_history *history, int64_t layer_id)
{
	for (uint32_t i = 0; i < history->history.layer_count; i++) {
		if (history->records[i].id == layer_id)
			return i;
	}
	return VIEW_NONE;
}

/* The workspace as somebody sees it who asks for everything in the layer's run. */
static int view_all(struct session *session, const struct catalogue_history *history,
		    struct view *ret_view, struct error *error)
{
	struct text run = session->request->persist.identity.run;
	struct view_request request = {
		.run = message_arena_string(session->arena, run.len ? run : text_of("1")),
		.execution = VIEW_NONE,
		.layer = VIEW_NONE,
	};
	return view_make(&history->history, &request, ret_view, error);
}

/* Those that left sight through this layer and no other: what else was committed since
 * the persist began is not its doing. */
static void list_replaced(struct session *session, const struct catalogue_history *now,
			  const struct view *view, uint32_t position,
			  struct msg_committed *message)
{
	message->replaces.items = message_arena_take(
		session->arena, (now->history.layer_count + 1) * sizeof(struct text));
	for (uint32_t i = 0; i < now->history.layer_count; i++) {
		if (view->states[i] == LAYER_REPLACED && view->reasons[i] == position)
			message->replaces.items[message->replaces.count++] =
				layer_message_id(session->arena, &now->records[i]);
	}
}

static void warn(struct msg_committed *message, char *sentence)
{
	message->warnings.items[message->warnings.count++] = text_of(sentence);
}

static void warn_if_late(struct session *session, const struct catalogue_history *now,
			 const struct view *view, uint32_t position,
			 struct msg_committed *message)
{
	if (view->states[position] != LAYER_LATE)
		return;
	char label[600];
	char *sentence = message_arena_take(session->arena, WARNING_SIZE);
	const struct history *history = &now->history;
	execution_label(&history->executions[history->layers[position].execution], label,
			sizeof(label));
	snprintf(sentence, WARNING_SIZE,
		 "a later execution of this job has persisted already: what `%s` "
		 "persisted "
		 "now stays out of every view (`baton log --all` lists it)",
		 label);
	warn(message, sentence);
}

/* Rule W9: what it was built on was replaced while it was made. */
static void warn_if_stale(struct session *session, const struct catalogue_history *now,
			  const struct view *view, uint32_t position,
			  struct msg_committed *message)
{
	if (view->states[position] != LAYER_STALE)
		return;
	char *sentence = message_arena_take(session->arena, WARNING_SIZE);
	view_stale_sentence(&now->history, view, position, sentence, WARNING_SIZE);
	warn(message, sentence);
}

static uint32_t view_position(const struct view *view, uint32_t layer)
{
	for (uint32_t i = 0; i < view->layer_count; i++) {
		if (view->layers[i].layer == layer)
			return i;
	}
	return VIEW_NONE;
}

static bool is_concurrent(const struct view *view, uint32_t a, uint32_t b)
{
	return a != b && !view_is_before(view, a, b) && !view_is_before(view, b, a);
}

/* A conflict that the layer takes part in. */
struct coming {
	const char *path; /* borrowed */
	size_t path_len;
	uint32_t other; /* source of another layer in it */
};

/* Whether the layer takes part, with another one. */
static bool takes_part(const uint32_t *sources, size_t count, uint32_t own,
		       struct coming *coming)
{
	bool found = false;
	for (size_t i = 0; i < count; i++)
		found = found || sources[i] == own;
	if (!found || count < 2)
		return false;
	coming->other = sources[0] == own ? sources[1] : sources[0];
	return true;
}

static void describe_conflict(struct session *session,
			      const struct catalogue_history *now,
			      const struct view *view, const struct coming *coming,
			      char *sentence)
{
	char label[500];
	const struct history *history = &now->history;
	uint32_t layer = view->layers[coming->other].layer;
	execution_label(&history->executions[history->layers[layer].execution], label,
			sizeof(label));
	const char *path = message_arena_string(
		session->arena,
		(struct text){coming->path,
			      coming->path_len > 200 ? 200 : coming->path_len});
	snprintf(sentence, WARNING_SIZE,
		 "`%s` was also persisted by `%s`, with other content and without either "
		 "having seen the other: an attach of both will fail until one is chosen "
		 "(--prefer, --on-conflict, --from, --by-job)",
		 path, label);
}

/* Looks for the first: 1 and *ret_coming, borrowed from the tree; 0 none. Rows are
 * marked, because of the conflicts that a merge collects it keeps only the first few,
 * which may be of others; some are only collected. */
static int find_conflict(struct session *session, struct tree *tree, uint32_t own,
			 struct coming *ret_coming, struct error *error)
{
	struct merged_row row;
	int code;
	for (uint64_t rows = 1; (code = tree_next(tree, &row, error)) == 1; rows++) {
		if (rows % INTERRUPT_EVERY == 0 && is_woken(session->wake_fd))
			return 0; /* the layer is committed: only the warning is lost */
		if (!row.conflict ||
		    !takes_part(row.conflict_sources, row.conflict_source_count, own,
				ret_coming))
			continue;
		ret_coming->path = row.row.path;
		ret_coming->path_len = row.row.path_len;
		return 1;
	}
	size_t count = 0;
	const struct merge_conflict *kept = merge_conflicts(tree_merge(tree), &count);
	for (size_t i = 0; code == 0 && i < count; i++) {
		ret_coming->path = kept[i].path;
		ret_coming->path_len = kept[i].path_len;
		if (takes_part(kept[i].sources, kept[i].source_count, own, ret_coming))
			return 1;
	}
	return code;
}

/* A session's look at the layers around its own. */
struct outlook {
	struct session *session;             /* borrowed */
	const struct catalogue_history *now; /* borrowed */
	const struct view *view;             /* borrowed */
	uint32_t own;                        /* view position of its layer */
};

static int open_layer(const struct outlook *outlook, uint32_t position,
		      struct layer_scratch *scratch, struct layer_reader **ret_reader,
		      struct error *error)
{
	uint32_t layer = outlook->view->layers[position].layer;
	return layer_reader_open(outlook->session->services->store,
				 outlook->now->records[layer].id, scratch, ret_reader,
				 error);
}

/* The paths at which the layer differs from another that neither comes before nor after
 * it. One other is open at a time. */
static int find_overlap(const struct outlook *outlook, struct overlap *overlap,
			struct error *error)
{
	struct layer_reader *own = NULL;
	struct layer_scratch *scratch =
		layer_scratch_new(outlook->session->services->store);
	int code = open_layer(outlook, outlook->own, scratch, &own, error);
	for (uint32_t i = 0; code == 0 && i < outlook->view->layer_count; i++) {
		struct layer_reader *other = NULL;
		if (!is_concurrent(outlook->view, i, outlook->own) ||
		    is_woken(outlook->session->wake_fd))
			continue;
		code = open_layer(outlook, i, scratch, &other, error);
		if (code == 0)
			code = overlap_find(own, other, overlap, error);
		layer_reader_free(other);
	}
	layer_reader_free(own);
	layer_scratch_free(scratch);
	overlap_sort(overlap);
	return code;
}

/* 1 and *ret_sentence, of the arena: there is one; 0: there is none. */
static int foresee(const struct outlook *outlook, char **ret_sentence,
		   struct error *error)
{
	struct session *session = outlook->session;
	AUTO(overlap_fini) struct overlap overlap = {0};
	int code = find_overlap(outlook, &overlap, error);
	if (code || overlap.count == 0)
		return code;
	struct tree_options options = {
		.merge = {.on_conflict = ON_CONFLICT_MARK},
		.within = overlap.full ? NULL : &overlap,
	};
	struct tree *tree = NULL;
	struct coming coming = {0};
	code = tree_open(session->services->store, outlook->now, outlook->view, &options,
			 &tree, error);
	if (code == 0)
		code = find_conflict(session, tree, outlook->own, &coming, error);
	if (code == 1) {
		*ret_sentence = message_arena_take(session->arena, WARNING_SIZE);
		describe_conflict(session, outlook->now, outlook->view, &coming,
				  *ret_sentence);
	}
	tree_free(tree);
	return code;
}

static bool has_concurrent(const struct outlook *outlook)
{
	for (uint32_t i = 0; i < outlook->view->layer_count; i++)
		if (is_concurrent(outlook->view, i, outlook->own))
			return true;
	return false;
}

/* Rule W7: a persist that already sees a conflict coming warns. */
static int warn_if_conflicting(const struct outlook *outlook,
			       struct msg_committed *message, struct error *error)
{
	struct crew *crew = outlook->session->services->crew;
	char *sentence = NULL;
	if (!has_concurrent(outlook))
		return 0;
	/* One permit for all of it: so as many merges as there are cores have their
	 * layers in memory, however many persists end at once. */
	crew_enter(crew);
	int code = foresee(outlook, &sentence, error);
	crew_leave(crew);
	if (code == 1)
		warn(message, sentence);
	return code < 0 ? code : 0;
}

int persist_outcome(struct session *session, const struct contact *contact,
		    int64_t layer_id, struct msg_committed *message, struct error *error)
{
	/* What the messages borrow from this history lives in the arena. */
	AUTO(catalogue_history_fini) struct catalogue_history now = {0};
	AUTO(view_fini) struct view view = {0};
	struct catalogue *catalogue = store_catalogue(session->services->store);
	message->warnings.items =
		message_arena_take(session->arena, WARNINGS_MAX * sizeof(struct text));
	int code = catalogue_history_load(catalogue, contact, &now, error);
	if (code == 0)
		code = view_all(session, &now, &view, error);
	if (code)
		return code;
	uint32_t position = position_of(&now, layer_id);
	if (position == VIEW_NONE)
		return error_set(error, ERR_INTERNAL,
				 "the committed layer is not in its workflow");
	warn_if_late(session, &now, &view, position, message);
	warn_if_stale(session, &now, &view, position, message);
	list_replaced(session, &now, &view, position, message);
	struct outlook outlook = {session, &now, &view, view_position(&view, position)};
	if (outlook.own == VIEW_NONE)
		return 0;
	return warn_if_conflicting(&outlook, message, error);
}
