#include "daemon/store/catalogue/loader.h"

#include <stdlib.h>
#include <string.h>

void loader_fini(struct loader *loader)
{
	arena_fini(&loader->memory);
}

int loader_compare_ids(const void *a, const void *b)
{
	const int64_t *left = a;
	const int64_t *right = b;
	return (*left > *right) - (*left < *right);
}

uint32_t loader_position(const struct arena_list *list, size_t count, size_t item_size,
			 int64_t id)
{
	if (count == 0)
		return VIEW_NONE;
	const uint8_t *found =
		bsearch(&id, list->items, count, item_size, loader_compare_ids);
	if (!found)
		return VIEW_NONE;
	return (uint32_t)((size_t)(found - (uint8_t *)list->items) / item_size);
}

uint32_t loader_maker(const struct loader *loader, int64_t id)
{
	uint32_t at = loader_position(&loader->makers, loader->makers.count,
				      sizeof(struct maker), id);
	return at == VIEW_NONE ? at : ((struct maker *)loader->makers.items)[at].position;
}

void loader_keep_set(struct loader *loader, struct arena_list *list, struct reader bytes)
{
	struct stored_set *set = arena_list_add(&loader->memory, list, sizeof(*set));
	set->bytes =
		memcpy(arena_take(&loader->memory, bytes.left), bytes.at, bytes.left);
	set->len = bytes.left;
}

int loader_add_layer(struct loader *loader, struct query *query, bool inherited,
		     bool shadow, struct error *error)
{
	struct layer_record record;
	int result = layer_record_of(query, &record, error);
	if (result < 0)
		return result;
	struct arena *memory = &loader->memory;
	record.workflow = arena_string(memory, record.workflow);
	record.run = arena_string(memory, record.run);
	record.job = arena_string(memory, record.job);
	record.shard = arena_string(memory, record.shard);
	record.attempt = arena_string(memory, record.attempt);
	record.inherited = inherited;
	*(struct layer_record *)arena_list_add(memory, &loader->records, sizeof(record)) =
		record;
	*(int64_t *)arena_list_add(memory, &loader->layer_ids, sizeof(int64_t)) =
		record.id;
	struct history_layer *layer =
		arena_list_add(memory, &loader->layers, sizeof(*layer));
	*layer = (struct history_layer){
		.sequence = record.sequence,
		.commit = (uint64_t)record.id,
		.content = record.content,
		.tier = record.tier,
		.inherited = inherited,
		.shadow = shadow,
	};
	return arena_check(memory, error);
}
