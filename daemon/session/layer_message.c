#include "daemon/session/layer_message.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/bounds.h"

/* Keys and values of a layer map without `after`, and what they take at most besides
 * the texts. */
#define LAYER_OBJECTS 38u
#define LAYER_FIXED_LEN 512u

/* What is trusted, as most is, says nothing. */
static struct text layer_message_tier(const struct layer_record *record)
{
	return text_of(record->tier == TIER_UNTRUSTED ? "untrusted" : NULL);
}

struct text layer_message_id(struct arena *arena, const struct layer_record *record)
{
	char *id = arena_take(arena, LAYER_ID_TEXT_SIZE);
	layer_id_text(record->name, id);
	return text_of(id);
}

void layer_message(struct arena *arena, const struct catalogue_history *history,
		   uint32_t position, struct msg_layer *ret_layer)
{
	const struct layer_record *record = &history->records[position];
	*ret_layer = (struct msg_layer){
		.layer = layer_message_id(arena, record),
		.workflow = text_of(record->workflow),
		.run = text_of(record->run),
		.job = text_of(record->job),
		.shard = text_of(record->shard),
		.attempt = text_of(record->attempt),
		.sequence = record->sequence,
		.digest = {.at = (const char *)record->digest.bytes, .len = SHA256_LEN},
		.files = record->totals.files,
		.directories = record->totals.directories,
		.symlinks = record->totals.symlinks,
		.bytes = record->totals.bytes,
		.created_ms = (uint64_t)record->created_ms,
		.inherited = record->inherited,
		.tier = layer_message_tier(record),
	};
}

void layer_message_new(struct arena *arena, const struct msg_identity *identity,
		       const struct layer_record *record, struct msg_layer *ret_layer)
{
	struct digest *digest = arena_take(arena, sizeof(*digest));
	*digest = record->digest;
	*ret_layer = (struct msg_layer){
		.layer = layer_message_id(arena, record),
		.workflow = identity->workflow,
		.run = identity->run.len ? identity->run : text_of("1"),
		.job = identity->job,
		.shard = identity->shard,
		.attempt = identity->attempt.len ? identity->attempt : text_of("1"),
		.sequence = record->sequence,
		.digest = {.at = (const char *)digest->bytes, .len = SHA256_LEN},
		.files = record->totals.files,
		.directories = record->totals.directories,
		.symlinks = record->totals.symlinks,
		.bytes = record->totals.bytes,
		.created_ms = (uint64_t)record->created_ms,
		.tier = layer_message_tier(record),
	};
}

void layer_message_after(struct arena *arena, const struct catalogue_history *history,
			 const struct view *view, uint32_t position,
			 struct msg_layer *layer)
{
	const struct view_layer *view_layer = &view->layers[position];
	layer->after.count = view_layer->after_count;
	layer->after.items =
		arena_take(arena, (view_layer->after_count + 1) * sizeof(struct text));
	for (size_t i = 0; i < view_layer->after_count; i++) {
		uint32_t before = view->layers[view_layer->after[i]].layer;
		layer->after.items[i] =
			layer_message_id(arena, &history->records[before]);
	}
}

static size_t layer_len(const struct msg_layer *layer)
{
	return LAYER_FIXED_LEN + layer->workflow.len + layer->run.len + layer->job.len +
	       layer->shard.len + layer->attempt.len + layer->reason.len +
	       layer->after.count * (LAYER_ID_TEXT_SIZE + 2);
}

size_t layer_message_batch(const struct msg_layer_list *layers, size_t first)
{
	size_t count = 0, objects = 0, len = 0;
	for (size_t i = first; i < layers->count; i++, count++) {
		objects += LAYER_OBJECTS + layers->items[i].after.count;
		len += layer_len(&layers->items[i]);
		bool full = objects > CONTROL_OBJECTS_MAX / 2 ||
			    len > CONTROL_LEN_MAX / 2;
		if (full && count)
			return count;
	}
	return count;
}
