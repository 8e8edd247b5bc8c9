/*
 * For tests of destination: a temporary directory, a view made by hand, and looking at
 * what lies in the directory.
 */
#ifndef BATON_TESTS_DESTINATION_TREE_H
#define BATON_TESTS_DESTINATION_TREE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/destination/destination.h"
#include "client/files/remove_tree.h"
#include "client/record/record.h"
#include "client/view/table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/digest.h"

#define TREE_UNITS_MAX 8192u
#define ROW_SECONDS 1600000000
#define ROW_NANOSECONDS 123456789u

struct tree {
	struct view_table table;
	const char *bytes[TREE_UNITS_MAX]; /* borrowed; by mention */
	uint32_t count;
};

struct place {
	char path[64]; /* a fresh directory, which is also the working directory */
	struct tree tree;
	struct destination_options options; /* of DIR "out" */
	struct destination_counts counts;   /* of the latest attach that succeeded */
	struct error error;
};

static inline struct row row_of(const char *path, uint8_t type, uint16_t mode)
{
	return (struct row){.path = path,
			    .path_len = strlen(path),
			    .type = type,
			    .mode = mode,
			    .time = {ROW_SECONDS, ROW_NANOSECONDS}};
}

/* ---- making a view; in manifest order ---- */

static inline void add_row(struct tree *tree, const struct row *row)
{
	struct error error = {0};
	assert_int_equal(view_table_add(&tree->table, row, &error), 0);
}

static inline void add_dir(struct place *place, const char *path, uint16_t mode)
{
	struct row row = row_of(path, ROW_DIRECTORY, mode);
	add_row(&place->tree, &row);
}

static inline void add_link(struct place *place, const char *path, const char *target)
{
	struct row row = row_of(path, ROW_SYMLINK, 0777);
	row.target = target;
	row.target_len = strlen(target);
	add_row(&place->tree, &row);
}

static inline struct unit_name name_of(const char *bytes, size_t len)
{
	return (struct unit_name){
		.key = {.xxh = xxh128_of(bytes, len), .len = (uint32_t)len},
		.sha = sha256_of(bytes, len)};
}

/* Cut into units of `cut` bytes. bytes is borrowed. */
static inline void add_file_in_units(struct place *place, const char *path,
				     const char *bytes, size_t cut, uint16_t mode)
{
	struct tree *tree = &place->tree;
	struct row row = row_of(path, ROW_FILE, mode);
	struct unit_name units[64];
	row.size = strlen(bytes);
	for (size_t at = 0; at < row.size; at += cut) {
		size_t len = row.size - at < cut ? row.size - at : cut;
		tree->bytes[tree->count++] = bytes + at;
		units[row.unit_count++] = name_of(bytes + at, len);
	}
	row.units = units;
	add_row(tree, &row);
}

static inline void add_file(struct place *place, const char *path, const char *bytes,
			    uint16_t mode)
{
	add_file_in_units(place, path, bytes, 4096, mode);
}

static inline void new_view(struct place *place)
{
	view_table_fini(&place->tree.table);
	view_table_init(&place->tree.table);
	place->tree.count = 0;
}

/* ---- attaching ---- */

/* Gives the units of all needed files, last first; stops with ERR_LOST when only
 * `keep_back` are left. */
static inline int feed(struct place *place, struct destination *destination,
		       uint32_t keep_back)
{
	const struct view_table *table = &place->tree.table;
	for (uint32_t unit = table->unit_count; unit-- > keep_back;) {
		if (!destination_needs(destination, table->units[unit].entry))
			continue;
		int err = destination_unit(destination, 0, unit,
					   (const uint8_t *)place->tree.bytes[unit],
					   &place->error);
		if (err)
			return err;
	}
	if (keep_back == 0)
		return 0;
	return error_set(&place->error, ERR_LOST, "the daemon: went away");
}

/* An attach up to where all units are written, and none is in its place yet. */
static inline struct destination *attach_unfinished(struct place *place)
{
	struct destination *destination = NULL;
	view_table_finish(&place->tree.table);
	assert_int_equal(destination_open(&place->tree.table, &place->options,
					  &destination, &place->error),
			 0);
	assert_int_equal(destination_begin(destination, &place->error), 0);
	assert_int_equal(feed(place, destination, 0), 0);
	return destination;
}

/* Between looking at DIR and writing to it, and before the end, something happens. */
struct events {
	void (*looked)(void);
	void (*written)(void);
};

static inline int attach_with(struct place *place, uint32_t keep_back,
			      struct events events)
{
	struct destination *destination = NULL;
	view_table_finish(&place->tree.table);
	int err = destination_open(&place->tree.table, &place->options, &destination,
				   &place->error);
	if (!err && events.looked)
		events.looked();
	if (!err)
		err = destination_begin(destination, &place->error);
	if (!err)
		err = feed(place, destination, keep_back);
	if (!err && events.written)
		events.written();
	if (!err)
		err = destination_finish(destination, &place->error);
	if (err)
		return destination_abandon(destination, &place->error);
	place->counts = destination_counts(destination);
	destination_close(destination);
	return 0;
}

static inline int attach_but(struct place *place, uint32_t keep_back)
{
	return attach_with(place, keep_back, (struct events){0});
}

static inline int attach(struct place *place)
{
	return attach_but(place, 0);
}

/* An attach that keeps a record; between its last step and that, `meanwhile` happens. */
static inline int try_recorded(struct place *place, const struct record *record,
			       void (*meanwhile)(void))
{
	struct destination *destination = NULL;
	place->options.keeps_record = true;
	place->options.record = record;
	int err = destination_open(&place->tree.table, &place->options, &destination,
				   &place->error);
	if (!err)
		err = destination_begin(destination, &place->error);
	if (!err)
		err = feed(place, destination, 0);
	if (!err)
		err = destination_finish(destination, &place->error);
	if (err)
		return destination_abandon(destination, &place->error);
	if (meanwhile)
		meanwhile();
	struct record_view view = {0};
	assert_int_equal(destination_record(destination, NULL, &view), 0);
	place->counts = destination_counts(destination);
	destination_close(destination);
	return 0;
}

static inline int attach_with_record(struct place *place, void (*meanwhile)(void))
{
	view_table_finish(&place->tree.table);
	int fd AUTO_FD = open("out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct record *record = fd < 0 ? NULL : record_open(fd);
	int err = try_recorded(place, record, meanwhile);
	record_close(record);
	place->options.record = NULL;
	return err;
}

static inline void attach_recorded(struct place *place, void (*meanwhile)(void))
{
	assert_int_equal(attach_with_record(place, meanwhile), 0);
}

/* ---- looking ---- */

static inline struct stat stat_of(const char *path)
{
	struct stat stat;
	if (lstat(path, &stat) != 0)
		fail_msg("%s: not there", path);
	return stat;
}

static inline bool is_there(const char *path)
{
	struct stat stat;
	return lstat(path, &stat) == 0;
}

static inline void put(const char *path, const char *bytes)
{
	int fd AUTO_FD = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
}

static inline void assert_holds(const char *path, const char *bytes)
{
	char got[65536];
	int fd AUTO_FD = open(path, O_RDONLY | O_NOFOLLOW);
	if (fd < 0)
		fail_msg("%s: not there", path);
	ssize_t len = read(fd, got, sizeof(got));
	assert_int_equal(len, strlen(bytes));
	assert_memory_equal(got, bytes, (size_t)len);
}

static inline void assert_mode(const char *path, mode_t mode)
{
	assert_int_equal(stat_of(path).st_mode & 07777, mode);
}

static inline void assert_row_time(const char *path)
{
	struct stat stat = stat_of(path);
	assert_int_equal(stat.st_mtim.tv_sec, ROW_SECONDS);
	assert_int_equal(stat.st_mtim.tv_nsec, ROW_NANOSECONDS);
}

static inline int entries_in(const char *path)
{
	DIR *directory AUTO_DIR = opendir(path);
	assert_non_null(directory);
	int count = -2;
	while (readdir(directory))
		count++;
	return count;
}

static inline void assert_says(const struct place *place, const char *part)
{
	if (!strstr(place->error.text, part))
		fail_msg("`%s` does not say `%s`", place->error.text, part);
}

/* ---- the directory ---- */

static inline int place_setup(void **state)
{
	struct place *place = must_calloc(1, sizeof(*place));
	(void)snprintf(place->path, sizeof(place->path), "/tmp/baton-test-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	assert_int_equal(chdir(place->path), 0);
	(void)umask(022);
	view_table_init(&place->tree.table);
	place->options.directory = "out";
	*state = place;
	return 0;
}

static inline int place_teardown(void **state)
{
	struct place *place = *state;
	int fd AUTO_FD = open(place->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(remove_tree_contents(fd), 0);
	assert_int_equal(rmdir(place->path), 0);
	view_table_fini(&place->tree.table);
	free(place);
	return 0;
}

#define PLACE_TEST(test)                                                                 \
	cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

#endif
