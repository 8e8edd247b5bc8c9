#include "daemon/store/catalogue/internal.h"

/* Runs a statement whose parameters are the workflow and its parent. */
static int copy(struct catalogue *catalogue, const char *sql, int64_t workflow_id,
		int64_t parent_id, struct error *error)
{
	struct query query AUTO(query_end) = query_of(catalogue->database, sql);
	query_number(&query, workflow_id);
	query_number(&query, parent_id);
	return query_run(&query, error);
}

static int inherit_layer(struct catalogue *catalogue, int64_t workflow_id,
			 int64_t layer_id, struct error *error)
{
	return copy(catalogue,
		    "INSERT INTO inherited_layers (workflow, layer) VALUES (?, ?)",
		    workflow_id, layer_id, error);
}

static int inherit_layers(struct catalogue *catalogue,
			  const struct contact_request *request, int64_t workflow_id,
			  int64_t parent_id, struct error *error)
{
	struct catalogue_history history AUTO(catalogue_history_fini) = {0};
	const struct sight sight = {.workflow_id = parent_id,
				    .tier = request->identity.scope.tier};
	int result = catalogue_load(catalogue, &sight, &history, error);
	uint32_t *layers AUTO_FREE = NULL;
	size_t count = 0;
	if (result == 0)
		result = request->inherited(&history.history, &layers, &count, error);
	for (size_t i = 0; result == 0 && i < count; i++)
		result = inherit_layer(catalogue, workflow_id,
				       history.records[layers[i]].id, error);
	return result;
}

/*
 * The parent's own executions, and those it had inherited where they still speak: for a
 * layer that is inherited again, or for a job that the parent itself never ran. An older
 * copy of a job that ran again would pass for the job's latest, since only runs and
 * attempts order inherited ones.
 */
static int inherit_executions(struct catalogue *catalogue, int64_t workflow_id,
			      int64_t parent_id, struct error *error)
{
	return copy(
		catalogue,
		"INSERT INTO executions (workflow, run, run_heard, job, shard, attempt,"
		" has_needs, origin, attached)"
		" SELECT ?1, run, run_heard, job, shard, attempt, has_needs,"
		"  coalesce(origin, id), attached FROM executions WHERE workflow = ?2"
		"  AND (origin IS NULL OR origin IN"
		"   (SELECT layers.execution FROM inherited_layers"
		"    JOIN layers ON layers.id = layer WHERE workflow = ?1)"
		"   OR job NOT IN (SELECT job FROM executions"
		"    WHERE workflow = ?2 AND origin IS NULL))"
		" ORDER BY id",
		workflow_id, parent_id, error);
}

static int inherit_needs(struct catalogue *catalogue, int64_t workflow_id,
			 int64_t parent_id, struct error *error)
{
	return copy(catalogue,
		    "INSERT INTO execution_needs (execution, position, job)"
		    " SELECT copy.id, position, execution_needs.job"
		    " FROM executions AS source"
		    " JOIN executions AS copy ON copy.workflow = ?1"
		    "  AND copy.origin = coalesce(source.origin, source.id)"
		    " JOIN execution_needs ON execution_needs.execution = source.id"
		    " WHERE source.workflow = ?2",
		    workflow_id, parent_id, error);
}

int catalogue_inherit(struct catalogue *catalogue, const struct contact_request *request,
		      int64_t workflow_id, int64_t parent_id, struct error *error)
{
	int result = inherit_layers(catalogue, request, workflow_id, parent_id, error);
	if (result == 0)
		result = inherit_executions(catalogue, workflow_id, parent_id, error);
	if (result == 0)
		result = inherit_needs(catalogue, workflow_id, parent_id, error);
	return result;
}
