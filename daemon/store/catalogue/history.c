#include "daemon/store/catalogue/loader.h"

#include <stdlib.h>
#include <string.h>

/* ---- executions ------------------------------------------------------------------ */

#define EXECUTION_COLUMNS                                                                \
	"SELECT id, origin, run, run_heard, job, shard, attempt, has_needs, attached,"   \
	" workflow FROM executions "
#define IN_SIGHT "workflow IN (?1, ?2)"

static void bind_sight(const struct loader *loader, struct query *query)
{
	query_number(query, loader->sight->workflow_id);
	if (loader->sight->other_id)
		query_number(query, loader->sight->other_id);
	else
		query_null(query);
}

static void add_maker(struct loader *loader, int64_t id)
{
	struct maker *maker =
		arena_list_add(&loader->memory, &loader->makers, sizeof(*maker));
	maker->id = id;
	maker->position = (uint32_t)loader->executions.count;
}

static void add_execution(struct loader *loader, struct query *query, bool is_own)
{
	struct arena *memory = &loader->memory;
	int64_t id = row_id(query, 0);
	*(int64_t *)arena_list_add(memory, &loader->ids, sizeof(int64_t)) = id;
	struct history_execution *execution =
		arena_list_add(memory, &loader->executions, sizeof(*execution));
	*execution = (struct history_execution){
		.run = arena_string(memory, row_name(query, 2)),
		.run_heard = row_amount(query, 3),
		.job = arena_string(memory, row_name(query, 4)),
		.shard = arena_string(memory, row_label(query, 5)),
		.attempt = arena_string(memory, row_name(query, 6)),
		.inherited = !is_own,
		.heard = (uint64_t)id,
	};
}

static struct history_execution *last_execution(struct loader *loader)
{
	struct history_execution *executions = loader->executions.items;
	return &executions[loader->executions.count - 1];
}

/* The workflow's own and copied ones. A copy stands for what it is a copy of. */
static int load_executions(struct loader *loader, struct error *error)
{
	struct query query AUTO(query_end) = query_of(loader->catalogue->database,
						      EXECUTION_COLUMNS "WHERE " IN_SIGHT
									" ORDER BY id");
	bind_sight(loader, &query);
	int result;
	while ((result = query_next(&query, error)) == 1) {
		bool is_own = row_is_null(&query, 1);
		int64_t made_by = row_id(&query, is_own ? 0 : 1);
		if (!is_own && made_by >= row_id(&query, 0))
			return database_contradiction(loader->catalogue->database, error);
		add_maker(loader, made_by);
		add_execution(loader, &query, is_own);
		bool is_others = row_number(&query, 9) != loader->sight->workflow_id;
		last_execution(loader)->has_needs = row_flag(&query, 7);
		last_execution(loader)->tier = is_others ? tier_other(loader->sight->tier)
							 : loader->sight->tier;
		loader_keep_set(loader, &loader->attached, row_bytes(&query, 8));
		if (arena_check(&loader->memory, error))
			return ERR_NO_MEMORY;
	}
	if (result == 0)
		result = row_check(&query, error);
	loader->own_count = loader->executions.count;
	if (loader->makers.count > 0)
		qsort(loader->makers.items, loader->makers.count, sizeof(struct maker),
		      loader_compare_ids);
	return result;
}

/* An execution of another workflow that made a layer which is known, and was not copied:
 * of it no more is known than that. */
static int add_foreign_maker(struct loader *loader, const struct layer_record *record,
			     struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(loader->catalogue->database, EXECUTION_COLUMNS "WHERE id = ?");
	query_number(&query, record->execution_id);
	int result = query_next(&query, error);
	if (result == 0)
		return database_contradiction(loader->catalogue->database, error);
	if (result < 0)
		return result;
	add_maker(loader, record->execution_id);
	add_execution(loader, &query, false);
	last_execution(loader)->fact = true;
	last_execution(loader)->tier = record->tier;
	return row_check(&query, error);
}

static int compare_makers(const void *a, const void *b)
{
	const struct layer_record *const *left = a, *const *right = b;
	return loader_compare_ids(&(*left)->execution_id, &(*right)->execution_id);
}

static int load_foreign_makers(struct loader *loader, struct error *error)
{
	const struct layer_record *records = loader->records.items;
	size_t count = 0;
	const struct layer_record **made =
		arena_take(&loader->memory, loader->records.count * sizeof(*made));
	for (size_t i = 0; i < loader->records.count; i++)
		if (loader_maker(loader, records[i].execution_id) == VIEW_NONE)
			made[count++] = &records[i];
	if (count == 0)
		return 0;
	qsort(made, count, sizeof(*made), compare_makers);
	int result = 0;
	for (size_t i = 0; result == 0 && i < count; i++)
		if (i == 0 || made[i]->execution_id != made[i - 1]->execution_id)
			result = add_foreign_maker(loader, made[i], error);
	qsort(loader->makers.items, loader->makers.count, sizeof(struct maker),
	      loader_compare_ids);
	return result;
}

static int place_makers(struct loader *loader, struct error *error)
{
	int result = load_foreign_makers(loader, error);
	const struct layer_record *records = loader->records.items;
	struct history_layer *layers = loader->layers.items;
	for (size_t i = 0; result == 0 && i < loader->layers.count; i++)
		layers[i].execution = loader_maker(loader, records[i].execution_id);
	return result;
}

/* ---- layers ---------------------------------------------------------------------- */

/* Strictly, so that each is there once, and is found. */
static bool ascends(const struct arena_list *ids)
{
	const int64_t *id = ids->items;
	return ids->count < 2 || id[ids->count - 2] < id[ids->count - 1];
}

/* The layers that belong to the workflow. */
static int load_seen(struct loader *loader, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		loader->catalogue->database,
		"WITH seen (id, inherited) AS ("
		" SELECT layers.id, 0 FROM executions"
		"  JOIN layers ON layers.execution = executions.id WHERE " IN_SIGHT
		" UNION ALL SELECT layer, 1 FROM inherited_layers WHERE " IN_SIGHT ")"
		" SELECT " LAYER_COLUMNS ", inherited, bases"
		" FROM seen LEFT JOIN layers ON layers.id = seen.id" LAYER_JOIN
		" ORDER BY layers.id");
	bind_sight(loader, &query);
	int result;
	while ((result = query_next(&query, error)) == 1) {
		bool inherited = row_number(&query, LAYER_COLUMN_COUNT) != 0;
		result = loader_add_layer(loader, &query, inherited, false, error);
		if (result < 0)
			return result;
		if (!ascends(&loader->layer_ids))
			return database_contradiction(loader->catalogue->database, error);
		loader_keep_set(loader, &loader->bases,
				row_bytes(&query, LAYER_COLUMN_COUNT + 1));
	}
	return result < 0 ? result : row_check(&query, error);
}

/* ---- needs ----------------------------------------------------------------------- */

/* Rows come by owner. Each owner's items lie one after the other in a list of its own,
 * which moves when it grows: the owner keeps where it was last. */
static void *add_item(struct loader *loader, struct arena_list *items, size_t count,
		      size_t item_size)
{
	if (count == 0)
		*items = (struct arena_list){0};
	return arena_list_add(&loader->memory, items, item_size);
}

static uint32_t execution_position(const struct loader *loader, int64_t id)
{
	return loader_position(&loader->ids, loader->own_count, sizeof(int64_t), id);
}

static int load_needs(struct loader *loader, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		loader->catalogue->database,
		"SELECT executions.id, execution_needs.job FROM executions"
		" JOIN execution_needs ON execution_needs.execution = executions.id"
		" WHERE " IN_SIGHT " ORDER BY executions.id, position");
	bind_sight(loader, &query);
	struct history_execution *executions = loader->executions.items;
	struct arena_list items = {0};
	int result;
	while ((result = query_next(&query, error)) == 1) {
		uint32_t owner = execution_position(loader, row_number(&query, 0));
		if (owner == VIEW_NONE)
			return database_contradiction(loader->catalogue->database, error);
		struct history_execution *execution = &executions[owner];
		const char **need =
			add_item(loader, &items, execution->need_count++, sizeof(*need));
		*need = arena_string(&loader->memory, row_name(&query, 1));
		execution->needs = items.items;
		if (arena_check(&loader->memory, error))
			return ERR_NO_MEMORY;
	}
	return result < 0 ? result : row_check(&query, error);
}

static int load_parent(struct loader *loader, char **ret_parent, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(loader->catalogue->database,
			 "SELECT parent.name FROM workflows"
			 " LEFT JOIN workflows AS parent ON parent.id = workflows.parent"
			 " WHERE workflows.id = ? AND workflows.parent NOT NULL");
	query_number(&query, loader->sight->workflow_id);
	int result = query_next(&query, error);
	*ret_parent = result == 1 ? arena_string(&loader->memory, row_name(&query, 0))
				  : NULL;
	return result < 0 ? result : row_check(&query, error);
}

/* ---- the whole ------------------------------------------------------------------- */

static int load(struct loader *loader, struct error *error)
{
	int result = load_executions(loader, error);
	if (result == 0)
		result = load_seen(loader, error);
	if (result == 0)
		result = loader_load_sets(loader, error);
	if (result == 0)
		result = place_makers(loader, error);
	return result == 0 ? load_needs(loader, error) : result;
}

void catalogue_history_fini(struct catalogue_history *history)
{
	arena_fini(&history->memory);
	*history = (struct catalogue_history){.own_execution = VIEW_NONE};
}

int catalogue_load(struct catalogue *catalogue, const struct sight *sight,
		   struct catalogue_history *ret_history, struct error *error)
{
	struct loader loader AUTO(loader_fini) = {
		.catalogue = catalogue,
		.sight = sight,
	};
	char *parent = NULL;
	int result = load(&loader, error);
	if (result == 0)
		result = load_parent(&loader, &parent, error);
	if (result < 0)
		return result;
	*ret_history = (struct catalogue_history){
		.history = {.executions = loader.executions.items,
			    .execution_count = loader.executions.count,
			    .layers = loader.layers.items,
			    .layer_count = loader.layers.count},
		.records = loader.records.items,
		.execution_ids = loader.ids.items,
		.own_execution = execution_position(&loader, sight->execution_id),
		.parent = parent,
		.memory = loader.memory,
	};
	loader.memory = (struct arena){0}; /* the history's now */
	return 0;
}
