/*
 * Removal and compaction of a store whose n-th file call fails, for n = 1, 2, 3 … until a
 * run has fewer calls; the same with the power cut there. Afterwards the store opens,
 * what is reached is there byte for byte, a check finds nothing, and the next pass gives
 * back what this one did not (L5).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/removal/collector.h"
#include "proto/base/cleanup.h"
#include "tests/fault/io_fault.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/killed.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

#define FILES 30u
#define CALLS_MAX 3000u

/* Three workflows: the first persist fills a segment of its own, which goes as a whole;
 * the others share one, of which the last one's part stays. */
enum { ALONE, BESIDE, STAYS, WORKFLOWS };
static const char *const names[WORKFLOWS] = {"alone", "beside", "stays"};

struct scene {
	char *directory; /* owned; of a store that is closed */
	struct store_tree trees[WORKFLOWS];
	int64_t layers[WORKFLOWS];
	uint64_t living_bytes; /* that are stored when all is gone that may go */
};
static struct scene scene;

static void persist(struct store_fixture *fixture, unsigned i, uint32_t len_max)
{
	scene.trees[i] = tree_new(FILES, 1 + i * 50000, len_max);
	struct tree_persist input = {.who = {.workflow = names[i], .job = "build"},
				     .key = i + 1,
				     .tree = &scene.trees[i]};
	struct layer_record record;
	assert_ok(tree_persist(fixture->store, &input, &record, NULL, &fixture->error));
	scene.layers[i] = record.id;
}

static int make_scene(void **state)
{
	(void)state;
	struct store_fixture made, *fixture = &made;
	store_fixture_init(fixture);
	fixture->segment_len = 20000;
	store_fixture_open(fixture);
	persist(fixture, ALONE, 4000);
	persist(fixture, BESIDE, 300);
	persist(fixture, STAYS, 300);
	store_fixture_close(fixture);
	char sql[256];
	(void)snprintf(sql, sizeof(sql),
		       "UPDATE workflows SET expired_ms = 5, expired_running_ms = 0"
		       " WHERE name <> 'stays';"
		       "INSERT INTO settings VALUES ('running_ms', %lld)",
		       (long long)COLLECTOR_WAIT_MS);
	catalogue_file_run(fixture->directory, sql);
	scene.directory = fixture->directory;
	return 0;
}

static int end_scene(void **state)
{
	(void)state;
	scratch_free(scene.directory);
	for (unsigned i = 0; i < WORKFLOWS; i++)
		tree_fini(&scene.trees[i]);
	return 0;
}

static int collect(struct store *store, struct collector_report *ret_report,
		   struct error *error)
{
	struct collector_options options = {.wait_ms = COLLECTOR_WAIT_MS,
					    .least_gain = 1};
	struct collector *collector = collector_new(store);
	index_rebuild_wait(store->rebuild);
	int err = collector_run(collector, &options, ret_report, error);
	collector_free(collector);
	return err;
}

static uint64_t stored_bytes(struct store *store)
{
	struct store_figures figures;
	struct error error;
	assert_int_equal(store_figures(store, &figures, &error), 0);
	return figures.stored_bytes;
}

/* ---- a run ------------------------------------------------------------------------ */

struct plan {
	unsigned kinds;
	bool forever;
	int number;
	bool cut;
	uint64_t seed;
};

static void fail_run(const char *what, const char *happened, uint64_t nth)
{
	fail_msg("call %llu: %s: %s", (unsigned long long)nth, what, happened);
}

/* What the collector may not touch, and that it comes to its end now. */
static void check_afterwards(const char *directory, uint64_t nth)
{
	struct store_options options = {.directory = directory, .segment_len = 20000};
	struct store *store = NULL;
	struct error error = {0};
	if (store_open(&options, &store, &error))
		fail_run("open", error.text, nth);
	for (int again = 0; again < 2; again++) {
		if (tree_verify(store, scene.layers[STAYS], &scene.trees[STAYS], &error))
			fail_run("what stays", error.text, nth);
		uint64_t damaged;
		char text[2048];
		assert_int_equal(tree_check(store, &damaged, text, sizeof(text), &error),
				 0);
		if (damaged)
			fail_run("check", text, nth);
		struct collector_report report;
		if (collect(store, &report, &error))
			fail_run("again", error.text, nth);
	}
	if (scene.living_bytes == 0)
		scene.living_bytes = stored_bytes(store);
	if (stored_bytes(store) != scene.living_bytes)
		fail_run("space", "not all of it came back", nth);
	assert_int_equal(store_close(store, &error), 0);
}

/* One run: false when no call was left to fail. */
static bool run_once(const struct plan *plan, uint64_t nth)
{
	char *directory AUTO(scratch_fini) = killed_copy(scene.directory);
	struct io_fault *fault = io_fault_new(plan->seed * 1000 + nth);
	struct store_options options = {.directory = directory,
					.io = io_fault_table(fault),
					.segment_len = 20000};
	struct store *store = NULL;
	struct error error = {0};
	assert_int_equal(store_open(&options, &store, &error), 0);
	index_rebuild_wait(store->rebuild);
	io_fault_fail(fault, plan->kinds, nth, plan->forever, plan->number);
	struct collector_report report;
	int code = collect(store, &report, &error);
	bool failed = io_fault_has_failed(fault);
	if (code && code != ERR_LOCAL && code != ERR_NO_ROOM && code != ERR_READ_ONLY &&
	    code != ERR_DAMAGED)
		fail_run(error_name(code), error.text, nth);
	(void)store_close(store, &error);
	if (plan->cut)
		io_fault_cut(fault);
	assert_int_equal(io_fault_open_count(fault), 0);
	io_fault_free(fault);
	check_afterwards(directory, nth);
	if (!failed) {
		assert_int_equal(report.layers, 2);
		assert_true(report.removed > 0 && report.compacted > 0);
	}
	return failed;
}

static void run(const struct plan *plan)
{
	uint64_t nth = 1;
	while (run_once(plan, nth))
		assert_true(++nth < CALLS_MAX);
	assert_true(nth > 10);
}

static void l5_any_call_may_fail_once(void **state)
{
	(void)state;
	run(&(struct plan){IO_CALL_ANY, false, EIO, false, 1});
}

static void l5_any_change_may_fail_for_good(void **state)
{
	(void)state;
	unsigned changes = IO_CALL_WRITE | IO_CALL_TRUNCATE | IO_CALL_SYNC |
			   IO_CALL_UNLINK | IO_CALL_OPEN | IO_CALL_CLOSE;
	run(&(struct plan){changes, true, EIO, false, 2});
}

static void l5_the_power_may_be_cut_at_any_change(void **state)
{
	(void)state;
	unsigned changes = IO_CALL_WRITE | IO_CALL_TRUNCATE | IO_CALL_SYNC |
			   IO_CALL_UNLINK | IO_CALL_RENAME;
	for (uint64_t seed = 1; seed <= 2; seed++)
		run(&(struct plan){changes, true, EIO, true, seed});
}

static void l7_the_disk_may_be_full_from_any_write_on(void **state)
{
	(void)state;
	run(&(struct plan){IO_CALL_WRITE, true, ENOSPC, false, 1});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(l5_any_call_may_fail_once),
		cmocka_unit_test(l5_any_change_may_fail_for_good),
		cmocka_unit_test(l5_the_power_may_be_cut_at_any_change),
		cmocka_unit_test(l7_the_disk_may_be_full_from_any_write_on),
	};
	return cmocka_run_group_tests_name("removal_fault", tests, make_scene, end_scene);
}
