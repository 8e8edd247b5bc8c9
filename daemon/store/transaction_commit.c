/*
 * The commit, in its order: compare the root with the base, check what is new piece by
 * piece while its blocks are written, write placement and root, sync, tell the catalogue,
 * then the unit index.
 *
 * A piece of the base is taken over by reference, unread, unless something beside it is
 * new: the order of rows across a cut, and that the cut had to be there, can only be
 * checked with the rows of both sides.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/store/segment.h"
#include "daemon/store/transaction_state.h"
#include "proto/cleanup.h"

#define NEW_PIECE SIZE_MAX
#define TIME_LEN 12u

struct commit {
	struct transaction *transaction; /* borrowed */
	struct root root;
	struct placement placement;
	struct segment_list segments; /* all that the layer refers to */
	size_t *base_pieces; /* owned; for each piece its position in the base; NEW_PIECE */
	bool *base_taken;    /* owned; for each piece of the base */
	bool any_taken;
	struct citation citation;
	struct row_decoder decoder;
	size_t decoded; /* pieces before this one were decoded without a gap */
	struct block block;
	struct buffer content; /* a piece with its times zeroed */
	struct buffer encoded;
	struct place root_place, placement_place;
};

static void commit_fini(struct commit *commit)
{
	root_fini(&commit->root);
	placement_fini(&commit->placement);
	segment_list_fini(&commit->segments);
	free(commit->base_pieces);
	free(commit->base_taken);
	row_decoder_fini(&commit->decoder);
	block_fini(&commit->block);
	buffer_fini(&commit->content);
	buffer_fini(&commit->encoded);
}

/* ---- what the base has already ------------------------------------------------------------ */

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
	return unit_name_equal(&a->name, &b->name) && totals_equal(&a->totals, &b->totals) &&
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

/* ---- writing what only the store needs ----------------------------------------------------- */

/* Writes one unit of that kind as a frame of its own, compressed. */
static int put_single(struct commit *commit, enum frame_kind kind, const void *data,
		      size_t len, struct place *ret_place, struct error *error)
{
	struct transaction *transaction = commit->transaction;
	if (len > FRAME_RAW_MAX)
		return error_set(error, ERR_LIMIT,
				 "persist: its placement takes %zu bytes, at most %u",
				 len, FRAME_RAW_MAX);
	uint8_t *packed AUTO_FREE = must_alloc(len);
	enum codec_id codec;
	size_t packed_len;
	int err = codec_pack(transaction->pieces.codec, data, len, packed, len, &codec,
			     &packed_len, error);
	if (err)
		return err;
	struct unit_name name = {
		.key = {.xxh = xxh128_of(data, len), .len = (uint32_t)len},
		.sha = sha256_of(data, len),
	};
	struct frame_input frame = {
		.kind = (uint8_t)kind,
		.codec = (uint8_t)codec,
		.raw_len = (uint32_t)len,
		.units = &name,
		.unit_count = 1,
		.payload = packed,
		.payload_len = packed_len,
	};
	struct segment *segment;
	err = transaction_append(transaction, &frame, &segment, &ret_place->offset, error);
	if (err)
		return err;
	ret_place->segment = segment->id;
	(void)segment_list_put(&commit->segments, &segment->id);
	return 0;
}

/* ---- new pieces --------------------------------------------------------------------------- */

static int piece_error(size_t piece, struct error *error)
{
	struct error why = *error;
	return error_set(error, why.code, "piece %zu of the manifest: %s", piece, why.text);
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
			       &transaction->pins, &transaction->pieces, ret_bytes, error);
}

/* Decodes the piece behind what was decoded before, if that was the piece before it. A new
 * piece is also checked against its entry in the root, and gets its block. */
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
	int err = put_single(commit, FRAME_PLACEMENT, commit->encoded.at,
			     commit->encoded.len, &place, error);
	if (err)
		return err;
	for (size_t i = 0; i < commit->block.segments.count; i++)
		(void)segment_list_put(&commit->segments, &commit->block.segments.ids[i]);
	struct piece_place *at = &commit->placement.pieces[piece];
	at->block_segment =
		segment_list_put(&commit->placement.segments, &place.segment);
	at->block_offset = place.offset;
	return 0;
}

/* ---- all pieces --------------------------------------------------------------------------- */

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

static int check_pieces(struct commit *commit, struct error *error)
{
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

/* ---- the end ------------------------------------------------------------------------------ */

/* What the placement names, and what the blocks taken over may name. */
static void list_segments(struct commit *commit)
{
	const struct segment_list *placement = &commit->placement.segments;
	for (size_t i = 0; i < placement->count; i++)
		(void)segment_list_put(&commit->segments, &placement->ids[i]);
	const struct layer_place *base = &commit->transaction->base.place;
	for (size_t i = 0; commit->any_taken && i < base->segment_count; i++)
		(void)segment_list_put(&commit->segments, &base->segments[i]);
}

static int write_placement_and_root(struct commit *commit,
				    const struct transaction_commit *input,
				    struct error *error)
{
	buffer_clear(&commit->encoded);
	placement_encode(&commit->encoded, &commit->placement);
	int err = put_single(commit, FRAME_PLACEMENT, commit->encoded.at,
			     commit->encoded.len, &commit->placement_place, error);
	if (!err)
		err = put_single(commit, FRAME_ROOT, input->root, input->root_len,
				 &commit->root_place, error);
	list_segments(commit);
	return err;
}

static int tell_catalogue(struct commit *commit, const struct transaction_commit *input,
			  struct layer_record *ret_record, bool *ret_again,
			  struct error *error)
{
	struct transaction *transaction = commit->transaction;
	size_t written_count;
	struct segment_row *written AUTO_FREE =
		segment_writer_rows(&transaction->writer, &written_count);
	struct layer_commit layer = {
		.execution_id = input->execution_id,
		.digest = sha256_of(input->root, input->root_len),
		.content = root_content_digest(&commit->root),
		.totals = root_totals(&commit->root),
		.new_bytes = transaction->new_bytes,
		.stored_bytes = transaction->stored_bytes,
		.root = commit->root_place,
		.placement = commit->placement_place,
		.segments = commit->segments.ids,
		.segment_count = commit->segments.count,
		.written = written,
		.written_count = written_count,
	};
	memcpy(layer.key, input->key, KEY_LEN);
	int err = catalogue_commit_layer(transaction->store->catalogue, &layer, ret_record,
					 ret_again, error);
	return err ? store_fail_if_broken(transaction->store, error) : 0;
}

/* Hands the session's own units to the index, sorted. */
static void tell_index(struct transaction *transaction)
{
	const struct unit_table *units = &transaction->units;
	struct unit_batch batch = {.namespace_id = transaction->namespace_id};
	struct segment_list segments = {0};
	batch.rows = must_calloc(units->count + 1u, sizeof *batch.rows);
	for (uint32_t i = 0; i < units->count; i++) {
		const struct unit_entry *entry = &units->entries[i];
		const struct unit_frame *frame = &units->frames[entry->frame];
		if (frame->origin != FRAME_OWN)
			continue;
		batch.rows[batch.row_count++] = (struct unit_row){
			.name = entry->name,
			.segment = segment_list_put(&segments, &frame->segment->id),
			.offset = frame->offset,
			.position = entry->position,
		};
	}
	batch.segments = segments.ids;
	unit_batch_sort(&batch);
	unit_index_add(transaction->store->units, &batch);
}

static int commit_all(struct commit *commit, const struct transaction_commit *input,
		      struct layer_record *ret_record, bool *ret_again,
		      struct error *error)
{
	struct transaction *transaction = commit->transaction;
	int err = store_check_writable(transaction->store, error);
	if (!err)
		err = root_decode(input->root, input->root_len, &commit->root, error);
	if (err)
		return err;
	match_base(commit);
	err = check_pieces(commit, error);
	if (!err)
		err = write_placement_and_root(commit, input, error);
	if (!err)
		err = segment_writer_sync(&transaction->writer, error);
	if (!err)
		err = tell_catalogue(commit, input, ret_record, ret_again, error);
	return err;
}

int transaction_commit(struct transaction *transaction,
		       const struct transaction_commit *input,
		       struct layer_record *ret_record, bool *ret_again,
		       struct error *error)
{
	claim(!transaction->ended);
	transaction->ended = true;
	struct commit commit AUTO(commit_fini) = {.transaction = transaction};
	bool again = false;
	int err = commit_all(&commit, input, ret_record, &again, error);
	if (err || again) {
		segment_writer_abort(&transaction->writer);
	} else {
		segment_writer_commit(&transaction->writer);
		tell_index(transaction);
	}
	if (!err)
		*ret_again = again;
	return err;
}
