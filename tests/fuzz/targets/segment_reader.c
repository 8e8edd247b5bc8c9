/*
 * A whole segment, as readers, recovery and a check meet it: header, frames one after the
 * other, the next sound frame behind a damaged one, the index at the end.
 */
#include "daemon/store/segment/reader.h"

#include <string.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/frame_mend.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_io.h"

static void on_damage(void *context, const struct segment *segment, uint64_t offset,
		      const struct unit_name *units, uint32_t count,
		      const struct error *why)
{
	unsigned *told = context;
	(void)segment;
	(void)offset;
	for (uint32_t i = 0; i < count; i++)
		claim(units[i].key.len > 0);
	claim(why->code);
	(*told)++;
}

static void read_frames(struct segment_reader *reader, const struct segment *segment,
			uint64_t end)
{
	uint64_t at = SEGMENT_HEADER_LEN;
	struct error error = {0};
	while (at < end) {
		if (segment_reader_load(reader, segment, at, end, &error) == 0) {
			claim(frame_len(&reader->header) <= end - at);
			for (uint32_t i = 0; i < reader->header.unit_count; i++)
				claim(segment_reader_unit(reader, i));
			at += frame_len(&reader->header);
			continue;
		}
		uint64_t next;
		if (!segment_reader_resync(reader, segment, at + 1, end, &next))
			break;
		claim(next > at && next < end);
		at = next;
	}
}

static void peek(struct segment_reader *reader, const struct segment *segment,
		 uint64_t end)
{
	const struct frame_spot spot = {SEGMENT_HEADER_LEN, end, 1};
	struct frame_header header;
	struct unit_name name;
	struct error error = {0};
	(void)segment_reader_peek(reader, segment, &spot, &header, &name, &error);
	(void)segment_reader_load_single(reader, segment, SEGMENT_HEADER_LEN, FRAME_ROOT,
					 &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct memory_io memory AUTO(memory_io_fini);
	const struct io *io = memory_io_init(&memory);
	struct segment segment = {.location = "segment"};
	struct segment_footer footer;
	struct buffer index AUTO(buffer_fini) = {0};
	struct error error = {0};
	unsigned told = 0;
	segment.fd = memory_io_put(&memory, "segment", data, len);
	if (len >= SEGMENT_HEADER_LEN)
		memcpy(segment.id.bytes, data + 16, SEGMENT_ID_LEN);
	(void)segment_reader_check_header(io, &segment, &error);
	if (segment_reader_index(io, &segment, len, &footer, &index, &error) == 0)
		claim(index.len == footer.index_len);
	struct segment_reader reader;
	segment_reader_init(&reader, io);
	reader.on_damage = on_damage;
	reader.context = &told;
	read_frames(&reader, &segment, len);
	peek(&reader, &segment, len);
	segment_reader_fini(&reader);
	return 0;
}

#ifdef FUZZING
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t room, unsigned seed)
{
	len = LLVMFuzzerMutate(data, len, room);
	for (size_t at = SEGMENT_HEADER_LEN; seed % 8 && at + FRAME_HEADER_LEN <= len;) {
		struct frame_header header;
		struct error error = {0};
		frame_mend(data + at, len - at);
		if (frame_header_decode(data + at, &header, &error) < 0)
			break;
		at += frame_len(&header);
	}
	return len;
}
#endif
