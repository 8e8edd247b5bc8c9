/*
 * How workflows grow old (FORMAT.md §9): what the wall's clock said when files were
 * persisted × what it says at a start × what it does later. No wrong clock ends a life.
 */
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

#define MINUTE_MS ((int64_t)60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define RETENTION_MS (15 * DAY_MS)
#define IN_1970 (2 * HOUR_MS)
#define IN_2040 2208988800000
#define NOW 1795000000000

static struct expiry sweep(struct catalogue_fixture *fixture)
{
	struct expiry expiry;
	assert_int_equal(
		expire_after(fixture->catalogue, RETENTION_MS, &expiry, &fixture->error),
		0);
	return expiry;
}

static void persist(struct catalogue_fixture *fixture, const char *workflow)
{
	struct visit visit AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.workflow = workflow, .job = "build"});
}

static void assert_life(struct catalogue_fixture *fixture, const char *workflow, int code)
{
	struct who who = {.workflow = workflow, .job = "build"};
	struct visit visit AUTO(visit_fini) = {0};
	assert_int_equal(visit_catalogue(fixture->catalogue, &who, CONTACT_LOOK, &visit,
					 &fixture->error),
			 code);
}

static void assert_lives(struct catalogue_fixture *fixture, const char *workflow)
{
	(void)sweep(fixture);
	assert_life(fixture, workflow, 0);
}

static void assert_has_expired(struct catalogue_fixture *fixture, const char *workflow)
{
	(void)sweep(fixture);
	assert_life(fixture, workflow, ERR_NOT_FOUND);
}

/* All clocks go on. */
static void wait(struct catalogue_fixture *fixture, int64_t ms)
{
	fixture->clocks.uptime_ms += ms;
	fixture->clocks.awake_ms += ms;
	fixture->clocks.wall_ms += ms;
}

/* Something else has written to the catalogue meanwhile. */
static void change(struct catalogue_fixture *fixture, const char *sql)
{
	assert_int_equal(catalogue_close(fixture->catalogue, &fixture->error), 0);
	catalogue_file_run(fixture->directory, sql);
	fixture_open(fixture);
}

/* The daemon is started again. */
static void restart(struct catalogue_fixture *fixture)
{
	fixture_reopen(fixture);
	(void)sweep(fixture);
}

/* The machine is off for so long; its clock then says what it says, and nothing keeps it
 * right yet. */
static void reboot(struct catalogue_fixture *fixture, int64_t wall_ms)
{
	fixture->clocks = (struct clocks){
		.boot = fixture->clocks.boot + 1,
		.uptime_ms = MINUTE_MS,
		.awake_ms = MINUTE_MS,
		.wall_ms = wall_ms,
	};
	fixture->synchronised = false;
	restart(fixture);
}

static void synchronise(struct catalogue_fixture *fixture, int64_t wall_ms)
{
	fixture->clocks.wall_ms = wall_ms;
	fixture->synchronised = true;
}

/* Lives for all of its time from here on, by the machine's uptime, and no longer. */
static void assert_lives_its_full_time(struct catalogue_fixture *fixture,
				       const char *workflow)
{
	wait(fixture, RETENTION_MS);
	assert_lives(fixture, workflow);
	wait(fixture, 1);
	assert_has_expired(fixture, workflow);
}

/* ---- within one boot -------------------------------------------------------------- */

static void no_jump_of_the_wall_expires_what_had_contact_since_this_boot(void **state)
{
	struct catalogue_fixture *fixture = *state;
	static const int64_t jumps[] = {NOW + 30 * DAY_MS, IN_2040, IN_1970, NOW - DAY_MS,
					NOW};
	(void)sweep(fixture);
	persist(fixture, "w");
	for (size_t i = 0; i < sizeof(jumps) / sizeof(*jumps); i++) {
		synchronise(fixture, jumps[i]);
		assert_lives(fixture, "w");
		fixture->synchronised = false;
		assert_lives(fixture, "w");
	}
	assert_lives_its_full_time(fixture, "w");
}

static void whatever_the_wall_says_at_a_persist_and_at_a_start_it_is_no_age(void **state)
{
	struct catalogue_fixture *fixture = *state;
	static const int64_t walls[] = {IN_1970, NOW, NOW + 30 * DAY_MS, IN_2040};
	const size_t count = sizeof(walls) / sizeof(*walls);
	for (size_t i = 0; i < count * count; i++) {
		char workflow[16];
		(void)snprintf(workflow, sizeof(workflow), "w%zu", i);
		fixture->clocks.wall_ms = walls[i / count];
		persist(fixture, workflow);
		fixture->clocks.wall_ms = walls[i % count];
		restart(fixture);
		assert_lives(fixture, workflow);
		assert_lives_its_full_time(fixture, workflow);
	}
}

static void a_store_made_in_1970_or_in_2040_lets_workflows_live_as_long(void **state)
{
	struct catalogue_fixture *fixture = *state;
	static const int64_t walls[] = {-1, 0, IN_1970, IN_2040, INT64_MAX};
	for (size_t i = 0; i < sizeof(walls) / sizeof(*walls); i++) {
		char workflow[16];
		(void)snprintf(workflow, sizeof(workflow), "w%zu", i);
		fixture->clocks.wall_ms = walls[i];
		change(fixture, "DELETE FROM settings WHERE name LIKE 'seen%'");
		(void)sweep(fixture);
		persist(fixture, workflow);
		fixture->clocks.wall_ms = NOW;
		restart(fixture);
		assert_lives_its_full_time(fixture, workflow);
	}
}

static void time_without_a_daemon_counts_within_one_boot(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)sweep(fixture);
	persist(fixture, "w");
	wait(fixture, RETENTION_MS);
	restart(fixture);
	assert_lives(fixture, "w");
	wait(fixture, 1);
	fixture_reopen(fixture);
	assert_has_expired(fixture, "w");
}

/* Also without a daemon, whose program the lid of a laptop ends. */
static void time_asleep_counts_where_the_wall_bears_it_out(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)sweep(fixture);
	persist(fixture, "w");
	fixture->clocks.uptime_ms += RETENTION_MS;
	fixture->clocks.wall_ms += RETENTION_MS;
	restart(fixture);
	assert_lives(fixture, "w");
	wait(fixture, 1);
	assert_has_expired(fixture, "w");
}

/* So it is in a sandbox that shows its programs an uptime of its own. */
static void an_uptime_that_no_other_clock_bears_out_is_no_age(void **state)
{
	struct catalogue_fixture *fixture = *state;
	static const int64_t steps[] = {RETENTION_MS + 1, 1000 * DAY_MS, IN_2040};
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		char workflow[16];
		(void)snprintf(workflow, sizeof(workflow), "w%zu", i);
		(void)sweep(fixture);
		persist(fixture, workflow);
		fixture->clocks.uptime_ms += steps[i];
		restart(fixture);
		assert_lives(fixture, workflow);
		fixture->clocks.uptime_ms -= steps[i];
		restart(fixture);
		assert_lives_its_full_time(fixture, workflow);
	}
}

static void where_no_other_clock_was_written_down_no_time_has_gone_by(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)sweep(fixture);
	persist(fixture, "w");
	wait(fixture, RETENTION_MS + 1);
	change(fixture, "DELETE FROM settings WHERE name IN"
			" ('seen_awake_ms', 'seen_wall_ms')");
	assert_lives_its_full_time(fixture, "w");
}

static void a_contact_begins_its_time_again(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)sweep(fixture);
	persist(fixture, "w");
	wait(fixture, RETENTION_MS);
	persist(fixture, "w");
	assert_lives_its_full_time(fixture, "w");
}

/* ---- over a reboot ---------------------------------------------------------------- */

static void a_clock_that_nothing_keeps_right_is_not_believed_about_a_reboot(void **state)
{
	struct catalogue_fixture *fixture = *state;
	static const int64_t walls[] = {IN_1970, NOW + 30 * DAY_MS, IN_2040, NOW};
	synchronise(fixture, NOW);
	persist(fixture, "w");
	wait(fixture, HOUR_MS); /* no contact is as late as the mark */
	(void)sweep(fixture);
	for (size_t i = 0; i < sizeof(walls) / sizeof(*walls); i++) {
		reboot(fixture, walls[i]);
		assert_lives(fixture, "w");
	}
	fixture->clocks.wall_ms = NOW;
	wait(fixture, RETENTION_MS - HOUR_MS);
	assert_lives(fixture, "w");
	wait(fixture, 1);
	assert_has_expired(fixture, "w");
}

/* A weekend: it counts as soon as the clock is right, which is some time after a start,
 * for what had no contact since. */
static void time_off_counts_when_the_clock_is_known_to_be_right(void **state)
{
	struct catalogue_fixture *fixture = *state;
	synchronise(fixture, NOW);
	persist(fixture, "old");
	wait(fixture, HOUR_MS);
	(void)sweep(fixture);
	reboot(fixture, IN_1970);
	persist(fixture, "new");
	wait(fixture, HOUR_MS);
	assert_int_equal(sweep(fixture).off_ms, 0);
	synchronise(fixture, NOW + HOUR_MS + 3 * DAY_MS);
	assert_int_equal(sweep(fixture).off_ms, 3 * DAY_MS - HOUR_MS);
	assert_int_equal(sweep(fixture).off_ms, 0);
	wait(fixture, RETENTION_MS - 3 * DAY_MS - HOUR_MS);
	assert_lives(fixture, "old");
	wait(fixture, 1);
	assert_has_expired(fixture, "old");
	wait(fixture, 2 * DAY_MS);
	assert_lives(fixture, "new");
	wait(fixture, RETENTION_MS);
	assert_has_expired(fixture, "new");
}

/* The clock was not known to be right in between: how long it was off is not known of
 * what had contact there. */
static void time_off_before_the_last_contact_is_not_counted(void **state)
{
	struct catalogue_fixture *fixture = *state;
	synchronise(fixture, NOW);
	(void)sweep(fixture);
	reboot(fixture, IN_1970);
	persist(fixture, "between");
	wait(fixture, HOUR_MS);
	reboot(fixture, IN_1970);
	synchronise(fixture, NOW + 14 * DAY_MS);
	assert_int_equal(sweep(fixture).off_ms, 14 * DAY_MS);
	assert_lives_its_full_time(fixture, "between");
}

static void
a_clock_that_is_right_now_and_was_ahead_before_takes_nothing_back(void **state)
{
	struct catalogue_fixture *fixture = *state;
	synchronise(fixture, IN_2040);
	(void)sweep(fixture);
	persist(fixture, "w");
	reboot(fixture, NOW);
	synchronise(fixture, NOW);
	assert_int_equal(sweep(fixture).off_ms, 0);
	assert_lives_its_full_time(fixture, "w");
}

static void a_boot_that_cannot_be_told_is_another_one(void **state)
{
	struct catalogue_fixture *fixture = *state;
	fixture->clocks.boot = 0;
	(void)sweep(fixture);
	persist(fixture, "w");
	wait(fixture, RETENTION_MS);
	restart(fixture);
	assert_lives_its_full_time(fixture, "w");
}

/* A virtual machine that is put back to an earlier state. */
static void an_uptime_that_went_back_counts_from_where_it_is(void **state)
{
	struct catalogue_fixture *fixture = *state;
	wait(fixture, DAY_MS);
	(void)sweep(fixture);
	persist(fixture, "w");
	fixture->clocks.uptime_ms -= DAY_MS;
	restart(fixture);
	assert_lives_its_full_time(fixture, "w");
}

/* ---- what lies in a catalogue ----------------------------------------------------- */

/* A batond before this one went by the wall's clock, right or wrong. */
static void where_nothing_was_counted_all_lives_begin_anew(void **state)
{
	struct catalogue_fixture *fixture = *state;
	persist(fixture, "past");
	persist(fixture, "future");
	change(fixture, "DELETE FROM settings WHERE name LIKE 'seen%';"
			"UPDATE workflows SET contact_ms = 1 WHERE name = 'past';"
			"UPDATE workflows SET contact_ms = 2208988800000"
			" WHERE name = 'future'");
	assert_int_equal(sweep(fixture).begun, 2);
	assert_int_equal(sweep(fixture).begun, 0);
	wait(fixture, RETENTION_MS);
	assert_lives(fixture, "past");
	assert_lives(fixture, "future");
	wait(fixture, 1);
	assert_has_expired(fixture, "past");
	assert_has_expired(fixture, "future");
}

static void a_contact_from_the_future_is_one_of_now(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)sweep(fixture);
	persist(fixture, "w");
	change(fixture, "UPDATE workflows SET contact_ms = 253402300799999");
	(void)sweep(fixture);
	assert_lives_its_full_time(fixture, "w");
}

static void marks_that_cannot_be_are_none(void **state)
{
	struct catalogue_fixture *fixture = *state;
	static const char *const changes[] = {
		"UPDATE settings SET value = -5 WHERE name = 'seen_ms'",
		"UPDATE settings SET value = 9223372036854775807 WHERE name = 'seen_ms'",
		"UPDATE settings SET value = 9223372036854775807"
		" WHERE name = 'seen_uptime_ms'",
		"UPDATE settings SET value = 9223372036854775807"
		" WHERE name LIKE 'synced%'",
		"UPDATE settings SET value = -9223372036854775807"
		" WHERE name IN ('seen_awake_ms', 'seen_wall_ms')",
		"UPDATE settings SET value = 9223372036854775807"
		" WHERE name IN ('seen_awake_ms', 'seen_wall_ms')",
		"DELETE FROM settings WHERE name LIKE 'seen%'",
	};
	synchronise(fixture, NOW);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		char workflow[16];
		(void)snprintf(workflow, sizeof(workflow), "w%zu", i);
		(void)sweep(fixture);
		persist(fixture, workflow);
		change(fixture, changes[i]);
		(void)sweep(fixture);
		assert_lives_its_full_time(fixture, workflow);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_jump_of_the_wall_expires_what_had_contact_since_this_boot),
		TEST(whatever_the_wall_says_at_a_persist_and_at_a_start_it_is_no_age),
		TEST(a_store_made_in_1970_or_in_2040_lets_workflows_live_as_long),
		TEST(time_without_a_daemon_counts_within_one_boot),
		TEST(time_asleep_counts_where_the_wall_bears_it_out),
		TEST(an_uptime_that_no_other_clock_bears_out_is_no_age),
		TEST(where_no_other_clock_was_written_down_no_time_has_gone_by),
		TEST(a_contact_begins_its_time_again),
		TEST(a_clock_that_nothing_keeps_right_is_not_believed_about_a_reboot),
		TEST(time_off_counts_when_the_clock_is_known_to_be_right),
		TEST(time_off_before_the_last_contact_is_not_counted),
		TEST(a_clock_that_is_right_now_and_was_ahead_before_takes_nothing_back),
		TEST(a_boot_that_cannot_be_told_is_another_one),
		TEST(an_uptime_that_went_back_counts_from_where_it_is),
		TEST(where_nothing_was_counted_all_lives_begin_anew),
		TEST(a_contact_from_the_future_is_one_of_now),
		TEST(marks_that_cannot_be_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
