/*
 * A store that was killed and is opened on a full disk: it serves what it holds, a
 * persist is refused with ERR_NO_ROOM, and with room again the same process goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

#define assert_ok(expression) assert_ok_of(expression, error.text)

/* ---- a disk without room ------------------------------------------------------------
 */

enum room {
	ROOM,      /* there is some */
	NO_GROWTH, /* files cannot become longer, and none can be made */
	NO_WRITE,  /* nor can they be written over: each write takes a block first */
};
static enum room room;

static int limited_open(void *context, int dir_fd, const char *path, int flags,
			mode_t mode)
{
	if (room != ROOM && flags & O_CREAT && faccessat(dir_fd, path, F_OK, 0) < 0) {
		errno = ENOSPC;
		return -1;
	}
	return io_system.open(context, dir_fd, path, flags, mode);
}

static ssize_t limited_pwrite(void *context, int fd, const void *data, size_t len,
			      off_t offset)
{
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	if (room == NO_WRITE ||
	    (room == NO_GROWTH && offset + (off_t)len > status.st_size)) {
		errno = ENOSPC;
		return -1;
	}
	return io_system.pwrite(context, fd, data, len, offset);
}

static const struct io *limited(void)
{
	static struct io table;
	table = io_system;
	table.open = limited_open;
	table.pwrite = limited_pwrite;
	return &table;
}

/* ---- the store on it ------------------------------------------------------------------
 */

static void assert_all_there(const struct killed *killed, struct store *store)
{
	struct error error;
	for (uint32_t i = 0; i < KILLED_PERSISTS; i++)
		assert_ok(
			tree_verify(store, killed->layers[i], &killed->trees[i], &error));
}

static int persist(struct store *store, struct error *error)
{
	struct store_tree tree AUTO(tree_fini) = tree_new(3, 77000, 100);
	struct tree_persist input = {
		.who = {.workflow = "new", .job = "build"}, .key = 99, .tree = &tree};
	struct layer_record record;
	int err = tree_persist(store, &input, &record, NULL, error);
	return err ? err : tree_verify(store, record.id, &tree, error);
}

struct notes {
	unsigned count;
};

static void on_note(void *context, const char *sentence)
{
	struct notes *notes = context;
	if (strstr(sentence, "room") || strstr(sentence, "full") ||
	    strstr(sentence, strerror(ENOSPC)))
		notes->count++;
}

static void unlink_if_there(const char *directory, const char *name)
{
	char *path AUTO_FREE = killed_path(directory, "", name);
	(void)unlink(path);
}

/* Opens it without room, closes it so if told to, and opens it again with room. */
static void open_on_full_disk(const struct killed *killed, enum room how, bool derived)
{
	char *copy AUTO(scratch_fini) = killed_copy(killed->directory);
	if (!derived) {
		unlink_if_there(copy, "units.db");
		unlink_if_there(copy, STAMP_NAME);
	}
	struct notes notes = {0};
	struct store_options options = {.directory = copy,
					.io = limited(),
					.segment_len = KILLED_SEGMENT_LEN,
					.on_note = on_note,
					.context = &notes};
	struct store *store;
	struct error error;
	for (int again = 0; again < 2; again++) {
		room = how;
		assert_ok(store_open(&options, &store, &error));
		assert_true(notes.count > 0);
		assert_false(store_is_read_only(store));
		assert_all_there(killed, store);
		assert_int_equal(persist(store, &error), ERR_NO_ROOM);
		assert_false(store_is_read_only(store));
		assert_ok(store_close(store, &error));
	}
	assert_ok(store_open(&options, &store, &error));
	room = ROOM;
	if (how == NO_GROWTH)
		assert_ok(persist(store, &error));
	assert_ok(store_close(store, &error));
	assert_ok(store_open(&options, &store, &error));
	assert_all_there(killed, store);
	assert_ok(persist(store, &error));
	uint64_t damaged;
	assert_ok(tree_check(store, &damaged, NULL, 0, &error));
	assert_int_equal(damaged, 0);
	assert_ok(store_close(store, &error));
}

static void files_that_cannot_grow(void **state)
{
	open_on_full_disk(*state, NO_GROWTH, true);
}

static void nothing_derived_can_be_made(void **state)
{
	open_on_full_disk(*state, NO_GROWTH, false);
}

static void files_that_cannot_be_written_over(void **state)
{
	open_on_full_disk(*state, NO_WRITE, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_cannot_grow),
		cmocka_unit_test(nothing_derived_can_be_made),
		cmocka_unit_test(files_that_cannot_be_written_over),
	};
	return cmocka_run_group_tests(tests, killed_setup, killed_teardown);
}
