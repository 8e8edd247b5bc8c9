/* The crew's jobs and permits, and the keys of running persists (rule W2). */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/session/persist_keys.h"
#include "daemon/task/crew.h"
#include "proto/base/cleanup.h"

/* ---- what the system gives ---- */

static unsigned threads_left = UINT_MAX, maps_left = UINT_MAX;
static _Atomic unsigned maps_refused;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *context);
void *__real_mmap64(void *at, size_t len, int protection, int flags, int fd,
		    off_t offset);
void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd,
		    off_t offset);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *context)
{
	if (threads_left == 0)
		return EAGAIN;
	threads_left--;
	return __real_pthread_create(thread, attributes, start, context);
}

/* Under the crew's mutex, but for the first. */
void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	if (maps_left == 0) {
		maps_refused++;
		errno = ENOMEM;
		return MAP_FAILED;
	}
	maps_left--;
	return __real_mmap64(at, len, protection, flags, fd, offset);
}

/* ---- the crew ---- */

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

static struct crew *crew_of(unsigned threads)
{
	struct crew *crew = NULL;
	struct error error = {0};
	assert_int_equal(crew_new(threads, &crew, &error), 0);
	assert_int_equal(crew_threads(crew), threads);
	return crew;
}

/* How many of them ran at the same time. */
static unsigned run_200_jobs(struct crew *crew)
{
	_Atomic unsigned busy = 0, most = 0, runs = 0;
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
	return most;
}

static void every_job_runs_once_and_no_more_than_the_threads_at_a_time(void **state)
{
	(void)state;
	struct crew *crew = crew_of(3);
	assert_in_range(run_200_jobs(crew), 1, 3);
	crew_free(crew);
}

/* F13: a daemon that gets fewer threads than it has cores works with those. */
static void with_fewer_threads_all_jobs_are_done(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads < 3; threads++) {
		threads_left = threads;
		struct crew *crew = NULL;
		struct error error = {0};
		assert_int_equal(crew_new(3, &crew, &error), 0);
		threads_left = UINT_MAX;
		assert_int_equal(crew_threads(crew), threads);
		assert_in_range(run_200_jobs(crew), 1, 3);
		crew_enter(crew);
		crew_leave(crew);
		crew_free(crew);
	}
}

struct patient_job {
	struct crew_job job;
	_Atomic bool *may_end;
};

static void await_leave(struct crew_job *job, struct codec *codec, uint8_t *raw)
{
	(void)codec;
	(void)raw;
	while (!*((struct patient_job *)job)->may_end)
		sched_yield();
}

/* F13: one set is always there, and goes from one to the next. */
static void with_memory_for_one_buffer_all_jobs_are_done(void **state)
{
	(void)state;
	_Atomic bool may_end = false;
	struct patient_job jobs[3];
	maps_left = 1;
	maps_refused = 0;
	struct crew *crew = crew_of(3);
	for (size_t i = 0; i < 3; i++) {
		jobs[i] =
			(struct patient_job){.job.run = await_leave, .may_end = &may_end};
		crew_submit(crew, &jobs[i].job);
	}
	while (maps_refused < 2)
		sched_yield();
	may_end = true;
	for (size_t i = 0; i < 3; i++)
		crew_wait(crew, &jobs[i].job);
	assert_int_equal(run_200_jobs(crew), 1);
	maps_left = UINT_MAX;
	crew_free(crew);
}

static void without_any_buffer_there_is_no_crew(void **state)
{
	(void)state;
	struct crew *crew = NULL;
	struct error error = {0};
	maps_left = 0;
	assert_int_equal(crew_new(1, &crew, &error), ERR_NO_MEMORY);
	maps_left = UINT_MAX;
	assert_null(crew);
}

static void what_is_given_back_can_be_used_again(void **state)
{
	(void)state;
	struct crew *crew = crew_of(2);
	crew_give_back(crew);
	(void)run_200_jobs(crew);
	crew_give_back(crew);
	(void)run_200_jobs(crew);
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
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	size_t first = 0;
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	unsigned before = threads_of_this_process();
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	struct crew *crew = NULL;
	struct error error = {0};
	assert_int_equal(crew_new(0, &crew, &error), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(threads_of_this_process() - before, 1);
	crew_free(crew);
}

static void a_job_can_run_on_the_callers_own_thread(void **state)
{
	(void)state;
	_Atomic unsigned busy = 0, most = 0, runs = 0;
	struct crew *crew = crew_of(1);
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
	struct crew *crew = crew_of(1);
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
		cmocka_unit_test(with_fewer_threads_all_jobs_are_done),
		cmocka_unit_test(with_memory_for_one_buffer_all_jobs_are_done),
		cmocka_unit_test(without_any_buffer_there_is_no_crew),
		cmocka_unit_test(what_is_given_back_can_be_used_again),
		cmocka_unit_test(a_job_can_run_on_the_callers_own_thread),
		cmocka_unit_test(who_entered_takes_a_place_of_the_crew),
		cmocka_unit_test(w2_a_newer_session_ends_an_older_one_and_waits_for_it),
		cmocka_unit_test(w2_an_older_request_that_comes_late_gives_way),
		cmocka_unit_test(w2_another_key_or_execution_does_not_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
