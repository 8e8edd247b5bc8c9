/* Whether the files of a database are whole (database.h). */
#include <stdlib.h>
#include <string.h>

#include "daemon/store/database/internal.h"
#include "daemon/store/database/page_sum.h"
#include "daemon/store/database/query.h"
#include "daemon/store/database/row.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* ---- sums ------------------------------------------------------------------------- */

/* All pages of the database, of which those that the log has newer are not looked at: a
 * crash may have left them half written. */
struct page_survey {
	sqlite3_file *database, *log; /* borrowed */
	uint32_t count;
	bool *in_log; /* owned; by number - 1 */
	uint32_t damaged, first_damaged;
};

static void page_survey_fini(struct page_survey *survey)
{
	free(survey->in_log);
}

static int read_at(sqlite3_file *file, void *ret_data, size_t len, uint64_t offset)
{
	return file->pMethods->xRead(file, ret_data, (int)len, (sqlite3_int64)offset);
}

static int find_files(struct database *database, struct page_survey *survey)
{
	sqlite3 *connection = database->connection;
	sqlite3_int64 size = 0;
	int code = sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER,
					&survey->database);
	if (code == SQLITE_OK)
		code = sqlite3_file_control(connection, "main",
					    SQLITE_FCNTL_JOURNAL_POINTER, &survey->log);
	if (code == SQLITE_OK)
		code = survey->database->pMethods->xFileSize(survey->database, &size);
	survey->count = (uint32_t)(size / PAGE_LEN);
	survey->in_log = must_calloc(survey->count + 1, sizeof(*survey->in_log));
	return code;
}

/* Also frames that no commit has followed: live pages are in the trees, which are checked
 * by way of SQLite, and of these it knows. */
static int list_log(struct page_survey *survey)
{
	sqlite3_int64 size = 0;
	int code = survey->log->pMethods
			   ? survey->log->pMethods->xFileSize(survey->log, &size)
			   : SQLITE_OK;
	for (sqlite3_int64 at = LOG_HEADER_LEN;
	     code == SQLITE_OK && at + LOG_FRAME_LEN <= size; at += LOG_FRAME_LEN) {
		uint8_t header[LOG_FRAME_HEADER_LEN];
		code = read_at(survey->log, header, sizeof(header), (uint64_t)at);
		uint32_t number = log_frame_page(header);
		if (code == SQLITE_OK && number > 0 && number <= survey->count)
			survey->in_log[number - 1] = true;
	}
	return code;
}

/* A page that was freed before it was ever written is a hole in the file. In a tree, such
 * a page is refused by whoever reads it. */
static bool is_hole(const uint8_t page[PAGE_LEN])
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE_LEN - 1) == 0;
}

static int read_pages(struct page_survey *survey)
{
	uint8_t page[PAGE_LEN];
	for (uint32_t number = 1; number <= survey->count; number++) {
		if (survey->in_log[number - 1])
			continue;
		int code = read_at(survey->database, page, sizeof(page),
				   (uint64_t)(number - 1) * PAGE_LEN);
		if (code == SQLITE_OK || (code == SQLITE_IOERR_DATA && is_hole(page)))
			continue;
		if (code != SQLITE_IOERR_DATA)
			return code;
		if (survey->damaged++ == 0)
			survey->first_damaged = number;
	}
	return SQLITE_OK;
}

/* Free pages are in no tree: nothing else reads them. */
static int check_sums(struct database *database, struct error *error)
{
	struct page_survey survey AUTO(page_survey_fini) = {0};
	int code = find_files(database, &survey);
	if (code == SQLITE_OK)
		code = list_log(&survey);
	if (code == SQLITE_OK)
		code = read_pages(&survey);
	if (code != SQLITE_OK)
		return database_failure(database, code, error);
	if (survey.damaged == 0)
		return 0;
	return error_set(
		error, ERR_DAMAGED, "`%s`: of %u pages %u are damaged, page %u first",
		database->path, survey.count, survey.damaged, survey.first_damaged);
}

/* ---- what SQLite itself checks ------------------------------------------------------
 */

static int check_trees(struct database *database, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(database, "PRAGMA integrity_check(1)");
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	const char *finding = row_text(&query, 0);
	if (strcmp(finding, "ok") == 0)
		return 0;
	return error_set(error, ERR_DAMAGED, "`%s`: %s", database->path, finding);
}

static int check_references(struct database *database, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(database, "PRAGMA foreign_key_check");
	int result = query_next(&query, error);
	if (result <= 0)
		return result;
	return error_set(error, ERR_DAMAGED,
			 "`%s`: a row of `%s` names one of `%s` that is not there",
			 database->path, row_text(&query, 0), row_text(&query, 2));
}

int database_check(struct database *database, struct error *error)
{
	int result = check_sums(database, error);
	if (result == 0)
		result = check_trees(database, error);
	return result == 0 ? check_references(database, error) : result;
}
