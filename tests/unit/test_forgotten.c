/*
 * Stores whose daemon was killed, and whose catalogue then lost something: its log was
 * bent or cut, or an older one was put back. Either all that was acknowledged is there,
 * or the store says that it has forgotten, and changes nothing (rule L14).
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/stamp.h"
#include "daemon/store/store_state.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_tree.h"

#define PERSISTS 6u
#define FLIPS 60u
/* Every persist fills a segment of its own but for a few bytes: several are sealed. */
#define SEGMENT_LEN 9000u

/* The store that all tests damage copies of: killed behind its last persist. */
struct killed {
	char *directory; /* owned */
	char *earlier;   /* owned; a copy of it, behind half of its persists */
	char *other;     /* owned; another store, with as many */
	struct tree trees[PERSISTS];
	int64_t layers[PERSISTS];
};

/* ---- directories ------------------------------------------------------------------ */

static const char *const folders[] = {"", "/segments"};

static char *path_of(const char *directory, const char *folder, const char *name)
{
	char *path = NULL;
	claim(asprintf(&path, "%s%s/%s", directory, folder, name) > 0);
	return path;
}

static struct buffer read_file(const char *directory, const char *folder,
			       const char *name)
{
	char *path AUTO_FREE = path_of(directory, folder, name);
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	assert_true(fd >= 0 && fstat(fd, &status) == 0);
	struct buffer bytes = {0};
	buffer_reserve(&bytes, (size_t)status.st_size + 1);
	assert_int_equal(read(fd, bytes.at, (size_t)status.st_size), status.st_size);
	bytes.len = (size_t)status.st_size;
	return bytes;
}

static void write_file(const char *directory, const char *folder, const char *name,
		       const struct buffer *bytes)
{
	char *path AUTO_FREE = path_of(directory, folder, name);
	int fd AUTO_FD = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes->at, bytes->len), bytes->len);
}

static void remove_file(const char *directory, const char *name)
{
	char *path AUTO_FREE = path_of(directory, "", name);
	assert_int_equal(unlink(path), 0);
}

typedef void on_file(const char *directory, const char *folder, const char *name,
		     void *context);

static int name_of_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type == DT_REG;
}

static void for_each_file(const char *directory, on_file *call, void *context)
{
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		char *path AUTO_FREE = path_of(directory, folders[i], "");
		struct dirent **entries = NULL;
		int count = scandir(path, &entries, name_of_file, alphasort);
		for (int n = 0; n < count; n++) {
			call(directory, folders[i], entries[n]->d_name, context);
			free(entries[n]);
		}
		free(entries);
	}
}

static void copy_file(const char *directory, const char *folder, const char *name,
		      void *context)
{
	struct buffer bytes AUTO(buffer_fini) = read_file(directory, folder, name);
	write_file(context, folder, name, &bytes);
}

static char *new_directory(void)
{
	char *directory = scratch_new();
	char *segments AUTO_FREE = path_of(directory, "", "segments");
	assert_int_equal(mkdir(segments, 0700), 0);
	return directory;
}

static char *copy_of(const char *directory)
{
	char *copy = new_directory();
	for_each_file(directory, copy_file, copy);
	return copy;
}

/* Names, times, bytes: two looks are equal if nothing was changed in between. The lock is
 * the one file that a daemon writes before it knows. */
static void look_at_file(const char *directory, const char *folder, const char *name,
			 void *context)
{
	struct buffer *seen = context;
	char *path AUTO_FREE = path_of(directory, folder, name);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	buffer_put(seen, path, strlen(path));
	buffer_put(seen, &status.st_mtim, sizeof status.st_mtim);
	struct buffer bytes AUTO(buffer_fini) = read_file(directory, folder, name);
	buffer_put_u64(seen, bytes.len);
	buffer_put(seen, bytes.at, bytes.len);
}

static void look_at_all_but_lock(const char *directory, const char *folder,
				 const char *name, void *context)
{
	if (strcmp(name, "lock") != 0)
		look_at_file(directory, folder, name, context);
}

static struct buffer look_at(const char *directory, on_file *call)
{
	struct buffer seen = {0};
	for_each_file(directory, call, &seen);
	return seen;
}

static void assert_same(const struct buffer *before, const struct buffer *after,
			const char *what)
{
	if (before->len != after->len || memcmp(before->at, after->at, after->len) != 0)
		fail_msg("%s: something was changed", what);
}

/* ---- a store that is killed ---------------------------------------------------------
 */

#define assert_ok(expression)                                                            \
	do {                                                                             \
		int err_ = (expression);                                                 \
		if (err_)                                                                \
			fail_msg("%s: %s", #expression, error.text);                     \
	} while (0)

static void persist(struct store *store, struct killed *killed, uint32_t number)
{
	struct error error;
	struct layer_record record;
	char workflow[16];
	(void)snprintf(workflow, sizeof workflow, "w%u", number);
	struct tree_persist input = {.who = {.workflow = workflow, .job = "build"},
				     .key = number + 1,
				     .tree = &killed->trees[number]};
	assert_ok(tree_persist(store, &input, &record, NULL, &error));
	killed->layers[number] = record.id;
}

/* The process ends in the middle of everything, as by kill -9. */
static void persist_and_die(struct killed *killed, const char *directory, char *halfway,
			    int report)
{
	struct store_options options = {.directory = directory,
					.segment_len = SEGMENT_LEN};
	struct store *store;
	struct error error;
	assert_ok(store_open(&options, &store, &error));
	for (uint32_t i = 0; i < PERSISTS; i++) {
		if (i == PERSISTS / 2)
			for_each_file(directory, copy_file, halfway);
		persist(store, killed, i);
	}
	(void)!write(report, killed->layers, sizeof killed->layers);
	_exit(0);
}

static void run_and_kill(struct killed *killed, const char *directory, char *halfway)
{
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		persist_and_die(killed, directory, halfway, pipes[1]);
	(void)close(pipes[1]);
	assert_int_equal(read(pipes[0], killed->layers, sizeof killed->layers),
			 sizeof killed->layers);
	(void)close(pipes[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	struct killed *killed = must_calloc(1, sizeof *killed);
	for (uint32_t i = 0; i < PERSISTS; i++)
		killed->trees[i] = tree_new(20, 1000 * i, 400);
	killed->directory = scratch_new();
	killed->earlier = new_directory();
	killed->other = scratch_new();
	char *halfway AUTO(scratch_fini) = new_directory();
	run_and_kill(killed, killed->other, halfway);
	run_and_kill(killed, killed->directory, killed->earlier);
	*state = killed;
	return 0;
}

static int teardown(void **state)
{
	struct killed *killed = *state;
	for (uint32_t i = 0; i < PERSISTS; i++)
		tree_fini(&killed->trees[i]);
	scratch_free(killed->directory);
	scratch_free(killed->earlier);
	scratch_free(killed->other);
	free(killed);
	return 0;
}

/* ---- what may become of it ----------------------------------------------------------
 */

static void assert_all_there(const struct killed *killed, struct store *store,
			     const char *what)
{
	struct error error;
	for (uint32_t i = 0; i < PERSISTS; i++)
		if (tree_verify(store, killed->layers[i], &killed->trees[i], &error))
			fail_msg("%s: layer %u: %s", what, i, error.text);
}

static void assert_refuses(struct store *store, const char *what)
{
	struct error error;
	struct tree tree AUTO(tree_fini) = tree_new(3, 77000, 100);
	struct tree_persist input = {
		.who = {.workflow = "new", .job = "build"}, .key = 99, .tree = &tree};
	struct layer_record record;
	int err = tree_persist(store, &input, &record, NULL, &error);
	if (err != ERR_DAMAGED)
		fail_msg("%s: a persist ended with %d", what, err);
	assert_non_null(strstr(error.text, "put back the catalogue.db"));
	/* What is not found may be what it has forgotten. */
	(void)error_set(&error, ERR_NOT_FOUND, "workflow `x`: unknown");
	assert_int_equal(store_not_found(store, &error), ERR_DAMAGED);
}

/* What it still knows is whole. */
static uint32_t count_whole(const struct killed *killed, struct store *store)
{
	struct error error;
	int64_t *ids AUTO_FREE = NULL;
	size_t count;
	assert_ok(catalogue_layer_ids(store_catalogue(store), &ids, &count, &error));
	uint32_t whole = 0;
	for (uint32_t i = 0; i < PERSISTS; i++)
		if (tree_verify(store, killed->layers[i], &killed->trees[i], &error) == 0)
			whole++;
	assert_int_equal(whole, count);
	return whole;
}

enum verdict { WHOLE, FORGETFUL, UNREADABLE };

/* Checks it, starts it, persists into it. */
static enum verdict judge(const struct killed *killed, const char *directory,
			  const char *what)
{
	struct error error;
	struct store *store = NULL;
	struct buffer untouched AUTO(buffer_fini) = look_at(directory, look_at_file);
	struct store_options look = {.directory = directory, .reads_only = true};
	uint64_t damaged = 0;
	int looked = store_open(&look, &store, &error);
	if (!looked) {
		assert_ok(tree_check(store, &damaged, NULL, 0, &error));
		assert_ok(store_close(store, &error));
	}
	struct buffer checked AUTO(buffer_fini) = look_at(directory, look_at_file);
	assert_same(&untouched, &checked, what);

	struct store_options options = {.directory = directory,
					.segment_len = SEGMENT_LEN};
	struct buffer before AUTO(buffer_fini) = look_at(directory, look_at_all_but_lock);
	int opened = store_open(&options, &store, &error);
	assert_int_equal(opened, looked);
	enum verdict verdict = UNREADABLE;
	if (!opened && store_refusal(store)->code) {
		verdict = FORGETFUL;
		assert_int_equal(store_refusal(store)->code, ERR_DAMAGED);
		(void)count_whole(killed, store);
		assert_refuses(store, what);
	} else if (!opened) {
		verdict = WHOLE;
		assert_all_there(killed, store, what);
	}
	if ((verdict == FORGETFUL) != (damaged > 0))
		fail_msg("%s: check found %llu", what, (unsigned long long)damaged);
	if (!opened)
		assert_ok(store_close(store, &error));
	if (verdict == WHOLE)
		return verdict;
	struct buffer after AUTO(buffer_fini) = look_at(directory, look_at_all_but_lock);
	assert_same(&before, &after, what);
	return verdict;
}

/* ---- damage to the log ----------------------------------------------------------------
 */

static void the_store_that_was_killed_is_whole(void **state)
{
	const struct killed *killed = *state;
	char *copy AUTO(scratch_fini) = copy_of(killed->directory);
	assert_int_equal(judge(killed, copy, "as it was"), WHOLE);
	assert_int_equal(judge(killed, copy, "once more"), WHOLE);
}

/* Of the log: its header, the headers of frames, their pages. */
static void a_flipped_bit_of_the_log_is_damage(void **state)
{
	const struct killed *killed = *state;
	struct buffer log AUTO(buffer_fini) =
		read_file(killed->directory, "", "catalogue.db-wal");
	size_t frames = (log.len - 32) / (24 + 4096);
	assert_true(frames > FLIPS / 3);
	for (size_t i = 0; i < FLIPS; i++) {
		size_t frame = 32 + (24 + 4096) * (i / 3 * frames / (FLIPS / 3));
		size_t places[] = {i % 32, frame + i % 24, frame + 24 + i * 67 % 4096};
		size_t at = places[i % 3];
		char what[64];
		(void)snprintf(what, sizeof what, "bit of byte %zu", at);
		char *copy AUTO(scratch_fini) = copy_of(killed->directory);
		log.at[at] ^= (uint8_t)(1u << i % 8);
		write_file(copy, "", "catalogue.db-wal", &log);
		log.at[at] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(judge(killed, copy, what), FORGETFUL);
	}
}

static void a_log_that_is_cut_short_is_damage(void **state)
{
	const struct killed *killed = *state;
	struct buffer log AUTO(buffer_fini) =
		read_file(killed->directory, "", "catalogue.db-wal");
	size_t whole = log.len;
	for (size_t i = 1; i <= 20; i++) {
		char *copy AUTO(scratch_fini) = copy_of(killed->directory);
		log.len = whole - 1 - (whole - 1) * (i - 1) / 20;
		char what[64];
		(void)snprintf(what, sizeof what, "a log of %zu bytes", log.len);
		write_file(copy, "", "catalogue.db-wal", &log);
		assert_int_equal(judge(killed, copy, what), FORGETFUL);
	}
	char *copy AUTO(scratch_fini) = copy_of(killed->directory);
	remove_file(copy, "catalogue.db-wal");
	assert_int_equal(judge(killed, copy, "no log"), FORGETFUL);
}

/* Without `stamp`, or with one as old, the commit frames tell. */
static void an_older_catalogue_is_damage(void **state)
{
	const struct killed *killed = *state;
	for (int stamps = 0; stamps < 3; stamps++) {
		char *copy AUTO(scratch_fini) = copy_of(killed->directory);
		copy_file(killed->earlier, "", "catalogue.db", copy);
		copy_file(killed->earlier, "", "catalogue.db-wal", copy);
		if (stamps == 0)
			remove_file(copy, STAMP_NAME);
		if (stamps == 1)
			copy_file(killed->earlier, "", STAMP_NAME, copy);
		assert_int_equal(judge(killed, copy, "older"), FORGETFUL);
	}
}

static void the_catalogue_of_another_store_is_damage(void **state)
{
	const struct killed *killed = *state;
	for (int stamped = 0; stamped < 2; stamped++) {
		char *copy AUTO(scratch_fini) = copy_of(killed->directory);
		copy_file(killed->other, "", "catalogue.db", copy);
		copy_file(killed->other, "", "catalogue.db-wal", copy);
		if (!stamped)
			remove_file(copy, STAMP_NAME);
		struct error error;
		struct store *store;
		struct store_options options = {.directory = copy};
		assert_ok(store_open(&options, &store, &error));
		assert_int_equal(store_refusal(store)->code, ERR_DAMAGED);
		assert_non_null(strstr(store_refusal(store)->text, "another store"));
		assert_ok(store_close(store, &error));
	}
}

/* ---- what is no damage ----------------------------------------------------------------
 */

static void a_stamp_that_is_gone_bent_or_older_is_no_damage(void **state)
{
	const struct killed *killed = *state;
	struct buffer stamp AUTO(buffer_fini) =
		read_file(killed->directory, "", STAMP_NAME);
	assert_int_equal(stamp.len, STAMP_SLOT_DISTANCE + STAMP_SLOT_LEN);
	for (size_t i = 0; i < 2 * STAMP_SLOT_LEN; i++) {
		char *copy AUTO(scratch_fini) = copy_of(killed->directory);
		size_t at = i % STAMP_SLOT_LEN +
			    (i < STAMP_SLOT_LEN ? 0 : STAMP_SLOT_DISTANCE);
		stamp.at[at] ^= (uint8_t)(1u << i % 8);
		write_file(copy, "", STAMP_NAME, &stamp);
		stamp.at[at] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(judge(killed, copy, "a bent stamp"), WHOLE);
	}
	for (size_t len = 0; len < stamp.len; len += stamp.len / 7) {
		char *copy AUTO(scratch_fini) = copy_of(killed->directory);
		struct buffer cut = stamp;
		cut.len = len;
		write_file(copy, "", STAMP_NAME, &cut);
		assert_int_equal(judge(killed, copy, "a stamp cut short"), WHOLE);
	}
	char *copy AUTO(scratch_fini) = copy_of(killed->directory);
	remove_file(copy, STAMP_NAME);
	assert_int_equal(judge(killed, copy, "no stamp"), WHOLE);
	/* It is there again, and does its work. */
	struct buffer again AUTO(buffer_fini) = read_file(copy, "", STAMP_NAME);
	assert_true(again.len > STAMP_SLOT_DISTANCE);
}

static struct segment_row *rows_of(const char *directory, size_t *ret_count)
{
	struct store_options options = {.directory = directory, .reads_only = true};
	struct store *store;
	struct error error;
	struct segment_row *rows = NULL;
	assert_ok(store_open(&options, &store, &error));
	assert_ok(catalogue_segments(store_catalogue(store), &rows, ret_count, &error));
	assert_ok(store_close(store, &error));
	return rows;
}

/* The tail of a persist that was never acknowledged: of this very store, with all kinds
 * of frames, cut at each kind of point. */
static void a_torn_tail_is_no_damage(void **state)
{
	const struct killed *killed = *state;
	size_t count;
	struct segment_row *rows AUTO_FREE = rows_of(killed->directory, &count);
	assert_true(count > 1);
	struct buffer tail AUTO(buffer_fini) =
		read_file(killed->directory, "/segments", rows[0].location);
	for (size_t i = 0; i <= 40; i++) {
		size_t len = 64 + (rows[0].vouched - 64) * i / 40;
		char *copy AUTO(scratch_fini) = copy_of(killed->directory);
		struct buffer longer AUTO(buffer_fini) =
			read_file(copy, "/segments", rows[1].location);
		buffer_put(&longer, tail.at + 64, len - 64);
		write_file(copy, "/segments", rows[1].location, &longer);
		struct buffer unknown = {.at = tail.at, .len = len};
		write_file(copy, "/segments", "00112233445566778899aabbccddeeff.seg",
			   &unknown);
		char what[64];
		(void)snprintf(what, sizeof what, "a tail of %zu bytes", len);
		assert_int_equal(judge(killed, copy, what), WHOLE);
		struct buffer cut AUTO(buffer_fini) =
			read_file(copy, "/segments", rows[1].location);
		assert_true(cut.len < longer.len || len == 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_store_that_was_killed_is_whole),
		cmocka_unit_test(a_flipped_bit_of_the_log_is_damage),
		cmocka_unit_test(a_log_that_is_cut_short_is_damage),
		cmocka_unit_test(an_older_catalogue_is_damage),
		cmocka_unit_test(the_catalogue_of_another_store_is_damage),
		cmocka_unit_test(a_stamp_that_is_gone_bent_or_older_is_no_damage),
		cmocka_unit_test(a_torn_tail_is_no_damage),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
