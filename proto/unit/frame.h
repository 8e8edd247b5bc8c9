/*
 * Frames: what is compressed, stored (FORMAT.md §3) and sent (PROTOCOL.md §5, §6).
 * Encoding and decoding of bytes only; no input or output, no thread affinity.
 */
#ifndef BATON_PROTO_UNIT_FRAME_H
#define BATON_PROTO_UNIT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/unit/codec.h"
#include "proto/unit/digest.h"

#define FRAME_HEADER_LEN 72u
#define FRAME_ENTRY_LEN 52u /* length, XXH3-128, SHA-256 */
#define FRAME_LEN_MAX                                                                    \
	(FRAME_HEADER_LEN + FRAME_UNITS_MAX * FRAME_ENTRY_LEN + FRAME_STORED_MAX)

enum frame_kind {
	FRAME_CONTENT = 1,
	FRAME_PIECE = 2,
	FRAME_PLACEMENT = 3,
	FRAME_ROOT = 4,
	FRAME_COMMIT = 5,
};

struct frame_header {
	uint8_t kind;  /* enum frame_kind */
	uint8_t codec; /* enum codec_id */
	uint32_t unit_count;
	uint32_t raw_len;    /* bytes, all units together */
	uint32_t stored_len; /* bytes of the payload */
	struct xxh128 payload_xxh;
	uint64_t checksum; /* XXH3-64 of the first 64 header bytes and the table */
};

/* Bytes of header and table; and of the whole frame. */
size_t frame_table_end(const struct frame_header *header);
size_t frame_len(const struct frame_header *header);

/* Reads the 72 header bytes and checks magic, version, kind and every limit, but not the
 * checksum, which covers the table too. ERR_DAMAGED; ERR_VERSION for a newer format. */
int frame_header_decode(const uint8_t bytes[FRAME_HEADER_LEN],
			struct frame_header *ret_header, struct error *error);

/* Checks the checksum over header and table (`bytes` has frame_table_end() bytes) and
 * that the lengths are ≥ 1 and add up; fills ret_units (header->unit_count entries). */
int frame_table_decode(const struct frame_header *header, const uint8_t *bytes,
		       struct unit_name *ret_units, struct error *error);

/* One entry of a table, by itself unchecked: FRAME_ENTRY_LEN bytes. */
struct unit_name frame_entry_decode(struct reader *in);

/* Appends header and table to out. The checksum is computed here; header->checksum is not
 * looked at. The header must keep every limit (claimed). */
void frame_head_encode(struct buffer *out, const struct frame_header *header,
		       const struct unit_name *units);

/* Checks XXH3-128 of the payload, unpacks it to ret_raw (header->raw_len bytes, undefined
 * on failure) and checks each unit's XXH3-128 against the table. ERR_DAMAGED. */
int frame_payload_decode(const struct frame_header *header, const struct unit_name *units,
			 const uint8_t *payload, struct codec *codec, uint8_t *ret_raw,
			 struct error *error);

/* ---- UNITS: the same thing on its way to the daemon, without SHA-256 -------------- */
struct units_message {
	uint8_t kind; /* FRAME_CONTENT or FRAME_PIECE */
	uint8_t codec;
	uint32_t count;
	uint32_t raw_len;
	const uint8_t *table;   /* borrowed: count × (XXH3-128, u32 length) */
	const uint8_t *payload; /* borrowed */
	size_t payload_len;
};

#define UNITS_HEADER_LEN 12u
#define UNITS_ENTRY_LEN 20u

/* Appends the message's header and table; the payload follows. */
void units_head_encode(struct buffer *out, uint8_t kind, uint8_t codec, uint32_t raw_len,
		       const struct unit_key *keys, uint32_t count);
/* Checks every limit and that the lengths add up; the payload is neither unpacked nor
 * checked against the table. The message borrows from bytes. ERR_PROTOCOL. */
int units_decode(const uint8_t *bytes, size_t len, struct units_message *ret_message,
		 struct error *error);
struct unit_key units_key_at(const struct units_message *message, uint32_t position);

#endif
