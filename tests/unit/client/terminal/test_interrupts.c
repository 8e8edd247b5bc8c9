/* Signals: one is a wish to clean up, a second one or too long a time is the end. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/terminal/interrupts.h"

#define FOREVER_MS 600000u

/* A process that gets these signals, one behind the other, and then hangs like one whose
 * reader does not read, if there is a grace to end it. What did: a signal's number, or 0.
 */
static int end_of(unsigned grace_ms, unsigned second_after_ms, const int *numbers)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		interrupts_init(grace_ms, second_after_ms);
		for (; *numbers; numbers++)
			(void)raise(*numbers);
		if (grace_ms == FOREVER_MS)
			_exit(0);
		for (;;)
			(void)pause();
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void one_signal_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(end_of(FOREVER_MS, 0, (int[]){SIGTERM, 0}), 0);
}

static void the_same_wish_twice_is_one(void **state)
{
	(void)state;
	assert_int_equal(end_of(FOREVER_MS, FOREVER_MS, (int[]){SIGTERM, SIGTERM, 0}), 0);
	assert_int_equal(end_of(FOREVER_MS, FOREVER_MS, (int[]){SIGINT, SIGTERM, 0}), 0);
}

static void a_second_signal_ends_it_at_once(void **state)
{
	(void)state;
	assert_int_equal(end_of(FOREVER_MS, 0, (int[]){SIGINT, SIGTERM, 0}), SIGTERM);
}

static void the_grace_ends_it_by_the_signal_that_came(void **state)
{
	(void)state;
	assert_int_equal(end_of(20, FOREVER_MS, (int[]){SIGHUP, 0}), SIGHUP);
}

static void dying_is_by_the_signal(void **state)
{
	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		interrupts_init(FOREVER_MS, FOREVER_MS);
		interrupts_die();
		(void)raise(SIGINT);
		interrupts_die();
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_signal_is_waited_for),
		cmocka_unit_test(the_same_wish_twice_is_one),
		cmocka_unit_test(a_second_signal_ends_it_at_once),
		cmocka_unit_test(the_grace_ends_it_by_the_signal_that_came),
		cmocka_unit_test(dying_is_by_the_signal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
