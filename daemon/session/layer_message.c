#include "daemon/session/layer_message.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/bounds.h"

/* Keys and values of a layer map without `after`, and what they take at most besides
 * the texts. */
#define LAYER_OBJECTS 36u
#define LAYER_FIXED_LEN 512u

struct message_arena {
	struct arena_block *blocks; /* owned */
};

struct arena_block {
	struct arena_block *next;
	size_t used, room;
	max_align_t data[];
};

#define ARENA_BLOCK_SIZE 8192u

struct message_arena *message_arena_new(void)
{
	return must_calloc(1, sizeof(struct message_arena));
}

void message_arena_free(struct message_arena *arena)
{
	for (struct arena_block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

void *message_arena_take(struct message_arena *arena, size_t size)
{
	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) *
	       sizeof(max_align_t);
	struct arena_block *block = arena->blocks;
	if (!block || block->room - block->used < size) {
		size_t room = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;
		block = must_calloc(1, sizeof(*block) + room);
		block->room = room;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	void *at = (uint8_t *)block->data + block->used;
	block->used += size;
	return at;
}

const char *message_arena_string(struct message_arena *arena, struct text text)
{
	char *copy = message_arena_take(arena, text.len + 1);
	if (text.len)
		memcpy(copy, text.at, text.len);
	return copy;
}

const char *const *message_arena_strings(struct message_arena *arena,
					 const struct text_list *list)
{
	const char **strings =
		message_arena_take(arena, (list->count + 1) * sizeof(*strings));
	for (size_t i = 0; i < list->count; i++)
		strings[i] = message_arena_string(arena, list->items[i]);
	return strings;
}

struct text message_arena_copy(struct message_arena *arena, const char *string)
{
	return text_of(message_arena_string(arena, text_of(string)));
}

struct text layer_message_id(struct message_arena *arena,
			     const struct layer_record *record)
{
	char *id = message_arena_take(arena, LAYER_ID_TEXT_SIZE);
	layer_id_text(record->name, id);
	return text_of(id);
}

struct contact_request contact_of(const struct msg_identity *identity,
				  enum contact_kind kind)
{
	return (struct contact_request){
		.identity =
			{
				.namespace = identity->namespace,
				.workflow = identity->workflow,
				.run = identity->run,
				.job = identity->job,
				.shard = identity->shard,
				.attempt = identity->attempt,
				.execution = identity->execution,
				.needs = identity->needs,
				.has_needs = identity->has_needs,
				.retry_of = identity->retry_of,
				.retry_none = identity->retry_none,
				.retry_detected = identity->retry_detected,
			},
		.kind = kind,
		.inherited = view_inherited,
	};
}

void layer_message(struct message_arena *arena, const struct catalogue_history *history,
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
	};
}

void layer_message_after(struct message_arena *arena,
			 const struct catalogue_history *history, const struct view *view,
			 uint32_t position, struct msg_layer *layer)
{
	const struct view_layer *view_layer = &view->layers[position];
	layer->after.count = view_layer->after_count;
	layer->after.items = message_arena_take(arena, (view_layer->after_count + 1) *
							       sizeof(struct text));
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
