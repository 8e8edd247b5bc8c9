#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/manifest/manifest.h"
#include "proto/path/path.h"

#define PIECE_VERSION 1u
/* Where the rows begin in a writer's buffer: room for the version and a row count. */
#define HEAD_ROOM 11u
#define ROOT_HEAD_LEN_MAX 11u /* PIECES_MAX takes a varint of 3 bytes */

/* ---- reading ---------------------------------------------------------------------- */

static int read_head(struct reader *in, uint64_t *ret_row_count, struct error *error)
{
	uint8_t version = reader_u8(in);
	uint64_t row_count = reader_varint(in);
	if (in->failed || version == 0)
		return error_set(error, ERR_DAMAGED,
				 "piece of a manifest: does not begin as one");
	if (version > PIECE_VERSION)
		return error_set(
			error, ERR_VERSION,
			"piece of a manifest: format %d is newer than this program",
			version);
	if (row_count == 0 || row_count > in->left / ROW_LEN_MIN)
		return error_set(error, ERR_DAMAGED,
				 "piece of a manifest: it cannot hold %" PRIu64 " rows",
				 row_count);
	*ret_row_count = row_count;
	return 0;
}

/* Bytes of the rows of the piece that the decoder has read, if it did not have to end
 * there: then what follows must not have fitted. */
static size_t open_end_len(const struct row_decoder *decoder)
{
	if (!decoder->piece_at)
		return 0;
	size_t rows_len = (size_t)(decoder->in.at - decoder->piece_at);
	bool ends = piece_ends_after(rows_len, decoder->path, decoder->path_len);
	return ends ? 0 : rows_len;
}

int piece_continue(struct row_decoder *decoder, const void *piece, size_t len,
		   struct error *error)
{
	if (len > PIECE_ALONE_MAX)
		return error_set(error, ERR_LIMIT,
				 "piece of a manifest: %zu bytes, at most %u", len,
				 PIECE_ALONE_MAX);
	struct reader in = reader_of(piece, len);
	uint64_t row_count = 0;
	int err = read_head(&in, &row_count, error);
	if (err)
		return err;
	size_t before_len = open_end_len(decoder);
	row_decoder_continue(decoder, in.at, in.left, row_count);
	decoder->piece_at = in.at;
	decoder->before_len = before_len;
	return 0;
}

int piece_open(struct row_decoder *decoder, const void *piece, size_t len,
	       struct error *error)
{
	row_decoder_init(decoder, NULL, 0, 0);
	return piece_continue(decoder, piece, len, error);
}

/* ---- cutting ---------------------------------------------------------------------- */

static void empty_piece(struct piece_writer *writer)
{
	static const uint8_t head[HEAD_ROOM] = {0};
	buffer_clear(&writer->rows);
	buffer_put(&writer->rows, head, sizeof(head));
	buffer_clear(&writer->time_at);
	writer->row_count = 0;
	writer->totals = (struct totals){0};
}

void piece_writer_init(struct piece_writer *writer, struct piece_sink sink)
{
	*writer = (struct piece_writer){
		.sink = sink,
		.previous = must_alloc(PATH_LEN_MAX),
		.root_len = ROOT_HEAD_LEN_MAX,
	};
	empty_piece(writer);
}

void piece_writer_fini(struct piece_writer *writer)
{
	buffer_fini(&writer->rows);
	buffer_fini(&writer->time_at);
	buffer_fini(&writer->content);
	free(writer->previous);
	root_fini(&writer->root);
	*writer = (struct piece_writer){0};
}

/* Writes version and row count right before the rows; returns where the piece begins. */
static size_t put_head(struct piece_writer *writer)
{
	struct buffer head AUTO(buffer_fini) = {0};
	buffer_put_u8(&head, PIECE_VERSION);
	buffer_put_varint(&head, writer->row_count);
	size_t start = HEAD_ROOM - head.len;
	memcpy(writer->rows.at + start, head.at, head.len);
	return start;
}

static struct digest content_digest(struct piece_writer *writer, size_t start)
{
	struct buffer *content = &writer->content;
	buffer_clear(content);
	buffer_put(content, writer->rows.at, writer->rows.len);
	for (size_t at = 0; at < writer->time_at.len; at += sizeof(size_t)) {
		size_t time_at;
		memcpy(&time_at, writer->time_at.at + at, sizeof(time_at));
		memset(content->at + time_at, 0, ROW_TIME_LEN);
	}
	return sha256_of(content->at + start, content->len - start);
}

static int root_grow(struct piece_writer *writer, const struct root_piece *piece,
		     struct error *error)
{
	struct root *root = &writer->root;
	writer->root_len += root_piece_len(piece);
	if (root->piece_count == PIECES_MAX || writer->root_len > ROOT_LEN_MAX)
		return error_set(
			error, ERR_LIMIT,
			"the tree has too many paths for one layer (%zu pieces of its "
			"manifest are full); persist it in several",
			root->piece_count);
	array_make_room(root->pieces, root->piece_count, writer->root_room);
	root->pieces[root->piece_count++] = *piece;
	return 0;
}

static int too_many_units(const char *path, size_t path_len, struct error *error)
{
	char *name AUTO_FREE = escape_encode(path, path_len);
	return error_set(error, ERR_LIMIT,
			 "`%s`: too large, its manifest row does not fit into %u bytes; "
			 "split the file or leave it out",
			 name, PIECE_ALONE_MAX);
}

static int end_piece(struct piece_writer *writer, struct error *error)
{
	if (writer->row_count == 0)
		return 0;
	size_t start = put_head(writer);
	const uint8_t *bytes = writer->rows.at + start;
	size_t len = writer->rows.len - start;
	if (len > PIECE_ALONE_MAX)
		return too_many_units(writer->previous, writer->previous_len, error);
	struct root_piece piece = {
		.name = {.key = {.xxh = xxh128_of(bytes, len), .len = (uint32_t)len},
			 .sha = sha256_of(bytes, len)},
		.totals = writer->totals,
		.content = content_digest(writer, start),
	};
	int err = root_grow(writer, &piece, error);
	if (!err && writer->sink.on_piece)
		err = writer->sink.on_piece(writer->sink.context, &piece, bytes, len,
					    error);
	if (err)
		return err;
	writer->rows_before += writer->row_count;
	empty_piece(writer);
	return 0;
}

static bool units_add_up(const struct row *row)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < row->unit_count; i++) {
		if (row->units[i].key.len == 0 || row->units[i].key.len > UNIT_LEN_MAX)
			return false;
		sum += row->units[i].key.len;
	}
	return sum == row->size;
}

static bool target_valid(const struct row *row)
{
	return row->target_len > 0 && row->target_len <= LINK_TARGET_LEN_MAX &&
	       !memchr(row->target, '\0', row->target_len);
}

/* What row_encode() does not claim. */
static void claim_row(const struct piece_writer *writer, const struct row *row)
{
	const char *previous = writer->previous;
	size_t previous_len = writer->previous_len;
	claim(path_valid(row->path, row->path_len));
	claim(path_compare(previous, previous_len, row->path, row->path_len) < 0);
	claim(writer->previous_type == 0 || writer->previous_type == ROW_DIRECTORY ||
	      !path_below(row->path, row->path_len, previous, previous_len));
	claim(row->type == ROW_FILE ? units_add_up(row)
				    : row->size == 0 && row->unit_count == 0);
	claim(row->type != ROW_SYMLINK || target_valid(row));
}

/* Encodes the row at the end of the piece; returns the bytes of its rows with it. */
static size_t append(struct piece_writer *writer, const struct row *row)
{
	size_t time_at;
	bool first = writer->row_count == 0;
	row_encode(&writer->rows, writer->previous, first ? 0 : writer->previous_len, row,
		   &time_at);
	buffer_put(&writer->time_at, &time_at, sizeof(time_at));
	return writer->rows.len - HEAD_ROOM;
}

/* Takes the row's encoding, which began at row_at, back out and ends the piece. */
static int end_piece_before(struct piece_writer *writer, size_t row_at,
			    struct error *error)
{
	writer->rows.len = row_at;
	writer->time_at.len -= sizeof(size_t);
	return end_piece(writer, error);
}

int piece_writer_add(struct piece_writer *writer, const struct row *row,
		     struct error *error)
{
	if (row->unit_count > ROW_UNITS_MAX)
		return too_many_units(row->path, row->path_len, error);
	if (writer->rows_before + writer->row_count >= LAYER_ROWS_MAX)
		return error_set(
			error, ERR_LIMIT,
			"the tree has more than %u paths; persist it in several layers",
			LAYER_ROWS_MAX);
	claim_row(writer, row);
	size_t row_at = writer->rows.len;
	size_t rows_len = append(writer, row);
	if (writer->row_count > 0 && rows_len > PIECE_LEN_MAX) {
		int err = end_piece_before(writer, row_at, error);
		if (err)
			return err;
		rows_len = append(writer, row);
	}
	writer->row_count++;
	totals_add_row(&writer->totals, row);
	memcpy(writer->previous, row->path, row->path_len);
	writer->previous_len = row->path_len;
	writer->previous_type = row->type;
	bool ends = piece_ends_after(rows_len, row->path, row->path_len);
	return ends ? end_piece(writer, error) : 0;
}

bool piece_ends_by_itself(const struct root_piece *piece, const char *path,
			  size_t path_len)
{
	size_t head_len = 1 + varint_len(totals_rows(&piece->totals));
	return piece_ends_after(piece->name.key.len - head_len, path, path_len);
}

bool piece_writer_between(const struct piece_writer *writer)
{
	return writer->row_count == 0;
}

int piece_writer_take(struct piece_writer *writer, const struct root_piece *piece,
		      const struct row *last, struct error *error)
{
	claim(piece_writer_between(writer));
	claim_row(writer, last);
	int err = root_grow(writer, piece, error);
	if (err)
		return err;
	writer->rows_before += totals_rows(&piece->totals);
	memcpy(writer->previous, last->path, last->path_len);
	writer->previous_len = last->path_len;
	writer->previous_type = last->type;
	return 0;
}

int piece_writer_finish(struct piece_writer *writer, struct error *error)
{
	return end_piece(writer, error);
}
