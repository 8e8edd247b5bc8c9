#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/manifest/manifest.h"
#include "proto/path/path.h"

#define MODE_MAX 0777u
#define SYMLINK_MODE 0777u
#define NANOSECONDS_MAX 999999999u

static bool units_equal(const struct row *a, const struct row *b)
{
	if (a->size != b->size || a->unit_count != b->unit_count)
		return false;
	for (size_t i = 0; i < a->unit_count; i++)
		if (!unit_name_equal(&a->units[i], &b->units[i]))
			return false;
	return true;
}

static bool targets_equal(const struct row *a, const struct row *b)
{
	return a->target_len == b->target_len &&
	       memcmp(a->target, b->target, a->target_len) == 0;
}

bool row_content_equal(const struct row *a, const struct row *b)
{
	if (a->type == ROW_FILE)
		return units_equal(a, b);
	return a->type == ROW_DIRECTORY || targets_equal(a, b);
}

bool row_equal(const struct row *a, const struct row *b)
{
	return a->type == b->type && a->mode == b->mode && row_content_equal(a, b);
}

/* ---- encoding --------------------------------------------------------------------- */

static bool mode_valid(uint8_t type, uint64_t mode)
{
	return type == ROW_SYMLINK ? mode == SYMLINK_MODE : mode <= MODE_MAX;
}

static void claim_encodable(const struct row *row)
{
	claim(row->type >= ROW_FILE && row->type <= ROW_SYMLINK);
	claim(mode_valid(row->type, row->mode));
	claim(row->time.nanoseconds <= NANOSECONDS_MAX);
	claim(row->path_len > 0 && row->path_len <= PATH_LEN_MAX);
}

static void encode_units(struct buffer *out, const struct row *row)
{
	buffer_put_varint(out, row->size);
	buffer_put_varint(out, row->unit_count);
	for (size_t i = 0; i < row->unit_count; i++) {
		const struct unit_name *unit = &row->units[i];
		buffer_put(out, unit->key.xxh.bytes, sizeof(unit->key.xxh.bytes));
		buffer_put(out, unit->sha.bytes, sizeof(unit->sha.bytes));
		buffer_put_varint(out, unit->key.len);
	}
}

size_t row_len_max(const struct row *row)
{
	const size_t number = 10; /* the longest varint */
	return row->path_len + row->target_len + ROW_TIME_LEN + 1 + 7 * number +
	       row->unit_count * (XXH128_LEN + SHA256_LEN + number);
}

void row_encode(struct buffer *out, const char *previous, size_t previous_len,
		const struct row *row, size_t *ret_time_at)
{
	claim_encodable(row);
	size_t shared = path_shared(previous, previous_len, row->path, row->path_len);
	buffer_put_varint(out, shared);
	buffer_put_varint(out, row->path_len - shared);
	buffer_put(out, row->path + shared, row->path_len - shared);
	buffer_put_u8(out, row->type);
	buffer_put_varint(out, row->mode);
	if (ret_time_at)
		*ret_time_at = out->len;
	buffer_put_u64(out, (uint64_t)row->time.seconds);
	buffer_put_u32(out, row->time.nanoseconds);
	if (row->type == ROW_FILE)
		encode_units(out, row);
	if (row->type == ROW_SYMLINK) {
		buffer_put_varint(out, row->target_len);
		buffer_put(out, row->target, row->target_len);
	}
	buffer_put_varint(out, 0); /* fields */
}

/* ---- decoding --------------------------------------------------------------------- */

void row_decoder_continue(struct row_decoder *decoder, const void *rows, size_t len,
			  uint64_t row_count)
{
	claim(decoder->rows_left == 0 && decoder->in.left == 0 && !decoder->in.failed);
	if (!decoder->path)
		decoder->path = must_alloc(PATH_LEN_MAX);
	decoder->in = reader_of(rows, len);
	decoder->rows_left = row_count;
	decoder->first = true;
	decoder->piece_at = NULL;
	decoder->before_len = 0;
}

void row_decoder_init(struct row_decoder *decoder, const void *rows, size_t len,
		      uint64_t row_count)
{
	*decoder = (struct row_decoder){
		.units = decoder->units,
		.unit_room = decoder->unit_room,
		.path = decoder->path,
	};
	row_decoder_continue(decoder, rows, len, row_count);
}

void row_decoder_fini(struct row_decoder *decoder)
{
	free(decoder->path);
	free(decoder->units);
	*decoder = (struct row_decoder){0};
}

/* For faults up to the path; what the decoder gives from then on is a failure. */
static int refuse_path(struct row_decoder *decoder, struct error *error, const char *why)
{
	decoder->in.failed = true;
	return error_set(error, ERR_DAMAGED, "manifest: row %" PRIu64 ": %s",
			 decoder->number, why);
}

/* For faults after the path. */
static int refuse_with(struct row_decoder *decoder, int code, struct error *error,
		       const char *why)
{
	char *path AUTO_FREE = escape_encode(decoder->path, decoder->path_len);
	decoder->in.failed = true;
	return error_set(error, code, "manifest: row %" PRIu64 ", `%s`: %s",
			 decoder->number, path, why);
}

static int refuse(struct row_decoder *decoder, struct error *error, const char *why)
{
	return refuse_with(decoder, ERR_DAMAGED, error, why);
}

/* Compares the rest of the path with what the row before has in its place. Sets
 * shared. */
static int check_order(struct row_decoder *decoder, size_t kept, const char *suffix,
		       size_t suffix_len, struct error *error)
{
	const char *rest = decoder->path + kept;
	size_t rest_len = decoder->path_len - kept;
	size_t more = path_shared(rest, rest_len, suffix, suffix_len);
	if (!decoder->first && more > 0)
		return refuse_path(decoder, error,
				   "shares less with the path before it than it could");
	if (path_compare(rest, rest_len, suffix, suffix_len) >= 0)
		return refuse_path(decoder, error,
				   "not in order behind the path before it");
	bool before_holds_rows = decoder->type == 0 || decoder->type == ROW_DIRECTORY;
	if (!before_holds_rows && more == rest_len && suffix[more] == '/')
		return refuse_path(decoder, error,
				   "lies below a file or a symbolic link");
	decoder->shared = kept + more;
	return 0;
}

static int read_path(struct row_decoder *decoder, struct error *error)
{
	uint64_t kept = reader_varint(&decoder->in);
	uint64_t suffix_len = reader_varint(&decoder->in);
	if (decoder->in.failed)
		return refuse_path(decoder, error, "cut short, or a number is malformed");
	if (kept > (decoder->first ? 0 : decoder->path_len))
		return refuse_path(decoder, error,
				   "shares more than the path before it has");
	if (suffix_len == 0 || suffix_len > PATH_LEN_MAX - kept)
		return refuse_path(decoder, error,
				   "the length of its path is out of bounds");
	const uint8_t *suffix = reader_bytes(&decoder->in, suffix_len);
	if (!suffix)
		return refuse_path(decoder, error, "its path is cut short");
	int err = check_order(decoder, kept, (const char *)suffix, suffix_len, error);
	if (err)
		return err;
	memcpy(decoder->path + kept, suffix, suffix_len);
	decoder->path_len = kept + suffix_len;
	if (!path_valid(decoder->path, decoder->path_len))
		return refuse(decoder, error, "not a path that a layer may hold");
	return 0;
}

static int read_attributes(struct row_decoder *decoder, struct row *row,
			   struct error *error)
{
	row->type = reader_u8(&decoder->in);
	uint64_t mode = reader_varint(&decoder->in);
	decoder->time_at = reader_bytes(&decoder->in, ROW_TIME_LEN);
	if (decoder->in.failed)
		return refuse(decoder, error, "cut short, or a number is malformed");
	if (row->type < ROW_FILE || row->type > ROW_SYMLINK)
		return refuse(decoder, error, "its type is not known");
	if (!mode_valid(row->type, mode))
		return refuse(decoder, error,
			      "its mode is not a permission that it can have");
	row->mode = (uint16_t)mode;
	struct reader time = reader_of(decoder->time_at, ROW_TIME_LEN);
	row->time.seconds = (int64_t)reader_u64(&time);
	row->time.nanoseconds = reader_u32(&time);
	if (row->time.nanoseconds > NANOSECONDS_MAX)
		return refuse(decoder, error,
			      "its time has a second of nanoseconds or more");
	return 0;
}

static int read_unit(struct row_decoder *decoder, struct unit_name *unit,
		     struct error *error)
{
	reader_copy(&decoder->in, unit->key.xxh.bytes, sizeof(unit->key.xxh.bytes));
	reader_copy(&decoder->in, unit->sha.bytes, sizeof(unit->sha.bytes));
	uint64_t len = reader_varint(&decoder->in);
	if (decoder->in.failed)
		return refuse(decoder, error, "its units are cut short or malformed");
	if (len == 0 || len > UNIT_LEN_MAX)
		return refuse(decoder, error, "the length of a unit is out of bounds");
	unit->key.len = (uint32_t)len;
	return 0;
}

static int read_file(struct row_decoder *decoder, struct row *row, struct error *error)
{
	row->size = reader_varint(&decoder->in);
	uint64_t count = reader_varint(&decoder->in);
	if (decoder->in.failed)
		return refuse(decoder, error, "cut short, or a number is malformed");
	if (count > ROW_UNITS_MAX || count > decoder->in.left / ROW_UNIT_LEN_MIN)
		return refuse(decoder, error, "more units than a row can hold");
	if (array_may_reserve(decoder->units, count, decoder->unit_room, error))
		return ERR_NO_MEMORY;
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		int err = read_unit(decoder, &decoder->units[i], error);
		if (err)
			return err;
		sum += decoder->units[i].key.len;
	}
	if (sum != row->size)
		return refuse(decoder, error, "its units do not add up to its size");
	row->units = decoder->units;
	row->unit_count = count;
	return 0;
}

static int read_target(struct row_decoder *decoder, struct row *row, struct error *error)
{
	uint64_t len = reader_varint(&decoder->in);
	if (decoder->in.failed || len == 0 || len > LINK_TARGET_LEN_MAX)
		return refuse(decoder, error,
			      "the length of its target is out of bounds");
	row->target = (const char *)reader_bytes(&decoder->in, len);
	if (!row->target || memchr(row->target, '\0', len))
		return refuse(decoder, error, "its target is cut short or has a NUL");
	row->target_len = len;
	return 0;
}

static int read_body(struct row_decoder *decoder, struct row *row, struct error *error)
{
	switch (row->type) {
	case ROW_FILE:
		return read_file(decoder, row, error);
	case ROW_SYMLINK:
		return read_target(decoder, row, error);
	default:
		return 0;
	}
}

static int skip_fields(struct row_decoder *decoder, struct error *error)
{
	uint64_t count = reader_varint(&decoder->in);
	if (count > ROW_FIELDS_MAX)
		return refuse(decoder, error, "too many fields");
	uint64_t lowest_tag = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t tag = reader_varint(&decoder->in);
		uint64_t len = reader_varint(&decoder->in);
		(void)reader_bytes(&decoder->in, len);
		if (decoder->in.failed)
			break;
		if (tag < lowest_tag)
			return refuse(decoder, error, "its fields are not in order");
		if (tag & 1)
			return refuse_with(
				decoder, ERR_VERSION, error,
				"needs a newer program: it has a critical field "
				"that is not known");
		lowest_tag = tag + 1;
	}
	return decoder->in.failed ? refuse(decoder, error, "its fields are malformed")
				  : 0;
}

/* ---- cuts ------------------------------------------------------------------------- */

/* How long the piece before would have become with this row, its first, in it. */
static size_t len_with_piece_before(const struct row_decoder *decoder, size_t row_len)
{
	size_t path_len = decoder->path_len;
	size_t suffix_len = path_len - decoder->shared;
	size_t as_first = varint_len(0) + varint_len(path_len) + path_len;
	size_t as_next =
		varint_len(decoder->shared) + varint_len(suffix_len) + suffix_len;
	return decoder->before_len + row_len - as_first + as_next;
}

/* PROTOCOL.md §7: pieces are cut at these rows and at no others. */
static int check_cut(struct row_decoder *decoder, struct error *error)
{
	size_t rows_len = (size_t)(decoder->in.at - decoder->piece_at);
	bool last = decoder->rows_left == 1;
	if (!decoder->first && rows_len > PIECE_LEN_MAX)
		return refuse(decoder, error, "the piece is not cut before it");
	if (!last && piece_ends_after(rows_len, decoder->path, decoder->path_len))
		return refuse(decoder, error, "the piece is not cut behind it");
	if (decoder->first && decoder->before_len > 0 &&
	    len_with_piece_before(decoder, rows_len) <= PIECE_LEN_MAX)
		return refuse(decoder, error, "belongs into the piece before");
	return 0;
}

/* ---- one row ---------------------------------------------------------------------- */

static int read_row(struct row_decoder *decoder, struct row *row, struct error *error)
{
	int err = read_path(decoder, error);
	if (!err)
		err = read_attributes(decoder, row, error);
	if (!err)
		err = read_body(decoder, row, error);
	if (!err)
		err = skip_fields(decoder, error);
	if (!err && decoder->piece_at)
		err = check_cut(decoder, error);
	return err;
}

int row_decoder_next(struct row_decoder *decoder, struct row *ret_row,
		     struct error *error)
{
	if (decoder->in.failed)
		return error_set(error, ERR_DAMAGED, "manifest: cut short or malformed");
	if (decoder->rows_left == 0 && decoder->in.left > 0)
		return error_set(error, ERR_DAMAGED,
				 "manifest: %zu bytes behind the last row",
				 decoder->in.left);
	if (decoder->rows_left == 0)
		return 0;
	decoder->number++;
	struct row row = {0};
	int err = read_row(decoder, &row, error);
	if (err)
		return err;
	decoder->rows_left--;
	decoder->first = false;
	decoder->type = row.type;
	row.path = decoder->path;
	row.path_len = decoder->path_len;
	*ret_row = row;
	return 1;
}
