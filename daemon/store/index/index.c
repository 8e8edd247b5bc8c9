#include "daemon/store/index/index.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Rows that are written, and keys that are looked up, while the database is held once:
 * some milliseconds. */
#define INSERT_ROWS 2048u
#define FIND_KEYS 256u

/* A batch that waits to be written. Its rows never change; a row that turns out to be
 * wrong is marked in `forgotten`. */
struct waiting {
	struct index_batch *batch; /* owned */
	bool *forgotten;           /* owned; NULL until one is */
	struct waiting *next;
};

struct index {
	pthread_mutex_t queue;
	pthread_cond_t changed; /* with `queue`: one of the next four has changed */
	struct waiting *first, **last;
	size_t waiting_rows;
	bool stopping;
	pthread_mutex_t database_mutex;
	struct index_database *database;
	pthread_t thread;
};

static void free_waiting(struct waiting *waiting)
{
	index_batch_free(waiting->batch);
	free(waiting->forgotten);
	free(waiting);
}

/* ---- the thread --------------------------------------------------------------- */

void index_insert(struct index *index, const struct index_batch *batch)
{
	size_t count = index_batch_count(batch);
	for (size_t first = 0; first < count; first += INSERT_ROWS) {
		size_t left = count - first;
		HOLD(&index->database_mutex);
		index_database_insert(index->database, batch, first,
				      left < INSERT_ROWS ? left : INSERT_ROWS);
	}
}

/* Deletes the rows that were forgotten while they waited. */
static void forget_written(struct index *index, const struct waiting *waiting)
{
	HOLD(&index->database_mutex);
	const struct index_batch *batch = waiting->batch;
	for (size_t i = 0; waiting->forgotten && i < index_batch_count(batch); i++)
		if (waiting->forgotten[i])
			index_database_forget(index->database,
					      index_batch_namespace(batch),
					      &index_batch_row(batch, i)->name);
}

/* Waits for the oldest batch. NULL: there is none left, and the index is to stop. */
static struct waiting *await_batch(struct index *index)
{
	HOLD(&index->queue);
	while (!index->first && !index->stopping)
		pthread_cond_wait(&index->changed, &index->queue);
	return index->first;
}

static void take_out(struct index *index, struct waiting *waiting)
{
	HOLD(&index->queue);
	claim(index->first == waiting);
	forget_written(index, waiting);
	index->first = waiting->next;
	if (!index->first)
		index->last = &index->first;
	index->waiting_rows -= index_batch_count(waiting->batch);
	free_waiting(waiting);
	pthread_cond_broadcast(&index->changed);
}

static void *run(void *context)
{
	struct index *index = context;
	struct waiting *waiting;
	while ((waiting = await_batch(index))) {
		index_insert(index, waiting->batch);
		take_out(index, waiting);
	}
	return NULL;
}

/* ---- life --------------------------------------------------------------------- */

/* Takes the database over. */
static int open_with(struct index_database *database, struct index **ret_index,
		     struct error *error)
{
	struct index *index = must_calloc(1, sizeof(*index));
	index->database = database;
	index->last = &index->first;
	pthread_mutex_init(&index->queue, NULL);
	pthread_mutex_init(&index->database_mutex, NULL);
	pthread_cond_init(&index->changed, NULL);
	int number = pthread_create(&index->thread, NULL, run, index);
	if (number != 0) {
		struct error ignored;
		(void)index_database_close(database, &ignored);
		free(index);
		return error_set_errno(error, ERR_NO_MEMORY, number,
				       "unit index: no thread for it");
	}
	*ret_index = index;
	return 0;
}

int index_open(const struct io *io, const char *directory, bool trusted,
	       struct index **ret_index, bool *ret_empty, struct error *error)
{
	struct index_database *database = NULL;
	int err =
		index_database_open(io, directory, trusted, &database, ret_empty, error);
	return err ? err : open_with(database, ret_index, error);
}

int index_open_scratch(struct index **ret_index, struct error *error)
{
	struct index_database *database = NULL;
	int err = index_database_open_scratch(&database, error);
	return err ? err : open_with(database, ret_index, error);
}

static void stop(struct index *index)
{
	HOLD(&index->queue);
	index->stopping = true;
	pthread_cond_broadcast(&index->changed);
}

int index_close(struct index *index, struct error *error)
{
	if (!index)
		return 0;
	stop(index);
	pthread_join(index->thread, NULL);
	int err = index_database_close(index->database, error);
	pthread_cond_destroy(&index->changed);
	pthread_mutex_destroy(&index->database_mutex);
	pthread_mutex_destroy(&index->queue);
	free(index);
	return err;
}

/* ---- telling ------------------------------------------------------------------ */

void index_add(struct index *index, struct index_batch *batch)
{
	if (index_batch_count(batch) == 0) {
		index_batch_free(batch);
		return;
	}
	struct waiting *waiting = must_calloc(1, sizeof(*waiting));
	waiting->batch = batch;
	HOLD(&index->queue);
	if (index->waiting_rows > INDEX_WAITING_MAX)
		pthread_cond_broadcast(&index->changed);
	while (index->waiting_rows > INDEX_WAITING_MAX)
		pthread_cond_wait(&index->changed, &index->queue);
	*index->last = waiting;
	index->last = &waiting->next;
	index->waiting_rows += index_batch_count(batch);
}

void index_write(struct index *index)
{
	HOLD(&index->queue);
	if (index->first)
		pthread_cond_broadcast(&index->changed);
}

/* ---- asking ------------------------------------------------------------------- */

static void add_place(const struct unit_place *place, struct unit_place *places,
		      uint8_t *count)
{
	for (uint8_t i = 0; i < *count; i++)
		if (digest_equal(&places[i].sha, &place->sha))
			return;
	if (*count < CANDIDATES_MAX)
		places[(*count)++] = *place;
}

static void find_in_batch(const struct waiting *waiting, const struct unit_key *key,
			  struct unit_place *places, uint8_t *count)
{
	const struct index_batch *batch = waiting->batch;
	for (size_t i = index_batch_find(batch, key); i < index_batch_count(batch); i++) {
		const struct unit_row *row = index_batch_row(batch, i);
		if (!unit_key_equal(&row->name.key, key))
			return;
		if (waiting->forgotten && waiting->forgotten[i])
			continue;
		struct unit_place place = {
			.sha = row->name.sha,
			.segment = *index_batch_segment(batch, row),
			.offset = row->offset,
			.position = row->position,
		};
		add_place(&place, places, count);
	}
}

static void find_waiting(struct index *index, int64_t namespace_id,
			 const struct unit_key *keys, size_t count, uint8_t *counts,
			 struct unit_place *places)
{
	HOLD(&index->queue);
	for (const struct waiting *at = index->first; at; at = at->next) {
		if (index_batch_namespace(at->batch) != namespace_id)
			continue;
		for (size_t i = 0; i < count; i++)
			find_in_batch(at, &keys[i], places + i * CANDIDATES_MAX,
				      &counts[i]);
	}
}

static void find_written(struct index *index, int64_t namespace_id,
			 const struct unit_key *keys, size_t count, uint8_t *counts,
			 struct unit_place *places)
{
	struct unit_place found[CANDIDATES_MAX];
	HOLD(&index->database_mutex);
	for (size_t i = 0; i < count; i++) {
		size_t n = index_database_find(index->database, namespace_id, &keys[i],
					       found);
		for (size_t j = 0; j < n; j++)
			add_place(&found[j], places + i * CANDIDATES_MAX, &counts[i]);
	}
}

void index_find(struct index *index, int64_t namespace_id, const struct unit_key *keys,
		size_t count, uint8_t *ret_counts, struct unit_place *ret_places)
{
	memset(ret_counts, 0, count);
	for (size_t first = 0; first < count; first += FIND_KEYS) {
		size_t left = count - first;
		size_t n = left < FIND_KEYS ? left : FIND_KEYS;
		struct unit_place *places = ret_places + first * CANDIDATES_MAX;
		/* In this order: what leaves the queue between the two is in the file. */
		find_waiting(index, namespace_id, keys + first, n, ret_counts + first,
			     places);
		find_written(index, namespace_id, keys + first, n, ret_counts + first,
			     places);
	}
}

static void forget_in_batch(struct waiting *waiting, const struct unit_name *name)
{
	const struct index_batch *batch = waiting->batch;
	size_t count = index_batch_count(batch);
	for (size_t i = index_batch_find(batch, &name->key); i < count; i++) {
		const struct unit_row *row = index_batch_row(batch, i);
		if (unit_name_compare(&row->name, name) > 0)
			return;
		if (!unit_name_equal(&row->name, name))
			continue;
		struct error ignored; /* without memory it is found missing again */
		if (!waiting->forgotten)
			waiting->forgotten = may_calloc(count, sizeof(bool), &ignored);
		if (waiting->forgotten)
			waiting->forgotten[i] = true;
	}
}

static void forget_waiting(struct index *index, int64_t namespace_id,
			   const struct unit_name *name)
{
	HOLD(&index->queue);
	for (struct waiting *at = index->first; at; at = at->next) {
		if (index_batch_namespace(at->batch) == namespace_id)
			forget_in_batch(at, name);
	}
}

void index_forget(struct index *index, int64_t namespace_id, const struct unit_name *name)
{
	forget_waiting(index, namespace_id, name);
	HOLD(&index->database_mutex);
	index_database_forget(index->database, namespace_id, name);
}

uint64_t index_count(struct index *index)
{
	uint64_t waiting = 0;
	{
		HOLD(&index->queue);
		waiting = index->waiting_rows;
	}
	HOLD(&index->database_mutex);
	return index_database_count(index->database) + waiting;
}

bool index_is_broken(struct index *index, char *ret_text, size_t room)
{
	HOLD(&index->database_mutex);
	const char *fault = index_database_fault(index->database);
	if (fault)
		(void)snprintf(ret_text, room, "%s", fault);
	return fault != NULL;
}
