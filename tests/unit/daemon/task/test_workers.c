/* Whose turn it is: lanes, withdrawal, interruption. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <uv.h>

#include <cmocka.h>

#include "daemon/task/workers.h"
#include "proto/base/bytes.h"

#define RUNS_MAX 1000u

/* What tasks do: they note who runs and wait at the gate. */
static struct {
	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t changed;
	bool open;
	char ran[RUNS_MAX]; /* letters, in order */
	size_t begun, ended;
	bool woken; /* the last one found its wake-up readable */
} stage = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

struct job {
	struct task task;
	char letter; /* 'w' wakes itself, as a session that is superseded is woken */
};

static struct job *job_of(struct task *task)
{
	return (struct job *)((char *)task - offsetof(struct job, task));
}

static void run(struct task *task, int wake_fd)
{
	char letter = job_of(task)->letter;
	pthread_mutex_lock(&stage.mutex);
	stage.ran[stage.begun++] = letter;
	pthread_cond_broadcast(&stage.changed);
	while (!stage.open)
		pthread_cond_wait(&stage.changed, &stage.mutex);
	pthread_mutex_unlock(&stage.mutex);
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	bool woken = poll(&wake, 1, 0) == 1;
	if (letter == 'w')
		assert_int_equal(eventfd_write(wake_fd, 1), 0);
	pthread_mutex_lock(&stage.mutex);
	stage.woken = woken;
	pthread_mutex_unlock(&stage.mutex);
}

static void on_ended(void *context)
{
	(void)context;
	pthread_mutex_lock(&stage.mutex);
	stage.ended++;
	pthread_cond_broadcast(&stage.changed);
	pthread_mutex_unlock(&stage.mutex);
}

static void wait_for(const size_t *counter, size_t count)
{
	pthread_mutex_lock(&stage.mutex);
	while (*counter < count)
		pthread_cond_wait(&stage.changed, &stage.mutex);
	pthread_mutex_unlock(&stage.mutex);
}

static void set_gate(bool open)
{
	pthread_mutex_lock(&stage.mutex);
	stage.open = open;
	pthread_cond_broadcast(&stage.changed);
	pthread_mutex_unlock(&stage.mutex);
}

/* ---- threads ------------------------------------------------------------------- */

static bool no_threads;

int __real_uv_thread_create_ex(uv_thread_t *thread, const uv_thread_options_t *options,
			       uv_thread_cb entry, void *context);
int __wrap_uv_thread_create_ex(uv_thread_t *thread, const uv_thread_options_t *options,
			       uv_thread_cb entry, void *context);

int __wrap_uv_thread_create_ex(uv_thread_t *thread, const uv_thread_options_t *options,
			       uv_thread_cb entry, void *context)
{
	return no_threads ? UV_EAGAIN
			  : __real_uv_thread_create_ex(thread, options, entry, context);
}

/* ---- jobs ----------------------------------------------------------------------- */

static struct job *job_new(char letter, const char *lane)
{
	struct job *job = must_calloc(1, sizeof(*job));
	job->task = (struct task){.run = run, .lane = text_of(lane)};
	job->letter = letter;
	return job;
}

static struct job *submit(struct workers *workers, char letter, const char *lane)
{
	struct job *job = job_new(letter, lane);
	assert_int_equal(workers_submit(workers, &job->task), WORKERS_TAKEN);
	return job;
}

/* With a first task that holds the only worker. */
static struct workers *busy_workers(void)
{
	set_gate(false);
	stage.begun = stage.ended = 0;
	memset(stage.ran, 0, sizeof(stage.ran));
	struct workers *workers = workers_new(1, on_ended, NULL);
	(void)submit(workers, '0', "holder");
	wait_for(&stage.begun, 1);
	return workers;
}

/* Lets all run, to the end; who ran in which order is in stage.ran. */
static void finish(struct workers *workers, size_t count)
{
	set_gate(true);
	wait_for(&stage.ended, count);
	for (struct task *task; (task = workers_take_ended(workers));) {
		free(job_of(task));
		count--;
	}
	assert_int_equal(count, 0);
	struct workers_figures figures = workers_figures(workers);
	assert_int_equal(figures.running + figures.waiting, 0);
	workers_free(workers);
}

/* ---- tests ---------------------------------------------------------------------- */

static void lanes_take_turns_and_each_is_first_come_first_served(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	for (const char *letter = "abcde"; *letter; letter++)
		(void)submit(workers, *letter, "many");
	(void)submit(workers, 'A', "small");
	(void)submit(workers, 'B', "small");
	(void)submit(workers, 'x', "third");
	(void)submit(workers, 'y', "third");
	assert_int_equal(workers_figures(workers).waiting, 9);
	assert_int_equal(workers_figures(workers).running, 1);
	finish(workers, 10);
	assert_string_equal(stage.ran, "0aAxbBycde");
}

static void who_is_withdrawn_does_not_run_and_others_keep_their_turn(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	struct job *jobs[128] = {0};
	const char *who = "abcdAxyz";
	const char *const lanes[] = {"1", "1", "1", "1", "2", "3", "3", "3"};
	for (size_t i = 0; who[i]; i++)
		jobs[(unsigned char)who[i]] = submit(workers, who[i], lanes[i]);
	/* The last, one in the middle, the first, a lane's only one. */
	for (const char *gone = "zbxA"; *gone; gone++) {
		struct job *job = jobs[(unsigned char)*gone];
		assert_true(workers_withdraw(workers, &job->task));
		assert_false(workers_withdraw(workers, &job->task));
		free(job);
	}
	(void)submit(workers, 'e', "1");
	(void)submit(workers, 'B', "2");
	(void)submit(workers, 'u', "3");
	assert_int_equal(workers_figures(workers).waiting, 7);
	finish(workers, 8);
	assert_string_equal(stage.ran, "0ayBcude");
}

static void what_runs_cannot_be_withdrawn(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	struct job *stranger = job_new('s', "holder");
	assert_false(workers_withdraw(workers, &stranger->task));
	struct job *only = submit(workers, 'a', "a");
	assert_false(workers_withdraw(workers, &stranger->task));
	assert_true(workers_withdraw(workers, &only->task));
	assert_false(workers_withdraw(workers, &only->task));
	free(stranger);
	free(only);
	finish(workers, 1);
	assert_string_equal(stage.ran, "0");
}

static void an_interrupt_reaches_what_runs_and_what_comes_later(void **state)
{
	(void)state;
	set_gate(false);
	stage.begun = stage.ended = 0;
	struct workers *workers = workers_new(2, on_ended, NULL);
	(void)submit(workers, 'a', "a");
	wait_for(&stage.begun, 1);
	workers_interrupt(workers);
	set_gate(true);
	wait_for(&stage.ended, 1);
	assert_true(stage.woken);
	set_gate(false);
	stage.woken = false;
	(void)submit(workers, 'b', "a");
	(void)submit(workers, 'c', "a");
	wait_for(&stage.begun, 3);
	finish(workers, 3);
	assert_true(stage.woken);
}

static void what_wakes_one_task_does_not_wake_the_next(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	(void)submit(workers, 'w', "a");
	(void)submit(workers, 'b', "a");
	finish(workers, 3);
	assert_string_equal(stage.ran, "0wb");
	assert_false(stage.woken);
}

static void many_workers_run_each_request_once(void **state)
{
	(void)state;
	static const char *const lanes[] = {"a", "b", "c", "d"};
	set_gate(true);
	stage.begun = stage.ended = 0;
	struct workers *workers = workers_new(8, on_ended, NULL);
	for (size_t i = 0; i < RUNS_MAX; i++)
		(void)submit(workers, 'r', lanes[i * 7 % 13 % 4]);
	finish(workers, RUNS_MAX);
	assert_int_equal(stage.begun, RUNS_MAX);
}

/* F13. */
static void without_any_thread_a_task_is_refused_and_with_one_it_waits(void **state)
{
	(void)state;
	set_gate(false);
	stage.begun = stage.ended = 0;
	struct workers *workers = workers_new(2, on_ended, NULL);
	struct job *refused = job_new('r', "a");
	no_threads = true;
	assert_int_equal(workers_submit(workers, &refused->task), WORKERS_NO_THREAD);
	assert_int_equal(workers_figures(workers).waiting, 0);
	assert_false(workers_withdraw(workers, &refused->task));
	no_threads = false;
	(void)submit(workers, '0', "a");
	wait_for(&stage.begun, 1);
	no_threads = true;
	assert_int_equal(workers_submit(workers, &refused->task), WORKERS_TAKEN);
	assert_int_equal(workers_figures(workers).waiting, 1);
	no_threads = false;
	finish(workers, 2);
}

/* ---- fairness among those that run (rule A11) ---------------------------------------
 */

/* Submits as many tasks of one lane as there are threads, then one of another: `ran` is
 * what begins. */
static void assert_begun(unsigned threads, const char *ran)
{
	set_gate(false);
	stage.begun = stage.ended = 0;
	memset(stage.ran, 0, sizeof(stage.ran));
	struct workers *workers = workers_new(threads, on_ended, NULL);
	size_t of_lane = strspn(ran, "e");
	for (size_t i = 0; i < threads; i++)
		(void)submit(workers, 'e', "evil");
	wait_for(&stage.begun, of_lane);
	(void)submit(workers, 'g', "good");
	wait_for(&stage.begun, strlen(ran));
	assert_string_equal(stage.ran, ran);
	assert_int_equal(workers_figures(workers).running, strlen(ran));
	finish(workers, threads + 1);
}

static void a11_a_lane_leaves_an_eighth_to_others(void **state)
{
	(void)state;
	assert_begun(1, "e");
	assert_begun(3, "eee");
	assert_begun(4, "eeeg");
	assert_begun(8, "eeeeeeeg");
	assert_begun(15, "eeeeeeeeeeeeeeg");
	assert_begun(16, "eeeeeeeeeeeeeeg");
}

/* F4: tasks of one lane that never end keep no other lane from running. */
static void a11_a_lane_that_never_ends_does_not_hold_all_workers(void **state)
{
	(void)state;
	set_gate(false);
	stage.begun = stage.ended = 0;
	memset(stage.ran, 0, sizeof(stage.ran));
	struct workers *workers = workers_new(8, on_ended, NULL);
	for (size_t i = 0; i < 100; i++)
		(void)submit(workers, 'e', "evil");
	wait_for(&stage.begun, 7);
	(void)submit(workers, 'g', "good");
	wait_for(&stage.begun, 8);
	assert_string_equal(stage.ran, "eeeeeeeg");
	assert_int_equal(workers_figures(workers).running, 8);
	assert_int_equal(workers_figures(workers).waiting, 93);
	finish(workers, 101);
}

/* Whose tasks are few among those that run comes before whose turn it would be. */
static void a11_the_lane_that_runs_fewest_is_served_first(void **state)
{
	(void)state;
	set_gate(false);
	stage.begun = stage.ended = 0;
	memset(stage.ran, 0, sizeof(stage.ran));
	struct workers *workers = workers_new(3, on_ended, NULL);
	(void)submit(workers, 'a', "many");
	wait_for(&stage.begun, 1);
	(void)submit(workers, 'a', "many");
	wait_for(&stage.begun, 2);
	(void)submit(workers, 'h', "holder");
	wait_for(&stage.begun, 3);
	(void)submit(workers, 'b', "many");
	(void)submit(workers, 'n', "new");
	struct job *job = submit(workers, 'x', "new");
	assert_true(workers_withdraw(workers, &job->task));
	free(job);
	finish(workers, 5);
	assert_int_equal(stage.ran[3], 'n');
}

static void a11_what_waits_in_a_lane_is_bounded(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	static struct job *jobs[WORKERS_LANE_WAITING_MAX];
	for (size_t i = 0; i < WORKERS_LANE_WAITING_MAX; i++)
		jobs[i] = submit(workers, 'a', "many");
	struct job *refused = job_new('r', "many");
	assert_int_equal(workers_submit(workers, &refused->task), WORKERS_LANE_FULL);
	struct job *other = submit(workers, 'o', "other");
	for (size_t i = 0; i < WORKERS_LANE_WAITING_MAX; i++) {
		assert_true(workers_withdraw(workers, &jobs[i]->task));
		free(jobs[i]);
	}
	assert_int_equal(workers_submit(workers, &refused->task), WORKERS_TAKEN);
	assert_int_equal(workers_figures(workers).waiting, 2);
	(void)other;
	finish(workers, 3);
}

static void one_task_is_interrupted_alone(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	struct job *next = submit(workers, 'a', "a");
	assert_false(workers_interrupt_task(workers, &next->task));
	set_gate(true);
	wait_for(&stage.ended, 2);
	assert_false(stage.woken);
	set_gate(false);
	struct job *woken = submit(workers, 'b', "a");
	wait_for(&stage.begun, 3);
	assert_true(workers_interrupt_task(workers, &woken->task));
	set_gate(true);
	wait_for(&stage.ended, 3);
	assert_true(stage.woken);
	assert_false(workers_interrupt_task(workers, &woken->task));
	(void)submit(workers, 'c', "a");
	finish(workers, 4);
	assert_false(stage.woken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_take_turns_and_each_is_first_come_first_served),
		cmocka_unit_test(
			who_is_withdrawn_does_not_run_and_others_keep_their_turn),
		cmocka_unit_test(what_runs_cannot_be_withdrawn),
		cmocka_unit_test(an_interrupt_reaches_what_runs_and_what_comes_later),
		cmocka_unit_test(what_wakes_one_task_does_not_wake_the_next),
		cmocka_unit_test(
			without_any_thread_a_task_is_refused_and_with_one_it_waits),
		cmocka_unit_test(many_workers_run_each_request_once),
		cmocka_unit_test(a11_a_lane_leaves_an_eighth_to_others),
		cmocka_unit_test(a11_a_lane_that_never_ends_does_not_hold_all_workers),
		cmocka_unit_test(a11_the_lane_that_runs_fewest_is_served_first),
		cmocka_unit_test(a11_what_waits_in_a_lane_is_bounded),
		cmocka_unit_test(one_task_is_interrupted_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
