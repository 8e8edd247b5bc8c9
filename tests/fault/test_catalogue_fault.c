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

#include "proto/bytes.h"
#include "proto/cleanup.h"
#include "tests/fault/io_fault.h"
#include "tests/harness/catalogue_steps.h"
#include "tests/harness/scratch.h"

#define CUT_SEEDS 2u
#define CALLS_MAX 5000u

/* ---- the story ------------------------------------------------------------------- */

enum step {
	STEP_OPEN,
	STEP_BUILD, /* W1's job build */
	STEP_BUILD_LAYER,
	STEP_TEST, /* W1's job test, which needs build */
	STEP_TEST_ATTACH,
	STEP_TEST_LAYER,
	STEP_REOPEN,
	STEP_RETRY, /* W2, which retries W1: job test */
	STEP_RETRY_LAYER,
	STEP_SETTING,
	STEP_COUNT,
};

struct story {
	const struct io *io;
	const char *directory;
	struct catalogue *catalogue; /* NULL: it did not open */
	bool acknowledged[STEP_COUNT];
	struct visit build, test, retry;
	struct layer_record build_layer;
	struct error error;
};

static int open_catalogue(struct story *story)
{
	return catalogue_open(story->io, story->directory, &story->catalogue,
			      &story->error);
}

static int close_catalogue(struct story *story)
{
	struct catalogue *catalogue = take_ptr(&story->catalogue);
	return catalogue_close(catalogue, &story->error);
}

static int persists(struct story *story, struct who who, struct visit *ret_visit)
{
	return visit_catalogue(story->catalogue, &who, CONTACT_PERSIST, ret_visit,
			       &story->error);
}

static int commits(struct story *story, const struct visit *visit, uint32_t number)
{
	struct layer_record record;
	int result = commit_numbered(story->catalogue, &visit->contact, number, number,
				     &record, &story->error);
	if (result == 0 && number == 1)
		story->build_layer = record;
	return result;
}

static int reopen(struct story *story)
{
	(void)close_catalogue(story);
	return open_catalogue(story);
}

static int take_step(struct story *story, enum step step)
{
	static const struct who build = {.workflow = "W1", .job = "build"};
	static const struct who test = {
		.workflow = "W1", .job = "test", .needs = {"build"}};
	static const struct who retry = {
		.workflow = "W2", .job = "test", .retry_of = "W1"};
	switch (step) {
	case STEP_OPEN:
		return open_catalogue(story);
	case STEP_BUILD:
		return persists(story, build, &story->build);
	case STEP_BUILD_LAYER:
		return commits(story, &story->build, 1);
	case STEP_TEST:
		return persists(story, test, &story->test);
	case STEP_TEST_ATTACH:
		return catalogue_record_attach(story->catalogue, &story->test.contact,
					       &story->build_layer.id, 1, &story->error);
	case STEP_TEST_LAYER:
		return commits(story, &story->test, 2);
	case STEP_REOPEN:
		return reopen(story);
	case STEP_RETRY:
		return persists(story, retry, &story->retry);
	case STEP_RETRY_LAYER:
		return commits(story, &story->retry, 3);
	case STEP_SETTING:
		return catalogue_set_setting(story->catalogue, "clean_stop", 42,
					     &story->error);
	case STEP_COUNT:
		break;
	}
	fail();
	return -1;
}

/* A client whose request failed asks for nothing that builds on it. */
static bool is_possible(const struct story *story, enum step step)
{
	static const enum step before[STEP_COUNT] = {
		[STEP_BUILD_LAYER] = STEP_BUILD, [STEP_TEST] = STEP_BUILD_LAYER,
		[STEP_TEST_ATTACH] = STEP_TEST,  [STEP_TEST_LAYER] = STEP_TEST_ATTACH,
		[STEP_RETRY] = STEP_TEST_LAYER,  [STEP_RETRY_LAYER] = STEP_RETRY,
	};
	return step == STEP_OPEN ||
	       (story->catalogue && story->acknowledged[before[step]]);
}

static void assert_known_failure(const struct story *story, int code)
{
	if (code != ERR_LOCAL && code != ERR_NO_ROOM && code != ERR_READ_ONLY)
		fail_msg("%s: %s", error_name(code), story->error.text);
}

/* Nothing is acknowledged after a failed write. */
static void tell(struct story *story)
{
	for (enum step step = STEP_OPEN; step < STEP_COUNT; step++) {
		if (!is_possible(story, step))
			continue;
		bool refuses = step != STEP_REOPEN && story->catalogue &&
			       catalogue_is_read_only(story->catalogue);
		int result = take_step(story, step);
		story->acknowledged[step] = result == 0;
		if (result < 0)
			assert_known_failure(story, result);
		if (refuses)
			assert_int_equal(result, ERR_READ_ONLY);
	}
}

static void story_end(struct story *story)
{
	(void)close_catalogue(story);
	visit_fini(&story->build);
	visit_fini(&story->test);
	visit_fini(&story->retry);
}

/* ---- what must be there afterwards ----------------------------------------------- */

static const struct layer_record *find_number(const struct catalogue_history *history,
					      uint32_t number, size_t *ret_position)
{
	struct digest digest = numbered_digest(number);
	for (size_t i = 0; i < history->history.layer_count; i++) {
		if (!digest_equal(&history->records[i].digest, &digest))
			continue;
		*ret_position = i;
		return &history->records[i];
	}
	return NULL;
}

/* A layer is whole, or not there and then was not acknowledged. */
static void assert_layer(struct catalogue *catalogue,
			 const struct catalogue_history *history, uint32_t number,
			 size_t bases, bool acknowledged)
{
	size_t position;
	const struct layer_record *record = find_number(history, number, &position);
	if (!record) {
		assert_false(acknowledged);
		return;
	}
	struct error error;
	struct layer_place place;
	assert_int_equal(history->history.layers[position].base_count, bases);
	assert_int_equal(catalogue_layer_place(catalogue, record->id, &place, &error), 0);
	assert_int_equal(place.segment_count, 1);
	free(place.segments);
}

static struct catalogue_history look(struct catalogue *catalogue, const char *workflow)
{
	struct visit visit = {0};
	struct error error;
	assert_int_equal(visit_catalogue(catalogue, &(struct who){.workflow = workflow},
					 CONTACT_LOOK, &visit, &error),
			 0);
	return visit.history;
}

static void assert_acknowledged(struct catalogue *catalogue, const struct story *story)
{
	const bool *acknowledged = story->acknowledged;
	struct catalogue_history first AUTO(catalogue_history_fini) =
		look(catalogue, "W1");
	size_t executions = first.history.execution_count;
	assert_true(executions >=
		    (size_t)acknowledged[STEP_BUILD] + (size_t)acknowledged[STEP_TEST]);
	assert_layer(catalogue, &first, 1, 0, acknowledged[STEP_BUILD_LAYER]);
	assert_layer(catalogue, &first, 2, 1, acknowledged[STEP_TEST_LAYER]);
	if (executions == 2) {
		assert_int_equal(first.history.executions[1].need_count, 1);
		assert_true(first.history.executions[1].attached_count >=
			    (size_t)acknowledged[STEP_TEST_ATTACH]);
	}
	struct catalogue_history second AUTO(catalogue_history_fini) =
		look(catalogue, "W2");
	if (second.history.execution_count > 0) {
		assert_string_equal(second.parent, "W1");
		assert_int_equal(second.history.execution_count, 3);
		assert_layer(catalogue, &second, 1, 0, true);
		assert_layer(catalogue, &second, 2, 1, true);
	} else {
		assert_false(acknowledged[STEP_RETRY]);
	}
	assert_layer(catalogue, &second, 3, 0, acknowledged[STEP_RETRY_LAYER]);
	int64_t setting = catalogue_setting(catalogue, "clean_stop");
	assert_true(setting == 42 || (setting == 0 && !acknowledged[STEP_SETTING]));
}

/* The story told once more, by clients who try again. */
static void assert_goes_on(const struct io *io, const char *directory)
{
	struct story again AUTO(story_end) = {.io = io, .directory = directory};
	tell(&again);
	for (enum step step = STEP_OPEN; step < STEP_COUNT; step++)
		assert_true(again.acknowledged[step]);
	struct catalogue_figures figures;
	assert_int_equal(catalogue_figures(again.catalogue, &figures, &again.error), 0);
	assert_int_equal(figures.layers, 3);
	assert_int_equal(figures.workflows, 2);
	assert_int_equal(figures.segments, 3);
}

static void assert_recovers(const struct story *story)
{
	struct catalogue *catalogue;
	struct error error;
	if (catalogue_open(&io_system, story->directory, &catalogue, &error) < 0 ||
	    catalogue_check(catalogue, &error) < 0)
		fail_msg("%s", error.text);
	assert_acknowledged(catalogue, story);
	assert_int_equal(catalogue_close(catalogue, &error), 0);
	assert_goes_on(&io_system, story->directory);
}

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
	tell(&story);
	story_end(&story);
	bool failed = io_fault_has_failed(fault);
	if (injection->cut)
		io_fault_cut(fault);
	io_fault_free(fault);
	assert_recovers(&story);
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
		assert_int_equal(open_catalogue(&story), 0);
		io_fault_fail(fault, IO_CALL_WRITE, nth, true, ENOSPC);
		int result = 0;
		for (enum step step = STEP_BUILD; step < STEP_REOPEN && result == 0;
		     step++)
			result = take_step(&story, step);
		failed = io_fault_has_failed(fault);
		assert_int_equal(result, failed ? ERR_NO_ROOM : 0);
		assert_false(catalogue_is_read_only(story.catalogue));
		io_fault_fail(fault, IO_CALL_ANY, 0, false, 0);
		visit_fini(&story.build);
		visit_fini(&story.test);
		for (enum step step = STEP_BUILD; step < STEP_REOPEN; step++)
			story.acknowledged[step] = take_step(&story, step) == 0;
		story.acknowledged[STEP_SETTING] = take_step(&story, STEP_SETTING) == 0;
		assert_true(story.acknowledged[STEP_TEST_LAYER]);
		io_fault_fail(fault, IO_CALL_ANY, 1, true, EIO);
		story_end(&story);
		io_fault_cut(fault);
		io_fault_free(fault);
		assert_recovers(&story);
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
	tell(&story);
	story_end(&story);
	*ret_sync_failed = io_fault_has_failed(fault);
	io_fault_fail(fault, IO_CALL_ANY, call, true, EIO);
	if (open_catalogue(&story) == 0)
		(void)close_catalogue(&story);
	bool cut = io_fault_has_failed(fault);
	io_fault_cut(fault);
	io_fault_free(fault);
	assert_recovers(&story);
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
		look(story->catalogue, "W1");
	struct catalogue_history second AUTO(catalogue_history_fini) =
		look(story->catalogue, "W2");
	story->acknowledged[STEP_BUILD_LAYER] = find_number(&first, 1, &position);
	story->acknowledged[STEP_TEST_LAYER] = find_number(&first, 2, &position);
	story->acknowledged[STEP_RETRY] = second.history.execution_count > 0;
	story->acknowledged[STEP_RETRY_LAYER] = find_number(&second, 3, &position);
	story->acknowledged[STEP_SETTING] =
		catalogue_setting(story->catalogue, "clean_stop") == 42;
}

static bool kill_ask_and_cut(uint64_t nth)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(nth);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	io_fault_fail(fault, IO_CALL_ANY, nth, true, EIO);
	tell(&story);
	story_end(&story);
	bool killed = io_fault_has_failed(fault);
	io_fault_fail(fault, IO_CALL_ANY, 0, false, 0);
	assert_int_equal(open_catalogue(&story), 0);
	ask_again(&story);
	io_fault_fail(fault, IO_CALL_ANY, 1, true, EIO);
	(void)close_catalogue(&story);
	io_fault_cut(fault);
	io_fault_free(fault);
	assert_recovers(&story);
	return killed;
}

/* A commit that only the page cache knew when the process was killed. */
static void w1_what_is_answered_after_a_kill_survives_a_power_cut(void **state)
{
	(void)state;
	for (uint64_t nth = 1; kill_ask_and_cut(nth); nth++)
		assert_true(nth < CALLS_MAX);
}

static void failed_change_makes_it_read_only(unsigned kind)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(kind);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	tell(&story);
	io_fault_fail(fault, kind, 1, false, EIO);
	assert_int_equal(take_step(&story, STEP_SETTING), ERR_READ_ONLY);
	assert_true(catalogue_is_read_only(story.catalogue));
	assert_int_equal(take_step(&story, STEP_SETTING), ERR_READ_ONLY);
	assert_int_equal(commits(&story, &story.build, 8), ERR_READ_ONLY);
	struct catalogue_history looked AUTO(catalogue_history_fini) =
		look(story.catalogue, "W1");
	assert_int_equal(looked.history.layer_count, 2);
	story_end(&story);
	io_fault_free(fault);
	assert_recovers(&story);
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
	tell(&story);
	unsigned changes = IO_CALL_WRITE | IO_CALL_TRUNCATE | IO_CALL_SYNC;
	io_fault_fail(fault, changes, 1, true, EIO);
	visit_fini(&story.test);
	assert_int_equal(take_step(&story, STEP_TEST), 0);
	assert_int_equal(take_step(&story, STEP_TEST_ATTACH), 0);
	assert_int_equal(take_step(&story, STEP_TEST_LAYER), 0);
	struct catalogue_history looked AUTO(catalogue_history_fini) =
		look(story.catalogue, "W9");
	assert_int_equal(looked.history.layer_count, 0);
	assert_false(io_fault_has_failed(fault));
	io_fault_fail(fault, IO_CALL_ANY, 0, false, 0);
	story_end(&story);
	io_fault_free(fault);
}

static void persist_costs_two_syncs(void **state)
{
	(void)state;
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(1);
	struct story story = {.io = io_fault_table(fault), .directory = directory};
	tell(&story);
	io_fault_fail(fault, IO_CALL_SYNC, 3, true, EIO);
	struct visit visit AUTO(visit_fini) = {0};
	static const struct who who = {.workflow = "W1", .job = "new", .needs = {"test"}};
	assert_int_equal(persists(&story, who, &visit), 0);
	assert_int_equal(commits(&story, &visit, 9), 0);
	assert_false(io_fault_has_failed(fault));
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
		cmocka_unit_test(failed_write_or_sync_makes_it_read_only),
		cmocka_unit_test(contact_that_changes_nothing_costs_no_write),
		cmocka_unit_test(persist_costs_two_syncs),
	};
	return cmocka_run_group_tests_name("catalogue_fault", tests, NULL, NULL);
}
