#include <stdlib.h>

#include "daemon/store/layer/parts.h"
#include "daemon/store/transaction/state.h"
#include "proto/base/cleanup.h"

/* ---- the base's units --------------------------------------------------------- */

static int learn_row(struct transaction *transaction, const struct block *block,
		     const struct row *row, uint64_t first_mention, struct error *error)
{
	for (size_t i = 0; i < row->unit_count; i++) {
		if (first_mention + i >= block->mention_count)
			return error_set(error, ERR_DAMAGED,
					 "layer %s: more units than its root says",
					 transaction->base.name);
		const struct block_frame *at =
			&block->frames[block->mentions[first_mention + i]];
		struct segment *segment = segment_pins_find(
			&transaction->pins, &block->segments.ids[at->segment]);
		struct unit_frame known = {.segment = segment,
					   .offset = at->offset,
					   .len = at->len,
					   .origin = FRAME_KNOWN};
		uint32_t frame;
		int err = citable_frame(&transaction->units, &known, &frame, error);
		if (!err)
			err = citable_add(&transaction->units, &row->units[i], frame, 0,
					  error);
		if (err)
			return err;
	}
	return 0;
}

static int learn_piece(struct transaction *transaction, size_t piece,
		       struct segment_reader *reader, struct error *error)
{
	const struct layer_map *base = &transaction->base;
	struct block block AUTO(block_fini) = {0};
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	const uint8_t *bytes;
	int err = layer_parts_block(base, piece, reader, &block, error);
	if (!err)
		err = layer_parts_piece(base, piece, reader, &bytes, error);
	if (!err)
		err = piece_open(&decoder, bytes, base->root.pieces[piece].name.key.len,
				 error);
	uint64_t mention = 0;
	struct row row;
	int got = err;
	while (!err && (got = row_decoder_next(&decoder, &row, error)) > 0) {
		err = learn_row(transaction, &block, &row, mention, error);
		mention += row.unit_count;
	}
	return err ? err : got;
}

/* Learns the units of the base's next stage: first the pieces that the new root leaves
 * out, then the others. */
static int learn_base(struct transaction *transaction, struct citation *citation,
		      struct error *error)
{
	bool taken = citation->base_stage == 1;
	citation->base_stage++;
	struct segment_reader reader AUTO(segment_reader_fini) = {0};
	segment_reader_init(&reader, transaction->store->io);
	for (size_t i = 0; i < transaction->base.root.piece_count; i++) {
		if (citation->base_taken[i] != taken)
			continue;
		int err = learn_piece(transaction, i, &reader, error);
		if (err)
			return err;
	}
	return 0;
}

/* ---- citing ------------------------------------------------------------------- */

int transaction_cite(struct transaction *transaction, struct citation *citation,
		     const struct unit_name *name, struct unit_entry **ret_entry,
		     struct error *error)
{
	*ret_entry = citable_find(&transaction->units, name);
	while (!*ret_entry && citation && transaction->has_base &&
	       citation->base_stage < 2) {
		int err = learn_base(transaction, citation, error);
		if (err)
			return err;
		*ret_entry = citable_find(&transaction->units, name);
	}
	if (*ret_entry)
		return 0;
	char text[DIGEST_TEXT_SIZE];
	return error_set(error, ERR_DENIED,
			 "unit %s: neither offered to this session, nor sent in it, nor "
			 "of its base",
			 digest_text(&name->sha, text));
}
