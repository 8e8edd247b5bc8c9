#include "daemon/store/catalogue/internal.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/bounds.h"

void layer_id_text(const uint8_t name[LAYER_ID_LEN], char ret_text[LAYER_ID_TEXT_SIZE])
{
	hex_encode(name, LAYER_ID_LEN, ret_text);
}

/* ---- records --------------------------------------------------------------------- */

/* A record's texts are not const, because most are owned. */
static char *text_of_row(struct query *query, int column, bool may_be_empty)
{
	const char *text = may_be_empty ? row_label(query, column)
					: row_name(query, column);
	return (char *)(uintptr_t)text;
}

static struct totals totals_of(struct query *query)
{
	return (struct totals){
		.files = row_amount(query, COLUMN_FILES),
		.directories = row_amount(query, COLUMN_DIRECTORIES),
		.symlinks = row_amount(query, COLUMN_SYMLINKS),
		.bytes = row_amount(query, COLUMN_BYTES),
		.units = row_amount(query, COLUMN_UNITS),
	};
}

int layer_record_of(struct query *query, struct layer_record *ret_record,
		    struct error *error)
{
	struct layer_record record = {
		.id = row_id(query, COLUMN_ID),
		.execution_id = row_id(query, COLUMN_EXECUTION),
		.workflow = text_of_row(query, COLUMN_WORKFLOW, false),
		.run = text_of_row(query, COLUMN_RUN, false),
		.job = text_of_row(query, COLUMN_JOB, false),
		.shard = text_of_row(query, COLUMN_SHARD, true),
		.attempt = text_of_row(query, COLUMN_ATTEMPT, false),
		.sequence = row_ordinal(query, COLUMN_SEQUENCE),
		.totals = totals_of(query),
		.new_bytes = row_amount(query, COLUMN_NEW_BYTES),
		.stored_bytes = row_amount(query, COLUMN_STORED_BYTES),
		.created_ms = row_time(query, COLUMN_CREATED_MS),
		.tier = row_flag(query, COLUMN_TIER) ? TIER_UNTRUSTED : TIER_TRUSTED,
	};
	row_blob(query, COLUMN_NAME, record.name, LAYER_ID_LEN);
	row_blob(query, COLUMN_DIGEST, record.digest.bytes, SHA256_LEN);
	row_blob(query, COLUMN_CONTENT, record.content.bytes, SHA256_LEN);
	int result = row_check(query, error);
	if (result == 0)
		*ret_record = record;
	return result;
}

int catalogue_find_key_locked(struct catalogue *catalogue, int64_t execution_id,
			      const uint8_t key[KEY_LEN], struct layer_record *ret_record,
			      struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"SELECT " LAYER_COLUMNS ", ended_ms IS NOT NULL OR removed"
		" FROM layers" LAYER_JOIN " WHERE layers.execution = ? AND key = ?");
	query_number(&query, execution_id);
	query_blob(&query, key, KEY_LEN);
	int result = query_next(&query, error);
	if (result <= 0)
		return result;
	result = layer_record_of(&query, ret_record, error);
	ret_record->workflow = ret_record->run = ret_record->job = NULL;
	ret_record->shard = ret_record->attempt = NULL;
	if (result == 0 && row_number(&query, LAYER_COLUMN_COUNT))
		return error_set(error, ERR_NOT_FOUND,
				 "the layer that this persist made was removed; persist "
				 "it under a new key");
	return result < 0 ? result : 1;
}

int catalogue_find_key(struct catalogue *catalogue, int64_t execution_id,
		       const uint8_t key[KEY_LEN], struct layer_record *ret_record,
		       struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	return catalogue_find_key_locked(catalogue, execution_id, key, ret_record, error);
}

int catalogue_layer_record(struct catalogue *catalogue, int64_t layer_id,
			   struct layer_record *ret_record, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"SELECT " LAYER_COLUMNS " FROM layers" LAYER_JOIN " WHERE layers.id = ?");
	query_number(&query, layer_id);
	int result = query_next(&query, error);
	if (result == 0)
		return error_set(error, ERR_NOT_FOUND, "layer number %lld: unknown",
				 (long long)layer_id);
	struct layer_record record;
	if (result == 1)
		result = layer_record_of(&query, &record, error);
	if (result < 0)
		return result;
	record.workflow = must_strdup(record.workflow);
	record.run = must_strdup(record.run);
	record.job = must_strdup(record.job);
	record.shard = must_strdup(record.shard);
	record.attempt = must_strdup(record.attempt);
	*ret_record = record;
	return 0;
}

void layer_record_fini(struct layer_record *record)
{
	free(record->workflow);
	free(record->run);
	free(record->job);
	free(record->shard);
	free(record->attempt);
	*record = (struct layer_record){0};
}

int catalogue_layer_ids(struct catalogue *catalogue, int64_t **ret_ids, size_t *ret_count,
			struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT id FROM layers WHERE removed = 0 ORDER BY id");
	struct buffer ids AUTO(buffer_fini) = {0};
	int result;
	while ((result = query_next(&query, error)) == 1) {
		int64_t id = row_id(&query, 0);
		buffer_put(&ids, &id, sizeof(id));
	}
	if (result < 0)
		return result;
	*ret_count = ids.len / sizeof(int64_t);
	*ret_ids = (int64_t *)(void *)take_ptr(&ids.at);
	return 0;
}

/* ---- places ---------------------------------------------------------------------- */

static int load_places(struct catalogue *catalogue, int64_t layer_id,
		       struct layer_place *ret_place, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT root_segment, root_offset, placement_segment,"
			 " placement_offset, removed FROM layers WHERE id = ?");
	query_number(&query, layer_id);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 0)
		return error_set(error, ERR_NOT_FOUND, "layer number %lld: unknown",
				 (long long)layer_id);
	if (row_flag(&query, 4))
		return error_set(error, ERR_NOT_FOUND,
				 "what it held was removed: its workflow had expired, or "
				 "somebody ended it");
	ret_place->root.offset = row_offset(&query, 1);
	ret_place->placement.offset = row_offset(&query, 3);
	row_blob(&query, 0, ret_place->root.segment.bytes, SEGMENT_ID_LEN);
	row_blob(&query, 2, ret_place->placement.segment.bytes, SEGMENT_ID_LEN);
	return row_check(&query, error);
}

static int load_segments(struct catalogue *catalogue, int64_t layer_id,
			 struct buffer *segments, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT segment FROM layer_segments WHERE layer = ?"
				     " ORDER BY segment");
	query_number(&query, layer_id);
	int result;
	while ((result = query_next(&query, error)) == 1) {
		struct segment_id id;
		row_blob(&query, 0, id.bytes, SEGMENT_ID_LEN);
		buffer_put(segments, id.bytes, SEGMENT_ID_LEN);
	}
	return result < 0 ? result : row_check(&query, error);
}

int catalogue_layer_place(struct catalogue *catalogue, int64_t layer_id,
			  struct layer_place *ret_place, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct layer_place place = {0};
	struct buffer segments AUTO(buffer_fini) = {0};
	int result = load_places(catalogue, layer_id, &place, error);
	if (result == 0)
		result = load_segments(catalogue, layer_id, &segments, error);
	if (result < 0)
		return result;
	place.segment_count = segments.len / SEGMENT_ID_LEN;
	place.segments = (struct segment_id *)take_ptr(&segments.at);
	*ret_place = place;
	return 0;
}

int catalogue_layer_twins(struct catalogue *catalogue, int64_t layer_id,
			  const struct digest *digest, size_t room,
			  struct stored_place *ret_places, size_t *ret_count,
			  struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT root_segment, root_offset FROM layers"
				     " WHERE digest = ? AND id <> ? AND removed = 0"
				     " LIMIT ?");
	query_blob(&query, digest->bytes, SHA256_LEN);
	query_number(&query, layer_id);
	query_number(&query, (int64_t)room);
	size_t count = 0;
	int result;
	while ((result = query_next(&query, error)) == 1 && count < room) {
		struct stored_place *place = &ret_places[count++];
		row_blob(&query, 0, place->segment.bytes, SEGMENT_ID_LEN);
		place->offset = row_offset(&query, 1);
	}
	*ret_count = count;
	return result < 0 ? result : row_check(&query, error);
}
