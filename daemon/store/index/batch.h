/*
 * New units of one namespace, on their way into the unit index. A batch owns its memory
 * and grows; nobody else touches its rows. No input or output. Belongs to one thread.
 */
#ifndef BATON_STORE_INDEX_BATCH_H
#define BATON_STORE_INDEX_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/unit/digest.h"

struct index_batch;

/* Where a unit lies. */
struct unit_place {
	struct digest sha;
	struct segment_id segment;
	uint64_t offset;   /* of its frame */
	uint32_t position; /* in the frame's table */
};

struct unit_row {
	struct unit_name name;
	uint32_t segment; /* position in the batch's segments */
	uint32_t position;
	uint64_t offset;
};

/* `count` rows are expected; more are welcome. NULL: no memory for them. */
struct index_batch *index_batch_new(int64_t namespace_id, size_t count);
void index_batch_free(struct index_batch *batch); /* NULL is fine */

/* Appends a unit; the place's SHA-256 is the unit's. False, and nothing is appended: no
 * memory for more than were expected. */
bool index_batch_add(struct index_batch *batch, const struct unit_key *key,
		     const struct unit_place *place);
/* Sorts by name: searching needs it, and the index is written faster. */
void index_batch_sort(struct index_batch *batch);
/* Empties it for another namespace; memory is kept. */
void index_batch_clear(struct index_batch *batch, int64_t namespace_id);

int64_t index_batch_namespace(const struct index_batch *batch);
size_t index_batch_count(const struct index_batch *batch);
/* Row number i, which must be there (claimed). Borrowed until the next change. */
const struct unit_row *index_batch_row(const struct index_batch *batch, size_t i);
const struct segment_id *index_batch_segment(const struct index_batch *batch,
					     const struct unit_row *row);
/* In a sorted batch, the first row whose key is not before this one. */
size_t index_batch_find(const struct index_batch *batch, const struct unit_key *key);

/* XXH3-128, then length, then SHA-256: the order of the table. */
int unit_name_compare(const struct unit_name *a, const struct unit_name *b);

#endif
