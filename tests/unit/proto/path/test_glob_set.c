/* Sets of globs, and what a walk may leave out: PROTOCOL.md §6.1. */
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

/* ---- sets ------------------------------------------------------------------------ */

static void add(struct glob_set *set, const char *pattern)
{
	struct error error = {0};
	if (glob_set_add(set, pattern, strlen(pattern), &error) < 0)
		fail_msg("%s", error.text);
}

static bool in_set(const struct glob_set *set, const char *path, bool is_dir)
{
	struct glob_filter filter = {.exclude = *set}; /* borrowed */
	return !glob_filter_takes(&filter, path, strlen(path), is_dir);
}

static bool itself_in_set(const struct glob_set *set, const char *path, bool is_dir)
{
	return glob_set_matches_itself(set, path, strlen(path), is_dir);
}

static void set_matches_below_a_matched_directory(void **state)
{
	(void)state;
	struct glob_set set AUTO(glob_set_fini) = {0};
	assert_false(in_set(&set, "a", false));
	add(&set, "src/*");
	add(&set, "doc/");
	assert_true(in_set(&set, "src/a", false));
	assert_true(in_set(&set, "src/a/b/c", false));
	assert_false(in_set(&set, "src", true));
	assert_true(in_set(&set, "doc/x", false));
	assert_true(in_set(&set, "doc", true));
	assert_false(in_set(&set, "doc", false));
	assert_false(in_set(&set, "x/doc/y", false));
	assert_true(itself_in_set(&set, "src/a", false));
	assert_false(itself_in_set(&set, "src/a/b", false));
	assert_false(itself_in_set(&set, "doc/x", false));
}

static void set_of_all_directories_below_leaves_files(void **state)
{
	(void)state;
	struct glob_set set AUTO(glob_set_fini) = {0};
	add(&set, "a/**/");
	assert_false(in_set(&set, "a", true));
	assert_false(in_set(&set, "a/b", false));
	assert_true(in_set(&set, "a/b", true));
	assert_true(in_set(&set, "a/b/c", false));
}

static void set_of_the_root_matches_all(void **state)
{
	(void)state;
	struct glob_set set AUTO(glob_set_fini) = {.basename_anywhere = true};
	add(&set, ".");
	assert_true(in_set(&set, "a/b", false));
	assert_true(in_set(&set, "", true));
	assert_false(itself_in_set(&set, "a", false));
}

static void exclude_without_slash_matches_at_any_depth(void **state)
{
	(void)state;
	struct glob_set set AUTO(glob_set_fini) = {.basename_anywhere = true};
	add(&set, "*.o");
	add(&set, "./top");
	add(&set, "tmp/");
	assert_true(in_set(&set, "x.o", false));
	assert_true(in_set(&set, "a/b/x.o", false));
	assert_true(in_set(&set, "a/x.o/y", false));
	assert_true(itself_in_set(&set, "a/b/x.o", false));
	assert_false(itself_in_set(&set, "a/x.o/y", false));
	assert_true(in_set(&set, "top", false));
	assert_false(in_set(&set, "a/top", false));
	assert_true(in_set(&set, "a/tmp/x", false));
	assert_false(in_set(&set, "a/tmp", false));
	assert_true(itself_in_set(&set, "a/tmp", true));
}

static void filter_without_slash_stays_at_the_root(void **state)
{
	(void)state;
	struct glob_set set AUTO(glob_set_fini) = {0};
	add(&set, "*.o");
	assert_true(in_set(&set, "x.o", false));
	assert_false(in_set(&set, "a/x.o", false));
}

static void set_is_bounded(void **state)
{
	(void)state;
	struct glob_set set AUTO(glob_set_fini) = {0};
	struct error error = {0};
	const char *pattern = "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}";
	size_t added = 0;
	while (glob_set_add(&set, pattern, strlen(pattern), &error) == 0)
		added++;
	assert_int_equal(error.code, ERR_LIMIT);
	assert_int_equal(added,
			 GLOB_SET_COST_MAX / (1024 * (10 + GLOB_ALTERNATIVE_COST)));
	glob_set_fini(&set);
	for (size_t i = 0; i < PATTERNS_MAX; i++)
		add(&set, "src/include/some/header*.h");
	assert_int_equal(glob_set_add(&set, "a", 1, &error), ERR_LIMIT);
	assert_int_equal(set.count, PATTERNS_MAX);
}

/* ---- walks ----------------------------------------------------------------------- */

static bool may_match_below(const char *pattern, const char *dir)
{
	struct glob *glob = NULL;
	struct error error = {0};
	if (glob_new(pattern, strlen(pattern), &glob, &error) < 0)
		fail_msg("%s", error.text);
	bool may = glob_may_match_below(glob, dir, strlen(dir));
	glob_free(glob);
	return may;
}

static void walk_descends_only_where_a_literal_leads(void **state)
{
	(void)state;
	assert_true(may_match_below("a/b/*.c", ""));
	assert_true(may_match_below("a/b/*.c", "a"));
	assert_true(may_match_below("a/b/*.c", "a/b"));
	assert_false(may_match_below("a/b/*.c", "a/b/c"));
	assert_false(may_match_below("a/b/*.c", "b"));
	assert_false(may_match_below("a/b/*.c", "ab"));
	assert_false(may_match_below("a", "a"));
	assert_true(may_match_below("a", ""));
	assert_false(may_match_below(".", ""));
	assert_true(may_match_below("a/**", "a"));
	assert_true(may_match_below("a/**", "a/b/c"));
	assert_false(may_match_below("a/**", "b/c"));
	assert_true(may_match_below("**/x", "any/where"));
	assert_true(may_match_below("{a,b/c}/d", "b"));
	assert_false(may_match_below("{a,b/c}/d", "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_matches_below_a_matched_directory),
		cmocka_unit_test(set_of_all_directories_below_leaves_files),
		cmocka_unit_test(set_of_the_root_matches_all),
		cmocka_unit_test(exclude_without_slash_matches_at_any_depth),
		cmocka_unit_test(filter_without_slash_stays_at_the_root),
		cmocka_unit_test(set_is_bounded),
		cmocka_unit_test(walk_descends_only_where_a_literal_leads),
	};
	return cmocka_run_group_tests_name("glob_set", tests, NULL, NULL);
}
