/* UNITS messages, and their payloads as the crew unpacks them. */
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/unit/frame.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

static void encode_again(const struct units_message *message, const uint8_t *data)
{
	struct unit_key *keys AUTO_FREE = calloc(message->count, sizeof(*keys));
	struct buffer head AUTO(buffer_fini) = {0};
	claim(keys);
	for (uint32_t i = 0; i < message->count; i++)
		keys[i] = units_key_at(message, i);
	units_head_encode(&head, message->kind, message->codec, message->raw_len, keys,
			  message->count);
	claim(same_bytes(data, (size_t)(message->payload - data), head.at, head.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct codec *codec;
	struct units_message message;
	struct error error = {0};
	if (units_decode(data, len, &message, &error) < 0)
		return 0;
	encode_again(&message, data);
	uint8_t *raw AUTO_FREE = malloc(message.raw_len);
	if (!codec)
		codec = codec_new(1);
	(void)codec_unpack(codec, message.codec, message.payload, message.payload_len,
			   raw, message.raw_len, &error);
	return 0;
}
