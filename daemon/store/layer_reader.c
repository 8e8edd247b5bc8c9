#include "daemon/store/layer_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/layer_map.h"
#include "daemon/store/store_state.h"
#include "proto/cleanup.h"

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
	uint64_t first_mention; /* of the current piece, next_piece - 1 */
	uint64_t next_mention;  /* of the piece behind it */
};

struct layer_scratch *layer_scratch_new(struct store *store)
{
	struct layer_scratch *scratch = must_calloc(1, sizeof *scratch);
	scratch->codec = codec_new(1);
	segment_reader_init_shared(&scratch->blocks, store->io, scratch->codec);
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
	struct layer_reader *reader = must_calloc(1, sizeof *reader);
	reader->store = store;
	reader->scratch = scratch;
	segment_reader_init_shared(&reader->pieces, store->io, scratch->codec);
	int err = layer_map_load(store, layer_id, &reader->pins, &scratch->blocks,
				 &reader->map, error);
	if (err) {
		layer_reader_free(reader);
		return err;
	}
	reader->block_of = reader->map.root.piece_count;
	*ret_reader = reader;
	return 0;
}

void layer_reader_keep_pins(struct layer_reader *reader)
{
	row_decoder_fini(&reader->decoder);
	block_fini(&reader->block);
	layer_map_fini(&reader->map);
	segment_reader_fini(&reader->pieces);
}

void layer_reader_free(struct layer_reader *reader)
{
	if (!reader)
		return;
	layer_reader_keep_pins(reader);
	segment_pins_fini(&reader->pins, reader->store->segments);
	free(reader);
}

const struct root *layer_reader_root(const struct layer_reader *reader)
{
	return &reader->map.root;
}

static int open_next_piece(struct layer_reader *reader, struct error *error)
{
	const struct root_piece *piece = &reader->map.root.pieces[reader->next_piece];
	const uint8_t *bytes;
	int err = layer_map_piece(&reader->map, reader->next_piece, &reader->pins,
				  &reader->pieces, &bytes, error);
	if (err)
		return err;
	size_t len = piece->name.key.len;
	err = reader->next_piece == 0
		      ? piece_open(&reader->decoder, bytes, len, error)
		      : piece_continue(&reader->decoder, bytes, len, error);
	if (err)
		return layer_map_error(&reader->map, error);
	reader->next_piece++;
	reader->first_mention = reader->next_mention;
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
	return got < 0 ? layer_map_error(&reader->map, error) : got;
}

/* Makes the block that of the current piece. */
static int load_block(struct layer_reader *reader, struct error *error)
{
	size_t piece = reader->next_piece - 1;
	if (reader->block_of == piece)
		return 0;
	block_fini(&reader->block);
	reader->block_of = reader->map.root.piece_count;
	int err = layer_map_block(&reader->map, piece, &reader->pins,
				  &reader->scratch->blocks, &reader->block, error);
	if (!err)
		reader->block_of = piece;
	return err;
}

int layer_reader_place(struct layer_reader *reader, uint64_t mention,
		       struct frame_place *ret_place, struct error *error)
{
	claim(reader->next_piece > 0 && mention >= reader->first_mention &&
	      mention < reader->next_mention);
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
