#include "proto/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

#define BLOCK_LEN 16384u
#define LIST_FIRST_ROOM 32u

struct arena_block {
	struct arena_block *next; /* owned */
	size_t used, room;
	alignas(max_align_t) uint8_t data[];
};

void arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->next;
		free(block);
	}
}

static struct arena_block *new_block(struct arena *arena, size_t len)
{
	struct error ignored;
	struct arena_block *block = may_alloc(len, &ignored);
	if (block)
		return block;
	arena->strained = true;
	return must_alloc(len);
}

int arena_check(const struct arena *arena, struct error *error)
{
	return arena->strained ? error_set(error, ERR_NO_MEMORY,
					   "no memory for all that there is")
			       : 0;
}

/* len bytes at a multiple of align, in the latest block or a new one. */
static uint8_t *take(struct arena *arena, size_t len, size_t align)
{
	claim(len <= SIZE_MAX / 2);
	struct arena_block *block = arena->blocks;
	size_t at = block ? (block->used + align - 1) / align * align : 0;
	if (!block || at > block->room || block->room - at < len) {
		size_t room = arena->block_len ? arena->block_len : BLOCK_LEN;
		room = len > room ? len : room;
		block = new_block(arena, sizeof(*block) + room);
		block->next = arena->blocks;
		block->room = room;
		arena->blocks = block;
		at = 0;
	}
	block->used = at + len;
	return block->data + at;
}

void *arena_take(struct arena *arena, size_t len)
{
	return memset(take(arena, len, alignof(max_align_t)), 0, len);
}

char *arena_bytes(struct arena *arena, size_t len)
{
	return (char *)take(arena, len, 1);
}

char *arena_text(struct arena *arena, struct text text)
{
	char *copy = arena_bytes(arena, text.len + 1);
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	return copy;
}

char *arena_string(struct arena *arena, const char *string)
{
	return arena_text(arena, text_of(string));
}

const char *const *arena_strings(struct arena *arena, const struct text_list *list)
{
	const char **strings = arena_take(arena, (list->count + 1) * sizeof(*strings));
	for (size_t i = 0; i < list->count; i++)
		strings[i] = arena_text(arena, list->items[i]);
	return strings;
}

struct text arena_copy(struct arena *arena, const char *string)
{
	return text_of(arena_string(arena, string));
}

void *arena_list_add(struct arena *arena, struct arena_list *list, size_t item_size)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : LIST_FIRST_ROOM;
		void *items = arena_take(arena, room * item_size);
		if (list->count > 0)
			memcpy(items, list->items, list->count * item_size);
		list->items = items;
		list->room = room;
	}
	return (uint8_t *)list->items + list->count++ * item_size;
}
