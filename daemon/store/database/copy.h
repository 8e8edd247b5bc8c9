/*
 * Copying a database while it is used (SQLite's online backup): the copy is as the
 * original is when the last step is done, with what was changed between the steps. Of the
 * original one thread at a time, as of any other use; the copy is the caller's alone.
 */
#ifndef BATON_STORE_DATABASE_COPY_H
#define BATON_STORE_DATABASE_COPY_H

#include "daemon/store/database/database.h"
#include "proto/base/error.h"

struct database_copy {
	struct database *to;   /* borrowed */
	struct database *from; /* borrowed */
	void *handle;          /* owned */
};

/* `to` is open, and has nothing in it. Errors are told of the one that failed. */
int database_copy_begin(struct database_copy *copy, struct database *to,
			struct database *from, struct error *error);
/* So many pages more: 1; 0: it is complete, and synced. */
int database_copy_step(struct database_copy *copy, int pages, struct error *error);
/* Ends it, complete or not; the original is as before. */
void database_copy_end(struct database_copy *copy);

#endif
