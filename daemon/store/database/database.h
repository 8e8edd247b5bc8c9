/*
 * One connection to a database, and the sentences for what fails. One thread at a time.
 * Only this folder knows that it is SQLite.
 */
#ifndef BATON_STORE_DATABASE_DATABASE_H
#define BATON_STORE_DATABASE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

struct database;
struct vfs;

/* The longest text or blob that batond writes: a set of half a million layers. A longer
 * one is not read, whatever the file says. */
#define VALUE_LEN_MAX (1024 * 1024)

/* A database that is reached through the VFS, which it takes over. NULL: a database
 * without a name, which is gone when it is closed. `path`: for sentences. */
struct database *database_new(struct vfs *vfs, const char *path);
void database_free(struct database *database); /* closes it; NULL is fine */

/*
 * What fails here and below: ERR_NO_ROOM, ERR_NO_MEMORY, ERR_DAMAGED, ERR_READ_ONLY after
 * a failed write, ERR_LOCAL for other file errors, ERR_INTERNAL.
 */
/* Opens the database of that name ("": it has none), or makes it where it is missing.
 * `frozen`: makes none, and closing it writes nothing. */
int database_open(struct database *database, const char *name, bool frozen,
		  struct error *error);
/* No query may be in use (claimed). It may be opened again. */
void database_close(struct database *database);

const char *database_path(const struct database *database); /* borrowed */
/* SQLite's own words for the last failure; borrowed until the next call. */
const char *database_message(const struct database *database);

/* Runs statements that give no rows and are not kept. */
int database_execute(struct database *database, const char *sql, struct error *error);
/* Copies the whole log into the database, syncs both, and empties the log. */
int database_checkpoint(struct database *database, struct error *error);
/* Makes durable what was committed without a sync. */
int database_sync_log(struct database *database, struct error *error);
/* Has so many bytes left free at the end of each page. It works on a new database, or
 * with the next VACUUM; a PRAGMA page_size after it takes it back. */
int database_reserve(struct database *database, int len, struct error *error);
/* Reads and checks all of it: pages, trees, and that each row that a row names is there.
 * ERR_DAMAGED. */
int database_check(struct database *database, struct error *error);

/* The id of the row that was inserted last. */
int64_t database_last_id(const struct database *database);
/* How many rows the last statement has changed; all of them since it was opened. */
int64_t database_changes(const struct database *database);
int64_t database_total_changes(const struct database *database);
/* Whether a transaction has begun and is not over. */
bool database_is_changing(const struct database *database);
void database_random(void *ret_bytes, int len);

/* Writes ERR_READ_ONLY: a write or sync has failed. */
int database_refuse(struct database *database, struct error *error);
/* Writes ERR_DAMAGED: a row names a row that is not there, or that it cannot mean. */
int database_contradiction(const struct database *database, struct error *error);

#endif
