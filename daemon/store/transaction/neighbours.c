#include "daemon/store/transaction/neighbours.h"

#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/error.h"
#include "proto/bounds.h"

_Static_assert(FRAME_UNITS_MAX <= NEIGHBOURS_MAX, "a frame fits");

void neighbours_fini(struct neighbours *neighbours)
{
	free(neighbours->units);
	slots_fini(&neighbours->by_key);
	*neighbours = (struct neighbours){0};
}

static uint32_t hash_of(const void *context, uint32_t unit)
{
	const struct neighbours *neighbours = context;
	return (uint32_t)unit_key_hash(&neighbours->units[unit].name.key);
}

/* The position of one that has the key, or SLOTS_FREE. */
static uint32_t find(const struct neighbours *neighbours, const struct unit_key *key)
{
	struct slots_walk walk =
		slots_walk(&neighbours->by_key, (uint32_t)unit_key_hash(key));
	for (uint32_t i; slots_next(&walk, &i);)
		if (unit_key_equal(&neighbours->units[i].name.key, key))
			return i;
	return SLOTS_FREE;
}

static void forget_all(struct neighbours *neighbours)
{
	neighbours->count = 0;
	slots_clear(&neighbours->by_key);
}

/* False: no memory for it. */
static bool begin(struct neighbours *neighbours)
{
	struct error ignored;
	neighbours->units =
		may_alloc(NEIGHBOURS_MAX * sizeof(*neighbours->units), &ignored);
	if (neighbours->units &&
	    slots_may_reserve(&neighbours->by_key, NEIGHBOURS_MAX, &ignored))
		free(take_ptr(&neighbours->units));
	return neighbours->units != NULL;
}

bool neighbours_pay(const struct neighbours *neighbours)
{
	return neighbours->learned < NEIGHBOURS_MAX + NEIGHBOURS_PAY * neighbours->hits;
}

void neighbours_learn(struct neighbours *neighbours, uint32_t frame,
		      const struct unit_name *units, uint32_t count)
{
	claim(count <= NEIGHBOURS_MAX);
	neighbours->learned += count;
	if (!neighbours->units && !begin(neighbours))
		return;
	if (count > NEIGHBOURS_MAX - neighbours->count)
		forget_all(neighbours);
	for (uint32_t i = 0; i < count; i++) {
		if (find(neighbours, &units[i].key) != SLOTS_FREE)
			continue;
		uint32_t position = neighbours->count++;
		neighbours->units[position] = (struct neighbour){
			.name = units[i], .frame = frame, .position = i};
		slots_add(&neighbours->by_key, hash_of(neighbours, position), position,
			  hash_of, neighbours);
	}
}

const struct neighbour *neighbours_find(struct neighbours *neighbours,
					const struct unit_key *key)
{
	uint32_t at = find(neighbours, key);
	if (at == SLOTS_FREE)
		return NULL;
	neighbours->hits++;
	return &neighbours->units[at];
}
