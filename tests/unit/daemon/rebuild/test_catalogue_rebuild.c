/* L13: a lost catalogue is no lost store. Each test compares the rows of the catalogue
 * that is made of the segments with those of the one that was lost. */
#include <dirent.h>
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
#include <sqlite3.h>

#include "daemon/rebuild/rebuild.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

#define LAYERS_MAX 64u

static struct store_tree trees[LAYERS_MAX];
static int64_t layers[LAYERS_MAX];
static size_t layer_count;
static char notes[16384];

static int setup(void **state)
{
	layer_count = 0;
	return store_fixture_setup(state);
}

static int teardown(void **state)
{
	for (size_t i = 0; i < layer_count; i++)
		tree_fini(&trees[i]);
	return store_fixture_teardown(state);
}

/* ---- what is there ----------------------------------------------------------------- */

static int64_t persist(struct store_fixture *fixture, struct who who, size_t files)
{
	struct layer_record record = {0};
	struct tree_figures figures;
	trees[layer_count] = tree_new(files, 1000u * (uint32_t)layer_count, 3000);
	struct tree_persist input = {
		.who = who, .key = ++fixture->key, .tree = &trees[layer_count]};
	assert_ok(
		tree_persist(fixture->store, &input, &record, &figures, &fixture->error));
	layers[layer_count++] = record.id;
	return record.id;
}

static void attach(struct store_fixture *fixture, struct who who, int64_t layer)
{
	struct visit visit AUTO(visit_fini) = {0};
	struct catalogue *catalogue = store_catalogue(fixture->store);
	assert_ok(visit_catalogue(catalogue, &who, CONTACT_ATTACH, &visit,
				  &fixture->error));
	assert_ok(catalogue_record_attach(catalogue, &visit.contact, &layer, 1,
					  &fixture->error));
}

/* Namespaces, tiers, shards, attempts, needs, jobs that persist nothing, a retry, and a
 * retry of that. */
static void fill(struct store_fixture *fixture)
{
	const struct who build = {.workflow = "w", .job = "build"};
	const struct who lint = {.workflow = "w", .job = "lint", .needs = {"build"}};
	const struct who test = {
		.workflow = "w", .job = "test", .shard = "1", .needs = {"build", "lint"}};
	int64_t built = persist(fixture, build, 40);
	attach(fixture, lint, built);
	attach(fixture, test, built);
	(void)persist(fixture, test, 10);
	(void)persist(fixture, test, 10);
	(void)persist(fixture,
		      (struct who){.workflow = "w",
				   .job = "build",
				   .attempt = "2",
				   .execution = "r7"},
		      30);
	struct who other = {.namespace = "acme/app", .workflow = "w", .job = "build"};
	(void)persist(fixture, other, 5);
	other.tier = TIER_UNTRUSTED;
	(void)persist(fixture, other, 5);
	struct who again = {
		.workflow = "w2", .job = "build", .retry_of = "w", .run = "2"};
	(void)persist(fixture, again, 20);
	again.job = "test";
	attach(fixture, again, built);
	(void)persist(fixture, again, 7);
	(void)persist(fixture,
		      (struct who){.workflow = "w3", .job = "deploy", .retry_of = "w2"},
		      3);
	other = (struct who){.namespace = "acme/app",
			     .workflow = "w-retry",
			     .job = "build",
			     .retry_of = "w",
			     .tier = TIER_UNTRUSTED};
	(void)persist(fixture, other, 5);
}

/* ---- rows -------------------------------------------------------------------------- */

static const char *const selects[] = {
	"SELECT id, name, created_ms FROM namespaces ORDER BY id",
	"SELECT id, namespace, name, parent, created_ms, expired_ms FROM workflows"
	" ORDER BY id",
	"SELECT id, workflow, run, run_heard, job, shard, attempt, execution, has_needs,"
	" origin, hex(attached) FROM executions ORDER BY id",
	"SELECT execution, position, job FROM execution_needs ORDER BY 1, 2",
	"SELECT id, hex(name), execution, sequence, hex(key), hex(digest), hex(content),"
	" files, directories, symlinks, bytes, units, new_bytes, stored_bytes,"
	" created_ms, hex(root_segment), root_offset, hex(placement_segment),"
	" placement_offset, hex(bases), tier FROM layers ORDER BY id",
	"SELECT layer, hex(segment) FROM layer_segments ORDER BY 1, 2",
	"SELECT workflow, layer FROM inherited_layers ORDER BY 1, 2",
	"SELECT hex(segment), namespace, vouched, location, state FROM segments"
	" ORDER BY 1",
	"SELECT value FROM settings WHERE name = 'store'",
};

static int put_row(void *out, int count, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < count; i++) {
		const char *value = values[i] ? values[i] : "NULL";
		buffer_put(out, value, strlen(value));
		buffer_put_u8(out, i + 1 < count ? '|' : '\n');
	}
	return 0;
}

/* The rows of a catalogue that nobody has open. */
static char *rows_of(const char *directory)
{
	struct buffer out = {0};
	char *path AUTO_FREE = NULL;
	sqlite3 *database;
	claim(asprintf(&path, "%s/catalogue.db", directory) > 0);
	claim(sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	for (size_t i = 0; i < sizeof(selects) / sizeof(*selects); i++)
		claim(sqlite3_exec(database, selects[i], put_row, &out, NULL) ==
		      SQLITE_OK);
	claim(sqlite3_close(database) == SQLITE_OK);
	buffer_put_u8(&out, '\0');
	return (char *)out.at;
}

static void lose(const struct store_fixture *fixture, const char *name)
{
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/%s", fixture->directory, name) > 0);
	(void)unlink(path);
}

static void on_note(void *context, const char *sentence)
{
	(void)context;
	size_t len = strlen(notes);
	(void)snprintf(notes + len, sizeof(notes) - len, "%s\n", sentence);
}

static int rebuild_with(struct store_fixture *fixture, const struct io *io,
			struct rebuild_figures *figures)
{
	notes[0] = '\0';
	const struct rebuild_options options = {
		.directory = fixture->directory, .io = io, .on_note = on_note};
	return rebuild_run(&options, figures, &fixture->error);
}

static struct rebuild_figures rebuild(struct store_fixture *fixture)
{
	struct rebuild_figures figures = {0};
	assert_ok(rebuild_with(fixture, NULL, &figures));
	return figures;
}

/* The store opens, is whole, takes more, and each layer has its bytes. */
static void check_all(struct store_fixture *fixture)
{
	uint64_t damaged;
	char text[1024] = "";
	store_fixture_open(fixture);
	assert_int_equal(store_refusal(fixture->store)->code, 0);
	for (size_t i = 0; i < layer_count; i++)
		assert_ok(tree_verify(fixture->store, layers[i], &trees[i],
				      &fixture->error));
	assert_ok(tree_check(fixture->store, &damaged, text, sizeof(text),
			     &fixture->error));
	assert_string_equal(text, "");
	(void)persist(fixture, (struct who){.workflow = "after", .job = "j"}, 3);
	store_fixture_close(fixture);
}

static void lose_and_rebuild(struct store_fixture *fixture)
{
	store_fixture_close(fixture);
	char *before AUTO_FREE = rows_of(fixture->directory);
	lose(fixture, "catalogue.db");
	lose(fixture, "catalogue.db-wal");
	struct rebuild_figures figures = rebuild(fixture);
	char *after AUTO_FREE = rows_of(fixture->directory);
	assert_string_equal(before, after);
	assert_int_equal(figures.layers, layer_count);
	assert_int_equal(figures.unreadable + figures.untold, 0);
	check_all(fixture);
}

/* ---- the tests --------------------------------------------------------------------- */

static void l13_rows_are_the_same(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	fill(fixture);
	lose_and_rebuild(fixture);
}

/* Sealed ones, open ones, and many starts between. */
static void l13_of_many_segments(void **state)
{
	struct store_fixture *fixture = *state;
	fixture->segment_len = 20000;
	store_fixture_open(fixture);
	fill(fixture);
	store_fixture_close(fixture);
	store_fixture_open(fixture);
	(void)persist(fixture, (struct who){.workflow = "w", .job = "late"}, 60);
	lose_and_rebuild(fixture);
}

static void l13_of_a_layer_of_60000_files(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	trees[0] = tree_new(60000, 1, 20);
	struct layer_record record;
	struct tree_figures figures;
	struct tree_persist input = {.who = {.workflow = "w", .job = "j"},
				     .key = ++fixture->key,
				     .tree = &trees[0],
				     .without_asking = true};
	assert_ok(
		tree_persist(fixture->store, &input, &record, &figures, &fixture->error));
	layers[layer_count++] = record.id;
	lose_and_rebuild(fixture);
}

/* Neither a stamp nor a log nor the name of the format. */
static void l13_of_segments_alone(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	fill(fixture);
	store_fixture_close(fixture);
	char *before AUTO_FREE = rows_of(fixture->directory);
	static const char *const all[] = {"catalogue.db", "catalogue.db-wal", "stamp",
					  "clean",        "units.db",         "format",
					  "lock"};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		lose(fixture, all[i]);
	(void)rebuild(fixture);
	char *after AUTO_FREE = rows_of(fixture->directory);
	assert_string_equal(before, after);
	check_all(fixture);
}

/* What only the catalogue knew is lost, and nothing else. */
static void l13_what_was_attached_last_is_lost(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	fill(fixture);
	store_fixture_close(fixture);
	char *before AUTO_FREE = rows_of(fixture->directory);
	store_fixture_open(fixture);
	attach(fixture, (struct who){.workflow = "w3", .job = "deploy"}, layers[0]);
	store_fixture_close(fixture);
	char *attached AUTO_FREE = rows_of(fixture->directory);
	assert_string_not_equal(before, attached);
	(void)rebuild(fixture);
	char *after AUTO_FREE = rows_of(fixture->directory);
	assert_string_equal(before, after);
}

static char *path_of(const struct store_fixture *fixture, const char *name)
{
	char *path;
	claim(asprintf(&path, "%s/%s", fixture->directory, name) > 0);
	return path;
}

static void copy_file(const char *from, const char *to)
{
	char *command AUTO_FREE = NULL;
	claim(asprintf(&command, "cp '%s' '%s'", from, to) > 0);
	assert_int_equal(system(command), 0);
}

/* The way out of F2: an older catalogue was put back. */
static void l14_a_catalogue_that_has_forgotten_is_put_aside(void **state)
{
	struct store_fixture *fixture = *state;
	char *catalogue AUTO_FREE = path_of(fixture, "catalogue.db");
	char *old AUTO_FREE = path_of(fixture, "old");
	store_fixture_open(fixture);
	(void)persist(fixture, (struct who){.workflow = "w", .job = "first"}, 10);
	store_fixture_close(fixture);
	copy_file(catalogue, old);
	store_fixture_open(fixture);
	fill(fixture);
	store_fixture_close(fixture);
	char *before AUTO_FREE = rows_of(fixture->directory);
	copy_file(old, catalogue);
	store_fixture_open(fixture);
	const struct error *refusal = store_refusal(fixture->store);
	assert_int_equal(refusal->code, ERR_DAMAGED);
	assert_non_null(strstr(refusal->text, "`batond rebuild`"));
	store_fixture_close(fixture);
	struct rebuild_figures figures = rebuild(fixture);
	char *after AUTO_FREE = rows_of(fixture->directory);
	assert_string_equal(before, after);
	/* The old one is there as it was. */
	char *aside AUTO_FREE = NULL;
	claim(asprintf(&aside, "cmp -s '%s' '%s/%s/catalogue.db'", old,
		       fixture->directory, figures.aside) > 0);
	assert_int_equal(system(aside), 0);
	check_all(fixture);
}

static void l13_a_missing_catalogue_names_the_way_out(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	fill(fixture);
	store_fixture_close(fixture);
	lose(fixture, "catalogue.db");
	struct store_options options = store_fixture_options(fixture);
	assert_int_equal(store_open(&options, &fixture->store, &fixture->error),
			 ERR_DAMAGED);
	assert_non_null(strstr(fixture->error.text, "batond rebuild"));
	fixture->store = NULL;
}

/* ---- damage ------------------------------------------------------------------------ */

/* The only segment of a store whose layers are all in one namespace. */
static char *only_segment(const struct store_fixture *fixture)
{
	char *folder AUTO_FREE = path_of(fixture, "segments");
	DIR *dir AUTO_DIR = opendir(folder);
	const struct dirent *entry;
	char *path = NULL;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			assert_null(path);
			claim(asprintf(&path, "%s/%s", folder, entry->d_name) > 0);
		}
	return path;
}

static void flip(const char *path, off_t at)
{
	int fd AUTO_FD = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;
	claim(pread(fd, &byte, 1, at) == 1);
	byte ^= 0x10;
	claim(pwrite(fd, &byte, 1, at) == 1);
}

/* Wherever a bit flips, all layers but those that it touches are there with their bytes:
 * which are at most one lost by its commit frame, or some that say that they are
 * damaged. */
static void l13_damage_touches_what_it_hits(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	for (size_t i = 0; i < 6; i++)
		(void)persist(fixture, (struct who){.workflow = "w", .job = "j"}, 4);
	store_fixture_close(fixture);
	char *segment AUTO_FREE = only_segment(fixture);
	struct stat status;
	claim(stat(segment, &status) == 0);
	size_t whole = 0;
	for (off_t at = 65; at < status.st_size; at += status.st_size / 40) {
		flip(segment, at);
		struct rebuild_figures figures = rebuild(fixture);
		assert_true(figures.layers >= layer_count - 1);
		store_fixture_open(fixture);
		size_t good = 0;
		for (size_t i = 0; i < layer_count; i++)
			good += tree_verify(fixture->store, layers[i], &trees[i],
					    &fixture->error) == 0;
		assert_true(good >= layer_count - 1);
		whole += good == layer_count;
		store_fixture_close(fixture);
		flip(segment, at);
	}
	assert_true(whole < 40);
	(void)rebuild(fixture);
	check_all(fixture);
}

/* Cut anywhere: what was whole before the cut is there. */
static void l13_a_torn_end_takes_what_was_in_it(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	off_t ends[6];
	char *segment = NULL;
	for (size_t i = 0; i < 6; i++) {
		struct stat status;
		(void)persist(fixture, (struct who){.workflow = "w", .job = "j"}, 4);
		free(segment);
		segment = only_segment(fixture);
		claim(stat(segment, &status) == 0);
		ends[i] = status.st_size;
	}
	store_fixture_close(fixture);
	for (size_t i = 6; i-- > 0;) {
		off_t before = i ? ends[i - 1] : 64;
		const off_t cuts[] = {ends[i] - 1, (before + ends[i]) / 2, before + 1};
		for (size_t j = 0; j < 3; j++) {
			claim(truncate(segment, cuts[j]) == 0);
			struct rebuild_figures figures = rebuild(fixture);
			assert_int_equal(figures.layers, i);
		}
		/* As it is rebuilt: what is torn is not vouched for. */
		const struct store_options to_check = {.directory = fixture->directory,
						       .reads_only = true};
		uint64_t damaged = 1;
		assert_ok(store_open(&to_check, &fixture->store, &fixture->error));
		assert_ok(tree_check(fixture->store, &damaged, NULL, 0, &fixture->error));
		assert_int_equal(damaged, 0);
		store_fixture_close(fixture);
		store_fixture_open(fixture);
		for (size_t j = 0; j < i; j++)
			assert_ok(tree_verify(fixture->store, layers[j], &trees[j],
					      &fixture->error));
		store_fixture_close(fixture);
	}
	free(segment);
}

/* ---- crashes ----------------------------------------------------------------------- */

static int calls_left;

static bool is_last_call(void)
{
	return calls_left == 0 || --calls_left == 0;
}

static int failing_rename(void *context, int fd, const char *from, const char *to)
{
	if (!is_last_call())
		return io_system.rename(context, fd, from, to);
	errno = EIO;
	return -1;
}

static int failing_fsync(void *context, int fd)
{
	if (!is_last_call())
		return io_system.fsync(context, fd);
	errno = EIO;
	return -1;
}

/* Ended at each step, and from then on nothing works: the same call made again gives the
 * same catalogue, and until then nothing less than the whole is served. */
static void l13_ended_at_any_step_it_is_made_again(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	fill(fixture);
	store_fixture_close(fixture);
	char *before AUTO_FREE = rows_of(fixture->directory);
	struct io io = io_system;
	io.rename = failing_rename;
	io.fsync = failing_fsync;
	int err = -1;
	int steps = 0;
	for (int n = 1; err; n++) {
		struct rebuild_figures figures;
		calls_left = n;
		err = rebuild_with(fixture, &io, &figures);
		steps = n;
		struct store_options options = store_fixture_options(fixture);
		int opened = store_open(&options, &fixture->store, &fixture->error);
		assert_true(opened == 0 || opened == ERR_DAMAGED);
		if (opened == 0)
			store_fixture_close(fixture);
		fixture->store = NULL;
		(void)rebuild(fixture);
		char *after AUTO_FREE = rows_of(fixture->directory);
		assert_string_equal(before, after);
	}
	assert_true(steps > 6);
	check_all(fixture);
}

static void l13_into_another_directory_changes_nothing(void **state)
{
	struct store_fixture *fixture = *state;
	char *into AUTO(scratch_fini) = scratch_new();
	store_fixture_open(fixture);
	fill(fixture);
	struct rebuild_options options = {.directory = fixture->directory, .into = into};
	struct rebuild_figures figures;
	assert_int_equal(rebuild_run(&options, &figures, &fixture->error), ERR_BUSY);
	store_fixture_close(fixture);
	char *before AUTO_FREE = rows_of(fixture->directory);
	assert_ok(rebuild_run(&options, &figures, &fixture->error));
	char *after AUTO_FREE = rows_of(into);
	char *untouched AUTO_FREE = rows_of(fixture->directory);
	assert_string_equal(before, after);
	assert_string_equal(before, untouched);
	assert_string_equal(figures.aside, "");
	assert_int_equal(rebuild_run(&options, &figures, &fixture->error), ERR_DENIED);
}

#define REBUILD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REBUILD_TEST(l13_rows_are_the_same),
		REBUILD_TEST(l13_of_many_segments),
		REBUILD_TEST(l13_of_a_layer_of_60000_files),
		REBUILD_TEST(l13_of_segments_alone),
		REBUILD_TEST(l13_what_was_attached_last_is_lost),
		REBUILD_TEST(l14_a_catalogue_that_has_forgotten_is_put_aside),
		REBUILD_TEST(l13_a_missing_catalogue_names_the_way_out),
		REBUILD_TEST(l13_damage_touches_what_it_hits),
		REBUILD_TEST(l13_a_torn_end_takes_what_was_in_it),
		REBUILD_TEST(l13_ended_at_any_step_it_is_made_again),
		REBUILD_TEST(l13_into_another_directory_changes_nothing),
	};
	return cmocka_run_group_tests_name("catalogue_rebuild", tests, NULL, NULL);
}
