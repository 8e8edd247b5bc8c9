#include "proto/link/header.h"

#include "proto/base/bytes.h"
#include "proto/message/message.h"

struct header_bytes header_encode(uint16_t type, size_t len)
{
	return (struct header_bytes){{
		(uint8_t)len,
		(uint8_t)(len >> 8),
		(uint8_t)(len >> 16),
		(uint8_t)(len >> 24),
		(uint8_t)type,
		(uint8_t)(type >> 8),
		(uint8_t)(type == MSG_KEEPALIVE ? 0 : MSG_FLAG_CRITICAL),
		0,
	}};
}

const uint8_t header_keepalive[KEEPALIVE_LEN] = {
	1, 0, 0, 0, MSG_KEEPALIVE, 0, 0, 0, 0x80, /* msgpack: {} */
};

struct header header_decode(const uint8_t *bytes)
{
	struct reader reader = reader_of(bytes, WIRE_HEADER_LEN);
	struct header header = {
		.len = reader_u32(&reader),
		.type = reader_u16(&reader),
	};
	header.critical = reader_u8(&reader) & MSG_FLAG_CRITICAL;
	header.is_a_message = reader_u8(&reader) == 0;
	return header;
}
