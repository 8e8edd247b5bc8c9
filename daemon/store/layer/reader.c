#include "daemon/store/layer/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/layer/healing.h"
#include "daemon/store/layer/map.h"
#include "daemon/store/layer/parts.h"
#include "daemon/store/segment/pins.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"

struct layer_scratch {
	struct codec *codec;          /* owned */
	struct segment_reader blocks; /* shares it */
};

struct layer_reader {
	struct store *store;           /* borrowed */
	struct layer_scratch *scratch; /* borrowed */
	struct segment_pins pins;
	struct layer_map map;
	struct segment_reader pieces; /* the frame that holds the current piece */
	struct row_decoder decoder;
	struct block block; /* of piece block_of */
	size_t block_of;    /* piece_count: none */
	size_t next_piece;
	bool jumped;            /* the piece before next_piece was not read to its end */
	uint64_t first_mention; /* of the current piece, next_piece - 1 */
	uint64_t mention;       /* of the current row's first unit */
	uint64_t mentions;      /* up to and with the current row */
	uint64_t next_mention;  /* of the next piece */
	size_t ahead; /* piece of which the first path is known; none: SIZE_MAX */
	struct buffer ahead_path;
};

struct layer_scratch *layer_scratch_new(struct store *store)
{
	struct layer_scratch *scratch = must_calloc(1, sizeof(*scratch));
	scratch->codec = codec_new(1);
	segment_reader_init_shared(&scratch->blocks, store->io, scratch->codec);
	healing_watch(store, &scratch->blocks);
	return scratch;
}

void layer_scratch_free(struct layer_scratch *scratch)
{
	if (!scratch)
		return;
	segment_reader_fini(&scratch->blocks);
	codec_free(scratch->codec);
	free(scratch);
}

int layer_reader_open(struct store *store, int64_t layer_id,
		      struct layer_scratch *scratch, struct layer_reader **ret_reader,
		      struct error *error)
{
	struct layer_reader *reader = must_calloc(1, sizeof(*reader));
	reader->store = store;
	reader->scratch = scratch;
	segment_reader_init_shared(&reader->pieces, store->io, scratch->codec);
	healing_watch(store, &reader->pieces);
	int err = layer_map_load(store, layer_id, &reader->pins, &scratch->blocks,
				 &reader->map, error);
	if (err) {
		layer_reader_free(reader);
		return err;
	}
	reader->block_of = reader->map.root.piece_count;
	reader->ahead = SIZE_MAX;
	*ret_reader = reader;
	return 0;
}

void layer_reader_keep_pins(struct layer_reader *reader)
{
	row_decoder_fini(&reader->decoder);
	block_fini(&reader->block);
	layer_map_fini(&reader->map);
	segment_reader_fini(&reader->pieces);
	buffer_fini(&reader->ahead_path);
}

void layer_reader_free(struct layer_reader *reader)
{
	if (!reader)
		return;
	layer_reader_keep_pins(reader);
	segment_pins_fini(&reader->pins, reader->store->segments);
	free(reader);
}

static int open_next_piece(struct layer_reader *reader, struct error *error)
{
	const struct root_piece *piece = &reader->map.root.pieces[reader->next_piece];
	const uint8_t *bytes;
	int err = layer_parts_piece(&reader->map, reader->next_piece, &reader->pieces,
				    &bytes, error);
	if (err)
		return err;
	size_t len = piece->name.key.len;
	err = reader->next_piece == 0 || reader->jumped
		      ? piece_open(&reader->decoder, bytes, len, error)
		      : piece_continue(&reader->decoder, bytes, len, error);
	if (err)
		return layer_map_error(&reader->map, error);
	reader->jumped = false;
	reader->next_piece++;
	reader->first_mention = reader->mentions = reader->next_mention;
	reader->next_mention += piece->totals.units;
	return 0;
}

int layer_reader_next(struct layer_reader *reader, struct row *ret_row,
		      struct error *error)
{
	int got = row_decoder_next(&reader->decoder, ret_row, error);
	while (got == 0 && reader->next_piece < reader->map.root.piece_count) {
		int err = open_next_piece(reader, error);
		if (err)
			return err;
		got = row_decoder_next(&reader->decoder, ret_row, error);
	}
	if (got < 0)
		return layer_map_error(&reader->map, error);
	reader->mention = reader->mentions;
	reader->mentions += got ? ret_row->unit_count : 0;
	return got;
}

/* ---- skipping ----------------------------------------------------------------- */

static bool is_between_pieces(const struct layer_reader *reader)
{
	return reader->decoder.rows_left == 0;
}

/* Reads only that row of the piece, beside the one that is being read. */
static int look_ahead(struct layer_reader *reader, size_t piece, struct error *error)
{
	if (reader->ahead == piece)
		return 0;
	const uint8_t *bytes;
	int err = layer_parts_piece(&reader->map, piece, &reader->scratch->blocks, &bytes,
				    error);
	if (err)
		return err;
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct row row;
	size_t len = reader->map.root.pieces[piece].name.key.len;
	err = piece_open(&decoder, bytes, len, error);
	int got = err ? err : row_decoder_next(&decoder, &row, error);
	if (got < 0)
		return layer_map_error(&reader->map, error);
	buffer_clear(&reader->ahead_path);
	if (got > 0)
		buffer_put(&reader->ahead_path, row.path, row.path_len);
	reader->ahead = piece;
	return 0;
}

/* 1: the piece begins at or before the path. */
static int begins_by(struct layer_reader *reader, size_t piece, const char *path,
		     size_t path_len, struct error *error)
{
	if (piece >= reader->map.root.piece_count)
		return 0;
	int err = look_ahead(reader, piece, error);
	if (err)
		return err;
	return path_compare((const char *)reader->ahead_path.at, reader->ahead_path.len,
			    path, path_len) <= 0;
}

static void jump_to(struct layer_reader *reader, size_t piece)
{
	for (; reader->next_piece < piece; reader->next_piece++)
		reader->next_mention +=
			reader->map.root.pieces[reader->next_piece].totals.units;
	reader->jumped = true;
	row_decoder_init(&reader->decoder, NULL, 0, 0);
}

int layer_reader_skip_to(struct layer_reader *reader, const char *path, size_t path_len,
			 struct error *error)
{
	size_t low = reader->next_piece, high = low, step = 1;
	int found = begins_by(reader, low, path, path_len, error);
	if (found <= 0)
		return found;
	for (; found > 0; step *= 2) {
		low = high;
		high = low + step;
		found = begins_by(reader, high, path, path_len, error);
	}
	/* low begins by the path; high does not, or is not there. */
	while (found >= 0 && high - low > 1) {
		size_t middle = low + (high - low) / 2;
		found = begins_by(reader, middle, path, path_len, error);
		*(found > 0 ? &low : &high) = middle;
	}
	if (found < 0)
		return found;
	jump_to(reader, low);
	return 0;
}

const struct unit_name *layer_reader_next_piece(const struct layer_reader *reader)
{
	const struct root *root = &reader->map.root;
	if (!is_between_pieces(reader) || reader->next_piece == root->piece_count)
		return NULL;
	return &root->pieces[reader->next_piece].name;
}

void layer_reader_skip_piece(struct layer_reader *reader)
{
	claim(layer_reader_next_piece(reader));
	jump_to(reader, reader->next_piece + 1);
}

void layer_reader_rewind(struct layer_reader *reader)
{
	reader->next_piece = 0;
	reader->next_mention = 0;
	jump_to(reader, 0);
}

/* ---- places ------------------------------------------------------------------- */

uint64_t layer_reader_mention(const struct layer_reader *reader)
{
	return reader->mention;
}

/* Makes the block that of the current piece. */
static int load_block(struct layer_reader *reader, struct error *error)
{
	size_t piece = reader->next_piece - 1;
	if (reader->block_of == piece)
		return 0;
	block_fini(&reader->block);
	reader->block_of = reader->map.root.piece_count;
	int err = layer_parts_block(&reader->map, piece, &reader->scratch->blocks,
				    &reader->block, error);
	if (!err)
		reader->block_of = piece;
	return err;
}

static int more_units(const struct layer_reader *reader, struct error *error)
{
	(void)error_set(error, ERR_DAMAGED, "piece %zu: more units than its root says",
			reader->next_piece - 1);
	return layer_map_error(&reader->map, error);
}

int layer_reader_place(struct layer_reader *reader, uint64_t mention,
		       struct frame_place *ret_place, struct error *error)
{
	claim(reader->next_piece > 0 && mention >= reader->first_mention);
	if (mention >= reader->next_mention)
		return more_units(reader, error);
	int err = load_block(reader, error);
	if (err)
		return err;
	const struct block *block = &reader->block;
	uint32_t position = block->mentions[mention - reader->first_mention];
	const struct block_frame *frame = &block->frames[position];
	struct segment *segment =
		segment_pins_find(&reader->pins, &block->segments.ids[frame->segment]);
	*ret_place = (struct frame_place){
		.segment = segment, .offset = frame->offset, .len = frame->len};
	return 0;
}
