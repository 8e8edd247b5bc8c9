/* Retention beside the loop: its thread, when it is due, and that it can be had (F13,
 * L1). */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <uv.h>

#include <cmocka.h>

#include "daemon/upkeep/retention.h"
#include "tests/harness/catalogue_steps.h"
#include "tests/harness/scratch.h"

#define HOUR_MS 3600000u

static bool no_threads;

int __real_uv_thread_create(uv_thread_t *thread, uv_thread_cb entry, void *context);
int __wrap_uv_thread_create(uv_thread_t *thread, uv_thread_cb entry, void *context);

int __wrap_uv_thread_create(uv_thread_t *thread, uv_thread_cb entry, void *context)
{
	return no_threads ? UV_EAGAIN : __real_uv_thread_create(thread, entry, context);
}

struct fixture {
	char *directory;
	struct io io; /* the system's, with its machine up for longer */
	int64_t ahead_ms;
	struct config config;
	struct store *store;
	uv_loop_t loop;
	sem_t worked;
	unsigned done;
	struct log log;
	struct retention retention;
};

static void on_worked(void *context)
{
	struct fixture *fixture = context;
	assert_int_equal(sem_post(&fixture->worked), 0);
}

static void on_done(void *context)
{
	struct fixture *fixture = context;
	fixture->done++;
}

static void clocks_ahead(void *context, struct clocks *ret_clocks)
{
	const struct fixture *fixture = context;
	clocks_read(ret_clocks);
	ret_clocks->uptime_ms += fixture->ahead_ms;
	ret_clocks->awake_ms += fixture->ahead_ms;
}

static void set_retention(struct fixture *fixture, uint64_t retention_ms)
{
	struct error error;
	fixture->config.retention_ms = retention_ms;
	terms_book_free(fixture->retention.terms);
	assert_int_equal(
		terms_book_new(&fixture->config, &fixture->retention.terms, &error), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct error error;
	fixture->directory = scratch_new();
	fixture->io = io_system;
	fixture->io.context = fixture;
	fixture->io.clocks = clocks_ahead;
	struct store_options options = {.directory = fixture->directory,
					.io = &fixture->io};
	assert_int_equal(store_open(&options, &fixture->store, &error), 0);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(sem_init(&fixture->worked, 0, 0), 0);
	fixture->retention = (struct retention){
		.store = fixture->store,
		.log = &fixture->log,
		.on_worked = on_worked,
		.on_done = on_done,
		.context = fixture,
	};
	set_retention(fixture, 20 * HOUR_MS);
	retention_run(&fixture->retention); /* as the daemon begins */
	no_threads = false;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	assert_int_equal(store_close(fixture->store, &error), 0);
	terms_book_free(fixture->retention.terms);
	scratch_free(fixture->directory);
	(void)sem_destroy(&fixture->worked);
	free(fixture);
	return 0;
}

static int visit(struct fixture *fixture)
{
	struct who who = {.workflow = "w", .job = "j"};
	struct visit made = {0};
	struct error error;
	int err = visit_catalogue(store_catalogue(fixture->store), &who, CONTACT_PERSIST,
				  &made, &error);
	visit_fini(&made);
	return err;
}

static bool is_expired(struct fixture *fixture)
{
	return visit(fixture) == ERR_NOT_FOUND;
}

/* As if so much time was over on the loop. */
static void let_pass(struct fixture *fixture, uint64_t ms)
{
	fixture->retention.begun_ms = uv_now(&fixture->loop) - ms;
}

static void make_due(struct fixture *fixture)
{
	let_pass(fixture, HOUR_MS);
}

/* One that is older than 20 hours. */
static void begin_workflow(struct fixture *fixture)
{
	assert_int_equal(visit(fixture), 0);
	fixture->ahead_ms += 21 * (int64_t)HOUR_MS;
}

static void the_first_tick_is_an_hour_before_the_first_work(void **state)
{
	struct fixture *fixture = *state;
	retention_tick(&fixture->retention, &fixture->loop);
	assert_false(fixture->retention.running);
	retention_tick(&fixture->retention, &fixture->loop);
	assert_false(fixture->retention.running);
	let_pass(fixture, HOUR_MS - 1);
	retention_tick(&fixture->retention, &fixture->loop);
	assert_false(fixture->retention.running);
	retention_settle(&fixture->retention);
	assert_int_equal(fixture->done, 0);
}

static void when_it_is_due_it_works_on_a_thread_and_is_settled_on_the_loop(void **state)
{
	struct fixture *fixture = *state;
	begin_workflow(fixture);
	make_due(fixture);
	retention_tick(&fixture->retention, &fixture->loop);
	assert_true(fixture->retention.running);
	assert_int_equal(sem_wait(&fixture->worked), 0);
	make_due(fixture); /* it is not settled yet: no second one */
	retention_tick(&fixture->retention, &fixture->loop);
	assert_int_equal(fixture->done, 0);
	retention_settle(&fixture->retention);
	assert_false(fixture->retention.running);
	assert_int_equal(fixture->done, 1);
	retention_settle(&fixture->retention);
	assert_int_equal(fixture->done, 1);
	assert_true(is_expired(fixture));
}

/* libuv's own threads for work end the process where they cannot be started. */
static void without_a_thread_it_waits_for_the_next_hour(void **state)
{
	struct fixture *fixture = *state;
	begin_workflow(fixture);
	make_due(fixture);
	no_threads = true;
	retention_tick(&fixture->retention, &fixture->loop);
	assert_false(fixture->retention.running);
	assert_int_equal(fixture->done, 0);
	no_threads = false;
	let_pass(fixture, 0);
	retention_tick(&fixture->retention, &fixture->loop);
	assert_false(fixture->retention.running);
	assert_false(is_expired(fixture));
}

static void with_a_time_of_0_nothing_expires(void **state)
{
	struct fixture *fixture = *state;
	begin_workflow(fixture);
	set_retention(fixture, 0);
	make_due(fixture);
	retention_tick(&fixture->retention, &fixture->loop);
	assert_true(
		fixture->retention.running); /* the store's time is kept all the same */
	assert_int_equal(sem_wait(&fixture->worked), 0);
	retention_settle(&fixture->retention);
	assert_false(is_expired(fixture));
}

static bool works_after(struct fixture *fixture, uint64_t ms)
{
	let_pass(fixture, ms);
	retention_tick(&fixture->retention, &fixture->loop);
	bool works = fixture->retention.running;
	if (works)
		assert_int_equal(sem_wait(&fixture->worked), 0);
	retention_settle(&fixture->retention);
	return works;
}

/* With a retention of two seconds workflows were looked for only once an hour. */
static void l1_short_lives_are_looked_for_as_often_as_they_end(void **state)
{
	static const struct {
		uint64_t retention_ms, every_ms;
	} cases[] = {
		{15 * 24 * (uint64_t)HOUR_MS, HOUR_MS},
		{20 * (uint64_t)HOUR_MS, HOUR_MS},
		{HOUR_MS, HOUR_MS / 20},
		{20000, 1000},
		{2000, 1000},
		{1, 1000},
	};
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		set_retention(fixture, cases[i].retention_ms);
		assert_false(works_after(fixture, cases[i].every_ms - 1));
		assert_true(works_after(fixture, cases[i].every_ms));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_first_tick_is_an_hour_before_the_first_work, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			when_it_is_due_it_works_on_a_thread_and_is_settled_on_the_loop,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			without_a_thread_it_waits_for_the_next_hour, set_up, tear_down),
		cmocka_unit_test_setup_teardown(with_a_time_of_0_nothing_expires, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			l1_short_lives_are_looked_for_as_often_as_they_end, set_up,
			tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
