/* Placements and blocks as bytes (FORMAT.md §4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/layer/placement.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/cleanup.h"
#include "proto/unit/frame.h"

static struct error error; /* of the latest call */

/* The last offset that a frame may begin at. */
#define OFFSET_MAX (INT64_MAX - FRAME_LEN_MAX - 1)

static const struct segment_id ids[3] = {{{1}}, {{2}}, {{3}}};

static void make_placement(struct placement *placement)
{
	*placement = (struct placement){
		.pieces = must_calloc(3, sizeof(*placement->pieces)), .piece_count = 3};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(segment_list_put(&placement->segments, &ids[i]), i);
	assert_int_equal(segment_list_put(&placement->segments, &ids[1]), 1);
	placement->pieces[0] = (struct piece_place){0, 64, 0, 1, 70000, 0, 0};
	placement->pieces[1] = (struct piece_place){2, 1ull << 40, 4095, 2, 5, 0, 0};
	placement->pieces[2] = (struct piece_place){1, 7, 300, 0, OFFSET_MAX, 0, 0};
	assert_int_equal(placement_name(placement, 1, &ids[2], &error), 0);
	assert_int_equal(placement_name(placement, 1, &ids[0], &error), 0);
	assert_int_equal(placement_name(placement, 2, &ids[1], &error), 0);
}

static void a_placement_reads_as_it_was_written(void **state)
{
	(void)state;
	struct placement placement AUTO(placement_fini) = {0};
	make_placement(&placement);
	struct buffer bytes AUTO(buffer_fini) = {0};
	assert_int_equal(placement_encode(&bytes, &placement, &error), 0);
	struct placement got AUTO(placement_fini) = {0};
	assert_int_equal(placement_decode(bytes.at, bytes.len, 3, &got, &error), 0);
	assert_int_equal(got.segments.count, 3);
	assert_true(segment_id_equal(&got.segments.ids[2], &ids[2]));
	assert_memory_equal(got.pieces, placement.pieces, 3 * sizeof(*got.pieces));
	assert_true(got.is_exact);
	assert_int_equal(got.named_count, 3);
	assert_memory_equal(got.named, placement.named, 3 * sizeof(*got.named));
	struct buffer twice AUTO(buffer_fini) = {0};
	assert_int_equal(placement_encode(&twice, &got, &error), 0);
	assert_int_equal(twice.len, bytes.len);
	assert_memory_equal(twice.at, bytes.at, bytes.len);
}

/* It does not say what blocks name. */
static void a_placement_of_version_1_is_read(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {1, 1, 1,  9, 9, 9,  9, 9,  9, 9, 9,
					9, 9, 9,  9, 9, 9,  9, 9, /* one segment */
					2, 0, 64, 3, 0, 70, 0, 80, 0, 0, 90};
	struct placement got AUTO(placement_fini) = {0};
	assert_int_equal(placement_decode(bytes, sizeof(bytes), 2, &got, &error), 0);
	assert_false(got.is_exact);
	assert_int_equal(got.pieces[0].unit, 3);
	assert_int_equal(got.pieces[1].block_offset, 90);
	assert_int_equal(got.named_count, 0);
}

/* SQLite's numbers are signed, and a frame must be able to end. */
static void an_offset_beyond_what_a_file_can_have_is_damage(void **state)
{
	(void)state;
	struct placement placement AUTO(placement_fini) = {0};
	make_placement(&placement);
	placement.pieces[2].block_offset = OFFSET_MAX + 1;
	struct buffer bytes AUTO(buffer_fini) = {0};
	assert_int_equal(placement_encode(&bytes, &placement, &error), 0);
	struct placement got AUTO(placement_fini) = {0};
	assert_int_equal(placement_decode(bytes.at, bytes.len, 3, &got, &error),
			 ERR_DAMAGED);
}

static void a_placement_cut_anywhere_is_damage(void **state)
{
	(void)state;
	struct placement placement AUTO(placement_fini) = {0};
	make_placement(&placement);
	struct buffer bytes AUTO(buffer_fini) = {0};
	assert_int_equal(placement_encode(&bytes, &placement, &error), 0);
	struct placement got;
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(placement_decode(bytes.at, len, 3, &got, &error),
				 ERR_DAMAGED);
	assert_int_equal(placement_decode(bytes.at, bytes.len, 2, &got, &error),
			 ERR_DAMAGED);
	buffer_put_u8(&bytes, 0);
	assert_int_equal(placement_decode(bytes.at, bytes.len, 3, &got, &error),
			 ERR_DAMAGED);
	bytes.at[0] = 3;
	assert_int_equal(placement_decode(bytes.at, bytes.len, 3, &got, &error),
			 ERR_VERSION);
}

static void make_block(struct block *block)
{
	assert_int_equal(block_put_frame(block, &ids[2], 64, 200, &error), 0);
	assert_int_equal(block_put_frame(block, &ids[0], 5000, FRAME_LEN_MAX, &error), 0);
	assert_int_equal(block_put_frame(block, &ids[2], 264, 73, &error), 0);
	static const uint32_t mentions[] = {0, 0, 2, 1, 0, 2};
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(block_put_mention(block, mentions[i], &error), 0);
}

static void a_block_reads_as_it_was_written(void **state)
{
	(void)state;
	struct block block AUTO(block_fini) = {0};
	make_block(&block);
	struct buffer bytes AUTO(buffer_fini) = {0};
	assert_int_equal(block_encode(&bytes, &block, &error), 0);
	struct block got AUTO(block_fini) = {0};
	assert_int_equal(block_decode(bytes.at, bytes.len, 6, &got, &error), 0);
	assert_int_equal(got.frame_count, 3);
	assert_int_equal(got.segments.count, 2);
	assert_int_equal(got.frames[1].offset, 5000);
	assert_int_equal(got.frames[1].len, FRAME_LEN_MAX);
	assert_int_equal(got.frames[2].segment, 0);
	assert_memory_equal(got.mentions, block.mentions, 6 * sizeof(*got.mentions));
	block_clear(&block);
	make_block(&block);
	struct buffer twice AUTO(buffer_fini) = {0};
	assert_int_equal(block_encode(&twice, &block, &error), 0);
	assert_memory_equal(twice.at, bytes.at, bytes.len);
}

static void a_block_cut_anywhere_is_damage(void **state)
{
	(void)state;
	struct block block AUTO(block_fini) = {0};
	make_block(&block);
	struct buffer bytes AUTO(buffer_fini) = {0};
	assert_int_equal(block_encode(&bytes, &block, &error), 0);
	struct block got;
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(block_decode(bytes.at, len, 6, &got, &error),
				 ERR_DAMAGED);
	assert_int_equal(block_decode(bytes.at, bytes.len, 5, &got, &error), ERR_DAMAGED);
	struct placement placement;
	assert_int_equal(placement_decode(bytes.at, bytes.len, 3, &placement, &error),
			 ERR_DAMAGED);
}

/* Any single byte changed gives an error or a block within its own bounds. */
static void a_changed_block_never_points_outside_its_lists(void **state)
{
	(void)state;
	struct block block AUTO(block_fini) = {0};
	make_block(&block);
	struct buffer bytes AUTO(buffer_fini) = {0};
	assert_int_equal(block_encode(&bytes, &block, &error), 0);
	for (size_t i = 0; i < bytes.len * 256; i++) {
		uint8_t kept = bytes.at[i / 256];
		bytes.at[i / 256] = (uint8_t)i;
		struct block got AUTO(block_fini) = {0};
		bool read = block_decode(bytes.at, bytes.len, 6, &got, &error) == 0;
		bytes.at[i / 256] = kept;
		for (size_t j = 0; read && j < got.frame_count; j++)
			assert_true(got.frames[j].segment < got.segments.count);
		for (size_t j = 0; read && j < got.mention_count; j++)
			assert_true(got.mentions[j] < got.frame_count);
	}
}

static void a_count_beyond_the_bytes_reserves_nothing(void **state)
{
	(void)state;
	static const uint8_t huge[] = {1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	struct block got;
	assert_int_equal(block_decode(huge, sizeof(huge), 6, &got, &error), ERR_DAMAGED);
	static const uint8_t frames[] = {1, 2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	assert_int_equal(block_decode(frames, sizeof(frames), 6, &got, &error),
			 ERR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_placement_reads_as_it_was_written),
		cmocka_unit_test(a_placement_of_version_1_is_read),
		cmocka_unit_test(an_offset_beyond_what_a_file_can_have_is_damage),
		cmocka_unit_test(a_placement_cut_anywhere_is_damage),
		cmocka_unit_test(a_block_reads_as_it_was_written),
		cmocka_unit_test(a_block_cut_anywhere_is_damage),
		cmocka_unit_test(a_changed_block_never_points_outside_its_lists),
		cmocka_unit_test(a_count_beyond_the_bytes_reserves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
