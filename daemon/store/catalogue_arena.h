/*
 * The memory of one history: taken in small pieces, freed as one. For catalogue_*.c only.
 */
#ifndef BATON_STORE_CATALOGUE_ARENA_H
#define BATON_STORE_CATALOGUE_ARENA_H

#include <stddef.h>

/* {NULL} is empty and ready. Its blocks may be handed on by their address, which is how
 * catalogue_history.memory owns them. */
struct arena {
	struct arena_block *blocks; /* owned */
};
void arena_fini(struct arena *arena);

/* Zeroed, aligned for anything; never NULL. */
void *arena_take(struct arena *arena, size_t len);
char *arena_text(struct arena *arena, const char *text);

/* A list that grows in an arena. What it outgrew stays there, at most as much again. */
struct arena_list {
	void *items;
	size_t count;
	size_t room;
};
/* Room for one more item, zeroed; earlier items may have moved. */
void *arena_list_add(struct arena *arena, struct arena_list *list, size_t item_size);

#endif
