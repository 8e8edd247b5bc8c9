#include "daemon/store/segment/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "proto/base/cleanup.h"

/* What the first read of a frame takes: the tables of most, and small frames whole. */
#define FIRST_READ_LEN 4096u
#define RESYNC_READ_LEN (64u * 1024u)
/* A stored payload is of no use once it is decoded; a merge has a reader for each of its
 * layers, so more than this is given back. */
#define BYTES_KEPT (16u * 1024u)

void segment_reader_init_shared(struct segment_reader *reader, const struct io *io,
				struct codec *codec)
{
	*reader = (struct segment_reader){
		.io = io, .codec = codec, .codec_is_borrowed = true};
}

void segment_reader_init(struct segment_reader *reader, const struct io *io)
{
	*reader = (struct segment_reader){.io = io, .codec = codec_new(1)};
}

void segment_reader_fini(struct segment_reader *reader)
{
	if (!reader->codec_is_borrowed)
		codec_free(reader->codec);
	free(reader->units);
	free(reader->raw);
	buffer_fini(&reader->bytes);
	*reader = (struct segment_reader){0};
}

void segment_reader_forget(struct segment_reader *reader)
{
	reader->segment = NULL;
	reader->loaded = false;
}

/* Puts the place in front of the sentence; what does not fit is cut. */
static int at_place(const struct segment *segment, uint64_t offset, struct error *error)
{
	struct error why = *error;
	return error_set(error, why.code, "segment `%s` at %" PRIu64 ": %s",
			 segment->location, offset, why.text);
}

static int read_failed(struct error *error)
{
	if (errno == 0)
		return error_set(error, ERR_DAMAGED, "the file ends before it does");
	return error_set_errno(error, ERR_LOCAL, errno, "cannot be read");
}

/* Bytes from there to the end, or to the next hole, where a frame can begin there at all:
 * 0 where it cannot. An offset is what another frame, or the catalogue, says. */
static uint64_t room_at(const struct segment *segment, uint64_t offset, uint64_t end)
{
	if (offset >= end || offset >= INT64_MAX - FRAME_LEN_MAX)
		return 0;
	uint64_t extent = holes_extent(&segment->holes, offset);
	return end - offset < extent ? end - offset : extent;
}

void segment_reader_doubt(struct segment_reader *reader, const struct segment *segment,
			  uint64_t offset, const struct error *why)
{
	bool held = reader->segment == segment && reader->offset == offset;
	segment_reader_forget(reader);
	if (reader->on_damage && why->code == ERR_DAMAGED)
		reader->on_damage(reader->context, segment, offset,
				  held ? reader->units : NULL,
				  held ? reader->header.unit_count : 0, why);
}

/* The frame cannot be read: names its place, and tells. */
static int unreadable(struct segment_reader *reader, const struct segment *segment,
		      uint64_t offset, struct error *error)
{
	int err = at_place(segment, offset, error);
	segment_reader_doubt(reader, segment, offset, error);
	return err;
}

/* Makes reader->bytes hold the first len bytes of the frame. */
static int extend(struct segment_reader *reader, const struct segment *segment,
		  uint64_t offset, size_t len, struct error *error)
{
	size_t have = reader->bytes.len;
	if (have >= len)
		return 0;
	int err = buffer_may_reserve(&reader->bytes, len - have, error);
	if (err)
		return err;
	if (segment_read(reader->io, segment, reader->bytes.at + have, len - have,
			 offset + have) < 0)
		return read_failed(error);
	reader->bytes.len = len;
	return 0;
}

static int reserve_units(struct segment_reader *reader, struct error *error)
{
	uint32_t count = reader->header.unit_count;
	if (count <= reader->unit_room)
		return 0;
	free(reader->units);
	reader->unit_room = 0;
	reader->units = may_alloc(count * sizeof(*reader->units), error);
	if (!reader->units)
		return ERR_NO_MEMORY;
	reader->unit_room = count;
	return 0;
}

static int reserve_raw(struct segment_reader *reader, struct error *error)
{
	uint32_t len = reader->header.raw_len;
	if (len <= reader->raw_room)
		return 0;
	free(reader->raw);
	reader->raw_room = 0;
	reader->raw = may_alloc(len, error);
	if (!reader->raw)
		return ERR_NO_MEMORY;
	reader->raw_room = len;
	return 0;
}

static int read_head(struct segment_reader *reader, const struct segment *segment,
		     uint64_t offset, uint64_t end, struct error *error)
{
	uint64_t room = room_at(segment, offset, end);
	if (room < FRAME_HEADER_LEN)
		return error_set(error, ERR_DAMAGED, "no frame fits there");
	size_t first = room < FIRST_READ_LEN ? (size_t)room : FIRST_READ_LEN;
	if (end == SEGMENT_END_UNKNOWN)
		first = FRAME_HEADER_LEN;
	int err = extend(reader, segment, offset, first, error);
	if (!err)
		err = frame_header_decode(reader->bytes.at, &reader->header, error);
	if (err)
		return err;
	if (frame_len(&reader->header) > room)
		return error_set(error, ERR_DAMAGED, "frame: longer than what is there");
	err = extend(reader, segment, offset, frame_table_end(&reader->header), error);
	if (err)
		return err;
	err = reserve_units(reader, error);
	if (err)
		return err;
	return frame_table_decode(&reader->header, reader->bytes.at, reader->units,
				  error);
}

int segment_reader_head(struct segment_reader *reader, const struct segment *segment,
			uint64_t offset, uint64_t end, struct error *error)
{
	if (reader->segment == segment && reader->offset == offset)
		return 0;
	segment_reader_forget(reader);
	buffer_clear(&reader->bytes);
	int err = read_head(reader, segment, offset, end, error);
	if (err)
		return unreadable(reader, segment, offset, error);
	reader->segment = segment;
	reader->offset = offset;
	return 0;
}

int segment_reader_peek(struct segment_reader *reader, const struct segment *segment,
			const struct frame_spot *spot, struct frame_header *ret_header,
			struct unit_name *ret_name, struct error *error)
{
	uint8_t header[FRAME_HEADER_LEN], entry[FRAME_ENTRY_LEN];
	uint64_t room = room_at(segment, spot->offset, spot->end);
	if (room < FRAME_HEADER_LEN)
		return error_set(error, ERR_DAMAGED, "no frame fits there");
	if (segment_read(reader->io, segment, header, sizeof(header), spot->offset) < 0)
		return read_failed(error);
	int err = frame_header_decode(header, ret_header, error);
	if (err)
		return err;
	if (frame_len(ret_header) > room || spot->position >= ret_header->unit_count)
		return error_set(error, ERR_DAMAGED, "frame: no such entry in it");
	if (segment_read(reader->io, segment, entry, sizeof(entry),
			 spot->offset + FRAME_HEADER_LEN +
				 (uint64_t)spot->position * FRAME_ENTRY_LEN) < 0)
		return read_failed(error);
	struct reader in = reader_of(entry, sizeof(entry));
	*ret_name = frame_entry_decode(&in);
	return 0;
}

int segment_reader_load(struct segment_reader *reader, const struct segment *segment,
			uint64_t offset, uint64_t end, struct error *error)
{
	int err = segment_reader_head(reader, segment, offset, end, error);
	if (err || reader->loaded)
		return err;
	err = reserve_raw(reader, error);
	if (!err)
		err = extend(reader, segment, offset, frame_len(&reader->header), error);
	if (!err)
		err = frame_payload_decode(&reader->header, reader->units,
					   reader->bytes.at +
						   frame_table_end(&reader->header),
					   reader->codec, reader->raw, error);
	if (err)
		return unreadable(reader, segment, offset, error);
	reader->loaded = true;
	if (reader->bytes.capacity > BYTES_KEPT)
		buffer_fini(&reader->bytes);
	return 0;
}

int segment_reader_load_single(struct segment_reader *reader,
			       const struct segment *segment, uint64_t offset,
			       enum frame_kind kind, struct error *error)
{
	int err =
		segment_reader_load(reader, segment, offset, SEGMENT_END_UNKNOWN, error);
	if (err)
		return err;
	struct digest sha = sha256_of(reader->raw, reader->header.raw_len);
	const char *why = NULL;
	if (reader->header.kind != kind || reader->header.unit_count != 1)
		why = "another kind of frame than was expected";
	else if (!digest_equal(&sha, &reader->units[0].sha))
		why = "frame: its SHA-256 does not match";
	if (!why)
		return 0;
	(void)error_set(error, ERR_DAMAGED, "%s", why);
	return unreadable(reader, segment, offset, error);
}

const uint8_t *segment_reader_unit(const struct segment_reader *reader, uint32_t position)
{
	claim(reader->loaded && position < reader->header.unit_count);
	const uint8_t *at = reader->raw;
	for (uint32_t i = 0; i < position; i++)
		at += reader->units[i].key.len;
	return at;
}

/* ---- what stands around the frames -------------------------------------------- */

static int of_segment(const struct segment *segment, struct error *error)
{
	struct error why = *error;
	return error_set(error, why.code, "segment `%s`: %s", segment->location,
			 why.text);
}

/* The file says of its holes what the catalogue says. */
static int check_table(const struct io *io, const struct segment *segment,
		       struct error *error)
{
	struct buffer wanted AUTO(buffer_fini) = {0};
	holes_encode_table(&wanted, &segment->holes);
	uint8_t *bytes AUTO_FREE = must_alloc(wanted.len);
	if (io_read_at(io, segment->fd, bytes, wanted.len, SEGMENT_HEADER_LEN) < 0)
		return read_failed(error);
	return memcmp(bytes, wanted.at, wanted.len) == 0
		       ? 0
		       : error_set(error, ERR_DAMAGED,
				   "the table of its holes is not the catalogue's");
}

int segment_reader_check_header(const struct io *io, const struct segment *segment,
				struct error *error)
{
	uint8_t bytes[SEGMENT_HEADER_LEN];
	struct segment_header header = {0};
	int err = 0;
	if (segment_read(io, segment, bytes, sizeof(bytes), 0) < 0)
		err = read_failed(error);
	if (!err)
		err = segment_header_decode(bytes, &header, error);
	if (!err && (!segment_id_equal(&header.id, &segment->id) ||
		     header.namespace_id != segment->namespace_id ||
		     header.has_holes != (segment->holes.count > 0)))
		err = error_set(error, ERR_DAMAGED,
				"its header is that of another segment");
	if (!err && header.has_holes)
		err = check_table(io, segment, error);
	return err ? of_segment(segment, error) : 0;
}

int segment_reader_holes(const struct io *io, const struct segment *segment,
			 struct holes *ret_holes, struct error *error)
{
	uint8_t bytes[HOLES_TABLE_LEN_MAX];
	if (io_read_at(io, segment->fd, bytes, HOLES_TABLE_HEAD_LEN, SEGMENT_HEADER_LEN) <
	    0)
		return read_failed(error);
	uint64_t len = holes_table_len(holes_table_encoded(bytes));
	if (len > sizeof(bytes))
		return error_set(error, ERR_DAMAGED, "its table of holes is too long");
	if (io_read_at(io, segment->fd, bytes, len, SEGMENT_HEADER_LEN) < 0)
		return read_failed(error);
	return holes_decode_table(bytes, len, ret_holes, error);
}

static int read_index(const struct io *io, const struct segment *segment, uint64_t end,
		      struct segment_footer *footer, struct buffer *index,
		      struct error *error)
{
	uint8_t bytes[SEGMENT_FOOTER_LEN];
	if (end < SEGMENT_HEADER_LEN + SEGMENT_FOOTER_LEN)
		return error_set(error, ERR_DAMAGED, "too short to have an index");
	if (holes_extent(&segment->holes, end - 1) == 0)
		return error_set(error, ERR_DAMAGED, "compaction left its index out");
	if (segment_read(io, segment, bytes, sizeof(bytes), end - sizeof(bytes)) < 0)
		return read_failed(error);
	int err = segment_footer_decode(bytes, end, footer, error);
	if (err)
		return err;
	err = buffer_may_reserve(index, footer->index_len, error);
	if (err)
		return err;
	uint8_t *at = index->at + index->len;
	if (segment_read(io, segment, at, footer->index_len, footer->index_offset) < 0)
		return read_failed(error);
	if (xxh64_of(at, footer->index_len) != footer->index_checksum)
		return error_set(error, ERR_DAMAGED,
				 "the checksum of its index does not match");
	index->len += footer->index_len;
	return 0;
}

int segment_reader_index(const struct io *io, const struct segment *segment, uint64_t end,
			 struct segment_footer *ret_footer, struct buffer *ret_index,
			 struct error *error)
{
	int err = read_index(io, segment, end, ret_footer, ret_index, error);
	return err ? of_segment(segment, error) : 0;
}

/* The first "BTFR" in a window of the file; the window is advanced by what was searched.
 */
static bool find_magic(struct segment_reader *reader, const struct segment *segment,
		       uint64_t *offset, uint64_t end)
{
	struct error ignored;
	uint8_t *window AUTO_FREE = may_alloc(RESYNC_READ_LEN, &ignored);
	while (window && *offset + FRAME_HEADER_LEN <= end) {
		*offset = holes_skip(&segment->holes, *offset);
		uint64_t left = room_at(segment, *offset, end);
		if (left < FRAME_HEADER_LEN) {
			*offset += left > 0 ? left : end;
			continue;
		}
		size_t len = left < RESYNC_READ_LEN ? (size_t)left : RESYNC_READ_LEN;
		if (segment_read(reader->io, segment, window, len, *offset) < 0)
			return false;
		const uint8_t *at = memmem(window, len, "BTFR", 4);
		*offset += at ? (size_t)(at - window) : len - 3;
		if (at)
			return true;
	}
	return false;
}

bool segment_reader_resync(struct segment_reader *reader, const struct segment *segment,
			   uint64_t offset, uint64_t end, uint64_t *ret_offset)
{
	struct error ignored;
	for (; find_magic(reader, segment, &offset, end); offset++) {
		if (segment_reader_load(reader, segment, offset, end, &ignored) < 0)
			continue;
		*ret_offset = offset;
		return true;
	}
	return false;
}
