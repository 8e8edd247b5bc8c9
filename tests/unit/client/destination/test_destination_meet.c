/* Other attaches, or anybody, put things into DIR while an attach is running. */
#include "destination_tree.h"

static void add_view(struct place *place)
{
	add_dir(place, "d", 0511);
	add_dir(place, "d/deep", 0555);
	add_file(place, "d/deep/a", "ours", 0444);
	add_file(place, "d/x", "ours", 0600);
	add_link(place, "link", "d/x");
	add_file(place, "top", "ours", 0644);
}

static void assert_ours(void)
{
	assert_holds("out/d/deep/a", "ours");
	assert_holds("out/d/x", "ours");
	assert_holds("out/top", "ours");
	assert_mode("out/d", 0511);
	assert_mode("out/d/deep", 0555);
	assert_mode("out/d/deep/a", 0444);
	assert_true(S_ISLNK(stat_of("out/link").st_mode));
}

/* Some of it, the same and other, and more. */
static void put_theirs(void)
{
	(void)mkdir("out", 0755);
	assert_int_equal(mkdir("out/d", 0755), 0);
	assert_int_equal(mkdir("out/d/deep", 0755), 0);
	put("out/d/deep/a", "theirs");
	put("out/d/deep/more", "theirs");
	put("out/d/more", "theirs");
	put("out/top", "theirs");
	put("out/link", "theirs");
	assert_int_equal(chmod("out/d/deep", 0555), 0);
}

static void assert_theirs_too(void)
{
	assert_holds("out/d/deep/more", "theirs");
	assert_holds("out/d/more", "theirs");
	assert_int_equal(entries_in("out"), 3);
	assert_int_equal(entries_in("out/d"), 3);
	assert_int_equal(entries_in("."), 1);
}

static void m5_what_came_into_an_empty_dir_meanwhile_is_merged_with(void **state)
{
	struct place *place = *state;
	add_view(place);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(attach_with(place, 0, (struct events){.written = put_theirs}),
			 0);
	assert_ours();
	assert_theirs_too();
	assert_int_equal(place->counts.written, 3);
}

static void m5_what_came_into_a_dir_right_after_it_was_looked_at(void **state)
{
	struct place *place = *state;
	add_view(place);
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/there", "before");
	assert_int_equal(attach_with(place, 0, (struct events){.looked = put_theirs}), 0);
	assert_ours();
	assert_int_equal(unlink("out/there"), 0);
	assert_theirs_too();
}

static void m5_a_dir_that_somebody_else_made_meanwhile_is_merged_with(void **state)
{
	struct place *place = *state;
	add_view(place);
	assert_int_equal(attach_with(place, 0, (struct events){.written = put_theirs}),
			 0);
	assert_ours();
	assert_theirs_too();
	assert_mode("out", 0755);
	assert_int_equal(place->counts.written, 3);
}

static void m5_with_delete_what_came_meanwhile_goes(void **state)
{
	struct place *place = *state;
	add_view(place);
	place->options.delete_extra = true;
	assert_int_equal(attach_with(place, 0, (struct events){.written = put_theirs}),
			 0);
	assert_ours();
	assert_int_equal(entries_in("out"), 3);
	assert_int_equal(entries_in("out/d"), 2);
	assert_int_equal(entries_in("out/d/deep"), 1);
}

static void with_keep_existing_what_came_meanwhile_is_kept(void **state)
{
	struct place *place = *state;
	add_view(place);
	place->options.keep_existing = true;
	assert_int_equal(attach_with(place, 0, (struct events){.written = put_theirs}),
			 0);
	assert_holds("out/d/deep/a", "theirs");
	assert_holds("out/top", "theirs");
	assert_holds("out/link", "theirs");
	assert_holds("out/d/x", "ours");
	assert_mode("out/d", 0755);
	assert_theirs_too();
	assert_int_equal(place->counts.written, 1);
	assert_int_equal(place->counts.kept, 3);
}

static void put_a_file_where_dir_belongs(void)
{
	put("out", "theirs");
}

static void m5_a_file_that_came_where_dir_belongs_is_left(void **state)
{
	struct place *place = *state;
	add_view(place);
	struct events events = {.written = put_a_file_where_dir_belongs};
	assert_int_equal(attach_with(place, 0, events), ERR_LOCAL);
	assert_says(place, "`out`: was made by somebody else meanwhile");
	assert_holds("out", "theirs");
	assert_int_equal(entries_in("."), 1);
}

static void put_other_types(void)
{
	put("out/d", "a file where a directory belongs");
	assert_int_equal(mkdir("out/top", 0755), 0);
	assert_int_equal(mkdir("out/link", 0755), 0);
}

static void m5_what_came_is_replaced_when_it_is_of_another_type(void **state)
{
	struct place *place = *state;
	add_view(place);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(
		attach_with(place, 0, (struct events){.written = put_other_types}), 0);
	assert_ours();
}

static void fill_the_place_of_a_file(void)
{
	assert_int_equal(mkdir("out/top", 0755), 0);
	put("out/top/theirs", "theirs");
}

static void m5_a_directory_that_came_where_a_file_belongs_needs_delete(void **state)
{
	struct place *place = *state;
	add_view(place);
	assert_int_equal(mkdir("out", 0755), 0);
	struct events events = {.written = fill_the_place_of_a_file};
	assert_int_equal(attach_with(place, 0, events), ERR_LOCAL);
	assert_says(place, "`out/top`: a directory with something in it was put");
	assert_says(place, "`out` is as it was");
	assert_holds("out/top/theirs", "theirs");
	assert_int_equal(entries_in("out"), 1);
	place->options.delete_extra = true;
	assert_int_equal(attach(place), 0);
	assert_ours();
}

/* What was put is somebody's by now: he may have found it equal and kept it. */
static void m5_after_a_merge_nothing_is_taken_back(void **state)
{
	struct place *place = *state;
	add_dir(place, "d", 0755);
	add_file(place, "d/x", "ours", 0600);
	add_file(place, "top", "ours", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	struct destination *destination = attach_unfinished(place);
	assert_int_equal(mkdir("out/d", 0755), 0);
	fill_the_place_of_a_file();
	assert_int_equal(destination_finish(destination, &place->error), ERR_LOCAL);
	assert_int_equal(destination_abandon(destination, &place->error), ERR_LOCAL);
	assert_says(place, "`out` holds 1 of 2 files");
	assert_holds("out/d/x", "ours");
	assert_holds("out/top/theirs", "theirs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(m5_what_came_into_an_empty_dir_meanwhile_is_merged_with),
		PLACE_TEST(m5_what_came_into_a_dir_right_after_it_was_looked_at),
		PLACE_TEST(m5_a_dir_that_somebody_else_made_meanwhile_is_merged_with),
		PLACE_TEST(m5_with_delete_what_came_meanwhile_goes),
		PLACE_TEST(with_keep_existing_what_came_meanwhile_is_kept),
		PLACE_TEST(m5_a_file_that_came_where_dir_belongs_is_left),
		PLACE_TEST(m5_what_came_is_replaced_when_it_is_of_another_type),
		PLACE_TEST(m5_a_directory_that_came_where_a_file_belongs_needs_delete),
		PLACE_TEST(m5_after_a_merge_nothing_is_taken_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
