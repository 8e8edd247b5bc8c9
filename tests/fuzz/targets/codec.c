/* Compressed payloads: three bytes that say how long it claims to be, then the payload.
 */
#include "proto/unit/codec.h"

#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

static void pack_again(struct codec *codec, const uint8_t *raw, size_t raw_len)
{
	uint8_t *packed AUTO_FREE = malloc(raw_len), *again AUTO_FREE = malloc(raw_len);
	enum codec_id id;
	size_t len;
	struct error error = {0};
	claim(packed && again);
	claim(codec_pack(codec, raw, raw_len, packed, raw_len, &id, &len, &error) == 0);
	claim(codec_unpack(codec, (uint8_t)id, packed, len, again, raw_len, &error) == 0);
	claim(same_bytes(raw, raw_len, again, raw_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct codec *codec;
	struct reader in = reader_of(data, len);
	uint8_t id = reader_u8(&in);
	size_t raw_len = reader_u16(&in) + (size_t)1;
	uint8_t *raw AUTO_FREE = malloc(raw_len);
	struct error error = {0};
	if (!codec)
		codec = codec_new(1);
	if (codec_unpack(codec, id, in.at, in.left, raw, raw_len, &error) == 0)
		pack_again(codec, raw, raw_len);
	return 0;
}
