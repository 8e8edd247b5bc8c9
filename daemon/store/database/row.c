#include "daemon/store/database/row.h"

#include <string.h>

#include "daemon/store/database/internal.h"
#include "proto/base/bytes.h"
#include "proto/bounds.h"

/* The first column that holds what batond never writes is the one that is told. */
static void bend(struct query *query, int column)
{
	if (query->bent == 0)
		query->bent = column + 1;
}

int row_check(const struct query *query, struct error *error)
{
	if (query->bent == 0)
		return 0;
	return error_set(error, ERR_DAMAGED,
			 "`%s`: column `%s` of a row does not hold what it should",
			 query->database->path,
			 sqlite3_column_name(query->statement->handle, query->bent - 1));
}

/* ---- numbers ---------------------------------------------------------------------- */

int64_t row_number(const struct query *query, int column)
{
	return sqlite3_column_int64(query->statement->handle, column);
}

bool row_is_null(const struct query *query, int column)
{
	return sqlite3_column_type(query->statement->handle, column) == SQLITE_NULL;
}

static int64_t whole_number(struct query *query, int column, int64_t least, int64_t most)
{
	int64_t number = row_number(query, column);
	if (sqlite3_column_type(query->statement->handle, column) == SQLITE_INTEGER &&
	    number >= least && number <= most)
		return number;
	bend(query, column);
	return least;
}

uint64_t row_amount(struct query *query, int column)
{
	return (uint64_t)whole_number(query, column, 0, INT64_MAX);
}

int64_t row_id(struct query *query, int column)
{
	return whole_number(query, column, 1, INT64_MAX);
}

int64_t row_id_or_none(struct query *query, int column)
{
	return row_is_null(query, column) ? 0 : row_id(query, column);
}

int64_t row_time(struct query *query, int column)
{
	return whole_number(query, column, 0, ROW_TIME_MAX);
}

uint64_t row_offset(struct query *query, int column)
{
	return (uint64_t)whole_number(query, column, 0, ROW_OFFSET_MAX);
}

uint32_t row_ordinal(struct query *query, int column)
{
	return (uint32_t)whole_number(query, column, 1, UINT32_MAX);
}

bool row_flag(struct query *query, int column)
{
	return whole_number(query, column, 0, 1) == 1;
}

/* ---- bytes ------------------------------------------------------------------------ */

const char *row_text(const struct query *query, int column)
{
	const unsigned char *text = sqlite3_column_text(query->statement->handle, column);
	return text ? (const char *)text : "";
}

const char *row_label(struct query *query, int column)
{
	const char *at = row_text(query, column);
	size_t len = (size_t)sqlite3_column_bytes(query->statement->handle, column);
	if (sqlite3_column_type(query->statement->handle, column) == SQLITE_TEXT &&
	    len <= NAME_LEN_MAX && text_is_clean((struct text){at, len}))
		return at;
	bend(query, column);
	return "";
}

const char *row_name(struct query *query, int column)
{
	const char *at = row_label(query, column);
	if (!*at)
		bend(query, column);
	return at;
}

struct reader row_bytes(struct query *query, int column)
{
	const void *data = sqlite3_column_blob(query->statement->handle, column);
	int len = sqlite3_column_bytes(query->statement->handle, column);
	if (sqlite3_column_type(query->statement->handle, column) != SQLITE_BLOB)
		bend(query, column);
	return reader_of(data, data && len > 0 ? (size_t)len : 0);
}

void row_blob(struct query *query, int column, void *ret_data, size_t len)
{
	struct reader bytes = row_bytes(query, column);
	if (bytes.left != len)
		bend(query, column);
	reader_copy(&bytes, ret_data, len);
}
