/* The unit index: found at once, on the disk later, wrong ones forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/index/index.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/scratch.h"

struct fixture {
	char *directory;
	struct index *index;
	struct error error;
};

static void open_index(struct fixture *fixture, bool trusted, bool expect_empty)
{
	bool empty;
	assert_int_equal(index_open(&io_system, fixture->directory, trusted,
				    &fixture->index, &empty, &fixture->error),
			 0);
	assert_int_equal(empty, expect_empty);
}

static void close_index(struct fixture *fixture)
{
	assert_int_equal(index_close(fixture->index, &fixture->error), 0);
}

/* What waited for the file is in it, and in no queue. */
static void write_all(struct fixture *fixture)
{
	close_index(fixture);
	open_index(fixture, true, false);
}

static int setup(void **state)
{
	struct fixture *fixture = must_calloc(1, sizeof(*fixture));
	fixture->directory = scratch_new();
	open_index(fixture, true, true);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	close_index(fixture);
	scratch_free(fixture->directory);
	free(fixture);
	return 0;
}

/* Unit number n; units of one `n / 8 * 8` share their key. */
static struct unit_name unit(uint32_t n)
{
	uint32_t shared = n / 8 * 8;
	return (struct unit_name){
		.key = {.xxh = xxh128_of(&shared, sizeof(shared)), .len = 100},
		.sha = sha256_of(&n, sizeof(n)),
	};
}

static void add(struct index *index, int64_t namespace_id, uint32_t first, uint32_t count,
		uint32_t step)
{
	struct index_batch *batch = index_batch_new(namespace_id, 0);
	for (uint32_t i = 0; i < count; i++) {
		struct unit_name name = unit(first + i * step);
		struct unit_place place = {.sha = name.sha,
					   .segment = {{(uint8_t)(i % 2)}},
					   .offset = first + i * step,
					   .position = 7};
		index_batch_add(batch, &name.key, &place);
	}
	index_batch_sort(batch);
	index_add(index, batch);
}

static uint8_t find(struct index *index, int64_t namespace_id, uint32_t n,
		    struct unit_place places[CANDIDATES_MAX])
{
	struct unit_name name = unit(n);
	uint8_t count;
	index_find(index, namespace_id, &name.key, 1, &count, places);
	return count;
}

static void expect(struct fixture *fixture, uint32_t n)
{
	struct unit_place places[CANDIDATES_MAX];
	struct unit_name name = unit(n);
	assert_int_equal(find(fixture->index, 1, n, places), 1);
	assert_true(digest_equal(&places[0].sha, &name.sha));
	assert_int_equal(places[0].offset, n);
	assert_int_equal(places[0].position, 7);
}

static void units_are_found_at_once_and_after_a_stop(void **state)
{
	struct fixture *fixture = *state;
	add(fixture->index, 1, 0, 5000, 8);
	for (uint32_t n = 0; n < 40000; n += 8)
		expect(fixture, n);
	write_all(fixture);
	for (uint32_t n = 0; n < 40000; n += 8)
		expect(fixture, n);
	assert_int_equal(index_count(fixture->index), 5000);
	close_index(fixture);
	open_index(fixture, true, false);
	expect(fixture, 39992);
	assert_int_equal(index_count(fixture->index), 5000);
	struct unit_place places[CANDIDATES_MAX];
	assert_int_equal(find(fixture->index, 1, 40000, places), 0);
}

static void candidates_never_cross_namespaces(void **state)
{
	struct fixture *fixture = *state;
	struct unit_place places[CANDIDATES_MAX];
	add(fixture->index, 1, 0, 10, 8);
	assert_int_equal(find(fixture->index, 2, 0, places), 0);
	write_all(fixture);
	assert_int_equal(find(fixture->index, 2, 0, places), 0);
	assert_int_equal(find(fixture->index, 1, 0, places), 1);
}

static void a_key_has_at_most_four_candidates(void **state)
{
	struct fixture *fixture = *state;
	struct unit_place places[CANDIDATES_MAX];
	add(fixture->index, 1, 0, 3, 1);
	assert_int_equal(find(fixture->index, 1, 0, places), 3);
	write_all(fixture);
	add(fixture->index, 1, 3, 5, 1);
	assert_int_equal(find(fixture->index, 1, 0, places), CANDIDATES_MAX);
	write_all(fixture);
	assert_int_equal(find(fixture->index, 1, 0, places), CANDIDATES_MAX);
	for (size_t i = 0; i < CANDIDATES_MAX; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(digest_equal(&places[i].sha, &places[j].sha));
}

static void the_first_place_of_a_unit_stays(void **state)
{
	struct fixture *fixture = *state;
	add(fixture->index, 1, 0, 1, 8);
	write_all(fixture);
	struct index_batch *batch = index_batch_new(1, 1);
	struct unit_name name = unit(0);
	index_batch_add(batch, &name.key,
			&(struct unit_place){.sha = name.sha, .offset = 999});
	index_insert(fixture->index, batch);
	index_batch_free(batch);
	expect(fixture, 0);
}

static void what_is_forgotten_is_gone_wherever_it_was(void **state)
{
	struct fixture *fixture = *state;
	struct unit_place places[CANDIDATES_MAX];
	for (uint32_t n = 0; n < 400; n += 8) {
		add(fixture->index, 1, n, 1, 8);
		if (n % 16 == 0)
			write_all(fixture);
		struct unit_name name = unit(n);
		index_forget(fixture->index, 1, &name);
		assert_int_equal(find(fixture->index, 1, n, places), 0);
	}
	write_all(fixture);
	for (uint32_t n = 0; n < 400; n += 8)
		assert_int_equal(find(fixture->index, 1, n, places), 0);
	assert_int_equal(index_count(fixture->index), 0);
}

static void an_index_that_is_not_trusted_begins_empty(void **state)
{
	struct fixture *fixture = *state;
	struct unit_place places[CANDIDATES_MAX];
	add(fixture->index, 1, 0, 10, 8);
	close_index(fixture);
	open_index(fixture, false, true);
	assert_int_equal(find(fixture->index, 1, 0, places), 0);
}

/* ---- batches --------------------------------------------------------------------- */

static void fill(struct index_batch *batch, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		struct unit_name name = unit(i);
		if (i % 2)
			name.key.xxh.bytes[0] = 0xff;
		if (i % 4 == 1)
			name.key.xxh.bytes[1] = 0xff;
		index_batch_add(batch, &name.key,
				&(struct unit_place){.sha = name.sha, .offset = i + 1});
	}
}

/* Ascending, and nothing lost: the offsets are 1 … count. */
static void expect_sorted(const struct index_batch *batch, uint32_t count)
{
	assert_int_equal(index_batch_count(batch), count);
	uint64_t sum = 0;
	for (uint32_t i = 0; i < count; i++)
		sum += index_batch_row(batch, i)->offset;
	for (uint32_t i = 1; i < count; i++)
		assert_true(unit_name_compare(&index_batch_row(batch, i - 1)->name,
					      &index_batch_row(batch, i)->name) < 0);
	assert_int_equal(sum, (uint64_t)count * (count + 1) / 2);
}

/* Keys that begin alike, which is no chance, are as good as others. From 8192 rows on
 * sorting goes by buckets. */
static const uint32_t batch_sizes[] = {0, 1, 2, 8191, 8192, 8193, 30000};

static void a_batch_of_any_names_is_sorted(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(batch_sizes) / sizeof(*batch_sizes); s++) {
		struct index_batch *batch = index_batch_new(1, batch_sizes[s]);
		fill(batch, 0, batch_sizes[s]);
		index_batch_sort(batch);
		expect_sorted(batch, batch_sizes[s]);
		index_batch_free(batch);
	}
}

/* Sorting and emptying take nothing away from what a batch has room for, and adding asks:
 * a crash of a store of more than 8192 units once ended its daemon at each start. */
static void a_batch_takes_more_than_it_expected_before_and_after_sorting(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(batch_sizes) / sizeof(*batch_sizes); s++) {
		struct index_batch *batch = index_batch_new(1, 16384);
		fill(batch, 0, batch_sizes[s]);
		index_batch_sort(batch);
		index_batch_clear(batch, 1);
		fill(batch, 0, 16384);
		index_batch_sort(batch);
		fill(batch, 16384, 1000);
		index_batch_sort(batch);
		expect_sorted(batch, 17384);
		index_batch_free(batch);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(units_are_found_at_once_and_after_a_stop),
		TEST(candidates_never_cross_namespaces),
		TEST(a_key_has_at_most_four_candidates),
		TEST(the_first_place_of_a_unit_stays),
		TEST(what_is_forgotten_is_gone_wherever_it_was),
		TEST(an_index_that_is_not_trusted_begins_empty),
		cmocka_unit_test(a_batch_of_any_names_is_sorted),
		cmocka_unit_test(
			a_batch_takes_more_than_it_expected_before_and_after_sorting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
