/* Writing a tree (T2, T4): what appears when, what is kept, what a failure leaves. */
#include "destination_tree.h"

#include <sys/file.h>

/* A view with something of everything. */
static void add_sample(struct place *place)
{
	add_file(place, "a.txt", "alpha", 0640);
	add_dir(place, "d", 0755);
	add_dir(place, "d/closed", 0555);
	add_file(place, "d/closed/read-only", "read only", 0444);
	add_dir(place, "d/empty", 0700);
	add_link(place, "d/link", "../a.txt");
	add_file_in_units(place, "d/units", "0123456789abcdef", 3, 0755);
	add_file(place, "e/f/implied", "below directories without rows", 0600);
	add_file(place, "zero", "", 0604);
}

/* All but the time of d, which is left where d was there before. */
static void assert_tree(void)
{
	assert_holds("out/a.txt", "alpha");
	assert_mode("out/a.txt", 0640);
	assert_row_time("out/a.txt");
	assert_mode("out/d", 0755);
	assert_mode("out/d/closed", 0555);
	assert_row_time("out/d/closed");
	assert_holds("out/d/closed/read-only", "read only");
	assert_mode("out/d/closed/read-only", 0444);
	assert_mode("out/d/empty", 0700);
	char target[16] = "";
	assert_int_equal(readlink("out/d/link", target, sizeof(target)), 8);
	assert_string_equal(target, "../a.txt");
	assert_row_time("out/d/link");
	assert_holds("out/d/units", "0123456789abcdef");
	assert_mode("out/d/units", 0755);
	assert_row_time("out/d/units");
	assert_mode("out/e/f", 0755);
	assert_holds("out/e/f/implied", "below directories without rows");
	assert_holds("out/zero", "");
	assert_mode("out/zero", 0604);
}

static void assert_sample(void)
{
	assert_tree();
	assert_row_time("out/d");
}

static void t4_missing_directory_appears_complete(void **state)
{
	struct place *place = *state;
	add_sample(place);
	place->options.directory = "above/it/out";
	assert_int_equal(attach(place), 0);
	assert_int_equal(rename("above/it/out", "out"), 0);
	assert_sample();
	assert_int_equal(entries_in("above/it"), 0);
	assert_mode("above", 0755);
	assert_mode("out", 0755);
	assert_int_equal(place->counts.written, 5);
}

static void t4_missing_directory_is_not_there_before_the_end(void **state)
{
	struct place *place = *state;
	add_sample(place);
	struct destination *destination = attach_unfinished(place);
	assert_false(is_there("out"));
	assert_int_equal(destination_finish(destination, &place->error), 0);
	destination_close(destination);
	assert_sample();
}

static void t4_failure_leaves_nothing_of_a_missing_directory(void **state)
{
	struct place *place = *state;
	add_sample(place);
	place->options.directory = "above/out";
	assert_int_equal(attach_but(place, 2), ERR_LOST);
	assert_int_equal(entries_in("."), 0);
	assert_says(place, "went away; `above/out` is as it was");
}

/* So many that several workers share them, all below the same two directories, which may
 * be closed only when each worker is done with what is below. */
static void add_many(struct place *place)
{
	add_dir(place, "a", 0500);
	add_dir(place, "a/b", 0000);
	for (unsigned i = 0; i < 500; i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "a/b/d%03u", i);
		add_dir(place, path, 0500);
		for (unsigned k = 0; k < 9; k++) {
			(void)snprintf(path, sizeof(path), "a/b/d%03u/empty%u", i, k);
			add_file(place, path, "", 0444);
		}
		(void)snprintf(path, sizeof(path), "a/b/d%03u/file", i);
		add_file(place, path, "its bytes", 0640);
		(void)snprintf(path, sizeof(path), "a/b/d%03u/large", i);
		add_file_in_units(place, path, "of several units", 4, 0600);
		(void)snprintf(path, sizeof(path), "a/b/d%03u/link", i);
		add_link(place, path, "file");
	}
}

static void assert_many(void)
{
	assert_mode("out/a", 0500);
	assert_mode("out/a/b", 0000);
	assert_row_time("out/a");
	assert_row_time("out/a/b");
	assert_int_equal(chmod("out/a/b", 0700), 0); /* for those who are not root */
	for (unsigned i = 0; i < 500; i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "out/a/b/d%03u", i);
		assert_mode(path, 0500);
		assert_row_time(path);
		assert_int_equal(entries_in(path), 12);
		(void)snprintf(path, sizeof(path), "out/a/b/d%03u/file", i);
		assert_holds(path, "its bytes");
		assert_row_time(path);
		(void)snprintf(path, sizeof(path), "out/a/b/d%03u/large", i);
		assert_holds(path, "of several units");
		assert_mode(path, 0600);
	}
}

#define NOBODY 65534u

static void t4_many_entries_are_made_by_all_workers(void **state)
{
	struct place *place = *state;
	bool is_root = geteuid() == 0; /* whom no mode keeps out of anything */
	if (is_root) {
		assert_int_equal(chown(".", NOBODY, NOBODY), 0);
		assert_int_equal(seteuid(NOBODY), 0);
	}
	add_many(place);
	int err = attach(place);
	int again = err ? err : attach(place);
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(err, 0);
	assert_int_equal(again, 0);
	assert_int_equal(place->counts.unchanged, 500 * 11);
	assert_many();
}

static void t4_existing_directory_is_filled(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(mkdir("out", 0750), 0);
	ino_t inode = stat_of("out").st_ino;
	assert_int_equal(attach(place), 0);
	assert_sample();
	assert_int_equal(stat_of("out").st_ino, inode);
	assert_mode("out", 0750);
	assert_int_equal(entries_in("out"), 4);
}

static void t4_failure_leaves_an_empty_directory_empty(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(attach_but(place, 2), ERR_LOST);
	assert_int_equal(entries_in("out"), 0);
	assert_says(place, "`out` is as it was");
}

/* Something that comes between while all is put into its place. */
static void t4_failure_while_publishing_empties_it_again(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(mkdir("out", 0755), 0);
	struct destination *destination = attach_unfinished(place);
	assert_int_equal(mkdir("out/zero", 0755), 0);
	put("out/zero/theirs", "theirs");
	assert_int_equal(destination_finish(destination, &place->error), ERR_LOCAL);
	assert_int_equal(destination_abandon(destination, &place->error), ERR_LOCAL);
	assert_int_equal(entries_in("out"), 1);
	assert_holds("out/zero/theirs", "theirs");
	assert_says(place, "`out/zero`: a directory with something in it was put");
	assert_says(place, "`out` is as it was");
}

static void t4_failure_says_what_is_there(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/other", "other");
	/* What is left out is a.txt: zero is in place, and three wait in new directories.
	 */
	assert_int_equal(attach_but(place, 1), ERR_LOST);
	assert_says(place, "`out` holds 1 of 5 files, each whole; run the command again");
	assert_int_equal(entries_in("out"), 2);
	assert_int_equal(attach(place), 0);
	assert_sample();
	assert_int_equal(place->counts.unchanged, 1);
	assert_int_equal(place->counts.written, 4);
}

static void t4_other_files_are_left_alone(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	put("out/other", "other");
	put("out/d/other", "other too");
	assert_int_equal(attach(place), 0);
	assert_tree();
	assert_holds("out/other", "other");
	assert_holds("out/d/other", "other too");
	assert_int_equal(entries_in("out"), 5);
}

static void t4_equal_files_are_not_rewritten(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(attach(place), 0);
	ino_t alpha = stat_of("out/a.txt").st_ino;
	ino_t units = stat_of("out/d/units").st_ino;
	ino_t link = stat_of("out/d/link").st_ino;
	struct timespec before = stat_of("out").st_mtim;
	assert_int_equal(attach(place), 0);
	assert_sample();
	assert_int_equal(place->counts.written, 0);
	assert_int_equal(place->counts.unchanged, 5);
	assert_int_equal(stat_of("out/a.txt").st_ino, alpha);
	assert_int_equal(stat_of("out/d/units").st_ino, units);
	assert_int_equal(stat_of("out/d/link").st_ino, link);
	struct timespec after = stat_of("out").st_mtim;
	assert_memory_equal(&before, &after, sizeof(before));
}

/* What lies there was made to have the row's XXH3-128: that alone keeps nothing. */
static void t4_files_are_equal_by_sha256_too(void **state)
{
	struct place *place = *state;
	add_file(place, "a", "wanted", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/a", "forged");
	place->tree.table.units[0].name.key.xxh = xxh128_of("forged", 6);
	assert_int_equal(attach(place), 0);
	assert_holds("out/a", "wanted");
	assert_int_equal(place->counts.written, 1);
}

static void t4_differing_files_are_made_anew(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(attach(place), 0);
	put("out/a.txt", "ALPHA");
	assert_int_equal(chmod("out/zero", 0666), 0);
	ino_t inode = stat_of("out/a.txt").st_ino;
	assert_int_equal(attach(place), 0);
	assert_sample();
	assert_int_equal(place->counts.written, 2);
	assert_int_not_equal(stat_of("out/a.txt").st_ino, inode);
}

static void t4_kept_files_get_the_time_of_the_row(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(attach(place), 0);
	put("out/a.txt", "alpha");
	ino_t inode = stat_of("out/a.txt").st_ino;
	place->options.times_now = true;
	assert_int_equal(attach(place), 0);
	assert_int_not_equal(stat_of("out/a.txt").st_mtim.tv_sec, ROW_SECONDS);
	place->options.times_now = false;
	assert_int_equal(attach(place), 0);
	assert_sample();
	assert_int_equal(stat_of("out/a.txt").st_ino, inode);
}

static void t4_times_now_sets_none(void **state)
{
	struct place *place = *state;
	add_sample(place);
	place->options.times_now = true;
	assert_int_equal(attach(place), 0);
	assert_int_not_equal(stat_of("out/a.txt").st_mtim.tv_sec, ROW_SECONDS);
	assert_int_not_equal(stat_of("out/d").st_mtim.tv_sec, ROW_SECONDS);
	assert_int_not_equal(stat_of("out/d/link").st_mtim.tv_sec, ROW_SECONDS);
}

static void t4_times_of_directories_that_were_there_are_left(void **state)
{
	struct place *place = *state;
	add_dir(place, "d", 0755);
	add_dir(place, "d/new", 0755);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	assert_int_equal(attach(place), 0);
	assert_int_not_equal(stat_of("out/d").st_mtim.tv_sec, ROW_SECONDS);
	assert_row_time("out/d/new");
}

static void t4_read_only_directories_are_coped_with(void **state)
{
	struct place *place = *state;
	add_dir(place, "d", 0555);
	add_file(place, "d/a", "new", 0444);
	add_file(place, "e/b", "new", 0444);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	assert_int_equal(mkdir("out/e", 0755), 0);
	put("out/d/a", "old!");
	assert_int_equal(chmod("out/d/a", 0400), 0);
	assert_int_equal(chmod("out/d", 0500), 0);
	assert_int_equal(chmod("out/e", 0511), 0);
	assert_int_equal(chmod("out", 0555), 0);
	assert_int_equal(attach(place), 0);
	assert_holds("out/d/a", "new");
	assert_holds("out/e/b", "new");
	assert_mode("out/d", 0555);
	assert_mode("out/e", 0511);
	assert_mode("out", 0555);
}

static void t4_modes_are_given_back_after_a_failure(void **state)
{
	struct place *place = *state;
	add_dir(place, "d", 0777);
	add_file(place, "d/a", "new", 0444);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0555), 0);
	assert_int_equal(attach_but(place, 1), ERR_LOST);
	assert_mode("out/d", 0555);
	assert_says(place, "`out` is as it was");
}

static void t2_modes_are_exact_under_any_umask(void **state)
{
	struct place *place = *state;
	add_dir(place, "d", 0777);
	add_file(place, "d/a", "x", 0666);
	add_dir(place, "none", 0);
	(void)umask(077);
	assert_int_equal(attach(place), 0);
	assert_int_equal(umask(022), 077);
	assert_mode("out/d", 0777);
	assert_mode("out/d/a", 0666);
	assert_mode("out/none", 0);
	assert_mode("out", 0700);
}

static void t4_link_in_place_of_a_directory_is_replaced(void **state)
{
	struct place *place = *state;
	add_dir(place, "d", 0755);
	add_file(place, "d/a", "inside", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("elsewhere", 0755), 0);
	assert_int_equal(symlink("../elsewhere", "out/d"), 0);
	assert_int_equal(attach(place), 0);
	assert_holds("out/d/a", "inside");
	assert_int_equal(entries_in("elsewhere"), 0);
}

static void t4_what_is_of_another_type_is_replaced(void **state)
{
	struct place *place = *state;
	add_file(place, "directory", "now a file", 0644);
	add_dir(place, "file", 0755);
	add_file(place, "file/a", "inside", 0644);
	add_link(place, "plain", "target");
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/directory", 0755), 0);
	put("out/file", "now a directory");
	put("out/plain", "now a link");
	assert_int_equal(attach(place), 0);
	assert_holds("out/directory", "now a file");
	assert_holds("out/file/a", "inside");
	assert_true(S_ISLNK(stat_of("out/plain").st_mode));
}

static void t4_full_directory_where_a_file_belongs_is_refused(void **state)
{
	struct place *place = *state;
	add_file(place, "a", "first", 0644);
	add_file(place, "d", "a file", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	put("out/d/precious", "precious");
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_int_equal(error_exit_status(ERR_LOCAL), 9);
	assert_says(place, "`out/d`: a directory that is not empty");
	assert_says(place, "--delete");
	assert_holds("out/d/precious", "precious");
	assert_int_equal(entries_in("out"), 1);
	place->options.delete_extra = true;
	assert_int_equal(attach(place), 0);
	assert_holds("out/d", "a file");
	assert_int_equal(entries_in("out"), 2);
}

static void t4_delete_removes_what_the_view_does_not_have(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(attach(place), 0);
	assert_int_equal(mkdir("outside", 0755), 0);
	put("outside/precious", "precious");
	put("out/extra", "extra");
	assert_int_equal(mkdir("out/d/extra", 0755), 0);
	assert_int_equal(mkdir("out/d/extra/deep", 0755), 0);
	put("out/d/extra/deep/file", "x");
	assert_int_equal(chmod("out/d/extra", 0500), 0);
	assert_int_equal(symlink("../../outside", "out/d/extra-link"), 0);
	place->options.delete_extra = true;
	assert_int_equal(attach(place), 0);
	assert_tree();
	assert_int_equal(entries_in("out"), 4);
	assert_int_equal(entries_in("out/d"), 4);
	assert_holds("outside/precious", "precious");
}

static void collect(void *context, enum destination_action action, const char *path)
{
	struct buffer *text = context;
	buffer_put_u8(text, (uint8_t) "wkd"[action]);
	buffer_put(text, path, strlen(path));
	buffer_put_u8(text, ' ');
}

static void t4_dry_run_lists_and_does_nothing(void **state)
{
	struct place *place = *state;
	add_file(place, "a", "same", 0644);
	add_file(place, "b", "new", 0644);
	add_dir(place, "d", 0755);
	add_file(place, "d/c", "new", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	put("out/a", "same");
	put("out/d/extra", "extra");
	place->options.delete_extra = true;
	struct destination *destination = NULL;
	view_table_finish(&place->tree.table);
	assert_int_equal(destination_open(&place->tree.table, &place->options,
					  &destination, &place->error),
			 0);
	struct buffer text AUTO(buffer_fini) = {0};
	assert_int_equal(destination_list(destination, collect, &text, &place->error), 0);
	destination_close(destination);
	buffer_put_u8(&text, 0);
	assert_string_equal((char *)text.at, "ka wb wd/c dd/extra ");
	assert_int_equal(entries_in("out"), 2);
	assert_holds("out/d/extra", "extra");
}

static void t4_destination_that_is_a_file_is_refused(void **state)
{
	struct place *place = *state;
	add_sample(place);
	put("out", "a file");
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_says(place, "`out`: it, or something above it, is not a directory");
	assert_holds("out", "a file");
}

static void t4_destination_that_leads_nowhere_is_refused(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(symlink("nowhere", "out"), 0);
	assert_int_equal(attach(place), ERR_LOCAL);
	assert_int_equal(entries_in("."), 1);
}

static void t4_empty_view_makes_an_empty_directory(void **state)
{
	struct place *place = *state;
	assert_int_equal(attach(place), 0);
	assert_int_equal(entries_in("out"), 0);
}

/* ---- what a killed attach left behind ---- */

static void t4_left_over_stages_are_removed(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(mkdir(".out.baton-0123456789ab", 01700), 0);
	put(".out.baton-0123456789ab/half", "half");
	assert_int_equal(mkdir(".other.baton-0123456789ab", 01700), 0);
	assert_int_equal(mkdir(".out.baton-notourstage", 0700), 0);
	assert_int_equal(attach(place), 0);
	assert_false(is_there(".out.baton-0123456789ab"));
	assert_false(is_there(".other.baton-0123456789ab"));
	assert_true(is_there(".out.baton-notourstage"));
	assert_int_equal(mkdir("out/.baton-0123456789ab", 01700), 0);
	put("out/.baton-0123456789ab/half", "half");
	assert_int_equal(mkdir("out/.sub.baton-0123456789ab", 01700), 0);
	assert_int_equal(unlink("out/a.txt"), 0);
	assert_int_equal(attach(place), 0);
	assert_sample();
	assert_int_equal(entries_in("out"), 4);
}

static void t4_stages_in_use_are_left_alone(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/.baton-0123456789ab", 01700), 0);
	int fd AUTO_FD = open("out/.baton-0123456789ab", O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	place->options.delete_extra = true;
	assert_int_equal(attach(place), 0);
	assert_true(is_there("out/.baton-0123456789ab"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(t4_missing_directory_appears_complete),
		PLACE_TEST(t4_missing_directory_is_not_there_before_the_end),
		PLACE_TEST(t4_failure_leaves_nothing_of_a_missing_directory),
		PLACE_TEST(t4_many_entries_are_made_by_all_workers),
		PLACE_TEST(t4_existing_directory_is_filled),
		PLACE_TEST(t4_failure_leaves_an_empty_directory_empty),
		PLACE_TEST(t4_failure_while_publishing_empties_it_again),
		PLACE_TEST(t4_failure_says_what_is_there),
		PLACE_TEST(t4_other_files_are_left_alone),
		PLACE_TEST(t4_equal_files_are_not_rewritten),
		PLACE_TEST(t4_files_are_equal_by_sha256_too),
		PLACE_TEST(t4_differing_files_are_made_anew),
		PLACE_TEST(t4_kept_files_get_the_time_of_the_row),
		PLACE_TEST(t4_times_now_sets_none),
		PLACE_TEST(t4_times_of_directories_that_were_there_are_left),
		PLACE_TEST(t4_read_only_directories_are_coped_with),
		PLACE_TEST(t4_modes_are_given_back_after_a_failure),
		PLACE_TEST(t2_modes_are_exact_under_any_umask),
		PLACE_TEST(t4_link_in_place_of_a_directory_is_replaced),
		PLACE_TEST(t4_what_is_of_another_type_is_replaced),
		PLACE_TEST(t4_full_directory_where_a_file_belongs_is_refused),
		PLACE_TEST(t4_delete_removes_what_the_view_does_not_have),
		PLACE_TEST(t4_dry_run_lists_and_does_nothing),
		PLACE_TEST(t4_destination_that_is_a_file_is_refused),
		PLACE_TEST(t4_destination_that_leads_nowhere_is_refused),
		PLACE_TEST(t4_empty_view_makes_an_empty_directory),
		PLACE_TEST(t4_left_over_stages_are_removed),
		PLACE_TEST(t4_stages_in_use_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
