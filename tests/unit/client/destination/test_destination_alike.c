/* A file system that takes two names of a view for one never loses one of them. */
#include "destination_tree.h"
#include "tests/harness/folding_names.h"

#define COMPOSED "caf\xc3\xa9"
#define APART "cafe\xcc\x81"
#define SHARP_S "\xc3\x9f"

static int folding_setup(void **state)
{
	int err = place_setup(state);
	folding_names_set(FOLDING_KEEPS_SPELLING);
	return err;
}

static int lowering_setup(void **state)
{
	int err = place_setup(state);
	folding_names_set(FOLDING_LOWERS);
	return err;
}

static int folding_teardown(void **state)
{
	folding_names_set(FOLDING_NONE);
	return place_teardown(state);
}

/* Refused with both names, and DIR as it was: with so many entries. */
static void assert_refused(struct place *place, const char *first, const char *second,
			   int entries)
{
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_int_equal(error_exit_status(ERR_LOCAL), 9);
	assert_says(place, first);
	assert_says(place, second);
	assert_says(place, "one name on this file system");
	assert_says(place, "`out` is as it was");
	assert_int_equal(entries < 0 ? !is_there("out") : entries_in("out") == entries,
			 true);
	assert_int_equal(entries_in("."), entries < 0 ? 0 : 1);
}

/* ---- two names of the view ---- */

static void add_twins(struct place *place)
{
	add_file(place, "a", "other", 0644);
	add_file(place, "sub/README", "upper", 0644);
	add_file(place, "sub/readme", "lower", 0644);
}

static void h4_files_in_a_missing_dir(void **state)
{
	add_twins(*state);
	assert_refused(*state, "`out/sub/README`", "`out/sub/readme`", -1);
}

static void h4_files_in_an_empty_dir(void **state)
{
	add_twins(*state);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_refused(*state, "`out/sub/README`", "`out/sub/readme`", 0);
}

static void h4_files_in_a_dir_with_something_in_it(void **state)
{
	add_twins(*state);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/sub", 0755), 0);
	put("out/sub/mine", "mine");
	assert_refused(*state, "`out/sub/README`", "`out/sub/readme`", 1);
	assert_int_equal(entries_in("out/sub"), 1);
}

static void h4_files_of_which_one_is_there(void **state)
{
	add_twins(*state);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/sub", 0755), 0);
	put("out/sub/README", "mine!");
	assert_refused(*state, "`out/sub/README`", "`out/sub/readme`", 1);
	assert_holds("out/sub/README", "mine!");
}

static void h4_files_with_the_same_bytes_of_which_one_is_there(void **state)
{
	struct place *place = *state;
	add_file(place, "LICENSE", "same", 0644);
	add_file(place, "License", "same", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/LICENSE", "same");
	assert_refused(place, "`out/LICENSE`", "`out/License`", 1);
}

static void h4_folders(void **state)
{
	struct place *place = *state;
	add_file(place, "Src/a", "a", 0644);
	add_file(place, "src/b", "b", 0644);
	assert_refused(place, "`out/Src`", "`out/src`", -1);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_refused(place, "`out/Src`", "`out/src`", 0);
	assert_int_equal(mkdir("out/Src", 0755), 0);
	put("out/Src/a", "a");
	put("out/Src/b", "b");
	assert_refused(place, "`out/Src`", "`out/src`", 1);
}

static void h4_links_and_folders(void **state)
{
	struct place *place = *state;
	add_link(place, "Lib", "lib64");
	add_dir(place, "lib", 0755);
	add_file(place, "lib/x", "x", 0644);
	assert_refused(place, "`out/Lib`", "`out/lib`", -1);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_refused(place, "`out/Lib`", "`out/lib`", 0);
}

static void h4_forms_of_a_letter(void **state)
{
	struct place *place = *state;
	add_file(place, APART, "apart", 0644);
	add_file(place, COMPOSED, "composed", 0644);
	assert_refused(place, "`out/" APART "`", "`out/" COMPOSED "`", -1);
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/mine", "mine");
	assert_refused(place, "`out/" APART "`", "`out/" COMPOSED "`", 1);
}

/* Nothing is to be written, so that nothing is tried. */
static void h4_verify_sees_what_is_one_file_though_all_of_it_is_there(void **state)
{
	struct place *place = *state;
	add_file(place, APART, "same", 0644);
	add_file(place, COMPOSED, "same", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/" COMPOSED, "same");
	place->options.look_again = true;
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_says(place, "`out/" APART "` and `out/" COMPOSED "`: one name");
	assert_int_equal(entries_in("out"), 1);
}

/* What trying a few names does not find is found when the second is made, or put. */
static void h4_names_that_no_trial_finds(void **state)
{
	struct place *place = *state;
	folding_names_set(FOLDING_SHARP_S);
	add_file(place, "d/mass", "plain", 0644);
	add_file(place, "d/ma" SHARP_S, "sharp", 0644);
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_says(place, "one name on this file system");
	assert_int_equal(entries_in("."), 0);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	put("out/d/mine", "mine");
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_says(place, "`out/d/mass` and `out/d/ma" SHARP_S "`: one name");
	assert_says(place, "holds 1 of 2 files");
	assert_int_equal(entries_in("out/d"), 2);
}

static void h4_folders_and_links_that_no_trial_finds(void **state)
{
	struct place *place = *state;
	folding_names_set(FOLDING_SHARP_S);
	add_dir(place, "d/ass", 0755);
	add_link(place, "d/a" SHARP_S, "x");
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_says(place, "one name on this file system");
	assert_int_equal(entries_in("."), 0);
}

/* ---- a name that is there already ---- */

static void h4_the_same_view_again_is_unchanged(void **state)
{
	struct place *place = *state;
	add_dir(place, "Dir", 0755);
	add_file(place, "Dir/ReadMe", "text", 0644);
	add_link(place, "Link", "Dir");
	assert_int_equal(attach(place), 0);
	assert_int_equal(attach(place), 0);
	assert_int_equal(place->counts.unchanged, 1);
	assert_int_equal(entries_in("out"), 2);
}

static void h4_a_later_view_replaces_what_the_earlier_one_put(void **state)
{
	struct place *place = *state;
	add_file(place, "ReadMe", "first", 0644);
	assert_int_equal(attach(place), 0);
	new_view(place);
	add_file(place, "ReadMe", "second", 0644);
	assert_int_equal(attach(place), 0);
	assert_int_equal(entries_in("out"), 1);
	folding_names_set(FOLDING_NONE);
	assert_holds(is_there("out/ReadMe") ? "out/ReadMe" : "out/readme", "second");
}

static void h4_what_is_there_in_another_case_is_not_replaced(void **state)
{
	struct place *place = *state;
	add_file(place, "makefile", "theirs", 0644);
	add_link(place, "zlink", "theirs");
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/Makefile", "mine");
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_says(place, "`out/makefile`: `Makefile` lies there, the same name");
	assert_says(place, "`out` is as it was");
	assert_holds("out/Makefile", "mine");
	assert_int_equal(entries_in("out"), 1);
}

static void h4_what_is_there_in_another_case_is_kept_where_it_is_equal(void **state)
{
	struct place *place = *state;
	add_file(place, "makefile", "the same", 0644);
	add_file(place, "src/a", "new", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/Makefile", "the same");
	assert_int_equal(mkdir("out/SRC", 0755), 0);
	assert_int_equal(attach(place), 0);
	assert_int_equal(place->counts.unchanged, 1);
	assert_holds("out/SRC/a", "new");
	assert_int_equal(entries_in("out"), 2);
}

/* Attaches, and what it warned of. */
static char *attach_and_listen(struct place *place)
{
	struct report *report = report_new_silent();
	place->options.report = report;
	assert_int_equal(attach_with_record(place, NULL), 0);
	place->options.report = NULL;
	(void)report_json(report);
	report_json_warnings(report);
	char *said = report_take_object(report, 0, &place->error);
	report_free(report);
	return said;
}

static void assert_warns(struct place *place, const char *sentence)
{
	char *said AUTO_FREE = attach_and_listen(place);
	if (!strstr(said, sentence))
		fail_msg("not \"%s\" in: %s", sentence, said);
}

static void assert_warns_of_nothing(struct place *place)
{
	assert_warns(place, "\"warnings\":[]");
}

static void h4_what_keeps_another_name_is_told(void **state)
{
	struct place *place = *state;
	add_file(place, "makefile", "the same", 0644);
	add_file(place, "src/a", "a", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/Makefile", "the same");
	assert_int_equal(mkdir("out/SRC", 0755), 0);
	put("out/SRC/a", "a");
	assert_warns(place, "`out/makefile`: lies there as `Makefile`, the same name on "
			    "this file system, and keeps that name, and 1 more like it");
	new_view(place);
	add_file(place, "makefile", "the same", 0644);
	add_file(place, "src/a", "a", 0644);
	add_file(place, "src/new", "new", 0644);
	place->options.record = NULL;
	assert_warns(place, "`out/makefile`: lies there as `Makefile`");
	folding_names_set(FOLDING_NONE);
	assert_true(is_there("out/SRC/new"));
}

static void h4_the_record_tells_names_that_the_file_system_does_not(void **state)
{
	struct place *place = *state;
	add_file(place, "README", "one", 0644);
	assert_warns_of_nothing(place);
	new_view(place);
	add_file(place, "README", "another", 0644);
	assert_warns_of_nothing(place);
	new_view(place);
	add_file(place, "Readme", "a third", 0644);
	assert_int_equal(attach_with_record(place, NULL), ERR_LOCAL);
	assert_says(place, "`out/Readme`: `README` lies there, the same name");
	assert_says(place, "`out` is as it was");
	folding_names_set(FOLDING_NONE);
	assert_holds("out/readme", "another");
}

static void h4_where_nobody_can_tell_it_is_told_that_a_name_may_be_anothers(void **state)
{
	struct place *place = *state;
	add_file(place, "LICENSE", "one", 0644);
	add_file(place, "README", "one", 0644);
	assert_int_equal(attach(place), 0);
	new_view(place);
	add_file(place, "License", "another", 0644);
	add_file(place, "Readme", "another", 0644);
	assert_warns(place, "`out/License`: replaces what may have been put there under "
			    "another name, which this file system does not tell, and 1 "
			    "more like it");
}

static void h4_delete_leaves_what_the_view_has_under_another_name(void **state)
{
	struct place *place = *state;
	add_file(place, "Dir/ReadMe", "text", 0644);
	add_file(place, "MakeFile", "text", 0644);
	assert_int_equal(attach(place), 0);
	put("out/extra", "");
	put("out/dir/extra", "");
	place->options.delete_extra = true;
	assert_int_equal(attach(place), 0);
	assert_int_equal(place->counts.unchanged, 2);
	assert_int_equal(entries_in("out"), 2);
	assert_int_equal(entries_in("out/dir"), 1);
}

#define FOLDING_TEST(test)                                                               \
	cmocka_unit_test_setup_teardown(test, folding_setup, folding_teardown)
#define LOWERING_TEST(test)                                                              \
	{                                                                                \
#test "_listed_in_small_letters", test, lowering_setup,                  \
			folding_teardown, NULL                                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDING_TEST(h4_files_in_a_missing_dir),
		LOWERING_TEST(h4_files_in_a_missing_dir),
		FOLDING_TEST(h4_files_in_an_empty_dir),
		LOWERING_TEST(h4_files_in_an_empty_dir),
		FOLDING_TEST(h4_files_in_a_dir_with_something_in_it),
		LOWERING_TEST(h4_files_in_a_dir_with_something_in_it),
		FOLDING_TEST(h4_files_of_which_one_is_there),
		FOLDING_TEST(h4_files_with_the_same_bytes_of_which_one_is_there),
		FOLDING_TEST(h4_folders),
		FOLDING_TEST(h4_links_and_folders),
		LOWERING_TEST(h4_links_and_folders),
		FOLDING_TEST(h4_forms_of_a_letter),
		FOLDING_TEST(h4_verify_sees_what_is_one_file_though_all_of_it_is_there),
		LOWERING_TEST(h4_verify_sees_what_is_one_file_though_all_of_it_is_there),
		FOLDING_TEST(h4_names_that_no_trial_finds),
		FOLDING_TEST(h4_folders_and_links_that_no_trial_finds),
		FOLDING_TEST(h4_the_same_view_again_is_unchanged),
		LOWERING_TEST(h4_the_same_view_again_is_unchanged),
		FOLDING_TEST(h4_a_later_view_replaces_what_the_earlier_one_put),
		LOWERING_TEST(h4_a_later_view_replaces_what_the_earlier_one_put),
		FOLDING_TEST(h4_what_is_there_in_another_case_is_not_replaced),
		FOLDING_TEST(h4_what_is_there_in_another_case_is_kept_where_it_is_equal),
		FOLDING_TEST(h4_what_keeps_another_name_is_told),
		LOWERING_TEST(h4_the_record_tells_names_that_the_file_system_does_not),
		LOWERING_TEST(
			h4_where_nobody_can_tell_it_is_told_that_a_name_may_be_anothers),
		LOWERING_TEST(h4_delete_leaves_what_the_view_has_under_another_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
