#include "daemon/store/catalogue/internal.h"

#include <stdio.h>

#include "daemon/store/database/id_set.h"
#include "proto/base/bytes.h"
#include "proto/bounds.h"

/* ---- what may be committed ------------------------------------------------------- */

struct committing_workflow {
	int64_t workflow_id;
	int64_t expired_ms; /* 0: it lives */
	int64_t layers;     /* of the workflow, its inherited ones included */
	enum tier tier;
	char name[NAME_LEN_MAX + 1];
};

static int find_workflow(struct catalogue *catalogue, int64_t execution_id,
			 struct committing_workflow *ret_workflow, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"SELECT workflows.id, expired_ms, workflows.name, (SELECT count(*)"
		"  FROM executions AS other JOIN layers ON layers.execution = other.id"
		"  WHERE other.workflow = workflows.id) + (SELECT count(*)"
		"  FROM inherited_layers WHERE inherited_layers.workflow = workflows.id),"
		" namespaces.name"
		" FROM executions JOIN workflows ON workflows.id = executions.workflow"
		" JOIN namespaces ON namespaces.id = workflows.namespace"
		" WHERE executions.id = ? AND origin IS NULL");
	query_number(&query, execution_id);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 0)
		return database_contradiction(catalogue->database, error);
	*ret_workflow = (struct committing_workflow){
		.workflow_id = row_id(&query, 0),
		.expired_ms = row_is_null(&query, 1) ? 0 : row_time(&query, 1),
		.layers = row_number(&query, 3),
		.tier = catalogue_namespace_tier(row_text(&query, 4)),
	};
	(void)snprintf(ret_workflow->name, sizeof(ret_workflow->name), "%s",
		       row_name(&query, 2));
	return row_check(&query, error);
}

static int check_workflow(const struct committing_workflow *workflow, struct error *error)
{
	if (workflow->expired_ms)
		return catalogue_expired(text_of(workflow->name), workflow->expired_ms,
					 error);
	if (workflow->layers >= WORKSPACE_LAYERS_MAX)
		return error_set(error, ERR_LIMIT,
				 "workflow `%s`: has %u layers, which is as many as a "
				 "workflow can have",
				 workflow->name, WORKSPACE_LAYERS_MAX);
	return 0;
}

/* ---- segments -------------------------------------------------------------------- */

/* What is vouched for never shrinks: layers may refer to it. */
static int write_segment(struct catalogue *catalogue, const struct segment_row *row,
			 struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"INSERT INTO segments (segment, namespace, vouched, location, state)"
		" VALUES (?, ?, ?, ?, ?) ON CONFLICT (segment) DO UPDATE SET"
		" vouched = max(vouched, excluded.vouched), location = excluded.location,"
		" state = max(state, excluded.state)");
	query_blob(&query, row->id.bytes, SEGMENT_ID_LEN);
	query_number(&query, row->namespace_id);
	query_number(&query, (int64_t)row->vouched);
	query_text(&query, text_of(row->location));
	query_number(&query, row->state);
	return query_run(&query, error);
}

int catalogue_cite_segment(struct catalogue *catalogue, int64_t layer_id,
			   const struct segment_id *id, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "INSERT OR IGNORE INTO layer_segments (layer, segment)"
			 " VALUES (?, ?)");
	query_number(&query, layer_id);
	query_blob(&query, id->bytes, SEGMENT_ID_LEN);
	return query_run(&query, error);
}

/* ---- the layer ------------------------------------------------------------------- */

static void bind_layer(struct query *query, const struct layer_facts *layer)
{
	query_number(query, layer->id);
	query_blob(query, layer->name, LAYER_ID_LEN);
	query_number(query, layer->execution.id);
	query_number(query, layer->sequence);
	query_blob(query, layer->key, KEY_LEN);
	query_blob(query, layer->digest.bytes, SHA256_LEN);
	query_blob(query, layer->content.bytes, SHA256_LEN);
	query_number(query, (int64_t)layer->totals.files);
	query_number(query, (int64_t)layer->totals.directories);
	query_number(query, (int64_t)layer->totals.symlinks);
	query_number(query, (int64_t)layer->totals.bytes);
	query_number(query, (int64_t)layer->totals.units);
	query_number(query, (int64_t)layer->new_bytes);
	query_number(query, (int64_t)layer->stored_bytes);
	query_number(query, layer->created_ms);
	query_blob(query, layer->root.segment.bytes, SEGMENT_ID_LEN);
	query_number(query, (int64_t)layer->root.offset);
	query_blob(query, layer->placement.segment.bytes, SEGMENT_ID_LEN);
	query_number(query, (int64_t)layer->placement.offset);
	query_blob(query, layer->bases.at, layer->bases.len);
}

int catalogue_insert_layer(struct catalogue *catalogue, const struct layer_facts *layer,
			   enum tier tier, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"INSERT INTO layers (id, name, execution, sequence, key, digest, content,"
		" files, directories, symlinks, bytes, units, new_bytes, stored_bytes,"
		" created_ms, root_segment, root_offset, placement_segment,"
		" placement_offset, bases, tier) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	bind_layer(&query, layer);
	query_number(&query, tier);
	return query_run(&query, error);
}

static int write_layer(struct catalogue *catalogue, const struct layer_commit *commit,
		       struct error *error)
{
	const struct layer_facts *layer = commit->layer;
	struct committing_workflow workflow;
	int result = find_workflow(catalogue, layer->execution.id, &workflow, error);
	if (result == 0)
		result = check_workflow(&workflow, error);
	for (size_t i = 0; result == 0 && i < commit->written_count; i++)
		result = write_segment(catalogue, &commit->written[i], error);
	if (result == 0)
		result = catalogue_insert_layer(catalogue, layer, workflow.tier, error);
	for (size_t i = 0; result == 0 && i < commit->segment_count; i++)
		result = catalogue_cite_segment(catalogue, layer->id,
						&commit->segments[i], error);
	if (result == 0)
		result = catalogue_touch(catalogue, workflow.workflow_id, true, error);
	return result;
}

/* The same persist sent again (rule W2): 1 and its layer; 0: the key is new. */
static int find_again(struct catalogue *catalogue, const struct layer_commit *commit,
		      struct layer_record *ret_record, struct error *error)
{
	int found = catalogue_find_key_locked(catalogue, commit->layer->execution.id,
					      commit->layer->key, ret_record, error);
	if (found <= 0 || digest_equal(&ret_record->digest, &commit->layer->digest))
		return found;
	char layer[LAYER_ID_TEXT_SIZE];
	layer_id_text(ret_record->name, layer);
	return error_set(
		error, ERR_IDENTITY,
		"the key of this persist made layer %s, which holds another tree; "
		"persist it under a new key",
		layer);
}

static void fill_place(struct catalogue *catalogue, int64_t namespace_id)
{
	if (!namespace_id)
		return;
	struct account *account = accounts_of(&catalogue->layers, namespace_id);
	account->promised--;
	account->held++;
}

static int commit_new(struct catalogue *catalogue, const struct layer_commit *commit,
		      struct layer_record *ret_record, struct error *error)
{
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result == 0)
		result = write_layer(catalogue, commit, error);
	if (result < 0)
		return result;
	result = catalogue_find_key_locked(catalogue, commit->layer->execution.id,
					   commit->layer->key, ret_record, error);
	if (result < 0)
		return result;
	if (result == 0)
		return database_contradiction(catalogue->database, error);
	result = change_commit(&change, error);
	if (result < 0)
		return result;
	catalogue->has_unsynced = false; /* its sync was of all before it, too */
	fill_place(catalogue, commit->place_in);
	return 0;
}

int catalogue_commit_layer(struct catalogue *catalogue, const struct layer_commit *commit,
			   struct layer_record *ret_record, bool *ret_again,
			   struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct layer_record record;
	int found = find_again(catalogue, commit, &record, error);
	if (found < 0)
		return found;
	int result = found ? 0 : commit_new(catalogue, commit, &record, error);
	if (result < 0)
		return result;
	*ret_record = record;
	*ret_again = found;
	return 0;
}

/* ---- attaches -------------------------------------------------------------------- */

static int load_attached(struct catalogue *catalogue, int64_t execution_id, int64_t *ids,
			 size_t count, struct buffer *ret_set, size_t *ret_added,
			 struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT attached FROM executions WHERE id = ?");
	query_number(&query, execution_id);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	struct reader set = {0};
	if (result == 1)
		set = row_bytes(&query, 0);
	result = row_check(&query, error);
	if (result < 0)
		return result;
	*ret_added = id_set_unite(set, ids, count, ret_set);
	return *ret_added == SIZE_MAX ? catalogue_bad_set(catalogue, error) : 0;
}

/* What it attached, and these; *ret_added: how many of them are new. */
static int add_attached(struct catalogue *catalogue, int64_t execution_id,
			const int64_t *layer_ids, size_t count, size_t *ret_added,
			struct error *error)
{
	struct buffer set AUTO(buffer_fini) = {0};
	size_t len = count * sizeof(*layer_ids);
	int64_t *ids AUTO_FREE = (int64_t *)(void *)must_memdup(layer_ids, len);
	int result = load_attached(catalogue, execution_id, ids, count, &set, ret_added,
				   error);
	if (result < 0 || *ret_added == 0)
		return result;
	if (set.len > VALUE_LEN_MAX)
		return error_set(error, ERR_LIMIT,
				 "this job has attached as many layers as can be kept");
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "UPDATE executions SET attached = ? WHERE id = ?");
	query_blob(&query, set.at, set.len);
	query_number(&query, execution_id);
	return query_run(&query, error);
}

int catalogue_record_attach(struct catalogue *catalogue, const struct contact *contact,
			    const int64_t *layer_ids, size_t count, struct error *error)
{
	if (!contact->workflow_id)
		return 0;
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	size_t added = 0;
	if (result == 0 && contact->execution_id && count > 0)
		result = add_attached(catalogue, contact->execution_id, layer_ids, count,
				      &added, error);
	if (result == 0)
		result = catalogue_touch(catalogue, contact->workflow_id, added > 0,
					 error);
	return result == 0 ? change_commit(&change, error) : result;
}
