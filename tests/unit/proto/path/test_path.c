/* Paths as stored, their order, UTF-8 and the escapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/base/text.h"
#include "proto/bounds.h"
#include "proto/path/path.h"
#include "tests/harness/random.h"
#include "tests/harness/utf8.h"

static bool valid(const char *path)
{
	return path_valid(path, strlen(path));
}

static int compare(const char *a, const char *b)
{
	return path_compare(a, strlen(a), b, strlen(b));
}

static bool below(const char *path, const char *dir)
{
	return path_below(path, strlen(path), dir, strlen(dir));
}

static bool utf8(const char *text)
{
	return is_utf8(text, strlen(text));
}

static void assert_escape(const char *path, size_t len, const char *expected)
{
	char *text AUTO_FREE = escape_encode(path, len);
	assert_string_equal(text, expected);
}

static void assert_component(const char *name, size_t len, const char *expected)
{
	char *component AUTO_FREE = path_component_of(name, len);
	assert_string_equal(component, expected);
}

/* ---- path_valid ------------------------------------------------------------------ */

static void path_takes_any_bytes_but_nul(void **state)
{
	(void)state;
	assert_true(valid("a"));
	assert_true(valid("a/b/c.d"));
	assert_true(valid(".hidden/..x/..."));
	assert_true(valid("\xff\x01 \n\\*"));
	assert_false(path_valid("a\0b", 3));
	assert_false(path_valid("a\0", 2));
}

static void path_refuses_empty_and_dot_components(void **state)
{
	(void)state;
	static const char *const bad[] = {"",     "/",     "/a",    "a/",   "a//b",
					  ".",    "..",    "./a",   "../a", "a/.",
					  "a/..", "a/./b", "a/../b"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(valid(bad[i]));
}

static void path_component_ends_at_its_limit(void **state)
{
	(void)state;
	char path[COMPONENT_LEN_MAX + 4];
	memset(path, 'x', sizeof(path));
	assert_true(path_valid(path, COMPONENT_LEN_MAX));
	assert_false(path_valid(path, COMPONENT_LEN_MAX + 1));
	path[1] = '/';
	assert_true(path_valid(path, COMPONENT_LEN_MAX + 2));
	assert_false(path_valid(path, COMPONENT_LEN_MAX + 3));
}

static void path_length_and_depth_end_at_their_limits(void **state)
{
	(void)state;
	static char path[PATH_LEN_MAX + 1];
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 100 == 99 ? '/' : 'x';
	assert_true(path_valid(path, PATH_LEN_MAX));
	assert_false(path_valid(path, PATH_LEN_MAX + 1));
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'x';
	assert_true(path_valid(path, 2 * PATH_DEPTH_MAX - 1));
	assert_false(path_valid(path, 2 * PATH_DEPTH_MAX + 1));
}

static void path_clean_leaves_what_was_meant(void **state)
{
	(void)state;
	static const struct {
		const char *text, *path, *name;
	} cases[] = {
		{"a", "a", "a"},
		{"./a//b", "a/b", "a/b"},
		{"a/./b", "a/b", "a/b"},
		{"a/", "a/", "a"},
		{"a/.", "a/", "a"},
		{"a//./", "a/", "a"},
		{"a/.b", "a/.b", "a/.b"},
		{".", "", ""},
		{"", "", ""},
		{".//.", "", ""},
		{"/", "/", "/"},
		{"//", "/", "/"},
		{"/.", "/", "/"},
		{"//a/.//b/", "/a/b/", "/a/b"},
		{"../a/..", "../a/..", "../a/.."},
		{"...", "...", "..."},
		{"a/..", "a/..", "a/.."},
		{".a/..b/", ".a/..b/", ".a/..b"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *path AUTO_FREE = path_clean(cases[i].text);
		char *name AUTO_FREE = path_clean_name(cases[i].text);
		assert_string_equal(path, cases[i].path);
		assert_string_equal(name, cases[i].name);
	}
}

/* What is cleaned is a stored path, unless it climbs, is rooted, is the root or too long.
 */
static void path_clean_makes_stored_paths(void **state)
{
	(void)state;
	static const char bytes[] = "a./";
	for (int round = 0; round < 5000; round++) {
		char text[12];
		size_t len = random_below(sizeof(text));
		for (size_t i = 0; i < len; i++)
			text[i] = bytes[random_below(sizeof(bytes) - 1)];
		text[len] = '\0';
		char *name AUTO_FREE = path_clean_name(text);
		char *again AUTO_FREE = path_clean_name(name);
		assert_string_equal(again, name);
		bool climbs =
			strcmp(name, "..") == 0 || strncmp(name, "../", 3) == 0 ||
			strstr(name, "/../") ||
			(strlen(name) > 2 && strcmp(name + strlen(name) - 3, "/..") == 0);
		if (*name && *name != '/')
			assert_int_equal(valid(name), !climbs);
	}
}

/* ---- order and structure --------------------------------------------------------- */

static void path_order_has_slash_below_every_byte(void **state)
{
	(void)state;
	static const char *const ascending[] = {"a",      "a/b",   "a/b/c", "a/b\x01",
						"a/\xff", "a\x01", "a-b",   "a.b",
						"a0",     "ab",    "b",     "\xff"};
	size_t count = sizeof(ascending) / sizeof(ascending[0]);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			int order = compare(ascending[i], ascending[j]);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

static void path_below_wants_a_whole_component(void **state)
{
	(void)state;
	assert_true(below("a/b", "a"));
	assert_true(below("a/b/c", "a/b"));
	assert_false(below("a", "a"));
	assert_false(below("ab", "a"));
	assert_false(below("a", "a/b"));
	assert_false(below("b/c", "a"));
	assert_true(below("a", ""));
	assert_false(below("", ""));
}

static void path_parent_is_all_but_the_last_component(void **state)
{
	(void)state;
	assert_int_equal(path_parent_len("a/bc/d", 6), 4);
	assert_int_equal(path_parent_len("a/b", 3), 1);
	assert_int_equal(path_parent_len("abc", 3), 0);
	assert_int_equal(path_parent_len("", 0), 0);
}

static void path_shared_counts_leading_bytes(void **state)
{
	(void)state;
	assert_int_equal(path_shared("a/bc", 4, "a/bd", 4), 3);
	assert_int_equal(path_shared("a", 1, "a/b", 3), 1);
	assert_int_equal(path_shared("x", 1, "y", 1), 0);
	assert_int_equal(path_shared("", 0, "y", 1), 0);
}

/* ---- UTF-8 ----------------------------------------------------------------------- */

static void utf8_takes_the_bounds_of_each_length(void **state)
{
	(void)state;
	assert_true(utf8(""));
	assert_true(utf8("\x7f"));
	assert_true(utf8("\xc2\x80\xdf\xbf"));
	assert_true(utf8("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"));
	assert_true(utf8("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
}

static void utf8_refuses_overlong_surrogates_beyond_and_cut(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xc3",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\xc3(",
		"\xe2\x82(",
		"\xf0\x9f\x98(",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(utf8(bad[i]));
}

static size_t encode_utf8(uint32_t point, char text[4])
{
	if (point < 0x80) {
		text[0] = (char)point;
		return 1;
	}
	size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--) {
		text[i] = (char)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	text[0] = (char)((0xf00 >> len) | point);
	return len;
}

static void utf8_takes_every_code_point_but_surrogates(void **state)
{
	(void)state;
	for (uint32_t point = 0; point < 0x110000; point++) {
		char text[4];
		size_t len = encode_utf8(point, text);
		size_t expected = point >= 0xd800 && point < 0xe000 ? 0 : len;
		if (text_utf8_len(text, len) != expected)
			fail_msg("U+%04X", point);
		if (text_utf8_len(text, len - 1) != 0)
			fail_msg("U+%04X without its last byte", point);
	}
}

/* ---- escapes --------------------------------------------------------------------- */

static void escape_leaves_utf8_and_marks_the_rest(void **state)
{
	(void)state;
	assert_escape("", 0, "");
	assert_escape("src/main.c", 10, "src/main.c");
	assert_escape("\xc3\xa9 \xf0\x9f\x98\x80", 7, "\xc3\xa9 \xf0\x9f\x98\x80");
	assert_escape("a\\b", 3, "a\\\\b");
	assert_escape("\xff"
		      "a\n\x7f\0",
		      5, "\\xffa\\x0a\\x7f\\x00");
	assert_escape("\xe2\x82", 2, "\\xe2\\x82");
	assert_escape("\\xff", 4, "\\\\xff");
	/* U+0080 to U+009F: a terminal takes U+009B for ESC [ */
	assert_escape("\xc2\x9b"
		      "31m",
		      5, "\\xc2\\x9b31m");
	assert_escape("\xc2\x80\xc2\x9f\xc2\xa0", 6, "\\xc2\\x80\\xc2\\x9f\xc2\xa0");
	assert_escape("\xc2", 1, "\\xc2");
}

static void escape_of_random_bytes_comes_back(void **state)
{
	(void)state;
	static const char likely[] = "\\x/\xc3\xa9\xe2\x82\xac\xf0\x9f"
				     "0f";
	for (size_t round = 0; round < 20000; round++) {
		char path[24];
		size_t len = random_below(sizeof(path));
		for (size_t i = 0; i < len; i++)
			path[i] = random_below(2) ? likely[random_below(sizeof(likely))]
						  : (char)random_below(256);
		char *text AUTO_FREE = escape_encode(path, len);
		assert_true(utf8(text));
		size_t back_len;
		char *back AUTO_FREE = escape_decode(text, strlen(text), &back_len);
		assert_non_null(back);
		assert_int_equal(back_len, len);
		assert_memory_equal(back, path, len);
	}
}

static void escape_has_no_control_bytes(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char path = (char)byte;
		char *text AUTO_FREE = escape_encode(&path, 1);
		for (const char *at = text; *at; at++)
			assert_in_range(*at, 0x20, 0x7e);
	}
}

static void unescape_takes_both_cases_and_any_byte(void **state)
{
	(void)state;
	size_t len;
	char *path AUTO_FREE = escape_decode("\\x41\\xfF\\\\.", 11, &len);
	assert_non_null(path);
	assert_int_equal(len, 4);
	assert_memory_equal(path, "A\xff\\.", 5);
}

static void unescape_refuses_what_is_no_escape(void **state)
{
	(void)state;
	static const char *const bad[] = {"\\",    "a\\", "\\x",   "\\x4",  "\\xg0",
					  "\\x0g", "\\n", "\\X41", "\\\\\\"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = 77;
		assert_null(escape_decode(bad[i], strlen(bad[i]), &len));
		assert_int_equal(len, 77);
	}
}

static void w7_component_is_one_and_not_special(void **state)
{
	(void)state;
	assert_component("build", 5, "build");
	assert_component("a/b", 3, "a%2Fb");
	assert_component("100%", 4, "100%25");
	assert_component(".", 1, "%2E");
	assert_component("..", 2, "%2E%2E");
	assert_component("...", 3, "...");
	assert_component(".a", 2, ".a");
	assert_component("", 0, "%");
	assert_component("a\0b", 3, "a%00b");
}

static void w7_different_names_give_different_components(void **state)
{
	(void)state;
	static const char alphabet[] = "./%2EF";
	char *components[1 + 6 + 36 + 216];
	size_t count = 0;
	for (size_t len = 0; len <= 3; len++) {
		size_t names = len == 0 ? 1 : len == 1 ? 6 : len == 2 ? 36 : 216;
		for (size_t n = 0; n < names; n++) {
			char name[3] = {alphabet[n % 6], alphabet[n / 6 % 6],
					alphabet[n / 36]};
			components[count] = path_component_of(name, len);
			assert_true(valid(components[count]));
			assert_null(strchr(components[count], '/'));
			count++;
		}
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(components[i], components[j]);
	}
	for (size_t i = 0; i < count; i++)
		free(components[i]);
}

int main(void)
{
	random_begin(20261101);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_takes_any_bytes_but_nul),
		cmocka_unit_test(path_refuses_empty_and_dot_components),
		cmocka_unit_test(path_component_ends_at_its_limit),
		cmocka_unit_test(path_length_and_depth_end_at_their_limits),
		cmocka_unit_test(path_clean_leaves_what_was_meant),
		cmocka_unit_test(path_clean_makes_stored_paths),
		cmocka_unit_test(path_order_has_slash_below_every_byte),
		cmocka_unit_test(path_below_wants_a_whole_component),
		cmocka_unit_test(path_parent_is_all_but_the_last_component),
		cmocka_unit_test(path_shared_counts_leading_bytes),
		cmocka_unit_test(utf8_takes_the_bounds_of_each_length),
		cmocka_unit_test(utf8_refuses_overlong_surrogates_beyond_and_cut),
		cmocka_unit_test(utf8_takes_every_code_point_but_surrogates),
		cmocka_unit_test(escape_leaves_utf8_and_marks_the_rest),
		cmocka_unit_test(escape_of_random_bytes_comes_back),
		cmocka_unit_test(escape_has_no_control_bytes),
		cmocka_unit_test(unescape_takes_both_cases_and_any_byte),
		cmocka_unit_test(unescape_refuses_what_is_no_escape),
		cmocka_unit_test(w7_component_is_one_and_not_special),
		cmocka_unit_test(w7_different_names_give_different_components),
	};
	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
