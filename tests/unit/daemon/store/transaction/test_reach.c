/* Rule A7: what a session is offered that reads a part of its namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/store/store.h"
#include "daemon/store/transaction/reach.h"
#include "proto/base/cleanup.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

static int setup(void **state)
{
	int failed = store_fixture_setup(state);
	store_fixture_open(*state);
	return failed;
}

static int64_t persist(struct store_fixture *fixture, const struct store_tree *tree)
{
	struct layer_record record;
	struct tree_figures sent;
	struct tree_persist input = {.who = {.workflow = "w", .job = "a"},
				     .key = ++fixture->key,
				     .tree = tree,
				     .without_asking = true};
	assert_ok(tree_persist(fixture->store, &input, &record, &sent, &fixture->error));
	return record.id;
}

static size_t in_reach(const struct reach *reach, const struct store_tree *tree)
{
	size_t count = 0;
	for (size_t i = 0; i < tree->count; i++) {
		struct unit_name name = tree_unit_name(&tree->files[i]);
		bool has = reach_has(reach, &name);
		assert_int_equal(reach_has_key(reach, &name.key), has);
		count += has;
	}
	return count;
}

static void what_is_not_narrow_reaches_all(void **state)
{
	(void)state;
	static const struct reach all;
	struct unit_name any = {.key.len = 1};
	assert_true(reach_has(&all, &any));
	assert_true(reach_has_key(&all, &any.key));
}

static void the_layers_that_were_named_are_in_reach_and_no_others(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree one AUTO(tree_fini) = tree_new(120, 1, 100);
	struct store_tree two AUTO(tree_fini) = tree_new(120, 1000, 100);
	struct store_tree other AUTO(tree_fini) = tree_new(120, 2000, 100);
	int64_t ids[] = {persist(fixture, &one), 12345, persist(fixture, &two)};
	(void)persist(fixture, &other);
	struct reach reach AUTO(reach_fini) = {0};
	reach_narrow(&reach, fixture->store, ids, 3); /* one of them is not there */
	assert_int_equal(in_reach(&reach, &one), one.count);
	assert_int_equal(in_reach(&reach, &two), two.count);
	assert_int_equal(in_reach(&reach, &other), 0);
}

static void another_content_of_a_key_is_not_in_reach(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree one AUTO(tree_fini) = tree_new(1, 1, 100);
	int64_t id = persist(fixture, &one);
	struct reach reach AUTO(reach_fini) = {0};
	reach_narrow(&reach, fixture->store, &id, 1);
	struct unit_name name = tree_unit_name(&one.files[0]);
	name.sha.bytes[0] ^= 1;
	assert_true(reach_has_key(&reach, &name.key));
	assert_false(reach_has(&reach, &name));
}

static void nothing_is_in_reach_of_who_reads_no_layer(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree one AUTO(tree_fini) = tree_new(3, 1, 100);
	(void)persist(fixture, &one);
	struct reach reach AUTO(reach_fini) = {0};
	reach_narrow(&reach, fixture->store, NULL, 0);
	assert_int_equal(in_reach(&reach, &one), 0);
}

/* What is beyond is sent again, and nothing fails. Pieces count too. */
static void it_has_a_bound(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree large AUTO(tree_fini) = tree_new(REACH_UNITS_MAX, 1, 20);
	struct store_tree small AUTO(tree_fini) = tree_new(100, REACH_UNITS_MAX + 1, 20);
	int64_t ids[] = {persist(fixture, &small), persist(fixture, &large)};
	struct reach reach AUTO(reach_fini) = {0}, other AUTO(reach_fini) = {0};
	reach_narrow(&reach, fixture->store, ids, 2);
	assert_int_equal(reach.count, REACH_UNITS_MAX);
	assert_int_equal(in_reach(&reach, &small), small.count);
	assert_in_range(in_reach(&reach, &large), 1, large.count - 1);
	reach_narrow(&other, fixture->store, ids, 1);
	assert_int_equal(in_reach(&other, &small), small.count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_narrow_reaches_all),
		cmocka_unit_test_setup_teardown(
			the_layers_that_were_named_are_in_reach_and_no_others, setup,
			store_fixture_teardown),
		cmocka_unit_test_setup_teardown(another_content_of_a_key_is_not_in_reach,
						setup, store_fixture_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_in_reach_of_who_reads_no_layer,
						setup, store_fixture_teardown),
		cmocka_unit_test_setup_teardown(it_has_a_bound, setup,
						store_fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
