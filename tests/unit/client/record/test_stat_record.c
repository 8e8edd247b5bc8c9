/* What is remembered of a directory, and when it is believed (client/record/record.h). */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/record/parse.h"
#include "client/record/scout.h"
#include "client/record/writer.h"
#include "proto/base/bytes.h"
#include "tests/harness/scratch_tree.h"

#define OLD_NS 1000000000123456789

struct fixture {
	struct scratch root, cache;
};

static int setup(void **state)
{
	struct fixture *fixture = must_calloc(1, sizeof(*fixture));
	scratch_init(&fixture->root);
	scratch_init(&fixture->cache);
	(void)setenv("XDG_CACHE_HOME", fixture->cache.path, 1);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	scratch_fini(&fixture->root);
	scratch_fini(&fixture->cache);
	free(fixture);
	return 0;
}

/* ---- making records ---- */

static struct record_addition named(const char *name, uint8_t type)
{
	return (struct record_addition){
		.entry = {.name = name,
			  .name_len = strlen(name),
			  .type = type,
			  .mode = type == ROW_DIRECTORY ? 0755 : 0644,
			  .trusted = true,
			  .stamp = {.inode = 7,
				    .modified = {-5, 999999999},
				    .changed_ns = OLD_NS}}};
}

static void add_dir(struct record_writer *writer, size_t depth, const char *name,
		    bool listed)
{
	struct record_addition addition = named(name, ROW_DIRECTORY);
	addition.entry.listed = listed;
	record_writer_add(writer, depth, &addition);
}

static void add_file(struct record_writer *writer, size_t depth, const char *name)
{
	static const struct unit_name units[2] = {
		{.key = {.xxh = {{1, 2, 3}}, .len = 10}, .sha = {{4, 5}}},
		{.key = {.xxh = {{6}}, .len = 20}, .sha = {{7, 8, 9}}},
	};
	struct record_addition addition = named(name, ROW_FILE);
	addition.entry.size = 30;
	addition.entry.in_base = true;
	addition.units = units;
	addition.unit_count = 2;
	record_writer_add(writer, depth, &addition);
}

static void add_link(struct record_writer *writer, size_t depth, const char *name,
		     const char *target)
{
	struct record_addition addition = named(name, ROW_SYMLINK);
	addition.entry.mode = 0777;
	addition.entry.target = target;
	addition.entry.target_len = strlen(target);
	record_writer_add(writer, depth, &addition);
}

static struct record_base some_base(void)
{
	return (struct record_base){
		.known = true, .layer = {1, 2, 3}, .digest = {{11, 12}}};
}

static void commit(struct record_writer *writer)
{
	struct record_base base = some_base();
	assert_int_equal(record_writer_commit(writer, &base), 0);
	record_writer_free(writer);
}

static void write_sample(int root_fd)
{
	struct record_writer *writer = record_writer_new(root_fd, NULL, NULL);
	assert_non_null(writer);
	add_dir(writer, 0, "", false);
	add_file(writer, 1, "a");
	add_dir(writer, 1, "d", true);
	add_dir(writer, 2, "e", false);
	add_file(writer, 3, "deep");
	add_dir(writer, 2, "empty", true);
	add_link(writer, 1, "link", "d/e/deep");
	add_file(writer, 1, "z");
	commit(writer);
}

/* The only file in the cache. */
static char *record_file(const struct fixture *fixture)
{
	char *folder AUTO_FREE = NULL;
	char *path = NULL;
	assert_true(asprintf(&folder, "%s/baton", fixture->cache.path) > 0);
	DIR *directory AUTO_DIR = opendir(folder);
	assert_non_null(directory);
	struct dirent *found;
	while ((found = readdir(directory)))
		if (found->d_name[0] != '.') {
			assert_null(path);
			assert_true(asprintf(&path, "%s/%s", folder, found->d_name) > 0);
		}
	assert_non_null(path);
	return path;
}

static uint8_t *read_record(const struct fixture *fixture, size_t *ret_len)
{
	char *path AUTO_FREE = record_file(fixture);
	int fd AUTO_FD = open(path, O_RDONLY);
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	uint8_t *bytes = must_alloc((size_t)status.st_size);
	assert_int_equal(read(fd, bytes, (size_t)status.st_size), status.st_size);
	*ret_len = (size_t)status.st_size;
	return bytes;
}

static void seal(uint8_t *bytes, size_t len)
{
	uint64_t checksum = xxh64_of(bytes + 16, len - 16);
	for (int i = 0; i < 8; i++)
		bytes[8 + i] = (uint8_t)(checksum >> (8 * i));
}

/* Its names, one a line, indented, with their ages. */
static void assert_paths(const struct record *record, const char *expected)
{
	struct buffer text AUTO(buffer_fini) = {0};
	for (uint32_t at = 1; at < record_count(record); at++) {
		struct record_entry entry = record_get(record, at);
		size_t depth = 0;
		for (uint32_t up = record_parent(record, at); up != 0;
		     up = record_parent(record, up))
			depth++;
		for (; depth > 0; depth--)
			buffer_put(&text, "  ", 2);
		buffer_put(&text, entry.name, entry.name_len);
		buffer_put_u8(&text, (uint8_t)('0' + entry.age));
		buffer_put(&text, "\n", 1);
	}
	buffer_put_u8(&text, 0);
	assert_string_equal(text.at, expected);
}

/* ---- reading and writing ---- */

static void what_is_written_is_read_back(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	struct record *record = record_open(fixture->root.fd);
	assert_non_null(record);
	assert_int_equal(record_count(record), 8);
	assert_paths(record, "a0\nd0\n  e0\n    deep0\n  empty0\nlink0\nz0\n");
	record_close(record);
}

static void each_field_comes_back(void **state)
{
	struct fixture *fixture = *state;
	struct record_writer *writer =
		record_writer_new(fixture->root.fd, NULL, NULL);
	add_dir(writer, 0, "", true);
	add_file(writer, 1, "f");
	add_link(writer, 1, "l", "to");
	commit(writer);
	struct record *record = record_open(fixture->root.fd);
	assert_non_null(record);
	struct record_base base = some_base();
	assert_memory_equal(record_base(record), &base, sizeof(base));
	assert_true(record_get(record, 0).listed);
	struct record_entry file = record_get(record, 1);
	assert_true(file.trusted && file.in_base);
	assert_int_equal(file.mode, 0644);
	assert_int_equal(file.size, 30);
	assert_int_equal(file.unit_count, 2);
	assert_int_equal(record_unit(&file, 1).key.len, 20);
	assert_int_equal(record_unit(&file, 1).sha.bytes[2], 9);
	struct stamp stamp = named("", ROW_FILE).entry.stamp;
	assert_true(stamp_equal(&file.stamp, &stamp));
	struct record_entry link = record_get(record, 2);
	assert_int_equal(link.target_len, 2);
	assert_memory_equal(link.target, "to", 2);
	record_close(record);
}

static void paths_are_found(void **state)
{
	struct fixture *fixture = *state;
	struct record_writer *writer =
		record_writer_new(fixture->root.fd, NULL, NULL);
	add_dir(writer, 0, "", false);
	add_dir(writer, 1, "a", false);
	add_file(writer, 2, "b");
	add_file(writer, 1, "a.b");
	add_file(writer, 1, "c");
	commit(writer);
	struct record *record = record_open(fixture->root.fd);
	assert_int_equal(record_find(record, "", 0), 0);
	assert_int_equal(record_find(record, "a", 1), 1);
	assert_int_equal(record_find(record, "a/b", 3), 2);
	assert_int_equal(record_find(record, "a.b", 3), 3);
	assert_int_equal(record_find(record, "c", 1), 4);
	assert_int_equal(record_find(record, "b", 1), RECORD_NONE);
	assert_int_equal(record_find(record, "a/b/c", 5), RECORD_NONE);
	assert_int_equal(record_end(record, 1), 3);
	record_close(record);
}

/* ---- what is no record ---- */

/* Of bytes that must outlive it; NULL if they are none. */
static struct record *parsed(const uint8_t *bytes, size_t len)
{
	struct record *record = must_calloc(1, sizeof(*record));
	record->bytes = bytes;
	record->len = len;
	if (record_parse(record))
		return record;
	record_close(record);
	return NULL;
}

static void a_flipped_bit_anywhere_is_no_record(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	size_t len;
	uint8_t *bytes AUTO_FREE = read_record(fixture, &len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_null(parsed(bytes, len));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	struct record *record = parsed(bytes, len);
	assert_non_null(record);
	record_close(record);
}

static void a_cut_anywhere_is_no_record(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	size_t len;
	uint8_t *bytes AUTO_FREE = read_record(fixture, &len);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *part AUTO_FREE = (uint8_t *)must_memdup(bytes, cut);
		assert_null(parsed(part, cut));
	}
}

static void read_all_of(const struct record *record)
{
	for (uint32_t at = 0; at < record_count(record); at++) {
		struct record_entry entry = record_get(record, at);
		assert_true(record_end(record, at) > at);
		assert_true(record_end(record, at) <= record_count(record));
		assert_true(record_parent(record, at) <= at);
		for (uint32_t i = 0; i < entry.unit_count; i++)
			(void)record_unit(&entry, i);
		uint32_t from = 1;
		(void)record_seek(record, &from, record_count(record),
				       entry.name, entry.name_len);
	}
}

/* Somebody who can also compute checksums. */
static void a_sealed_lie_is_refused_or_harmless(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	size_t len;
	uint8_t *bytes AUTO_FREE = read_record(fixture, &len);
	for (size_t at = RECORD_HEADER_LEN - 48; at < len; at++) {
		for (unsigned flip = 1; flip < 256; flip += 2) {
			uint8_t *lie AUTO_FREE = (uint8_t *)must_memdup(bytes, len);
			lie[at] ^= (uint8_t)flip;
			seal(lie, len);
			struct record *record = parsed(lie, len);
			if (record)
				read_all_of(record);
			record_close(record);
		}
	}
}

static void a_newer_version_is_no_record(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	size_t len;
	uint8_t *bytes AUTO_FREE = read_record(fixture, &len);
	bytes[4] = RECORD_VERSION + 1;
	seal(bytes, len);
	assert_null(parsed(bytes, len));
}

/* The clock was set back: its times prove nothing. */
static void a_record_from_the_future_is_no_record(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	size_t len;
	uint8_t *bytes AUTO_FREE = read_record(fixture, &len);
	bytes[46] = (uint8_t)(bytes[46] + 1); /* some three days */
	seal(bytes, len);
	assert_null(parsed(bytes, len));
}

static void entries_from_after_the_record_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct record_writer *writer =
		record_writer_new(fixture->root.fd, NULL, NULL);
	struct record_addition root = named("", ROW_DIRECTORY);
	root.entry.stamp.changed_ns = INT64_MAX;
	record_writer_add(writer, 0, &root);
	commit(writer);
	assert_null(record_open(fixture->root.fd));
}

static void a_record_of_another_directory_is_no_record(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	size_t len;
	uint8_t *bytes AUTO_FREE = read_record(fixture, &len);
	char *first AUTO_FREE = record_file(fixture);
	assert_int_equal(unlink(first), 0);
	struct scratch other;
	scratch_init(&other);
	write_sample(other.fd);
	char *second AUTO_FREE = record_file(fixture);
	int fd AUTO_FD = open(second, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, bytes, len), len);
	assert_null(record_open(other.fd));
	scratch_fini(&other);
}

static void a_moved_directory_has_no_record(void **state)
{
	struct fixture *fixture = *state;
	scratch_mkdir(&fixture->root, "there");
	int fd AUTO_FD = openat(fixture->root.fd, "there", O_RDONLY | O_DIRECTORY);
	write_sample(fd);
	assert_int_equal(
		renameat(fixture->root.fd, "there", fixture->root.fd, "elsewhere"), 0);
	assert_null(record_open(fd));
}

/* ---- the folder ---- */

static void without_a_folder_there_is_no_writer(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->cache, "baton", "in the way");
	assert_null(record_writer_new(fixture->root.fd, NULL, NULL));
	(void)setenv("XDG_CACHE_HOME", "relative", 1);
	(void)unsetenv("HOME");
	assert_null(record_writer_new(fixture->root.fd, NULL, NULL));
	assert_null(record_open(fixture->root.fd));
}

static void an_unfinished_record_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct record_writer *writer =
		record_writer_new(fixture->root.fd, NULL, NULL);
	add_dir(writer, 0, "", false);
	record_writer_free(writer);
	assert_int_equal(unlinkat(fixture->cache.fd, "baton", AT_REMOVEDIR), 0);
}

static void the_least_recently_used_go_first(void **state)
{
	struct fixture *fixture = *state;
	scratch_mkdir(&fixture->cache, "baton");
	for (int i = 0; i < 5; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "baton/%d.record", i);
		scratch_text(&fixture->cache, name, "");
		struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
		int fd AUTO_FD = openat(fixture->cache.fd, name, O_WRONLY);
		assert_int_equal(ftruncate(fd, RECORD_CACHE_LEN_MAX / 4), 0); /* sparse */
		assert_int_equal(utimensat(fixture->cache.fd, name, times, 0), 0);
	}
	write_sample(fixture->root.fd);
	assert_int_equal(faccessat(fixture->cache.fd, "baton/0.record", F_OK, 0), -1);
	assert_int_equal(faccessat(fixture->cache.fd, "baton/1.record", F_OK, 0), -1);
	assert_int_equal(faccessat(fixture->cache.fd, "baton/2.record", F_OK, 0), 0);
	struct record *record = record_open(fixture->root.fd);
	assert_non_null(record);
	record_close(record);
}

static void *write_often(void *context)
{
	for (int i = 0; i < 50; i++)
		write_sample(*(const int *)context);
	return NULL;
}

static void writers_and_readers_do_not_disturb_each_other(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, write_often, &fixture->root.fd),
			0);
	for (int i = 0; i < 100; i++) {
		struct record *record = record_open(fixture->root.fd);
		assert_non_null(record);
		assert_int_equal(record_count(record), 8);
		record_close(record);
	}
	for (int i = 0; i < 2; i++)
		(void)pthread_join(threads[i], NULL);
}

/* ---- merging ---- */

/* A write that looked at "d" only, and found "d/new" in it. */
static struct record *look_at_d(int root_fd, bool listed)
{
	struct record *earlier = record_open(root_fd);
	struct record_writer *writer =
		record_writer_new(root_fd, earlier, NULL);
	add_dir(writer, 0, "", false);
	add_dir(writer, 1, "d", listed);
	add_file(writer, 2, "new");
	commit(writer);
	record_close(earlier);
	struct record *record = record_open(root_fd);
	assert_non_null(record);
	return record;
}

static void what_was_not_looked_at_is_kept(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	struct record *record = look_at_d(fixture->root.fd, false);
	assert_paths(record, "a1\nd0\n  e1\n    deep1\n  empty1\n  new0\nlink1\nz1\n");
	assert_true(record_get(record, 1).trusted);
	assert_int_equal(record_get(record, 1).unit_count, 2);
	assert_false(record_get(record, 1).in_base);
	record_close(record);
}

static void what_is_not_in_a_listed_directory_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	struct record *record = look_at_d(fixture->root.fd, true);
	assert_paths(record, "a1\nd0\n  new0\nlink1\nz1\n");
	record_close(record);
}

static void what_is_never_looked_at_is_dropped_in_the_end(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	for (unsigned i = 0; i < RECORD_AGE_MAX; i++)
		record_close(look_at_d(fixture->root.fd, true));
	struct record *record = record_open(fixture->root.fd);
	assert_paths(record, "a3\nd0\n  new0\nlink3\nz3\n");
	record_close(record);
	record = look_at_d(fixture->root.fd, true);
	assert_paths(record, "d0\n  new0\n");
	record_close(record);
}

static void a_file_in_place_of_a_directory_takes_all_below_it_away(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	struct record *earlier = record_open(fixture->root.fd);
	struct record_writer *writer =
		record_writer_new(fixture->root.fd, earlier, NULL);
	add_dir(writer, 0, "", false);
	add_file(writer, 1, "d");
	commit(writer);
	record_close(earlier);
	struct record *record = record_open(fixture->root.fd);
	assert_paths(record, "a1\nd0\nlink1\nz1\n");
	record_close(record);
}

/* ---- views ---- */

static const struct record_view some_view = {
	.tag = {{21}},
	.digest = {{22}},
	.server = {{23}},
	.totals = {.files = 1, .directories = 1, .symlinks = 1, .bytes = 30, .units = 2},
};

static void add_to_view(struct record_writer *writer, size_t depth,
			struct record_addition addition)
{
	static const struct unit_name units[2] = {{.key.len = 10}, {.key.len = 20}};
	bool is_file = addition.entry.type == ROW_FILE;
	addition.entry.in_view = depth > 0;
	addition.entry.size = is_file ? 30 : 0;
	addition.units = units;
	addition.unit_count = is_file ? 2 : 0;
	addition.entry.target = "to";
	addition.entry.target_len = 2;
	record_writer_add(writer, depth, &addition);
}

/* d/f and link; file is d/f. */
static void write_view(const struct fixture *fixture, struct record_addition file,
		       const struct record_base *base)
{
	struct record_writer *writer =
		record_writer_new(fixture->root.fd, NULL, &some_view);
	add_to_view(writer, 0, named("", ROW_DIRECTORY));
	add_to_view(writer, 1, named("d", ROW_DIRECTORY));
	add_to_view(writer, 2, file);
	add_to_view(writer, 1, named("link", ROW_SYMLINK));
	assert_int_equal(record_writer_commit(writer, base), 0);
	record_writer_free(writer);
}

/* What a write that looked at "d" and found `file` in it leaves of the view. */
static size_t views_after(const struct fixture *fixture, bool listed,
			  const struct record_addition *file)
{
	struct record *earlier = record_open(fixture->root.fd);
	struct record_writer *writer =
		record_writer_new(fixture->root.fd, earlier, NULL);
	add_dir(writer, 0, "", false);
	add_dir(writer, 1, "d", listed);
	if (file)
		record_writer_add(writer, 2, file);
	commit(writer);
	record_close(earlier);
	struct record *record = record_open(fixture->root.fd);
	size_t count;
	(void)record_views(record, &count);
	record_close(record);
	return count;
}

/* The one view that the record has, which is some_view. */
static const struct record_view *assert_some_view(const struct record *record)
{
	size_t count;
	const struct record_view *view = record_views(record, &count);
	assert_int_equal(count, 1);
	assert_memory_equal(view, &some_view, sizeof(*view));
	return view;
}

static void a_view_comes_back_with_its_entries(void **state)
{
	struct fixture *fixture = *state;
	write_view(fixture, named("f", ROW_FILE), NULL);
	struct record *record = record_open(fixture->root.fd);
	const struct record_view *view = assert_some_view(record);
	for (uint32_t at = 0; at < record_count(record); at++) {
		struct record_name name = record_name_of(record, at);
		assert_int_equal(record_view_has(view, &name), at > 0);
	}
	record_close(record);
}

static void an_aligned_base_is_a_view(void **state)
{
	struct fixture *fixture = *state;
	struct record_base base = some_base();
	for (int aligned = 0; aligned < 2; aligned++) {
		struct record_writer *writer =
			record_writer_new(fixture->root.fd, NULL, NULL);
		add_dir(writer, 0, "", false);
		add_dir(writer, 1, "above", false);
		add_file(writer, 2, "f");
		base.aligned = aligned;
		assert_int_equal(record_writer_commit(writer, &base), 0);
		record_writer_free(writer);
		struct record *record = record_open(fixture->root.fd);
		size_t count;
		const struct record_view *view = record_views(record, &count);
		assert_int_equal(count, aligned);
		struct record_name above = record_name_of(record, 1);
		if (count == 1) {
			assert_true(view->is_base && record_view_has(view, &above));
			assert_true(digest_equal(&view->tag, &base.digest));
			assert_true(digest_equal(&view->digest, &base.digest));
			assert_int_equal(view->totals.files, 1);
			assert_int_equal(view->totals.directories, 0);
			assert_int_equal(view->totals.bytes, 30);
		}
		record_close(record);
	}
}

static void a_view_with_an_entry_that_is_not_trusted_is_none(void **state)
{
	struct fixture *fixture = *state;
	struct record_addition file = named("f", ROW_FILE);
	file.entry.trusted = false;
	file.entry.stamp = (struct stamp){0};
	struct record_base base = some_base();
	base.aligned = true;
	file.entry.in_base = true;
	write_view(fixture, file, &base);
	struct record *record = record_open(fixture->root.fd);
	size_t count;
	(void)record_views(record, &count);
	assert_int_equal(count, 0);
	record_close(record);
}

static void a_view_stays_with_those_who_do_not_touch_it(void **state)
{
	struct fixture *fixture = *state;
	struct record_addition file = named("f", ROW_FILE), more = named("new", ROW_FILE);
	file.entry.size = more.entry.size = 0;
	write_view(fixture, named("f", ROW_FILE), NULL);
	assert_int_equal(views_after(fixture, true, &file), 1);
	assert_int_equal(views_after(fixture, false, &more), 1);
	assert_int_equal(views_after(fixture, false, NULL), 1);
}

static void a_view_ends_with_what_contradicts_it(void **state)
{
	struct fixture *fixture = *state;
	struct record_addition others[5];
	for (int i = 0; i < 5; i++)
		others[i] = named("f", i == 4 ? ROW_DIRECTORY : ROW_FILE);
	others[0].entry.stamp.inode++;
	others[1].entry.mode = 0600;
	others[2].entry.trusted = false;
	others[3].entry.name = "another";
	others[3].entry.name_len = strlen("another");
	for (int i = 0; i < 5; i++) {
		write_view(fixture, named("f", ROW_FILE), NULL);
		assert_int_equal(views_after(fixture, true, &others[i]), 0);
	}
}

static void a_view_that_nobody_looks_at_ends(void **state)
{
	struct fixture *fixture = *state;
	struct record_addition file = named("f", ROW_FILE);
	write_view(fixture, file, NULL);
	for (unsigned i = 0; i < RECORD_AGE_MAX; i++)
		assert_int_equal(views_after(fixture, false, &file), 1);
	assert_int_equal(views_after(fixture, false, &file), 0);
}

static void the_same_entries_get_another_view(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture->root.fd);
	struct record *before = record_open(fixture->root.fd);
	static const uint32_t entries[] = {2, 3, 4};
	assert_int_equal(
		record_write_view(fixture->root.fd, before, &some_view, entries, 3),
		0);
	struct record *record = record_open(fixture->root.fd);
	(void)assert_some_view(record);
	for (uint32_t at = 0; at < record_count(record); at++) {
		struct record_entry was = record_get(before, at);
		struct record_entry is = record_get(record, at);
		assert_int_equal(is.in_view, at >= 2 && at <= 4);
		assert_true(was.listed == is.listed && was.in_base == is.in_base &&
			    was.age == is.age && was.type == is.type);
		assert_true(stamp_equal(&was.stamp, &is.stamp));
	}
	record_close(before);
	record_close(record);
}

/* ---- believing ---- */

/* A record of "f" as it is now, whenever that was. */
static struct record *record_f(const struct fixture *fixture)
{
	struct stat status;
	assert_int_equal(fstatat(fixture->root.fd, "f", &status, AT_SYMLINK_NOFOLLOW), 0);
	struct record_writer *writer =
		record_writer_new(fixture->root.fd, NULL, NULL);
	add_dir(writer, 0, "", false);
	struct unit_name unit = {.key.len = (uint32_t)status.st_size};
	struct record_addition file = named("f", ROW_FILE);
	file.entry.mode = status.st_mode & 07777;
	file.entry.size = (uint64_t)status.st_size;
	file.entry.stamp = stamp_of(&status);
	file.units = &unit;
	file.unit_count = 1;
	record_writer_add(writer, 1, &file);
	commit(writer);
	struct record *record = record_open(fixture->root.fd);
	assert_non_null(record);
	return record;
}

static bool scout_sees_f(const struct fixture *fixture, const struct record *record)
{
	struct record_scout scout AUTO(record_scout_fini) = {0};
	record_scout_init(&scout, record, fixture->root.fd);
	record_scout_run(&scout, 0, record_count(record));
	return record_scout_saw(&scout, 1, SCOUT_HOLDS);
}

/* Until a write gives another change time; also for what was just made. */
static void let_the_clock_move(const struct fixture *fixture)
{
	struct stat status;
	struct stamp stamp;
	do {
		assert_int_equal(fstatat(fixture->root.fd, "f", &status, 0), 0);
		stamp = stamp_of(&status);
	} while (!stamp_is_settled(&stamp));
}

static void put_time_back(const struct fixture *fixture, const struct stat *before)
{
	struct timespec times[2] = {before->st_atim, before->st_mtim};
	assert_int_equal(utimensat(fixture->root.fd, "f", times, 0), 0);
}

static void what_is_unchanged_holds(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->root, "f", "some text");
	let_the_clock_move(fixture);
	struct record *record = record_f(fixture);
	assert_true(scout_sees_f(fixture, record));
	record_close(record);
}

static void a_write_that_hides_its_time_is_seen(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->root, "f", "some text");
	let_the_clock_move(fixture);
	struct stat before;
	assert_int_equal(fstatat(fixture->root.fd, "f", &before, 0), 0);
	struct record *record = record_f(fixture);
	scratch_text(&fixture->root, "f", "same size");
	put_time_back(fixture, &before);
	assert_false(scout_sees_f(fixture, record));
	record_close(record);
}

static void a_replaced_inode_is_seen(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->root, "f", "some text");
	let_the_clock_move(fixture);
	struct stat before;
	assert_int_equal(fstatat(fixture->root.fd, "f", &before, 0), 0);
	struct record *record = record_f(fixture);
	scratch_text(&fixture->root, "g", "same size");
	assert_int_equal(renameat(fixture->root.fd, "g", fixture->root.fd, "f"), 0);
	put_time_back(fixture, &before);
	assert_false(scout_sees_f(fixture, record));
	record_close(record);
}

/* Some file systems give the number of a removed file to the next one. */
static void a_reused_inode_is_seen(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->root, "f", "some text");
	let_the_clock_move(fixture);
	struct stat before;
	assert_int_equal(fstatat(fixture->root.fd, "f", &before, 0), 0);
	struct record *record = record_f(fixture);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(unlinkat(fixture->root.fd, "f", 0), 0);
		scratch_text(&fixture->root, "f", "same size");
		put_time_back(fixture, &before);
		assert_false(scout_sees_f(fixture, record));
	}
	record_close(record);
}

static void each_difference_counts(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->root, "f", "some text");
	let_the_clock_move(fixture);
	struct record *record = record_f(fixture);
	struct record_entry entry = record_get(record, 1);
	struct stat now;
	assert_int_equal(fstatat(fixture->root.fd, "f", &now, 0), 0);
	assert_true(record_entry_holds(record, &entry, &now));
	for (int i = 0; i < 8; i++) {
		struct stat other = now;
		other.st_size += i == 0;
		other.st_ino += i == 1;
		other.st_dev += i == 2;
		other.st_mode ^= i == 3 ? 0001u : 0;
		other.st_mode ^= i == 4 ? S_ISUID : 0;
		other.st_mtim.tv_nsec ^= i == 5;
		other.st_ctim.tv_nsec ^= i == 6;
		other.st_mode ^= i == 7 ? S_IFREG ^ S_IFLNK : 0;
		assert_false(record_entry_holds(record, &entry, &other));
	}
	entry.trusted = false;
	assert_false(record_entry_holds(record, &entry, &now));
	record_close(record);
}

#define RECORD_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORD_TEST(what_is_written_is_read_back),
		RECORD_TEST(each_field_comes_back),
		RECORD_TEST(paths_are_found),
		RECORD_TEST(a_flipped_bit_anywhere_is_no_record),
		RECORD_TEST(a_cut_anywhere_is_no_record),
		RECORD_TEST(a_sealed_lie_is_refused_or_harmless),
		RECORD_TEST(a_newer_version_is_no_record),
		RECORD_TEST(a_record_from_the_future_is_no_record),
		RECORD_TEST(entries_from_after_the_record_are_refused),
		RECORD_TEST(a_record_of_another_directory_is_no_record),
		RECORD_TEST(a_moved_directory_has_no_record),
		RECORD_TEST(without_a_folder_there_is_no_writer),
		RECORD_TEST(an_unfinished_record_leaves_nothing),
		RECORD_TEST(the_least_recently_used_go_first),
		RECORD_TEST(writers_and_readers_do_not_disturb_each_other),
		RECORD_TEST(a_view_comes_back_with_its_entries),
		RECORD_TEST(an_aligned_base_is_a_view),
		RECORD_TEST(a_view_with_an_entry_that_is_not_trusted_is_none),
		RECORD_TEST(a_view_stays_with_those_who_do_not_touch_it),
		RECORD_TEST(a_view_ends_with_what_contradicts_it),
		RECORD_TEST(a_view_that_nobody_looks_at_ends),
		RECORD_TEST(the_same_entries_get_another_view),
		RECORD_TEST(what_was_not_looked_at_is_kept),
		RECORD_TEST(what_is_not_in_a_listed_directory_is_dropped),
		RECORD_TEST(what_is_never_looked_at_is_dropped_in_the_end),
		RECORD_TEST(a_file_in_place_of_a_directory_takes_all_below_it_away),
		RECORD_TEST(what_is_unchanged_holds),
		RECORD_TEST(a_write_that_hides_its_time_is_seen),
		RECORD_TEST(a_replaced_inode_is_seen),
		RECORD_TEST(a_reused_inode_is_seen),
		RECORD_TEST(each_difference_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
