#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue/loader.h"
#include "daemon/store/database/id_set.h"

/* ---- facts ----------------------------------------------------------------------- */

/* A layer of another workflow that was not inherited, but attached by what was. */
static int load_fact(struct loader *loader, int64_t id, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		loader->catalogue->database,
		"SELECT " LAYER_COLUMNS " FROM layers" LAYER_JOIN " WHERE layers.id = ?");
	query_number(&query, id);
	int result = query_next(&query, error);
	if (result == 0)
		return database_contradiction(loader->catalogue->database, error);
	return result < 0 ? result : loader_add_layer(loader, &query, true, true, error);
}

static int by_commit(const void *a, const void *b)
{
	uint64_t left = ((const struct history_layer *)a)->commit;
	uint64_t right = ((const struct history_layer *)b)->commit;
	return (left > right) - (left < right);
}

/* Puts facts among the layers, by id; with them goes each seen one's set. */
static int load_facts(struct loader *loader, struct error *error)
{
	int64_t *facts = loader->facts.items;
	qsort(facts, loader->facts.count, sizeof(*facts), loader_compare_ids);
	int result = 0;
	for (size_t i = 0; result == 0 && i < loader->facts.count; i++)
		if (i == 0 || facts[i] != facts[i - 1])
			result = load_fact(loader, facts[i], error);
	if (result < 0)
		return result;
	size_t count = loader->layers.count;
	struct stored_set *sets = arena_take(&loader->memory, count * sizeof(*sets));
	const struct stored_set *seen = loader->bases.items;
	struct history_layer *layers = loader->layers.items;
	qsort(layers, count, sizeof(*layers), by_commit);
	qsort(loader->records.items, count, sizeof(struct layer_record),
	      loader_compare_ids);
	qsort(loader->layer_ids.items, count, sizeof(int64_t), loader_compare_ids);
	for (size_t i = 0; i < count; i++)
		if (!layers[i].shadow)
			sets[i] = *seen++;
	loader->bases.items = sets;
	loader->facts.count = 0;
	return 0;
}

/* ---- sets of layers -------------------------------------------------------------- */

/* Mostly the one after the last. */
static uint32_t layer_position(const struct loader *loader, uint32_t expected, int64_t id)
{
	const int64_t *ids = loader->layer_ids.items;
	size_t count = loader->layer_ids.count;
	if (expected < count && ids[expected] == id)
		return expected;
	return loader_position(&loader->layer_ids, count, sizeof(int64_t), id);
}

/* Gives the positions of a set's layers; those that are not loaded become facts. */
static int resolve(struct loader *loader, const struct stored_set *set,
		   const uint32_t **ret_list, size_t *ret_count, struct error *error)
{
	uint32_t *list = arena_take(&loader->memory, set->len * sizeof(*list));
	struct id_set_reader in = {.bytes = reader_of(set->bytes, set->len)};
	size_t count = 0;
	uint32_t position = 0;
	for (int64_t id; id_set_next(&in, &id); position++) {
		position = layer_position(loader, position, id);
		if (position != VIEW_NONE)
			list[count++] = position;
		else
			*(int64_t *)arena_list_add(&loader->memory, &loader->facts,
						   sizeof(id)) = id;
	}
	*ret_list = list;
	*ret_count = count;
	return in.bytes.failed ? catalogue_bad_set(loader->catalogue, error)
			       : arena_check(&loader->memory, error);
}

static bool same_set(const struct stored_set *a, const struct stored_set *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

/* A layer is built on earlier ones alone; positions ascend. */
static int check_bases(const struct loader *loader, size_t at, struct error *error)
{
	const struct history_layer *layer =
		&((struct history_layer *)loader->layers.items)[at];
	if (layer->base_count == 0 || layer->bases[layer->base_count - 1] < at)
		return 0;
	return database_contradiction(loader->catalogue->database, error);
}

/* Mostly a layer's bases are all that its execution has attached: one list for both. */
static int resolve_bases(struct loader *loader, size_t at, struct error *error)
{
	const struct stored_set *set = &((struct stored_set *)loader->bases.items)[at];
	struct history_layer *layer = &((struct history_layer *)loader->layers.items)[at];
	const struct layer_record *record =
		&((struct layer_record *)loader->records.items)[at];
	uint32_t maker = loader_maker(loader, record->execution_id);
	if (maker < loader->own_count &&
	    same_set(set, &((struct stored_set *)loader->attached.items)[maker])) {
		const struct history_execution *execution =
			&((struct history_execution *)loader->executions.items)[maker];
		layer->bases = execution->attached;
		layer->base_count = execution->attached_count;
		return check_bases(loader, at, error);
	}
	int result = resolve(loader, set, &layer->bases, &layer->base_count, error);
	return result == 0 ? check_bases(loader, at, error) : result;
}

static int resolve_all(struct loader *loader, struct error *error)
{
	struct history_execution *executions = loader->executions.items;
	const struct stored_set *attached = loader->attached.items;
	int result = 0;
	for (size_t i = 0; result == 0 && i < loader->own_count; i++)
		result = resolve(loader, &attached[i], &executions[i].attached,
				 &executions[i].attached_count, error);
	for (size_t i = 0; result == 0 && i < loader->layers.count; i++)
		result = resolve_bases(loader, i, error);
	return result;
}

/* Facts have sets of their own, which nobody asks for: so there are none behind them. */
int loader_load_sets(struct loader *loader, struct error *error)
{
	int result = resolve_all(loader, error);
	if (result < 0 || loader->facts.count == 0)
		return result;
	result = load_facts(loader, error);
	if (result == 0)
		result = resolve_all(loader, error);
	return result == 0 && loader->facts.count > 0
		       ? database_contradiction(loader->catalogue->database, error)
		       : result;
}
