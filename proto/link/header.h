/*
 * The eight bytes before a message's payload (PROTOCOL.md §1): written and read here and
 * nowhere else. Pure functions.
 */
#ifndef BATON_PROTO_LINK_HEADER_H
#define BATON_PROTO_LINK_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bounds.h"

struct header_bytes {
	uint8_t at[WIRE_HEADER_LEN];
};

/* Of a message with so many bytes of payload. Every message but KEEPALIVE is critical. */
struct header_bytes header_encode(uint16_t type, size_t len);

/* A KEEPALIVE with its payload, an empty map. */
#define KEEPALIVE_LEN (WIRE_HEADER_LEN + 1u)
extern const uint8_t header_keepalive[KEEPALIVE_LEN];

struct header {
	uint32_t len; /* of the payload */
	uint16_t type;
	bool critical;     /* a receiver that does not know the type must not go on */
	bool is_a_message; /* false: these bytes are something else */
};

/* Reads WIRE_HEADER_LEN bytes; whether a peer may send what they announce is for the
 * caller to check. */
struct header header_decode(const uint8_t *bytes);

#endif
