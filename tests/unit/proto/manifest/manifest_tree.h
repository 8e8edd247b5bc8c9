/*
 * Rows and trees that the manifest's tests share. Single-threaded.
 */
#ifndef BATON_TESTS_MANIFEST_TREE_H
#define BATON_TESTS_MANIFEST_TREE_H

#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/manifest/manifest.h"

static inline struct unit_name tree_unit(const char *text, uint32_t len)
{
	return (struct unit_name){
		.key = {.xxh = xxh128_of(text, strlen(text)), .len = len},
		.sha = sha256_of(text, strlen(text)),
	};
}

/* The fixed tree of the golden file; `later` seconds are added to each time. Gives its
 * rows in order; they borrow from static memory. */
static inline size_t tree_rows(int64_t later, const struct row **ret_rows)
{
	static struct unit_name small[1], chunks[2], odd[1];
	static struct row rows[8];
	small[0] = tree_unit("hello\n", 6);
	chunks[0] = tree_unit("first chunk", 700000);
	chunks[1] = tree_unit("second chunk", 800000);
	odd[0] = tree_unit("odd", 3);
	const struct row fixed[] = {
		{.path = "README",
		 .type = ROW_FILE,
		 .mode = 0644,
		 .time = {1700000000, 0},
		 .size = 6,
		 .units = small,
		 .unit_count = 1},
		{.path = "build",
		 .type = ROW_DIRECTORY,
		 .mode = 0755,
		 .time = {1700000001, 5}},
		{.path = "build/app",
		 .type = ROW_FILE,
		 .mode = 0755,
		 .time = {1700000002, 123456789},
		 .size = 1500000,
		 .units = chunks,
		 .unit_count = 2},
		{.path = "build/empty",
		 .type = ROW_DIRECTORY,
		 .mode = 0700,
		 .time = {1700000003, 999999999}},
		{.path = "build/latest",
		 .type = ROW_SYMLINK,
		 .mode = 0777,
		 .time = {1700000004, 1},
		 .target = "app",
		 .target_len = 3},
		{.path = "build.log", .type = ROW_FILE, .mode = 0600, .time = {-1, 0}},
		{.path = "caf\xe9",
		 .type = ROW_FILE,
		 .mode = 0,
		 .time = {0, 0},
		 .size = 3,
		 .units = odd,
		 .unit_count = 1},
		{.path = "src/main.c",
		 .type = ROW_FILE,
		 .mode = 0644,
		 .time = {1700000005, 0},
		 .size = 6,
		 .units = small,
		 .unit_count = 1},
	};
	memcpy(rows, fixed, sizeof(rows));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rows[i].path_len = strlen(rows[i].path);
		rows[i].time.seconds += later;
	}
	*ret_rows = rows;
	return sizeof(rows) / sizeof(*rows);
}

/* A sink that keeps all pieces, one behind the other; {0} at first. */
struct tree_pieces {
	struct buffer bytes; /* owned */
};

static inline int tree_keep_piece(void *context, const struct root_piece *piece,
				  const uint8_t *bytes, size_t len, struct error *error)
{
	(void)piece;
	(void)error;
	struct tree_pieces *pieces = context;
	buffer_put(&pieces->bytes, bytes, len);
	return 0;
}

/* A file of one unit whose bytes depend on the number; the path is written to path_room.
 */
static inline struct row tree_numbered_row(size_t number, char path_room[64],
					   struct unit_name *unit)
{
	int len = snprintf(path_room, 64, "d%03zu/file-%06zu", number / 100, number);
	*unit = tree_unit(path_room, (uint32_t)(number % 1000 + 1));
	return (struct row){
		.path = path_room,
		.path_len = (size_t)len,
		.type = ROW_FILE,
		.mode = 0644,
		.time = {1700000000, 0},
		.size = unit->key.len,
		.units = unit,
		.unit_count = 1,
	};
}

/* The digest of an encoded piece's content, found in another way than its writer does:
 * the piece is decoded, and the times in it are zeroed. *ret_totals are its own. As
 * piece_open(). */
static inline int content_of(const void *piece, size_t len, struct digest *ret_content,
			     struct totals *ret_totals, struct error *error)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	int err = piece_open(&decoder, piece, len, error);
	if (err)
		return err;
	char *content AUTO_FREE = must_memdup(piece, len);
	struct totals totals = {0};
	struct row row;
	int more;
	while ((more = row_decoder_next(&decoder, &row, error)) > 0) {
		size_t time_at = (size_t)(decoder.time_at - (const uint8_t *)piece);
		memset(content + time_at, 0, ROW_TIME_LEN);
		totals_add_row(&totals, &row);
	}
	if (more < 0)
		return more;
	*ret_content = sha256_of(content, len);
	*ret_totals = totals;
	return 0;
}

#endif
