#include "daemon/store/life/removal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue/internal.h"
#include "daemon/store/life/census.h"
#include "proto/base/array.h"

void removal_candidates_fini(struct removal_candidates *candidates)
{
	free(candidates->workflows);
	free(candidates->layers);
	*candidates = (struct removal_candidates){0};
}

void removed_fini(struct removed *removed)
{
	free(removed->layers);
	free(removed->segments);
	*removed = (struct removed){0};
}

/* ---- candidates ------------------------------------------------------------------ */

#define IS_DUE                                                                           \
	" expired_ms IS NOT NULL AND removed_ms IS NULL AND kept_ms IS NULL"             \
	" AND expired_running_ms <= coalesce((SELECT value FROM settings"                \
	"  WHERE name = 'running_ms'), 0) - ?1"

/* Collects the ids that a query gives. */
static int collect(struct query *query, int64_t **items, size_t *count, size_t *room,
		   struct error *error)
{
	int result;
	while ((result = query_next(query, error)) == 1) {
		int64_t id = row_id(query, 0);
		array_make_room(*items, *count, *room);
		(*items)[(*count)++] = id;
	}
	return result < 0 ? result : row_check(query, error);
}

static int list_workflows(struct catalogue *catalogue, int64_t wait_ms,
			  struct removal_candidates *candidates, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT id FROM workflows WHERE" IS_DUE);
	query_number(&query, wait_ms);
	return collect(&query, &candidates->workflows, &candidates->workflow_count,
		       &candidates->workflow_room, error);
}

static int list_ended(struct catalogue *catalogue, struct removal_candidates *candidates,
		      struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT id FROM layers"
				     " WHERE ended_ms IS NOT NULL AND removed = 0");
	return collect(&query, &candidates->layers, &candidates->layer_count,
		       &candidates->layer_room, error);
}

int removal_list(struct catalogue *catalogue, int64_t wait_ms,
		 struct removal_candidates *ret_candidates, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	int result = list_workflows(catalogue, wait_ms, ret_candidates, error);
	return result == 0 ? list_ended(catalogue, ret_candidates, error) : result;
}

/* ---- one layer ------------------------------------------------------------------- */

/* 1: nothing that may be seen again has it; *ret_layer says which it is. A workflow that
 * has only expired may come back, and so may what it inherited. */
static int is_unreachable(struct catalogue *catalogue, int64_t layer_id,
			  struct removed_layer *ret_layer, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"SELECT layers.name, maker.name, ended_ms IS NOT NULL FROM layers"
		" JOIN executions ON executions.id = layers.execution"
		" JOIN workflows AS maker ON maker.id = executions.workflow"
		" WHERE layers.id = ? AND removed = 0"
		" AND (maker.removed_ms IS NOT NULL OR ended_ms IS NOT NULL)"
		" AND NOT EXISTS (SELECT 1 FROM inherited_layers"
		"  JOIN workflows AS heir ON heir.id = inherited_layers.workflow"
		"  WHERE inherited_layers.layer = layers.id"
		"  AND heir.removed_ms IS NULL)");
	query_number(&query, layer_id);
	int result = query_next(&query, error);
	if (result <= 0)
		return result;
	*ret_layer = (struct removed_layer){.id = layer_id, .ended = row_flag(&query, 2)};
	row_blob(&query, 0, ret_layer->name, LAYER_ID_LEN);
	(void)snprintf(ret_layer->workflow, sizeof(ret_layer->workflow), "%s",
		       row_name(&query, 1));
	result = row_check(&query, error);
	return result < 0 ? result : 1;
}

static int note_segments(struct catalogue *catalogue, int64_t layer_id,
			 struct removed *removed, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT segment FROM layer_segments WHERE layer = ?");
	query_number(&query, layer_id);
	int result;
	while ((result = query_next(&query, error)) == 1) {
		array_make_room(removed->segments, removed->segment_count,
				removed->segment_room);
		row_blob(&query, 0, removed->segments[removed->segment_count++].bytes,
			 SEGMENT_ID_LEN);
	}
	return result < 0 ? result : row_check(&query, error);
}

static int run_for(struct catalogue *catalogue, const char *sql, int64_t id,
		   struct error *error)
{
	struct query query AUTO(query_end) = query_of(catalogue->database, sql);
	query_number(&query, id);
	return query_run(&query, error);
}

static int remove_layer(struct catalogue *catalogue, int64_t layer_id,
			struct removed *removed, struct error *error)
{
	struct removed_layer layer;
	int result = is_unreachable(catalogue, layer_id, &layer, error);
	if (result <= 0)
		return result;
	result = note_segments(catalogue, layer_id, removed, error);
	if (result == 0)
		result = run_for(catalogue, "DELETE FROM layer_segments WHERE layer = ?",
				 layer_id, error);
	if (result == 0)
		result = run_for(catalogue,
				 "UPDATE layers SET removed = 1, root_segment = x'',"
				 " root_offset = 0, placement_segment = x'',"
				 " placement_offset = 0 WHERE id = ?",
				 layer_id, error);
	if (result < 0)
		return result;
	census_forget(catalogue);
	array_make_room(removed->layers, removed->layer_count, removed->layer_room);
	removed->layers[removed->layer_count++] = layer;
	return 0;
}

static int remove_layers(struct catalogue *catalogue, const int64_t *ids, size_t count,
			 struct removed *removed, struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < count && result == 0; i++)
		result = remove_layer(catalogue, ids[i], removed, error);
	return result;
}

/* ---- a workflow ------------------------------------------------------------------ */

/* 1: it is still what it was when it was listed, and from here on nothing brings it back.
 */
static int end_workflow(struct catalogue *catalogue, int64_t workflow_id, int64_t wait_ms,
			struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "UPDATE workflows SET removed_ms = ?2 WHERE id = ?3 AND" IS_DUE);
	query_number(&query, wait_ms);
	query_number(&query, lifetime_wall(catalogue));
	query_number(&query, workflow_id);
	int result = query_run(&query, error);
	return result < 0 ? result : database_changes(catalogue->database) == 1;
}

/* Its own layers, and those that it inherited from workflows which went before it. */
static int list_layers(struct catalogue *catalogue, int64_t workflow_id, int64_t **ids,
		       size_t *count, struct error *error)
{
	size_t room = 0;
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT layers.id FROM executions"
			 " JOIN layers ON layers.execution = executions.id"
			 " WHERE executions.workflow = ?1 UNION"
			 " SELECT layer FROM inherited_layers WHERE workflow = ?1");
	query_number(&query, workflow_id);
	return collect(&query, ids, count, &room, error);
}

static int remove_workflow(struct catalogue *catalogue, int64_t workflow_id,
			   int64_t wait_ms, struct removed *removed, struct error *error)
{
	int result = end_workflow(catalogue, workflow_id, wait_ms, error);
	if (result <= 0)
		return result;
	removed->workflows++;
	int64_t *ids AUTO_FREE = NULL;
	size_t count = 0;
	result = list_layers(catalogue, workflow_id, &ids, &count, error);
	return result == 0 ? remove_layers(catalogue, ids, count, removed, error)
			   : result;
}

/* ---- the whole ------------------------------------------------------------------- */

int removal_apply(struct catalogue *catalogue,
		  const struct removal_candidates *candidates, int64_t wait_ms, bool undo,
		  struct removed *removed, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	int result = undo ? change_try(&change, catalogue, error)
			  : change_begin(&change, catalogue, error);
	for (size_t i = 0; i < candidates->workflow_count && result == 0; i++)
		result = remove_workflow(catalogue, candidates->workflows[i], wait_ms,
					 removed, error);
	if (result == 0)
		result = remove_layers(catalogue, candidates->layers,
				       candidates->layer_count, removed, error);
	return result == 0 && !undo ? change_commit(&change, error) : result;
}

int removal_is_there(struct catalogue *catalogue, const uint8_t name[LAYER_ID_LEN],
		     bool *ret_there, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) = query_of(catalogue->database,
						      "SELECT count(*) FROM layers"
						      " WHERE name = ? AND removed = 0");
	query_blob(&query, name, LAYER_ID_LEN);
	int64_t count = 0;
	int result = query_one(&query, &count, error);
	*ret_there = count > 0;
	return result;
}

int removal_layers_of(struct catalogue *catalogue, const struct segment_id *segment,
		      int64_t **ret_ids, size_t *ret_count, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	int64_t *ids AUTO_FREE = NULL;
	size_t count = 0, room = 0;
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT layer FROM layer_segments"
					      " WHERE segment = ? ORDER BY layer");
	query_blob(&query, segment->bytes, SEGMENT_ID_LEN);
	int result = collect(&query, &ids, &count, &room, error);
	if (result < 0)
		return result;
	*ret_ids = take_ptr(&ids);
	*ret_count = count;
	return 0;
}
