/*
 * The glob matcher against one that is slow, exponential and obviously right, on random
 * patterns over a tiny alphabet and every path of a tiny tree. The same numbers on every
 * run.
 */
#include <ctype.h>
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
#include "proto/path/glob.h"
#include "tests/harness/random.h"

#define TEXT_MAX 256
#define NAMES_MAX 64

static void glob_cleanup(struct glob **glob)
{
	glob_free(*glob);
}

/* ---- the reference: text in, recursion over everything --------------------------- */

/* The byte that the escape at text stands for. */
static int reference_escape(const char *text, const char **ret_next)
{
	unsigned byte;
	int len = 0;
	if (isxdigit((unsigned char)text[2]) &&
	    sscanf(text, "\\x%2x%n", &byte, &len) == 1 && len == 4) {
		*ret_next = text + 4;
		return (int)byte;
	}
	*ret_next = text + 2;
	return (uint8_t)text[1];
}

/* One byte at *at, escaped or not; *at moves behind it. */
static int reference_byte(const char **at)
{
	return **at == '\\' ? reference_escape(*at, at) : (uint8_t) * (*at)++;
}

/* Reads the set at text ("[…]") into a table of bytes; returns what follows it. */
static const char *reference_set(const char *text, bool ret_table[256])
{
	memset(ret_table, 0, 256);
	bool outside = text[1] == '!';
	const char *begin = text + (outside ? 2 : 1);
	const char *at = begin;
	while (at == begin || *at != ']') {
		int low = reference_byte(&at);
		int high = low;
		if (at[0] == '-' && at[1] != ']') {
			at++;
			high = reference_byte(&at);
		}
		for (int byte = low; byte <= high; byte++)
			ret_table[byte] = true;
	}
	for (int byte = 0; outside && byte < 256; byte++)
		ret_table[byte] = !ret_table[byte];
	return at + 1;
}

static const char *reference_skip(const char *text)
{
	const char *next;
	bool table[256];
	if (*text == '[')
		return reference_set(text, table);
	if (*text != '\\')
		return text + 1;
	reference_escape(text, &next);
	return next;
}

static bool reference_name(const char *pattern, const char *name)
{
	bool table[256];
	if (*pattern == '\0')
		return *name == '\0';
	if (*pattern == '*')
		return reference_name(pattern + 1, name) ||
		       (*name && reference_name(pattern, name + 1));
	if (*name == '\0')
		return false;
	const char *next = reference_skip(pattern);
	if (*pattern == '[')
		reference_set(pattern, table);
	bool taken = *pattern == '?'   ? true
		     : *pattern == '[' ? table[(uint8_t)*name]
		     : *pattern == '\\'
			     ? reference_escape(pattern, &next) == (uint8_t)*name
			     : *pattern == *name;
	return taken && reference_name(next, name + 1);
}

struct names {
	char *at[NAMES_MAX];
	size_t count;
	bool only_dirs;
};

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->at[i]);
}

/* Whether a component is spelt "." with or without a backslash. */
static bool is_dot(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') ||
	       (len == 2 && name[0] == '\\' && name[1] == '.');
}

/* Cuts at '/' and '\/', drops what is empty or ".". */
static void names_cut(struct names *names, const char *text)
{
	const char *begin = text;
	for (const char *at = text;; at = *at ? reference_skip(at) : at) {
		bool slash = at[0] == '/' || (at[0] == '\\' && at[1] == '/');
		if (*at && !slash)
			continue;
		size_t len = (size_t)(at - begin);
		names->only_dirs = len == 0 || is_dot(begin, len);
		if (!names->only_dirs)
			names->at[names->count++] = must_memdup(begin, len);
		if (!*at)
			return;
		begin = reference_skip(at);
	}
}

static bool reference_names(char *const *patterns, size_t pattern_count,
			    char *const *names, size_t count)
{
	if (pattern_count == 0)
		return count == 0;
	if (strcmp(patterns[0], "**") == 0) {
		if (pattern_count == 1)
			return count > 0;
		return reference_names(patterns + 1, pattern_count - 1, names, count) ||
		       (count > 0 &&
			reference_names(patterns, pattern_count, names + 1, count - 1));
	}
	return count > 0 && reference_name(patterns[0], names[0]) &&
	       reference_names(patterns + 1, pattern_count - 1, names + 1, count - 1);
}

static void names_of_path(struct names *names, const char *path)
{
	char text[TEXT_MAX];
	snprintf(text, sizeof(text), "%s", path);
	char *rest = text;
	for (char *name; (name = strsep(&rest, "/"));)
		if (*name)
			names->at[names->count++] = must_strdup(name);
}

static bool reference_plain(const char *pattern, const char *path, bool is_dir)
{
	struct names patterns AUTO(names_fini) = {0};
	struct names names AUTO(names_fini) = {0};
	names_cut(&patterns, pattern);
	names_of_path(&names, path);
	return (is_dir || !patterns.only_dirs) &&
	       reference_names(patterns.at, patterns.count, names.at, names.count);
}

static const char *reference_alternative_end(const char *at)
{
	for (int depth = 0; depth > 0 || (*at != ',' && *at != '}');
	     at = reference_skip(at))
		depth += (*at == '{') - (*at == '}');
	return at;
}

static bool reference_matches(const char *pattern, const char *path, bool is_dir)
{
	const char *open = pattern;
	while (*open && *open != '{')
		open = reference_skip(open);
	if (!*open)
		return reference_plain(pattern, path, is_dir);
	const char *close = open;
	do
		close = reference_alternative_end(close + 1);
	while (*close != '}');
	for (const char *at = open; at < close;) {
		const char *end = reference_alternative_end(at + 1);
		char text[TEXT_MAX];
		snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(open - pattern), pattern,
			 (int)(end - at - 1), at + 1, close + 1);
		if (reference_matches(text, path, is_dir))
			return true;
		at = end;
	}
	return false;
}

/* ---- a tiny tree ----------------------------------------------------------------- */

static const char *const tree_names[] = {"a", "b", "ab", ".a"};
#define TREE_NAMES (sizeof(tree_names) / sizeof(tree_names[0]))
#define TREE_DEPTH 4
#define TREE_PATHS (1 + 4 + 16 + 64 + 256)

/* Every path of up to TREE_DEPTH names, the root first. */
static char tree[TREE_PATHS][16];

static int make_tree(void **state)
{
	(void)state;
	size_t count = 1;
	for (size_t dir = 0; count < TREE_PATHS; dir++) {
		for (size_t i = 0; i < TREE_NAMES; i++, count++) {
			strcpy(tree[count], tree[dir]);
			strcat(tree[count], dir > 0 ? "/" : "");
			strcat(tree[count], tree_names[i]);
		}
	}
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	if (len == 0)
		return path[0];
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static size_t depth_of(const char *path)
{
	size_t depth = path[0] != '\0';
	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

/* ---- random patterns ------------------------------------------------------------- */

static void random_pattern(char *pattern, const char *const *parts, uint32_t part_count,
			   uint32_t most)
{
	pattern[0] = '\0';
	for (uint32_t i = 1 + random_below(most); i > 0; i--)
		strcat(pattern, parts[random_below(part_count)]);
}

static struct glob *glob_or_null(const char *pattern)
{
	struct glob *glob = NULL;
	struct error error;
	return glob_new(pattern, strlen(pattern), &glob, &error) < 0 ? NULL : glob;
}

static void assert_same_matches(const struct glob *glob, const char *pattern)
{
	for (size_t i = 0; i < TREE_PATHS; i += 1 + random_below(4)) {
		for (int is_dir = i == 0; is_dir < 2; is_dir++) {
			bool expected = reference_matches(pattern, tree[i], is_dir);
			if (glob_matches(glob, tree[i], strlen(tree[i]), is_dir) !=
			    expected)
				fail_msg("`%s` should%s match `%s`", pattern,
					 expected ? "" : " not", tree[i]);
		}
	}
}

static void t1_matches_are_those_of_the_reference(void **state)
{
	(void)state;
	static const char *const parts[] = {
		"a",          "b",     "a",     "/",         "/",    "*",
		"?",          "**",    "**/",   "/**",       ".",    "[ab]",
		"[!a]",       "[a-b]", "{a,b}", "{a,b/*}",   "{",    "}",
		",",          "\\a",   "[.",    "]",         "-",    "!",
		"{a{b,},*/}", "\\*",   "\\x61", "[\\x62-c]", "\\x6",
	};
	size_t compiled = 0;
	for (size_t round = 0; round < 10000; round++) {
		char pattern[TEXT_MAX];
		random_pattern(pattern, parts, sizeof(parts) / sizeof(parts[0]), 7);
		struct glob *glob AUTO(glob_cleanup) = glob_or_null(pattern);
		if (!glob)
			continue;
		compiled++;
		assert_same_matches(glob, pattern);
	}
	assert_in_range(compiled, 3000, 9500);
}

static void t1_any_bytes_compile_or_are_refused(void **state)
{
	(void)state;
	static const char alphabet[] = "ab/.*?[]{},!-^\\";
	size_t compiled = 0;
	for (size_t round = 0; round < 20000; round++) {
		char pattern[TEXT_MAX] = "";
		size_t len = 1 + random_below(10);
		for (size_t i = 0; i < len; i++)
			pattern[i] = alphabet[random_below(sizeof(alphabet) - 1)];
		struct glob *glob AUTO(glob_cleanup) = glob_or_null(pattern);
		if (!glob)
			continue;
		compiled++;
		if (round % 4 == 0)
			assert_same_matches(glob, pattern);
	}
	assert_in_range(compiled, 2000, 19000);
}

/* ---- walks ----------------------------------------------------------------------- */

static bool something_below_matches(const char *pattern, const char *dir)
{
	for (size_t i = 1; i < TREE_PATHS; i++) {
		if (is_below(tree[i], dir) && reference_matches(pattern, tree[i], true))
			return true;
	}
	return false;
}

static void walk_never_prunes_what_matches(void **state)
{
	(void)state;
	static const char *const parts[] = {
		"a", "b",    "/",    "/",     "/",       "*",  "?",   "**/",    "/**",
		".", "[ab]", "[!a]", "{a,b}", "{a,b/*}", "./", "\\a", "{a/,b}",
	};
	for (size_t round = 0; round < 1000; round++) {
		char pattern[TEXT_MAX];
		random_pattern(pattern, parts, sizeof(parts) / sizeof(parts[0]), 7);
		struct glob *glob AUTO(glob_cleanup) = glob_or_null(pattern);
		for (size_t dir = 0; glob && dir < 21; dir++) {
			bool may =
				glob_may_match_below(glob, tree[dir], strlen(tree[dir]));
			if (!may && something_below_matches(pattern, tree[dir]))
				fail_msg("`%s` prunes `%s`", pattern, tree[dir]);
		}
	}
}

/* Patterns of whole components, each of which some name of the tree satisfies, and
 * short enough that the tree has a match below where one is possible. */
static void walk_prunes_where_nothing_matches(void **state)
{
	(void)state;
	static const char *const names[] = {"a", "b",    "ab",    "*",
					    "?", "[!a]", "{a,b}", "**"};
	for (size_t round = 0; round < 1000; round++) {
		char pattern[TEXT_MAX];
		random_pattern(pattern, &names[random_below(3)], 1, 1);
		for (uint32_t more = random_below(2); more > 0; more--) {
			strcat(pattern, "/");
			strcat(pattern, names[random_below(8)]);
		}
		struct glob *glob AUTO(glob_cleanup) = glob_or_null(pattern);
		assert_non_null(glob);
		for (size_t dir = 0; dir < TREE_PATHS; dir++) {
			if (depth_of(tree[dir]) > TREE_DEPTH - 2)
				continue;
			bool may =
				glob_may_match_below(glob, tree[dir], strlen(tree[dir]));
			if (may != something_below_matches(pattern, tree[dir]))
				fail_msg("`%s` below `%s`: %d", pattern, tree[dir], may);
		}
	}
}

/* ---- sets ------------------------------------------------------------------------ */

/* PROTOCOL.md §6.1 as it is written: the path or a directory above it, at any depth when
 * the pattern has no '/'. */
static bool reference_set_matches(const char *pattern, const char *path, bool is_dir)
{
	size_t len = strlen(pattern);
	while (len > 0 && pattern[len - 1] == '/')
		len--;
	bool anywhere = !memchr(pattern, '/', len);
	for (size_t i = 0; i < TREE_PATHS; i++) {
		bool same = strcmp(tree[i], path) == 0;
		if (!same && !is_below(path, tree[i]))
			continue;
		const char *slash = strrchr(tree[i], '/');
		const char *name = anywhere && slash ? slash + 1 : tree[i];
		if (reference_matches(pattern, name, is_dir || !same))
			return true;
	}
	return false;
}

static void set_matches_are_those_of_the_reference(void **state)
{
	(void)state;
	static const char *const parts[] = {"a",  "b",    "/",    "*",     "?",
					    "**", "/**/", "[!a]", "{a,b}", "{a/b,b}"};
	for (size_t round = 0; round < 1000; round++) {
		char pattern[TEXT_MAX];
		random_pattern(pattern, parts, sizeof(parts) / sizeof(parts[0]), 5);
		size_t len = strlen(pattern);
		struct glob_set set AUTO(glob_set_fini) = {.basename_anywhere = true};
		struct error error;
		if (glob_set_add(&set, pattern, len, &error) < 0)
			continue;
		for (size_t i = 0; i < TREE_PATHS; i += 1 + random_below(8)) {
			bool is_dir = i == 0 || random_below(2);
			bool expected = reference_set_matches(pattern, tree[i], is_dir);
			struct glob_filter filter = {.only = set}; /* borrowed */
			if (glob_filter_takes(&filter, tree[i], strlen(tree[i]),
					      is_dir) != expected)
				fail_msg("{`%s`} should%s match `%s`", pattern,
					 expected ? "" : " not", tree[i]);
		}
	}
}

int main(void)
{
	random_begin(20261102);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t1_matches_are_those_of_the_reference),
		cmocka_unit_test(t1_any_bytes_compile_or_are_refused),
		cmocka_unit_test(walk_never_prunes_what_matches),
		cmocka_unit_test(walk_prunes_where_nothing_matches),
		cmocka_unit_test(set_matches_are_those_of_the_reference),
	};
	return cmocka_run_group_tests_name("glob_reference", tests, make_tree, NULL);
}
