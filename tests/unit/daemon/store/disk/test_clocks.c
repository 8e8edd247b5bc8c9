/* What the machine's clocks say, where what stands before the C library says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/store/disk/clocks.h"
#include "proto/base/clock.h"

#define DAY_S ((time_t)86400)

static time_t ahead_s;

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	int result = __real_clock_gettime(clock, ret_time);
	ret_time->tv_sec += ahead_s;
	return result;
}

/* In hundredths of a second, cut off. */
static int64_t uptime_of_proc_ms(void)
{
	long seconds, hundredths;
	FILE *file = fopen("/proc/uptime", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld.%2ld", &seconds, &hundredths), 2);
	assert_int_equal(fclose(file), 0);
	return seconds * 1000 + hundredths * 10;
}

static struct clocks read_clocks(time_t ahead)
{
	struct clocks clocks;
	ahead_s = ahead;
	clocks_read(&clocks);
	ahead_s = 0;
	return clocks;
}

static void the_uptime_is_the_machines_whatever_the_library_says(void **state)
{
	(void)state;
	static const time_t aheads[] = {0, 30 * DAY_S, -30 * DAY_S, 40 * 365 * DAY_S};
	for (size_t i = 0; i < sizeof(aheads) / sizeof(*aheads); i++) {
		int64_t before_ms = uptime_of_proc_ms();
		struct clocks clocks = read_clocks(aheads[i]);
		assert_in_range(clocks.uptime_ms, before_ms, uptime_of_proc_ms() + 10);
		assert_in_range(clocks.awake_ms, 1, clocks.uptime_ms);
	}
}

static void the_wall_is_what_the_library_says(void **state)
{
	(void)state;
	int64_t before_ms = clock_wall_ms() + 30 * DAY_S * 1000;
	struct clocks clocks = read_clocks(30 * DAY_S);
	assert_true(clocks.wall_ms >= before_ms);
}

static void the_boot_is_always_the_same(void **state)
{
	(void)state;
	struct clocks first = read_clocks(0);
	struct clocks second = read_clocks(30 * DAY_S);
	assert_true(first.boot > 0);
	assert_true(first.boot <= INT64_MAX);
	assert_true(first.boot == second.boot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_uptime_is_the_machines_whatever_the_library_says),
		cmocka_unit_test(the_wall_is_what_the_library_says),
		cmocka_unit_test(the_boot_is_always_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
