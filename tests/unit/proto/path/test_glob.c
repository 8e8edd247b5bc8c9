/* The glob dialect: rule T1, PROTOCOL.md §6.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/path/glob.h"

static void glob_cleanup(struct glob **glob)
{
	glob_free(*glob);
}

static struct glob *must_glob(const char *pattern)
{
	struct glob *glob = NULL;
	struct error error = {0};
	if (glob_new(pattern, strlen(pattern), &glob, &error) < 0)
		fail_msg("%s", error.text);
	return glob;
}

static bool matches_as(const char *pattern, const char *path, bool is_dir)
{
	struct glob *glob AUTO(glob_cleanup) = must_glob(pattern);
	return glob_matches(glob, path, strlen(path), is_dir);
}

static bool matches(const char *pattern, const char *path)
{
	return matches_as(pattern, path, false);
}

static bool excludes(const char *pattern, const char *dir)
{
	struct glob_set set AUTO(glob_set_fini) = {.basename_anywhere = true};
	struct error error;
	assert_int_equal(glob_set_add(&set, pattern, strlen(pattern), &error), 0);
	return glob_set_matches_itself(&set, dir, strlen(dir), true);
}

static void assert_refused(const char *pattern, size_t len, int code, const char *part)
{
	struct error error = {0};
	struct glob *glob = NULL;
	assert_int_equal(glob_new(pattern, len, &glob, &error), code);
	assert_null(glob);
	assert_int_equal(error.code, code);
	if (!strstr(error.text, part))
		fail_msg("`%s` does not say `%s`", error.text, part);
}

static void assert_wrong(const char *pattern, const char *part)
{
	assert_refused(pattern, strlen(pattern), ERR_USAGE, part);
}

/* ---- T1, one sign after the other ------------------------------------------------ */

static void t1_star_stays_in_a_component(void **state)
{
	(void)state;
	assert_true(matches("*", "a"));
	assert_true(matches("*", ".hidden"));
	assert_false(matches("*", "a/b"));
	assert_true(matches("*.c", "main.c"));
	assert_true(matches("*.c", ".c"));
	assert_false(matches("*.c", "src/main.c"));
	assert_true(matches("a*b*c", "aXbbYc"));
	assert_false(matches("a*b*c", "aXbbY"));
	assert_true(matches("*/x", "a/x"));
	assert_false(matches("*/x", "x"));
}

static void t1_question_mark_takes_one_byte(void **state)
{
	(void)state;
	assert_true(matches("?", "."));
	assert_true(matches("a?c", "abc"));
	assert_false(matches("a?c", "a/c"));
	assert_false(matches("?", "ab"));
	assert_false(matches("?", "\xc3\xa9"));
	assert_true(matches("??", "\xc3\xa9"));
}

static void t1_sets_and_ranges(void **state)
{
	(void)state;
	assert_true(matches("[a-c]", "b"));
	assert_false(matches("[a-c]", "d"));
	assert_true(matches("[!a-c]", "d"));
	assert_false(matches("[!a-c]", "b"));
	assert_true(matches("[]a]", "]"));
	assert_false(matches("[!]a]", "]"));
	assert_true(matches("[a-]", "-"));
	assert_true(matches("[-a]", "-"));
	assert_true(matches("[\\]-a]", "^"));
	assert_true(matches("[a\\]b]", "]"));
	assert_true(matches("[\x80-\xff]", "\xc3"));
	assert_true(matches("[*?{,}]", ","));
	assert_true(matches("[[]x", "[x"));
}

/* What ls prints of a name is a pattern of it. */
static void t1_hexadecimal_escapes_are_bytes(void **state)
{
	(void)state;
	assert_true(matches("caf\\xe9", "caf\xe9"));
	assert_true(matches("caf\\xE9/*", "caf\xe9/x"));
	assert_true(matches("*\\x0a?", "a\nb"));
	assert_true(matches("[\\x80-\\xff]", "\xc3"));
	assert_true(matches("\\x2a", "*"));
	assert_false(matches("\\x2a", "a"));
	assert_true(matches("{\\x2c,b}", ","));
	assert_true(matches("\\\\x41", "\\x41"));
	assert_false(matches("\\\\x41", "A"));
	assert_true(matches("\\x4", "x4"));
	assert_true(matches("\\xg1", "xg1"));
	assert_wrong("a\\x2fb", "no name has");
	assert_wrong("a*\\x00", "no name has");
	assert_wrong("\\x2e./a", "..");
}

static void t1_set_never_takes_a_slash(void **state)
{
	(void)state;
	assert_false(matches("a[/]b", "a/b"));
	assert_false(matches("a[!x]b", "a/b"));
	assert_false(matches("a[+-9]b", "a/b"));
	assert_true(matches("a[/x]b", "axb"));
}

static void t1_caret_is_an_ordinary_byte(void **state)
{
	(void)state;
	assert_true(matches("[^a]", "a"));
	assert_true(matches("[^a]", "^"));
	assert_false(matches("[^a]", "b"));
}

static void t1_braces_nest_and_may_hold_slashes(void **state)
{
	(void)state;
	assert_true(matches("{a,b}.c", "a.c"));
	assert_true(matches("{a,b}.c", "b.c"));
	assert_false(matches("{a,b}.c", "c.c"));
	assert_true(matches("{src/{x,y},z}/*.c", "src/y/m.c"));
	assert_true(matches("{src/{x,y},z}/*.c", "z/m.c"));
	assert_false(matches("{src/{x,y},z}/*.c", "src/m.c"));
	assert_true(matches("a{,/b}", "a"));
	assert_true(matches("a{,/b}", "a/b"));
	assert_true(matches("{a}", "a"));
	assert_true(matches("{{a,b},{c,d}}{1,2}", "c2"));
	assert_true(matches("{a\\,b,c}", "a,b"));
	assert_true(matches("{[,],c}", ","));
	assert_true(matches("a}b]", "a}b]"));
	assert_true(matches("a,b", "a,b"));
}

static void t1_double_star_matches_no_component(void **state)
{
	(void)state;
	assert_true(matches("**/x", "x"));
	assert_true(matches("a/**/x", "a/x"));
	assert_true(matches("**/**/x", "x"));
}

static void t1_double_star_matches_many_components(void **state)
{
	(void)state;
	assert_true(matches("**/x", "a/.b/x"));
	assert_true(matches("a/**/x", "a/b/c/x"));
	assert_true(matches("a/**/b/**/c", "a/b/x/b/y/c"));
	assert_true(matches("**/a/b", "a/a/a/b"));
	assert_false(matches("**/a/b", "a/b/a"));
	assert_true(matches("**", "a/b/c"));
}

static void t1_double_star_at_the_end_wants_a_component(void **state)
{
	(void)state;
	assert_true(matches("a/**", "a/b"));
	assert_true(matches("a/**", "a/b/c"));
	assert_false(matches_as("a/**", "a", true));
	assert_false(matches("a/**/**", "a"));
	assert_false(matches_as("**", "", true));
	assert_false(matches("a/**/", "a/b"));
	assert_true(matches_as("a/**/", "a/b", true));
}

static void t1_double_star_beside_bytes_is_a_star(void **state)
{
	(void)state;
	assert_true(matches("a**", "abc"));
	assert_false(matches("a**", "a/b"));
	assert_true(matches("***", "ab"));
	assert_false(matches("***", "a/b"));
	assert_true(matches("**b/c", "ab/c"));
	assert_false(matches("**b/c", "a/b/c"));
}

static void t1_backslash_takes_the_next_byte(void **state)
{
	(void)state;
	assert_true(matches("\\*", "*"));
	assert_false(matches("\\*", "a"));
	assert_true(matches("\\[a]", "[a]"));
	assert_true(matches("\\{a,b\\}", "{a,b}"));
	assert_true(matches("\\\\?", "\\x"));
	assert_true(matches("\\a", "a"));
	assert_false(matches("\\*\\*/x", "a/x"));
}

static void t1_trailing_slash_wants_a_directory(void **state)
{
	(void)state;
	assert_true(matches_as("a/", "a", true));
	assert_false(matches_as("a/", "a", false));
	assert_true(matches_as("a/.", "a", true));
	assert_false(matches_as("a/.", "a", false));
	assert_true(matches_as("{a/,b}", "b", false));
	assert_false(matches_as("{a/,b}", "a", false));
}

static void t1_spelling_is_cleaned(void **state)
{
	(void)state;
	assert_true(matches("./a", "a"));
	assert_true(matches(".//./a//b", "a/b"));
	assert_true(matches("a/./b", "a/b"));
	assert_true(matches("{a/,b}/c", "a/c"));
	assert_true(matches_as(".", "", true));
	assert_true(matches_as("./", "", true));
	assert_false(matches_as("a", "", true));
	assert_false(matches(".", "a"));
}

/* ---- paths as patterns ------------------------------------------------------------- */

static void plain_ends_at_the_first_special_byte(void **state)
{
	(void)state;
	assert_int_equal(glob_plain_len("a/b],}!-c"), 9);
	assert_int_equal(glob_plain_len(""), 0);
	static const char *const special[] = {"ab*", "ab?", "ab[c]", "ab{c,d}", "ab\\c"};
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		assert_int_equal(glob_plain_len(special[i]), 2);
}

/* Each path of three bytes that mean something to someone, against all of them. */
static void an_escaped_path_matches_itself_alone(void **state)
{
	(void)state;
	static const char bytes[] = "*?[]{},\\!-x4\xff";
	char paths[(sizeof(bytes) - 1) * (sizeof(bytes) - 1) * (sizeof(bytes) - 1)][4];
	size_t count = 0;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++, count++) {
		size_t base = sizeof(bytes) - 1;
		char path[4] = {bytes[i % base], bytes[i / base % base],
				bytes[i / base / base], '\0'};
		memcpy(paths[i], path, sizeof(path));
	}
	for (size_t i = 0; i < count; i++) {
		char *pattern AUTO_FREE = glob_escape(paths[i]);
		struct glob *glob AUTO(glob_cleanup) = must_glob(pattern);
		for (size_t j = 0; j < count; j++)
			assert_int_equal(glob_matches(glob, paths[j], 3, false), i == j);
	}
}

/* ---- what is refused ------------------------------------------------------------- */

static void wrong_patterns_are_named_with_a_reason(void **state)
{
	(void)state;
	assert_wrong("", "empty");
	assert_wrong("{a,}", "empty");
	assert_wrong("/a", "relative to the root");
	assert_wrong("{,b}/a", "relative to the root");
	assert_wrong("..", "`..` component");
	assert_wrong("a/../b", "`..` component");
	assert_wrong("a/{b,.}.", "`..` component");
	assert_wrong("\\.\\.", "`..` component");
	assert_wrong("a[b", "`a[b`: the bracket is never closed");
	assert_wrong("[]", "the bracket is never closed");
	assert_wrong("[!]", "the bracket is never closed");
	assert_wrong("[a\\", "the bracket is never closed");
	assert_wrong("{a,[}", "the bracket is never closed");
	assert_wrong("{a,b", "the brace is never closed");
	assert_wrong("{a,{b}", "the brace is never closed");
	assert_wrong("{a,[}]", "the brace is never closed");
	assert_wrong("a\\", "backslash");
	assert_wrong("[z-a]", "range");
	assert_refused("a\0b", 3, ERR_USAGE, "NUL");
	assert_wrong("\xff{", "`\\xff{`");
}

static void long_patterns_are_beyond_a_limit(void **state)
{
	(void)state;
	static char pattern[PATTERN_LEN_MAX + 1];
	memset(pattern, 'x', sizeof(pattern));
	assert_refused(pattern, sizeof(pattern), ERR_LIMIT, "32768");
	struct error error;
	struct glob *glob AUTO(glob_cleanup) = NULL;
	assert_int_equal(glob_new(pattern, sizeof(pattern) - 1, &glob, &error), 0);
}

static void braces_end_at_1024_alternatives(void **state)
{
	(void)state;
	char pattern[64] = "";
	for (size_t i = 0; i < 10; i++)
		strcat(pattern, "{a,b}");
	assert_true(matches(pattern, "ababababab"));
	assert_false(matches(pattern, "abababababc"));
	strcat(pattern, "{a,b}");
	assert_refused(pattern, strlen(pattern), ERR_LIMIT, "1024 alternatives");
}

static void braces_deep_or_many_are_beyond_a_limit(void **state)
{
	(void)state;
	static char pattern[PATTERN_LEN_MAX];
	memset(pattern, '{', sizeof(pattern) / 2);
	memset(pattern + sizeof(pattern) / 2, '}', sizeof(pattern) / 2);
	assert_refused(pattern, sizeof(pattern), ERR_LIMIT, "1 MiB");
	for (size_t i = 0; i + 3 <= sizeof(pattern); i += 3)
		memcpy(pattern + i, "{a}", 3);
	assert_refused(pattern, sizeof(pattern) / 3 * 3, ERR_LIMIT, "1 MiB");
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = ',';
	pattern[0] = '{';
	pattern[sizeof(pattern) - 1] = '}';
	assert_refused(pattern, sizeof(pattern), ERR_LIMIT, "alternatives");
}

/* ---- basenames ------------------------------------------------------------------- */

/* As an exclude a pattern without a slash matches at any depth. */
static void basename_has_no_slash_as_given(void **state)
{
	(void)state;
	assert_true(excludes("a", "z/a"));
	assert_true(excludes("*.o", "z/a.o"));
	assert_true(excludes("a/", "z/a"));
	assert_true(excludes("{a,b}", "z/b"));
	assert_true(excludes("a/b", "a/b"));
	assert_false(excludes("a/b", "z/a/b"));
	assert_true(excludes("./a", "a"));
	assert_false(excludes("./a", "z/a"));
	assert_false(excludes("{a,b/c}", "z/a"));
	assert_false(excludes(".", "z"));
}

/* ---- cost ------------------------------------------------------------------------ */

static void many_stars_take_no_exponential_time(void **state)
{
	(void)state;
	char pattern[2 * 120 + 2];
	for (size_t i = 0; i < 120; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	strcpy(pattern + 2 * 120, "b");
	char name[256];
	memset(name, 'a', 255);
	name[255] = '\0';
	assert_false(matches(pattern, name));
}

static void many_double_stars_take_no_exponential_time(void **state)
{
	(void)state;
	char pattern[5 * 200 + 2];
	for (size_t i = 0; i < 200; i++)
		memcpy(pattern + 5 * i, "**/a/", 5);
	strcpy(pattern + 5 * 200, "b");
	char path[2 * 2000 + 2];
	for (size_t i = 0; i < 2000; i++)
		memcpy(path + 2 * i, "a/", 2);
	strcpy(path + 2 * 2000, "c");
	assert_false(matches(pattern, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t1_star_stays_in_a_component),
		cmocka_unit_test(t1_question_mark_takes_one_byte),
		cmocka_unit_test(t1_sets_and_ranges),
		cmocka_unit_test(t1_set_never_takes_a_slash),
		cmocka_unit_test(t1_hexadecimal_escapes_are_bytes),
		cmocka_unit_test(t1_caret_is_an_ordinary_byte),
		cmocka_unit_test(t1_braces_nest_and_may_hold_slashes),
		cmocka_unit_test(t1_double_star_matches_no_component),
		cmocka_unit_test(t1_double_star_matches_many_components),
		cmocka_unit_test(t1_double_star_at_the_end_wants_a_component),
		cmocka_unit_test(t1_double_star_beside_bytes_is_a_star),
		cmocka_unit_test(t1_backslash_takes_the_next_byte),
		cmocka_unit_test(t1_trailing_slash_wants_a_directory),
		cmocka_unit_test(t1_spelling_is_cleaned),
		cmocka_unit_test(plain_ends_at_the_first_special_byte),
		cmocka_unit_test(an_escaped_path_matches_itself_alone),
		cmocka_unit_test(wrong_patterns_are_named_with_a_reason),
		cmocka_unit_test(long_patterns_are_beyond_a_limit),
		cmocka_unit_test(braces_end_at_1024_alternatives),
		cmocka_unit_test(braces_deep_or_many_are_beyond_a_limit),
		cmocka_unit_test(basename_has_no_slash_as_given),
		cmocka_unit_test(many_stars_take_no_exponential_time),
		cmocka_unit_test(many_double_stars_take_no_exponential_time),
	};
	return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
