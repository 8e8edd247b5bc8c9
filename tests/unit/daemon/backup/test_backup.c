/* L10: copies of a store that is used, and what becomes a data directory again. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/backup/backup.h"
#include "daemon/backup/restore.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/removal/collector.h"
#include "daemon/store/segment/table.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

#define LAYERS_MAX 400u

struct backup_fixture {
	struct store_fixture store;
	char *target; /* owned; where backups go */
	struct store_tree trees[LAYERS_MAX];
	int64_t layers[LAYERS_MAX];
	atomic_size_t count; /* of layers that were acknowledged */
	struct backup_figures figures;
	struct error error;
};

static int setup(void **state)
{
	struct backup_fixture *fixture = must_calloc(1, sizeof(*fixture));
	store_fixture_init(&fixture->store);
	store_fixture_open(&fixture->store);
	fixture->target = scratch_new();
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct backup_fixture *fixture = *state;
	for (size_t i = 0; i < fixture->count; i++)
		tree_fini(&fixture->trees[i]);
	store_fixture_fini(&fixture->store);
	scratch_free(fixture->target);
	free(fixture);
	return 0;
}

#undef assert_ok
#define assert_ok(expression) assert_ok_of(expression, fixture->error.text)

static int try_persist(struct backup_fixture *fixture, size_t files)
{
	size_t at = fixture->count;
	struct layer_record record;
	struct tree_figures figures;
	struct error error;
	fixture->trees[at] = tree_new(files, 1000u * (uint32_t)at, 3000);
	struct tree_persist input = {.who = {.workflow = "w", .job = "j"},
				     .key = (uint32_t)at + 1,
				     .tree = &fixture->trees[at]};
	int err = tree_persist(fixture->store.store, &input, &record, &figures, &error);
	fixture->layers[at] = record.id;
	if (!err)
		fixture->count = at + 1;
	return err;
}

static void persist(struct backup_fixture *fixture, size_t files)
{
	assert_int_equal(try_persist(fixture, files), 0);
}

static int back_up_with(struct backup_fixture *fixture, const struct io *io)
{
	const struct backup_options options = {.directory = fixture->target, .io = io};
	return backup_run(fixture->store.store, &options, &fixture->figures,
			  &fixture->error);
}

static void back_up(struct backup_fixture *fixture)
{
	assert_ok(back_up_with(fixture, NULL));
}

static int restore_with(struct backup_fixture *fixture, const char *directory,
			const struct io *io)
{
	const struct restore_options options = {
		.backup = fixture->target, .directory = directory, .io = io};
	struct restore_figures figures;
	return restore_run(&options, &figures, &fixture->error);
}

/* What was restored is whole, has at least the first `least` layers, and takes more. */
static void check_store(struct backup_fixture *fixture, const char *directory,
			size_t least)
{
	struct store *store;
	const struct store_options options = {.directory = directory};
	assert_ok(store_open(&options, &store, &fixture->error));
	assert_int_equal(store_refusal(store)->code, 0);
	struct store_figures figures;
	assert_ok(store_figures(store, &figures, &fixture->error));
	assert_true(figures.catalogue.layers >= least);
	for (size_t i = 0; i < fixture->count && i < figures.catalogue.layers; i++)
		assert_ok(tree_verify(store, fixture->layers[i], &fixture->trees[i],
				      &fixture->error));
	uint64_t damaged;
	char text[512] = "";
	assert_ok(tree_check(store, &damaged, text, sizeof(text), &fixture->error));
	assert_string_equal(text, "");
	struct layer_record record;
	struct tree_figures ignored;
	struct store_tree more AUTO(tree_fini) = tree_new(3, 7, 100);
	struct tree_persist input = {
		.who = {.workflow = "after", .job = "j"}, .key = 900, .tree = &more};
	assert_ok(tree_persist(store, &input, &record, &ignored, &fixture->error));
	assert_ok(store_close(store, &fixture->error));
}

static void restore_and_check(struct backup_fixture *fixture, size_t least)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	assert_ok(restore_with(fixture, directory, NULL));
	check_store(fixture, directory, least);
}

/* ---- what is copied -----------------------------------------------------------------
 */

static void l10_a_backup_becomes_the_store(void **state)
{
	struct backup_fixture *fixture = *state;
	for (size_t i = 0; i < 5; i++)
		persist(fixture, 20);
	back_up(fixture);
	assert_int_equal(fixture->figures.layers, 5);
	assert_int_equal(fixture->figures.missing, 0);
	restore_and_check(fixture, 5);
}

static void l10_what_is_unchanged_is_not_copied_again(void **state)
{
	struct backup_fixture *fixture = *state;
	store_fixture_close(&fixture->store);
	fixture->store.segment_len = 20000;
	store_fixture_open(&fixture->store);
	for (size_t i = 0; i < 5; i++)
		persist(fixture, 30);
	back_up(fixture);
	uint64_t all = fixture->figures.copied_bytes;
	assert_true(fixture->figures.segments > 3);
	back_up(fixture);
	assert_int_equal(fixture->figures.copied_bytes, 0);
	assert_int_equal(fixture->figures.unchanged, fixture->figures.segments);
	persist(fixture, 5);
	back_up(fixture);
	assert_true(fixture->figures.copied_bytes > 0);
	assert_true(fixture->figures.copied_bytes < all / 3);
	restore_and_check(fixture, 6);
}

/* A segment that has moved is copied from where it is; where it was nothing names it any
 * more. */
static void l10_a_segment_that_moved_is_copied_and_the_old_goes(void **state)
{
	struct backup_fixture *fixture = *state;
	persist(fixture, 20);
	back_up(fixture);
	size_t count;
	struct segment_row *rows AUTO_FREE =
		segment_table_rows(fixture->store.store->segments, &count);
	assert_int_equal(count, 1);
	assert_ok(tree_move_segment(fixture->store.store, &rows[0].id, &fixture->error));
	back_up(fixture);
	assert_true(fixture->figures.copied_bytes > 0);
	char *old AUTO_FREE = NULL;
	claim(asprintf(&old, "%s/segments/%s", fixture->target, rows[0].location) > 0);
	assert_int_equal(access(old, F_OK), -1);
	restore_and_check(fixture, 1);
}

/* Frames of a workflow that is removed lie between those that stay. */
static void compact(struct backup_fixture *fixture)
{
	char sql[256];
	(void)snprintf(sql, sizeof(sql),
		       "UPDATE workflows SET expired_ms = 5, expired_running_ms = 0"
		       " WHERE name = 'gone';"
		       "INSERT OR REPLACE INTO settings VALUES ('running_ms', %lld)",
		       (long long)COLLECTOR_WAIT_MS);
	store_fixture_close(&fixture->store);
	catalogue_file_run(fixture->store.directory, sql);
	store_fixture_open(&fixture->store);
	index_rebuild_wait(fixture->store.store->rebuild);
	const struct collector_options options = {.wait_ms = COLLECTOR_WAIT_MS,
						  .least_gain = 1};
	struct collector *collector = collector_new(fixture->store.store);
	struct collector_report report;
	assert_ok(collector_run(collector, &options, &report, &fixture->error));
	assert_int_equal(report.compacted, 1);
	collector_free(collector);
}

static void persist_gone(struct backup_fixture *fixture, uint32_t key)
{
	struct layer_record record;
	struct tree_figures figures;
	struct store_tree tree AUTO(tree_fini) = tree_new(60, 100000 * key, 3000);
	struct tree_persist input = {
		.who = {.workflow = "gone", .job = "j"}, .key = key, .tree = &tree};
	assert_ok(tree_persist(fixture->store.store, &input, &record, &figures,
			       &fixture->error));
}

/* L5 and L10: what compaction left out of a file is left out of its copy. */
static void l10_compacted_segments_are_copied_with_their_holes(void **state)
{
	struct backup_fixture *fixture = *state;
	for (uint32_t i = 0; i < 3; i++) {
		persist_gone(fixture, i + 1);
		persist(fixture, 4);
	}
	back_up(fixture);
	uint64_t whole = fixture->figures.copied_bytes;
	compact(fixture);
	back_up(fixture);
	assert_true(fixture->figures.copied_bytes > 0);
	assert_true(fixture->figures.copied_bytes < whole / 2);
	restore_and_check(fixture, 3);
	back_up(fixture);
	assert_int_equal(fixture->figures.copied_bytes, 0);
	persist(fixture, 4);
	back_up(fixture);
	restore_and_check(fixture, 4);
}

static void *persist_on(void *context)
{
	struct backup_fixture *fixture = context;
	while (fixture->count < 60)
		if (try_persist(fixture, 6))
			return fixture;
	return NULL;
}

/* The rule: whatever was acknowledged before a backup began is in it. */
static void l10_each_layer_acknowledged_before_is_in_it(void **state)
{
	struct backup_fixture *fixture = *state;
	pthread_t thread;
	persist(fixture, 6);
	claim(pthread_create(&thread, NULL, persist_on, fixture) == 0);
	size_t acknowledged;
	unsigned rounds = 0;
	do {
		acknowledged = fixture->count;
		back_up(fixture);
		char *directory AUTO(scratch_fini) = scratch_new();
		assert_ok(restore_with(fixture, directory, NULL));
		check_store(fixture, directory, acknowledged);
		rounds++;
	} while (acknowledged < 60);
	void *failed;
	claim(pthread_join(thread, &failed) == 0);
	assert_null(failed);
	assert_true(rounds > 1);
}

/* Bytes that no finished backup vouches for may be anything after a power cut. */
static void l10_what_an_interrupted_backup_left_is_written_anew(void **state)
{
	struct backup_fixture *fixture = *state;
	persist(fixture, 6);
	back_up(fixture);
	size_t count;
	struct segment_row *rows AUTO_FREE =
		segment_table_rows(fixture->store.store->segments, &count);
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/segments/%s", fixture->target, rows[0].location) > 0);
	int fd AUTO_FD = open(path, O_WRONLY | O_CLOEXEC);
	char noise[300000];
	memset(noise, 'x', sizeof(noise));
	claim(pwrite(fd, noise, sizeof(noise), (off_t)rows[0].vouched) ==
	      (ssize_t)sizeof(noise));
	persist(fixture, 6);
	back_up(fixture);
	restore_and_check(fixture, 2);
}

static struct backup_fixture *moving;

/* The catalogue's copy is opened to be read: what it says of places is fixed by now. */
static int moving_open(void *context, int fd, const char *path, int flags, mode_t mode)
{
	struct backup_fixture *fixture = moving;
	if (fixture && strcmp(path, "catalogue.db") == 0 && !(flags & O_CREAT)) {
		size_t count;
		struct segment_row *rows AUTO_FREE =
			segment_table_rows(fixture->store.store->segments, &count);
		moving = NULL;
		assert_ok(tree_move_segment(fixture->store.store, &rows[0].id,
					    &fixture->error));
	}
	return io_system.open(context, fd, path, flags, mode);
}

static void l10_a_segment_that_moves_meanwhile_is_looked_for_again(void **state)
{
	struct backup_fixture *fixture = *state;
	struct io io = io_system;
	persist(fixture, 6);
	io.open = moving_open;
	moving = fixture;
	assert_ok(back_up_with(fixture, &io));
	assert_null(moving);
	restore_and_check(fixture, 1);
}

/* ---- what fails ---------------------------------------------------------------------
 */

struct failing {
	unsigned left;     /* calls until one fails; 0: none does */
	bool from_then_on; /* as after a kill: nothing works any more */
	int number;
	bool fell;
};

static bool falls(struct failing *failing)
{
	if (failing->fell && failing->from_then_on)
		return true;
	if (failing->left == 0 || --failing->left > 0)
		return false;
	failing->fell = true;
	return true;
}

static int refuse_call(const struct failing *failing)
{
	errno = failing->number;
	return -1;
}

static struct failing failing;

static int failing_open(void *context, int fd, const char *path, int flags, mode_t mode)
{
	return falls(&failing) ? refuse_call(&failing)
			       : io_system.open(context, fd, path, flags, mode);
}

static ssize_t failing_pwrite(void *context, int fd, const void *data, size_t len,
			      off_t offset)
{
	return falls(&failing) ? refuse_call(&failing)
			       : io_system.pwrite(context, fd, data, len, offset);
}

static int failing_fdatasync(void *context, int fd)
{
	return falls(&failing) ? refuse_call(&failing) : io_system.fdatasync(context, fd);
}

static int failing_fsync(void *context, int fd)
{
	return falls(&failing) ? refuse_call(&failing) : io_system.fsync(context, fd);
}

static int failing_unlink(void *context, int fd, const char *path)
{
	return falls(&failing) ? refuse_call(&failing)
			       : io_system.unlink(context, fd, path);
}

static int failing_rename(void *context, int fd, const char *from, const char *to)
{
	return falls(&failing) ? refuse_call(&failing)
			       : io_system.rename(context, fd, from, to);
}

static struct io failing_io(unsigned n, bool from_then_on, int number)
{
	struct io io = io_system;
	io.open = failing_open;
	io.pwrite = failing_pwrite;
	io.fdatasync = failing_fdatasync;
	io.fsync = failing_fsync;
	io.unlink = failing_unlink;
	io.rename = failing_rename;
	failing = (struct failing){
		.left = n, .from_then_on = from_then_on, .number = number};
	return io;
}

/* Whatever call fails, once or as if killed there: the store goes on, a backup is in the
 * directory that has at least what the last one had, and the next one succeeds. */
static void fail_each_call(struct backup_fixture *fixture, bool from_then_on, int number)
{
	persist(fixture, 6);
	back_up(fixture);
	unsigned failures = 0;
	for (unsigned n = 1; n == 1 || failing.fell; n += from_then_on ? 1 : 1 + n / 8) {
		size_t before = fixture->count;
		persist(fixture, 4);
		struct io io = failing_io(n, from_then_on, number);
		int err = back_up_with(fixture, &io);
		failures += err != 0;
		assert_true(err == 0 || from_then_on || failing.fell);
		assert_int_equal(health_is_failed(&fixture->store.store->health), false);
		restore_and_check(fixture, err ? before : before + 1);
		back_up(fixture);
	}
	assert_true(failures > 5);
	restore_and_check(fixture, fixture->count);
}

static void l10_killed_at_any_call_the_last_backup_stays(void **state)
{
	fail_each_call(*state, true, EIO);
}

static void l10_a_full_target_leaves_the_last_backup(void **state)
{
	fail_each_call(*state, false, ENOSPC);
}

static void l10_a_restore_killed_at_any_call_is_done_again(void **state)
{
	struct backup_fixture *fixture = *state;
	persist(fixture, 6);
	persist(fixture, 6);
	back_up(fixture);
	unsigned failures = 0;
	for (unsigned n = 1; n == 1 || failing.fell; n++) {
		char *directory AUTO(scratch_fini) = scratch_new();
		struct io io = failing_io(n, true, EIO);
		int err = restore_with(fixture, directory, &io);
		failures += err != 0;
		char *catalogue AUTO_FREE = NULL;
		claim(asprintf(&catalogue, "%s/catalogue.db", directory) > 0);
		/* Whole, or none; what is whole is not touched again. */
		if (access(catalogue, F_OK) < 0)
			assert_ok(restore_with(fixture, directory, NULL));
		check_store(fixture, directory, 2);
	}
	assert_true(failures > 5);
}

/* ---- what is refused ----------------------------------------------------------------
 */

static void l10_a_restore_never_covers_anything(void **state)
{
	struct backup_fixture *fixture = *state;
	persist(fixture, 6);
	back_up(fixture);
	assert_int_equal(restore_with(fixture, fixture->target, NULL), ERR_BUSY);
	assert_int_equal(restore_with(fixture, fixture->store.directory, NULL), ERR_BUSY);
	store_fixture_close(&fixture->store);
	assert_int_equal(restore_with(fixture, fixture->store.directory, NULL),
			 ERR_DENIED);
	char *directory AUTO(scratch_fini) = scratch_new();
	assert_ok(restore_with(fixture, directory, NULL));
	assert_int_equal(restore_with(fixture, directory, NULL), ERR_DENIED);
}

static void l10_a_backup_that_lacks_something_is_not_restored(void **state)
{
	struct backup_fixture *fixture = *state;
	persist(fixture, 6);
	back_up(fixture);
	size_t count;
	struct segment_row *rows AUTO_FREE =
		segment_table_rows(fixture->store.store->segments, &count);
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/segments/%s", fixture->target, rows[0].location) > 0);
	char *directory AUTO(scratch_fini) = scratch_new();
	claim(truncate(path, (off_t)rows[0].vouched - 1) == 0);
	assert_int_equal(restore_with(fixture, directory, NULL), ERR_DAMAGED);
	/* The next backup mends it. */
	back_up(fixture);
	assert_ok(restore_with(fixture, directory, NULL));
	claim(unlink(path) == 0);
	char *other AUTO(scratch_fini) = scratch_new();
	assert_int_equal(restore_with(fixture, other, NULL), ERR_DAMAGED);
	assert_int_equal(rmdir(other), 0); /* nothing was written */
	claim(mkdir(other, 0700) == 0);
}

static void l10_a_backup_goes_where_nothing_else_is(void **state)
{
	struct backup_fixture *fixture = *state;
	persist(fixture, 6);
	back_up(fixture);
	char *target = fixture->target;
	/* Its own directory; one with anything in it; a backup of another store. */
	fixture->target = fixture->store.directory;
	assert_int_equal(back_up_with(fixture, NULL), ERR_BUSY);
	char *other AUTO(scratch_fini) = scratch_new();
	char *file AUTO_FREE = NULL;
	claim(asprintf(&file, "%s/mine", other) > 0);
	claim(mkdir(file, 0700) == 0);
	fixture->target = other;
	assert_int_equal(back_up_with(fixture, NULL), ERR_DENIED);
	fixture->target = target;
	struct store_fixture second;
	store_fixture_init(&second);
	store_fixture_open(&second);
	const struct backup_options options = {.directory = target};
	assert_int_equal(
		backup_run(second.store, &options, &fixture->figures, &fixture->error),
		ERR_DENIED);
	store_fixture_fini(&second);
	/* And nobody takes a backup for a store. */
	struct store *store;
	const struct store_options wrong = {.directory = target};
	assert_int_equal(store_open(&wrong, &store, &fixture->error), ERR_DENIED);
	assert_non_null(strstr(fixture->error.text, "batond restore"));
}

#define BACKUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACKUP_TEST(l10_a_backup_becomes_the_store),
		BACKUP_TEST(l10_what_is_unchanged_is_not_copied_again),
		BACKUP_TEST(l10_a_segment_that_moved_is_copied_and_the_old_goes),
		BACKUP_TEST(l10_compacted_segments_are_copied_with_their_holes),
		BACKUP_TEST(l10_each_layer_acknowledged_before_is_in_it),
		BACKUP_TEST(l10_what_an_interrupted_backup_left_is_written_anew),
		BACKUP_TEST(l10_a_segment_that_moves_meanwhile_is_looked_for_again),
		BACKUP_TEST(l10_killed_at_any_call_the_last_backup_stays),
		BACKUP_TEST(l10_a_full_target_leaves_the_last_backup),
		BACKUP_TEST(l10_a_restore_killed_at_any_call_is_done_again),
		BACKUP_TEST(l10_a_restore_never_covers_anything),
		BACKUP_TEST(l10_a_backup_that_lacks_something_is_not_restored),
		BACKUP_TEST(l10_a_backup_goes_where_nothing_else_is),
	};
	return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
