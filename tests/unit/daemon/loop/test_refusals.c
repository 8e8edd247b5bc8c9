/* The log's lines about strangers: so many in a span of time, and one that counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/loop/refusals.h"

static const struct log everything = {.level = LOG_DEBUG};

/* What is written on standard error by this call, at most one line. */
static void ticked(struct refusals *refusals, uint64_t now_ms, char *ret_text,
		   size_t room)
{
	int ends[2], kept = dup(STDERR_FILENO);
	assert_int_equal(pipe(ends), 0);
	(void)dup2(ends[1], STDERR_FILENO);
	refusals_tick(refusals, &everything, now_ms);
	(void)dup2(kept, STDERR_FILENO);
	close(ends[1]);
	ssize_t len = read(ends[0], ret_text, room - 1);
	assert_true(len >= 0);
	ret_text[len] = '\0';
	close(ends[0]);
	close(kept);
}

static unsigned told_of(struct refusals *refusals, unsigned count)
{
	unsigned told = 0;
	for (unsigned i = 0; i < count; i++)
		told += refusals_may_tell(refusals);
	return told;
}

static void so_many_are_told_in_a_span_and_the_others_counted(void **state)
{
	(void)state;
	struct refusals refusals = {0};
	char text[300];
	assert_int_equal(told_of(&refusals, REFUSALS_TOLD_MAX), REFUSALS_TOLD_MAX);
	assert_int_equal(told_of(&refusals, 1000), 0);
	ticked(&refusals, REFUSALS_SPAN_MS - 1, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(told_of(&refusals, 1), 0);
	ticked(&refusals, REFUSALS_SPAN_MS, text, sizeof(text));
	assert_non_null(strstr(text, "1001 more without a line of their own"));
	assert_int_equal(told_of(&refusals, 1), 1);
}

static void where_all_were_told_there_is_nothing_to_count(void **state)
{
	(void)state;
	struct refusals refusals = {0};
	char text[300];
	assert_int_equal(told_of(&refusals, REFUSALS_TOLD_MAX), REFUSALS_TOLD_MAX);
	ticked(&refusals, REFUSALS_SPAN_MS, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_are_told_in_a_span_and_the_others_counted),
		cmocka_unit_test(where_all_were_told_there_is_nothing_to_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
