/* Cores that a process may use, and a thread on each. The kernel's answer is the test's
 * own where it says so: __wrap_sched_getaffinity(). */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/machine/parallel.h"
#include "proto/machine/thread.h"

static struct {
	unsigned processors;   /* 0: the real kernel answers */
	unsigned first, count; /* those that this process may use */
	int failure;
} kernel;

int __real_sched_getaffinity(pid_t id, size_t size, cpu_set_t *ret_cores);
int __wrap_sched_getaffinity(pid_t id, size_t size, cpu_set_t *ret_cores);

int __wrap_sched_getaffinity(pid_t id, size_t size, cpu_set_t *ret_cores)
{
	if (kernel.processors == 0)
		return __real_sched_getaffinity(id, size, ret_cores);
	errno = kernel.failure ? kernel.failure : EINVAL;
	if (kernel.failure || size < kernel.processors / 8)
		return -1;
	CPU_ZERO_S(size, ret_cores);
	for (unsigned i = 0; i < kernel.count; i++)
		CPU_SET_S(kernel.first + i, size, ret_cores);
	return 0;
}

/* How many more threads there are to be had. */
static unsigned threads_left = UINT_MAX;

bool __real_thread_start(pthread_t *ret_thread, size_t stack_len, void *(*body)(void *),
			 void *context);
bool __wrap_thread_start(pthread_t *ret_thread, size_t stack_len, void *(*body)(void *),
			 void *context);

bool __wrap_thread_start(pthread_t *ret_thread, size_t stack_len, void *(*body)(void *),
			 void *context)
{
	if (threads_left == 0)
		return false;
	threads_left--;
	return __real_thread_start(ret_thread, stack_len, body, context);
}

static int real_kernel(void **state)
{
	(void)state;
	threads_left = UINT_MAX;
	memset(&kernel, 0, sizeof(kernel));
	return 0;
}

/* What a cpuset, taskset or CPUAffinity= does to a process; a child would inherit it. */
static void cores_are_those_of_the_process_and_not_of_the_machine(void **state)
{
	(void)state;
	cpu_set_t all, one;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(parallel_cores(), CPU_COUNT(&all));
	size_t first = 0;
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(parallel_cores(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(parallel_cores(), CPU_COUNT(&all));
}

static void a_kernel_for_more_processors_than_a_cpu_set_holds_is_asked_again(void **state)
{
	(void)state;
	kernel.processors = 8192;
	kernel.first = 5000;
	kernel.count = 3;
	assert_int_equal(parallel_cores(), 3);
}

static void a_kernel_that_does_not_say_gives_one(void **state)
{
	(void)state;
	kernel.processors = 8;
	kernel.failure = ENOSYS;
	assert_int_equal(parallel_cores(), 1);
	kernel.failure = EINVAL; /* whatever the size */
	assert_int_equal(parallel_cores(), 1);
}

static void threads_are_as_many_as_cores_up_to_the_limit(void **state)
{
	(void)state;
	kernel.processors = 64;
	kernel.count = PARALLEL_MAX - 1;
	assert_int_equal(parallel_count(), PARALLEL_MAX - 1);
	kernel.count = PARALLEL_MAX;
	assert_int_equal(parallel_count(), PARALLEL_MAX);
	kernel.count = PARALLEL_MAX + 1;
	assert_int_equal(parallel_count(), PARALLEL_MAX);
	assert_int_equal(parallel_cores(), PARALLEL_MAX + 1);
}

static int note(void *context, unsigned number, struct error *error)
{
	_Atomic unsigned *seen = context;
	atomic_fetch_or(seen, 1u << number);
	return number == 2 ? error_set(error, ERR_LOCAL, "number two") : 0;
}

static void each_thread_has_its_number_and_an_error_comes_back(void **state)
{
	(void)state;
	kernel.processors = 64;
	kernel.count = 5;
	_Atomic unsigned seen = 0;
	struct parallel_job job = {.body = note, .context = &seen};
	struct error error = {0};
	assert_int_equal(parallel_run(&job, &error), ERR_LOCAL);
	assert_string_equal(error.text, "number two");
	assert_int_equal(seen, 0x1f);
}

/* As a sandbox does that knows no clone3(). */
static void without_a_thread_the_calling_one_works(void **state)
{
	(void)state;
	_Atomic unsigned seen = 0;
	struct parallel_job job = {.body = note, .context = &seen};
	struct error error = {0};
	threads_left = 0;
	assert_null(parallel_start(&job));
	assert_int_equal(parallel_run(&job, &error), 0);
	assert_int_equal(seen, 0x1);
}

static void fewer_threads_than_cores_are_enough(void **state)
{
	(void)state;
	kernel.processors = 64;
	kernel.count = 5;
	_Atomic unsigned seen = 0;
	struct parallel_job job = {.body = note, .context = &seen};
	struct error error = {0};
	threads_left = 2;
	assert_int_equal(parallel_run(&job, &error), 0);
	assert_int_equal(seen, 0x3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			cores_are_those_of_the_process_and_not_of_the_machine,
			real_kernel),
		cmocka_unit_test_teardown(
			a_kernel_for_more_processors_than_a_cpu_set_holds_is_asked_again,
			real_kernel),
		cmocka_unit_test_teardown(a_kernel_that_does_not_say_gives_one,
					  real_kernel),
		cmocka_unit_test_teardown(threads_are_as_many_as_cores_up_to_the_limit,
					  real_kernel),
		cmocka_unit_test_teardown(
			each_thread_has_its_number_and_an_error_comes_back, real_kernel),
		cmocka_unit_test_teardown(without_a_thread_the_calling_one_works,
					  real_kernel),
		cmocka_unit_test_teardown(fewer_threads_than_cores_are_enough,
					  real_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
