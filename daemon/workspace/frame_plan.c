#include "daemon/workspace/frame_plan.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

struct planned_frame {
	struct frame_place place;
	uint32_t round; /* in which it was sent last */
};

struct frame_plan {
	struct planned_frame *frames; /* owned */
	size_t frame_count, frame_room;
	uint32_t *slots;    /* owned; open addressing: frame number + 1, 0 is free */
	size_t slot_count;  /* a power of two */
	uint32_t *mentions; /* owned; frame number of each */
	size_t mention_count, mention_room;
	uint8_t *wanted; /* owned; a bit per mention; NULL before the first WANT */
	size_t at;       /* next mention to look at */
	uint32_t *given; /* owned; frame numbers of this round, in order */
	size_t given_count, given_room;
	uint32_t round;
};

struct frame_plan *frame_plan_new(void)
{
	struct frame_plan *plan = must_calloc(1, sizeof(*plan));
	plan->slot_count = 64;
	plan->slots = must_calloc(plan->slot_count, sizeof(*plan->slots));
	return plan;
}

void frame_plan_free(struct frame_plan *plan)
{
	if (!plan)
		return;
	free(plan->frames);
	free(plan->slots);
	free(plan->mentions);
	free(plan->wanted);
	free(plan->given);
	free(plan);
}

static bool same_place(const struct frame_place *a, const struct frame_place *b)
{
	return a->segment == b->segment && a->offset == b->offset;
}

static uint32_t *slot_of(struct frame_plan *plan, const struct frame_place *place)
{
	uint64_t hash =
		((uint64_t)(uintptr_t)place->segment >> 4) * 0x9E3779B97F4A7C15ull;
	hash = (hash ^ place->offset) * 0x9E3779B97F4A7C15ull;
	size_t at = (size_t)(hash >> 32) & (plan->slot_count - 1);
	while (plan->slots[at] &&
	       !same_place(&plan->frames[plan->slots[at] - 1].place, place))
		at = (at + 1) & (plan->slot_count - 1);
	return &plan->slots[at];
}

static void grow_slots(struct frame_plan *plan)
{
	free(plan->slots);
	plan->slot_count *= 2;
	plan->slots = must_calloc(plan->slot_count, sizeof(*plan->slots));
	for (size_t i = 0; i < plan->frame_count; i++)
		*slot_of(plan, &plan->frames[i].place) = (uint32_t)i + 1;
}

static uint32_t frame_number(struct frame_plan *plan, const struct frame_place *place)
{
	if (plan->frame_count) {
		size_t last = plan->mentions[plan->mention_count - 1];
		if (same_place(&plan->frames[last].place, place))
			return (uint32_t)last;
	}
	uint32_t *slot = slot_of(plan, place);
	if (*slot)
		return *slot - 1;
	array_make_room(plan->frames, plan->frame_count, plan->frame_room);
	plan->frames[plan->frame_count] = (struct planned_frame){.place = *place};
	*slot = (uint32_t)++plan->frame_count;
	if (plan->frame_count * 2 > plan->slot_count)
		grow_slots(plan);
	return (uint32_t)plan->frame_count - 1;
}

void frame_plan_add(struct frame_plan *plan, const struct frame_place *place)
{
	uint32_t number = frame_number(plan, place);
	array_make_room(plan->mentions, plan->mention_count, plan->mention_room);
	plan->mentions[plan->mention_count++] = number;
}

/* Bits of the last byte that stand for no mention. */
static uint8_t beyond(const struct frame_plan *plan)
{
	unsigned used = plan->mention_count % 8;
	return (uint8_t)(used ? 0xffu << used : 0u);
}

bool frame_plan_want(struct frame_plan *plan, uint64_t first, const uint8_t *bits,
		     size_t len)
{
	size_t bytes = (plan->mention_count + 7) / 8;
	size_t at = (size_t)(first / 8);
	if (first / 8 > bytes || len > bytes - at)
		return false;
	if (len && at + len == bytes && (bits[len - 1] & beyond(plan)))
		return false;
	if (!plan->wanted)
		plan->wanted = must_calloc(bytes + 1, 1);
	for (size_t i = 0; i < len; i++)
		plan->wanted[at + i] |= bits[i];
	return true;
}

void frame_plan_begin(struct frame_plan *plan)
{
	plan->at = 0;
	plan->given_count = 0;
	plan->round++;
}

static void note_given(struct frame_plan *plan, uint32_t number)
{
	if (plan->given_count == plan->given_room) {
		plan->given_room = plan->given_room ? plan->given_room * 2 : 64;
		plan->given = must_realloc(plan->given,
					   plan->given_room * sizeof(*plan->given));
	}
	plan->given[plan->given_count++] = number;
}

bool frame_plan_given(const struct frame_plan *plan, uint64_t number,
		      struct frame_place *ret_place)
{
	if (number == 0 || number > plan->given_count)
		return false;
	*ret_place = plan->frames[plan->given[number - 1]].place;
	return true;
}

bool frame_plan_next(struct frame_plan *plan, struct frame_place *ret_place)
{
	for (; plan->wanted && plan->at < plan->mention_count; plan->at++) {
		uint8_t *byte = &plan->wanted[plan->at / 8];
		uint8_t bit = (uint8_t)(1u << (plan->at % 8));
		if (!(*byte & bit))
			continue;
		*byte &= (uint8_t)~bit;
		uint32_t number = plan->mentions[plan->at];
		struct planned_frame *frame = &plan->frames[number];
		if (frame->round == plan->round)
			continue;
		frame->round = plan->round;
		note_given(plan, number);
		*ret_place = frame->place;
		return true;
	}
	return false;
}
