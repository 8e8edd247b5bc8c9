#include "client/content/batch.h"

#include <stdlib.h>

#include "client/tree/tree.h"
#include "proto/base/bytes.h"

struct batch *batch_new(void)
{
	struct batch *batch = must_calloc(1, sizeof(*batch));
	batch->kind = FRAME_CONTENT;
	batch->data = must_alloc(BATCH_LEN);
	batch->units = must_alloc(FRAME_UNITS_MAX * sizeof(*batch->units));
	return batch;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	free(batch->data);
	free(batch->units);
	free(batch->offer);
	free(batch);
}

void batch_clear(struct batch *batch)
{
	free(batch->offer);
	batch->offer = NULL;
	batch->offer_len = 0;
	batch->kind = FRAME_CONTENT;
	batch->len = 0;
	batch->count = 0;
}

void batch_add(struct batch *batch, uint32_t unit, const struct unit_key *key)
{
	claim(batch->count < FRAME_UNITS_MAX && key->len <= BATCH_LEN - batch->len);
	batch->units[batch->count++] = (struct batch_unit){.key = *key, .unit = unit};
	batch->len += key->len;
}

void batch_add_recalled(struct batch *batch, uint32_t unit, const struct unit_key *key,
			uint32_t entry)
{
	claim(batch->count < FRAME_UNITS_MAX && entry != TREE_ROOT);
	batch->units[batch->count++] =
		(struct batch_unit){.key = *key, .unit = unit, .entry = entry};
}

void batch_queue_put(struct batch_queue *queue, struct batch *batch)
{
	batch->next = NULL;
	if (queue->last)
		queue->last->next = batch;
	else
		queue->first = batch;
	queue->last = batch;
}

void batch_queue_put_first(struct batch_queue *queue, struct batch *batch)
{
	batch->next = queue->first;
	queue->first = batch;
	if (!queue->last)
		queue->last = batch;
}

struct batch *batch_queue_take(struct batch_queue *queue)
{
	struct batch *batch = queue->first;
	if (!batch)
		return NULL;
	queue->first = batch->next;
	if (!queue->first)
		queue->last = NULL;
	batch->next = NULL;
	return batch;
}

void batch_queue_fini(struct batch_queue *queue)
{
	struct batch *batch;
	while ((batch = batch_queue_take(queue)))
		batch_free(batch);
}
