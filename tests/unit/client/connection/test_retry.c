/* When a persist or an attach that failed is tried again (client/connection/retry.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/connection/retry.h"
#include "proto/base/clock.h"

/* Longer than any machine is busy. */
#define LONG_MS (24 * 60 * 60 * 1000)

static struct link nobody; /* on which nobody said how long to wait */

static void what_will_not_go_away_ends_it(void **state)
{
	(void)state;
	struct retry retry = {.timeout_ms = LONG_MS};
	assert_false(retry_goes_on(&retry, &nobody, ERR_CONFLICT));
	retry.keeps_progress = true;
	assert_false(retry_goes_on(&retry, &nobody, ERR_CHANGED));
}

static void nobody_there_is_final_only_at_first(void **state)
{
	(void)state;
	struct retry retry = {.timeout_ms = LONG_MS};
	assert_false(retry_goes_on(&retry, &nobody, ERR_UNREACHABLE));
	retry = (struct retry){.timeout_ms = LONG_MS};
	assert_true(retry_goes_on(&retry, &nobody, ERR_LOST));
	assert_true(retry_goes_on(&retry, &nobody, ERR_UNREACHABLE));
}

static void the_timeout_counts_from_the_first_failure(void **state)
{
	(void)state;
	struct retry retry = {.timeout_ms = LONG_MS};
	assert_true(retry_goes_on(&retry, &nobody, ERR_LOST));
	uint64_t until_ms = retry.until_ms;
	assert_true(until_ms >= clock_now_ms());
	for (int i = 0; i < 100; i++)
		assert_true(retry_goes_on(&retry, &nobody, ERR_LOST));
	assert_int_equal(retry.until_ms, until_ms);
	retry.until_ms = 1; /* it has passed */
	assert_false(retry_goes_on(&retry, &nobody, ERR_LOST));
}

static void there_is_no_try_that_would_come_too_late(void **state)
{
	(void)state;
	struct retry retry = {.timeout_ms = 0};
	assert_false(retry_goes_on(&retry, &nobody, ERR_LOST));
	assert_true(retry.pause_ms > 0);
}

/* Each lost connection of a persist has moved it on; but a daemon that dies of it each time
 * is not asked for ever. */
static void what_keeps_its_progress_is_tried_ten_times(void **state)
{
	(void)state;
	struct retry retry = {.keeps_progress = true};
	for (int try = 1; try < 10; try++)
		assert_true(retry_goes_on(&retry, &nobody, ERR_LOST));
	assert_false(retry_goes_on(&retry, &nobody, ERR_LOST));
}

static void a_busy_daemon_has_made_no_progress(void **state)
{
	(void)state;
	struct retry retry = {.keeps_progress = true, .timeout_ms = LONG_MS};
	for (int try = 0; try < 100; try++)
		assert_true(retry_goes_on(&retry, &nobody, ERR_BUSY));
	retry.until_ms = 1;
	assert_false(retry_goes_on(&retry, &nobody, ERR_BUSY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_will_not_go_away_ends_it),
		cmocka_unit_test(nobody_there_is_final_only_at_first),
		cmocka_unit_test(the_timeout_counts_from_the_first_failure),
		cmocka_unit_test(there_is_no_try_that_would_come_too_late),
		cmocka_unit_test(what_keeps_its_progress_is_tried_ten_times),
		cmocka_unit_test(a_busy_daemon_has_made_no_progress),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
