#include "daemon/store/database/copy.h"

#include "daemon/store/database/internal.h"

int database_copy_begin(struct database_copy *copy, struct database *to,
			struct database *from, struct error *error)
{
	sqlite3_backup *handle =
		sqlite3_backup_init(to->connection, "main", from->connection, "main");
	if (!handle)
		return database_failure(to, sqlite3_extended_errcode(to->connection),
					error);
	*copy = (struct database_copy){to, from, handle};
	return 0;
}

/* Damage can only be of what is read, and what is written has a VFS of its own. */
static struct database *failed_one(const struct database_copy *copy, int code)
{
	bool reading = code == SQLITE_IOERR_DATA || code == SQLITE_CORRUPT ||
		       (code & 0xff) == SQLITE_NOTADB;
	return reading ? copy->from : copy->to;
}

int database_copy_step(struct database_copy *copy, int pages, struct error *error)
{
	int code = sqlite3_backup_step(copy->handle, pages);
	if (code == SQLITE_OK)
		return 1;
	if (code == SQLITE_DONE)
		return 0;
	return database_failure(failed_one(copy, code), code, error);
}

void database_copy_end(struct database_copy *copy)
{
	if (copy->handle)
		(void)sqlite3_backup_finish(copy->handle);
	copy->handle = NULL;
}
