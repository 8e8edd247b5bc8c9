#include "proto/base/slots.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

#define SIZE_FIRST 256u
#define SIZE_MOST (1u << 31)

void slots_fini(struct slots *slots)
{
	free(slots->at);
	*slots = (struct slots){0};
}

void slots_clear(struct slots *slots)
{
	if (slots->at)
		memset(slots->at, 0xff, ((size_t)slots->mask + 1) * sizeof(*slots->at));
	slots->used = 0;
}

static struct slots slots_of_size(uint32_t *at, uint32_t size)
{
	struct slots slots = {.at = at, .mask = size - 1};
	slots_clear(&slots);
	return slots;
}

/* Whether a table of this size holds one more without being more than three quarters
 * full. */
static bool has_room(uint32_t size, uint32_t used)
{
	return used < size / 4 * 3;
}

static uint32_t next_size(const struct slots *slots)
{
	claim(!slots->at || slots->mask < SIZE_MOST - 1);
	return slots->at ? (slots->mask + 1) * 2 : SIZE_FIRST;
}

/* Moves all to a table of that size; old and new are there together for a moment. */
static void move_to(struct slots *slots, uint32_t *at, uint32_t size, slots_hash *hash_of,
		    const void *context)
{
	struct slots old = *slots;
	*slots = slots_of_size(at, size);
	for (size_t i = 0; old.at && i <= old.mask; i++)
		if (old.at[i] != SLOTS_FREE)
			slots_add(slots, hash_of(context, old.at[i]), old.at[i], hash_of,
				  context);
	free(old.at);
}

void slots_grow(struct slots *slots, slots_hash *hash_of, const void *context)
{
	uint32_t size = next_size(slots);
	move_to(slots, must_alloc(size * sizeof(*slots->at)), size, hash_of, context);
}

int slots_may_grow(struct slots *slots, slots_hash *hash_of, const void *context,
		   struct error *error)
{
	uint32_t size = next_size(slots);
	uint32_t *at = may_alloc(size * sizeof(*at), error);
	if (!at)
		return ERR_NO_MEMORY;
	move_to(slots, at, size, hash_of, context);
	return 0;
}

static uint32_t size_for(const struct slots *slots, uint32_t count)
{
	claim(slots->used == 0);
	uint32_t size = SIZE_FIRST;
	while (count > 0 && !has_room(size, count - 1)) {
		claim(size < SIZE_MOST);
		size *= 2;
	}
	return size;
}

void slots_reserve(struct slots *slots, uint32_t count)
{
	uint32_t size = size_for(slots, count);
	uint32_t *at = must_alloc(size * sizeof(*at));
	free(slots->at);
	*slots = slots_of_size(at, size);
}

int slots_may_reserve(struct slots *slots, uint32_t count, struct error *error)
{
	uint32_t size = size_for(slots, count);
	uint32_t *at = may_alloc(size * sizeof(*at), error);
	if (!at)
		return ERR_NO_MEMORY;
	free(slots->at);
	*slots = slots_of_size(at, size);
	return 0;
}
