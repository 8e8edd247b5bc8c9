#include "daemon/store/catalogue/internal.h"

#include <stdatomic.h>
#include <string.h>

#include "proto/base/bytes.h"

struct catalogue *catalogue_lock(struct catalogue *catalogue)
{
	claim(pthread_mutex_lock(&catalogue->mutex) == 0);
	return catalogue;
}

void catalogue_unlock(struct catalogue **catalogue)
{
	claim(pthread_mutex_unlock(&(*catalogue)->mutex) == 0);
}

static int refuse(struct catalogue *catalogue, struct error *error)
{
	return error_set(error, ERR_READ_ONLY,
			 "`%s`: a write or sync has failed; nothing is changed any more "
			 "until batond is started again",
			 catalogue->path);
}

static int damaged_page(struct catalogue *catalogue, struct error *error)
{
	bool in_log;
	uint32_t page = vfs_damaged_page(catalogue->vfs, &in_log);
	return error_set(error, ERR_DAMAGED,
			 "`%s%s`: page %u is damaged; `batond check` tells what else is",
			 catalogue->path, in_log ? "-wal" : "", page);
}

int catalogue_failure(struct catalogue *catalogue, int code, struct error *error)
{
	const char *path = catalogue->path;
	const char *why = sqlite3_errstr(code);
	if (code == SQLITE_IOERR_DATA)
		return damaged_page(catalogue, error);
	if (vfs_has_failed(catalogue->vfs))
		return refuse(catalogue, error);
	switch (code & 0xff) {
	case SQLITE_FULL:
		return error_set(error, ERR_NO_ROOM, "`%s`: no room on the disk", path);
	case SQLITE_NOMEM:
		return error_set(error, ERR_NO_MEMORY, "`%s`: out of memory", path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT: /* what is written agrees with what batond writes */
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return error_set(error, ERR_DAMAGED, "`%s`: %s", path, why);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return error_set(error, ERR_LOCAL, "`%s`: %s", path, why);
	default:
		return error_set(error, ERR_INTERNAL, "`%s`: %s (%d): %s", path, why,
				 code, sqlite3_errmsg(catalogue->database));
	}
}

int catalogue_execute(struct catalogue *catalogue, const char *sql, struct error *error)
{
	int code = sqlite3_exec(catalogue->database, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : catalogue_failure(catalogue, code, error);
}

int catalogue_checkpoint(struct catalogue *catalogue, struct error *error)
{
	int code = sqlite3_wal_checkpoint_v2(catalogue->database, NULL,
					     SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return code == SQLITE_OK ? 0 : catalogue_failure(catalogue, code, error);
}

int catalogue_contradiction(const struct catalogue *catalogue, struct error *error)
{
	return error_set(error, ERR_DAMAGED,
			 "`%s`: rows contradict each other; see `batond check`",
			 catalogue->path);
}

int catalogue_bad_set(const struct catalogue *catalogue, struct error *error)
{
	return error_set(error, ERR_DAMAGED,
			 "`%s`: a column that should hold a set of layers does not",
			 catalogue->path);
}

/* ---- statements ------------------------------------------------------------------ */

static struct cached_statement *cached(struct catalogue *catalogue, const char *sql)
{
	for (size_t i = 0; i < catalogue->cache_count; i++)
		if (catalogue->cache[i].sql == sql)
			return &catalogue->cache[i];
	size_t count = catalogue->cache_count + 1;
	catalogue->cache =
		must_realloc(catalogue->cache, count * sizeof *catalogue->cache);
	catalogue->cache_count = count;
	struct cached_statement *entry = &catalogue->cache[count - 1];
	*entry = (struct cached_statement){.sql = sql};
	return entry;
}

struct query query_of(struct catalogue *catalogue, const char *sql)
{
	struct cached_statement *entry = cached(catalogue, sql);
	struct query query = {.catalogue = catalogue};
	if (!entry->statement)
		query.code = sqlite3_prepare_v3(catalogue->database, sql, -1,
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
	return catalogue_failure(query->catalogue, query->code, error);
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

/* ---- transactions ---------------------------------------------------------------- */

static int run(struct catalogue *catalogue, const char *sql, struct error *error)
{
	struct query query AUTO(query_end) = query_of(catalogue, sql);
	return query_run(&query, error);
}

int change_try(struct change *change, struct catalogue *catalogue, struct error *error)
{
	int result = run(catalogue, "BEGIN IMMEDIATE", error);
	if (result < 0)
		return result;
	change->catalogue = catalogue;
	change->rows_before = sqlite3_total_changes64(catalogue->database);
	return 0;
}

/* SQLite obeys when it compiles this, so it cannot be a statement that is kept. Where it
 * fails, which reading the file may, what was asked for is asked again by the next
 * change.
 */
static int set_synchronous(struct catalogue *catalogue, bool full, struct error *error)
{
	if (catalogue->syncs_commits == full)
		return 0;
	const char *sql = full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";
	int result = catalogue_execute(catalogue, sql, error);
	if (result == 0)
		catalogue->syncs_commits = full;
	return result;
}

static int begin(struct change *change, struct catalogue *catalogue, bool full,
		 struct error *error)
{
	if (catalogue->refusal.code)
		*error = catalogue->refusal;
	if (catalogue->refusal.code)
		return error->code;
	if (vfs_has_failed(catalogue->vfs))
		return refuse(catalogue, error);
	int result = set_synchronous(catalogue, full, error);
	return result == 0 ? change_try(change, catalogue, error) : result;
}

int change_begin(struct change *change, struct catalogue *catalogue, struct error *error)
{
	return begin(change, catalogue, true, error);
}

int change_begin_unsynced(struct change *change, struct catalogue *catalogue,
			  struct error *error)
{
	int result = begin(change, catalogue, false, error);
	change->unsynced = result == 0;
	return result;
}

/* Counts it where its commit will be durable: *ret_commits is the new number, or 0. */
static int count(const struct change *change, int64_t *ret_commits, struct error *error)
{
	struct catalogue *catalogue = change->catalogue;
	*ret_commits = 0;
	if (change->unsynced ||
	    sqlite3_total_changes64(catalogue->database) == change->rows_before)
		return 0;
	struct query query AUTO(query_end) = query_of(
		catalogue, "INSERT INTO settings (name, value) VALUES ('commits', 1)"
			   " ON CONFLICT (name) DO UPDATE SET value = value + 1"
			   " RETURNING value");
	return query_one(&query, ret_commits, error);
}

int change_commit(struct change *change, struct error *error)
{
	struct catalogue *catalogue = change->catalogue;
	int64_t commits;
	int result = count(change, &commits, error);
	if (result == 0)
		result = run(catalogue, "COMMIT", error);
	if (result < 0)
		return result;
	catalogue->has_unsynced |= change->unsynced;
	*change = (struct change){0};
	if (commits == 0)
		return 0;
	atomic_store(&catalogue->commits, (uint64_t)commits);
	struct stamp_mark mark = {catalogue->store, (uint64_t)commits};
	stamp_put(&catalogue->stamp, &mark);
	return 0;
}

int catalogue_sync_locked(struct catalogue *catalogue, struct error *error)
{
	if (!catalogue->has_unsynced)
		return 0;
	sqlite3_file *log = NULL;
	int code = sqlite3_file_control(catalogue->database, "main",
					SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (code == SQLITE_OK)
		code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
	if (code != SQLITE_OK)
		return catalogue_failure(catalogue, code, error);
	catalogue->has_unsynced = false;
	return 0;
}

/* A failed statement may have undone the transaction already. */
void change_end(struct change *change)
{
	struct error ignored;
	if (change->catalogue && !sqlite3_get_autocommit(change->catalogue->database))
		(void)run(change->catalogue, "ROLLBACK", &ignored);
	*change = (struct change){0};
}
