#include "daemon/store/database/query.h"

#include "daemon/store/database/row.h"
#include "proto/base/cleanup.h"

static struct cached_statement *cached(struct database *database, const char *sql)
{
	for (size_t i = 0; i < database->cache_count; i++)
		if (database->cache[i].sql == sql)
			return &database->cache[i];
	size_t count = database->cache_count + 1;
	database->cache =
		must_realloc(database->cache, count * sizeof *database->cache);
	database->cache_count = count;
	struct cached_statement *entry = &database->cache[count - 1];
	*entry = (struct cached_statement){.sql = sql};
	return entry;
}

struct query query_of(struct database *database, const char *sql)
{
	struct cached_statement *entry = cached(database, sql);
	struct query query = {.database = database};
	if (!entry->statement)
		query.code = sqlite3_prepare_v3(database->connection, sql, -1,
						SQLITE_PREPARE_PERSISTENT,
						&entry->statement, NULL);
	query.statement = entry->statement;
	claim(!query.statement || !sqlite3_stmt_busy(query.statement));
	return query;
}

void query_end(struct query *query)
{
	if (!query->statement)
		return;
	(void)sqlite3_reset(query->statement);
	(void)sqlite3_clear_bindings(query->statement);
}

static void note(struct query *query, int code)
{
	if (query->code == SQLITE_OK)
		query->code = code;
}

void query_number(struct query *query, int64_t number)
{
	if (query->code == SQLITE_OK)
		note(query, sqlite3_bind_int64(query->statement, ++query->bound, number));
}

void query_text(struct query *query, struct text text)
{
	if (query->code == SQLITE_OK)
		note(query, sqlite3_bind_text64(query->statement, ++query->bound,
						text.at ? text.at : "", text.len,
						SQLITE_STATIC, SQLITE_UTF8));
}

void query_blob(struct query *query, const void *data, size_t len)
{
	if (query->code == SQLITE_OK)
		note(query, sqlite3_bind_blob64(query->statement, ++query->bound, data,
						len, SQLITE_STATIC));
}

void query_null(struct query *query)
{
	if (query->code == SQLITE_OK)
		note(query, sqlite3_bind_null(query->statement, ++query->bound));
}

int query_next(struct query *query, struct error *error)
{
	if (query->code == SQLITE_OK) {
		int code = sqlite3_step(query->statement);
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
