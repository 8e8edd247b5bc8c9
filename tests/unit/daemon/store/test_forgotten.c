/*
 * Stores whose daemon was killed, and whose catalogue then lost something: its log was
 * bent or cut, or an older one was put back. Either all that was acknowledged is there,
 * or the store says that it has forgotten, and changes nothing (rule L14).
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/disk/stamp.h"
#include "daemon/store/transaction/commit_frame.h"
#include "proto/base/cleanup.h"
#include "proto/unit/frame.h"
#include "tests/harness/assert_ok.h"
#include "tests/harness/killed.h"
#include "tests/harness/scratch.h"

#define FLIPS 60u

#define assert_ok(expression) assert_ok_of(expression, error.text)

static void remove_file(const char *directory, const char *name)
{
	char *path AUTO_FREE = killed_path(directory, "", name);
	assert_int_equal(unlink(path), 0);
}

/* Names, times, bytes: two looks are equal if nothing was changed in between. The lock is
 * the one file that a daemon writes before it knows. */
static void look_at_file(const char *directory, const char *folder, const char *name,
			 void *context)
{
	struct buffer *seen = context;
	char *path AUTO_FREE = killed_path(directory, folder, name);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	buffer_put(seen, path, strlen(path));
	buffer_put(seen, &status.st_mtim, sizeof(status.st_mtim));
	struct buffer bytes AUTO(buffer_fini) = killed_read(directory, folder, name);
	buffer_put_u64(seen, bytes.len);
	buffer_put(seen, bytes.at, bytes.len);
}

static void look_at_all_but_lock(const char *directory, const char *folder,
				 const char *name, void *context)
{
	if (strcmp(name, "lock") != 0)
		look_at_file(directory, folder, name, context);
}

static struct buffer look_at(const char *directory, killed_on_file *call)
{
	struct buffer seen = {0};
	killed_each_file(directory, call, &seen);
	return seen;
}

static void assert_same(const struct buffer *before, const struct buffer *after,
			const char *what)
{
	if (before->len != after->len || memcmp(before->at, after->at, after->len) != 0)
		fail_msg("%s: something was changed", what);
}

/* ---- what may become of it ----------------------------------------------------------
 */

static void assert_all_there(const struct killed *killed, struct store *store,
			     const char *what)
{
	struct error error;
	for (uint32_t i = 0; i < KILLED_PERSISTS; i++)
		if (tree_verify(store, killed->layers[i], &killed->trees[i], &error))
			fail_msg("%s: layer %u: %s", what, i, error.text);
}

static void assert_refuses(struct store *store, const char *what)
{
	struct error error;
	struct store_tree tree AUTO(tree_fini) = tree_new(3, 77000, 100);
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
	for (uint32_t i = 0; i < KILLED_PERSISTS; i++)
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
					.segment_len = KILLED_SEGMENT_LEN};
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

/* ---- who looks changes nothing
 * --------------------------------------------------------- */

/* Each call that could change something fails the test: times and directories too. */
static int reading_open(void *context, int dir_fd, const char *path, int flags,
			mode_t mode)
{
	assert_int_equal(flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND), O_RDONLY);
	return io_system.open(context, dir_fd, path, flags, mode);
}

static const struct io *reading_only(void)
{
	static struct io table;
	table = (struct io){
		.open = reading_open,
		.close = io_system.close,
		.pread = io_system.pread,
		.size = io_system.size,
		.clocks = io_system.clocks,
		.synchronised = io_system.synchronised,
	};
	return &table;
}

static uint64_t check_reading_only(const char *directory)
{
	struct error error;
	struct store *store;
	struct store_options options = {
		.directory = directory, .io = reading_only(), .reads_only = true};
	uint64_t damaged = 0;
	assert_ok(store_open(&options, &store, &error));
	assert_ok(tree_check(store, &damaged, NULL, 0, &error));
	assert_ok(store_close(store, &error));
	return damaged;
}

static void check_calls_nothing_that_changes(void **state)
{
	const struct killed *killed = *state;
	char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
	char *segments AUTO_FREE = killed_path(copy, "", "segments");
	assert_int_equal(chmod(segments, 0500) | chmod(copy, 0500), 0);
	assert_int_equal(check_reading_only(copy), 0);
	assert_int_equal(chmod(copy, 0700), 0);
	remove_file(copy, "lock");
	assert_int_equal(check_reading_only(copy), 0);
	remove_file(copy, "catalogue.db-wal");
	assert_int_equal(check_reading_only(copy), 1);
	assert_int_equal(chmod(segments, 0700), 0);
}

/* ---- what cannot be looked at is not missing
 * --------------------------------------------- */

static int failing_errno;
static bool fails_open; /* else the question for its size */
static int catalogue_fd = -1;

static int failing_open(void *context, int dir_fd, const char *path, int flags,
			mode_t mode)
{
	bool is_catalogue = strcmp(path, "catalogue.db") == 0;
	if (is_catalogue && fails_open) {
		errno = failing_errno;
		return -1;
	}
	int fd = io_system.open(context, dir_fd, path, flags, mode);
	if (is_catalogue)
		catalogue_fd = fd;
	return fd;
}

static int64_t failing_size(void *context, int fd)
{
	if (fd != catalogue_fd || fails_open)
		return io_system.size(context, fd);
	errno = failing_errno;
	return -1;
}

static void a_catalogue_that_cannot_be_looked_at_is_not_missing(void **state)
{
	const struct killed *killed = *state;
	static const int numbers[] = {EIO, EACCES, EMFILE, ELOOP, ENOENT};
	struct io io = io_system;
	io.open = failing_open;
	io.size = failing_size;
	for (size_t i = 0; i < 2 * sizeof(numbers) / sizeof(*numbers); i++) {
		failing_errno = numbers[i / 2];
		fails_open = i % 2;
		char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
		struct buffer before AUTO(buffer_fini) =
			look_at(copy, look_at_all_but_lock);
		struct store_options options = {.directory = copy, .io = &io};
		struct store *store;
		struct error error;
		bool missing = fails_open && failing_errno == ENOENT;
		int other = failing_errno == EMFILE ? ERR_NO_MEMORY : ERR_LOCAL;
		assert_int_equal(store_open(&options, &store, &error),
				 missing ? ERR_DAMAGED : other);
		assert_int_equal(strstr(error.text, "missing") != NULL, missing);
		struct buffer after AUTO(buffer_fini) =
			look_at(copy, look_at_all_but_lock);
		assert_same(&before, &after, "not looked at");
	}
}

/* ---- damage to the log ----------------------------------------------------------------
 */

static void the_store_that_was_killed_is_whole(void **state)
{
	const struct killed *killed = *state;
	char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
	assert_int_equal(judge(killed, copy, "as it was"), WHOLE);
	assert_int_equal(judge(killed, copy, "once more"), WHOLE);
}

/* Of the log: its header, the headers of frames, their pages. */
static void a_flipped_bit_of_the_log_is_damage(void **state)
{
	const struct killed *killed = *state;
	struct buffer log AUTO(buffer_fini) =
		killed_read(killed->directory, "", "catalogue.db-wal");
	size_t frames = (log.len - 32) / (24 + 4096);
	assert_true(frames > FLIPS / 3);
	for (size_t i = 0; i < FLIPS; i++) {
		size_t frame = 32 + (24 + 4096) * (i / 3 * frames / (FLIPS / 3));
		size_t places[] = {i % 32, frame + i % 24, frame + 24 + i * 67 % 4096};
		size_t at = places[i % 3];
		char what[64];
		(void)snprintf(what, sizeof(what), "bit of byte %zu", at);
		char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
		log.at[at] ^= (uint8_t)(1u << i % 8);
		killed_write(copy, "", "catalogue.db-wal", &log);
		log.at[at] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(judge(killed, copy, what), FORGETFUL);
	}
}

static void a_log_that_is_cut_short_is_damage(void **state)
{
	const struct killed *killed = *state;
	struct buffer log AUTO(buffer_fini) =
		killed_read(killed->directory, "", "catalogue.db-wal");
	size_t whole = log.len;
	for (size_t i = 1; i <= 20; i++) {
		char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
		log.len = whole - 1 - (whole - 1) * (i - 1) / 20;
		char what[64];
		(void)snprintf(what, sizeof(what), "a log of %zu bytes", log.len);
		killed_write(copy, "", "catalogue.db-wal", &log);
		assert_int_equal(judge(killed, copy, what), FORGETFUL);
	}
	char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
	remove_file(copy, "catalogue.db-wal");
	assert_int_equal(judge(killed, copy, "no log"), FORGETFUL);
}

/* Without `stamp`, or with one as old, the commit frames tell. */
static void an_older_catalogue_is_damage(void **state)
{
	const struct killed *killed = *state;
	for (int stamps = 0; stamps < 3; stamps++) {
		char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
		killed_copy_file(killed->earlier, "", "catalogue.db", copy);
		killed_copy_file(killed->earlier, "", "catalogue.db-wal", copy);
		if (stamps == 0)
			remove_file(copy, STAMP_NAME);
		if (stamps == 1)
			killed_copy_file(killed->earlier, "", STAMP_NAME, copy);
		assert_int_equal(judge(killed, copy, "older"), FORGETFUL);
	}
}

static void the_catalogue_of_another_store_is_damage(void **state)
{
	const struct killed *killed = *state;
	for (int stamped = 0; stamped < 2; stamped++) {
		char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
		killed_copy_file(killed->other, "", "catalogue.db", copy);
		killed_copy_file(killed->other, "", "catalogue.db-wal", copy);
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
		killed_read(killed->directory, "", STAMP_NAME);
	assert_int_equal(stamp.len, STAMP_SLOT_DISTANCE + STAMP_SLOT_LEN);
	for (size_t i = 0; i < 2 * STAMP_SLOT_LEN; i++) {
		char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
		size_t at = i % STAMP_SLOT_LEN +
			    (i < STAMP_SLOT_LEN ? 0 : STAMP_SLOT_DISTANCE);
		stamp.at[at] ^= (uint8_t)(1u << i % 8);
		killed_write(copy, "", STAMP_NAME, &stamp);
		stamp.at[at] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(judge(killed, copy, "a bent stamp"), WHOLE);
	}
	for (size_t len = 0; len < stamp.len; len += stamp.len / 7) {
		char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
		struct buffer cut = stamp;
		cut.len = len;
		killed_write(copy, "", STAMP_NAME, &cut);
		assert_int_equal(judge(killed, copy, "a stamp cut short"), WHOLE);
	}
	char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
	remove_file(copy, STAMP_NAME);
	assert_int_equal(judge(killed, copy, "no stamp"), WHOLE);
	/* It is there again, and does its work. */
	struct buffer again AUTO(buffer_fini) = killed_read(copy, "", STAMP_NAME);
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
		killed_read(killed->directory, "/segments", rows[0].location);
	for (size_t i = 0; i <= 40; i++) {
		size_t len = 64 + (rows[0].vouched - 64) * i / 40;
		char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
		struct buffer longer AUTO(buffer_fini) =
			killed_read(copy, "/segments", rows[1].location);
		buffer_put(&longer, tail.at + 64, len - 64);
		killed_write(copy, "/segments", rows[1].location, &longer);
		struct buffer unknown = {.at = tail.at, .len = len};
		killed_write(copy, "/segments", "00112233445566778899aabbccddeeff.seg",
			     &unknown);
		char what[64];
		(void)snprintf(what, sizeof(what), "a tail of %zu bytes", len);
		assert_int_equal(judge(killed, copy, what), WHOLE);
		struct buffer cut AUTO(buffer_fini) =
			killed_read(copy, "/segments", rows[1].location);
		assert_true(cut.len < longer.len || len == 64);
	}
}

/* ---- what lies behind a broken frame ------------------------------------------------
 */

/* A commit frame whose unit is `len` bytes long: a field that is not known fills it. */
static void put_commit_frame(struct buffer *out, const struct stamp_mark *mark,
			     size_t len)
{
	struct buffer unit AUTO(buffer_fini) = {0};
	commit_frame_encode(&unit, mark, NULL);
	size_t rest = len - unit.len - 4; /* its number, and a length of three bytes */
	buffer_put_u8(&unit, 99);
	buffer_put_varint(&unit, rest);
	for (size_t i = 0; i < rest; i++)
		buffer_put_u8(&unit, 0);
	assert_int_equal(unit.len, len);
	struct unit_name name = {
		.key = {.xxh = xxh128_of(unit.at, len), .len = (uint32_t)len},
		.sha = sha256_of(unit.at, len),
	};
	struct frame_header header = {
		.kind = FRAME_COMMIT,
		.unit_count = 1,
		.raw_len = (uint32_t)len,
		.stored_len = (uint32_t)len,
		.payload_xxh = name.key.xxh,
	};
	frame_head_encode(out, &header, &name);
	buffer_put(out, unit.at, len);
}

static struct stamp_mark mark_of(const char *directory)
{
	struct catalogue *catalogue = NULL;
	struct error error;
	assert_ok(catalogue_open_to_read(&io_system, directory, &catalogue, &error));
	struct stamp_mark mark = catalogue_mark(catalogue);
	assert_ok(catalogue_close(catalogue, &error));
	return mark;
}

/* Bytes that are no frame, and behind them one that knows of a change more. */
static enum verdict with_a_witness(const struct killed *killed, uint64_t store,
				   size_t len)
{
	size_t count;
	struct segment_row *rows AUTO_FREE = rows_of(killed->directory, &count);
	char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
	struct stamp_mark mark = mark_of(copy);
	mark.commits++;
	mark.store ^= store;
	struct buffer bytes AUTO(buffer_fini) =
		killed_read(copy, "/segments", rows[0].location);
	buffer_put(&bytes, "torn", 4);
	put_commit_frame(&bytes, &mark, len);
	killed_write(copy, "/segments", rows[0].location, &bytes);
	return judge(killed, copy, "a witness behind torn bytes");
}

static void a_witness_is_found_behind_a_broken_frame(void **state)
{
	const struct killed *killed = *state;
	assert_int_equal(with_a_witness(killed, 0, COMMIT_FRAME_LEN_MAX), FORGETFUL);
	assert_int_equal(with_a_witness(killed, 0, COMMIT_FRAME_LEN_MAX + 1), WHOLE);
	/* In a file that somebody persisted. */
	assert_int_equal(with_a_witness(killed, 1, COMMIT_FRAME_LEN_MAX), WHOLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_store_that_was_killed_is_whole),
		cmocka_unit_test(check_calls_nothing_that_changes),
		cmocka_unit_test(a_catalogue_that_cannot_be_looked_at_is_not_missing),
		cmocka_unit_test(a_flipped_bit_of_the_log_is_damage),
		cmocka_unit_test(a_log_that_is_cut_short_is_damage),
		cmocka_unit_test(an_older_catalogue_is_damage),
		cmocka_unit_test(the_catalogue_of_another_store_is_damage),
		cmocka_unit_test(a_stamp_that_is_gone_bent_or_older_is_no_damage),
		cmocka_unit_test(a_torn_tail_is_no_damage),
		cmocka_unit_test(a_witness_is_found_behind_a_broken_frame),
	};
	return cmocka_run_group_tests(tests, killed_setup, killed_teardown);
}
