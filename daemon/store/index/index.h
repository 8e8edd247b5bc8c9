/*
 * The unit index: where each unit of a namespace is, for reuse only (FORMAT.md §6).
 *
 * What a commit hands over is found at once, in memory, and written to the file by a
 * thread of this module. If too many units wait, the next commit waits until they are
 * written, never the one that hands them over. A row may be missing, and until it was
 * verified it may be wrong.
 *
 * Any thread, but _open and _close. Two mutexes: the queue's is taken before the
 * database's, never the other way round.
 */
#ifndef BATON_STORE_INDEX_INDEX_H
#define BATON_STORE_INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/index/database.h"
#include "proto/bounds.h"

/* Units that may wait for the file; some 80 bytes each. */
#define INDEX_WAITING_MAX (256u * 1024u)

struct index;

/* As index_database_open. */
int index_open(const struct io *io, const char *directory, bool trusted,
	       struct index **ret_index, bool *ret_empty, struct error *error);
/* An empty one in a file without a name, which is gone when it is closed. */
int index_open_scratch(struct index **ret_index, struct error *error);
/* Writes what waits, syncs and closes. 0 only if all is on the disk. NULL is fine. */
int index_close(struct index *index, struct error *error);

/* Takes the batch over, which must be sorted. Its units are found from now on, and
 * written to the file soon after index_write(), which a caller may delay until it
 * has answered. */
void index_add(struct index *index, struct index_batch *batch);
void index_write(struct index *index);
/* Writes the batch to the file before it returns: for the rebuild. */
void index_insert(struct index *index, const struct index_batch *batch);

/* For each key: ret_counts[i] places, at most CANDIDATES_MAX, from
 * ret_places[i × CANDIDATES_MAX] on. */
void index_find(struct index *index, int64_t namespace_id, const struct unit_key *keys,
		size_t count, uint8_t *ret_counts, struct unit_place *ret_places);
/* Forgets a unit that is not where the index said. */
void index_forget(struct index *index, int64_t namespace_id,
		  const struct unit_name *name);

uint64_t index_count(struct index *index);
/* Whether a failed read or write has put it out of use until the next start; the sentence
 * in ret_text. */
bool index_is_broken(struct index *index, char *ret_text, size_t room);

#endif
