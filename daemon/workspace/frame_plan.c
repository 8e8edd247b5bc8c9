#include "daemon/workspace/frame_plan.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/slots.h"

struct planned_frame {
	struct frame_place place;
	uint32_t round; /* in which it was sent last */
};

struct frame_plan {
	struct planned_frame *frames; /* owned */
	size_t frame_count, frame_room;
	struct slots by_place; /* of frames */
	uint32_t *mentions;    /* owned; frame number of each */
	size_t mention_count, mention_room;
	uint8_t *wanted; /* owned; a bit per mention; NULL before frame_plan_end() */
	size_t at;       /* next mention to look at */
	uint32_t *given; /* owned; frame numbers of this round, in order */
	size_t given_count, given_room;
	uint32_t round;
};

struct frame_plan *frame_plan_new(void)
{
	return must_calloc(1, sizeof(struct frame_plan));
}

void frame_plan_free(struct frame_plan *plan)
{
	if (!plan)
		return;
	free(plan->frames);
	slots_fini(&plan->by_place);
	free(plan->mentions);
	free(plan->wanted);
	free(plan->given);
	free(plan);
}

static bool same_place(const struct frame_place *a, const struct frame_place *b)
{
	return a->segment == b->segment && a->offset == b->offset;
}

static uint32_t hash_of_place(const struct frame_place *place)
{
	uint64_t hash =
		((uint64_t)(uintptr_t)place->segment >> 4) * 0x9E3779B97F4A7C15ull;
	hash = (hash ^ place->offset) * 0x9E3779B97F4A7C15ull;
	return (uint32_t)(hash >> 32);
}

static uint32_t hash_of(const void *context, uint32_t number)
{
	const struct frame_plan *plan = context;
	return hash_of_place(&plan->frames[number].place);
}

/* The frame's number; SLOTS_FREE: it is not there. */
static uint32_t find(const struct frame_plan *plan, const struct frame_place *place)
{
	struct slots_walk walk = slots_walk(&plan->by_place, hash_of_place(place));
	for (uint32_t i; slots_next(&walk, &i);)
		if (same_place(&plan->frames[i].place, place))
			return i;
	return SLOTS_FREE;
}

static int number_frame(struct frame_plan *plan, const struct frame_place *place,
			uint32_t *ret_number, struct error *error)
{
	if (plan->frame_count) {
		*ret_number = plan->mentions[plan->mention_count - 1];
		if (same_place(&plan->frames[*ret_number].place, place))
			return 0;
	}
	*ret_number = find(plan, place);
	if (*ret_number != SLOTS_FREE)
		return 0;
	if (array_may_make_room(plan->frames, plan->frame_count, plan->frame_room,
				error) ||
	    slots_may_make_room(&plan->by_place, hash_of, plan, error))
		return ERR_NO_MEMORY;
	*ret_number = (uint32_t)plan->frame_count++;
	plan->frames[*ret_number] = (struct planned_frame){.place = *place};
	slots_add(&plan->by_place, hash_of_place(place), *ret_number, hash_of, plan);
	return 0;
}

int frame_plan_add(struct frame_plan *plan, const struct frame_place *place,
		   struct error *error)
{
	if (array_may_make_room(plan->mentions, plan->mention_count, plan->mention_room,
				error))
		return ERR_NO_MEMORY;
	uint32_t number;
	int err = number_frame(plan, place, &number, error);
	if (err == 0)
		plan->mentions[plan->mention_count++] = number;
	return err;
}

int frame_plan_end(struct frame_plan *plan, struct error *error)
{
	claim(!plan->wanted);
	plan->wanted = may_calloc((plan->mention_count + 7) / 8 + 1, 1, error);
	if (!plan->wanted)
		return ERR_NO_MEMORY;
	return array_may_reserve(plan->given, plan->frame_count, plan->given_room, error);
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
	if (len && !plan->wanted)
		return false;
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
		plan->given[plan->given_count++] = number;
		*ret_place = frame->place;
		return true;
	}
	return false;
}
