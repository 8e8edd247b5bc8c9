/*
 * A hash table of positions. Only its owner knows what is stored there, and whether two
 * are equal. Open addressing with linear probing, at most three quarters full; several
 * positions may have one hash, and nothing is ever taken out but all at once. While a
 * thread changes it no other may use it; several may search it at once.
 *
 *	struct slots_walk walk = slots_walk(&table->slots, hash);
 *	for (uint32_t i; slots_next(&walk, &i);)
 *		if (is_equal(&table->items[i], item))
 *			return i;
 */
#ifndef BATON_PROTO_BASE_SLOTS_H
#define BATON_PROTO_BASE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

#define SLOTS_FREE UINT32_MAX /* no position may be this */

/* {0} is empty and ready. */
struct slots {
	uint32_t *at; /* owned; SLOTS_FREE where nothing is */
	uint32_t mask;
	uint32_t used;
};
void slots_fini(struct slots *slots);

/* The hash that a position was added with. */
typedef uint32_t slots_hash(const void *context, uint32_t position);

/* Whether the next position makes it grow. */
static inline bool slots_is_full(const struct slots *slots)
{
	return !slots->at || slots->used >= (slots->mask + 1) / 4 * 3;
}

/* Makes it grow. It asks for the hashes of the positions that are there. */
void slots_grow(struct slots *slots, slots_hash *hash_of, const void *context);

/* Adds a position. */
static inline void slots_add(struct slots *slots, uint32_t hash, uint32_t position,
			     slots_hash *hash_of, const void *context)
{
	claim(position != SLOTS_FREE);
	if (slots_is_full(slots))
		slots_grow(slots, hash_of, context);
	uint32_t slot = hash & slots->mask;
	while (slots->at[slot] != SLOTS_FREE)
		slot = (slot + 1) & slots->mask;
	slots->at[slot] = position;
	slots->used++;
}

/* Makes an empty table so large that it need not grow for count positions. */
void slots_reserve(struct slots *slots, uint32_t count);

/* As slots_reserve() and slots_grow(), but they return 0 or ERR_NO_MEMORY: then the table
 * is as it was (memory.h). */
int slots_may_reserve(struct slots *slots, uint32_t count, struct error *error);
int slots_may_grow(struct slots *slots, slots_hash *hash_of, const void *context,
		   struct error *error);
/* Before slots_add(), for a table that must not abort when it grows. */
static inline int slots_may_make_room(struct slots *slots, slots_hash *hash_of,
				      const void *context, struct error *error)
{
	return slots_is_full(slots) ? slots_may_grow(slots, hash_of, context, error) : 0;
}

/* Forgets all positions and keeps the memory. */
void slots_clear(struct slots *slots);

/* ---- looking ---- */

struct slots_walk {
	const struct slots *slots; /* borrowed */
	uint32_t slot;
};

static inline struct slots_walk slots_walk(const struct slots *slots, uint32_t hash)
{
	return (struct slots_walk){.slots = slots, .slot = hash & slots->mask};
}

/* The next position that may have this hash, in no particular order; false: there is
 * none. The positions of other hashes that share its place come, too. */
static inline bool slots_next(struct slots_walk *walk, uint32_t *ret_position)
{
	const struct slots *slots = walk->slots;
	if (!slots->at || slots->at[walk->slot] == SLOTS_FREE)
		return false;
	*ret_position = slots->at[walk->slot];
	walk->slot = (walk->slot + 1) & slots->mask;
	return true;
}

#endif
