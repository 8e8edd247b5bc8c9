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

/* What one of the two says. */
struct end {
	bool known;
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

/* Bytes of a positive integer of this serial type; 0 for 0, -1 for another type. */
static int integer_len(uint8_t type)
{
	static const int8_t lens[] = {-1, 1, 2, 3, 4, 6, 8, -1, 0};
	return type < sizeof(lens) ? lens[type] : -1;
}

/* A cell is its length, then of its record the head's length, a type for the name, one
 * for the value, the name, the value. Whether it is that of `commits`. */
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

/* Without such a row nothing was counted yet. */
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

/* Goes on as long as one frame follows from the other. */
static struct end read_log(const struct io *io, int fd, uint32_t number)
{
	uint8_t head[LOG_HEADER_LEN];
	uint8_t frame[LOG_FRAME_LEN];
	uint8_t before[LOG_SUM_LEN];
	if (io_read_at(io, fd, head, sizeof(head), 0) < 0)
		return (struct end){0};
	memcpy(before, head + LOG_HEADER_SUM_AT, sizeof(before));
	const uint8_t *page = frame + LOG_FRAME_HEADER_LEN;
	for (uint64_t at = LOG_HEADER_LEN;
	     io_read_at(io, fd, frame, sizeof(frame), at) == 0 &&
	     log_frame_is_right(frame, page, before, log_is_big_endian(head));
	     at += LOG_FRAME_LEN) {
		if (log_frame_page(frame) == number)
			return read_page(page);
		memcpy(before, frame + LOG_FRAME_SUM_AT, sizeof(before));
	}
	return (struct end){0};
}

static struct end read_end(const struct catalogue *catalogue, const struct io *io,
			   bool is_log, uint32_t number)
{
	AUTO_FREE char *path = NULL;
	claim(asprintf(&path, "%s%s", catalogue->database.path, is_log ? "-wal" : "") >
	      0);
	int fd = io_open(io, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return (struct end){0};
	struct end end = is_log ? read_log(io, fd, number)
				: read_database(io, fd, number);
	(void)io_close(io, fd);
	return end;
}

/* ---- the verdict ----------------------------------------------------------------------
 */

static int root_page(struct catalogue *catalogue, int64_t *ret_number,
		     struct error *error)
{
	AUTO(query_end)
	struct query query =
		query_of(&catalogue->database,
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
			 catalogue->database.path, older, newer, older_commits,
			 newer_commits);
}

int catalogue_check_ends(struct catalogue *catalogue, const struct io *io,
			 struct error *error)
{
	int64_t number;
	int result = root_page(catalogue, &number, error);
	if (result < 0 || !vfs_has_page_sums(catalogue->database.vfs))
		return result;
	struct end database = read_end(catalogue, io, false, (uint32_t)number);
	struct end log = read_end(catalogue, io, true, (uint32_t)number);
	uint64_t both = atomic_load(&catalogue->commits);
	if (database.known && log.known && database.commits + 1 < log.commits)
		return mixture(catalogue, "", "-wal", database.commits, log.commits - 1,
			       error);
	if (database.known && database.commits > both)
		return mixture(catalogue, "-wal", "", both, database.commits, error);
	return 0;
}
