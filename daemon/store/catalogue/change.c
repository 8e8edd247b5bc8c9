#include "daemon/store/catalogue/internal.h"

#include <stdatomic.h>

struct catalogue *catalogue_lock(struct catalogue *catalogue)
{
	claim(pthread_mutex_lock(&catalogue->mutex) == 0);
	return catalogue;
}

void catalogue_unlock(struct catalogue **catalogue)
{
	claim(pthread_mutex_unlock(&(*catalogue)->mutex) == 0);
}

int catalogue_bad_set(const struct catalogue *catalogue, struct error *error)
{
	return error_set(error, ERR_DAMAGED,
			 "`%s`: a column that should hold a set of layers does not",
			 database_path(catalogue->database));
}

/* ---- transactions ---------------------------------------------------------------- */

static int run(struct catalogue *catalogue, const char *sql, struct error *error)
{
	struct query query AUTO(query_end) = query_of(catalogue->database, sql);
	return query_run(&query, error);
}

int change_try(struct change *change, struct catalogue *catalogue, struct error *error)
{
	int result = catalogue->pretends ? run(catalogue, "SAVEPOINT trial", error)
					 : run(catalogue, "BEGIN IMMEDIATE", error);
	if (result < 0)
		return result;
	change->catalogue = catalogue;
	change->rows_before = database_total_changes(catalogue->database);
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
	int result = database_execute(catalogue->database, sql, error);
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
		return database_refuse(catalogue->database, error);
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
	    database_total_changes(catalogue->database) == change->rows_before)
		return 0;
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "INSERT INTO settings (name, value) VALUES ('commits', 1)"
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
	int result = database_sync_log(catalogue->database, error);
	if (result < 0)
		return result;
	catalogue->has_unsynced = false;
	return 0;
}

int change_begin_aside(const struct change *change, int64_t *ret_mark,
		       struct error *error)
{
	*ret_mark = database_total_changes(change->catalogue->database);
	return run(change->catalogue, "SAVEPOINT aside", error);
}

/* SQLite counts rows that were changed and changed back as well. */
int change_undo_aside(struct change *change, int64_t mark, struct error *error)
{
	struct database *database = change->catalogue->database;
	int result = run(change->catalogue, "ROLLBACK TO aside", error);
	if (result == 0)
		result = run(change->catalogue, "RELEASE aside", error);
	change->rows_before += database_total_changes(database) - mark;
	return result;
}

static void undo(struct catalogue *catalogue)
{
	struct error ignored;
	if (!catalogue->pretends)
		(void)run(catalogue, "ROLLBACK", &ignored);
	else if (run(catalogue, "ROLLBACK TO trial", &ignored) == 0)
		(void)run(catalogue, "RELEASE trial", &ignored);
}

/* A failed statement may have undone the transaction already. */
void change_end(struct change *change)
{
	if (change->catalogue && database_is_changing(change->catalogue->database))
		undo(change->catalogue);
	*change = (struct change){0};
}
