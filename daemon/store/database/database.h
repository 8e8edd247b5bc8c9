/*
 * One connection to an SQLite database, and the sentences for what fails. One thread at a
 * time.
 */
#ifndef BATON_STORE_DATABASE_DATABASE_H
#define BATON_STORE_DATABASE_DATABASE_H

#include <sqlite3.h>
#include <stddef.h>

#include "daemon/store/database/vfs.h"
#include "proto/base/error.h"

/* A statement that is kept for the next time. */
struct cached_statement {
	const char *sql;         /* borrowed: a string literal, found by its address */
	sqlite3_stmt *statement; /* owned */
};

/* The longest text or blob that batond writes: a set of half a million layers. Whatever
 * the file says, no more memory is taken for one. */
#define VALUE_LEN_MAX (1024 * 1024)

struct database {
	char *path;                     /* owned; for sentences */
	struct vfs *vfs;                /* owned */
	sqlite3 *connection;            /* owned */
	struct cached_statement *cache; /* owned */
	size_t cache_count;
};

/* Runs statements that give no rows and are not kept. */
int database_execute(struct database *database, const char *sql, struct error *error);
/* Checkpoints the whole log into the database, both synced, and empties it. */
int database_checkpoint(struct database *database, struct error *error);

/* Writes the sentence for an SQLite code: ERR_NO_ROOM, ERR_NO_MEMORY, ERR_DAMAGED,
 * ERR_READ_ONLY after a failed write, ERR_LOCAL for other file errors, ERR_INTERNAL. */
int database_failure(struct database *database, int code, struct error *error);
/* ERR_READ_ONLY: a write or sync has failed. */
int database_refuse(struct database *database, struct error *error);
/* ERR_DAMAGED: a row names another that is not there, or cannot be. */
int database_contradiction(const struct database *database, struct error *error);

#endif
