#include "tests/fuzz/frame_mend.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"

#define PAYLOAD_XXH_AT 48u
#define CHECKSUM_AT 64u
#define ENTRY_XXH_AT 4u

static void put(uint8_t *bytes, const void *value, size_t len)
{
	memcpy(bytes, value, len);
}

/* Of the units, as far as the payload gives them. */
static void mend_units(const struct frame_header *header, uint8_t *table,
		       const uint8_t *payload)
{
	struct codec *codec = codec_new(1);
	uint8_t *raw AUTO_FREE = must_alloc(header->raw_len);
	struct error error = {0};
	size_t at = 0;
	int err = codec_unpack(codec, header->codec, payload, header->stored_len, raw,
			       header->raw_len, &error);
	for (uint32_t i = 0; err == 0 && i < header->unit_count; i++) {
		uint8_t *entry = table + (size_t)i * FRAME_ENTRY_LEN;
		struct reader in = reader_of(entry, FRAME_ENTRY_LEN);
		uint32_t len = reader_u32(&in);
		if (len > header->raw_len - at)
			break;
		struct xxh128 xxh = xxh128_of(raw + at, len);
		put(entry + ENTRY_XXH_AT, xxh.bytes, sizeof(xxh.bytes));
		at += len;
	}
	codec_free(codec);
}

void frame_mend(uint8_t *bytes, size_t len)
{
	struct frame_header header;
	struct error error = {0};
	if (len < FRAME_HEADER_LEN || frame_header_decode(bytes, &header, &error) < 0 ||
	    frame_table_end(&header) > len)
		return;
	uint8_t *payload = bytes + frame_table_end(&header);
	uint8_t *table = bytes + FRAME_HEADER_LEN;
	if (frame_len(&header) <= len) {
		struct xxh128 xxh = xxh128_of(payload, header.stored_len);
		put(bytes + PAYLOAD_XXH_AT, xxh.bytes, sizeof(xxh.bytes));
		mend_units(&header, table, payload);
	}
	uint64_t sum = xxh64_of_two(bytes, CHECKSUM_AT, table, (size_t)(payload - table));
	for (unsigned i = 0; i < sizeof(sum); i++)
		bytes[CHECKSUM_AT + i] = (uint8_t)(sum >> 8 * i);
}
