#include "daemon/store/catalogue_internal.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue_arena.h"

/* ---- loading --------------------------------------------------------------------- */

/* Which execution of the history stands for the one that made a layer. */
struct maker {
	int64_t id;
	uint32_t position;
};

struct loader {
	struct catalogue *catalogue; /* borrowed */
	int64_t workflow_id;
	struct arena memory;
	struct arena_list executions; /* struct history_execution */
	struct arena_list ids;        /* int64_t */
	struct arena_list makers;     /* struct maker */
	struct arena_list layers;     /* struct history_layer */
	struct arena_list records;    /* struct layer_record */
	size_t own_count; /* executions of this workflow; facts of others follow */
};

static void loader_fini(struct loader *loader)
{
	arena_fini(&loader->memory);
}

/* seen: the layers that belong to the workflow ?1; facts: others that these were built
 * on, or that its executions have attached; known: both. */
#define KNOWN_LAYERS                                                                     \
	"WITH seen (id, inherited, shadow) AS ("                                         \
	" SELECT layers.id, 0, 0 FROM executions"                                        \
	"  JOIN layers ON layers.execution = executions.id WHERE workflow = ?1"          \
	" UNION ALL SELECT layer, 1, 0 FROM inherited_layers WHERE workflow = ?1),"      \
	" facts (id) AS ("                                                               \
	" SELECT base FROM seen JOIN layer_bases ON layer = seen.id"                     \
	"  WHERE base NOT IN (SELECT id FROM seen)"                                      \
	" UNION SELECT layer FROM executions"                                            \
	"  JOIN attached ON attached.execution = executions.id"                          \
	"  WHERE workflow = ?1 AND layer NOT IN (SELECT id FROM seen)),"                 \
	" known (id, inherited, shadow) AS ("                                            \
	" SELECT * FROM seen UNION ALL SELECT id, 1, 1 FROM facts) "

static int by_id(const void *a, const void *b)
{
	const int64_t *left = a;
	const int64_t *right = b;
	return (*left > *right) - (*left < *right);
}

/* Items begin with their id and ascend by it. VIEW_NONE: there is none. */
static uint32_t position_of(const struct arena_list *list, size_t count, size_t item_size,
			    int64_t id)
{
	if (count == 0)
		return VIEW_NONE;
	const uint8_t *found = bsearch(&id, list->items, count, item_size, by_id);
	if (!found)
		return VIEW_NONE;
	return (uint32_t)((size_t)(found - (uint8_t *)list->items) / item_size);
}

static uint32_t layer_position(const struct loader *loader, int64_t id)
{
	_Static_assert(offsetof(struct layer_record, id) == 0, "by_id compares it");
	return position_of(&loader->records, loader->records.count,
			   sizeof(struct layer_record), id);
}

static uint32_t execution_position(const struct loader *loader, int64_t id)
{
	return position_of(&loader->ids, loader->own_count, sizeof(int64_t), id);
}

static uint32_t maker_position(const struct loader *loader, int64_t id)
{
	uint32_t at = position_of(&loader->makers, loader->makers.count,
				  sizeof(struct maker), id);
	return at == VIEW_NONE ? at : ((struct maker *)loader->makers.items)[at].position;
}

static int contradiction(const struct loader *loader, struct error *error)
{
	return error_set(error, ERR_DAMAGED,
			 "`%s`: rows name others that are not there; see `batond check`",
			 loader->catalogue->path);
}

/* ---- executions ------------------------------------------------------------------ */

static void add_execution(struct loader *loader, const struct query *query)
{
	struct arena *memory = &loader->memory;
	struct maker *maker = arena_list_add(memory, &loader->makers, sizeof *maker);
	int64_t id = row_number(query, 0);
	bool is_own = row_is_null(query, 1);
	maker->id = is_own ? id : row_number(query, 1);
	maker->position = (uint32_t)loader->executions.count;
	*(int64_t *)arena_list_add(memory, &loader->ids, sizeof(int64_t)) = id;
	struct history_execution *execution =
		arena_list_add(memory, &loader->executions, sizeof *execution);
	*execution = (struct history_execution){
		.run = arena_text(memory, row_text(query, 2)),
		.run_heard = (uint64_t)row_number(query, 3),
		.job = arena_text(memory, row_text(query, 4)),
		.shard = arena_text(memory, row_text(query, 5)),
		.attempt = arena_text(memory, row_text(query, 6)),
		.has_needs = row_number(query, 7) != 0,
		.inherited = !is_own,
		.heard = (uint64_t)id,
	};
}

static int add_executions(struct loader *loader, const char *sql, struct error *error)
{
	struct query query AUTO(query_end) = query_of(loader->catalogue, sql);
	query_number(&query, loader->workflow_id);
	int result;
	while ((result = query_next(&query, error)) == 1)
		add_execution(loader, &query);
	return result;
}

/* The workflow's own and copied ones, then those of others that made a layer that is
 * known, and were not copied. */
static int load_executions(struct loader *loader, struct error *error)
{
	int result = add_executions(
		loader,
		"SELECT id, origin, run, run_heard, job, shard, attempt,"
		" has_needs FROM executions WHERE workflow = ?1 ORDER BY id",
		error);
	if (result < 0)
		return result;
	loader->own_count = loader->executions.count;
	result = add_executions(
		loader,
		KNOWN_LAYERS
		"SELECT id, id, run, run_heard, job, shard, attempt, 0 FROM executions"
		" WHERE workflow <> ?1 AND id IN (SELECT layers.execution FROM known"
		"  JOIN layers ON layers.id = known.id)"
		" AND id NOT IN (SELECT origin FROM executions"
		"  WHERE workflow = ?1 AND origin IS NOT NULL) ORDER BY id",
		error);
	struct history_execution *executions = loader->executions.items;
	for (size_t i = loader->own_count; i < loader->executions.count; i++)
		executions[i].fact = true;
	if (loader->makers.count > 0)
		qsort(loader->makers.items, loader->makers.count, sizeof(struct maker),
		      by_id);
	return result;
}

/* ---- layers ---------------------------------------------------------------------- */

static int add_layer(struct loader *loader, const struct query *query,
		     struct error *error)
{
	struct layer_record record;
	int result = layer_record_of(query, &record, error);
	if (result < 0)
		return result;
	uint32_t position = maker_position(loader, record.execution_id);
	if (position == VIEW_NONE)
		return contradiction(loader, error);
	struct arena *memory = &loader->memory;
	record.workflow = arena_text(memory, row_text(query, COLUMN_WORKFLOW));
	record.run = arena_text(memory, row_text(query, COLUMN_RUN));
	record.job = arena_text(memory, row_text(query, COLUMN_JOB));
	record.shard = arena_text(memory, row_text(query, COLUMN_SHARD));
	record.attempt = arena_text(memory, row_text(query, COLUMN_ATTEMPT));
	record.inherited = row_number(query, LAYER_COLUMN_COUNT) != 0;
	*(struct layer_record *)arena_list_add(memory, &loader->records, sizeof record) =
		record;
	struct history_layer *layer =
		arena_list_add(memory, &loader->layers, sizeof *layer);
	*layer = (struct history_layer){
		.execution = position,
		.sequence = record.sequence,
		.commit = (uint64_t)record.id,
		.content = record.content,
		.inherited = record.inherited,
		.shadow = row_number(query, LAYER_COLUMN_COUNT + 1) != 0,
	};
	return 0;
}

static int load_layers(struct loader *loader, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(loader->catalogue, KNOWN_LAYERS
			 "SELECT " LAYER_COLUMNS ", inherited, shadow"
			 " FROM known JOIN layers ON layers.id = known.id" LAYER_JOIN
			 " ORDER BY layers.id");
	query_number(&query, loader->workflow_id);
	int result;
	while ((result = query_next(&query, error)) == 1) {
		result = add_layer(loader, &query, error);
		if (result < 0)
			return result;
	}
	return result;
}

/* ---- what belongs to each -------------------------------------------------------- */

/* Rows come by owner. Each owner's items lie one behind the other in a list of its own,
 * which moves when it grows: the owner keeps where it was last. */
static void *add_item(struct loader *loader, struct arena_list *items, size_t count,
		      size_t item_size)
{
	if (count == 0)
		*items = (struct arena_list){0};
	return arena_list_add(&loader->memory, items, item_size);
}

static int load_bases(struct loader *loader, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		loader->catalogue, KNOWN_LAYERS "SELECT layer, base FROM seen"
						" JOIN layer_bases ON layer = seen.id"
						" ORDER BY layer, base");
	query_number(&query, loader->workflow_id);
	struct history_layer *layers = loader->layers.items;
	struct arena_list items = {0};
	int result;
	while ((result = query_next(&query, error)) == 1) {
		uint32_t owner = layer_position(loader, row_number(&query, 0));
		uint32_t base = layer_position(loader, row_number(&query, 1));
		if (owner == VIEW_NONE || base == VIEW_NONE)
			return contradiction(loader, error);
		struct history_layer *layer = &layers[owner];
		*(uint32_t *)add_item(loader, &items, layer->base_count++, sizeof base) =
			base;
		layer->bases = items.items;
	}
	return result;
}

static int load_attached(struct loader *loader, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(loader->catalogue,
			 "SELECT attached.execution, layer FROM executions"
			 " JOIN attached ON attached.execution = executions.id"
			 " WHERE workflow = ? ORDER BY attached.execution, layer");
	query_number(&query, loader->workflow_id);
	struct history_execution *executions = loader->executions.items;
	struct arena_list items = {0};
	int result;
	while ((result = query_next(&query, error)) == 1) {
		uint32_t owner = execution_position(loader, row_number(&query, 0));
		uint32_t layer = layer_position(loader, row_number(&query, 1));
		if (owner == VIEW_NONE || layer == VIEW_NONE)
			return contradiction(loader, error);
		struct history_execution *execution = &executions[owner];
		*(uint32_t *)add_item(loader, &items, execution->attached_count++,
				      sizeof layer) = layer;
		execution->attached = items.items;
	}
	return result;
}

static int load_needs(struct loader *loader, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		loader->catalogue,
		"SELECT executions.id, execution_needs.job FROM executions"
		" JOIN execution_needs ON execution_needs.execution = executions.id"
		" WHERE workflow = ? ORDER BY executions.id, position");
	query_number(&query, loader->workflow_id);
	struct history_execution *executions = loader->executions.items;
	struct arena_list items = {0};
	int result;
	while ((result = query_next(&query, error)) == 1) {
		uint32_t owner = execution_position(loader, row_number(&query, 0));
		if (owner == VIEW_NONE)
			return contradiction(loader, error);
		struct history_execution *execution = &executions[owner];
		const char **need =
			add_item(loader, &items, execution->need_count++, sizeof *need);
		*need = arena_text(&loader->memory, row_text(&query, 1));
		execution->needs = items.items;
	}
	return result;
}

static int load_parent(struct loader *loader, char **ret_parent, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(loader->catalogue,
			 "SELECT parent.name FROM workflows"
			 " JOIN workflows AS parent ON parent.id = workflows.parent"
			 " WHERE workflows.id = ?");
	query_number(&query, loader->workflow_id);
	int result = query_next(&query, error);
	*ret_parent = result == 1 ? arena_text(&loader->memory, row_text(&query, 0))
				  : NULL;
	return result < 0 ? result : 0;
}

/* ---- the whole ------------------------------------------------------------------- */

static int load(struct loader *loader, struct error *error)
{
	int result = load_executions(loader, error);
	if (result == 0)
		result = load_layers(loader, error);
	if (result == 0)
		result = load_bases(loader, error);
	if (result == 0)
		result = load_attached(loader, error);
	return result == 0 ? load_needs(loader, error) : result;
}

void catalogue_history_fini(struct catalogue_history *history)
{
	struct arena memory = {.blocks = history->memory};
	arena_fini(&memory);
	*history = (struct catalogue_history){.own_execution = VIEW_NONE};
}

int catalogue_load(struct catalogue *catalogue, int64_t workflow_id, int64_t execution_id,
		   struct catalogue_history *ret_history, struct error *error)
{
	struct loader loader AUTO(loader_fini) = {
		.catalogue = catalogue,
		.workflow_id = workflow_id,
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
		.own_execution = execution_position(&loader, execution_id),
		.parent = parent,
		.memory = take_ptr(&loader.memory.blocks),
	};
	return 0;
}
