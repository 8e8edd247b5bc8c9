/* Advice: named by the daemon, worded by the client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/terminal/advice.h"
#include "client/terminal/report.h"
#include "proto/base/advice.h"
#include "proto/base/cleanup.h"

static void each_advice_has_one_name_and_one_text(void **state)
{
	(void)state;
	char text[ADVICE_TEXT_SIZE];
	for (unsigned i = 0; i < ADVICE_COUNT; i++) {
		const char *name = advice_name(i);
		assert_int_equal(advice_named(name, strlen(name)), 1u << i);
		assert_int_equal(advice_named(name, strlen(name) - 1), 0);
		assert_true(strlen(advice_text(1u << i, text)) > 0);
	}
	assert_int_equal(advice_named("of-a-later-version", 18), 0);
	assert_int_equal(advice_named("", 0), 0);
	assert_string_equal(advice_text(0, text), "");
}

static void all_advice_at_once_has_room(void **state)
{
	(void)state;
	char text[ADVICE_TEXT_SIZE];
	const char *last = "--namespace or BATON_NAMESPACE";
	(void)advice_text(UINT32_MAX, text);
	assert_true(strlen(text) > strlen(last));
	assert_string_equal(text + strlen(text) - strlen(last), last);
}

static void a_reported_error_says_what_helps(void **state)
{
	(void)state;
	struct report *report = report_new_silent();
	struct error error = {0};
	(void)error_set(&error, ERR_STALE, "`c` is stale; run `c` again");
	assert_int_equal(error_advise(&error, ADVICE_STALE_TOO), ERR_STALE);
	char *object AUTO_FREE = report_take_object(report, ERR_STALE, &error);
	assert_non_null(strstr(object, "`c` is stale; run `c` again, or use "
				       "--stale=keep\""));
	(void)error_set(&error, ERR_LOCAL, "another one");
	assert_int_equal(error.advice, 0);
	report_free(report);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_advice_has_one_name_and_one_text),
		cmocka_unit_test(all_advice_at_once_has_room),
		cmocka_unit_test(a_reported_error_says_what_helps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
