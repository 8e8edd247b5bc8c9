/* Retention beside the loop: its thread, when it is due, and that it can be had (F13). */
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

/* Whatever is there had its contact more than a time of minus one hour ago. */
static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct error error;
	fixture->directory = scratch_new();
	struct store_options options = {.directory = fixture->directory};
	assert_int_equal(store_open(&options, &fixture->store, &error), 0);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(sem_init(&fixture->worked, 0, 0), 0);
	fixture->retention = (struct retention){
		.store = fixture->store,
		.log = &fixture->log,
		.time_ms = (uint64_t) - (int64_t)HOUR_MS,
		.on_worked = on_worked,
		.on_done = on_done,
		.context = fixture,
	};
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

/* As if the hour was over. */
static void make_due(struct fixture *fixture)
{
	fixture->retention.due_ms = uv_now(&fixture->loop);
}

static void begin_workflow(struct fixture *fixture)
{
	assert_int_equal(visit(fixture), 0);
}

static void the_first_tick_is_an_hour_before_the_first_work(void **state)
{
	struct fixture *fixture = *state;
	uint64_t now_ms = uv_now(&fixture->loop);
	retention_tick(&fixture->retention, &fixture->loop);
	assert_false(fixture->retention.running);
	assert_int_equal(fixture->retention.due_ms, now_ms + HOUR_MS);
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
	assert_true(fixture->retention.due_ms >= uv_now(&fixture->loop) + HOUR_MS);
	assert_false(is_expired(fixture));
}

static void with_a_time_of_0_nothing_expires(void **state)
{
	struct fixture *fixture = *state;
	begin_workflow(fixture);
	fixture->retention.time_ms = 0;
	make_due(fixture);
	retention_tick(&fixture->retention, &fixture->loop);
	assert_true(
		fixture->retention.running); /* the store's time is kept all the same */
	assert_int_equal(sem_wait(&fixture->worked), 0);
	retention_settle(&fixture->retention);
	assert_false(is_expired(fixture));
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
