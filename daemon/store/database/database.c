#include "daemon/store/database/database.h"

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
	if (vfs_has_failed(database->vfs))
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
