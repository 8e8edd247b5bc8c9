/* What becomes of each path of a view: rule W7 as tables of small trees. forest.h has the
 * language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forest.h"

struct row_of_table {
	const char *forest, *options, *merged;
};

static void merge_text(const char *forest_text, const char *options_text, char **ret_text)
{
	static struct forest forest;
	forest_plant(&forest, forest_text);
	char words[128];
	const char *prefer[8];
	struct merge_options options = {.prefer = prefer};
	(void)snprintf(words, sizeof(words), "%s", options_text);
	char *rest = NULL;
	for (char *word = strtok_r(words, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		if (strcmp(word, "first") == 0)
			options.on_conflict = ON_CONFLICT_FIRST;
		else if (strcmp(word, "last") == 0)
			options.on_conflict = ON_CONFLICT_LAST;
		else if (strcmp(word, "mark") == 0)
			options.on_conflict = ON_CONFLICT_MARK;
		else if (strcmp(word, "prefer") != 0)
			prefer[options.prefer_count++] = word;
	}
	*ret_text = forest_merge(&forest, &options);
	forest_fell(&forest);
}

static void check(const struct row_of_table *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *text AUTO_FREE = NULL;
		merge_text(rows[i].forest, rows[i].options, &text);
		if (strcmp(text, rows[i].merged) != 0)
			print_error("%s\n  %s\n", rows[i].forest, rows[i].options);
		assert_string_equal(text, rows[i].merged);
	}
}

#define CHECK(...)                                                                       \
	do {                                                                             \
		static const struct row_of_table rows[] = {__VA_ARGS__};                 \
		check(rows, sizeof(rows) / sizeof(*rows));                               \
	} while (0)

/* ---- rows side by side ---- */

static void w7_disjoint_trees_are_laid_side_by_side(void **state)
{
	(void)state;
	CHECK({"", "", ""}, {"a:", "", ""}, {"a:; b:", "", ""},
	      {"a: d/x=1 y=2 d/", "", "d/:a d/x=1:a y=2:a"},
	      {"a: p=1 r=1; b: q=2 s=2; c: a=3 z->t", "",
	       "a=3:c p=1:a q=2:b r=1:a s=2:b z->t:c"},
	      /* '/' is below every other byte */
	      {"a: p/x=1; b: p-=2; c: p!=3", "", "p/x=1:a p!=3:c p-=2:b"},
	      {"a:; ~s: x=1", "", ""}, {"~s: x=1", "", ""});
}

static void w7_later_layers_win(void **state)
{
	(void)state;
	CHECK({"a: x=1; b(a): x=2", "", "x=2:b"}, {"a: x=1; b<a: x=2", "", "x=2:b"},
	      {"a: x=1; b(a): y=1; c(a b): x=3", "", "x=3:c y=1:b"},
	      {"a: x=1; b(a): x->t; c(b): x=3%755", "", "x=3%755:c"},
	      /* a diamond: both sides changed it; the end of it settles that */
	      {"a: x=1; b(a): x=2; c(a): x=3", "", " conflict x(b,c)"},
	      {"a: x=1; b(a): x=2; c(a): x=3; d(a b c): x=4", "", "x=4:d"},
	      {"a: x=1; b(a): x=2; c(a): y=3", "", "x=2:b y=3:c"});
}

static void w7_concurrent_changes_conflict(void **state)
{
	(void)state;
	CHECK({"a: x=1; b: x=2", "", " conflict x(a,b)"},
	      {"a: x=1; b: x=1%755", "", " conflict x(a,b)"},
	      {"a: x=1; b: x->1", "", " conflict x(a,b)"},
	      {"a: x->1; b: x->2", "", " conflict x(a,b)"},
	      {"a: w=0 x=1 y=1; b: x=2; c: x=3 z=3", "",
	       "w=0:a y=1:a z=3:c conflict x(a,b,c)"},
	      {"a: x=1 y=1; b: x=2 y=2", "", " conflict x(a,b) conflict y(a,b)"},
	      {"t.1: x=1; t.2: x=2", "", " conflict x(t.1,t.2)"});
}

static void w7_equal_entries_are_one_with_the_earliest_time(void **state)
{
	(void)state;
	CHECK({"a: x=1@7; b: x=1@5; c: x=1@6", "", "x=1@5:a"},
	      {"a: x->t@7; b: x->t@5", "", "x->t@5:a"},
	      {"a: x=1@7; b: x=2@5; c: x=2@6", "last", "x=2@5:b"},
	      {"a: x=1; b(a): x=2; c(a): x=2", "", "x=2:b"});
}

static void w7_directories_do_not_conflict_the_last_gives_the_mode(void **state)
{
	(void)state;
	CHECK({"a: d/%700@1; b: d/%755@2", "", "d/@2:b"},
	      {"a: d/%755@1 d/x=1; b: d/%700@2 d/y=2", "", "d/%700@2:b d/x=1:a d/y=2:b"},
	      {"a: d/x=1; b: d/y=2", "", "d/x=1:a d/y=2:b"},
	      /* an unchanged one does not count */
	      {"a: d/%700@1; b: d/%711@2; c(a): d/%700@3", "", "d/%711@2:b"});
}

/* ---- unchanged ---- */

static void w7_an_unchanged_entry_yields_and_conflicts_with_nothing(void **state)
{
	(void)state;
	CHECK({"a: x=1; b(a): x=2; c(a): x=1", "", "x=2:b"},
	      {"a: x=1; b(a): x=1; c(a): x=1", "", "x=1:a"},
	      {"a: x=1@1; c(a): x=1@9", "", "x=1@1:a"},
	      /* the mode alone is a change */
	      {"a: x=1; b(a): x=1%755; c(a): x=1", "", "x=1%755:b"},
	      /* c attached nothing that it could have left unchanged */
	      {"a: x=1; b(a): x=2; c<a b: x=1", "", "x=1:c"});
}

static void w7_an_unchanged_entry_is_transparent(void **state)
{
	(void)state;
	CHECK({"a: x=1; c(a): x=1; d: x=3", "", " conflict x(a,d)"},
	      {"c(a): x=1; d: x=3; ~a: x=1", "", "x=3:d"},
	      {"d: x=3; c(a): x=1; ~a: x=1", "", "x=3:d"},
	      {"c(a): x=2; d: x=3; ~a: x=1", "", " conflict x(c,d)"},
	      /* over several hands, where the origin is not among the bases */
	      {"a: x=1; c(a): x=1; d(c): x=1; e: x=3", "", " conflict x(a,e)"},
	      {"d(c): x=1; e: x=3; ~c(a): x=1; ~a: x=1", "", "x=3:e"},
	      {"a: x=1; b(a): x=1; c(b): x=1; e(a): x=2", "", "x=2:e"});
}

static void w7_where_only_unchanged_entries_are_left_the_last_gives_it(void **state)
{
	(void)state;
	CHECK({"c(a): x=1@1; d(b): x=2@2; ~a: x=1; ~b: x=2", "", "x=2@2:d"},
	      {"d(b): x=2@2; c(a): x=1@1; ~a: x=1; ~b: x=2", "", "x=1@1:c"},
	      /* b in between is not in the view, but d speaks for it: a is behind it */
	      {"a: x=1; d(a b): x=2; ~b(a): x=2", "", "x=2:d"});
}

static void w7_unchanged_is_told_from_what_the_attach_gave(void **state)
{
	(void)state;
	CHECK(/* back to the first content, against the base that came last */
	      {"a: x=1; b(a): x=2; c(a b): x=1", "", "x=1:c"},
	      {"a: x=1; b(a): x=2; c(a b): x=2; d(a): x=4", "", " conflict x(b,d)"},
	      /* the attach had a conflict and took either side */
	      {"a: x=1; b: x=2; c(a b): x=2", "", " conflict x(a,b)"},
	      {"a: x=1; b: x=2; c(a b): x=3", "", "x=3:c"},
	      /* the base had not changed it itself */
	      {"a: x=1; b: x=1; c(a b): x=1; d: x=4", "", " conflict x(a,b,d)"},
	      /* an earlier layer of the same execution counts as a base (W3) */
	      {"a: x=1; c.1(a): x=2; c.2(a c.1): x=1", "", "x=1:c.2"});
}

/* ---- what decides a conflict ---- */

static void w7_prefer_picks_the_first_preferred_job_that_has_a_candidate(void **state)
{
	(void)state;
	CHECK({"a: x=1; b: x=2; c: x=3", "prefer b", "x=2:b"},
	      {"a: x=1; b: x=2; c: x=3", "prefer z c b", "x=3:c"},
	      {"a: x=1; b: x=2; c: x=3", "prefer z", " conflict x(a,b,c)"},
	      {"a: x=1; b: x=2; c: x=3", "prefer z last", "x=3:c"},
	      {"a: x=1; b: x=2; c: x=3", "prefer b last", "x=2:b"},
	      /* it is not a candidate any more */
	      {"a: x=1; b(a): x=2; c: x=3", "prefer a", " conflict x(b,c)"},
	      {"a: x=1; b(a): x=2", "prefer a", "x=2:b"},
	      /* two shards of it disagree */
	      {"a: x=1; t.1: x=2; t.2: x=3", "prefer t", " conflict x(t.1,t.2)"},
	      {"a: x=1; t.1: x=2; t.2: x=3", "prefer t first", "x=2:t.1"},
	      {"a: x=1; t.1: x=2; t.2: x=2", "prefer t", "x=2:t.1"});
}

static void w7_prefer_picks_a_shard(void **state)
{
	(void)state;
	CHECK({"t.1/2: x=1; t.2/2: x=2", "prefer t/2/2", "x=2:t.2/2"},
	      {"t.1: x=1; t.2: x=2; a: x=3", "prefer t/3 t/1", "x=1:t.1"},
	      {"t.1: x=1; t.2: x=2", "prefer t/", " conflict x(t.1,t.2)"},
	      {"t.1: x=1; t: x=2", "prefer t/", "x=2:t"},
	      {"t.1: x=1; t: x=2", "prefer t/1", "x=1:t.1"},
	      /* a job of that name goes first, wherever it persisted something */
	      {"t.1: x=1; t/1: x=2", "prefer t/1", "x=2:t/1"},
	      {"t.1: x=1; t.2: x=2; t/1: y=3", "prefer t/1",
	       "y=3:t/1 conflict x(t.1,t.2)"},
	      /* below a path that became a file */
	      {"t.1: p/x=1; t.2(t.1): p=2; t.3(t.1): p/x=1 p/y=3", "prefer t/2",
	       "p=2:t.2"});
}

static void w7_on_conflict_first_and_last_go_by_the_order_of_the_view(void **state)
{
	(void)state;
	CHECK({"a: x=1; b: x=2; c: x=3", "first", "x=1:a"},
	      {"a: x=1; b: x=2; c: x=3", "last", "x=3:c"},
	      {"a: x=1; b(a): x=2; c: x=3", "first", "x=2:b"});
}

static void w7_mark_gives_the_last_and_names_them_all(void **state)
{
	(void)state;
	CHECK({"a: w=1 x=1; b: x=2; c: x=3 y=4", "mark",
	       "w=1:a x=3:c?a,b,c y=4:c conflict x(a,b,c)"},
	      {"a: x=1; b: x=2", "mark prefer a", "x=1:a"},
	      /* a directory without a row gets one, so that there is something to mark */
	      {"a: p=1; b: p/x=2", "mark", "p/:b?a,b p/x=2:b conflict p(a,b)"},
	      {"b: p/x=2; c: p=1", "mark", "p=1:c?b,c conflict p(b,c)"});
}

static void w7_twenty_conflicts_are_kept_the_rest_counted(void **state)
{
	(void)state;
	char forest[1024] = "a:", expected[1024] = "";
	for (int side = 0; side < 2; side++) {
		for (int i = 10; i < 33; i++)
			(void)snprintf(forest + strlen(forest), 16, " %d=%d", i, side);
		(void)snprintf(forest + strlen(forest), 16, "%s", side ? "" : "; b:");
	}
	for (int i = 10; i < 30; i++)
		(void)snprintf(expected + strlen(expected), 32, " conflict %d(a,b)", i);
	(void)snprintf(expected + strlen(expected), 8, " +3");
	const struct row_of_table row = {forest, "", expected};
	check(&row, 1);
}

/* ---- a directory against something else ---- */

static void w7_a_directory_against_a_file_conflicts_when_concurrent(void **state)
{
	(void)state;
	CHECK({"a: p=1; b: p/", "", " conflict p(a,b)"},
	      {"a: p->t; b: p/x=1", "", "p/x=1:b conflict p(a,b)"},
	      {"a: p=1; b: p/q/r=1 z=1", "", "p/q/r=1:b z=1:b conflict p(a,b)"},
	      {"b: p/q/r=1; a: p/q=1", "", "p/q/r=1:b conflict p/q(b,a)"},
	      /* not one with a name that only begins alike */
	      {"a: p=1; b: p-/x=1 pp/x=1", "", "p=1:a p-/x=1:b pp/x=1:b"});
}

static void w7_the_losing_side_disappears_at_and_below_the_path(void **state)
{
	(void)state;
	const char *forest = "a: p=1 z=1; b: p/ p/x=2 y=2; c: p/q/r=3";
	const struct row_of_table rows[] = {
		{forest, "prefer a", "p=1:a y=2:b z=1:a"},
		{forest, "prefer b", "p/:b p/q/r=3:c p/x=2:b y=2:b z=1:a"},
		{forest, "prefer c", "p/q/r=3:c p/x=2:b y=2:b z=1:a"},
		{forest, "first", "p=1:a y=2:b z=1:a"},
		{forest, "last", "p/:b p/q/r=3:c p/x=2:b y=2:b z=1:a"},
	};
	check(rows, sizeof(rows) / sizeof(*rows));
}

static void w7_the_later_one_replaces_the_earlier_and_all_below(void **state)
{
	(void)state;
	CHECK({"a: p/ p/x=1 p/q/y=1 z=1; b(a): p=2", "", "p=2:b z=1:a"},
	      {"a: p/x=1; b<a: p->t", "", "p->t:b"},
	      {"a: p=1; b(a): p/x=2", "", "p/x=2:b"}, {"a: p=1; b(a): p/", "", "p/:b"},
	      /* replaced, then made again: what was below the first does not come back */
	      {"a: p/x=1 p/y=1 z=1; b(a): p=2; c(a b): p/y=3 p/z=3", "",
	       "p/y=3:c p/z=3:c z=1:a"},
	      {"a: p/ p/x=1; b(a): p=2; c(a b): p/ p/x=1", "", "p/:c p/x=1:c"},
	      /* … but a directory beside all that does not go */
	      {"a: p/x=1; b(a): p=2; c(a b): p/z=3; d: p/w=4", "prefer c",
	       "p/w=4:d p/z=3:c"},
	      {"a: p/x=1; b(a): p=2; d: p/z=3", "prefer d", "p/x=1:a p/z=3:d"});
}

static void w7_an_unchanged_directory_or_file_yields_to_the_other_kind(void **state)
{
	(void)state;
	CHECK({"a: p/x=1; b(a): p=2; c(a): p/x=1", "", "p=2:b"},
	      {"a: p/ p/x=1; b(a): p=2; c(a): p/ p/x=1", "", "p=2:b"},
	      {"a: p=1; b(a): p/x=2; c(a): p=1", "", "p/x=2:b"},
	      {"a: p=1; c(a): p=1; d: p/x=1", "", "p/x=1:d conflict p(a,d)"},
	      {"c(a): p=1; d: p/x=1; ~a: p=1", "", "p/x=1:d"},
	      {"d: p=1; c(a): p/x=1; ~a: p/x=1", "", "p=1:d"},
	      /* only unchanged ones are left: the directory stays, unless it was replaced
	       */
	      {"c(a): p/x=1 p/y=2; d(b): p=1; ~a: p/x=1; ~b: p=1", "", "p/x=1:c p/y=2:c"},
	      {"c(a): p/x=1; d(a b c): p=1; ~a: p/x=1; ~b(a c): p=1", "", "p=1:d"});
}

static void w7_a_change_below_a_path_that_became_a_file_conflicts(void **state)
{
	(void)state;
	CHECK({"a: p/x=1; b(a): p=2; c(a): p/x=1 p/y=3", "", "p=2:b conflict p(b,c)"},
	      {"a: p/x=1; c(a): p/x=9; b(a): p=2", "", "p=2:b conflict p(c,b)"},
	      {"a: p/x=1; b(a): p=2; c(a): p/y=3; d(a): p/z=3", "",
	       "p=2:b conflict p(b,c)"},
	      {"a: p/x=1; b(a): p=2; c(a): p/x=1 p/y=3", "prefer b", "p=2:b"},
	      {"a: p/x=1; b(a): p=2; c(a): p/x=1 p/y=3", "prefer c",
	       "p=2:b conflict p(b,c)"},
	      {"a: p/x=1; b(a): p=2; c(a): p/x=1 p/y=3", "last", "p=2:b"},
	      {"a: p/x=1; b(a): p=2; c(a): p/x=1 p/y=3", "mark", "p=2:b conflict p(b,c)"},
	      /* it saw the change before */
	      {"a: p/x=1; c(a): p/x=1 p/y=3; b(a c): p=2", "", "p=2:b"});
}

/* ---- cursors ---- */

static int fail_on_third(void *context, struct row *ret_row, struct error *error)
{
	int *calls = context;
	static const char *const names[] = {"a", "b"};
	if (*calls == 2)
		return error_set(error, ERR_DAMAGED, "the third row cannot be read");
	*ret_row = (struct row){.type = ROW_DIRECTORY, .mode = 0755};
	ret_row->path = names[(*calls)++];
	ret_row->path_len = 1;
	return 1;
}

static void w8_an_error_of_a_cursor_ends_the_merge(void **state)
{
	(void)state;
	for (size_t count = 1; count <= 2; count++) {
		int calls[2] = {0, 0};
		const struct merge_source sources[] = {
			{.cursor = {fail_on_third, &calls[0]}, .job = "x"},
			{.cursor = {fail_on_third, &calls[1]}, .job = "y"},
		};
		struct merge_options options = {0};
		struct merge *merge = NULL;
		struct merged_row row;
		struct error error = {0};
		assert_int_equal(merge_new(sources, count, &options, &merge, &error), 0);
		assert_int_equal(merge_next(merge, &row, &error), 1);
		assert_int_equal(merge_next(merge, &row, &error), 1);
		assert_int_equal(merge_next(merge, &row, &error), ERR_DAMAGED);
		assert_string_equal(error.text, "the third row cannot be read");
		merge_free(merge);
	}
	merge_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w7_disjoint_trees_are_laid_side_by_side),
		cmocka_unit_test(w7_later_layers_win),
		cmocka_unit_test(w7_concurrent_changes_conflict),
		cmocka_unit_test(w7_equal_entries_are_one_with_the_earliest_time),
		cmocka_unit_test(w7_directories_do_not_conflict_the_last_gives_the_mode),
		cmocka_unit_test(w7_an_unchanged_entry_yields_and_conflicts_with_nothing),
		cmocka_unit_test(w7_an_unchanged_entry_is_transparent),
		cmocka_unit_test(
			w7_where_only_unchanged_entries_are_left_the_last_gives_it),
		cmocka_unit_test(w7_unchanged_is_told_from_what_the_attach_gave),
		cmocka_unit_test(
			w7_prefer_picks_the_first_preferred_job_that_has_a_candidate),
		cmocka_unit_test(w7_prefer_picks_a_shard),
		cmocka_unit_test(
			w7_on_conflict_first_and_last_go_by_the_order_of_the_view),
		cmocka_unit_test(w7_mark_gives_the_last_and_names_them_all),
		cmocka_unit_test(w7_twenty_conflicts_are_kept_the_rest_counted),
		cmocka_unit_test(w7_a_directory_against_a_file_conflicts_when_concurrent),
		cmocka_unit_test(w7_the_losing_side_disappears_at_and_below_the_path),
		cmocka_unit_test(w7_the_later_one_replaces_the_earlier_and_all_below),
		cmocka_unit_test(
			w7_an_unchanged_directory_or_file_yields_to_the_other_kind),
		cmocka_unit_test(w7_a_change_below_a_path_that_became_a_file_conflicts),
		cmocka_unit_test(w8_an_error_of_a_cursor_ends_the_merge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
