#include "daemon/store/unit_neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/bounds.h"

#define SLOTS (2u * UNIT_NEIGHBOURS_MAX)
#define FREE_SLOT UINT32_MAX

_Static_assert(FRAME_UNITS_MAX <= UNIT_NEIGHBOURS_MAX, "a frame fits");

void unit_neighbours_fini(struct unit_neighbours *neighbours)
{
	free(neighbours->units);
	free(neighbours->slots);
	*neighbours = (struct unit_neighbours){0};
}

static uint32_t slot_of(const struct unit_neighbours *neighbours,
			const struct unit_key *key)
{
	uint32_t slot = (uint32_t)unit_key_hash(key) % SLOTS;
	while (neighbours->slots[slot] != FREE_SLOT &&
	       !unit_key_equal(&neighbours->units[neighbours->slots[slot]].name.key, key))
		slot = (slot + 1) % SLOTS;
	return slot;
}

static void forget_all(struct unit_neighbours *neighbours)
{
	neighbours->count = 0;
	memset(neighbours->slots, 0xff, SLOTS * sizeof *neighbours->slots);
}

bool unit_neighbours_pay(const struct unit_neighbours *neighbours)
{
	return neighbours->learned <
	       UNIT_NEIGHBOURS_MAX + UNIT_NEIGHBOURS_PAY * neighbours->hits;
}

void unit_neighbours_learn(struct unit_neighbours *neighbours, uint32_t frame,
			   const struct unit_name *units, uint32_t count)
{
	claim(count <= UNIT_NEIGHBOURS_MAX);
	neighbours->learned += count;
	if (!neighbours->units) {
		neighbours->units =
			must_alloc(UNIT_NEIGHBOURS_MAX * sizeof *neighbours->units);
		neighbours->slots = must_alloc(SLOTS * sizeof *neighbours->slots);
		forget_all(neighbours);
	}
	if (count > UNIT_NEIGHBOURS_MAX - neighbours->count)
		forget_all(neighbours);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = slot_of(neighbours, &units[i].key);
		if (neighbours->slots[slot] != FREE_SLOT)
			continue;
		neighbours->slots[slot] = neighbours->count;
		neighbours->units[neighbours->count++] = (struct unit_neighbour){
			.name = units[i], .frame = frame, .position = i};
	}
}

const struct unit_neighbour *unit_neighbours_find(struct unit_neighbours *neighbours,
						  const struct unit_key *key)
{
	if (!neighbours->units)
		return NULL;
	uint32_t at = neighbours->slots[slot_of(neighbours, key)];
	if (at == FREE_SLOT)
		return NULL;
	neighbours->hits++;
	return &neighbours->units[at];
}
