#include "daemon/store/catalogue/ends.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/database/page_sum.h"

/* SQLite's "Database File Format", §1.6 and §2.1: a leaf of a table WITHOUT ROWID. */
#define LEAF 10
#define CELL_COUNT_AT 3u
#define CELL_POINTERS_AT 8u
/* Cells are shorter than this, so that each number in their heads is one byte. */
#define SHORT 128u

/* What the file or the log says. */
struct end {
	bool known; /* it has a page of `settings` */
	uint64_t commits;
};

/* ---- the page of `settings` ---------------------------------------------------------
 */

static uint32_t number_at(const uint8_t *at, size_t len)
{
	uint32_t number = 0;
	for (size_t i = 0; i < len; i++)
		number = number << 8 | at[i];
	return number;
}

/* Length in bytes of a positive integer of this serial type; 0 for the type that means 0;
 * -1 for other types. */
static int integer_len(uint8_t type)
{
	static const int8_t lens[] = {-1, 1, 2, 3, 4, 6, 8, -1, 0};
	return type < sizeof(lens) ? lens[type] : -1;
}

/* Reads a cell if it is the row of `commits`; false: it is another. A cell is its length
 * and a record: the length of the record's head, a type for the name, a type for the
 * value; then the name, the value. */
static bool read_cell(const uint8_t *cell, size_t len, uint64_t *ret_commits)
{
	static const char name[] = "commits";
	const size_t name_len = sizeof(name) - 1;
	const size_t name_type = 13 + 2 * name_len; /* a text of this length */
	if (len < 4 + name_len || cell[0] >= SHORT || cell[1] != 3 ||
	    cell[2] != name_type || memcmp(cell + 4, name, name_len) != 0)
		return false;
	int value_len = cell[3] == 9 ? 0 : integer_len(cell[3]);
	if (value_len < 0 || len < 4 + name_len + (size_t)value_len)
		return false;
	uint64_t commits = cell[3] == 9; /* the type that stands for 1 */
	for (int i = 0; i < value_len; i++)
		commits = commits << 8 | cell[4 + name_len + (size_t)i];
	*ret_commits = commits;
	return true;
}

/* A page of `settings` without the row `commits`: nothing was counted yet. */
static struct end read_page(const uint8_t page[PAGE_LEN])
{
	size_t count = number_at(page + CELL_COUNT_AT, 2);
	struct end end = {
		.known = page[0] == LEAF && count <= (PAGE_LEN - CELL_POINTERS_AT) / 2,
	};
	for (size_t i = 0; end.known && i < count; i++) {
		size_t at = number_at(page + CELL_POINTERS_AT + 2 * i, 2);
		if (at < PAGE_LEN && read_cell(page + at, PAGE_LEN - at, &end.commits))
			break;
	}
	return end;
}

/* ---- the two files --------------------------------------------------------------------
 */

static struct end read_database(const struct io *io, int fd, uint32_t number)
{
	uint8_t page[PAGE_LEN];
	if (number == 0 ||
	    io_read_at(io, fd, page, PAGE_LEN, (uint64_t)(number - 1) * PAGE_LEN) < 0 ||
	    !page_sum_is_right(page, number))
		return (struct end){0};
	return read_page(page);
}

/* What the log says, as far as its frames were read. */
struct log_walk {
	uint32_t number; /* of the page of `settings` */
	bool big_endian;
	uint8_t stored[LOG_SUM_LEN];   /* the sum of the frame before */
	uint8_t computed[LOG_SUM_LEN]; /* what it should be */
	bool whole;                    /* each frame so far follows from the one before */
	bool has_first;                /* a frame had that page while `whole` */
	struct end first;              /* what the first of these says */
	uint64_t furthest;             /* the largest number of all sound ones */
};

/* Whether a frame's own bytes are as they were written. Its sum goes on from the sum of
 * the frame before. If that frame is broken, either its sum was hit, or what the sum is
 * of: so this frame is tried with the sum that is stored there and with the one that
 * should be. */
static bool is_sound(struct log_walk *log, const uint8_t frame[LOG_FRAME_LEN])
{
	const uint8_t *page = frame + LOG_FRAME_HEADER_LEN;
	const uint8_t *stored = frame + LOG_FRAME_SUM_AT;
	uint8_t sum[LOG_SUM_LEN];
	log_frame_sum(frame, page, log->stored, log->big_endian, sum);
	bool follows = memcmp(stored, sum, LOG_SUM_LEN) == 0;
	bool sound = follows ||
		     log_frame_is_right(frame, page, log->computed, log->big_endian);
	log->whole = log->whole && follows;
	memcpy(log->stored, stored, LOG_SUM_LEN);
	memcpy(log->computed, sum, LOG_SUM_LEN);
	return sound;
}

static void read_frame(struct log_walk *log, const uint8_t frame[LOG_FRAME_LEN])
{
	if (!is_sound(log, frame) || log_frame_page(frame) != log->number)
		return;
	struct end end = read_page(frame + LOG_FRAME_HEADER_LEN);
	if (log->whole && !log->has_first)
		log->first = end;
	log->has_first = log->has_first || log->whole;
	if (end.known && end.commits > log->furthest)
		log->furthest = end.commits;
}

static struct log_walk read_log(const struct io *io, int fd, uint32_t number)
{
	struct log_walk log = {.number = number, .whole = true};
	uint8_t head[LOG_HEADER_LEN];
	uint8_t frame[LOG_FRAME_LEN];
	if (io_read_at(io, fd, head, sizeof(head), 0) < 0)
		return log;
	log.big_endian = log_is_big_endian(head);
	memcpy(log.stored, head + LOG_HEADER_SUM_AT, LOG_SUM_LEN);
	memcpy(log.computed, log.stored, LOG_SUM_LEN);
	for (uint64_t at = LOG_HEADER_LEN;
	     io_read_at(io, fd, frame, sizeof(frame), at) == 0; at += LOG_FRAME_LEN)
		read_frame(&log, frame);
	return log;
}

static int open_file(const struct catalogue *catalogue, const struct io *io,
		     const char *suffix)
{
	AUTO_FREE char *path = NULL;
	claim(asprintf(&path, "%s%s", database_path(catalogue->database), suffix) > 0);
	return io_open(io, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0);
}

static void read_both(const struct catalogue *catalogue, const struct io *io,
		      uint32_t number, struct end *ret_database, struct log_walk *ret_log)
{
	*ret_database = (struct end){0};
	*ret_log = (struct log_walk){0};
	int fd = open_file(catalogue, io, "");
	if (fd >= 0) {
		*ret_database = read_database(io, fd, number);
		(void)io_close(io, fd);
	}
	fd = open_file(catalogue, io, "-wal");
	if (fd >= 0) {
		*ret_log = read_log(io, fd, number);
		(void)io_close(io, fd);
	}
}

/* ---- the verdict ----------------------------------------------------------------------
 */

static int root_page(struct catalogue *catalogue, int64_t *ret_number,
		     struct error *error)
{
	AUTO(query_end)
	struct query query =
		query_of(catalogue->database,
			 "SELECT rootpage FROM sqlite_schema WHERE name = 'settings'");
	return query_one(&query, ret_number, error);
}

static int mixture(const struct catalogue *catalogue, const char *older,
		   const char *newer, uint64_t older_commits, uint64_t newer_commits,
		   struct error *error)
{
	return error_set(error, ERR_DAMAGED,
			 "`%s%s`: is older than `catalogue.db%s` (%" PRIu64
			 " changes, not %" PRIu64
			 "), and together they make no sense; put back the two "
			 "that belong together",
			 database_path(catalogue->database), older, newer, older_commits,
			 newer_commits);
}

int catalogue_check_ends(struct catalogue *catalogue, const struct io *io,
			 struct error *error)
{
	int64_t number;
	int result = root_page(catalogue, &number, error);
	if (result < 0 || !vfs_keeps_page_sums(catalogue->vfs))
		return result;
	struct end database;
	struct log_walk log;
	read_both(catalogue, io, (uint32_t)number, &database, &log);
	uint64_t both = atomic_load(&catalogue->commits);
	/* When the furthest change was begun, the one before it was durable. */
	if (log.furthest > 0)
		catalogue->log_commits = log.furthest - 1;
	if (database.known && log.first.known && database.commits + 1 < log.first.commits)
		return mixture(catalogue, "", "-wal", database.commits,
			       log.first.commits - 1, error);
	if (database.known && database.commits > both)
		return mixture(catalogue, "-wal", "", both, database.commits, error);
	return 0;
}
