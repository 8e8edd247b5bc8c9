/* Which workflows a pass takes out of sight (L1): each namespace has a retention of its
 * own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/catalogue_fixture.h"

#define MINUTE_MS 60000

static uint64_t by_name(void *context, struct text namespace, enum tier tier)
{
	(void)context;
	if (text_is(namespace, "kept"))
		return 0;
	if (tier == TIER_UNTRUSTED)
		return 1 * MINUTE_MS;
	return text_is(namespace, "long") ? 9 * MINUTE_MS : 3 * MINUTE_MS;
}

static uint64_t pass(struct catalogue_fixture *fixture)
{
	const struct expiry_terms terms = {.retention_ms = by_name,
					   .shortest_ms = MINUTE_MS};
	struct expiry expiry;
	assert_int_equal(expiry_run(fixture->catalogue, &terms, &expiry, &fixture->error),
			 0);
	return expiry.count;
}

static void wait(struct catalogue_fixture *fixture, int64_t ms)
{
	fixture->clocks.uptime_ms += ms;
	fixture->clocks.awake_ms += ms;
}

static struct who who_of(const char *namespace, enum tier tier)
{
	return (struct who){
		.namespace = namespace, .workflow = "w", .job = "build", .tier = tier};
}

static void persist(struct catalogue_fixture *fixture, const char *namespace,
		    enum tier tier)
{
	struct visit visit AUTO(visit_fini) =
		fixture_persists(fixture, who_of(namespace, tier));
}

static bool lives(struct catalogue_fixture *fixture, const char *namespace,
		  enum tier tier)
{
	struct who who = who_of(namespace, tier);
	struct visit visit AUTO(visit_fini) = {0};
	return visit_catalogue(fixture->catalogue, &who, CONTACT_LOOK, &visit,
			       &fixture->error) == 0;
}

static void l1_each_namespace_and_tier_has_its_own_retention(void **state)
{
	struct catalogue_fixture *fixture = *state;
	static const struct {
		const char *namespace;
		enum tier tier;
		int64_t minutes; /* 0: for ever */
	} cases[] = {
		{"short", TIER_UNTRUSTED, 1}, {"short", TIER_TRUSTED, 3},
		{"long", TIER_TRUSTED, 9},    {"kept", TIER_TRUSTED, 0},
		{"kept", TIER_UNTRUSTED, 0},
	};
	const size_t count = sizeof(cases) / sizeof(*cases);
	for (size_t i = 0; i < count; i++)
		persist(fixture, cases[i].namespace, cases[i].tier);
	for (int64_t minute = 1; minute < 12; minute++) {
		for (int64_t ms = 0; ms < 2; ms++) {
			wait(fixture, ms ? 1 : MINUTE_MS - 1);
			(void)pass(fixture);
			for (size_t i = 0; i < count; i++) {
				int64_t end = cases[i].minutes * MINUTE_MS;
				int64_t age = minute * MINUTE_MS - 1 + ms;
				bool is_old = end && age > end;
				assert_int_equal(
					lives(fixture, cases[i].namespace, cases[i].tier),
					!is_old);
			}
		}
	}
}

/* A contact within a minute of the last was not written down, so that a life of less than
 * that could not be prolonged. */
static void l1_a_contact_prolongs_a_life_however_short(void **state)
{
	struct catalogue_fixture *fixture = *state;
	uint64_t retention_ms = 1000;
	struct expiry expiry;
	assert_int_equal(
		expire_after(fixture->catalogue, retention_ms, &expiry, &fixture->error),
		0);
	for (int i = 0; i < 20; i++) {
		persist(fixture, "a", TIER_TRUSTED);
		wait(fixture, 951);
		assert_int_equal(expire_after(fixture->catalogue, retention_ms, &expiry,
					      &fixture->error),
				 0);
		assert_true(lives(fixture, "a", TIER_TRUSTED));
	}
	wait(fixture, 1000);
	assert_int_equal(
		expire_after(fixture->catalogue, retention_ms, &expiry, &fixture->error),
		0);
	assert_int_equal(expiry.count, 1);
}

/* ---- doubt (L4) ------------------------------------------------------------------- */

#define HOUR_MS ((int64_t)60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define RETENTION_MS (15 * DAY_MS)

static uint64_t fifteen_days(void *context, struct text namespace, enum tier tier)
{
	(void)context;
	(void)namespace;
	(void)tier;
	return RETENTION_MS;
}

static struct expiry look(struct catalogue_fixture *fixture, bool lets_most_through)
{
	const struct expiry_terms terms = {.retention_ms = fifteen_days,
					   .shortest_ms = RETENTION_MS,
					   .lets_most_through = lets_most_through};
	struct expiry expiry;
	assert_int_equal(expiry_run(fixture->catalogue, &terms, &expiry, &fixture->error),
			 0);
	return expiry;
}

static void persist_many(struct catalogue_fixture *fixture, const char *letter, int count)
{
	for (int i = 0; i < count; i++) {
		char workflow[16];
		(void)snprintf(workflow, sizeof(workflow), "%s%d", letter, i);
		struct who who = {.workflow = workflow, .job = "build"};
		struct visit visit AUTO(visit_fini) = fixture_persists(fixture, who);
	}
}

/* The store's time goes on beside the daemon's own clock: it was off, say. */
static void leap(struct catalogue_fixture *fixture, int64_t ms)
{
	fixture->clocks.uptime_ms += ms;
	fixture->clocks.wall_ms += ms;
}

static void begin_with(struct catalogue_fixture *fixture, int due, int others)
{
	(void)look(fixture, false);
	persist_many(fixture, "due", due);
	leap(fixture, RETENTION_MS + 1);
	persist_many(fixture, "other", others);
}

static void l4_a_pass_that_would_expire_more_than_half_stops(void **state)
{
	struct catalogue_fixture *fixture = *state;
	begin_with(fixture, 4, 3);
	struct expiry expiry = look(fixture, false);
	assert_int_equal(expiry.count, 0);
	assert_int_equal(expiry.doubt.due, 4);
	assert_int_equal(expiry.doubt.recent, 7);
	assert_int_equal(look(fixture, true).count, 4);
}

static void l4_a_pass_that_expires_half_goes_on(void **state)
{
	struct catalogue_fixture *fixture = *state;
	begin_with(fixture, 4, 4);
	struct expiry expiry = look(fixture, false);
	assert_int_equal(expiry.count, 4);
	assert_int_equal(expiry.doubt.due, 0);
}

static void l4_a_day_more_of_the_daemons_own_time_ends_the_doubt(void **state)
{
	struct catalogue_fixture *fixture = *state;
	begin_with(fixture, 4, 0);
	wait(fixture, DAY_MS - 1);
	assert_int_equal(look(fixture, false).count, 0);
	wait(fixture, 1);
	assert_int_equal(look(fixture, false).count, 4);
}

static int64_t ask(struct catalogue_fixture *fixture, const char *sql)
{
	int64_t value;
	assert_int_equal(catalogue_close(fixture->catalogue, &fixture->error), 0);
	value = catalogue_file_ask(fixture->directory, sql);
	fixture_open(fixture);
	return value;
}

/* By it removal waits: it goes on over restarts, and not while no daemon runs. */
static void l4_an_expired_workflow_keeps_how_long_daemons_had_run(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)look(fixture, false);
	persist_many(fixture, "w", 1);
	wait(fixture, RETENTION_MS);
	assert_int_equal(expiry_rest(fixture->catalogue, &fixture->error), 0);
	assert_int_equal(catalogue_close(fixture->catalogue, &fixture->error), 0);
	wait(fixture, DAY_MS);
	fixture_open(fixture);
	assert_int_equal(look(fixture, true).count, 1);
	assert_int_equal(ask(fixture, "SELECT expired_running_ms FROM workflows"),
			 RETENTION_MS);
	assert_int_equal(
		ask(fixture, "SELECT value FROM settings WHERE name = 'running_ms'"),
		RETENTION_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			l1_each_namespace_and_tier_has_its_own_retention, fixture_setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(
			l1_a_contact_prolongs_a_life_however_short, fixture_setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(
			l4_a_pass_that_would_expire_more_than_half_stops, fixture_setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(l4_a_pass_that_expires_half_goes_on,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			l4_a_day_more_of_the_daemons_own_time_ends_the_doubt,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			l4_an_expired_workflow_keeps_how_long_daemons_had_run,
			fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
