#include "daemon/store/catalogue_arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"

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

static struct arena_block *add_block(struct arena *arena, size_t room)
{
	struct arena_block *block = must_alloc(sizeof *block + room);
	block->next = arena->blocks;
	block->used = 0;
	block->room = room;
	arena->blocks = block;
	return block;
}

void *arena_take(struct arena *arena, size_t len)
{
	size_t align = alignof(max_align_t);
	size_t whole = (len + align - 1) / align * align;
	struct arena_block *block = arena->blocks;
	if (!block || block->room - block->used < whole)
		block = add_block(arena, whole > BLOCK_LEN ? whole : BLOCK_LEN);
	void *at = block->data + block->used;
	block->used += whole;
	return memset(at, 0, whole);
}

char *arena_text(struct arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;
	return memcpy(arena_take(arena, size), text, size);
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
