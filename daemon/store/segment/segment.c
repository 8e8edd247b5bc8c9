#include "daemon/store/segment/segment.h"

#include <string.h>

#include "daemon/store/segment/holes.h"
#include "proto/base/cleanup.h"

#define SEGMENT_VERSION 1u
#define FLAG_HOLES 1u

static const uint8_t header_magic[8] = {'B', 'A', 'T', 'O', 'N', 'S', 'E', 'G'};
static const uint8_t footer_magic[8] = {'B', 'A', 'T', 'O', 'N', 'E', 'N', 'D'};
static const uint8_t no_key_id[16];

/* ---- the header --------------------------------------------------------------- */

void segment_header_encode(const struct segment_header *header,
			   uint8_t ret_bytes[SEGMENT_HEADER_LEN])
{
	struct buffer out AUTO(buffer_fini) = {0};
	buffer_put(&out, header_magic, sizeof(header_magic));
	buffer_put_u32(&out, SEGMENT_VERSION);
	buffer_put_u32(&out, header->has_holes ? FLAG_HOLES : 0);
	buffer_put(&out, header->id.bytes, SEGMENT_ID_LEN);
	buffer_put_u64(&out, (uint64_t)header->namespace_id);
	buffer_put(&out, no_key_id, sizeof(no_key_id));
	buffer_put_u64(&out, xxh64_of(out.at, out.len));
	claim(out.len == SEGMENT_HEADER_LEN);
	memcpy(ret_bytes, out.at, out.len);
}

int segment_header_decode(const uint8_t bytes[SEGMENT_HEADER_LEN],
			  struct segment_header *ret_header, struct error *error)
{
	struct reader in = reader_of(bytes, SEGMENT_HEADER_LEN);
	struct segment_header header = {0};
	const uint8_t *magic = reader_bytes(&in, sizeof(header_magic));
	uint32_t version = reader_u32(&in);
	uint32_t flags = reader_u32(&in);
	reader_copy(&in, header.id.bytes, SEGMENT_ID_LEN);
	header.namespace_id = (int64_t)reader_u64(&in);
	const uint8_t *key_id = reader_bytes(&in, sizeof(no_key_id));
	bool sound = reader_u64(&in) == xxh64_of(bytes, SEGMENT_HEADER_LEN - 8);
	if (memcmp(magic, header_magic, sizeof(header_magic)) != 0)
		return error_set(error, ERR_DAMAGED, "does not begin as a segment");
	if (!sound)
		return error_set(error, ERR_DAMAGED,
				 "the checksum of its header does not match");
	if (version > SEGMENT_VERSION)
		return error_set(error, ERR_VERSION,
				 "format %u is newer than this program", version);
	header.has_holes = flags & FLAG_HOLES;
	if (version != SEGMENT_VERSION || (flags & ~FLAG_HOLES) != 0 ||
	    memcmp(key_id, no_key_id, sizeof(no_key_id)) != 0)
		return error_set(error, ERR_VERSION,
				 "its header has a flag or a key that is not known");
	*ret_header = header;
	return 0;
}

/* ---- index and footer --------------------------------------------------------- */

void segment_footer_encode(const struct segment_footer *footer,
			   uint8_t ret_bytes[SEGMENT_FOOTER_LEN])
{
	struct buffer out AUTO(buffer_fini) = {0};
	buffer_put_u64(&out, footer->index_offset);
	buffer_put_u64(&out, footer->index_len);
	buffer_put_u32(&out, footer->frame_count);
	buffer_put_u32(&out, SEGMENT_VERSION);
	buffer_put_u64(&out, footer->index_checksum);
	buffer_put_u64(&out, xxh64_of(out.at, out.len));
	buffer_put(&out, footer_magic, sizeof(footer_magic));
	claim(out.len == SEGMENT_FOOTER_LEN);
	memcpy(ret_bytes, out.at, out.len);
}

static bool footer_fills_end(const struct segment_footer *footer, uint64_t end)
{
	return footer->index_offset >= SEGMENT_HEADER_LEN &&
	       footer->index_offset <= end &&
	       footer->index_len <= SEGMENT_INDEX_LEN_MAX &&
	       end - footer->index_offset == footer->index_len + SEGMENT_FOOTER_LEN;
}

int segment_footer_decode(const uint8_t bytes[SEGMENT_FOOTER_LEN], uint64_t end,
			  struct segment_footer *ret_footer, struct error *error)
{
	struct reader in = reader_of(bytes, SEGMENT_FOOTER_LEN);
	struct segment_footer footer = {.index_offset = reader_u64(&in)};
	footer.index_len = reader_u64(&in);
	footer.frame_count = reader_u32(&in);
	uint32_t version = reader_u32(&in);
	footer.index_checksum = reader_u64(&in);
	bool sound = reader_u64(&in) == xxh64_of(bytes, SEGMENT_FOOTER_LEN - 16);
	const uint8_t *magic = reader_bytes(&in, sizeof(footer_magic));
	if (!sound || memcmp(magic, footer_magic, sizeof(footer_magic)) != 0)
		return error_set(error, ERR_DAMAGED,
				 "the checksum of its footer does not match");
	if (version != SEGMENT_VERSION || !footer_fills_end(&footer, end))
		return error_set(error, ERR_DAMAGED,
				 "its footer does not describe its end");
	*ret_footer = footer;
	return 0;
}

void segment_index_put(struct buffer *index, uint64_t offset, const uint8_t *head,
		       size_t head_len)
{
	buffer_put_u64(index, offset);
	buffer_put(index, head, head_len);
}

int segment_index_next(struct reader *index, struct segment_entry *ret_entry,
		       struct unit_name *ret_units, struct error *error)
{
	if (index->left == 0 && !index->failed)
		return 0;
	struct segment_entry entry = {.offset = reader_u64(index)};
	const uint8_t *head = reader_bytes(index, FRAME_HEADER_LEN);
	if (!head)
		return error_set(error, ERR_DAMAGED, "its index is cut short");
	int err = frame_header_decode(head, &entry.header, error);
	if (err)
		return err;
	if (!reader_bytes(index, frame_table_end(&entry.header) - FRAME_HEADER_LEN))
		return error_set(error, ERR_DAMAGED, "its index is cut short");
	err = frame_table_decode(&entry.header, head, ret_units, error);
	if (err)
		return err;
	*ret_entry = entry;
	return 1;
}

uint64_t segment_row_len(const struct segment_row *row)
{
	return row->vouched - row->holes_bytes + holes_table_len(row->holes_len);
}

/* ---- ids ---------------------------------------------------------------------- */

bool segment_id_equal(const struct segment_id *a, const struct segment_id *b)
{
	return segment_id_compare(a, b) == 0;
}

int segment_id_compare(const struct segment_id *a, const struct segment_id *b)
{
	return memcmp(a->bytes, b->bytes, SEGMENT_ID_LEN);
}

const char *segment_id_text(const struct segment_id *id,
			    char ret_text[SEGMENT_ID_TEXT_SIZE])
{
	hex_encode(id->bytes, SEGMENT_ID_LEN, ret_text);
	return ret_text;
}
