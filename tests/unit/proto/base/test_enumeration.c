/* Names in a sentence: whole ones, and how many more there are (L1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/base/enumeration.h"
#include "proto/base/text.h"

static void assert_text(size_t count, size_t len, const char *expected)
{
	struct enumeration enumeration AUTO(enumeration_fini) = {0};
	for (size_t i = 0; i < count; i++) {
		char name[1024];
		(void)snprintf(name, sizeof(name), "%0*zu", (int)len, i);
		enumeration_add(&enumeration, name);
	}
	assert_string_equal(enumeration_end(&enumeration), expected);
}

static void a_few_are_all_named(void **state)
{
	(void)state;
	assert_text(0, 1, "");
	assert_text(1, 1, "0");
	assert_text(2, 1, "0 and 1");
	assert_text(3, 1, "0, 1 and 2");
	assert_text(8, 1, "0, 1, 2, 3, 4, 5, 6 and 7");
}

static void of_many_the_first_few_are_named_and_the_rest_is_counted(void **state)
{
	(void)state;
	assert_text(9, 1, "0, 1, 2, 3, 4, 5, 6, 7 and 1 more");
	assert_text(28, 2, "00, 01, 02, 03, 04, 05, 06, 07 and 20 more");
}

/* The first may be of any length; a name is never cut. */
static void long_names_leave_others_to_the_count(void **state)
{
	(void)state;
	struct enumeration enumeration AUTO(enumeration_fini) = {0};
	char name[700];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	enumeration_add(&enumeration, name);
	enumeration_add(&enumeration, "b");
	enumeration_add(&enumeration, "c");
	const char *text = enumeration_end(&enumeration);
	assert_int_equal(strlen(text), 699 + strlen(" and 2 more"));
	assert_string_equal(text + 699, " and 2 more");
}

static void names_that_still_fit_are_named(void **state)
{
	(void)state;
	char expected[1024];
	(void)snprintf(expected, sizeof(expected), "%0160d, %0160d and %0160d", 0, 1, 2);
	assert_text(3, 160, expected);
	(void)snprintf(expected, sizeof(expected), "%0170d, %0170d and 1 more", 0, 1);
	assert_text(3, 170, expected);
}

/* ---- a text that is too long --------------------------------------------------------
 */

static void a_text_that_fits_stays(void **state)
{
	(void)state;
	char text[16];
	text_shorten("fifteen bytes..", text, sizeof(text));
	assert_string_equal(text, "fifteen bytes..");
}

/* Two bytes each, at every place at which a cut may come. */
static void the_middle_is_left_out_between_whole_characters(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		char whole[128], text[33];
		size_t len = 0;
		for (; len < shift; len++)
			whole[len] = 'a';
		for (; len < 120; len += 2)
			memcpy(whole + len, "ä", 2);
		whole[len] = '\0';
		text_shorten(whole, text, sizeof(text));
		assert_true(strlen(text) < sizeof(text));
		assert_true(strlen(text) > sizeof(text) - 6);
		assert_true(text_is_clean(text_of(text)));
		assert_non_null(strstr(text, "…"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_are_all_named),
		cmocka_unit_test(of_many_the_first_few_are_named_and_the_rest_is_counted),
		cmocka_unit_test(long_names_leave_others_to_the_count),
		cmocka_unit_test(names_that_still_fit_are_named),
		cmocka_unit_test(a_text_that_fits_stays),
		cmocka_unit_test(the_middle_is_left_out_between_whole_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
