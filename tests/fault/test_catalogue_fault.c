/*
 * SQLite's own method on the catalogue: one story, in which the n-th file call fails, for
 * n = 1, 2, 3 … until a run passes clean. After each run the catalogue opens, checks
 * clean, has all that was acknowledged and nothing that is half there, and the story told
 * again ends as if nothing had happened.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/database/page_sum.h"
#include "daemon/view/view.h"
#include "proto/base/cleanup.h"
#include "tests/fault/catalogue_story.h"
#include "tests/fault/io_fault.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/scratch.h"

#define CUT_SEEDS 2u
#define CALLS_MAX 5000u

/* ---- the runs -------------------------------------------------------------------- */

struct injection {
	uint64_t seed;
	unsigned kinds;
	uint64_t nth;
	int error_number;
	bool forever, cut, write_short;
};

/* false: the story has fewer calls. */
static bool run(const struct injection *injection)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(injection->seed);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	io_fault_write_short(fault, injection->write_short);
	io_fault_fail(fault, injection->kinds, injection->nth, injection->forever,
		      injection->error_number);
	story_tell(&story);
	story_end(&story);
	bool failed = io_fault_has_failed(fault);
	if (injection->cut)
		io_fault_cut(fault);
	io_fault_free(fault);
	story_assert_recovers(&story);
	return failed;
}

static void run_for_every_call(struct injection injection)
{
	for (injection.nth = 1; run(&injection); injection.nth++)
		assert_true(injection.nth < CALLS_MAX);
	assert_true(injection.nth > 1);
}

static void w1_survives_a_call_that_fails_once(void **state)
{
	(void)state;
	run_for_every_call((struct injection){.kinds = IO_CALL_ANY, .error_number = EIO});
}

static void w1_survives_calls_that_fail_from_then_on(void **state)
{
	(void)state;
	run_for_every_call((struct injection){
		.kinds = IO_CALL_ANY, .error_number = EIO, .forever = true});
}

static void w1_survives_a_power_cut_at_every_call(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= CUT_SEEDS; seed++)
		run_for_every_call((struct injection){.seed = seed,
						      .kinds = IO_CALL_ANY,
						      .error_number = EIO,
						      .forever = true,
						      .cut = true,
						      .write_short = seed == 1});
}

/* What a failed write or sync left behind is no better after a power cut. */
static void w1_survives_a_failed_change_and_then_a_power_cut(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= CUT_SEEDS; seed++)
		run_for_every_call((struct injection){
			.seed = seed,
			.kinds = IO_CALL_WRITE | IO_CALL_TRUNCATE | IO_CALL_SYNC,
			.error_number = EIO,
			.cut = true});
}

static void w1_survives_a_full_disk(void **state)
{
	(void)state;
	run_for_every_call((struct injection){.seed = 5,
					      .kinds = IO_CALL_WRITE,
					      .error_number = ENOSPC,
					      .forever = true,
					      .write_short = true});
	run_for_every_call((struct injection){
		.seed = 6, .kinds = IO_CALL_WRITE, .error_number = ENOSPC, .cut = true});
}

/* No room while writing is no failed sync: with room again the same process goes on. */
static void w1_goes_on_when_the_disk_has_room_again(void **state)
{
	(void)state;
	bool failed = true;
	for (uint64_t nth = 1; failed; nth++) {
		char *directory AUTO(scratch_fini) = scratch_new();
		struct io_fault *fault = io_fault_new(nth);
		struct story story = {.io = io_fault_table(fault),
				      .directory = directory};
		assert_int_equal(story_open(&story), 0);
		io_fault_fail(fault, IO_CALL_WRITE, nth, true, ENOSPC);
		int result = 0;
		for (enum step step = STEP_BUILD; step < STEP_REOPEN && result == 0;
		     step++)
			result = story_step(&story, step);
		failed = io_fault_has_failed(fault);
		/* Of all that is written only the stamp is no change's failure. */
		assert_true(result == 0 || (failed && result == ERR_NO_ROOM));
		assert_false(catalogue_is_read_only(story.catalogue));
		io_fault_fail(fault, IO_CALL_ANY, 0, false, 0);
		visit_fini(&story.build);
		visit_fini(&story.test);
		for (enum step step = STEP_BUILD; step < STEP_REOPEN; step++)
			story.acknowledged[step] = story_step(&story, step) == 0;
		story.acknowledged[STEP_SETTING] = story_step(&story, STEP_SETTING) == 0;
		assert_true(story.acknowledged[STEP_TEST_LAYER]);
		io_fault_fail(fault, IO_CALL_ANY, 1, true, EIO);
		story_end(&story);
		io_fault_cut(fault);
		io_fault_free(fault);
		story_assert_recovers(&story);
	}
}

/* A batond that is started again after a failed sync, and a power cut while it opens:
 * what the page cache showed it was not on the disk. Returns whether both came to pass.
 */
static bool fail_sync_then_cut(uint64_t sync, uint64_t call, bool *ret_sync_failed)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(sync * 1000 + call);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	io_fault_fail(fault, IO_CALL_SYNC, sync, true, EIO);
	story_tell(&story);
	story_end(&story);
	*ret_sync_failed = io_fault_has_failed(fault);
	io_fault_fail(fault, IO_CALL_ANY, call, true, EIO);
	if (story_open(&story) == 0)
		(void)story_close(&story);
	bool cut = io_fault_has_failed(fault);
	io_fault_cut(fault);
	io_fault_free(fault);
	story_assert_recovers(&story);
	return cut;
}

/* Of the calls every fourth, beginning with another for each sync. */
static void w1_survives_a_power_cut_while_it_recovers(void **state)
{
	(void)state;
	bool sync_failed = true;
	for (uint64_t sync = 1; sync_failed; sync++) {
		uint64_t call = 1 + sync % 4;
		while (fail_sync_then_cut(sync, call, &sync_failed))
			call += 4;
		assert_true(call < CALLS_MAX);
	}
}

/* What a client that asks again is told to be there counts as acknowledged. */
static void ask_again(struct story *story)
{
	size_t position;
	struct catalogue_history first AUTO(catalogue_history_fini) =
		story_look(story->catalogue, "W1");
	struct catalogue_history second AUTO(catalogue_history_fini) =
		story_look(story->catalogue, "W2");
	story->acknowledged[STEP_BUILD_LAYER] = story_find(&first, 1, &position);
	story->acknowledged[STEP_TEST_LAYER] = story_find(&first, 2, &position);
	story->retry_was_there = second.history.execution_count > 0;
	story->acknowledged[STEP_RETRY_LAYER] = story_find(&second, 3, &position);
	story->acknowledged[STEP_SETTING] =
		catalogue_setting(story->catalogue, "clean_stop") == 42;
}

static bool kill_ask_and_cut(uint64_t nth)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(nth);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	io_fault_fail(fault, IO_CALL_ANY, nth, true, EIO);
	story_tell(&story);
	story_end(&story);
	bool killed = io_fault_has_failed(fault);
	io_fault_fail(fault, IO_CALL_ANY, 0, false, 0);
	assert_int_equal(story_open(&story), 0);
	ask_again(&story);
	io_fault_fail(fault, IO_CALL_ANY, 1, true, EIO);
	(void)story_close(&story);
	io_fault_cut(fault);
	io_fault_free(fault);
	story_assert_recovers(&story);
	return killed;
}

/* A commit that only the page cache knew when the process was killed. */
static void w1_what_is_answered_after_a_kill_survives_a_power_cut(void **state)
{
	(void)state;
	for (uint64_t nth = 1; kill_ask_and_cut(nth); nth++)
		assert_true(nth < CALLS_MAX);
}

/* ---- an older schema ------------------------------------------------------------- */

/* A catalogue of an older schema that is opened on a disk which fails at a call. false:
 * opening has fewer. */
static bool upgrade_and_fail(struct injection injection, unsigned schema)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct story story = {.io = &io_system, .directory = directory};
	story_tell(&story);
	story_end(&story);
	catalogue_file_age(directory, schema);
	struct io_fault *fault = io_fault_new(injection.seed + injection.nth);
	io_fault_fail(fault, injection.kinds, injection.nth, injection.forever,
		      injection.error_number);
	story.io = io_fault_table(fault);
	if (story_open(&story) == 0 && injection.error_number == ENOSPC)
		assert_true(catalogue_unfinished(story.catalogue) ||
			    !io_fault_has_failed(fault));
	story_end(&story);
	bool failed = io_fault_has_failed(fault);
	if (injection.cut)
		io_fault_cut(fault);
	io_fault_free(fault);
	story_assert_recovers(&story);
	size_t len;
	uint8_t *bytes AUTO_FREE = catalogue_file_read(directory, CATALOGUE_FILE, &len);
	assert_true(page_has_sums(bytes));
	return failed;
}

static void upgrade_for_every_call(struct injection injection)
{
	for (unsigned schema = 2; schema <= 3; schema++) {
		injection.nth = 1;
		for (; upgrade_and_fail(injection, schema); injection.nth++)
			assert_true(injection.nth < CALLS_MAX);
		assert_true(injection.nth > 1);
	}
}

static void an_upgrade_survives_a_call_that_fails(void **state)
{
	(void)state;
	upgrade_for_every_call(
		(struct injection){.kinds = IO_CALL_ANY, .error_number = EIO});
}

static void an_upgrade_survives_a_power_cut_at_every_call(void **state)
{
	(void)state;
	upgrade_for_every_call((struct injection){.seed = CALLS_MAX,
						  .kinds = IO_CALL_ANY,
						  .error_number = EIO,
						  .forever = true,
						  .cut = true});
}

/* It goes on without sums, or is not opened for lack of a column, says so, and tries
 * again at the next start. */
static void an_upgrade_that_finds_no_room_is_put_off(void **state)
{
	(void)state;
	upgrade_for_every_call((struct injection){
		.kinds = IO_CALL_WRITE, .error_number = ENOSPC, .forever = true});
}

static void failed_change_makes_it_read_only(unsigned kind)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(kind);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	story_tell(&story);
	io_fault_fail(fault, kind, 1, false, EIO);
	assert_int_equal(story_step(&story, STEP_SETTING), ERR_READ_ONLY);
	assert_true(catalogue_is_read_only(story.catalogue));
	assert_int_equal(story_step(&story, STEP_SETTING), ERR_READ_ONLY);
	assert_int_equal(story_commits(&story, &story.build, 8), ERR_READ_ONLY);
	struct catalogue_history looked AUTO(catalogue_history_fini) =
		story_look(story.catalogue, "W1");
	assert_int_equal(looked.history.layer_count, 2);
	story_end(&story);
	io_fault_free(fault);
	story_assert_recovers(&story);
}

static void failed_write_or_sync_makes_it_read_only(void **state)
{
	(void)state;
	failed_change_makes_it_read_only(IO_CALL_WRITE);
	failed_change_makes_it_read_only(IO_CALL_SYNC);
}

/* ---- what a contact costs -------------------------------------------------------- */

static void contact_that_changes_nothing_costs_no_write(void **state)
{
	(void)state;
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(1);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	story_tell(&story);
	unsigned changes = IO_CALL_WRITE | IO_CALL_TRUNCATE | IO_CALL_SYNC;
	io_fault_fail(fault, changes, 1, true, EIO);
	visit_fini(&story.test);
	assert_int_equal(story_step(&story, STEP_TEST), 0);
	assert_int_equal(story_step(&story, STEP_TEST_ATTACH), 0);
	assert_int_equal(story_step(&story, STEP_TEST_LAYER), 0);
	struct catalogue_history looked AUTO(catalogue_history_fini) =
		story_look(story.catalogue, "W9");
	assert_int_equal(looked.history.layer_count, 0);
	assert_false(io_fault_has_failed(fault));
	io_fault_fail(fault, IO_CALL_ANY, 0, false, 0);
	story_end(&story);
	io_fault_free(fault);
}

static void persist_costs_one_sync(void **state)
{
	(void)state;
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(1);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	story_tell(&story);
	io_fault_fail(fault, IO_CALL_SYNC, 2, true, EIO);
	struct visit visit AUTO(visit_fini) = {0};
	static const struct who who = {.workflow = "W1", .job = "new", .needs = {"test"}};
	assert_int_equal(story_persists(&story, who, &visit), 0);
	assert_int_equal(story_commits(&story, &visit, 9), 0);
	assert_false(io_fault_has_failed(fault));
	story_end(&story);
	io_fault_free(fault);
}

/* R3: what an attach is told of a workflow whose first contact no sync has followed yet
 * has to survive, although the attach itself changes nothing. */
static void attach_syncs_the_contact_that_it_builds_on(void **state)
{
	(void)state;
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(1);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	story_tell(&story);
	io_fault_fail(fault, IO_CALL_SYNC, 1, true, EIO);
	struct visit visit AUTO(visit_fini) = {0};
	static const struct who who = {.workflow = "W3", .job = "new", .retry_of = "W1"};
	assert_int_equal(story_persists(&story, who, &visit), 0);
	assert_false(io_fault_has_failed(fault));
	const struct contact_request attach = {.identity.workflow = text_of("W3"),
					       .kind = CONTACT_ATTACH,
					       .inherited = view_inherited};
	struct contact contact = {0};
	struct catalogue_history history AUTO(catalogue_history_fini) = {0};
	struct error error = {0};
	assert_int_equal(
		catalogue_contact(story.catalogue, &attach, &contact, &history, &error),
		ERR_READ_ONLY);
	assert_true(io_fault_has_failed(fault));
	io_fault_fail(fault, IO_CALL_ANY, 0, false, 0);
	story_end(&story);
	io_fault_free(fault);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w1_survives_a_call_that_fails_once),
		cmocka_unit_test(w1_survives_calls_that_fail_from_then_on),
		cmocka_unit_test(w1_survives_a_power_cut_at_every_call),
		cmocka_unit_test(w1_survives_a_failed_change_and_then_a_power_cut),
		cmocka_unit_test(w1_survives_a_full_disk),
		cmocka_unit_test(w1_goes_on_when_the_disk_has_room_again),
		cmocka_unit_test(w1_survives_a_power_cut_while_it_recovers),
		cmocka_unit_test(w1_what_is_answered_after_a_kill_survives_a_power_cut),
		cmocka_unit_test(an_upgrade_survives_a_call_that_fails),
		cmocka_unit_test(an_upgrade_survives_a_power_cut_at_every_call),
		cmocka_unit_test(an_upgrade_that_finds_no_room_is_put_off),
		cmocka_unit_test(failed_write_or_sync_makes_it_read_only),
		cmocka_unit_test(contact_that_changes_nothing_costs_no_write),
		cmocka_unit_test(persist_costs_one_sync),
		cmocka_unit_test(attach_syncs_the_contact_that_it_builds_on),
	};
	return cmocka_run_group_tests_name("catalogue_fault", tests, NULL, NULL);
}
