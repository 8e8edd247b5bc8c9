/*
 * kill -9 of a store under a mixed load, with removal and compaction, again and again,
 * against a model that is kept here (crash_load.h): at a call that is named, or
 * somewhere. In every fifth round what comes next is killed too, in the middle of its
 * recovery.
 *
 * BATON_CRASH_ROUNDS says how many rounds; 300 where it does not.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/fault/crash_load.h"
#include "tests/fault/kill_point.h"
#include "tests/harness/random.h"
#include "tests/harness/scratch.h"

#define ROUNDS 300u
/* A store of its own for so many; what is in it is verified whole behind the last. */
#define ROUNDS_OF_A_STORE 20u
/* Then its workflows are removed. */
#define ROUNDS_OF_A_LIFE 3u
#define EVENTS_MAX 60u
/* The figures are printed behind so many. */
#define PRINTED 500u
#define RECOVERY_CALLS_MAX 60u

#define SEED 20261130u

struct series {
	char *directory; /* owned; of the store of now */
	struct load_model model;
	uint32_t kills[KILL_POINTS]; /* rounds that ended there */
	uint32_t recoveries, acked;
	uint32_t collected; /* segments, removed or compacted */
};

/* ---- the process that dies -------------------------------------------------------- */

struct round {
	uint32_t number;    /* in its store, from 1 */
	enum kill_point at; /* KILL_NOWHERE: behind `events` events */
	uint32_t nth;       /* which of the calls there */
	uint32_t events;
};

/* Somewhere, and at each place in turn. */
static struct round round_of(uint32_t number)
{
	struct round round = {.number = 1 + number % ROUNDS_OF_A_STORE};
	if (number % 2 == 0) {
		round.events = 1 + random_below(EVENTS_MAX);
		return round;
	}
	round.at = 1 + (enum kill_point)(number / 2 % (KILL_POINTS - 1));
	round.nth = 1 + random_below(kill_point_calls(round.at));
	return round;
}

static pid_t begin(const struct series *series, const struct round *round,
		   uint32_t persists, int *ret_events)
{
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(pipes[0]);
		sqlite3_randomness(0, NULL); /* or it names layers as the last one did */
		struct load load = {.directory = series->directory,
				    .io = kill_point_table(round->at, round->nth),
				    .round = round->number,
				    .persists = persists,
				    .events = pipes[1],
				    .model = &series->model,
				    .collects = true};
		_exit(load_run(&load) ? 1 : 0);
	}
	(void)close(pipes[1]);
	*ret_events = pipes[0];
	return child;
}

/* Takes what the child tells, and kills it where its round says so. */
static void follow(struct series *series, const struct round *round, pid_t child,
		   int events)
{
	struct load_event event;
	uint32_t seen = 0;
	while (read(events, &event, sizeof(event)) == sizeof(event)) {
		if (event.kind == EVENT_FAILED)
			fail_msg("the load failed in round %u", round->number);
		if (event.kind == EVENT_COLLECTED)
			series->collected += event.key;
		if (event.kind == EVENT_SENT || event.kind == EVENT_ACKED)
			load_model_take(&series->model, &event);
		series->acked += event.kind == EVENT_ACKED;
		if (++seen == round->events)
			assert_int_equal(kill(child, SIGKILL), 0);
	}
	(void)close(events);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	series->kills[round->at]++;
}

/* Killed at the n-th call of its start; it may have fewer. */
static void kill_a_recovery(struct series *series)
{
	const struct round round = {.at = KILL_AT_ANY_CHANGE,
				    .nth = 1 + random_below(RECOVERY_CALLS_MAX)};
	int events, status;
	pid_t child = begin(series, &round, 0, &events);
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(events);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	series->recoveries += WIFSIGNALED(status);
}

/* ---- rounds ----------------------------------------------------------------------- */

static void begin_store(struct series *series)
{
	if (series->directory)
		scratch_free(series->directory);
	load_model_fini(&series->model);
	series->directory = scratch_new();
}

static void run_round(struct series *series, uint32_t number, bool last)
{
	struct round round = round_of(number);
	struct error error = {0};
	if (round.number == 1)
		begin_store(series);
	if (round.number > ROUNDS_OF_A_LIFE)
		load_model_expire(&series->model, series->directory,
				  round.number - ROUNDS_OF_A_LIFE);
	int events;
	pid_t child = begin(series, &round, UINT32_MAX, &events);
	follow(series, &round, child, events);
	for (uint32_t i = 0; number % 5 == 4 && i < 2; i++)
		kill_a_recovery(series);
	bool all = last || round.number == ROUNDS_OF_A_STORE;
	if (load_verify(series->directory, &series->model, 0, all, &error))
		fail_msg("round %u (point %d, call %u, %u events): %s", number, round.at,
			 round.nth, round.events, error.text);
}

static void print(const struct series *series, uint32_t rounds)
{
	print_message("# %u rounds: %u layers acknowledged, %u segments removed or "
		      "compacted, %u recoveries were killed\n",
		      rounds, series->acked, series->collected, series->recoveries);
	for (int i = 0; i < KILL_POINTS; i++)
		print_message("#   %s: %u\n", kill_point_name(i), series->kills[i]);
}

static void w1_what_was_acknowledged_survives_kill_9_anywhere(void **state)
{
	(void)state;
	const char *told = getenv("BATON_CRASH_ROUNDS");
	uint32_t rounds = told ? (uint32_t)strtoul(told, NULL, 10) : ROUNDS;
	struct series series = {0};
	random_begin(SEED);
	for (uint32_t i = 0; i < rounds; i++) {
		run_round(&series, i, i + 1 == rounds);
		if ((i + 1) % PRINTED == 0)
			print(&series, i + 1);
	}
	print(&series, rounds);
	assert_true(series.recoveries > 0 && series.collected > 0);
	for (int i = 0; i < KILL_POINTS; i++)
		assert_true(series.kills[i] > 0);
	load_model_fini(&series.model);
	scratch_free(series.directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w1_what_was_acknowledged_survives_kill_9_anywhere),
	};
	return cmocka_run_group_tests_name("crash_rounds", tests, NULL, NULL);
}
