/* When a change time proves that nothing has been written since (client/files/stamp.h),
 * with a clock that stands where the test puts it. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/files/stamp.h"
#include "proto/base/cleanup.h"

#define SECOND_NS ((int64_t)1000000000)
/* Of the clock's own ticks. */
#define TICK_NS ((int64_t)4000000)

/* ---- the clock and its waiting ---- */

static int64_t now_ns;
static int waited_ms; /* in all */
static bool is_woken;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_getres(clockid_t clock, struct timespec *ret_time);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	assert_int_equal(clock, CLOCK_REALTIME_COARSE);
	*ret_time = (struct timespec){now_ns / SECOND_NS, now_ns % SECOND_NS};
	return 0;
}

int __wrap_clock_getres(clockid_t clock, struct timespec *ret_time)
{
	assert_int_equal(clock, CLOCK_REALTIME_COARSE);
	*ret_time = (struct timespec){0, TICK_NS};
	return 0;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	(void)fds;
	assert_int_equal(count, 1);
	if (is_woken)
		return 1;
	now_ns += timeout_ms * INT64_C(1000000);
	waited_ms += timeout_ms;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	now_ns = 2000000000 * SECOND_NS;
	waited_ms = 0;
	is_woken = false;
	return 0;
}

static bool is_settled(int64_t age_ns, int64_t changed_ns)
{
	struct stamp stamp = {.changed_ns = changed_ns};
	now_ns = changed_ns + age_ns;
	return stamp_is_settled(&stamp);
}

/* ---- the rule ---- */

static void a_fine_time_is_settled_after_two_ticks(void **state)
{
	(void)state;
	int64_t changed_ns = now_ns + 1;
	assert_false(is_settled(0, changed_ns));
	assert_false(is_settled(2 * TICK_NS - 1, changed_ns));
	assert_true(is_settled(2 * TICK_NS, changed_ns));
}

/* A file made at second 1 of a step of two has the time of second 0; one that is written
 * at second 3 has that of second 2. Only from two steps on it is certain to look
 * different. */
static void a_time_in_whole_seconds_is_settled_after_two_steps_of_two(void **state)
{
	(void)state;
	assert_false(is_settled(0, now_ns));
	assert_false(is_settled(2 * SECOND_NS, now_ns));
	assert_false(is_settled(4 * SECOND_NS - 1, now_ns - 10 * SECOND_NS));
	assert_true(is_settled(4 * SECOND_NS, now_ns - 10 * SECOND_NS));
}

static void a_time_of_the_future_is_not_settled(void **state)
{
	(void)state;
	assert_false(is_settled(-1, now_ns + 1));
	assert_false(is_settled(-100 * SECOND_NS, now_ns));
}

/* ext4 and XFS keep years that nanoseconds in 64 bits do not. */
static void a_time_that_no_clock_shows_is_no_bug(void **state)
{
	(void)state;
	struct stat far = {.st_ctim = {.tv_sec = INT64_MAX, .tv_nsec = 999999999}};
	struct stamp stamp = stamp_of(&far);
	(void)stamp_is_settled(&stamp);
	far.st_ctim = (struct timespec){.tv_sec = INT64_MIN};
	stamp = stamp_of(&far);
	(void)stamp_is_settled(&stamp);
}

static void a_difference_in_anything_is_a_difference(void **state)
{
	(void)state;
	const struct stamp one = {1, {2, 3}, 4};
	const struct stamp others[] = {
		{0, {2, 3}, 4}, {1, {0, 3}, 4}, {1, {2, 0}, 4}, {1, {2, 3}, 0}};
	assert_true(stamp_equal(&one, &one));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(stamp_equal(&one, &others[i]));
}

/* ---- waiting for it ---- */

static void it_waits_as_long_as_it_takes_and_no_longer(void **state)
{
	(void)state;
	struct stamp stamp = {.changed_ns = ++now_ns};
	assert_true(stamp_settle(&stamp, -1, 9));
	assert_int_equal(waited_ms, 9);
	assert_true(stamp_settle(&stamp, -1, 0));
	assert_int_equal(waited_ms, 9);
}

static void it_does_not_wait_for_what_takes_too_long(void **state)
{
	(void)state;
	struct stamp stamp = {.changed_ns = ++now_ns};
	assert_false(stamp_settle(&stamp, -1, 8));
	stamp.changed_ns = now_ns / SECOND_NS * SECOND_NS; /* in whole seconds */
	assert_false(stamp_settle(&stamp, -1, 3999));
	assert_int_equal(waited_ms, 0);
}

static void it_ends_when_it_is_woken(void **state)
{
	(void)state;
	struct stamp stamp = {.changed_ns = ++now_ns};
	is_woken = true;
	assert_false(stamp_settle(&stamp, -1, 50));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(a_fine_time_is_settled_after_two_ticks),
		TEST(a_time_in_whole_seconds_is_settled_after_two_steps_of_two),
		TEST(a_time_of_the_future_is_not_settled),
		TEST(a_time_that_no_clock_shows_is_no_bug),
		TEST(a_difference_in_anything_is_a_difference),
		TEST(it_waits_as_long_as_it_takes_and_no_longer),
		TEST(it_does_not_wait_for_what_takes_too_long),
		TEST(it_ends_when_it_is_woken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
