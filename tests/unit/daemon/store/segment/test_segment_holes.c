/* Which bytes of a segment are not in its file any more (FORMAT.md §2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/segment/holes.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/cleanup.h"

#define VOUCHED 100000u

static const struct holes none;
static struct error error; /* of the latest call */

/* [100, 200), [300, 1300), [2000, 2100): the second of two that touch. */
static struct holes make(void)
{
	struct holes holes = {0};
	holes_add(&holes, 100, 100);
	holes_add(&holes, 300, 500);
	holes_add(&holes, 800, 500);
	holes_add(&holes, 1500, 0);
	holes_add(&holes, 2000, 100);
	holes_close(&holes, &none);
	assert_int_equal(holes.count, 3);
	assert_int_equal(holes.bytes, 1200);
	return holes;
}

static void what_lies_behind_a_hole_moves_up(void **state)
{
	(void)state;
	struct holes holes AUTO(holes_fini) = make();
	uint64_t table = holes.table_len;
	assert_true(table > 0);
	assert_int_equal(holes_place(&holes, 0), 0);
	assert_int_equal(holes_place(&holes, SEGMENT_HEADER_LEN - 1), 63);
	assert_int_equal(holes_place(&holes, SEGMENT_HEADER_LEN), 64 + table);
	assert_int_equal(holes_place(&holes, 99), 99 + table);
	assert_int_equal(holes_place(&holes, 200), 100 + table);
	assert_int_equal(holes_place(&holes, 299), 199 + table);
	assert_int_equal(holes_place(&holes, 1300), 200 + table);
	assert_int_equal(holes_place(&holes, 2100), 900 + table);
	assert_int_equal(holes_place(&none, 2100), 2100);
}

static void a_hole_is_passed_over(void **state)
{
	(void)state;
	struct holes holes AUTO(holes_fini) = make();
	assert_int_equal(holes_extent(&holes, 64), 36);
	assert_int_equal(holes_extent(&holes, 100), 0);
	assert_int_equal(holes_extent(&holes, 199), 0);
	assert_int_equal(holes_extent(&holes, 200), 100);
	assert_int_equal(holes_extent(&holes, 2100), UINT64_MAX);
	assert_int_equal(holes_skip(&holes, 99), 99);
	assert_int_equal(holes_skip(&holes, 100), 200);
	assert_int_equal(holes_skip(&holes, 1299), 1300);
	assert_int_equal(holes_extent(&none, 5), UINT64_MAX);
}

/* Each byte that is in no hole has a place of its own, and they leave none free. */
static void places_are_dense(void **state)
{
	(void)state;
	struct holes holes AUTO(holes_fini) = make();
	uint64_t next = SEGMENT_HEADER_LEN + holes.table_len;
	for (uint64_t at = SEGMENT_HEADER_LEN; at < 3000; at++)
		if (holes_extent(&holes, at) > 0)
			assert_int_equal(holes_place(&holes, at), next++);
}

static void they_read_as_they_were_written(void **state)
{
	(void)state;
	struct holes holes AUTO(holes_fini) = make();
	struct buffer bytes AUTO(buffer_fini) = {0};
	holes_encode(&bytes, &holes);
	struct holes got AUTO(holes_fini) = {0};
	assert_int_equal(holes_decode(bytes.at, bytes.len, VOUCHED, &got, &error), 0);
	assert_int_equal(got.count, 3);
	assert_memory_equal(got.at, holes.at, 3 * sizeof(*got.at));
	assert_int_equal(got.bytes, holes.bytes);
	assert_int_equal(got.table_len, holes.table_len);
	struct holes copy AUTO(holes_fini) = holes_copy(&got);
	assert_memory_equal(copy.at, holes.at, 3 * sizeof(*got.at));
}

static void what_no_batond_writes_is_damage(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[4];
		size_t len;
		bool sound;
	} cases[] = {
		{{64, 10}, 2, true},         {{63, 10}, 2, false}, /* in the header */
		{{64, 0}, 2, false},         {{64, 10, 0, 5}, 4, false}, /* they touch */
		{{64, 10, 1, 5}, 4, true},   {{64}, 1, false},
		{{64, 36}, 2, true},         {{64, 37}, 2, false}, /* beyond 100 */
		{{64, 10, 26, 1}, 4, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct holes got AUTO(holes_fini) = {0};
		int err = holes_decode(cases[i].bytes, cases[i].len, 100, &got, &error);
		assert_int_equal(err, cases[i].sound ? 0 : ERR_DAMAGED);
	}
}

/* More of them than a row has room for: the short ones stay in the file, but never one
 * that is not in the file that is copied. */
static void too_many_holes_are_filled_but_no_old_one(void **state)
{
	(void)state;
	struct holes old AUTO(holes_fini) = {0};
	holes_add(&old, 800, 130);
	holes_close(&old, &none);
	struct holes holes AUTO(holes_fini) = {0};
	for (uint64_t at = 800; at < 40000000; at += 400)
		holes_add(&holes, at, at % 8000 == 0 ? 390 : 130);
	uint64_t wanted = holes.bytes;
	holes_close(&holes, &old);
	assert_true(holes.bytes < wanted);
	assert_true(holes.count > 100);
	assert_int_equal(holes_extent(&holes, 800), 0);
	assert_true(holes_extent(&holes, 1200) > 0);
	assert_int_equal(holes_extent(&holes, 8000), 0);
	struct buffer bytes AUTO(buffer_fini) = {0};
	holes_encode(&bytes, &holes);
	assert_true(bytes.len <= HOLES_LEN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_behind_a_hole_moves_up),
		cmocka_unit_test(a_hole_is_passed_over),
		cmocka_unit_test(places_are_dense),
		cmocka_unit_test(they_read_as_they_were_written),
		cmocka_unit_test(what_no_batond_writes_is_damage),
		cmocka_unit_test(too_many_holes_are_filled_but_no_old_one),
	};
	return cmocka_run_group_tests_name("segment_holes", tests, NULL, NULL);
}
