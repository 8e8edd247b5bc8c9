/*
 * The unit index: where each unit of a namespace is, for reuse only (FORMAT.md §6).
 *
 * Units that a commit hands over are found at once, in memory; a thread of this module
 * writes them to the file. If too many wait for that, the next commit that hands units
 * over waits. A unit may be missing; one that is found must be verified where it is said
 * to lie, because the index may be wrong.
 *
 * Any thread may call, except for opening and closing. There are two mutexes: the queue's
 * is taken before the database's, never the other way round.
 */
#ifndef BATON_STORE_INDEX_INDEX_H
#define BATON_STORE_INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/index/database.h"
#include "proto/bounds.h"

/* How many units may wait to be written; each takes some 80 bytes. */
#define INDEX_WAITING_MAX (256u * 1024u)

struct index;

/* See index_database_open(). */
int index_open(const struct io *io, const char *directory, bool trusted,
	       struct index **ret_index, bool *ret_empty, struct error *error);
/* An empty index in a file without a name, which is gone when it is closed. */
int index_open_scratch(struct index **ret_index, struct error *error);
/* Writes what waits, syncs and closes. Returns 0 only if all is on the disk. NULL is
 * fine.
 */
int index_close(struct index *index, struct error *error);

/* Takes over a sorted batch. Its units are found from now on. They are written to the
 * file after the next index_write(), which the caller may put off until it has answered.
 * May wait for the file. */
void index_add(struct index *index, struct index_batch *batch);
void index_write(struct index *index);
/* Writes the batch to the file and returns then: for the rebuild. */
void index_insert(struct index *index, const struct index_batch *batch);

/* Finds the places of each key: ret_counts[i] of them, at most CANDIDATES_MAX, from
 * ret_places[i × CANDIDATES_MAX] on. */
void index_find(struct index *index, int64_t namespace_id, const struct unit_key *keys,
		size_t count, uint8_t *ret_counts, struct unit_place *ret_places);
/* Forgets a unit that is not where the index said. */
void index_forget(struct index *index, int64_t namespace_id,
		  const struct unit_name *name);

uint64_t index_count(struct index *index);
/* Whether a failed read or write has put the index out of use until the next start; then
 * ret_text is the sentence that says why. */
bool index_is_broken(struct index *index, char *ret_text, size_t room);

#endif
