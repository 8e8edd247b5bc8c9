/*
 * Any call of the store's table of functions fails in any way, in the middle of anything
 * (trial.h): once, and from then on. `BATON_TORTURE=1` tries every call with everything;
 * else a fixed part of it, of each path and each fault.
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
#include "daemon/store/segment/table.h"
#include "proto/base/cleanup.h"
#include "tests/fault/io_fault.h"
#include "tests/fault/trial.h"
#include "tests/harness/killed.h"
#include "tests/harness/scratch.h"

/* Of the calls of a path, one in so many is tried in the suite: of each fault others. */
#define STRIDE 23u

struct fault_kind {
	const char *name;
	unsigned calls;
	int number; /* 0: part of a transfer is done */
	bool forever;
	bool harmless; /* whatever is done succeeds all the same */
};

#define TRANSFERS (IO_CALL_READ | IO_CALL_WRITE)
/* What is tried again when a signal interrupts it. */
#define RESTARTED (IO_CALL_OPEN | IO_CALL_CLOSE | TRANSFERS)

static const struct fault_kind kinds[] = {
	{"EIO", IO_CALL_ANY, EIO, false, false},
	{"EIO from then on", IO_CALL_ANY, EIO, true, false},
	{"ENOSPC", IO_CALL_ANY, ENOSPC, false, false},
	{"ENOSPC from then on", IO_CALL_ANY, ENOSPC, true, false},
	{"EDQUOT", IO_CALL_ANY, EDQUOT, false, false},
	{"EDQUOT from then on", IO_CALL_ANY, EDQUOT, true, false},
	{"EMFILE", IO_CALL_ANY, EMFILE, false, false},
	{"EMFILE from then on", IO_CALL_ANY, EMFILE, true, false},
	{"ENOMEM", IO_CALL_ANY, ENOMEM, false, false},
	{"ENOMEM from then on", IO_CALL_ANY, ENOMEM, true, false},
	{"EINTR", IO_CALL_ANY, EINTR, false, false},
	{"EINTR, restarted", RESTARTED, EINTR, false, true},
	{"EINTR again and again, restarted", RESTARTED, EINTR, true, true},
	{"short", TRANSFERS, 0, false, true},
	{"short from then on", TRANSFERS, 0, true, true},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

struct injection {
	struct io_fault *fault; /* borrowed */
	const struct fault_kind *kind;
	uint64_t nth;
	bool happened;
};

static void set_faults(void *context, bool on)
{
	struct injection *it = context;
	if (!on) {
		it->happened = io_fault_has_failed(it->fault);
		io_fault_fail(it->fault, 0, 0, false, 0);
		return;
	}
	io_fault_fail(it->fault, it->kind->calls, it->nth, it->kind->forever,
		      it->kind->number);
}

/* False when no call was left to fail. */
static bool run_once(const struct stage *stage, const struct operation *operation,
		     const struct fault_kind *kind, uint64_t nth)
{
	struct io_fault *fault = io_fault_new(nth);
	struct injection injection = {.fault = fault, .kind = kind, .nth = nth};
	struct trial trial = {
		.io = io_fault_table(fault), .faults = set_faults, .context = &injection};
	char what[128];
	(void)snprintf(what, sizeof(what), "%s, call %llu: %s", operation->name,
		       (unsigned long long)nth, kind->name);
	trial_run(&trial, operation, stage);
	if (trial.code != 0 && (kind->harmless || !injection.happened))
		fail_msg("%s: ends with %d", what, trial.code);
	assert_true(trial.failures <= 1);
	assert_int_equal(io_fault_open_count(fault), 0);
	io_fault_free(fault);
	trial_check(&trial, what);
	return injection.happened;
}

static void run_operation(const struct stage *stage, const struct operation *operation,
			  uint64_t stride)
{
	uint64_t runs = 0;
	for (size_t i = 0; i < KINDS; i++) {
		uint64_t nth = 1 + i % stride;
		for (; run_once(stage, operation, &kinds[i], nth); nth += stride)
			runs++;
	}
	assert_true(runs > 0);
	print_message("# %s: %llu failures\n", operation->name, (unsigned long long)runs);
}

static void w1_any_call_may_fail_in_any_way(void **state)
{
	(void)state;
	uint64_t stride = getenv("BATON_TORTURE") ? 1 : STRIDE;
	struct stage *stage = stage_new();
	for (size_t i = 0; i < operation_count; i++)
		run_operation(stage, &operations[i], stride);
	stage_free(stage);
}

/* More namespaces than segments stay open, so that one is closed which was written. */
static void w1_a_segment_that_cannot_be_closed_ends_all_changes(void **state)
{
	(void)state;
	char *directory AUTO(scratch_fini) = scratch_new();
	struct io_fault *fault = io_fault_new(1);
	struct store_options options = {.directory = directory,
					.io = io_fault_table(fault)};
	struct store *store;
	struct error error;
	assert_int_equal(store_open(&options, &store, &error), 0);
	struct store_tree tree = tree_new(1, 1, 100);
	io_fault_fail(fault, IO_CALL_CLOSE, 1, true, EIO);
	for (uint32_t i = 0; i <= SEGMENTS_KEPT_OPEN; i++) {
		char namespace[16];
		(void)snprintf(namespace, sizeof(namespace), "n%u", i);
		struct tree_persist input = {
			.who = {.namespace = namespace, .workflow = "w", .job = "j"},
			.key = 1,
			.tree = &tree};
		struct layer_record record;
		assert_false(store_is_read_only(store));
		assert_int_equal(tree_persist(store, &input, &record, NULL, &error), 0);
	}
	assert_true(io_fault_has_failed(fault));
	assert_true(store_is_read_only(store));
	io_fault_fail(fault, 0, 0, false, 0);
	(void)store_close(store, &error);
	io_fault_free(fault);
	tree_fini(&tree);
}

/* ---- a store of an older format ---------------------------------------------------- */

static void compare(const char *directory, const char *folder, const char *name,
		    void *context)
{
	struct buffer before AUTO(buffer_fini) = killed_read(directory, folder, name);
	struct buffer after AUTO(buffer_fini) = killed_read(context, folder, name);
	if (before.len != after.len || memcmp(before.at, after.at, before.len) != 0)
		fail_msg("%s%s was changed", folder, name);
}

static void set_format(const char *directory, const char *text)
{
	struct buffer bytes AUTO(buffer_fini) = {0};
	buffer_put(&bytes, text, strlen(text));
	killed_write(directory, "", "format", &bytes);
	killed_write(directory, "", "lock", &bytes);
}

/* Starts it on a disk whose n-th call fails; false where it has fewer. */
static bool start_older(char *directory, uint64_t nth)
{
	struct io_fault *fault = io_fault_new(nth);
	struct store_options options = {.directory = directory,
					.io = io_fault_table(fault),
					.segment_len = TRIAL_SEGMENT_LEN};
	struct store *store = NULL;
	struct error error;
	io_fault_fail(fault, IO_CALL_ANY, nth, true, EIO);
	int err = store_open(&options, &store, &error);
	bool failed = io_fault_has_failed(fault);
	assert_true(failed || err == 0);
	(void)store_close(store, &error);
	io_fault_free(fault);
	return failed;
}

/* What it would not understand is not there before it is told to keep away. */
static void an_older_batond_is_kept_away_before_anything_is_changed(void **state)
{
	(void)state;
	static const char older[] = "batond store 2\n";
	struct stage *stage = stage_new();
	unsigned raised = 0, nth = 1;
	set_format(stage->killed, older);
	for (bool failed = true; failed; nth++) {
		char *copy AUTO(scratch_fini) = killed_copy(stage->killed);
		failed = start_older(copy, nth);
		struct buffer format AUTO(buffer_fini) = killed_read(copy, "", "format");
		if (format.len != strlen(older) ||
		    memcmp(format.at, older, format.len) != 0) {
			raised++;
			continue;
		}
		set_format(copy, older); /* the lock, too: it says which process */
		killed_each_file(stage->killed, compare, copy);
	}
	assert_in_range(raised, 2, nth - 2);
	stage_free(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w1_any_call_may_fail_in_any_way),
		cmocka_unit_test(w1_a_segment_that_cannot_be_closed_ends_all_changes),
		cmocka_unit_test(an_older_batond_is_kept_away_before_anything_is_changed),
	};
	return cmocka_run_group_tests_name("every_call", tests, NULL, NULL);
}
