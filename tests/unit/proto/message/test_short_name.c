/*
 * Unit tests: how names that the product makes are shortened (M7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/message/short_name.h"

#define ROOM (NAME_LEN_MAX - SHORT_NAME_END_LEN) /* of the beginning */

/* So many bytes of one letter, with `end` behind them. */
static char *name_of(size_t len, const char *end)
{
	char *name = must_alloc(len + strlen(end) + 1);
	memset(name, 'x', len);
	(void)strcpy(name + len, end);
	return name;
}

static void assert_begins(const char *name, size_t len, const char *begin)
{
	char *short_name AUTO_FREE = short_name_of(name, NAME_LEN_MAX);
	assert_memory_equal(short_name, begin, len);
	assert_int_equal(short_name[len], '~');
	assert_int_equal(strlen(short_name), len + SHORT_NAME_END_LEN);
}

static void a_name_that_fits_is_itself(void **state)
{
	(void)state;
	char *name AUTO_FREE = name_of(NAME_LEN_MAX, "");
	char *short_name AUTO_FREE = short_name_of(name, NAME_LEN_MAX);
	assert_string_equal(short_name, name);
}

static void one_byte_more_gives_a_beginning_and_a_hash(void **state)
{
	(void)state;
	char *name AUTO_FREE = name_of(NAME_LEN_MAX + 1, "");
	char *short_name AUTO_FREE = short_name_of(name, NAME_LEN_MAX);
	assert_int_equal(strlen(short_name), NAME_LEN_MAX);
	char *begin AUTO_FREE = name_of(ROOM, "~85e62acd750c4eb56b7b6a1d66dca5bf");
	assert_string_equal(short_name, begin);
}

static void names_that_differ_only_at_the_end_stay_different(void **state)
{
	(void)state;
	char *a AUTO_FREE = name_of(1000, "a"), *b AUTO_FREE = name_of(1000, "b");
	char *short_a AUTO_FREE = short_name_of(a, NAME_LEN_MAX);
	char *short_b AUTO_FREE = short_name_of(b, NAME_LEN_MAX);
	assert_memory_equal(short_a, short_b, ROOM + 1);
	assert_string_not_equal(short_a, short_b);
}

static void no_character_is_cut(void **state)
{
	(void)state;
	char *tail AUTO_FREE = name_of(100, "");
	for (size_t missing = 0; missing <= 3;
	     missing++) { /* bytes of 😀 that do not fit */
		char *name AUTO_FREE = name_of(ROOM - 4 + missing, "😀");
		char *whole = NULL;
		assert_true(asprintf(&whole, "%s%s", name, tail) > 0);
		assert_begins(whole, missing == 0 ? ROOM : ROOM - 4 + missing, whole);
		free(whole);
	}
}

static void what_is_no_utf_8_is_cut_between_bytes(void **state)
{
	(void)state;
	char *name AUTO_FREE = name_of(300, "");
	memset(name, '\xff', 300);
	assert_begins(name, ROOM, name);
}

static void a_component_that_grows_too_long_by_its_escapes_is_shortened(void **state)
{
	(void)state;
	char *name AUTO_FREE = name_of(NAME_LEN_MAX - 2, "/");
	char *component AUTO_FREE = short_component_of(name);
	assert_int_equal(strlen(component), COMPONENT_LEN_MAX);
	assert_int_equal(component[ROOM], '~');
	char *fitting AUTO_FREE = short_component_of(name + 1);
	assert_string_equal(fitting + strlen(fitting) - 4, "x%2F");
	assert_int_equal(strlen(fitting), COMPONENT_LEN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_fits_is_itself),
		cmocka_unit_test(one_byte_more_gives_a_beginning_and_a_hash),
		cmocka_unit_test(names_that_differ_only_at_the_end_stay_different),
		cmocka_unit_test(no_character_is_cut),
		cmocka_unit_test(what_is_no_utf_8_is_cut_between_bytes),
		cmocka_unit_test(
			a_component_that_grows_too_long_by_its_escapes_is_shortened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
