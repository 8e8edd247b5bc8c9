/* JSON as it is written: exact bytes, and validity whatever goes in. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/base/json_writer.h"
#include "tests/harness/random.h"
#include "tests/harness/utf8.h"

static void assert_written(const struct buffer *out, const char *expected)
{
	char *text AUTO_FREE = must_memdup(out->at, out->len);
	assert_string_equal(text, expected);
}

/* ---- exact output ---------------------------------------------------------------- */

static void object_has_its_members_in_order(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	json_writer_object_begin(&writer, NULL);
	json_writer_text(&writer, "layer", "abc");
	json_writer_text(&writer, "replaces", NULL);
	json_writer_unsigned(&writer, "bytes", UINT64_MAX);
	json_writer_signed(&writer, "time", INT64_MIN);
	json_writer_boolean(&writer, "stale", false);
	json_writer_boolean(&writer, "whole", true);
	json_writer_null(&writer, "run");
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	assert_written(&out, "{\"layer\":\"abc\",\"replaces\":null,"
			     "\"bytes\":18446744073709551615,"
			     "\"time\":-9223372036854775808,"
			     "\"stale\":false,\"whole\":true,\"run\":null}\n");
}

static void containers_nest_and_may_be_empty(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	json_writer_array_begin(&writer, NULL);
	json_writer_object_begin(&writer, NULL);
	json_writer_array_begin(&writer, "a");
	json_writer_array_end(&writer);
	json_writer_array_begin(&writer, "b");
	json_writer_unsigned(&writer, NULL, 0);
	json_writer_array_begin(&writer, NULL);
	json_writer_array_end(&writer);
	json_writer_signed(&writer, NULL, -1);
	json_writer_array_end(&writer);
	json_writer_object_begin(&writer, "c");
	json_writer_object_end(&writer);
	json_writer_object_end(&writer);
	json_writer_text(&writer, NULL, "");
	json_writer_array_end(&writer);
	assert_written(&out, "[{\"a\":[],\"b\":[0,[],-1],\"c\":{}},\"\"]");
}

static void lines_follow_each_other(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	for (uint64_t i = 0; i < 2; i++) {
		json_writer_array_begin(&writer, NULL);
		json_writer_unsigned(&writer, NULL, i);
		json_writer_array_end(&writer);
		json_writer_line_end(&writer);
	}
	json_writer_null(&writer, NULL);
	json_writer_line_end(&writer);
	assert_written(&out, "[0]\n[1]\nnull\n");
}

static void depth_goes_to_its_limit(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	for (size_t i = 0; i < JSON_DEPTH_MAX; i++)
		json_writer_array_begin(&writer, NULL);
	for (size_t i = 0; i < JSON_DEPTH_MAX; i++)
		json_writer_array_end(&writer);
	json_writer_line_end(&writer);
	assert_int_equal(out.len, 2 * JSON_DEPTH_MAX + 1);
}

static void assert_text(const char *text, size_t len, const char *expected)
{
	struct buffer out AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	json_writer_text_len(&writer, NULL, text, len);
	assert_written(&out, expected);
}

static void text_escapes_what_json_asks_for(void **state)
{
	(void)state;
	assert_text("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
	assert_text("\n\t\r\b\0\x1f\x7f", 7,
		    "\"\\n\\t\\u000d\\u0008\\u0000\\u001f\x7f\"");
	assert_text("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void text_that_is_not_utf8_stays_valid(void **state)
{
	(void)state;
	assert_text("a\xff"
		    "b",
		    3, "\"a\\\\xffb\"");
	assert_text("\xe2\x82", 2, "\"\\\\xe2\\\\x82\"");
	assert_text("\xed\xa0\x80", 3, "\"\\\\xed\\\\xa0\\\\x80\"");
}

static void member_names_are_escaped_too(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	json_writer_object_begin(&writer, NULL);
	json_writer_null(&writer, "a\"\xff\n");
	json_writer_object_end(&writer);
	assert_written(&out, "{\"a\\\"\\\\xff\\n\":null}");
}

static void assert_path(const char *path, size_t len, const char *expected)
{
	struct buffer out AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	json_writer_path(&writer, NULL, path, len);
	assert_written(&out, expected);
}

static void path_has_the_escape_inside_the_string(void **state)
{
	(void)state;
	assert_path("src/main.c", 10, "\"src/main.c\"");
	assert_path("a\\b", 3, "\"a\\\\\\\\b\"");
	assert_path("a\xff", 2, "\"a\\\\xff\"");
	assert_path("a\n", 2, "\"a\\\\x0a\"");
	assert_path("\"", 1, "\"\\\"\"");
}

/* ---- whatever goes in ------------------------------------------------------------ */

static size_t parse_escape(const char *at, struct buffer *ret_text)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	if (at[1] == 'u') {
		char digits[5] = {at[2], at[3], at[4], at[5]};
		assert_int_equal(strspn(digits, "0123456789abcdef"), 4);
		unsigned long value = strtoul(digits, NULL, 16);
		assert_in_range(value, 0, 0x1f);
		buffer_put_u8(ret_text, (uint8_t)value);
		return 6;
	}
	const char *name = at[1] ? strchr(names, at[1]) : NULL;
	assert_non_null(name);
	buffer_put_u8(ret_text, (uint8_t)values[name - names]);
	return 2;
}

/* A strict reader of one JSON string: fails on everything that RFC 8259 §7 forbids. */
static void parse_string(const struct buffer *out, struct buffer *ret_text)
{
	char *json AUTO_FREE = must_memdup(out->at, out->len);
	assert_int_equal(strlen(json), out->len);
	assert_true(is_utf8(json, out->len));
	assert_true(out->len >= 2);
	assert_int_equal(json[0], '"');
	assert_int_equal(json[out->len - 1], '"');
	size_t at = 1;
	while (at < out->len - 1) {
		assert_true((uint8_t)json[at] >= 0x20);
		assert_int_not_equal(json[at], '"');
		if (json[at] == '\\')
			at += parse_escape(json + at, ret_text);
		else
			buffer_put_u8(ret_text, (uint8_t)json[at++]);
	}
	assert_int_equal(at, out->len - 1);
}

static void check_text(const char *bytes, size_t len)
{
	struct buffer out AUTO(buffer_fini) = {0};
	struct buffer text AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	json_writer_text_len(&writer, NULL, bytes, len);
	parse_string(&out, &text);
	if (!is_utf8(bytes, len))
		return;
	assert_int_equal(text.len, len);
	if (len > 0)
		assert_memory_equal(text.at, bytes, len);
}

static void check_path(const char *bytes, size_t len)
{
	struct buffer out AUTO(buffer_fini) = {0};
	struct buffer text AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &out);
	json_writer_path(&writer, NULL, bytes, len);
	parse_string(&out, &text);
	size_t back_len;
	char *back AUTO_FREE = escape_decode((const char *)text.at, text.len, &back_len);
	assert_non_null(back);
	assert_int_equal(back_len, len);
	assert_memory_equal(back, bytes, len);
}

static void every_byte_gives_valid_json(void **state)
{
	(void)state;
	for (int value = 0; value < 256; value++) {
		char byte = (char)value;
		check_text(&byte, 1);
		check_path(&byte, 1);
	}
}

static void random_bytes_give_valid_json_and_paths_come_back(void **state)
{
	(void)state;
	static const char likely[] = "\\\"x\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/0f";
	for (size_t round = 0; round < 5000; round++) {
		char bytes[24];
		size_t len = random_below(sizeof(bytes));
		for (size_t i = 0; i < len; i++)
			bytes[i] = random_below(2) ? likely[random_below(sizeof(likely))]
						   : (char)random_below(256);
		check_text(bytes, len);
		check_path(bytes, len);
	}
}

/* ---- claims ---------------------------------------------------------------------- */

static void end_without_begin(struct json_writer *writer)
{
	json_writer_object_end(writer);
}

static void end_of_the_wrong_kind(struct json_writer *writer)
{
	json_writer_array_begin(writer, NULL);
	json_writer_object_end(writer);
}

static void member_without_name(struct json_writer *writer)
{
	json_writer_object_begin(writer, NULL);
	json_writer_null(writer, NULL);
}

static void name_in_array(struct json_writer *writer)
{
	json_writer_array_begin(writer, NULL);
	json_writer_null(writer, "a");
}

static void name_at_the_top(struct json_writer *writer)
{
	json_writer_null(writer, "a");
}

static void two_values_on_a_line(struct json_writer *writer)
{
	json_writer_null(writer, NULL);
	json_writer_null(writer, NULL);
}

static void line_end_while_open(struct json_writer *writer)
{
	json_writer_array_begin(writer, NULL);
	json_writer_line_end(writer);
}

static void line_end_without_value(struct json_writer *writer)
{
	json_writer_line_end(writer);
}

static void one_level_too_deep(struct json_writer *writer)
{
	for (size_t i = 0; i <= JSON_DEPTH_MAX; i++)
		json_writer_array_begin(writer, NULL);
}

/* Runs misuse in a child, quietly, and wants it to abort. */
static void assert_claims(void (*misuse)(struct json_writer *writer))
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit no_core = {0};
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		struct buffer out = {0};
		struct json_writer writer;
		json_writer_init(&writer, &out);
		misuse(&writer);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void misuse_is_claimed(void **state)
{
	(void)state;
	assert_claims(end_without_begin);
	assert_claims(end_of_the_wrong_kind);
	assert_claims(member_without_name);
	assert_claims(name_in_array);
	assert_claims(name_at_the_top);
	assert_claims(two_values_on_a_line);
	assert_claims(line_end_while_open);
	assert_claims(line_end_without_value);
	assert_claims(one_level_too_deep);
}

int main(void)
{
	random_begin(20261103);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(object_has_its_members_in_order),
		cmocka_unit_test(containers_nest_and_may_be_empty),
		cmocka_unit_test(lines_follow_each_other),
		cmocka_unit_test(depth_goes_to_its_limit),
		cmocka_unit_test(text_escapes_what_json_asks_for),
		cmocka_unit_test(text_that_is_not_utf8_stays_valid),
		cmocka_unit_test(member_names_are_escaped_too),
		cmocka_unit_test(path_has_the_escape_inside_the_string),
		cmocka_unit_test(every_byte_gives_valid_json),
		cmocka_unit_test(random_bytes_give_valid_json_and_paths_come_back),
		cmocka_unit_test(misuse_is_claimed),
	};
	return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
