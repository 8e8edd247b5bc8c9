#include "proto/unit/frame.h"

#include <stdbool.h>
#include <string.h>

#define FRAME_VERSION 1u
#define FRAME_HASHES 1u
#define CHECKED_LEN 64u /* header bytes before the checksum */

static const uint8_t frame_magic[4] = {'B', 'T', 'F', 'R'};

size_t frame_table_end(const struct frame_header *header)
{
	return FRAME_HEADER_LEN + (size_t)header->unit_count * FRAME_ENTRY_LEN;
}

size_t frame_len(const struct frame_header *header)
{
	return frame_table_end(header) + header->stored_len;
}

static int damaged(struct error *error, const char *why)
{
	return error_set(error, ERR_DAMAGED, "frame: %s", why);
}

/* Which rule of FORMAT.md §3 the header breaks; NULL if none. */
static const char *header_fault(const struct frame_header *header)
{
	if (header->kind < FRAME_CONTENT || header->kind > FRAME_COMMIT)
		return "of a kind that is not known";
	if (header->codec > CODEC_ZSTD)
		return "its codec is not known";
	if (header->unit_count == 0 || header->unit_count > FRAME_UNITS_MAX)
		return "no units, or too many";
	if (header->kind >= FRAME_PLACEMENT && header->unit_count != 1)
		return "a placement, a root or a commit is not alone in it";
	if (header->raw_len < header->unit_count || header->raw_len > FRAME_RAW_MAX)
		return "its raw length is out of bounds";
	if (header->stored_len == 0 || header->stored_len > header->raw_len)
		return "its stored length is out of bounds";
	if (header->codec == CODEC_RAW && header->stored_len != header->raw_len)
		return "stored as it is, but its two lengths differ";
	return NULL;
}

/* The fields that have only one possible value in version 1. */
static int check_fixed(const uint8_t bytes[FRAME_HEADER_LEN], struct error *error)
{
	static const uint8_t zeros[24] = {0};
	if (memcmp(bytes, frame_magic, sizeof(frame_magic)) != 0)
		return damaged(error, "does not begin as one");
	if (bytes[4] > FRAME_VERSION)
		return error_set(error, ERR_VERSION,
				 "frame: format %d is newer than this program", bytes[4]);
	if (bytes[4] != FRAME_VERSION)
		return damaged(error, "its format version is 0");
	if (bytes[7] != FRAME_HASHES)
		return damaged(error, "its hashes are not known");
	if (memcmp(bytes + 8, zeros, 4) != 0)
		return damaged(error, "it has a flag that is not known");
	if (memcmp(bytes + 24, zeros, sizeof(zeros)) != 0)
		return damaged(error, "it has a key or a tag, which no program of this "
				      "format writes; a newer one may know it, else "
				      "`batond check` tells what it touches");
	return 0;
}

int frame_header_decode(const uint8_t bytes[FRAME_HEADER_LEN],
			struct frame_header *ret_header, struct error *error)
{
	int err = check_fixed(bytes, error);
	if (err)
		return err;
	struct reader in = reader_of(bytes, FRAME_HEADER_LEN);
	(void)reader_bytes(&in, 5);
	struct frame_header header = {.kind = reader_u8(&in)};
	header.codec = reader_u8(&in);
	(void)reader_bytes(&in, 5);
	header.unit_count = reader_u32(&in);
	header.raw_len = reader_u32(&in);
	header.stored_len = reader_u32(&in);
	(void)reader_bytes(&in, 24);
	reader_copy(&in, header.payload_xxh.bytes, sizeof(header.payload_xxh.bytes));
	header.checksum = reader_u64(&in);
	const char *fault = header_fault(&header);
	if (fault)
		return damaged(error, fault);
	*ret_header = header;
	return 0;
}

/* ---- the table -------------------------------------------------------------------- */

/* Adds up the u32 lengths that lie `at` bytes into each entry. Whether each is ≥ 1 and
 * the sum is raw_len. */
static bool lengths_add_up(const uint8_t *table, uint32_t count, size_t entry_len,
			   size_t at, uint32_t raw_len)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct reader in = reader_of(table + i * entry_len + at, 4);
		uint32_t len = reader_u32(&in);
		if (len == 0)
			return false;
		sum += len;
	}
	return sum == raw_len;
}

struct unit_name frame_entry_decode(struct reader *in)
{
	struct unit_name name = {.key.len = reader_u32(in)};
	reader_copy(in, name.key.xxh.bytes, sizeof(name.key.xxh.bytes));
	reader_copy(in, name.sha.bytes, sizeof(name.sha.bytes));
	return name;
}

int frame_table_decode(const struct frame_header *header, const uint8_t *bytes,
		       struct unit_name *ret_units, struct error *error)
{
	const uint8_t *table = bytes + FRAME_HEADER_LEN;
	size_t table_len = (size_t)header->unit_count * FRAME_ENTRY_LEN;
	if (xxh64_of_two(bytes, CHECKED_LEN, table, table_len) != header->checksum)
		return damaged(error,
			       "the checksum of its header and table does not match");
	if (!lengths_add_up(table, header->unit_count, FRAME_ENTRY_LEN, 0,
			    header->raw_len))
		return damaged(error, "the lengths of its units do not add up");
	struct reader in = reader_of(table, table_len);
	for (uint32_t i = 0; i < header->unit_count; i++)
		ret_units[i] = frame_entry_decode(&in);
	return 0;
}

static void put_checked(struct buffer *out, const struct frame_header *header)
{
	static const uint8_t key_and_tag[24] = {0};
	buffer_put(out, frame_magic, sizeof(frame_magic));
	buffer_put_u8(out, FRAME_VERSION);
	buffer_put_u8(out, header->kind);
	buffer_put_u8(out, header->codec);
	buffer_put_u8(out, FRAME_HASHES);
	buffer_put_u32(out, 0); /* flags */
	buffer_put_u32(out, header->unit_count);
	buffer_put_u32(out, header->raw_len);
	buffer_put_u32(out, header->stored_len);
	buffer_put(out, key_and_tag, sizeof(key_and_tag));
	buffer_put(out, header->payload_xxh.bytes, sizeof(header->payload_xxh.bytes));
}

void frame_head_encode(struct buffer *out, const struct frame_header *header,
		       const struct unit_name *units)
{
	claim(!header_fault(header));
	size_t start = out->len;
	buffer_reserve(out, frame_table_end(header));
	put_checked(out, header);
	size_t checksum_at = out->len;
	buffer_put_u64(out, 0);
	uint64_t sum = 0;
	for (uint32_t i = 0; i < header->unit_count; i++) {
		sum += units[i].key.len;
		buffer_put_u32(out, units[i].key.len);
		buffer_put(out, units[i].key.xxh.bytes, sizeof(units[i].key.xxh.bytes));
		buffer_put(out, units[i].sha.bytes, sizeof(units[i].sha.bytes));
	}
	claim(sum == header->raw_len);
	size_t end = out->len;
	uint64_t checksum = xxh64_of_two(out->at + start, CHECKED_LEN,
					 out->at + start + FRAME_HEADER_LEN,
					 end - start - FRAME_HEADER_LEN);
	out->len = checksum_at;
	buffer_put_u64(out, checksum);
	out->len = end;
}

int frame_payload_decode(const struct frame_header *header, const struct unit_name *units,
			 const uint8_t *payload, struct codec *codec, uint8_t *ret_raw,
			 struct error *error)
{
	struct xxh128 got = xxh128_of(payload, header->stored_len);
	if (!xxh128_equal(&got, &header->payload_xxh))
		return damaged(error, "the checksum of its payload does not match");
	int err = codec_unpack(codec, header->codec, payload, header->stored_len, ret_raw,
			       header->raw_len, error);
	if (err)
		return err;
	const uint8_t *at = ret_raw;
	for (uint32_t i = 0; i < header->unit_count; i++) {
		claim(units[i].key.len <= header->raw_len - (size_t)(at - ret_raw));
		got = xxh128_of(at, units[i].key.len);
		if (!xxh128_equal(&got, &units[i].key.xxh))
			return error_set(
				error, ERR_DAMAGED,
				"frame: the checksum of its unit %u does not match", i);
		at += units[i].key.len;
	}
	return 0;
}

/* ---- UNITS ------------------------------------------------------------------------ */

void units_head_encode(struct buffer *out, uint8_t kind, uint8_t codec, uint32_t raw_len,
		       const struct unit_key *keys, uint32_t count)
{
	buffer_reserve(out, UNITS_HEADER_LEN + (size_t)count * UNITS_ENTRY_LEN);
	buffer_put_u8(out, kind);
	buffer_put_u8(out, codec);
	buffer_put_u16(out, 0);
	buffer_put_u32(out, count);
	buffer_put_u32(out, raw_len);
	for (uint32_t i = 0; i < count; i++) {
		buffer_put(out, keys[i].xxh.bytes, sizeof(keys[i].xxh.bytes));
		buffer_put_u32(out, keys[i].len);
	}
}

static int refused(struct error *error, const char *why)
{
	return error_set(error, ERR_PROTOCOL, "UNITS: %s", why);
}

/* Which rule the fixed part breaks; NULL if none. */
static const char *units_fault(const struct units_message *message)
{
	if (message->kind != FRAME_CONTENT && message->kind != FRAME_PIECE)
		return "of a kind that is not known";
	if (message->codec > CODEC_ZSTD)
		return "its codec is not known";
	if (message->count == 0 || message->count > FRAME_UNITS_MAX)
		return "no units, or too many";
	if (message->raw_len < message->count || message->raw_len > FRAME_RAW_MAX)
		return "its raw length is out of bounds";
	return NULL;
}

static const char *units_payload_fault(const struct units_message *message)
{
	if (message->payload_len == 0 || message->payload_len > message->raw_len)
		return "the length of its payload is out of bounds";
	if (message->codec == CODEC_RAW && message->payload_len != message->raw_len)
		return "not compressed, but its payload has not the raw length";
	return NULL;
}

int units_decode(const uint8_t *bytes, size_t len, struct units_message *ret_message,
		 struct error *error)
{
	struct reader in = reader_of(bytes, len);
	struct units_message message = {.kind = reader_u8(&in)};
	message.codec = reader_u8(&in);
	bool padded = reader_u16(&in) == 0;
	message.count = reader_u32(&in);
	message.raw_len = reader_u32(&in);
	const char *fault = units_fault(&message);
	if (in.failed || !padded || fault)
		return refused(error,
			       fault && !in.failed ? fault : "its header is malformed");
	message.table = reader_bytes(&in, (size_t)message.count * UNITS_ENTRY_LEN);
	if (!message.table)
		return refused(error, "its table is cut short");
	if (!lengths_add_up(message.table, message.count, UNITS_ENTRY_LEN, XXH128_LEN,
			    message.raw_len))
		return refused(error, "the lengths of its units do not add up");
	message.payload = in.at;
	message.payload_len = in.left;
	fault = units_payload_fault(&message);
	if (fault)
		return refused(error, fault);
	*ret_message = message;
	return 0;
}

struct unit_key units_key_at(const struct units_message *message, uint32_t position)
{
	struct reader in = reader_of(message->table + (size_t)position * UNITS_ENTRY_LEN,
				     UNITS_ENTRY_LEN);
	struct unit_key key = {0};
	reader_copy(&in, key.xxh.bytes, sizeof(key.xxh.bytes));
	key.len = reader_u32(&in);
	return key;
}
