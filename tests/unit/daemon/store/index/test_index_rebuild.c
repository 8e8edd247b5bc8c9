/* The rebuild of the unit index: whatever lies in the segments is found afterwards, at
 * sizes on both sides of each limit of its batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/index/batch.h"
#include "daemon/store/index/index.h"
#include "daemon/store/index/rebuild.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

/* Batches hold 16384 units, a multiple of this; from 8192 on they are sorted otherwise.
 */
#define UNITS_OF_FRAME 512u
#define UNIT_LEN 8u

static void open_store(struct store_fixture *fixture, uint64_t segment_len)
{
	fixture->segment_len = segment_len;
	store_fixture_open(fixture);
	index_rebuild_wait(fixture->store->rebuild);
}

/* Opens it as after a crash: without the clean mark. */
static void open_after_crash(struct store_fixture *fixture)
{
	store_fixture_crash(fixture);
	open_store(fixture, 0);
}

/* ---- units -------------------------------------------------------------------- */

static struct unit_name unit(uint32_t number, uint8_t bytes[UNIT_LEN])
{
	uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15u;
	memcpy(bytes, &mixed, UNIT_LEN);
	return (struct unit_name){
		.key = {.xxh = xxh128_of(bytes, UNIT_LEN), .len = UNIT_LEN},
		.sha = sha256_of(bytes, UNIT_LEN),
	};
}

static void put_frame(struct store_fixture *fixture, struct transaction *transaction,
		      uint32_t first, uint32_t count)
{
	uint8_t payload[UNITS_OF_FRAME * UNIT_LEN];
	struct unit_name units[UNITS_OF_FRAME];
	for (uint32_t i = 0; i < count; i++)
		units[i] = unit(first + i, payload + i * UNIT_LEN);
	struct frame_input frame = {
		.kind = FRAME_CONTENT,
		.codec = CODEC_RAW,
		.raw_len = count * UNIT_LEN,
		.units = units,
		.unit_count = count,
		.payload = payload,
		.payload_len = count * UNIT_LEN,
	};
	assert_ok(transaction_put(transaction, &frame, &fixture->error));
}

/* Persists a layer of nothing, and beside it just so many units. */
static void persist_units(struct store_fixture *fixture, const char *namespace,
			  uint32_t count)
{
	struct store_tree empty = {0};
	struct tree_persist persist = {
		.who = {.namespace = namespace, .workflow = "w", .job = "j"},
		.tree = &empty};
	struct transaction *transaction;
	struct buffer root AUTO(buffer_fini) = {0};
	struct transaction_commit commit = {0};
	struct tree_figures figures;
	assert_ok(tree_send(fixture->store, &persist, &transaction, &root,
			    &commit.execution_id, &figures, &fixture->error));
	assert_int_equal(figures.sent, 0);
	for (uint32_t first = 0; first < count; first += UNITS_OF_FRAME)
		put_frame(fixture, transaction, first,
			  count - first < UNITS_OF_FRAME ? count - first
							 : UNITS_OF_FRAME);
	numbered_key(++fixture->key, commit.key);
	commit.root = root.at;
	commit.root_len = root.len;
	struct layer_record record;
	bool again;
	assert_ok(transaction_commit(transaction, &commit, &record, &again,
				     &fixture->error));
	transaction_free(transaction);
}

static int64_t namespace_of(struct store_fixture *fixture, const char *namespace)
{
	struct who who = {.namespace = namespace, .workflow = "w", .job = "j"};
	struct visit visit AUTO(visit_fini) = {0};
	assert_ok(visit_catalogue(store_catalogue(fixture->store), &who, CONTACT_PERSIST,
				  &visit, &fixture->error));
	return visit.contact.namespace_id;
}

/* Each of the first `count` units is found, and the one behind them is not. */
static void expect_units(struct store_fixture *fixture, const char *namespace,
			 uint32_t count)
{
	int64_t id = namespace_of(fixture, namespace);
	for (uint32_t i = 0; i <= count; i++) {
		uint8_t bytes[UNIT_LEN], found;
		struct unit_name name = unit(i, bytes);
		struct unit_place places[CANDIDATES_MAX];
		index_find(fixture->store->units, id, &name.key, 1, &found, places);
		if (found != (i < count))
			fail_msg("%s: unit %u of %u: %u places", namespace, i, count,
				 found);
		if (found == 0)
			continue;
		assert_true(digest_equal(&places[0].sha, &name.sha));
		assert_int_equal(places[0].position, i % UNITS_OF_FRAME);
	}
}

static const uint32_t sizes[] = {0,     1,     8191,  8192,  8193,
				 16383, 16384, 16385, 16896, 40000};
#define SIZE_COUNT (sizeof(sizes) / sizeof(*sizes))

/* ---- tests -------------------------------------------------------------------- */

/* One segment after the other, each of another size: what one leaves behind must not
 * trip the next. */
static void segments_of_all_sizes_are_found_after_a_crash(struct store_fixture *fixture,
							  uint64_t segment_len)
{
	open_store(fixture, segment_len);
	uint64_t units = 0;
	char name[8];
	for (size_t i = 0; i < SIZE_COUNT; i++) {
		(void)snprintf(name, sizeof(name), "n%zu", i);
		persist_units(fixture, name, sizes[i]);
		units += sizes[i];
	}
	store_fixture_close(fixture);
	open_after_crash(fixture);
	assert_int_equal(index_count(fixture->store->units), units);
	for (size_t i = 0; i < SIZE_COUNT; i++) {
		(void)snprintf(name, sizeof(name), "n%zu", i);
		expect_units(fixture, name, sizes[i]);
	}
}

static void open_segments_of_all_sizes(void **state)
{
	segments_of_all_sizes_are_found_after_a_crash(*state, 0);
}

/* Sealed with one frame each but the last, and an index. */
static void sealed_segments_of_all_sizes(void **state)
{
	segments_of_all_sizes_are_found_after_a_crash(*state, 100);
}

/* Sealed at some 20,000 units: what is larger is two sealed ones and an open one. */
static void sealed_segments_of_more_than_one_batch(void **state)
{
	segments_of_all_sizes_are_found_after_a_crash(*state, 1200000);
}

/* Each start appends to segments of its own. */
static void what_several_starts_left_is_found(void **state)
{
	struct store_fixture *fixture = *state;
	open_store(fixture, 0);
	for (size_t i = 0; i < 4; i++) {
		persist_units(fixture, "n", 16385);
		persist_units(fixture, "m", 9000);
		store_fixture_close(fixture);
		open_after_crash(fixture);
		expect_units(fixture, "n", 16385);
		expect_units(fixture, "m", 9000);
	}
}

int main(void)
{
#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(open_segments_of_all_sizes),
		TEST(sealed_segments_of_all_sizes),
		TEST(sealed_segments_of_more_than_one_batch),
		TEST(what_several_starts_left_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
