/*
 * A segment's own parts: its header, then, read from the end, its footer, and before that
 * the index, each entry of which has the head of a frame.
 */
#include "daemon/store/segment/segment.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/fuzz/frame_mend.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

static void read_header(const uint8_t *data)
{
	struct segment_header header;
	struct error error = {0};
	uint8_t again[SEGMENT_HEADER_LEN];
	if (segment_header_decode(data, &header, &error) < 0)
		return;
	segment_header_encode(&header, again);
	claim(same_bytes(data, sizeof(again), again, sizeof(again)));
}

static void read_index(const uint8_t *index, size_t len)
{
	struct reader in = reader_of(index, len);
	struct unit_name *units AUTO_FREE = calloc(FRAME_UNITS_MAX, sizeof(*units));
	struct buffer again AUTO(buffer_fini) = {0};
	struct segment_entry entry;
	struct error error = {0};
	int result;
	claim(units);
	while ((result = segment_index_next(&in, &entry, units, &error)) == 1) {
		struct buffer head AUTO(buffer_fini) = {0};
		frame_head_encode(&head, &entry.header, units);
		segment_index_put(&again, entry.offset, head.at, head.len);
	}
	claim(result < 0 || same_bytes(index, len, again.at, again.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct segment_footer footer;
	struct error error = {0};
	uint8_t again[SEGMENT_FOOTER_LEN];
	if (len < SEGMENT_HEADER_LEN + SEGMENT_FOOTER_LEN)
		return 0;
	read_header(data);
	const uint8_t *end = data + len - SEGMENT_FOOTER_LEN;
	if (segment_footer_decode(end, len, &footer, &error) < 0)
		return 0;
	segment_footer_encode(&footer, again);
	claim(same_bytes(end, sizeof(again), again, sizeof(again)));
	claim(footer.index_offset + footer.index_len + SEGMENT_FOOTER_LEN == len);
	read_index(data + footer.index_offset, footer.index_len);
	return 0;
}

#ifdef FUZZING
static void put_u64(uint8_t *at, uint64_t value)
{
	for (unsigned i = 0; i < sizeof(value); i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* FORMAT.md §2: sums of header and footer, and where the index begins. */
static void mend(uint8_t *data, size_t len)
{
	uint8_t *footer = data + len - SEGMENT_FOOTER_LEN;
	size_t sum_at = SEGMENT_FOOTER_LEN - 16, index_at = SEGMENT_HEADER_LEN;
	memcpy(data, "BATONSEG", 8);
	put_u64(data + SEGMENT_HEADER_LEN - 8, xxh64_of(data, SEGMENT_HEADER_LEN - 8));
	put_u64(footer, index_at);
	put_u64(footer + 8, len - SEGMENT_FOOTER_LEN - index_at);
	put_u64(footer + sum_at, xxh64_of(footer, sum_at));
	memcpy(footer + sum_at + 8, "BATONEND", 8);
	size_t index_end = len - SEGMENT_FOOTER_LEN;
	for (size_t at = index_at; at + 8 + FRAME_HEADER_LEN <= index_end;) {
		struct frame_header header;
		struct error error = {0};
		frame_mend(data + at + 8, index_end - at - 8);
		if (frame_header_decode(data + at + 8, &header, &error) < 0)
			break;
		at += 8 + frame_table_end(&header);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t room, unsigned seed)
{
	len = LLVMFuzzerMutate(data, len, room);
	if (seed % 8 && len >= SEGMENT_HEADER_LEN + SEGMENT_FOOTER_LEN)
		mend(data, len);
	return len;
}
#endif
