#include "daemon/store/segment/holes.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/unit/digest.h"

static const uint8_t table_magic[8] = {'B', 'A', 'T', 'O', 'N', 'H', 'O', 'L'};
/* What a row can hold: some TiB. */
#define OFFSET_MAX ((uint64_t)1 << 44)
/* Magic, length, sum. */
#define TABLE_AROUND (sizeof(table_magic) + 4u + 8u)

void holes_fini(struct holes *holes)
{
	free(holes->at);
	*holes = (struct holes){0};
}

struct holes holes_copy(const struct holes *holes)
{
	struct holes copy = *holes;
	copy.room = holes->count;
	copy.at = must_calloc(holes->count + 1, sizeof(*copy.at));
	if (holes->count > 0)
		memcpy(copy.at, holes->at, holes->count * sizeof(*copy.at));
	return copy;
}

/* ---- making -------------------------------------------------------------------- */

void holes_add(struct holes *holes, uint64_t offset, uint64_t len)
{
	struct hole *last = holes->count > 0 ? &holes->at[holes->count - 1] : NULL;
	claim(!last || last->offset + last->len <= offset);
	if (len == 0)
		return;
	if (last && last->offset + last->len == offset) {
		last->len += len;
	} else {
		array_make_room(holes->at, holes->count, holes->room);
		holes->at[holes->count++] = (struct hole){offset, len, holes->bytes};
	}
	holes->bytes += len;
}

/* How many begin at or before the offset. */
static size_t count_until(const struct holes *holes, uint64_t offset)
{
	size_t low = 0, high = holes->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (holes->at[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether any of these lies in that one. */
static bool has_any(const struct hole *hole, const struct holes *holes)
{
	size_t count = count_until(holes, hole->offset + hole->len - 1);
	const struct hole *last = count > 0 ? &holes->at[count - 1] : NULL;
	return last && last->offset + last->len > hole->offset;
}

/* Leaves out those that are shorter: they cost their bytes. */
static void fill_shorter(struct holes *holes, uint64_t len, const struct holes *kept)
{
	struct holes longer = {0};
	for (size_t i = 0; i < holes->count; i++)
		if (holes->at[i].len >= len || has_any(&holes->at[i], kept))
			holes_add(&longer, holes->at[i].offset, holes->at[i].len);
	holes_fini(holes);
	*holes = longer;
}

/* In the end only those are left that touch kept ones, which are no more than these, and
 * fitted into half of the room. */
void holes_close(struct holes *holes, const struct holes *kept)
{
	for (uint64_t len = 256;; len *= 2) {
		struct buffer encoded AUTO(buffer_fini) = {0};
		holes_encode(&encoded, holes);
		holes->table_len = holes_table_len(encoded.len);
		if (encoded.len <= HOLES_LEN_MAX / 2 || len > INT64_MAX / 2)
			return;
		fill_shorter(holes, len, kept);
	}
}

/* ---- as bytes ------------------------------------------------------------------- */

void holes_encode(struct buffer *out, const struct holes *holes)
{
	uint64_t end = 0;
	for (size_t i = 0; i < holes->count; i++) {
		buffer_put_varint(out, holes->at[i].offset - end);
		buffer_put_varint(out, holes->at[i].len);
		end = holes->at[i].offset + holes->at[i].len;
	}
}

int holes_decode(const void *bytes, size_t len, uint64_t vouched, struct holes *ret_holes,
		 struct error *error)
{
	struct holes holes AUTO(holes_fini) = {.table_len = holes_table_len(len)};
	struct reader in = reader_of(bytes, len);
	uint64_t end = 0;
	while (in.left > 0 && !in.failed && len <= HOLES_LEN_MAX) {
		uint64_t gap = reader_varint(&in);
		uint64_t hole_len = reader_varint(&in);
		if (in.failed || gap == 0 || end + gap < SEGMENT_HEADER_LEN ||
		    gap > vouched - end || hole_len == 0 ||
		    hole_len > vouched - end - gap)
			in.failed = true;
		else
			holes_add(&holes, end + gap, hole_len);
		end += in.failed ? 0 : gap + hole_len;
	}
	if (in.failed || in.left > 0)
		return error_set(error, ERR_DAMAGED, "its holes cannot be");
	*ret_holes = holes;
	holes = (struct holes){0};
	return 0;
}

uint64_t holes_table_len(size_t encoded_len)
{
	return encoded_len > 0 ? TABLE_AROUND + encoded_len : 0;
}

uint32_t holes_table_encoded(const uint8_t head[HOLES_TABLE_HEAD_LEN])
{
	struct reader in = reader_of(head, HOLES_TABLE_HEAD_LEN);
	(void)reader_bytes(&in, sizeof(table_magic));
	return reader_u32(&in);
}

int holes_decode_table(const uint8_t *bytes, size_t len, struct holes *ret_holes,
		       struct error *error)
{
	if (len < TABLE_AROUND || memcmp(bytes, table_magic, sizeof(table_magic)) != 0)
		return error_set(error, ERR_DAMAGED, "it has no table of its holes");
	struct reader sum = reader_of(bytes + len - 8, 8);
	if (holes_table_len(holes_table_encoded(bytes)) != len ||
	    reader_u64(&sum) != xxh64_of(bytes, len - 8))
		return error_set(error, ERR_DAMAGED,
				 "the checksum of its table of holes does not match");
	return holes_decode(bytes + HOLES_TABLE_HEAD_LEN, len - TABLE_AROUND, OFFSET_MAX,
			    ret_holes, error);
}

void holes_encode_table(struct buffer *out, const struct holes *holes)
{
	struct buffer encoded AUTO(buffer_fini) = {0};
	holes_encode(&encoded, holes);
	size_t begin = out->len;
	buffer_put(out, table_magic, sizeof(table_magic));
	buffer_put_u32(out, (uint32_t)encoded.len);
	buffer_put(out, encoded.at, encoded.len);
	buffer_put_u64(out, xxh64_of(out->at + begin, out->len - begin));
	claim(out->len - begin == holes->table_len);
}

/* ---- where things are ------------------------------------------------------------ */

static bool is_in(const struct hole *hole, uint64_t offset)
{
	return offset - hole->offset < hole->len;
}

uint64_t holes_place(const struct holes *holes, uint64_t offset)
{
	if (holes->count == 0 || offset < SEGMENT_HEADER_LEN)
		return offset;
	size_t count = count_until(holes, offset);
	if (count == 0)
		return offset + holes->table_len;
	const struct hole *hole = &holes->at[count - 1];
	uint64_t missing = is_in(hole, offset) ? offset - hole->offset : hole->len;
	return offset - hole->before - missing + holes->table_len;
}

uint64_t holes_extent(const struct holes *holes, uint64_t offset)
{
	size_t count = count_until(holes, offset);
	if (count > 0 && is_in(&holes->at[count - 1], offset))
		return 0;
	return count < holes->count ? holes->at[count].offset - offset : UINT64_MAX;
}

uint64_t holes_skip(const struct holes *holes, uint64_t offset)
{
	size_t count = count_until(holes, offset);
	const struct hole *hole = count > 0 ? &holes->at[count - 1] : NULL;
	return hole && is_in(hole, offset) ? hole->offset + hole->len : offset;
}
