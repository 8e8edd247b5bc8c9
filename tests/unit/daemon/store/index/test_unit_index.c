/* The unit index: found at once, on the disk later, wrong ones forgotten; and the table
 * of what one session may cite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/index/index.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/transaction/citable.h"
#include "daemon/store/transaction/neighbours.h"
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

/* ---- the table of a session --------------------------------------------------- */

static uint32_t frame_of(struct unit_table *table, struct segment *segment,
			 uint64_t offset, uint32_t len, enum frame_origin origin)
{
	struct unit_frame frame = {.segment = segment,
				   .offset = offset,
				   .len = len,
				   .origin = (uint8_t)origin};
	uint32_t position = UNIT_NONE;
	struct error error;
	assert_int_equal(unit_table_frame(table, &frame, &position, &error), 0);
	return position;
}

static void a_table_finds_exact_names_and_own_keys(void **state)
{
	(void)state;
	struct unit_table table AUTO(unit_table_fini) = {0};
	struct segment segment = {0};
	struct error error;
	for (uint32_t n = 0; n < 20000; n++) {
		enum frame_origin origin = n % 8 < 2 ? FRAME_OWN : FRAME_KNOWN;
		uint32_t frame =
			frame_of(&table, &segment, n % 8 + n / 400 * 8, 0, origin);
		struct unit_name name = unit(n);
		assert_int_equal(unit_table_add(&table, &name, frame, n % 400, &error),
				 0);
	}
	assert_int_equal(table.count, 20000);
	assert_int_equal(table.frame_count, 400);
	for (uint32_t n = 0; n < 20000; n++) {
		struct unit_name name = unit(n);
		const struct unit_entry *entry = unit_table_find(&table, &name);
		assert_non_null(entry);
		assert_int_equal(entry->position, n % 400);
		struct digest digests[CANDIDATES_MAX];
		assert_int_equal(
			unit_table_own(&table, &name.key, digests, CANDIDATES_MAX), 2);
	}
	struct unit_name absent = unit(20008);
	assert_null(unit_table_find(&table, &absent));
}

static void an_own_copy_is_preferred_to_an_offered_one(void **state)
{
	(void)state;
	struct unit_table table AUTO(unit_table_fini) = {0};
	struct segment segment = {0};
	struct error error;
	struct unit_name name = unit(0), beside = unit(1);
	uint32_t offered = frame_of(&table, &segment, 64, 0, FRAME_KNOWN);
	assert_int_equal(unit_table_add(&table, &name, offered, 1, &error), 0);
	assert_int_equal(unit_table_add(&table, &beside, offered, 2, &error), 0);
	uint32_t own = frame_of(&table, &segment, 900, 100, FRAME_OWN);
	assert_int_equal(unit_table_add(&table, &name, own, 3, &error), 0);
	assert_int_equal(unit_table_add(&table, &name, offered, 1, &error), 0);
	struct unit_entry *entry = unit_table_find(&table, &name);
	assert_int_equal(entry->frame, own);
	assert_int_equal(entry->position, 3);
	assert_int_equal(unit_table_find(&table, &beside)->frame, offered);
}

static void too_many_contents_of_one_key_are_refused(void **state)
{
	(void)state;
	struct unit_table table AUTO(unit_table_fini) = {0};
	struct segment segment = {0};
	struct error error;
	uint32_t frame = frame_of(&table, &segment, 64, 100, FRAME_OWN);
	struct unit_name name = unit(0);
	int err = 0;
	uint32_t n = 0;
	for (; !err; n++) {
		name.sha = sha256_of(&n, sizeof(n));
		err = unit_table_add(&table, &name, frame, 0, &error);
	}
	assert_int_equal(err, ERR_LIMIT);
	assert_int_equal(n, 65);
}

/* ---- neighbours ---------------------------------------------------------------- */

#define FRAME_UNITS 1000u

static void learn(struct unit_neighbours *neighbours, uint32_t frame)
{
	struct unit_name *units AUTO_FREE = must_calloc(FRAME_UNITS, sizeof(*units));
	for (uint32_t i = 0; i < FRAME_UNITS; i++)
		units[i] = unit(8 * (frame * FRAME_UNITS + i));
	unit_neighbours_learn(neighbours, frame, units, FRAME_UNITS);
}

static const struct unit_neighbour *find_beside(struct unit_neighbours *neighbours,
						uint32_t frame, uint32_t position)
{
	struct unit_name name = unit(8 * (frame * FRAME_UNITS + position));
	const struct unit_neighbour *found = unit_neighbours_find(neighbours, &name.key);
	if (found) {
		assert_true(unit_name_equal(&found->name, &name));
		assert_int_equal(found->frame, frame);
		assert_int_equal(found->position, position);
	}
	return found;
}

static void neighbours_are_found_until_others_take_their_room(void **state)
{
	(void)state;
	struct unit_neighbours neighbours AUTO(unit_neighbours_fini) = {0};
	assert_null(find_beside(&neighbours, 0, 0));
	for (uint32_t frame = 0; frame < 8; frame++)
		learn(&neighbours, frame);
	for (uint32_t i = 0; i < 8 * FRAME_UNITS; i++)
		assert_non_null(
			find_beside(&neighbours, i / FRAME_UNITS, i % FRAME_UNITS));
	assert_null(find_beside(&neighbours, 8, 0));
	learn(&neighbours, 8);
	assert_null(find_beside(&neighbours, 0, 0));
	assert_non_null(find_beside(&neighbours, 8, FRAME_UNITS - 1));
}

static void of_one_key_the_first_content_stays(void **state)
{
	(void)state;
	struct unit_neighbours neighbours AUTO(unit_neighbours_fini) = {0};
	struct unit_name units[2] = {unit(1), unit(1)};
	units[1].sha.bytes[0] ^= 1;
	unit_neighbours_learn(&neighbours, 3, units, 2);
	const struct unit_neighbour *found =
		unit_neighbours_find(&neighbours, &units[0].key);
	assert_non_null(found);
	assert_true(unit_name_equal(&found->name, &units[0]));
}

/* Whoever asks in another order must not have a frame read for each unit. */
static void learning_that_does_not_pay_stops(void **state)
{
	(void)state;
	struct unit_neighbours neighbours AUTO(unit_neighbours_fini) = {0};
	uint32_t frames = 0;
	for (; unit_neighbours_pay(&neighbours); frames++)
		learn(&neighbours, frames);
	assert_in_range(frames, 8, 16);
	for (uint32_t i = 0; i < FRAME_UNITS; i++)
		(void)find_beside(&neighbours, frames - 1, i);
	assert_true(unit_neighbours_pay(&neighbours));
}

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
		cmocka_unit_test(neighbours_are_found_until_others_take_their_room),
		cmocka_unit_test(of_one_key_the_first_content_stays),
		cmocka_unit_test(learning_that_does_not_pay_stops),
		cmocka_unit_test(a_table_finds_exact_names_and_own_keys),
		cmocka_unit_test(an_own_copy_is_preferred_to_an_offered_one),
		cmocka_unit_test(too_many_contents_of_one_key_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
