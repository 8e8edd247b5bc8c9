/* The crew's jobs and permits, and the keys of running persists (rule W2). */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/loop/crew.h"
#include "daemon/session/persist_keys.h"
#include "proto/base/cleanup.h"

struct counting_job {
	struct crew_job job;
	_Atomic unsigned *busy, *most, *runs;
};

static void count(struct crew_job *job, struct codec *codec, uint8_t *raw)
{
	struct counting_job *self = (struct counting_job *)job;
	assert_non_null(codec);
	memset(raw, 1, 64);
	unsigned busy = ++*self->busy;
	unsigned most = *self->most;
	while (busy > most && !atomic_compare_exchange_weak(self->most, &most, busy))
		;
	++*self->runs;
	--*self->busy;
}

static void every_job_runs_once_and_no_more_than_the_threads_at_a_time(void **state)
{
	(void)state;
	_Atomic unsigned busy = 0, most = 0, runs = 0;
	struct crew *crew = crew_new(3);
	struct counting_job jobs[200];
	for (size_t i = 0; i < 200; i++) {
		jobs[i] = (struct counting_job){
			.job.run = count, .busy = &busy, .most = &most, .runs = &runs};
		crew_submit(crew, &jobs[i].job);
	}
	for (size_t i = 0; i < 200; i++) {
		crew_wait(crew, &jobs[i].job);
		assert_true(crew_is_done(crew, &jobs[i].job));
	}
	assert_int_equal(runs, 200);
	assert_in_range(most, 1, 3);
	crew_free(crew);
}

static unsigned threads_of_this_process(void)
{
	unsigned count = 0;
	DIR *tasks AUTO_DIR = opendir("/proc/self/task");
	assert_non_null(tasks);
	for (struct dirent *entry; (entry = readdir(tasks));)
		count += entry->d_name[0] != '.';
	return count;
}

/* The machine may have more: threads beyond these would take turns, each with its memory.
 */
static void threads_are_as_many_as_the_process_may_use(void **state)
{
	(void)state;
	cpu_set_t all, one;
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	size_t first = 0;
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	unsigned before = threads_of_this_process();
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	struct crew *crew = crew_new(0);
	assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
	assert_int_equal(threads_of_this_process() - before, 1);
	crew_free(crew);
}

static void a_job_can_run_on_the_callers_own_thread(void **state)
{
	(void)state;
	_Atomic unsigned busy = 0, most = 0, runs = 0;
	struct crew *crew = crew_new(1);
	struct counting_job job = {
		.job.run = count, .busy = &busy, .most = &most, .runs = &runs};
	for (unsigned i = 1; i <= 3; i++) {
		crew_run(crew, &job.job);
		assert_int_equal(runs, i);
		assert_true(crew_is_done(crew, &job.job));
	}
	crew_submit(crew, &job.job);
	crew_wait(crew, &job.job);
	assert_int_equal(runs, 4);
	crew_free(crew);
}

static void who_entered_takes_a_place_of_the_crew(void **state)
{
	(void)state;
	_Atomic unsigned busy = 0, most = 0, runs = 0;
	struct crew *crew = crew_new(1);
	struct counting_job job = {
		.job.run = count, .busy = &busy, .most = &most, .runs = &runs};
	crew_enter(crew);
	crew_submit(crew, &job.job);
	assert_false(crew_is_done(crew, &job.job));
	assert_int_equal(runs, 0);
	crew_leave(crew);
	crew_wait(crew, &job.job);
	assert_int_equal(runs, 1);
	crew_free(crew);
}

struct rival {
	struct persist_keys *keys;
	struct persist_claim key;
	bool entered;
};

static void *enter(void *context)
{
	struct rival *rival = context;
	rival->entered = persist_claim_enter(rival->keys, &rival->key);
	return NULL;
}

static struct persist_claim a_key(int wake_fd)
{
	return (struct persist_claim){
		.execution_id = 7, .key = {1, 2, 3}, .wake_fd = wake_fd};
}

static void w2_a_newer_session_ends_an_older_one_and_waits_for_it(void **state)
{
	(void)state;
	int wake = eventfd(0, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC);
	struct persist_keys *keys = persist_keys_new();
	struct persist_claim older = a_key(wake);
	assert_true(persist_claim_enter(keys, &older));
	struct rival newer = {.keys = keys, .key = a_key(other)};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, enter, &newer), 0);
	eventfd_t woken = 0;
	assert_int_equal(eventfd_read(wake, &woken), 0); /* blocks until it was woken */
	assert_true(persist_claim_is_superseded(keys, &older));
	persist_claim_leave(keys, &older);
	pthread_join(thread, NULL);
	assert_true(newer.entered);
	persist_claim_leave(keys, &newer.key);
	persist_keys_free(keys);
	close(wake);
	close(other);
}

static void w2_an_older_request_that_comes_late_gives_way(void **state)
{
	(void)state;
	struct persist_keys *keys = persist_keys_new();
	struct persist_claim newer = a_key(-1), older = a_key(-1);
	older.arrival = 1;
	newer.arrival = 2;
	assert_true(persist_claim_enter(keys, &newer));
	assert_false(persist_claim_enter(keys, &older));
	assert_true(persist_claim_is_superseded(keys, &older));
	assert_false(persist_claim_is_superseded(keys, &newer));
	persist_claim_leave(keys, &newer);
	assert_true(persist_claim_enter(keys, &older));
	persist_claim_leave(keys, &older);
	persist_keys_free(keys);
}

static void w2_another_key_or_execution_does_not_wait(void **state)
{
	(void)state;
	struct persist_keys *keys = persist_keys_new();
	struct persist_claim first = a_key(-1), key = a_key(-1), execution = a_key(-1);
	key.key[0] = 9;
	execution.execution_id = 8;
	assert_true(persist_claim_enter(keys, &first));
	assert_true(persist_claim_enter(keys, &key));
	assert_true(persist_claim_enter(keys, &execution));
	assert_false(persist_claim_is_superseded(keys, &first));
	persist_claim_leave(keys, &key);
	persist_claim_leave(keys, &first);
	persist_claim_leave(keys, &execution);
	persist_keys_free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_job_runs_once_and_no_more_than_the_threads_at_a_time),
		cmocka_unit_test(threads_are_as_many_as_the_process_may_use),
		cmocka_unit_test(a_job_can_run_on_the_callers_own_thread),
		cmocka_unit_test(who_entered_takes_a_place_of_the_crew),
		cmocka_unit_test(w2_a_newer_session_ends_an_older_one_and_waits_for_it),
		cmocka_unit_test(w2_an_older_request_that_comes_late_gives_way),
		cmocka_unit_test(w2_another_key_or_execution_does_not_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
