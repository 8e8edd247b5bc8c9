/*
 * What the files of this folder know of SQLite, and nobody else does. For these only.
 */
#ifndef BATON_STORE_DATABASE_INTERNAL_H
#define BATON_STORE_DATABASE_INTERNAL_H

#include <sqlite3.h>

#include "daemon/store/database/database.h"
#include "daemon/store/database/vfs.h"

/* A prepared statement, kept for its next use. */
struct statement {
	const char *sql;      /* borrowed: a string literal, found by its address */
	sqlite3_stmt *handle; /* owned; NULL: it could not be prepared */
	struct statement *next;
};

struct database {
	char *path;                   /* owned; for sentences */
	struct vfs *vfs;              /* owned; NULL: a file without a name */
	sqlite3 *connection;          /* owned */
	struct statement *statements; /* owned; the newest first */
};

/* Writes the sentence for an SQLite code: ERR_NO_ROOM, ERR_NO_MEMORY, ERR_DAMAGED,
 * ERR_READ_ONLY after a failed write, ERR_LOCAL for other file errors, ERR_INTERNAL. */
int database_failure(struct database *database, int code, struct error *error);

#endif
