#include "daemon/store/database/query.h"

#include "daemon/store/database/internal.h"
#include "daemon/store/database/row.h"
#include "proto/base/cleanup.h"

/* Finds it among those that are kept, or prepares it: SQLite's code. */
static int find_statement(struct database *database, const char *sql,
			  struct statement **ret_statement)
{
	struct statement *statement = database->statements;
	while (statement && statement->sql != sql)
		statement = statement->next;
	if (!statement) {
		statement = must_calloc(1, sizeof(*statement));
		*statement = (struct statement){.sql = sql, .next = database->statements};
		database->statements = statement;
	}
	*ret_statement = statement;
	return statement->handle ? SQLITE_OK
				 : sqlite3_prepare_v3(database->connection, sql, -1,
						      SQLITE_PREPARE_PERSISTENT,
						      &statement->handle, NULL);
}

struct query query_of(struct database *database, const char *sql)
{
	struct query query = {.database = database};
	query.code = find_statement(database, sql, &query.statement);
	claim(!sqlite3_stmt_busy(query.statement->handle));
	return query;
}

int query_prepare(struct database *database, const char *sql, struct error *error)
{
	struct query query = query_of(database, sql);
	return query.code == SQLITE_OK ? 0
				       : database_failure(database, query.code, error);
}

void query_end(struct query *query)
{
	if (!query->statement->handle)
		return;
	(void)sqlite3_reset(query->statement->handle);
	(void)sqlite3_clear_bindings(query->statement->handle);
}

static void note(struct query *query, int code)
{
	if (query->code == SQLITE_OK)
		query->code = code;
}

void query_number(struct query *query, int64_t number)
{
	if (query->code == SQLITE_OK)
		note(query, sqlite3_bind_int64(query->statement->handle, ++query->bound,
					       number));
}

void query_text(struct query *query, struct text text)
{
	if (query->code == SQLITE_OK)
		note(query, sqlite3_bind_text64(query->statement->handle, ++query->bound,
						text.at ? text.at : "", text.len,
						SQLITE_STATIC, SQLITE_UTF8));
}

void query_blob(struct query *query, const void *data, size_t len)
{
	if (query->code == SQLITE_OK)
		note(query, sqlite3_bind_blob64(query->statement->handle, ++query->bound,
						data, len, SQLITE_STATIC));
}

void query_null(struct query *query)
{
	if (query->code == SQLITE_OK)
		note(query, sqlite3_bind_null(query->statement->handle, ++query->bound));
}

int query_next(struct query *query, struct error *error)
{
	if (query->code == SQLITE_OK) {
		int code = sqlite3_step(query->statement->handle);
		if (code == SQLITE_ROW || code == SQLITE_DONE)
			return code == SQLITE_ROW;
		query->code = code;
	}
	return database_failure(query->database, query->code, error);
}

int query_run(struct query *query, struct error *error)
{
	int result = query_next(query, error);
	claim(result <= 0);
	return result;
}

int query_one(struct query *query, int64_t *ret_number, struct error *error)
{
	int result = query_next(query, error);
	if (result < 0)
		return result;
	*ret_number = result == 1 ? row_number(query, 0) : 0;
	return 0;
}
