#include "daemon/store/index/batch.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/segment/list.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Of the first two bytes of a name. */
#define BUCKETS 65536u
/* With fewer rows the buckets cost more than they spare. */
#define BUCKETS_FROM 8192u

struct index_batch {
	int64_t namespace_id;
	struct segment_list segments;
	struct unit_row *rows; /* owned */
	size_t count, room; /* of rows; only make_room() and sort_buckets() replace it */
};

struct index_batch *index_batch_new(int64_t namespace_id, size_t count)
{
	struct index_batch *batch = must_calloc(1, sizeof(*batch));
	batch->namespace_id = namespace_id;
	struct error ignored;
	if (array_may_reserve(batch->rows, count, batch->room, &ignored)) {
		index_batch_free(batch);
		return NULL;
	}
	return batch;
}

void index_batch_free(struct index_batch *batch)
{
	if (!batch)
		return;
	segment_list_fini(&batch->segments);
	free(batch->rows);
	free(batch);
}

void index_batch_clear(struct index_batch *batch, int64_t namespace_id)
{
	batch->namespace_id = namespace_id;
	batch->segments.count = 0;
	batch->count = 0;
}

/* ---- rows --------------------------------------------------------------------- */

bool index_batch_add(struct index_batch *batch, const struct unit_key *key,
		     const struct unit_place *place)
{
	struct error ignored;
	if (array_may_make_room(batch->rows, batch->count, batch->room, &ignored))
		return false;
	batch->rows[batch->count++] = (struct unit_row){
		.name = {.key = *key, .sha = place->sha},
		.segment = segment_list_put(&batch->segments, &place->segment),
		.position = place->position,
		.offset = place->offset,
	};
	return true;
}

int64_t index_batch_namespace(const struct index_batch *batch)
{
	return batch->namespace_id;
}

size_t index_batch_count(const struct index_batch *batch)
{
	return batch->count;
}

const struct unit_row *index_batch_row(const struct index_batch *batch, size_t i)
{
	claim(i < batch->count);
	return &batch->rows[i];
}

const struct segment_id *index_batch_segment(const struct index_batch *batch,
					     const struct unit_row *row)
{
	claim(row->segment < batch->segments.count);
	return &batch->segments.ids[row->segment];
}

/* ---- order -------------------------------------------------------------------- */

static int compare_key(const struct unit_key *a, const struct unit_key *b)
{
	int order = memcmp(a->xxh.bytes, b->xxh.bytes, XXH128_LEN);
	return order ? order : (a->len > b->len) - (a->len < b->len);
}

int unit_name_compare(const struct unit_name *a, const struct unit_name *b)
{
	int order = compare_key(&a->key, &b->key);
	return order ? order : memcmp(a->sha.bytes, b->sha.bytes, SHA256_LEN);
}

static int compare_rows(const void *a, const void *b)
{
	const struct unit_row *left = a, *right = b;
	return unit_name_compare(&left->name, &right->name);
}

static uint32_t bucket_of(const struct unit_row *row)
{
	const uint8_t *xxh = row->name.key.xxh.bytes;
	return (uint32_t)xxh[0] << 8 | xxh[1];
}

/* Where in sorted order the rows of each bucket begin, and the end of all. NULL: no
 * memory. */
static uint32_t *bucket_starts(const struct index_batch *batch)
{
	struct error ignored;
	uint32_t *starts = may_calloc(BUCKETS + 1, sizeof(*starts), &ignored);
	for (size_t i = 0; starts && i < batch->count; i++)
		starts[bucket_of(&batch->rows[i]) + 1]++;
	for (uint32_t i = 0; starts && i < BUCKETS; i++)
		starts[i + 1] += starts[i];
	return starts;
}

/* Names are hashes: a bucket holds few rows, unless somebody chose their bytes. The rows
 * move to an array of the same room. False: no memory for it. */
static bool sort_buckets(struct index_batch *batch)
{
	struct error ignored;
	uint32_t *ends AUTO_FREE = bucket_starts(batch);
	struct unit_row *sorted = may_calloc(batch->room, sizeof(*sorted), &ignored);
	if (!ends || !sorted) {
		free(sorted);
		return false;
	}
	for (size_t i = 0; i < batch->count; i++)
		sorted[ends[bucket_of(&batch->rows[i])]++] = batch->rows[i];
	/* each start has moved to the end of its bucket */
	for (uint32_t i = 0, start = 0; i < BUCKETS; start = ends[i++])
		if (ends[i] - start > 1)
			qsort(sorted + start, ends[i] - start, sizeof(*sorted),
			      compare_rows);
	free(batch->rows);
	batch->rows = sorted;
	return true;
}

void index_batch_sort(struct index_batch *batch)
{
	if (batch->count >= BUCKETS_FROM && sort_buckets(batch))
		return;
	if (batch->count > 1)
		qsort(batch->rows, batch->count, sizeof(*batch->rows), compare_rows);
}

size_t index_batch_find(const struct index_batch *batch, const struct unit_key *key)
{
	size_t low = 0;
	size_t high = batch->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_key(&batch->rows[middle].name.key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
