#include <stdlib.h>

#include "daemon/store/transaction_state.h"
#include "proto/cleanup.h"

/* ---- offered frames: are the units there? ------------------------------------- */

static bool holds(const struct segment_reader *reader, const struct unit_entry *entry)
{
	return entry->position < reader->header.unit_count &&
	       unit_name_equal(&reader->units[entry->position], &entry->name);
}

/* Reads the table of an offered frame and compares all that was offered of it; the index
 * forgets what is not so. */
static void look_at_frame(struct transaction *transaction, struct unit_frame *frame)
{
	struct segment_reader *heads = &transaction->heads;
	struct error ignored;
	uint64_t end =
		segment_table_vouched(transaction->store->segments, frame->segment);
	bool read = segment_reader_head(heads, frame->segment, frame->offset, end,
					&ignored) == 0;
	for (uint32_t i = frame->first; i != UNIT_NONE;) {
		struct unit_entry *entry = &transaction->units.entries[i];
		entry->wrong = !read || (!entry->of_base && !holds(heads, entry));
		if (entry->wrong)
			unit_index_forget(transaction->store->units,
					  transaction->namespace_id, &entry->name);
		i = entry->next;
	}
	frame->origin = FRAME_KNOWN;
	if (read)
		frame->len = (uint32_t)frame_len(&heads->header);
}

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
		uint32_t frame = unit_table_frame(&transaction->units, segment,
						  at->offset, at->len, FRAME_KNOWN);
		int err = unit_table_add(&transaction->units, &row->units[i], frame, 0,
					 true, error);
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
	int err = layer_map_block(base, piece, &transaction->pins, reader, &block, error);
	if (!err)
		err = layer_map_piece(base, piece, &transaction->pins, reader, &bytes,
				      error);
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

static int find_entry(struct transaction *transaction, struct citation *citation,
		      const struct unit_name *name, struct unit_entry **ret_entry,
		      struct error *error)
{
	*ret_entry = unit_table_find(&transaction->units, name);
	while (!*ret_entry && transaction->has_base && citation->base_stage < 2) {
		int err = learn_base(transaction, citation, error);
		if (err)
			return err;
		*ret_entry = unit_table_find(&transaction->units, name);
	}
	if (*ret_entry)
		return 0;
	char text[DIGEST_TEXT_SIZE];
	return error_set(error, ERR_DENIED,
			 "unit %s: neither offered to this session, nor sent in it, nor "
			 "of its base",
			 digest_text(&name->sha, text));
}

int transaction_cite(struct transaction *transaction, struct citation *citation,
		     const struct unit_name *name, struct unit_entry **ret_entry,
		     struct error *error)
{
	int err = find_entry(transaction, citation, name, ret_entry, error);
	if (err)
		return err;
	struct unit_frame *frame = &transaction->units.frames[(*ret_entry)->frame];
	if (frame->origin == FRAME_OFFERED)
		look_at_frame(transaction, frame);
	if (!(*ret_entry)->wrong)
		return 0;
	char text[DIGEST_TEXT_SIZE];
	return error_set(error, ERR_DAMAGED,
			 "unit %s: not where the unit index says; that entry is now "
			 "forgotten, so that persisting again sends it",
			 digest_text(&name->sha, text));
}
