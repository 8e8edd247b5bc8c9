#include "daemon/store/layer/placement.h"

#include <string.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/unit/frame.h"

#define PLACEMENT_VERSION 2u
/* Without what blocks name. */
#define PLACEMENT_VERSION_BEFORE 1u
#define BLOCK_VERSION 1u
#define MARK_PLACEMENT 1u
#define MARK_BLOCK 2u
/* The fewest bytes of an entry, so that a count can be checked before memory is reserved.
 */
#define PIECE_PLACE_LEN_MIN 5u
#define BLOCK_FRAME_LEN_MIN 3u
/* At most, for the memory that encoding asks for: mark and counts, a piece, a frame. */
#define HEAD_LEN_MAX (2u + 2u * VARINT_LEN_MAX)
#define PIECE_PLACE_LEN_MAX (6u * VARINT_LEN_MAX)
#define BLOCK_FRAME_LEN_MAX (3u * VARINT_LEN_MAX)

/* ---- lists of segments -------------------------------------------------------- */

static void encode_segments(struct buffer *out, const struct segment_list *list)
{
	buffer_put_varint(out, list->count);
	for (size_t i = 0; i < list->count; i++)
		buffer_put(out, list->ids[i].bytes, SEGMENT_ID_LEN);
}

static int decode_segments(struct reader *in, struct segment_list *list,
			   struct error *error)
{
	uint64_t count = reader_varint(in);
	const uint8_t *ids = count <= in->left / SEGMENT_ID_LEN
				     ? reader_bytes(in, count * SEGMENT_ID_LEN)
				     : NULL;
	if (!ids) {
		in->failed = true;
		return 0;
	}
	list->ids = may_calloc(count + 1, sizeof(*list->ids), error);
	if (!list->ids)
		return ERR_NO_MEMORY;
	list->count = list->room = count;
	memcpy(list->ids, ids, count * SEGMENT_ID_LEN);
	return 0;
}

/* A varint below a bound; fails the reader otherwise. */
static uint32_t position_below(struct reader *in, uint64_t bound)
{
	uint64_t value = reader_varint(in);
	if (value >= bound)
		in->failed = true;
	return in->failed ? 0 : (uint32_t)value;
}

/* Where a frame begins, and can end. */
static uint64_t frame_offset(struct reader *in)
{
	uint64_t offset = reader_varint(in);
	if (offset >= INT64_MAX - FRAME_LEN_MAX)
		in->failed = true;
	return offset;
}

/* A count of entries that take at least entry_len bytes each. */
static size_t plausible_count(struct reader *in, size_t entry_len)
{
	uint64_t count = reader_varint(in);
	if (count > in->left / entry_len)
		in->failed = true;
	return in->failed ? 0 : (size_t)count;
}

/* `latest` is the newest version of what has that mark. */
static int decode_mark(struct reader *in, uint8_t mark, uint8_t latest,
		       uint8_t *ret_version, struct error *error)
{
	*ret_version = reader_u8(in);
	uint8_t got = reader_u8(in);
	if (!in->failed && got == mark && *ret_version > latest)
		return error_set(error, ERR_VERSION,
				 "placement: format %u is newer than this program",
				 *ret_version);
	if (in->failed || *ret_version == 0 || got != mark)
		return error_set(error, ERR_DAMAGED, "placement: does not begin as one");
	return 0;
}

/* ---- placements --------------------------------------------------------------- */

static int name_position(struct placement *placement, size_t piece, uint32_t position,
			 struct error *error)
{
	struct piece_place *place = &placement->pieces[piece];
	if (array_may_make_room(placement->named, placement->named_count,
				placement->named_room, error))
		return ERR_NO_MEMORY;
	if (place->named_count == 0)
		place->named_first = (uint32_t)placement->named_count;
	claim(place->named_first + place->named_count == placement->named_count);
	placement->named[placement->named_count++] = position;
	place->named_count++;
	return 0;
}

int placement_name(struct placement *placement, size_t piece, const struct segment_id *id,
		   struct error *error)
{
	return name_position(placement, piece, segment_list_put(&placement->segments, id),
			     error);
}

int placement_encode(struct buffer *out, const struct placement *placement,
		     struct error *error)
{
	int err = buffer_may_reserve(
		out,
		HEAD_LEN_MAX + placement->segments.count * SEGMENT_ID_LEN +
			placement->piece_count * PIECE_PLACE_LEN_MAX +
			placement->named_count * VARINT_LEN_MAX,
		error);
	if (err)
		return err;
	buffer_put_u8(out, PLACEMENT_VERSION);
	buffer_put_u8(out, MARK_PLACEMENT);
	encode_segments(out, &placement->segments);
	buffer_put_varint(out, placement->piece_count);
	for (size_t i = 0; i < placement->piece_count; i++) {
		const struct piece_place *piece = &placement->pieces[i];
		buffer_put_varint(out, piece->segment);
		buffer_put_varint(out, piece->offset);
		buffer_put_varint(out, piece->unit);
		buffer_put_varint(out, piece->block_segment);
		buffer_put_varint(out, piece->block_offset);
		buffer_put_varint(out, piece->named_count);
		for (size_t j = 0; j < piece->named_count; j++)
			buffer_put_varint(out, placement->named[piece->named_first + j]);
	}
	return 0;
}

static int decode_named(struct reader *in, struct placement *placement, size_t piece,
			struct error *error)
{
	size_t count = plausible_count(in, 1);
	for (size_t i = 0; i < count && !in->failed; i++) {
		uint32_t position = position_below(in, placement->segments.count);
		if (!in->failed && name_position(placement, piece, position, error))
			return ERR_NO_MEMORY;
	}
	return 0;
}

static int decode_piece(struct reader *in, struct placement *placement, size_t piece,
			struct error *error)
{
	size_t segments = placement->segments.count;
	struct piece_place *place = &placement->pieces[piece];
	place->segment = position_below(in, segments);
	place->offset = frame_offset(in);
	place->unit = position_below(in, FRAME_UNITS_MAX);
	place->block_segment = position_below(in, segments);
	place->block_offset = frame_offset(in);
	return placement->is_exact ? decode_named(in, placement, piece, error) : 0;
}

int placement_decode(const void *bytes, size_t len, size_t piece_count,
		     struct placement *ret_placement, struct error *error)
{
	struct reader in = reader_of(bytes, len);
	uint8_t version;
	int err = decode_mark(&in, MARK_PLACEMENT, PLACEMENT_VERSION, &version, error);
	if (err)
		return err;
	struct placement placement AUTO(placement_fini) = {
		.is_exact = version != PLACEMENT_VERSION_BEFORE};
	err = decode_segments(&in, &placement.segments, error);
	if (err)
		return err;
	size_t count = plausible_count(&in, PIECE_PLACE_LEN_MIN);
	if (in.failed || count != piece_count)
		return error_set(error, ERR_DAMAGED,
				 "placement: not of as many pieces as the root");
	placement.pieces = may_calloc(count + 1, sizeof(*placement.pieces), error);
	if (!placement.pieces)
		return ERR_NO_MEMORY;
	placement.piece_count = count;
	for (size_t i = 0; i < count && !in.failed; i++) {
		err = decode_piece(&in, &placement, i, error);
		if (err)
			return err;
	}
	if (in.failed || in.left > 0)
		return error_set(error, ERR_DAMAGED, "placement: malformed");
	*ret_placement = placement;
	placement = (struct placement){0};
	return 0;
}

void placement_fini(struct placement *placement)
{
	segment_list_fini(&placement->segments);
	free(placement->pieces);
	free(placement->named);
	*placement = (struct placement){0};
}

/* ---- blocks ------------------------------------------------------------------- */

int block_put_frame(struct block *block, const struct segment_id *segment,
		    uint64_t offset, uint32_t len, struct error *error)
{
	if (array_may_make_room(block->frames, block->frame_count, block->frame_room,
				error))
		return ERR_NO_MEMORY;
	block->frames[block->frame_count++] = (struct block_frame){
		.segment = segment_list_put(&block->segments, segment),
		.len = len,
		.offset = offset,
	};
	return 0;
}

int block_put_mention(struct block *block, uint32_t frame, struct error *error)
{
	claim(frame < block->frame_count);
	if (array_may_make_room(block->mentions, block->mention_count,
				block->mention_room, error))
		return ERR_NO_MEMORY;
	block->mentions[block->mention_count++] = frame;
	return 0;
}

void block_clear(struct block *block)
{
	block->segments.count = 0;
	block->frame_count = 0;
	block->mention_count = 0;
}

int block_encode(struct buffer *out, const struct block *block, struct error *error)
{
	int err = buffer_may_reserve(
		out,
		HEAD_LEN_MAX + block->segments.count * SEGMENT_ID_LEN +
			block->frame_count * BLOCK_FRAME_LEN_MAX + VARINT_LEN_MAX +
			block->mention_count * VARINT_LEN_MAX,
		error);
	if (err)
		return err;
	buffer_put_u8(out, BLOCK_VERSION);
	buffer_put_u8(out, MARK_BLOCK);
	encode_segments(out, &block->segments);
	buffer_put_varint(out, block->frame_count);
	for (size_t i = 0; i < block->frame_count; i++) {
		buffer_put_varint(out, block->frames[i].segment);
		buffer_put_varint(out, block->frames[i].offset);
		buffer_put_varint(out, block->frames[i].len);
	}
	buffer_put_varint(out, block->mention_count);
	int64_t previous = 0;
	for (size_t i = 0; i < block->mention_count; i++) {
		buffer_put_zigzag(out, (int64_t)block->mentions[i] - previous);
		previous = block->mentions[i];
	}
	return 0;
}

static int decode_frames(struct reader *in, struct block *block, struct error *error)
{
	size_t count = plausible_count(in, BLOCK_FRAME_LEN_MIN);
	block->frames = may_calloc(count + 1, sizeof(*block->frames), error);
	if (!block->frames)
		return ERR_NO_MEMORY;
	block->frame_count = block->frame_room = count;
	for (size_t i = 0; i < count; i++) {
		struct block_frame *frame = &block->frames[i];
		frame->segment = position_below(in, block->segments.count);
		frame->offset = frame_offset(in);
		frame->len = position_below(in, FRAME_LEN_MAX + 1);
		if (frame->len <= FRAME_HEADER_LEN)
			in->failed = true;
	}
	return 0;
}

static int decode_mentions(struct reader *in, struct block *block, struct error *error)
{
	size_t count = plausible_count(in, 1);
	block->mentions = may_calloc(count + 1, sizeof(*block->mentions), error);
	if (!block->mentions)
		return ERR_NO_MEMORY;
	block->mention_count = block->mention_room = count;
	int64_t position = 0;
	for (size_t i = 0; i < count && !in->failed; i++) {
		int64_t step = reader_zigzag(in);
		if (step < -position || step >= (int64_t)block->frame_count - position) {
			in->failed = true;
			return 0;
		}
		position += step;
		block->mentions[i] = (uint32_t)position;
	}
	return 0;
}

int block_decode(const void *bytes, size_t len, uint64_t mention_count,
		 struct block *ret_block, struct error *error)
{
	struct reader in = reader_of(bytes, len);
	uint8_t version;
	int err = decode_mark(&in, MARK_BLOCK, BLOCK_VERSION, &version, error);
	if (err)
		return err;
	struct block block AUTO(block_fini) = {0};
	err = decode_segments(&in, &block.segments, error);
	if (!err)
		err = decode_frames(&in, &block, error);
	if (!err)
		err = decode_mentions(&in, &block, error);
	if (err)
		return err;
	if (in.failed || in.left > 0)
		return error_set(error, ERR_DAMAGED, "block: malformed");
	if (block.mention_count != mention_count)
		return error_set(error, ERR_DAMAGED,
				 "block: not of as many units as its piece");
	*ret_block = block;
	block = (struct block){0};
	return 0;
}

void block_fini(struct block *block)
{
	segment_list_fini(&block->segments);
	free(block->frames);
	free(block->mentions);
	*block = (struct block){0};
}
