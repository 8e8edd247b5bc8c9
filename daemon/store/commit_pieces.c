/*
 * The pieces of a commit. A piece of the base is taken over by reference, unread, unless
 * something beside it is new: the order of rows across a cut, and that the cut had to be
 * there, can only be checked with the rows of both sides.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/store/commit_state.h"
#include "proto/cleanup.h"

#define TIME_LEN 12u

/* ---- what the base has already ------------------------------------------------ */

struct base_entry {
	const struct root_piece *piece;
	size_t position;
};

static int compare_entries(const void *a, const void *b)
{
	const struct base_entry *left = a, *right = b;
	return memcmp(left->piece->name.sha.bytes, right->piece->name.sha.bytes,
		      SHA256_LEN);
}

static struct base_entry *sort_base(const struct root *root)
{
	struct base_entry *entries = must_calloc(root->piece_count + 1, sizeof *entries);
	for (size_t i = 0; i < root->piece_count; i++)
		entries[i] = (struct base_entry){&root->pieces[i], i};
	qsort(entries, root->piece_count, sizeof *entries, compare_entries);
	return entries;
}

static bool totals_equal(const struct totals *a, const struct totals *b)
{
	return a->files == b->files && a->directories == b->directories &&
	       a->symlinks == b->symlinks && a->bytes == b->bytes && a->units == b->units;
}

/* Whether the base's entry says all that the new one says. */
static bool entries_agree(const struct root_piece *a, const struct root_piece *b)
{
	return unit_name_equal(&a->name, &b->name) &&
	       totals_equal(&a->totals, &b->totals) &&
	       digest_equal(&a->content, &b->content);
}

static void match_base(struct commit *commit)
{
	const struct root *base = &commit->transaction->base.root;
	struct base_entry *entries AUTO_FREE = sort_base(base);
	commit->base_taken = must_calloc(base->piece_count + 1, sizeof(bool));
	commit->citation.base_taken = commit->base_taken;
	commit->base_pieces =
		must_calloc(commit->root.piece_count + 1, sizeof *commit->base_pieces);
	for (size_t i = 0; i < commit->root.piece_count; i++) {
		struct base_entry wanted = {.piece = &commit->root.pieces[i]};
		const struct base_entry *found =
			bsearch(&wanted, entries, base->piece_count, sizeof *entries,
				compare_entries);
		bool taken = found && entries_agree(found->piece, wanted.piece);
		commit->base_pieces[i] = taken ? found->position : NEW_PIECE;
		if (taken)
			commit->base_taken[found->position] = true;
		commit->any_taken = commit->any_taken || taken;
	}
}

/* ---- new pieces --------------------------------------------------------------- */

static int piece_error(size_t piece, struct error *error)
{
	struct error why = *error;
	return error_set(error, why.code, "piece %zu of the manifest: %s", piece,
			 why.text);
}

/* Makes the block mention where one unit lies. */
static int mention(struct commit *commit, size_t piece, const struct unit_name *name,
		   struct error *error)
{
	struct transaction *transaction = commit->transaction;
	struct unit_entry *entry;
	int err = transaction_cite(transaction, &commit->citation, name, &entry, error);
	if (err)
		return err;
	struct unit_frame *frame = &transaction->units.frames[entry->frame];
	if (frame->block != piece) {
		frame->block = (uint32_t)piece;
		frame->block_position = (uint32_t)commit->block.frame_count;
		block_put_frame(&commit->block, &frame->segment->id, frame->offset,
				frame->len);
	}
	block_put_mention(&commit->block, frame->block_position);
	return 0;
}

/* Where the unit is in the frame that was loaded for it. */
static bool find_in_frame(const struct segment_reader *reader,
			  const struct unit_name *name, uint32_t *ret_position)
{
	for (uint32_t i = 0; i < reader->header.unit_count; i++) {
		if (!unit_name_equal(&reader->units[i], name))
			continue;
		*ret_position = i;
		return true;
	}
	return false;
}

/* Loads a piece that the session sent or was offered, and notes its place. */
static int load_new(struct commit *commit, size_t piece, const uint8_t **ret_bytes,
		    struct error *error)
{
	struct transaction *transaction = commit->transaction;
	const struct unit_name *name = &commit->root.pieces[piece].name;
	struct unit_entry *entry;
	int err = transaction_cite(transaction, &commit->citation, name, &entry, error);
	if (err)
		return err;
	const struct unit_frame *frame = &transaction->units.frames[entry->frame];
	struct segment_reader *reader = &transaction->pieces;
	err = segment_reader_load(reader, frame->segment, frame->offset,
				  SEGMENT_END_UNKNOWN, error);
	if (err)
		return err;
	uint32_t position;
	if (!find_in_frame(reader, name, &position))
		return error_set(error, ERR_DAMAGED, "it is not where it should be");
	*ret_bytes = segment_reader_unit(reader, position);
	struct digest sha = sha256_of(*ret_bytes, name->key.len);
	if (!digest_equal(&sha, &name->sha))
		return error_set(error, ERR_DAMAGED, "its SHA-256 does not match");
	struct piece_place *place = &commit->placement.pieces[piece];
	place->segment =
		segment_list_put(&commit->placement.segments, &frame->segment->id);
	place->offset = frame->offset;
	place->unit = position;
	return 0;
}

static int load_taken(struct commit *commit, size_t piece, const uint8_t **ret_bytes,
		      struct error *error)
{
	struct transaction *transaction = commit->transaction;
	return layer_map_piece(&transaction->base, commit->base_pieces[piece],
			       &transaction->pins, &transaction->pieces, ret_bytes,
			       error);
}

/* Decodes the piece behind what was decoded before, if that was the piece before it. A
 * new piece is also checked against its entry in the root, and gets its block. */
static int decode_piece(struct commit *commit, size_t piece, const uint8_t *bytes,
			struct error *error)
{
	const struct root_piece *entry = &commit->root.pieces[piece];
	bool is_new = commit->base_pieces[piece] == NEW_PIECE;
	struct row_decoder *decoder = &commit->decoder;
	bool goes_on = piece > 0 && commit->decoded == piece;
	int err = goes_on ? piece_continue(decoder, bytes, entry->name.key.len, error)
			  : piece_open(decoder, bytes, entry->name.key.len, error);
	if (err)
		return err;
	buffer_clear(&commit->content);
	buffer_put(&commit->content, bytes, entry->name.key.len);
	block_clear(&commit->block);
	struct totals totals = {0};
	struct row row;
	int got;
	while ((got = row_decoder_next(decoder, &row, error)) > 0) {
		totals_add_row(&totals, &row);
		memset(commit->content.at + (decoder->time_at - bytes), 0, TIME_LEN);
		for (size_t i = 0; is_new && i < row.unit_count; i++) {
			err = mention(commit, piece, &row.units[i], error);
			if (err)
				return err;
		}
	}
	commit->decoded = piece + 1;
	struct digest content = sha256_of(commit->content.at, commit->content.len);
	if (got == 0 && (!totals_equal(&totals, &entry->totals) ||
			 !digest_equal(&content, &entry->content)))
		return error_set(error, ERR_DAMAGED,
				 "not what the root says of its contents");
	return got;
}

static int write_block(struct commit *commit, size_t piece, struct error *error)
{
	buffer_clear(&commit->encoded);
	block_encode(&commit->encoded, &commit->block);
	struct place place;
	int err = commit_put_single(commit, FRAME_PLACEMENT, commit->encoded.at,
				    commit->encoded.len, &place, error);
	if (err)
		return err;
	for (size_t i = 0; i < commit->block.segments.count; i++)
		(void)segment_list_put(&commit->segments, &commit->block.segments.ids[i]);
	struct piece_place *at = &commit->placement.pieces[piece];
	at->block_segment = segment_list_put(&commit->placement.segments, &place.segment);
	at->block_offset = place.offset;
	return 0;
}

/* ---- all pieces --------------------------------------------------------------- */

/* Whether nobody has checked yet that this piece may follow the one before it. */
static bool cut_is_new(const struct commit *commit, size_t piece)
{
	if (piece == 0 || piece == commit->root.piece_count)
		return false;
	size_t before = commit->base_pieces[piece - 1];
	size_t behind = commit->base_pieces[piece];
	return before == NEW_PIECE || behind == NEW_PIECE || behind != before + 1;
}

static void take_over(struct commit *commit, size_t piece)
{
	const struct placement *base = &commit->transaction->base.placement;
	struct piece_place place = base->pieces[commit->base_pieces[piece]];
	struct segment_list *segments = &commit->placement.segments;
	place.segment = segment_list_put(segments, &base->segments.ids[place.segment]);
	place.block_segment =
		segment_list_put(segments, &base->segments.ids[place.block_segment]);
	commit->placement.pieces[piece] = place;
}

static int check_piece(struct commit *commit, size_t piece, struct error *error)
{
	bool is_new = commit->base_pieces[piece] == NEW_PIECE;
	if (!is_new)
		take_over(commit, piece);
	if (!is_new && !cut_is_new(commit, piece) && !cut_is_new(commit, piece + 1))
		return 0;
	const uint8_t *bytes = NULL;
	int err = is_new ? load_new(commit, piece, &bytes, error)
			 : load_taken(commit, piece, &bytes, error);
	if (!err)
		err = decode_piece(commit, piece, bytes, error);
	if (!err && is_new)
		err = write_block(commit, piece, error);
	return err ? piece_error(piece, error) : 0;
}

int commit_check_pieces(struct commit *commit, struct error *error)
{
	match_base(commit);
	int err = segment_writer_flush(&commit->transaction->writer, error);
	if (err)
		return err;
	commit->placement.piece_count = commit->root.piece_count;
	commit->placement.pieces = must_calloc(commit->root.piece_count + 1,
					       sizeof *commit->placement.pieces);
	for (size_t i = 0; i < commit->root.piece_count; i++) {
		err = check_piece(commit, i, error);
		if (err)
			return err;
	}
	return 0;
}
