#include <stdlib.h>

#include "client/upload/internal.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"

struct batch *batch_new(void)
{
	struct batch *batch = must_calloc(1, sizeof *batch);
	batch->kind = FRAME_CONTENT;
	batch->data = must_alloc(UPLOAD_BATCH_LEN);
	batch->units = must_alloc(FRAME_UNITS_MAX * sizeof *batch->units);
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
	claim(batch->count < FRAME_UNITS_MAX &&
	      key->len <= UPLOAD_BATCH_LEN - batch->len);
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

void revisit_list_add(struct revisit_list *list, const struct revisit *revisit)
{
	array_make_room(list->items, list->count, list->room);
	list->items[list->count++] = *revisit;
}

struct batch *upload_take_free_locked(struct upload *upload)
{
	struct batch *batch = batch_queue_take(&upload->free);
	if (batch || upload->unmade == 0)
		return batch;
	upload->unmade--;
	return batch_new();
}

struct batch *upload_lease(struct upload *upload)
{
	struct batch *batch = NULL;
	flow_lock(&upload->flow);
	while (!upload->flow.code && !(batch = upload_take_free_locked(upload)))
		flow_wait_locked(&upload->flow, &upload->flow.freed);
	flow_unlock(&upload->flow);
	return batch;
}

/* Who waits for a batch waits since there was none: the first that is free wakes all of
 * them, since it may be of use to one only. */
void upload_release_locked(struct upload *upload, struct batch *batch)
{
	bool was_none = !upload->free.first && upload->unmade == 0;
	/* at the front: its pages are warm */
	batch->next = upload->free.first;
	upload->free.first = batch;
	if (!upload->free.last)
		upload->free.last = batch;
	if (!was_none)
		return;
	(void)pthread_cond_broadcast(&upload->flow.job);
	(void)pthread_cond_broadcast(&upload->flow.freed);
}

void upload_release(struct upload *upload, struct batch *batch)
{
	batch_clear(batch);
	flow_lock(&upload->flow);
	upload_release_locked(upload, batch);
	flow_unlock(&upload->flow);
}
