/*
 * The file of the unit index (FORMAT.md §6): `units.db`. It can be derived from the
 * segments, so nothing is synced before the end. One connection; one thread at a time.
 *
 * After a failed call it is *broken*: it answers nothing and takes nothing until the next
 * start, which rebuilds it.
 */
#ifndef BATON_STORE_INDEX_DATABASE_H
#define BATON_STORE_INDEX_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/disk/io.h"
#include "daemon/store/index/batch.h"
#include "proto/base/error.h"
#include "proto/unit/digest.h"

struct index_database;

/* Opens it. What is in it is kept only if it is `trusted` and was closed by a clean stop.
 * *ret_empty: nothing was kept, and the index can be filled. If the file cannot be opened
 * the index is broken from the start, which is no error (index_database_fault()).
 * ERR_LOCAL: the directory cannot be opened. */
int index_database_open(const struct io *io, const char *directory, bool trusted,
			struct index_database **ret_database, bool *ret_empty,
			struct error *error);
/* An empty one in a file without a name. */
int index_database_open_scratch(struct index_database **ret_database,
				struct error *error);
/* Closes and syncs: 0 only if all that was inserted is durable. NULL is fine. */
int index_database_close(struct index_database *database, struct error *error);

/* How many places it has for the key, at most CANDIDATES_MAX, in ret_places. */
size_t index_database_find(struct index_database *database, int64_t namespace_id,
			   const struct unit_key *key,
			   struct unit_place ret_places[CANDIDATES_MAX]);
/* Inserts rows of a batch as one transaction; names that are there stay as they are. */
void index_database_insert(struct index_database *database,
			   const struct index_batch *batch, size_t first, size_t count);
void index_database_forget(struct index_database *database, int64_t namespace_id,
			   const struct unit_name *name);

uint64_t index_database_count(const struct index_database *database);
/* NULL, or why it is broken; borrowed. */
const char *index_database_fault(const struct index_database *database);

#endif
