/*
 * One connection to a database, and the sentences for what fails. One thread at a time.
 * That it is SQLite's is known to this folder alone.
 */
#ifndef BATON_STORE_DATABASE_DATABASE_H
#define BATON_STORE_DATABASE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

struct database;
struct vfs;

/* The longest text or blob that batond writes: a set of half a million layers. Whatever
 * the file says, no more memory is taken for one. */
#define VALUE_LEN_MAX (1024 * 1024)

/* Takes the VFS over, by which its files are reached; NULL: one without a name, which is
 * gone when it is closed. `path` names it in sentences. */
struct database *database_new(struct vfs *vfs, const char *path);
void database_free(struct database *database); /* closes it; NULL is fine */

/*
 * What fails here and below: ERR_NO_ROOM, ERR_NO_MEMORY, ERR_DAMAGED, ERR_READ_ONLY after
 * a failed write, ERR_LOCAL for other file errors, ERR_INTERNAL.
 */
/* Opens the database of that name ("" where it has none), makes it where it is missing
 * unless it is `frozen`: then closing does not write what opening did not. */
int database_open(struct database *database, const char *name, bool frozen,
		  struct error *error);
/* No query may be in use (claimed). It may be opened again, and closed again. */
void database_close(struct database *database);

const char *database_path(const struct database *database); /* borrowed */
/* What SQLite has to say of what failed last; borrowed until the next call. */
const char *database_message(const struct database *database);

/* Runs statements that give no rows and are not kept. */
int database_execute(struct database *database, const char *sql, struct error *error);
/* Checkpoints the whole log into the database, both synced, and empties it. */
int database_checkpoint(struct database *database, struct error *error);
/* Makes durable what was committed without a sync. */
int database_sync_log(struct database *database, struct error *error);
/* Asks for so many bytes at the end of each page, in one that is new or vacuumed. Not to
 * be followed by PRAGMA page_size, which takes it back. */
int database_reserve(struct database *database, int len, struct error *error);
/* Reads all of it: pages, trees, and that rows name rows that are there. ERR_DAMAGED. */
int database_check(struct database *database, struct error *error);

/* Of the row that was inserted last. */
int64_t database_last_id(const struct database *database);
/* Rows that the last statement changed; that all have, since it was opened. */
int64_t database_changes(const struct database *database);
int64_t database_total_changes(const struct database *database);
/* Whether a transaction has begun and is not over. */
bool database_is_changing(const struct database *database);
void database_random(void *ret_bytes, int len);

/* ERR_READ_ONLY: a write or sync has failed. */
int database_refuse(struct database *database, struct error *error);
/* ERR_DAMAGED: a row names another that is not there, or cannot be. */
int database_contradiction(const struct database *database, struct error *error);

#endif
