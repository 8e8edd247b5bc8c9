#include "daemon/store/database/internal.h"

#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

int database_refuse(struct database *database, struct error *error)
{
	return error_set(error, ERR_READ_ONLY,
			 "`%s`: a write or sync has failed; nothing is changed any more "
			 "until batond is started again",
			 database->path);
}

static int damaged_page(struct database *database, struct error *error)
{
	bool in_log;
	uint32_t page = vfs_damaged_page(database->vfs, &in_log);
	return error_set(error, ERR_DAMAGED,
			 "`%s%s`: page %u is damaged; `batond check` tells what else is",
			 database->path, in_log ? "-wal" : "", page);
}

int database_failure(struct database *database, int code, struct error *error)
{
	const char *path = database->path;
	const char *why = sqlite3_errstr(code);
	if (code == SQLITE_IOERR_DATA)
		return damaged_page(database, error);
	if (database->vfs && vfs_has_failed(database->vfs))
		return database_refuse(database, error);
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
				 code, sqlite3_errmsg(database->connection));
	}
}

const char *database_path(const struct database *database)
{
	return database->path;
}

const char *database_message(const struct database *database)
{
	return sqlite3_errmsg(database->connection);
}

int database_execute(struct database *database, const char *sql, struct error *error)
{
	int code = sqlite3_exec(database->connection, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : database_failure(database, code, error);
}

int database_checkpoint(struct database *database, struct error *error)
{
	int code = sqlite3_wal_checkpoint_v2(database->connection, NULL,
					     SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return code == SQLITE_OK ? 0 : database_failure(database, code, error);
}

int database_contradiction(const struct database *database, struct error *error)
{
	return error_set(error, ERR_DAMAGED,
			 "`%s`: rows contradict each other; see `batond check`",
			 database->path);
}

/* ---- opening and closing --------------------------------------------------------- */

struct database *database_new(struct vfs *vfs, const char *path)
{
	struct database *database = must_calloc(1, sizeof(*database));
	database->vfs = vfs;
	database->path = must_strdup(path);
	return database;
}

/* SQLite would checkpoint and remove the log. */
static int keep_log(struct database *database)
{
	return sqlite3_db_config(database->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
				 1, NULL);
}

int database_open(struct database *database, const char *name, bool frozen,
		  struct error *error)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	if (!frozen)
		flags |= SQLITE_OPEN_CREATE;
	claim(!database->connection);
	int code = sqlite3_open_v2(name, &database->connection, flags,
				   database->vfs ? vfs_name(database->vfs) : NULL);
	if (code == SQLITE_OK)
		(void)sqlite3_limit(database->connection, SQLITE_LIMIT_LENGTH,
				    VALUE_LEN_MAX);
	if (code == SQLITE_OK && frozen)
		code = keep_log(database);
	return code == SQLITE_OK ? 0 : database_failure(database, code, error);
}

void database_close(struct database *database)
{
	while (database->statements) {
		struct statement *statement = database->statements;
		database->statements = statement->next;
		(void)sqlite3_finalize(statement->handle);
		free(statement);
	}
	claim(sqlite3_close(database->connection) == SQLITE_OK);
	database->connection = NULL;
}

void database_free(struct database *database)
{
	if (!database)
		return;
	database_close(database);
	vfs_unregister(database->vfs);
	free(database->path);
	free(database);
}

int database_reserve(struct database *database, int len, struct error *error)
{
	int code = sqlite3_file_control(database->connection, "main",
					SQLITE_FCNTL_RESERVE_BYTES, &len);
	return code == SQLITE_OK ? 0 : database_failure(database, code, error);
}

/* ---- changes --------------------------------------------------------------------- */

int database_sync_log(struct database *database, struct error *error)
{
	sqlite3_file *log = NULL;
	int code = sqlite3_file_control(database->connection, "main",
					SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (code == SQLITE_OK)
		code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
	return code == SQLITE_OK ? 0 : database_failure(database, code, error);
}

int64_t database_last_id(const struct database *database)
{
	return sqlite3_last_insert_rowid(database->connection);
}

int64_t database_changes(const struct database *database)
{
	return sqlite3_changes64(database->connection);
}

int64_t database_total_changes(const struct database *database)
{
	return sqlite3_total_changes64(database->connection);
}

bool database_is_changing(const struct database *database)
{
	return !sqlite3_get_autocommit(database->connection);
}

void database_random(void *ret_bytes, int len)
{
	sqlite3_randomness(len, ret_bytes);
}
