#include "daemon/workspace/outcome.h"

#include <stdlib.h>

#include "daemon/workspace/overlap.h"
#include "daemon/workspace/tree.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define INTERRUPT_EVERY 4096u /* rows */

/* ---- the layer's state, and what it replaced ---- */

static uint32_t position_of(const struct catalogue_history *history, int64_t layer_id)
{
	for (uint32_t i = 0; i < history->history.layer_count; i++) {
		if (history->records[i].id == layer_id)
			return i;
	}
	return VIEW_NONE;
}

static uint32_t view_position(const struct view *view, uint32_t layer)
{
	for (uint32_t i = 0; i < view->layer_count; i++) {
		if (view->layers[i].layer == layer)
			return i;
	}
	return VIEW_NONE;
}

static void find_replaced(struct outcome *outcome)
{
	const struct view *view = &outcome->view;
	size_t count = outcome->now.history.layer_count;
	outcome->replaced = must_calloc(count + 1, sizeof(*outcome->replaced));
	for (uint32_t i = 0; i < count; i++)
		if (view->states[i] == LAYER_REPLACED &&
		    view->reasons[i] == outcome->layer)
			outcome->replaced[outcome->replaced_count++] = i;
}

int outcome_make(struct catalogue *catalogue, const struct contact *contact,
		 const char *run, int64_t layer_id, struct outcome *ret_outcome,
		 struct error *error)
{
	struct outcome outcome AUTO(outcome_fini) = {0};
	const struct view_request everything = {
		.run = run, .execution = VIEW_NONE, .layer = VIEW_NONE};
	int err = catalogue_history_load(catalogue, contact, contact->both, &outcome.now,
					 error);
	if (err == 0)
		err = view_make(&outcome.now.history, &everything, &outcome.view, error);
	if (err)
		return err;
	outcome.layer = position_of(&outcome.now, layer_id);
	if (outcome.layer == VIEW_NONE)
		return error_set(error, ERR_INTERNAL,
				 "the committed layer is not in its workflow");
	outcome.place = view_position(&outcome.view, outcome.layer);
	find_replaced(&outcome);
	*ret_outcome = outcome;
	outcome = (struct outcome){0};
	return 0;
}

void outcome_fini(struct outcome *outcome)
{
	free(outcome->conflict_path);
	free(outcome->replaced);
	view_fini(&outcome->view);
	catalogue_history_fini(&outcome->now);
}

/* ---- the conflict that is coming ---- */

static bool is_concurrent(const struct view *view, uint32_t a, uint32_t b)
{
	return a != b && !view_is_before(view, a, b) && !view_is_before(view, b, a);
}

bool outcome_has_concurrent(const struct outcome *outcome)
{
	if (outcome->place == VIEW_NONE)
		return false;
	for (uint32_t i = 0; i < outcome->view.layer_count; i++)
		if (is_concurrent(&outcome->view, i, outcome->place))
			return true;
	return false;
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

/* Looks for the first: 1 and *ret_coming, borrowed from the tree; 0 none. Rows are
 * marked, because of the conflicts that a merge collects it keeps only the first few,
 * which may be of others; some are only collected. */
static int find_conflict(struct view_tree *tree, uint32_t own, int wake_fd,
			 struct coming *ret_coming, struct error *error)
{
	struct merged_row row;
	int result;
	for (uint64_t rows = 1; (result = tree_next(tree, &row, error)) == 1; rows++) {
		if (rows % INTERRUPT_EVERY == 0 && overlap_is_woken(wake_fd))
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
	for (size_t i = 0; result == 0 && i < count; i++) {
		ret_coming->path = kept[i].path;
		ret_coming->path_len = kept[i].path_len;
		if (takes_part(kept[i].sources, kept[i].source_count, own, ret_coming))
			return 1;
	}
	return result;
}

static int64_t id_at(const struct outcome *outcome, uint32_t place)
{
	return outcome->now.records[outcome->view.layers[place].layer].id;
}

/* The paths at which the layer differs from another that neither comes before nor after
 * it. */
static int find_overlap(struct store *store, const struct outcome *outcome, int wake_fd,
			struct overlap *overlap, struct error *error)
{
	const struct view *view = &outcome->view;
	int64_t *others AUTO_FREE = must_calloc(view->layer_count + 1, sizeof(*others));
	size_t count = 0;
	for (uint32_t i = 0; i < view->layer_count; i++)
		if (is_concurrent(view, i, outcome->place))
			others[count++] = id_at(outcome, i);
	return overlap_find(store, id_at(outcome, outcome->place), others, count, wake_fd,
			    overlap, error);
}

static void keep_conflict(struct outcome *outcome, const struct coming *coming)
{
	outcome->conflict_path = must_memdup(coming->path, coming->path_len);
	outcome->conflict_path_len = coming->path_len;
	outcome->conflict_with = outcome->view.layers[coming->other].layer;
}

int outcome_foresee(struct store *store, struct outcome *outcome, int wake_fd,
		    struct error *error)
{
	if (!outcome_has_concurrent(outcome))
		return 0;
	struct overlap overlap AUTO(overlap_fini) = {0};
	int result = find_overlap(store, outcome, wake_fd, &overlap, error);
	if (result || overlap.count == 0)
		return result;
	struct tree_options options = {
		.merge = {.on_conflict = ON_CONFLICT_MARK},
		.within = overlap.full ? NULL : &overlap,
	};
	struct view_tree *tree = NULL;
	struct coming coming = {0};
	result = tree_open(store, &outcome->now, &outcome->view, &options, &tree, error);
	if (result == 0)
		result = find_conflict(tree, outcome->place, wake_fd, &coming, error);
	if (result == 1) {
		keep_conflict(outcome, &coming);
		outcome->conflict_of_mode =
			overlap_is_of_mode(&overlap, coming.path, coming.path_len);
	}
	tree_free(tree);
	return result < 0 ? result : 0;
}
