/*
 * A store whose n-th file call fails, for n = 1, 2, 3 … until a run has fewer calls; the
 * same with the power cut there. Whatever was acknowledged is readable after the next
 * start, whatever was not is whole or absent, and a check finds nothing (rule W1).
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
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/fault/io_fault.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_tree.h"

#define PERSISTS 4u
/* Small enough that persists rotate segments and seal them. */
#define SEGMENT_LEN 6000u

struct story {
	struct store_tree trees[PERSISTS];
	int64_t acknowledged[PERSISTS]; /* layer ids; 0: not acknowledged */
	int codes[PERSISTS];
	unsigned failures; /* calls of on_failure */
	bool opened, closed;
};

static void on_failure(void *context, const char *sentence)
{
	struct story *story = context;
	assert_true(strlen(sentence) > 0);
	story->failures++;
}

static void story_begin(struct story *story)
{
	*story = (struct story){0};
	for (uint32_t i = 0; i < PERSISTS; i++) {
		story->trees[i] = tree_new(30, 1, 400);
		story->trees[i].files[i].content = 1000 + i;
	}
}

static void story_fini(struct story *story)
{
	for (uint32_t i = 0; i < PERSISTS; i++)
		tree_fini(&story->trees[i]);
}

static struct tree_persist persist_of(const struct story *story, uint32_t i)
{
	return (struct tree_persist){
		.who = {.workflow = "w", .job = "build"},
		.key = i + 1,
		.tree = &story->trees[i],
		.base = i > 0 ? story->acknowledged[i - 1] : 0,
		.without_asking = i == 2,
	};
}

static void persist(struct story *story, struct store *store, uint32_t i)
{
	struct tree_persist input = persist_of(story, i);
	struct layer_record record;
	struct error error;
	story->codes[i] = tree_persist(store, &input, &record, NULL, &error);
	if (story->codes[i] == 0)
		story->acknowledged[i] = record.id;
}

/* Opens, persists, moves a segment, closes; any of it may fail. */
static void tell(struct story *story, const char *directory, const struct io *io)
{
	struct store_options options = {.directory = directory,
					.io = io,
					.segment_len = SEGMENT_LEN,
					.on_failure = on_failure,
					.context = story};
	struct store *store = NULL;
	struct error error;
	story->opened = store_open(&options, &store, &error) == 0;
	if (!story->opened)
		return;
	for (uint32_t i = 0; i < PERSISTS; i++)
		persist(story, store, i);
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count = 0;
	if (catalogue_segments(store_catalogue(store), &rows, &count, &error) == 0 &&
	    count > 0)
		(void)tree_move_segment(store, &rows[0].id, &error);
	index_rebuild_wait(store->rebuild);
	story->closed = store_close(store, &error) == 0;
}

/* ---- afterwards --------------------------------------------------------------- */

#define assert_ok(expression)                                                            \
	do {                                                                             \
		int err_ = (expression);                                                 \
		if (err_)                                                                \
			fail_msg("%s: %s: %s", what, #expression, error.text);           \
	} while (0)

/* Every layer that is there is one of the trees, whole, and none that was acknowledged is
 * missing. */
static void check_layers(const struct story *story, struct store *store, const char *what)
{
	struct error error;
	int64_t *ids AUTO_FREE = NULL;
	size_t count;
	assert_ok(catalogue_layer_ids(store_catalogue(store), &ids, &count, &error));
	for (size_t i = 0; i < count; i++) {
		uint32_t is = 0;
		while (is < PERSISTS &&
		       tree_verify(store, ids[i], &story->trees[is], &error) != 0)
			is++;
		if (is == PERSISTS)
			fail_msg("%s: a layer is no tree: %s", what, error.text);
	}
	for (uint32_t i = 0; i < PERSISTS; i++)
		if (story->acknowledged[i])
			assert_ok(tree_verify(store, story->acknowledged[i],
					      &story->trees[i], &error));
}

static void check_afterwards(struct story *story, const char *directory, const char *what)
{
	struct store_options options = {.directory = directory,
					.segment_len = SEGMENT_LEN};
	struct store *store = NULL;
	struct error error;
	assert_ok(store_open(&options, &store, &error));
	check_layers(story, store, what);
	uint64_t damaged;
	char text[4096];
	assert_ok(tree_check(store, &damaged, text, sizeof(text), &error));
	if (damaged)
		fail_msg("%s: %s", what, text);
	/* It goes on: the same persists, with the same keys, give the same layers. */
	for (uint32_t i = 0; i < PERSISTS; i++) {
		struct tree_persist input = persist_of(story, i);
		struct layer_record record;
		int err = tree_persist(store, &input, &record, NULL, &error);
		/* An index that survived a clean stop is never wrong. */
		assert_ok(err);
		if (story->acknowledged[i])
			assert_int_equal(record.id, story->acknowledged[i]);
		assert_ok(tree_verify(store, record.id, &story->trees[i], &error));
	}
	assert_ok(tree_check(store, &damaged, text, sizeof(text), &error));
	if (damaged)
		fail_msg("%s: afterwards: %s", what, text);
	assert_ok(store_close(store, &error));
}

struct plan {
	unsigned kinds;
	bool forever;
	int number;
	bool cut;
	uint64_t seeds;
	uint64_t step;
};

/* One run: false when no call was left to fail. */
static bool run_once(const struct plan *plan, uint64_t nth, uint64_t seed)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(seed * 1000 + nth);
	struct story story AUTO(story_fini);
	story_begin(&story);
	io_fault_fail(fault, plan->kinds, nth, plan->forever, plan->number);
	tell(&story, directory, io_fault_table(fault));
	bool failed = io_fault_has_failed(fault);
	assert_true(story.failures <= 1);
	if (plan->cut)
		io_fault_cut(fault);
	assert_int_equal(io_fault_open_count(fault), 0);
	io_fault_free(fault);
	char what[128];
	(void)snprintf(what, sizeof(what), "call %llu of kinds %x%s%s, seed %llu",
		       (unsigned long long)nth, plan->kinds,
		       plan->forever ? ", forever" : "", plan->cut ? ", cut" : "",
		       (unsigned long long)seed);
	check_afterwards(&story, directory, what);
	if (!failed)
		for (uint32_t i = 0; i < PERSISTS; i++)
			assert_true(story.acknowledged[i] > 0);
	return failed;
}

static void run(const struct plan *plan)
{
	for (uint64_t seed = 1; seed <= plan->seeds; seed++) {
		uint64_t nth = 1;
		while (run_once(plan, nth, seed))
			nth += plan->step;
		assert_true(nth > 10);
	}
}

static void w1_any_call_may_fail_once(void **state)
{
	(void)state;
	run(&(struct plan){IO_CALL_ANY, false, EIO, false, 1, 1});
}

static void w1_any_call_may_fail_for_good(void **state)
{
	(void)state;
	run(&(struct plan){IO_CALL_ANY, true, EIO, false, 1, 3});
}

static void w1_the_power_may_be_cut_at_any_change(void **state)
{
	(void)state;
	unsigned changes = IO_CALL_WRITE | IO_CALL_TRUNCATE | IO_CALL_SYNC |
			   IO_CALL_UNLINK | IO_CALL_RENAME;
	run(&(struct plan){changes, true, EIO, true, 3, 1});
}

static void w1_the_power_may_be_cut_behind_a_failed_sync(void **state)
{
	(void)state;
	run(&(struct plan){IO_CALL_SYNC, false, EIO, true, 3, 1});
}

static void w1_the_disk_may_be_full_from_any_write_on(void **state)
{
	(void)state;
	run(&(struct plan){IO_CALL_WRITE, true, ENOSPC, false, 1, 1});
}

/* ---- what fails how ----------------------------------------------------------- */

struct stage {
	char *directory;
	struct io_fault *fault;
	struct story story;
	struct store *store;
};

/* A store with one layer in it, and nothing under way that a fault could hit. */
static void stage_open(struct stage *stage)
{
	struct error error;
	stage->directory = scratch_new();
	stage->fault = io_fault_new(1);
	story_begin(&stage->story);
	struct store_options options = {.directory = stage->directory,
					.io = io_fault_table(stage->fault),
					.on_failure = on_failure,
					.context = &stage->story};
	assert_int_equal(store_open(&options, &stage->store, &error), 0);
	persist(&stage->story, stage->store, 0);
	assert_int_equal(stage->story.codes[0], 0);
	assert_int_equal(store_close(stage->store, &error), 0);
	assert_int_equal(store_open(&options, &stage->store, &error), 0);
}

static void stage_close(struct stage *stage)
{
	struct error error;
	io_fault_fail(stage->fault, 0, 0, false, 0);
	(void)store_close(stage->store, &error);
	io_fault_free(stage->fault);
	check_afterwards(&stage->story, stage->directory, "afterwards");
	story_fini(&stage->story);
	scratch_free(stage->directory);
}

static void no_room_fails_this_persist_only(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage);
	/* The first write of a persist is that of its segment, or of its contact. */
	for (uint64_t nth = 1; nth < 6; nth++) {
		io_fault_fail(stage.fault, IO_CALL_WRITE, nth, false, ENOSPC);
		persist(&stage.story, stage.store, 1);
		if (!io_fault_has_failed(stage.fault))
			break;
		assert_int_equal(stage.story.codes[1], ERR_NO_ROOM);
		assert_false(store_is_read_only(stage.store));
	}
	io_fault_fail(stage.fault, 0, 0, false, 0);
	assert_int_equal(stage.story.failures, 0);
	persist(&stage.story, stage.store, 1);
	assert_int_equal(stage.story.codes[1], 0);
	stage_close(&stage);
}

static void a_failed_sync_makes_the_store_read_only(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage);
	/* The contact's own commit syncs too: the first sync of a persist that is known
	 * to the catalogue is the segment's. */
	io_fault_fail(stage.fault, IO_CALL_SYNC, 1, false, EIO);
	persist(&stage.story, stage.store, 1);
	assert_true(stage.story.codes[1] < 0);
	assert_true(store_is_read_only(stage.store));
	persist(&stage.story, stage.store, 2);
	assert_int_equal(stage.story.codes[2], ERR_READ_ONLY);
	assert_int_equal(stage.story.failures, 1);
	/* What was acknowledged is still read. */
	struct error error;
	assert_int_equal(tree_verify(stage.store, stage.story.acknowledged[0],
				     &stage.story.trees[0], &error),
			 0);
	stage_close(&stage);
}

/* The clean mark is only written once the index is on the disk. */
static void a_clean_stop_and_a_power_cut_leave_the_index_whole(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		char *directory AUTO(scratch_fini) = scratch_new();
		struct io_fault *fault = io_fault_new(seed);
		struct story story AUTO(story_fini);
		story_begin(&story);
		tell(&story, directory, io_fault_table(fault));
		assert_true(story.closed);
		io_fault_cut(fault);
		io_fault_free(fault);
		struct store_options options = {.directory = directory};
		struct store *store = NULL;
		struct error error;
		assert_int_equal(store_open(&options, &store, &error), 0);
		struct tree_persist input = persist_of(&story, 1);
		input.key = 77;
		input.base = 0;
		struct layer_record record;
		struct tree_figures figures;
		assert_int_equal(tree_persist(store, &input, &record, &figures, &error),
				 0);
		assert_int_equal(figures.sent, 0);
		assert_int_equal(store_close(store, &error), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w1_any_call_may_fail_once),
		cmocka_unit_test(w1_any_call_may_fail_for_good),
		cmocka_unit_test(w1_the_power_may_be_cut_at_any_change),
		cmocka_unit_test(w1_the_power_may_be_cut_behind_a_failed_sync),
		cmocka_unit_test(w1_the_disk_may_be_full_from_any_write_on),
		cmocka_unit_test(no_room_fails_this_persist_only),
		cmocka_unit_test(a_failed_sync_makes_the_store_read_only),
		cmocka_unit_test(a_clean_stop_and_a_power_cut_leave_the_index_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
