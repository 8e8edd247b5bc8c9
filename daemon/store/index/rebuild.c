#include "daemon/store/index/rebuild.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "daemon/store/index/index.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Units inserted in one go. */
#define BATCH_ROWS 16384u

struct index_rebuild {
	struct store *store; /* borrowed */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	bool done; /* with mutex */
	atomic_bool stopping;
	/* The thread's own: */
	struct segment_reader reader;
	struct index_batch *batch; /* owned; of one segment */
	struct unit_name *units;   /* owned; FRAME_UNITS_MAX of them */
};

/* ---- one segment -------------------------------------------------------------- */

static void insert_batch(struct index_rebuild *rebuild)
{
	index_batch_sort(rebuild->batch);
	index_insert(rebuild->store->units, rebuild->batch);
	index_batch_clear(rebuild->batch, index_batch_namespace(rebuild->batch));
}

static void add_frame(struct index_rebuild *rebuild, const struct segment *segment,
		      const struct frame_header *header, const struct unit_name *units,
		      uint64_t offset)
{
	if ((header->kind != FRAME_CONTENT && header->kind != FRAME_PIECE) ||
	    damage_has(rebuild->store->damage, &segment->id, offset))
		return;
	if (index_batch_count(rebuild->batch) + header->unit_count > BATCH_ROWS)
		insert_batch(rebuild);
	struct unit_place place = {.segment = segment->id, .offset = offset};
	for (; place.position < header->unit_count; place.position++) {
		place.sha = units[place.position].sha;
		(void)index_batch_add(rebuild->batch, &units[place.position].key, &place);
	}
}

/* Reads the index of a sealed one: false where there is none, or it is damaged; the
 * frames end at *end then, as far as is known. */
static bool scan_index(struct index_rebuild *rebuild, const struct segment *segment,
		       uint64_t *end)
{
	struct buffer index AUTO(buffer_fini) = {0};
	struct segment_footer footer;
	struct error ignored;
	if (segment_reader_index(rebuild->store->io, segment, *end, &footer, &index,
				 &ignored) < 0)
		return false;
	*end = footer.index_offset;
	if (footer.index_len == 0)
		return false;
	struct reader in = reader_of(index.at, index.len);
	struct segment_entry entry;
	int got;
	struct unit_name *units = rebuild->units;
	while ((got = segment_index_next(&in, &entry, units, &ignored)) > 0 &&
	       !atomic_load(&rebuild->stopping))
		add_frame(rebuild, segment, &entry.header, units, entry.offset);
	return got >= 0;
}

static void scan_frames(struct index_rebuild *rebuild, const struct segment *segment,
			uint64_t end)
{
	struct segment_reader *reader = &rebuild->reader;
	struct error error;
	uint64_t offset = SEGMENT_HEADER_LEN;
	while ((offset = holes_skip(&segment->holes, offset)) < end &&
	       !atomic_load(&rebuild->stopping)) {
		if (segment_reader_head(reader, segment, offset, end, &error) < 0) {
			health_note(&rebuild->store->health,
				    "rebuilding the unit index: %s", error.text);
			if (!segment_reader_resync(reader, segment, offset + 1, end,
						   &offset))
				return;
		}
		add_frame(rebuild, segment, &reader->header, reader->units, offset);
		offset += frame_len(&reader->header);
	}
}

static void scan_segment(struct index_rebuild *rebuild, const struct segment_row *row)
{
	struct store *store = rebuild->store;
	struct segment *segment;
	struct error error;
	if (segment_table_pin(store->segments, &row->id, &segment, &error) < 0) {
		health_note(&store->health, "rebuilding the unit index: %s", error.text);
		return;
	}
	index_batch_clear(rebuild->batch, row->namespace_id);
	/* Whether it fits what the catalogue says is a question for check: a table that
	 * is wrong is found out before a unit is reused. */
	uint64_t end = row->vouched;
	if (row->state != SEGMENT_SEALED || !scan_index(rebuild, segment, &end))
		scan_frames(rebuild, segment, end);
	insert_batch(rebuild);
	segment_reader_forget(&rebuild->reader);
	segment_table_unpin(store->segments, segment);
}

/* ---- the thread --------------------------------------------------------------- */

static void scan_all(struct index_rebuild *rebuild)
{
	struct error error = {0};
	segment_reader_init(&rebuild->reader, rebuild->store->io);
	rebuild->batch = index_batch_new(0, BATCH_ROWS);
	rebuild->units = may_alloc(FRAME_UNITS_MAX * sizeof(*rebuild->units), &error);
	size_t count;
	struct segment_row *rows AUTO_FREE =
		segment_table_rows(rebuild->store->segments, &count);
	/* What the index does not know is sent again. */
	bool has_memory = rebuild->batch && rebuild->units;
	if (!has_memory)
		health_note(&rebuild->store->health,
			    "rebuilding the unit index: no memory");
	for (size_t i = 0; has_memory && i < count && !atomic_load(&rebuild->stopping);
	     i++)
		scan_segment(rebuild, &rows[i]);
	segment_reader_fini(&rebuild->reader);
	index_batch_free(rebuild->batch);
	free(rebuild->units);
}

void index_rebuild_run(struct store *store)
{
	struct index_rebuild rebuild = {.store = store};
	scan_all(&rebuild);
}

static void *run(void *context)
{
	struct index_rebuild *rebuild = context;
	scan_all(rebuild);
	pthread_mutex_lock(&rebuild->mutex);
	rebuild->done = true;
	pthread_cond_broadcast(&rebuild->ended);
	pthread_mutex_unlock(&rebuild->mutex);
	return NULL;
}

int index_rebuild_start(struct store *store, struct index_rebuild **ret_rebuild,
			struct error *error)
{
	struct index_rebuild *rebuild = must_calloc(1, sizeof(*rebuild));
	rebuild->store = store;
	pthread_mutex_init(&rebuild->mutex, NULL);
	pthread_cond_init(&rebuild->ended, NULL);
	int number = pthread_create(&rebuild->thread, NULL, run, rebuild);
	if (number != 0) {
		free(rebuild);
		return error_set_errno(error, ERR_NO_MEMORY, number,
				       "unit index: no thread to rebuild it");
	}
	*ret_rebuild = rebuild;
	return 0;
}

void index_rebuild_wait(struct index_rebuild *rebuild)
{
	if (!rebuild)
		return;
	pthread_mutex_lock(&rebuild->mutex);
	while (!rebuild->done)
		pthread_cond_wait(&rebuild->ended, &rebuild->mutex);
	pthread_mutex_unlock(&rebuild->mutex);
}

bool index_rebuild_is_done(struct index_rebuild *rebuild)
{
	if (!rebuild)
		return true;
	pthread_mutex_lock(&rebuild->mutex);
	bool done = rebuild->done;
	pthread_mutex_unlock(&rebuild->mutex);
	return done;
}

bool index_rebuild_stop(struct index_rebuild *rebuild)
{
	if (!rebuild)
		return true;
	bool done = index_rebuild_is_done(rebuild);
	atomic_store(&rebuild->stopping, true);
	pthread_join(rebuild->thread, NULL);
	pthread_cond_destroy(&rebuild->ended);
	pthread_mutex_destroy(&rebuild->mutex);
	free(rebuild);
	return done;
}
