/*
 * Rows go in by what they name: namespaces and workflows, own executions, copies, layers,
 * then what layers and workflows name. Of an execution the latest frame that tells of it
 * counts, since what it attached only grows.
 */
#include "daemon/rebuild/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue/internal.h"
#include "daemon/store/database/id_set.h"

struct row_restore {
	struct catalogue *catalogue;           /* borrowed */
	const struct restoration *restoration; /* borrowed */
	struct restored_figures figures;
};

static struct database *database_of(const struct row_restore *restore)
{
	return restore->catalogue->database;
}

/* ---- sets ------------------------------------------------------------------------ */

static int compare_layer(const void *id, const void *layer)
{
	int64_t wanted = *(const int64_t *)id;
	int64_t there = ((const struct restored_layer *)layer)->facts->id;
	return (wanted > there) - (wanted < there);
}

static bool is_there(const struct row_restore *restore, int64_t layer_id)
{
	const struct restoration *all = restore->restoration;
	return all->layer_count > 0 && bsearch(&layer_id, all->layers, all->layer_count,
					       sizeof(*all->layers), compare_layer);
}

/* Those of the set that are there, below a bound. */
static void keep_known(const struct row_restore *restore, struct text set, int64_t below,
		       struct buffer *ret_ids)
{
	struct id_set_reader in = {.bytes = reader_of(set.at, set.len)};
	for (int64_t id; id_set_next(&in, &id) && id < below;)
		if (is_there(restore, id))
			buffer_put(ret_ids, &id, sizeof(id));
}

static void known_set(const struct row_restore *restore, struct text set, int64_t below,
		      struct buffer *ret_set)
{
	struct buffer ids AUTO(buffer_fini) = {0};
	keep_known(restore, set, below, &ids);
	(void)id_set_unite((struct reader){0}, (int64_t *)(void *)ids.at,
			   ids.len / sizeof(int64_t), ret_set);
	buffer_reserve(ret_set, 1); /* an empty blob is not NULL */
}

/* ---- namespaces and workflows ---------------------------------------------------- */

static int put_namespace(struct row_restore *restore, int64_t id, struct text key,
			 int64_t created_ms, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(database_of(restore), "INSERT OR IGNORE INTO namespaces (id,"
					       " name, created_ms) VALUES (?, ?, ?)");
	query_number(&query, id);
	query_text(&query, key);
	query_number(&query, created_ms);
	int result = query_run(&query, error);
	if (result == 0)
		restore->figures.namespaces +=
			(uint64_t)database_changes(database_of(restore));
	return result;
}

/* A row that only stands for somebody's parent says nothing that a frame of its own does
 * not. */
static int put_workflow(struct row_restore *restore,
			const struct workflow_facts *workflow, int64_t parent_id,
			struct error *error)
{
	char key[NAMESPACE_KEY_SIZE];
	int result = put_namespace(
		restore, workflow->namespace_id,
		catalogue_namespace_key(workflow->namespace, workflow->tier, key),
		workflow->namespace_created_ms, error);
	if (result < 0)
		return result;
	struct query query AUTO(query_end) = query_of(
		database_of(restore),
		"INSERT INTO workflows (id, namespace, name, parent, created_ms,"
		" contact_ms) VALUES (?, ?, ?, nullif(?, 0), ?, ?) ON CONFLICT (id)"
		" DO UPDATE SET parent = coalesce(parent, excluded.parent),"
		" created_ms = max(created_ms, excluded.created_ms)"
		" ON CONFLICT DO NOTHING");
	query_number(&query, workflow->id);
	query_number(&query, workflow->namespace_id);
	query_text(&query, workflow->name);
	query_number(&query, parent_id);
	query_number(&query, workflow->created_ms);
	query_number(&query, lifetime_now(restore->catalogue));
	return query_run(&query, error);
}

static int put_workflows(struct row_restore *restore, const struct layer_facts *layer,
			 struct error *error)
{
	int result = 0;
	if (layer->parent.id)
		result = put_workflow(restore, &layer->parent, 0, error);
	return result == 0
		       ? put_workflow(restore, &layer->workflow, layer->parent.id, error)
		       : result;
}

/* ---- executions ------------------------------------------------------------------ */

static int put_needs(struct row_restore *restore, const struct execution_facts *execution,
		     struct error *error)
{
	struct query clear AUTO(query_end) = query_of(
		database_of(restore), "DELETE FROM execution_needs WHERE execution = ?");
	query_number(&clear, execution->id);
	int result = query_run(&clear, error);
	for (size_t i = 0; result == 0 && i < execution->needs.count; i++) {
		struct query query AUTO(query_end) = query_of(
			database_of(restore), "INSERT INTO execution_needs (execution,"
					      " position, job) VALUES (?, ?, ?)");
		query_number(&query, execution->id);
		query_number(&query, (int64_t)i);
		query_text(&query, execution->needs.items[i]);
		result = query_run(&query, error);
	}
	return result;
}

static void bind_execution(struct query *query, int64_t workflow_id,
			   const struct execution_facts *execution,
			   const struct buffer *attached)
{
	query_number(query, execution->id);
	query_number(query, workflow_id);
	query_text(query, execution->run);
	query_number(query, execution->run_heard);
	query_text(query, execution->job);
	query_text(query, execution->shard);
	query_text(query, execution->attempt);
	query_text(query, execution->execution);
	query_number(query, execution->has_needs);
	query_number(query, execution->origin);
	query_blob(query, attached->at, attached->len);
}

static int put_execution(struct row_restore *restore, int64_t workflow_id,
			 const struct execution_facts *execution, struct error *error)
{
	struct buffer attached AUTO(buffer_fini) = {0};
	known_set(restore, execution->attached, INT64_MAX, &attached);
	struct query query AUTO(query_end) = query_of(
		database_of(restore),
		"INSERT INTO executions (id, workflow, run, run_heard, job, shard,"
		" attempt, execution, has_needs, origin, attached) SELECT ?1, ?2, ?3, ?4,"
		" ?5, ?6, ?7, nullif(?8, ''), ?9, nullif(?10, 0), ?11"
		" WHERE ?10 = 0 OR EXISTS (SELECT 1 FROM executions WHERE id = ?10)"
		" ON CONFLICT (id) DO UPDATE SET execution = excluded.execution,"
		" has_needs = excluded.has_needs, attached = excluded.attached"
		" ON CONFLICT DO NOTHING");
	bind_execution(&query, workflow_id, execution, &attached);
	int result = query_run(&query, error);
	if (result < 0 || database_changes(database_of(restore)) == 0)
		return result;
	return put_needs(restore, execution, error);
}

/* Copies name what they are copies of, which is there by then; a copy of what nobody
 * tells of any more is not made. */
static int put_others(struct row_restore *restore, const struct layer_facts *layer,
		      bool copies, struct error *error)
{
	int result = 0;
	for (size_t i = 0; result == 0 && i < layer->other_count; i++)
		if ((layer->others[i].origin != 0) == copies)
			result = put_execution(restore, layer->workflow.id,
					       &layer->others[i], error);
	return result;
}

static int put_own(struct row_restore *restore, const struct layer_facts *layer,
		   struct error *error)
{
	int result = put_workflows(restore, layer, error);
	if (result == 0)
		result = put_execution(restore, layer->workflow.id, &layer->execution,
				       error);
	return result == 0 ? put_others(restore, layer, false, error) : result;
}

/* ---- segments -------------------------------------------------------------------- */

static int put_segment(struct row_restore *restore, const struct segment_row *row,
		       const struct holes *holes, struct error *error)
{
	struct buffer encoded AUTO(buffer_fini) = {0};
	holes_encode(&encoded, holes);
	struct query query AUTO(query_end) = query_of(
		database_of(restore),
		"INSERT OR IGNORE INTO segments (segment, namespace, vouched, location,"
		" state, holes, holes_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)");
	query_blob(&query, row->id.bytes, SEGMENT_ID_LEN);
	query_number(&query, row->namespace_id);
	query_number(&query, (int64_t)row->vouched);
	query_text(&query, text_of(row->location));
	query_number(&query, row->state);
	query_blob(&query, encoded.len > 0 ? encoded.at : (const uint8_t *)"",
		   encoded.len);
	query_number(&query, (int64_t)holes->bytes);
	return query_run(&query, error);
}

/* No layer tells what the namespace of this segment is called: it is kept under a name
 * that says so. */
static int put_file(struct row_restore *restore, const struct segment_row *row,
		    const struct holes *holes, struct error *error)
{
	char name[48];
	(void)snprintf(name, sizeof(name), "lost-and-found-%lld",
		       (long long)row->namespace_id);
	uint64_t before = restore->figures.namespaces;
	int result = put_namespace(restore, row->namespace_id, text_of(name), 0, error);
	restore->figures.nameless += restore->figures.namespaces - before;
	return result == 0 ? put_segment(restore, row, holes, error) : result;
}

/* What is named and not there is damage, and is said to be. */
static int put_missing(struct row_restore *restore, const struct segment_id *id,
		       int64_t namespace_id, struct error *error)
{
	struct segment_row row = {
		.id = *id, .namespace_id = namespace_id, .state = SEGMENT_DAMAGED};
	char text[2 * SEGMENT_ID_LEN + 1];
	hex_encode(id->bytes, SEGMENT_ID_LEN, text);
	(void)snprintf(row.location, sizeof(row.location), "%s.seg", text);
	static const struct holes none;
	int result = put_segment(restore, &row, &none, error);
	if (result == 0)
		restore->figures.missing_segments +=
			(uint64_t)database_changes(database_of(restore));
	return result;
}

/* ---- layers ---------------------------------------------------------------------- */

static int put_layer(struct row_restore *restore, const struct restored_layer *layer,
		     struct error *error)
{
	struct layer_facts facts = *layer->facts;
	struct buffer bases AUTO(buffer_fini) = {0};
	known_set(restore, facts.bases, facts.id, &bases);
	facts.bases = (struct text){(const char *)bases.at, bases.len};
	int result = catalogue_insert_layer(restore->catalogue, &facts,
					    facts.workflow.tier, error);
	for (size_t i = 0; result == 0 && i < layer->segment_count; i++) {
		result = put_missing(restore, &layer->segments[i],
				     facts.workflow.namespace_id, error);
		if (result == 0)
			result = catalogue_cite_segment(restore->catalogue, facts.id,
							&layer->segments[i], error);
	}
	return result;
}

static int put_inherited(struct row_restore *restore, const struct layer_facts *layer,
			 struct error *error)
{
	struct buffer ids AUTO(buffer_fini) = {0};
	keep_known(restore, layer->inherited, layer->id, &ids);
	const int64_t *id = (const int64_t *)(const void *)ids.at;
	int result = 0;
	for (size_t i = 0; result == 0 && i < ids.len / sizeof(*id); i++) {
		struct query query AUTO(query_end) = query_of(
			database_of(restore), "INSERT OR IGNORE INTO inherited_layers"
					      " (workflow, layer) VALUES (?, ?)");
		query_number(&query, layer->workflow.id);
		query_number(&query, id[i]);
		result = query_run(&query, error);
	}
	return result;
}

/* ---- the whole ------------------------------------------------------------------- */

static int put_history(struct row_restore *restore, struct error *error)
{
	const struct restoration *all = restore->restoration;
	int result = 0;
	for (size_t i = 0; result == 0 && i < all->layer_count; i++)
		result = put_own(restore, all->layers[i].facts, error);
	for (size_t i = 0; result == 0 && i < all->layer_count; i++)
		result = put_others(restore, all->layers[i].facts, true, error);
	return result;
}

static int put_all(struct row_restore *restore, struct error *error)
{
	const struct restoration *all = restore->restoration;
	int result = put_history(restore, error);
	for (size_t i = 0; result == 0 && i < all->segment_count; i++)
		result = put_file(restore, &all->segments[i], &all->holes[i], error);
	for (size_t i = 0; result == 0 && i < all->layer_count; i++)
		result = put_layer(restore, &all->layers[i], error);
	for (size_t i = 0; result == 0 && i < all->layer_count; i++)
		result = put_inherited(restore, all->layers[i].facts, error);
	return result;
}

static int count(struct row_restore *restore, const char *sql, uint64_t *ret_count,
		 struct error *error)
{
	struct query query AUTO(query_end) = query_of(database_of(restore), sql);
	int64_t number = 0;
	int result = query_one(&query, &number, error);
	*ret_count = (uint64_t)number;
	return result;
}

int catalogue_restore(struct catalogue *catalogue, const struct restoration *restoration,
		      struct restored_figures *ret_figures, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct row_restore restore = {.catalogue = catalogue, .restoration = restoration};
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result == 0)
		result = put_all(&restore, error);
	if (result == 0)
		result = count(&restore, "SELECT count(*) FROM workflows",
			       &restore.figures.workflows, error);
	if (result == 0)
		result = count(&restore, "SELECT count(*) FROM executions",
			       &restore.figures.executions, error);
	if (result == 0)
		result = change_commit(&change, error);
	if (result == 0)
		*ret_figures = restore.figures;
	return result;
}

static int put_setting(struct catalogue *catalogue, const char *name, uint64_t value,
		       struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)");
	query_text(&query, text_of(name));
	query_number(&query, (int64_t)value);
	return query_run(&query, error);
}

int catalogue_restore_mark(struct catalogue *catalogue, const struct stamp_mark *mark,
			   struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result == 0)
		result = put_setting(catalogue, "store", mark->store, error);
	if (result == 0)
		result = put_setting(catalogue, "commits", mark->commits, error);
	if (result < 0)
		return result;
	catalogue->store = mark->store;
	return change_commit(&change, error);
}
