/* The closed list of errors: proto/base/error.h, PROTOCOL.md §8. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/error.h"

static void each_code_travels_over_the_wire(void **state)
{
	(void)state;
#define CHECK(constant, name, number, exit_status, text)                                 \
	assert_int_equal(error_to_wire(ERR_##constant), number);                         \
	assert_int_equal(error_from_wire(number, 0), ERR_##constant);                    \
	assert_int_equal(error_from_wire(number, 5), ERR_##constant);                    \
	assert_string_equal(error_name(ERR_##constant), name);                           \
	assert_string_equal(error_text(ERR_##constant), text);                           \
	assert_int_equal(error_exit_status(ERR_##constant), exit_status);
	ERR_LIST(CHECK)
#undef CHECK
}

static void numbers_are_those_of_the_protocol(void **state)
{
	(void)state;
	assert_int_equal(error_to_wire(ERR_INTERNAL), 1);
	assert_int_equal(error_to_wire(ERR_CONFLICT), 7);
	assert_int_equal(error_to_wire(ERR_READ_ONLY), 19);
	assert_int_equal(error_to_wire(ERR_INTERRUPTED), 25);
	assert_string_equal(error_name(ERR_NOT_FOUND), "not-found");
	assert_int_equal(error_exit_status(ERR_NO_MEMORY), 8);
}

/* A code of a later version is no bug of this one (exit 1). */
static void foreign_numbers_have_the_exit_status_that_came_with_them(void **state)
{
	(void)state;
	static const uint64_t numbers[] = {
		0,         27, 999, 1000, 1007, 1000000000, UINT32_MAX, UINT32_MAX + 2ull,
		UINT64_MAX};
	static const uint64_t untold[] = {0, 1, 10, 255, UINT32_MAX, UINT64_MAX};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		for (uint64_t status = 2; status <= 9; status++) {
			int code = error_from_wire(numbers[i], status);
			assert_true(code < 0);
			assert_int_equal(error_exit_status(code), status);
			assert_string_equal(error_name(code), "unknown");
			assert_int_equal(error_to_wire(code), 1);
		}
		for (size_t k = 0; k < sizeof(untold) / sizeof(*untold); k++)
			assert_int_equal(
				error_exit_status(error_from_wire(numbers[i], untold[k])),
				7);
	}
}

static void what_is_no_code_is_internal_and_named_unknown(void **state)
{
	(void)state;
	assert_int_equal(error_to_wire(-1001), 1);
	assert_int_equal(error_to_wire(7), 1);
	assert_string_equal(error_name(-1001), "unknown");
	assert_string_equal(error_name(INT32_MIN), "unknown");
	assert_int_equal(error_exit_status(0), 0);
	assert_int_equal(error_exit_status(-1001), 1);
	assert_int_equal(error_exit_status(-1010), 1);
	assert_int_equal(error_exit_status(3), 1);
}

static void setting_returns_the_code_and_keeps_the_sentence(void **state)
{
	(void)state;
	struct error error = {0};
	assert_int_equal(error_set(&error, ERR_LOCAL, "`%s`: %d times", "a/b", 3),
			 ERR_LOCAL);
	assert_int_equal(error.code, ERR_LOCAL);
	assert_string_equal(error.text, "`a/b`: 3 times");
}

static void a_sentence_may_quote_the_one_before(void **state)
{
	(void)state;
	struct error error = {0};
	error_set(&error, ERR_LOCAL, "inner");
	error_set(&error, ERR_DAMAGED, "outer: %s", error.text);
	assert_string_equal(error.text, "outer: inner");
}

static void errno_stands_behind_and_chooses_the_code(void **state)
{
	(void)state;
	struct error error = {0};
	assert_int_equal(error_set_errno(&error, ERR_LOCAL, ENOENT, "`%s`", "x"),
			 ERR_LOCAL);
	assert_string_equal(error.text, "`x`: No such file or directory");
	assert_int_equal(error_set_errno(&error, ERR_LOCAL, ENOSPC, "w"), ERR_NO_ROOM);
	assert_int_equal(error_set_errno(&error, ERR_LOCAL, EDQUOT, "w"), ERR_NO_ROOM);
	assert_int_equal(error_set_errno(&error, ERR_LOCAL, ENOMEM, "w"), ERR_NO_MEMORY);
}

/* A sentence around `count` copies of a character. */
static void set_long(struct error *error, const char *character, size_t count)
{
	char middle[4096] = "";
	size_t len = strlen(character);
	for (size_t i = 0; i < count; i++)
		memcpy(middle + i * len, character, len + 1);
	error_set(error, ERR_LOCAL, "begin %s end", middle);
}

static void long_sentences_lose_their_middle(void **state)
{
	(void)state;
	struct error error = {0};
	set_long(&error, "m", 3000);
	assert_true(strlen(error.text) <= ERROR_TEXT_SIZE - 1);
	assert_true(strlen(error.text) >= ERROR_TEXT_SIZE - 3);
	assert_memory_equal(error.text, "begin mmm", 9);
	assert_string_equal(error.text + strlen(error.text) - 5, "m end");
	assert_non_null(strstr(error.text, "m…m"));
}

static void the_longest_whole_sentence_is_kept(void **state)
{
	(void)state;
	struct error error = {0};
	set_long(&error, "m", ERROR_TEXT_SIZE - 1 - strlen("begin  end"));
	assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 1);
	assert_null(strstr(error.text, "…"));
}

static void cutting_does_not_split_a_character(void **state)
{
	(void)state;
	struct error error = {0};
	for (size_t shift = 0; shift < 3; shift++) {
		set_long(&error, "€", 1000 + shift);
		const char *at = error.text + strlen("begin ");
		while (strncmp(at, "€", 3) == 0)
			at += 3;
		assert_memory_equal(at, "…", 3);
		at += 3;
		while (strncmp(at, "€", 3) == 0)
			at += 3;
		assert_string_equal(at, " end");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_travels_over_the_wire),
		cmocka_unit_test(numbers_are_those_of_the_protocol),
		cmocka_unit_test(
			foreign_numbers_have_the_exit_status_that_came_with_them),
		cmocka_unit_test(what_is_no_code_is_internal_and_named_unknown),
		cmocka_unit_test(setting_returns_the_code_and_keeps_the_sentence),
		cmocka_unit_test(a_sentence_may_quote_the_one_before),
		cmocka_unit_test(errno_stands_behind_and_chooses_the_code),
		cmocka_unit_test(long_sentences_lose_their_middle),
		cmocka_unit_test(the_longest_whole_sentence_is_kept),
		cmocka_unit_test(cutting_does_not_split_a_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
