/*
 * Memory that is taken in small pieces and freed as one. What it gives stays where it is
 * until then. It belongs to one thread at a time.
 */
#ifndef BATON_PROTO_BASE_ARENA_H
#define BATON_PROTO_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/error.h"
#include "proto/base/text.h"

/* {0} is empty and ready. */
struct arena {
	struct arena_block *blocks; /* owned; the latest first */
	size_t block_len;           /* bytes asked for at a time; 0: 16 KiB */
	bool strained; /* a block came from the process's reserve (memory.h) */
};
void arena_fini(struct arena *arena);

/* For who takes as much as a peer or a file decides, now and then: ERR_NO_MEMORY once the
 * arena is strained. What it has given is good, and no more should be taken. */
int arena_check(const struct arena *arena, struct error *error);

/* Zeroed, aligned for anything; never NULL, also for len 0. */
void *arena_take(struct arena *arena, size_t len);
/* Neither zeroed nor aligned, so that texts lie side by side. */
char *arena_bytes(struct arena *arena, size_t len);

/* A copy that ends with a NUL. */
char *arena_text(struct arena *arena, struct text text);
char *arena_string(struct arena *arena, const char *string);
/* A copy of each, with NULs: an array of count pointers and a NULL. */
const char *const *arena_strings(struct arena *arena, const struct text_list *list);
/* A copy of a C string, as a text. */
struct text arena_copy(struct arena *arena, const char *string);

/* A list that grows in an arena; {0} is empty. What it outgrew stays there, at most as
 * much again. */
struct arena_list {
	void *items;
	size_t count;
	size_t room;
};
/* Room for one more item, zeroed; earlier items may have moved. */
void *arena_list_add(struct arena *arena, struct arena_list *list, size_t item_size);

#endif
