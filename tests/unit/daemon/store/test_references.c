/*
 * Which segments a layer names, and how many there are: a layer names those that it needs
 * and no others, whatever its base's history (L5), and a start leaves no segment behind
 * that nothing is appended to any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

/* Enough for two pieces, of which the one is always the base's. */
#define FILES 3000u
#define DAYS 60u
#define STARTS 200u

static struct layer_record persist(struct store_fixture *fixture,
				   const struct store_tree *tree, int64_t base,
				   struct tree_figures *figures)
{
	struct tree_persist next = {.who = {.workflow = "w", .job = "build"},
				    .key = ++fixture->key,
				    .tree = tree,
				    .base = base};
	struct layer_record record;
	assert_ok(tree_persist(fixture->store, &next, &record, figures, &fixture->error));
	return record;
}

static size_t segments_of(struct store_fixture *fixture, int64_t layer)
{
	struct layer_place place = {0};
	assert_ok(catalogue_layer_place(store_catalogue(fixture->store), layer, &place,
					&fixture->error));
	free(place.segments);
	return place.segment_count;
}

/* What one persist writes: content, a piece, blocks, placement, root, each in a segment.
 */
#define SEGMENTS_OF_A_DAY 10u

/* Each frame has a segment of its own. What the newest layer needs lies where all came
 * from, and in its own. */
static void l5_a_chain_of_bases_names_only_what_it_needs(void **state)
{
	struct store_fixture *fixture = *state;
	fixture->segment_len = 1;
	store_fixture_open(fixture);
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, 20);
	struct tree_figures figures = {0};
	struct layer_record record = persist(fixture, &tree, 0, &figures);
	assert_true(figures.pieces > 1);
	size_t first = segments_of(fixture, record.id);
	for (uint32_t day = 1; day <= DAYS; day++) {
		store_fixture_close(fixture);
		store_fixture_open(fixture);
		tree.files[0].content = 1000000 + day;
		record = persist(fixture, &tree, record.id, &figures);
		assert_true(figures.pieces_of_base > 0);
		size_t count = segments_of(fixture, record.id);
		if (count > first + SEGMENTS_OF_A_DAY)
			fail_msg("day %u: %zu segments, %zu at first", day, count, first);
	}
	assert_ok(tree_verify(fixture->store, record.id, &tree, &fixture->error));
}

static void a_start_leaves_no_segment_behind(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(3, 1, 100);
	int64_t layers[STARTS];
	for (uint32_t i = 0; i < STARTS; i++) {
		store_fixture_open(fixture);
		tree.files[0].content = 1000000 + i;
		layers[i] = persist(fixture, &tree, 0, NULL).id;
		store_fixture_close(fixture);
		if (i % 3 == 0)
			store_fixture_crash(fixture);
	}
	store_fixture_open(fixture);
	struct store_figures figures;
	assert_ok(store_figures(fixture->store, &figures, &fixture->error));
	assert_int_equal(figures.catalogue.segments, 1);
	for (uint32_t i = 0; i < STARTS; i++) {
		tree.files[0].content = 1000000 + i;
		assert_ok(tree_verify(fixture->store, layers[i], &tree, &fixture->error));
	}
}

int main(void)
{
#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(l5_a_chain_of_bases_names_only_what_it_needs),
		TEST(a_start_leaves_no_segment_behind),
	};
	return cmocka_run_group_tests_name("references", tests, NULL, NULL);
}
