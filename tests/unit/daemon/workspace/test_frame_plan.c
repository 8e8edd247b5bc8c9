/* Which frames an attach sends: each once, in the order of the first wanted mention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/workspace/frame_plan.h"

/* Segments are only compared by address here. */
static struct segment *segment_number(uintptr_t number)
{
	return (struct segment *)(number * 64);
}

static void add(struct frame_plan *plan, uintptr_t segment, uint64_t offset)
{
	struct frame_place place = {
		.segment = segment_number(segment), .offset = offset, .len = 100};
	struct error error;
	assert_int_equal(frame_plan_add(plan, &place, &error), 0);
}

/* There are no more mentions. */
static void end(struct frame_plan *plan)
{
	struct error error;
	assert_int_equal(frame_plan_end(plan, &error), 0);
}

static void expect_frames(struct frame_plan *plan, const uint64_t *offsets, size_t count)
{
	struct frame_place place;
	frame_plan_begin(plan);
	for (size_t i = 0; i < count; i++) {
		assert_true(frame_plan_next(plan, &place));
		assert_int_equal(place.offset, offsets[i]);
	}
	assert_false(frame_plan_next(plan, &place));
}

static void a_frame_is_sent_once_in_the_order_of_first_wanted_mention(void **state)
{
	(void)state;
	struct frame_plan *plan = frame_plan_new();
	const uint64_t places[] = {500, 500, 100, 500, 300, 100, 300, 900, 100};
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		add(plan, 1, places[i]);
	const uint8_t all[] = {0xff, 0x01};
	end(plan);
	assert_true(frame_plan_want(plan, 0, all, sizeof(all)));
	expect_frames(plan, (const uint64_t[]){500, 100, 300, 900}, 4);
	frame_plan_free(plan);
}

static void only_wanted_mentions_count_and_rounds_are_independent(void **state)
{
	(void)state;
	struct frame_plan *plan = frame_plan_new();
	for (uint64_t i = 0; i < 20; i++)
		add(plan, 1, i * 1000);
	const uint8_t some[] = {0x82}; /* mentions 9 and 15 */
	end(plan);
	assert_true(frame_plan_want(plan, 8, some, 1));
	expect_frames(plan, (const uint64_t[]){9000, 15000}, 2);
	expect_frames(plan, NULL, 0);
	assert_true(frame_plan_want(plan, 8, some, 1));
	expect_frames(plan, (const uint64_t[]){9000, 15000}, 2);
	frame_plan_free(plan);
}

static void places_of_different_segments_differ(void **state)
{
	(void)state;
	struct frame_plan *plan = frame_plan_new();
	add(plan, 1, 64);
	add(plan, 2, 64);
	const uint8_t all[] = {0x03};
	end(plan);
	assert_true(frame_plan_want(plan, 0, all, 1));
	expect_frames(plan, (const uint64_t[]){64, 64}, 2);
	frame_plan_free(plan);
}

static void a_bit_beyond_the_last_mention_is_refused(void **state)
{
	(void)state;
	struct frame_plan *plan = frame_plan_new();
	for (uint64_t i = 0; i < 9; i++)
		add(plan, 1, i);
	const uint8_t bits[] = {0xff, 0x01, 0x00};
	end(plan);
	assert_true(frame_plan_want(plan, 0, bits, 2));
	assert_false(frame_plan_want(plan, 0, bits, 3));
	assert_false(frame_plan_want(plan, 8, (const uint8_t[]){0x02}, 1));
	assert_false(frame_plan_want(plan, 24, bits, 1));
	assert_false(frame_plan_want(plan, UINT64_MAX - 7, bits, 1));
	assert_true(frame_plan_want(plan, 16, NULL, 0));
	frame_plan_free(plan);
}

static void nothing_mentioned_nothing_sent(void **state)
{
	(void)state;
	struct frame_plan *plan = frame_plan_new();
	end(plan);
	assert_true(frame_plan_want(plan, 0, NULL, 0));
	assert_false(frame_plan_want(plan, 0, (const uint8_t[]){0x01}, 1));
	expect_frames(plan, NULL, 0);
	frame_plan_free(plan);
}

static void many_frames_keep_their_numbers_when_the_table_grows(void **state)
{
	(void)state;
	struct frame_plan *plan = frame_plan_new();
	enum { COUNT = 5000 };
	for (uint64_t i = 0; i < COUNT; i++)
		add(plan, i % 7 + 1, i / 7 * 512);
	for (uint64_t i = 0; i < COUNT; i++) /* and all once more */
		add(plan, i % 7 + 1, i / 7 * 512);
	uint8_t all[2 * COUNT / 8];
	memset(all, 0xff, sizeof(all));
	end(plan);
	assert_true(frame_plan_want(plan, 0, all, sizeof(all)));
	struct frame_place place;
	frame_plan_begin(plan);
	for (uint64_t i = 0; i < COUNT; i++) {
		assert_true(frame_plan_next(plan, &place));
		assert_ptr_equal(place.segment, segment_number(i % 7 + 1));
		assert_int_equal(place.offset, i / 7 * 512);
	}
	assert_false(frame_plan_next(plan, &place));
	/* The second mention of a frame leads to where the first one did. */
	const uint8_t one[] = {0x01};
	assert_true(frame_plan_want(plan, COUNT + 4000, one, 1));
	frame_plan_begin(plan);
	assert_true(frame_plan_next(plan, &place));
	assert_ptr_equal(place.segment, segment_number(4000 % 7 + 1));
	assert_int_equal(place.offset, 4000 / 7 * 512);
	assert_false(frame_plan_next(plan, &place));
	frame_plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_frame_is_sent_once_in_the_order_of_first_wanted_mention),
		cmocka_unit_test(only_wanted_mentions_count_and_rounds_are_independent),
		cmocka_unit_test(places_of_different_segments_differ),
		cmocka_unit_test(a_bit_beyond_the_last_mention_is_refused),
		cmocka_unit_test(nothing_mentioned_nothing_sent),
		cmocka_unit_test(many_frames_keep_their_numbers_when_the_table_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
