#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue/internal.h"
#include "daemon/store/database/page_sum.h"
#include "proto/base/bytes.h"

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

static int find_files(struct catalogue *catalogue, struct page_survey *survey)
{
	sqlite3 *database = catalogue->database.connection;
	sqlite3_int64 size = 0;
	int code = sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER,
					&survey->database);
	if (code == SQLITE_OK)
		code = sqlite3_file_control(database, "main",
					    SQLITE_FCNTL_JOURNAL_POINTER, &survey->log);
	if (code == SQLITE_OK)
		code = survey->database->pMethods->xFileSize(survey->database, &size);
	survey->count = (uint32_t)(size / PAGE_LEN);
	survey->in_log = must_calloc(survey->count + 1, sizeof *survey->in_log);
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
		code = read_at(survey->log, header, sizeof header, (uint64_t)at);
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
		int code = read_at(survey->database, page, sizeof page,
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
static int check_sums(struct catalogue *catalogue, struct error *error)
{
	struct page_survey survey AUTO(page_survey_fini) = {0};
	int code = find_files(catalogue, &survey);
	if (code == SQLITE_OK)
		code = list_log(&survey);
	if (code == SQLITE_OK)
		code = read_pages(&survey);
	if (code != SQLITE_OK)
		return database_failure(&catalogue->database, code, error);
	if (survey.damaged == 0)
		return 0;
	return error_set(error, ERR_DAMAGED,
			 "`%s`: of %u pages %u are damaged, page %u first",
			 catalogue->database.path, survey.count, survey.damaged,
			 survey.first_damaged);
}

/* ---- what SQLite itself checks ------------------------------------------------------
 */

static int check_trees(struct catalogue *catalogue, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(&catalogue->database, "PRAGMA integrity_check(1)");
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	const char *finding = row_text(&query, 0);
	if (strcmp(finding, "ok") == 0)
		return 0;
	return error_set(error, ERR_DAMAGED, "`%s`: %s", catalogue->database.path,
			 finding);
}

static int check_references(struct catalogue *catalogue, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(&catalogue->database, "PRAGMA foreign_key_check");
	int result = query_next(&query, error);
	if (result <= 0)
		return result;
	return error_set(error, ERR_DAMAGED,
			 "`%s`: a row of `%s` names one of `%s` that is not there",
			 catalogue->database.path, row_text(&query, 0),
			 row_text(&query, 2));
}

/* ---- what is loaded for sessions ----------------------------------------------------
 */

static int list_workflows(struct catalogue *catalogue, struct buffer *ids,
			  struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(&catalogue->database,
			 "SELECT id, name, contact_ms, created_ms FROM workflows");
	int result;
	while ((result = query_next(&query, error)) == 1) {
		int64_t id = row_id(&query, 0);
		buffer_put(ids, &id, sizeof id);
		(void)row_name(&query, 1);
		(void)row_time(&query, 2);
		(void)row_time(&query, 3);
	}
	return result < 0 ? result : row_check(&query, error);
}

/* Each row of a history is looked at when it is loaded. */
static int check_histories(struct catalogue *catalogue, struct error *error)
{
	struct buffer ids AUTO(buffer_fini) = {0};
	int result = list_workflows(catalogue, &ids, error);
	const int64_t *id = (const int64_t *)(const void *)ids.at;
	for (size_t i = 0; result == 0 && i < ids.len / sizeof *id; i++) {
		struct catalogue_history history AUTO(catalogue_history_fini) = {0};
		result = catalogue_load(catalogue, id[i], 0, &history, error);
	}
	return result;
}

int catalogue_check(struct catalogue *catalogue, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	int result = check_sums(catalogue, error);
	if (result == 0)
		result = check_trees(catalogue, error);
	if (result == 0)
		result = check_references(catalogue, error);
	return result == 0 ? check_histories(catalogue, error) : result;
}
