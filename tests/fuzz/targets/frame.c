/* Stored frames: header, table, payload. The head of one that is accepted is encoded to
 * the same bytes. */
#include "proto/unit/frame.h"

#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "tests/fuzz/frame_mend.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

static void read_payload(const struct frame_header *header, const struct unit_name *units,
			 const uint8_t *payload)
{
	static struct codec
		*codec; /* kept: what was known of one payload is no other's */
	uint8_t *raw AUTO_FREE = malloc(header->raw_len);
	struct error error = {0};
	if (!codec)
		codec = codec_new(1);
	(void)frame_payload_decode(header, units, payload, codec, raw, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frame_header header;
	struct error error = {0};
	if (len < FRAME_HEADER_LEN || frame_header_decode(data, &header, &error) < 0)
		return 0;
	size_t end = frame_table_end(&header);
	if (end > len)
		return 0;
	struct unit_name *units AUTO_FREE = calloc(header.unit_count, sizeof(*units));
	claim(units);
	if (frame_table_decode(&header, data, units, &error) < 0)
		return 0;
	struct buffer head AUTO(buffer_fini) = {0};
	frame_head_encode(&head, &header, units);
	claim(same_bytes(data, end, head.at, head.len));
	if (frame_len(&header) <= len)
		read_payload(&header, units, data + end);
	return 0;
}

#ifdef FUZZING
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t room, unsigned seed)
{
	len = LLVMFuzzerMutate(data, len, room);
	if (seed % 8)
		frame_mend(data, len);
	return len;
}
#endif
