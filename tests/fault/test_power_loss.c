/*
 * The power is cut behind every step of a mixed load, and of what follows it, in every
 * legal way (trace.h); a part of the stores that are left is cut off again in the middle
 * of its recovery. Whatever was acknowledged before is there (rule W1).
 *
 * `BATON_TORTURE=1` takes every step; else one in so many.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/fault/crash_load.h"
#include "tests/fault/trace.h"
#include "tests/harness/killed.h"
#include "tests/harness/scratch.h"

#define PERSISTS 2u
#define STRIDE 97u
/* Of the states, one in so many is cut again while it recovers. */
#define RECOVERIES 200u
#define CHOICES_OF_A_RECOVERY 4u

struct cuts {
	struct trace *trace; /* owned */
	struct load_model model;
	uint64_t *sums; /* owned; of the states that were tried */
	size_t sum_count, sum_room;
	uint64_t recovery_states;
};

static uint64_t position(void *context)
{
	return trace_len(context);
}

/* ---- the recording ---------------------------------------------------------------- */

static void take_events(struct cuts *cuts, int events)
{
	struct load_event event;
	while (read(events, &event, sizeof(event)) == sizeof(event)) {
		assert_int_not_equal(event.kind, EVENT_FAILED);
		if (event.kind != EVENT_OPENED)
			load_model_take(&cuts->model, &event);
	}
}

/* A load, a stop, a start, a load: more than a pipe holds would block. */
static void record(struct cuts *cuts, const char *directory)
{
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
	for (uint32_t round = 1; round <= 2; round++) {
		struct load load = {.directory = directory,
				    .io = trace_table(cuts->trace),
				    .round = round,
				    .persists = PERSISTS,
				    .events = pipes[1],
				    .position = position,
				    .context = cuts->trace,
				    .model = &cuts->model};
		assert_int_equal(load_run(&load), 0);
		take_events(cuts, pipes[0]);
	}
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

/* ---- the cuts --------------------------------------------------------------------- */

static bool is_new(struct cuts *cuts, uint64_t sum)
{
	for (size_t i = 0; i < cuts->sum_count; i++)
		if (cuts->sums[i] == sum)
			return false;
	array_make_room(cuts->sums, cuts->sum_count, cuts->sum_room);
	cuts->sums[cuts->sum_count++] = sum;
	return true;
}

static void verify(const struct cuts *cuts, const char *directory, uint64_t len,
		   const char *what)
{
	struct error error = {0};
	if (load_verify(directory, &cuts->model, len, true, &error))
		fail_msg("%s: %s", what, error.text);
}

/* Recovers with a trace of its own, and cuts that. */
static void cut_recovery(struct cuts *cuts, const char *parent, const char *directory,
			 uint64_t len, const char *what)
{
	struct trace *trace = trace_new(directory);
	uint64_t begun = trace_len(trace);
	struct load load = {.directory = directory,
			    .io = trace_table(trace),
			    .events = open("/dev/null", O_WRONLY | O_CLOEXEC),
			    .model = &cuts->model};
	assert_int_equal(load_run(&load), 0);
	(void)close(load.events);
	char *again AUTO_FREE = killed_path(parent, "", "again");
	uint64_t sum;
	for (uint64_t at = begun; at <= trace_len(trace); at++)
		for (uint64_t choice = 0; choice < CHOICES_OF_A_RECOVERY &&
					  trace_state(trace, at, choice, again, &sum);
		     choice++) {
			verify(cuts, again, len, what);
			scratch_free(must_strdup(again));
			cuts->recovery_states++;
		}
	trace_free(trace);
}

static void try_state(struct cuts *cuts, const char *parent, const char *directory,
		      uint64_t len, uint64_t choice)
{
	char what[64];
	(void)snprintf(what, sizeof(what), "cut %llu behind step %llu",
		       (unsigned long long)choice, (unsigned long long)len);
	if (cuts->sum_count % RECOVERIES == 0)
		cut_recovery(cuts, parent, directory, len, what);
	else
		verify(cuts, directory, len, what);
}

static void cut_behind(struct cuts *cuts, const char *parent, uint64_t len)
{
	char *directory AUTO_FREE = killed_path(parent, "", "data");
	uint64_t sum;
	for (uint64_t choice = 0; trace_state(cuts->trace, len, choice, NULL, &sum);
	     choice++) {
		if (!is_new(cuts, sum))
			continue;
		(void)trace_state(cuts->trace, len, choice, directory, &sum);
		try_state(cuts, parent, directory, len, choice);
		scratch_free(must_strdup(directory));
	}
	if (getenv("BATON_TORTURE") && len % 50 == 0)
		print_message("# %llu steps: %zu states\n", (unsigned long long)len,
			      cuts->sum_count);
}

static void w1_the_power_may_be_cut_behind_any_step_in_any_way(void **state)
{
	(void)state;
	uint64_t stride = getenv("BATON_TORTURE") ? 1 : STRIDE;
	char *parent AUTO(scratch_fini) = scratch_new();
	char *directory AUTO_FREE = killed_path(parent, "", "recorded");
	assert_int_equal(mkdir(directory, 0700), 0);
	struct cuts cuts = {.trace = trace_new(directory)};
	record(&cuts, directory);
	uint64_t len = trace_len(cuts.trace);
	for (uint64_t at = 0; at <= len; at += stride)
		cut_behind(&cuts, parent, at);
	print_message("# %llu steps, %zu states, %llu states of recoveries\n",
		      (unsigned long long)len, cuts.sum_count,
		      (unsigned long long)cuts.recovery_states);
	assert_true(cuts.sum_count > 100 && cuts.recovery_states > 0);
	trace_free(cuts.trace);
	load_model_fini(&cuts.model);
	free(cuts.sums);
}

/* ---- the same bytes --------------------------------------------------------------- */

/* Starts the store in a process that ends at once, as by kill -9. */
static void recover(const char *directory)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store_options options = {.directory = directory,
						.segment_len = KILLED_SEGMENT_LEN};
		struct store *store;
		struct error error;
		_exit(store_open(&options, &store, &error) ? 1 : 0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* The process id, and what is derived in the background, are others each time. */
static bool is_compared(const char *name)
{
	return strcmp(name, "lock") != 0 && strncmp(name, "units.db", 8) != 0;
}

static void compare(const char *directory, const char *folder, const char *name,
		    void *context)
{
	if (!is_compared(name))
		return;
	struct buffer one AUTO(buffer_fini) = killed_read(directory, folder, name);
	struct buffer two AUTO(buffer_fini) = killed_read(context, folder, name);
	if (one.len != two.len || memcmp(one.at, two.at, one.len) != 0)
		fail_msg("%s%s is another file", folder, name);
}

static void assert_same(char *one, char *two)
{
	killed_each_file(one, compare, two);
	killed_each_file(two, compare, one);
}

static void w1_a_recovery_leaves_the_same_bytes_each_time(void **state)
{
	(void)state;
	struct killed *killed = killed_new();
	char *one AUTO(scratch_fini) = killed_copy(killed->directory);
	char *two AUTO(scratch_fini) = killed_copy(killed->directory);
	recover(one);
	recover(two);
	assert_same(one, two);
	recover(two);
	assert_same(one, two);
	killed_free(killed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w1_the_power_may_be_cut_behind_any_step_in_any_way),
		cmocka_unit_test(w1_a_recovery_leaves_the_same_bytes_each_time),
	};
	return cmocka_run_group_tests_name("power_loss", tests, NULL, NULL);
}
