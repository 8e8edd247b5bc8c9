#include "daemon/store/transaction/commit_frame.h"

#include <string.h>

#include "daemon/store/transaction/commit_fields.h"
#include "proto/base/cleanup.h"

#define COMMIT_FRAME_VERSION 1u

/* ---- out ------------------------------------------------------------------------- */

static void put_field(struct buffer *out, enum commit_field field,
		      const struct buffer *value)
{
	if (value->len == 0)
		return;
	buffer_put_varint(out, field);
	buffer_put_varint(out, value->len);
	buffer_put(out, value->at, value->len);
}

/* Each field's value, by what puts it. */
static void put(struct buffer *out, enum commit_field field,
		const struct layer_facts *layer,
		void (*put_value)(struct buffer *value, const struct layer_facts *layer))
{
	struct buffer value AUTO(buffer_fini) = {0};
	put_value(&value, layer);
	if (out->len + value.len < COMMIT_FRAME_LEN_MAX - COMMIT_FRAME_OTHERS_LEN)
		put_field(out, field, &value);
}

static void put_number(struct buffer *out, enum commit_field field, uint64_t number)
{
	buffer_put_varint(out, field);
	buffer_put_varint(out, sizeof(number));
	buffer_put_u64(out, number);
}

static void put_others(struct buffer *out, const struct layer_facts *layer)
{
	struct buffer value AUTO(buffer_fini) = {0};
	struct buffer one AUTO(buffer_fini) = {0};
	buffer_put_varint(&value, layer->other_count);
	for (size_t i = 0; i < layer->other_count; i++) {
		size_t at = (layer->others_from + i) % layer->other_count;
		buffer_clear(&one);
		commit_fields_put_execution(&one, &layer->others[at]);
		if (value.len + one.len + VARINT_LEN_MAX > COMMIT_FRAME_OTHERS_LEN)
			break;
		buffer_put_varint(&value, one.len);
		buffer_put(&value, one.at, one.len);
	}
	if (layer->other_count)
		put_field(out, COMMIT_FIELD_OTHERS, &value);
}

void commit_frame_encode(struct buffer *out, const struct stamp_mark *mark,
			 const struct layer_facts *layer)
{
	buffer_put_u8(out, COMMIT_FRAME_VERSION);
	put_number(out, COMMIT_FIELD_STORE, mark->store);
	put_number(out, COMMIT_FIELD_COMMITS, mark->commits);
	if (!layer)
		return;
	for (size_t i = 0; i < commit_field_count; i++)
		put(out, commit_fields[i].field, layer, commit_fields[i].put);
	put_others(out, layer);
}

/* ---- in -------------------------------------------------------------------------- */

static int damaged(const char *why, struct error *error)
{
	return error_set(error, ERR_DAMAGED, "commit frame: %s", why);
}

/* One field after the other: 1; 0 at the end. */
static int next_field(struct reader *in, uint64_t *last, struct reader *ret_value,
		      struct error *error)
{
	if (in->left == 0)
		return 0;
	uint64_t field = reader_varint(in);
	uint64_t len = reader_varint(in);
	if (in->failed || field <= *last || len > in->left)
		return damaged("its fields do not follow one another", error);
	*last = field;
	*ret_value = reader_of(reader_bytes(in, (size_t)len), (size_t)len);
	return 1;
}

static int check_version(struct reader *in, struct error *error)
{
	uint8_t version = reader_u8(in);
	if (version > COMMIT_FRAME_VERSION)
		return error_set(error, ERR_VERSION,
				 "commit frame: format %u is newer than this program",
				 version);
	if (version != COMMIT_FRAME_VERSION)
		return damaged("its format version is 0", error);
	return 0;
}

/* Where the number of a field goes; NULL for another field. */
static uint64_t *number_of(struct stamp_mark *mark, uint64_t field)
{
	switch (field) {
	case COMMIT_FIELD_STORE:
		return &mark->store;
	case COMMIT_FIELD_COMMITS:
		return &mark->commits;
	default:
		return NULL;
	}
}

static int take_mark(struct stamp_mark *mark, uint64_t field, struct reader value,
		     struct error *error)
{
	uint64_t *number = number_of(mark, field);
	if (number && value.left != sizeof(*number))
		return damaged("a number of another length", error);
	if (number)
		*number = reader_u64(&value);
	return 0;
}

int commit_frame_decode(const uint8_t *bytes, size_t len, struct stamp_mark *ret_mark,
			struct error *error)
{
	struct reader in = reader_of(bytes, len);
	struct stamp_mark mark = {0};
	struct reader value;
	uint64_t field = 0;
	int result = check_version(&in, error);
	if (result < 0)
		return result;
	while ((result = next_field(&in, &field, &value, error)) == 1) {
		result = take_mark(&mark, field, value, error);
		if (result < 0)
			return result;
	}
	if (result == 0)
		*ret_mark = mark;
	return result;
}

static bool take_layer(uint64_t field, struct reader value, struct layer_facts *layer)
{
	for (size_t i = 0; i < commit_field_count; i++)
		if (commit_fields[i].field == field)
			return commit_fields[i].take(value, layer);
	return field != COMMIT_FIELD_OTHERS || commit_fields_take_others(value, layer);
}

int commit_frame_decode_layer(const uint8_t *bytes, size_t len,
			      struct stamp_mark *ret_mark, struct layer_facts *ret_layer,
			      struct error *error)
{
	struct layer_facts layer AUTO(layer_facts_fini) = {0};
	struct reader in = reader_of(bytes, len);
	struct reader value;
	uint64_t field = 0;
	int result = commit_frame_decode(bytes, len, ret_mark, error);
	if (result < 0)
		return result;
	(void)reader_u8(&in);
	while ((result = next_field(&in, &field, &value, error)) == 1)
		if (!take_layer(field, value, &layer))
			return damaged("a field does not hold what it should", error);
	if (result < 0 || !layer.id)
		return result;
	if (!commit_fields_are_whole(&layer))
		return damaged("a field is missing", error);
	*ret_layer = layer;
	layer = (struct layer_facts){0};
	return 1;
}
