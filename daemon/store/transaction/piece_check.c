#include "daemon/store/transaction/piece_check.h"

#include <string.h>

#include "daemon/store/transaction/state.h"
#include "proto/base/cleanup.h"

void piece_checker_fini(struct piece_checker *checker)
{
	row_decoder_fini(&checker->decoder);
	block_fini(&checker->block);
	buffer_fini(&checker->content);
	buffer_fini(&checker->encoded);
}

void checked_piece_fini(struct checked_piece *piece)
{
	piece_edges_fini(&piece->edges);
	segment_list_fini(&piece->block_segments);
}

/* Makes the block mention where one unit lies. */
static int mention(struct transaction *transaction, struct citation *citation,
		   const struct unit_name *name, struct error *error)
{
	struct piece_checker *checker = &transaction->checker;
	struct unit_entry *entry;
	int err = transaction_cite(transaction, citation, name, &entry, error);
	if (err)
		return err;
	struct unit_frame *frame = &transaction->units.frames[entry->frame];
	if (frame->block != checker->number) {
		frame->block = checker->number;
		frame->block_position = (uint32_t)checker->block.frame_count;
		err = block_put_frame(&checker->block, &frame->segment->id, frame->offset,
				      frame->len, error);
	}
	return err ? err
		   : block_put_mention(&checker->block, frame->block_position, error);
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

int piece_try_again(struct error *error)
{
	if (error->code != ERR_DAMAGED)
		return error->code;
	struct error why = *error;
	return error_set(error, ERR_BUSY, "%s; it is not offered again: send it anew",
			 why.text);
}

/* Loads the piece, and notes its place. */
static int load(struct transaction *transaction, struct citation *citation,
		struct checked_piece *piece, const uint8_t **ret_bytes,
		struct error *error)
{
	struct unit_entry *entry;
	int err = transaction_cite(transaction, citation, &piece->name, &entry, error);
	if (err)
		return err;
	const struct unit_frame *frame = &transaction->units.frames[entry->frame];
	struct segment_reader *reader = &transaction->pieces;
	err = segment_reader_load(reader, frame->segment, frame->offset,
				  SEGMENT_END_UNKNOWN, error);
	if (err)
		return piece_try_again(error);
	if (!find_in_frame(reader, &piece->name, &piece->position))
		return error_set(error, ERR_DAMAGED, "it is not where it should be");
	*ret_bytes = segment_reader_unit(reader, piece->position);
	struct digest sha = sha256_of(*ret_bytes, piece->name.key.len);
	if (!digest_equal(&sha, &piece->name.sha))
		return error_set(error, ERR_DAMAGED, "its SHA-256 does not match");
	piece->place = (struct stored_place){frame->segment->id, frame->offset};
	return 0;
}

static int check_rows(struct transaction *transaction, struct citation *citation,
		      const uint8_t *bytes, struct checked_piece *piece,
		      struct error *error)
{
	struct piece_checker *checker = &transaction->checker;
	struct row_decoder *decoder = &checker->decoder;
	int err = piece_open(decoder, bytes, piece->name.key.len, error);
	if (err)
		return err;
	buffer_clear(&checker->content);
	err = buffer_may_reserve(&checker->content, piece->name.key.len, error);
	if (err)
		return err;
	buffer_put(&checker->content, bytes, piece->name.key.len);
	block_clear(&checker->block);
	checker->number++;
	struct row row;
	int got;
	while ((got = row_decoder_next(decoder, &row, error)) > 0) {
		if (!piece->edges.first)
			piece_edges_begin(&piece->edges, decoder);
		totals_add_row(&piece->totals, &row);
		memset(checker->content.at + (decoder->time_at - bytes), 0, ROW_TIME_LEN);
		for (size_t i = 0; i < row.unit_count; i++) {
			err = mention(transaction, citation, &row.units[i], error);
			if (err)
				return err;
		}
	}
	if (got < 0)
		return got;
	piece_edges_end(&piece->edges, decoder);
	piece->content = sha256_of(checker->content.at, checker->content.len);
	return 0;
}

int piece_check(struct transaction *transaction, struct citation *citation,
		const struct unit_name *name, struct checked_piece *ret_piece,
		struct error *error)
{
	struct checked_piece piece AUTO(checked_piece_fini) = {.name = *name};
	const uint8_t *bytes = NULL;
	int err = load(transaction, citation, &piece, &bytes, error);
	if (!err)
		err = check_rows(transaction, citation, bytes, &piece, error);
	if (err)
		return err;
	const struct segment_list *segments = &transaction->checker.block.segments;
	for (size_t i = 0; i < segments->count; i++)
		(void)segment_list_put(&piece.block_segments, &segments->ids[i]);
	*ret_piece = piece;
	piece = (struct checked_piece){0};
	return 0;
}

int piece_check_write(struct transaction *transaction, struct checked_piece *piece,
		      struct error *error)
{
	struct piece_checker *checker = &transaction->checker;
	buffer_clear(&checker->encoded);
	int err = block_encode(&checker->encoded, &checker->block, error);
	if (err)
		return err;
	return transaction_put_single(transaction, FRAME_PLACEMENT, &checker->encoded,
				      &piece->block, error);
}

int piece_check_edges(struct transaction *transaction, const uint8_t *bytes, size_t len,
		      struct piece_edges *ret_edges, struct error *error)
{
	struct row_decoder *decoder = &transaction->checker.decoder;
	struct piece_edges edges AUTO(piece_edges_fini) = {0};
	int got = piece_open(decoder, bytes, len, error);
	struct row row;
	while (got >= 0 && (got = row_decoder_next(decoder, &row, error)) > 0)
		if (!edges.first)
			piece_edges_begin(&edges, decoder);
	if (got < 0)
		return got;
	piece_edges_end(&edges, decoder);
	*ret_edges = edges;
	edges = (struct piece_edges){0};
	return 0;
}
