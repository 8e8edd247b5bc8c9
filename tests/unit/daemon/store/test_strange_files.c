/*
 * What lies in segments/ that this store did not put there: it is left alone, and keeps
 * nobody from starting or from clearing what is the store's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/disk/stamp.h"
#include "proto/base/cleanup.h"
#include "tests/harness/assert_ok.h"
#include "tests/harness/killed.h"
#include "tests/harness/scratch.h"

/* Named as a persist names one. */
#define UNKNOWN "00112233445566778899aabbccddeeff.seg"

#define assert_ok(expression) assert_ok_of(expression, error.text)

static bool is_there(const char *directory, const char *folder, const char *name)
{
	char *path AUTO_FREE = killed_path(directory, folder, name);
	struct stat status;
	return lstat(path, &status) == 0;
}

/* A segment that the catalogue knows. */
static void first_location(const char *directory, struct segment_row *ret_row)
{
	struct catalogue *catalogue;
	struct error error;
	assert_ok(catalogue_open_to_read(&io_system, directory, &catalogue, &error));
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count;
	assert_ok(catalogue_segments(catalogue, &rows, &count, &error));
	assert_true(count > 0);
	*ret_row = rows[0];
	assert_ok(catalogue_close(catalogue, &error));
}

/* ---- what is no file ------------------------------------------------------------- */

static const char *const no_files[] = {"lost+found", "pipe.seg", "dangling.seg",
				       "link.seg"};
#define NO_FILES (sizeof(no_files) / sizeof(*no_files))

static void put_no_files(const char *directory)
{
	char *paths[NO_FILES];
	for (size_t i = 0; i < NO_FILES; i++)
		paths[i] = killed_path(directory, "/segments", no_files[i]);
	assert_int_equal(mkdir(paths[0], 0700), 0);
	assert_int_equal(mkfifo(paths[1], 0600), 0);
	assert_int_equal(symlink("nowhere", paths[2]), 0);
	assert_int_equal(symlink("../" STAMP_NAME, paths[3]), 0);
	for (size_t i = 0; i < NO_FILES; i++)
		free(paths[i]);
}

static size_t notes_of_others;

static void count_note(void *context, const char *sentence)
{
	(void)context;
	if (strstr(sentence, "entries of segments/"))
		notes_of_others++;
}

static void start_and_stop(const char *directory)
{
	struct error error;
	struct store *store;
	struct store_options options = {.directory = directory, .on_note = count_note};
	assert_ok(store_open(&options, &store, &error));
	assert_int_equal(store_refusal(store)->code, 0);
	assert_ok(store_close(store, &error));
}

static void what_is_no_file_is_left_alone_and_the_rest_is_cleared(void **state)
{
	const struct killed *killed = *state;
	char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
	put_no_files(copy);
	uint8_t torn[] = {'t', 'o', 'r', 'n'};
	struct segment_row row;
	first_location(copy, &row);
	struct buffer bytes AUTO(buffer_fini) =
		killed_read(copy, "/segments", row.location);
	buffer_put(&bytes, torn, sizeof(torn));
	killed_write(copy, "/segments", row.location, &bytes);
	killed_write(copy, "/segments", UNKNOWN,
		     &(struct buffer){.at = torn, .len = sizeof(torn)});
	notes_of_others = 0;
	start_and_stop(copy);
	assert_int_equal(notes_of_others, 1);
	assert_false(is_there(copy, "/segments", UNKNOWN));
	struct buffer cut AUTO(buffer_fini) =
		killed_read(copy, "/segments", row.location);
	assert_int_equal(cut.len, bytes.len - sizeof(torn));
	for (size_t i = 0; i < NO_FILES; i++)
		assert_true(is_there(copy, "/segments", no_files[i]));
	assert_true(is_there(copy, "", STAMP_NAME));
}

/* A file system of its own for segments/ brings such a directory along. */
static void what_is_no_file_keeps_no_new_store_from_beginning(void **state)
{
	(void)state;
	char *directory AUTO(scratch_fini) = scratch_new();
	char *segments AUTO_FREE = killed_path(directory, "", "segments");
	assert_int_equal(mkdir(segments, 0700), 0);
	put_no_files(directory);
	start_and_stop(directory);
	start_and_stop(directory);
}

/* A pipe would keep whoever opens it waiting. */
static void a_pipe_in_a_segments_place_is_a_missing_segment(void **state)
{
	const struct killed *killed = *state;
	char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
	struct segment_row row;
	first_location(copy, &row);
	char *path AUTO_FREE = killed_path(copy, "/segments", row.location);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	struct error error;
	struct store *store;
	struct store_options options = {.directory = copy};
	assert_ok(store_open(&options, &store, &error));
	uint64_t damaged = 0;
	assert_ok(tree_check(store, &damaged, NULL, 0, &error));
	assert_true(damaged > 0);
	assert_ok(store_close(store, &error));
}

/* ---- another store's -------------------------------------------------------------- */

static void copy_segment(const char *directory, const char *folder, const char *name,
			 void *context)
{
	if (strcmp(folder, "/segments") == 0)
		killed_copy_file(directory, folder, name, context);
}

static void assert_kept(const char *directory, const char *folder, const char *name,
			void *context)
{
	if (strcmp(folder, "/segments") != 0)
		return;
	struct buffer was AUTO(buffer_fini) = killed_read(directory, folder, name);
	struct buffer is AUTO(buffer_fini) = killed_read(context, folder, name);
	assert_int_equal(is.len, was.len);
	assert_memory_equal(is.at, was.at, was.len);
}

static char *with_anothers_segments(const struct killed *killed)
{
	char *copy = killed_copy(killed->directory);
	killed_each_file(killed->other, copy_segment, copy);
	return copy;
}

/* All of them: also those that do not say whose they are. */
static void a_file_of_another_store_is_kept_and_the_rest_goes_on(void **state)
{
	const struct killed *killed = *state;
	char *copy AUTO(scratch_fini) = with_anothers_segments(killed);
	struct segment_row row;
	first_location(copy, &row);
	struct buffer bytes AUTO(buffer_fini) =
		killed_read(copy, "/segments", row.location);
	size_t sound = bytes.len;
	buffer_put(&bytes, "torn", 4);
	killed_write(copy, "/segments", row.location, &bytes);
	struct error error;
	struct store *store;
	struct store_options options = {.directory = copy};
	assert_ok(store_open(&options, &store, &error));
	assert_int_equal(store_refusal(store)->code, 0);
	for (uint32_t i = 0; i < KILLED_PERSISTS; i++)
		assert_ok(
			tree_verify(store, killed->layers[i], &killed->trees[i], &error));
	struct tree_persist input = {.who = {.workflow = "new", .job = "build"},
				     .key = 99,
				     .tree = &killed->trees[0]};
	struct layer_record record;
	assert_ok(tree_persist(store, &input, &record, NULL, &error));
	assert_ok(store_close(store, &error));
	killed_each_file(killed->other, assert_kept, copy);
	struct buffer cut AUTO(buffer_fini) =
		killed_read(copy, "/segments", row.location);
	assert_int_equal(cut.len, sound);
}

static void assert_freezes(const char *directory)
{
	struct error error;
	struct store *store;
	struct store_options options = {.directory = directory};
	assert_ok(store_open(&options, &store, &error));
	assert_int_equal(store_refusal(store)->code, ERR_DAMAGED);
	assert_non_null(strstr(store_refusal(store)->text, ".seg`: is another store's"));
	assert_non_null(strstr(store_refusal(store)->text, "move that file away"));
	assert_ok(store_close(store, &error));
}

/* Then the catalogue may be what was brought here. */
static void it_freezes_a_store_that_lacks_a_segment_of_its_own(void **state)
{
	const struct killed *killed = *state;
	char *copy AUTO(scratch_fini) = with_anothers_segments(killed);
	struct segment_row row;
	first_location(copy, &row);
	struct buffer bytes AUTO(buffer_fini) =
		killed_read(copy, "/segments", row.location);
	bytes.len = row.vouched - 1;
	killed_write(copy, "/segments", row.location, &bytes);
	assert_freezes(copy);
	killed_each_file(killed->other, assert_kept, copy);
}

static void it_freezes_a_store_that_has_no_segment(void **state)
{
	const struct killed *killed = *state;
	char *directory AUTO(scratch_fini) = scratch_new();
	start_and_stop(directory);
	killed_each_file(killed->other, copy_segment, directory);
	assert_freezes(directory);
	killed_each_file(killed->other, assert_kept, directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_file_is_left_alone_and_the_rest_is_cleared),
		cmocka_unit_test(what_is_no_file_keeps_no_new_store_from_beginning),
		cmocka_unit_test(a_pipe_in_a_segments_place_is_a_missing_segment),
		cmocka_unit_test(a_file_of_another_store_is_kept_and_the_rest_goes_on),
		cmocka_unit_test(it_freezes_a_store_that_lacks_a_segment_of_its_own),
		cmocka_unit_test(it_freezes_a_store_that_has_no_segment),
	};
	return cmocka_run_group_tests(tests, killed_setup, killed_teardown);
}
