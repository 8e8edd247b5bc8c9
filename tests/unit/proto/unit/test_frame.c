/* Frames and UNITS: proto/unit/frame.h, FORMAT.md §3, PROTOCOL.md §5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/unit/frame.h"

#define UNIT_COUNT 3u
static const char *const texts[UNIT_COUNT] = {"a", "the second unit", "and a third"};
#define RAW_LEN 27u

static void codec_end(struct codec **codec)
{
	codec_free(*codec);
}

static struct unit_name name_of(const char *text)
{
	size_t len = strlen(text);
	return (struct unit_name){
		.key = {.xxh = xxh128_of(text, len), .len = (uint32_t)len},
		.sha = sha256_of(text, len)};
}

static struct frame_header raw_header(const uint8_t *payload, size_t len)
{
	return (struct frame_header){
		.kind = FRAME_CONTENT,
		.codec = CODEC_RAW,
		.unit_count = UNIT_COUNT,
		.raw_len = (uint32_t)len,
		.stored_len = (uint32_t)len,
		.payload_xxh = xxh128_of(payload, len),
	};
}

/* A whole frame of the texts, stored as they are. */
static void put_frame(struct buffer *out)
{
	struct buffer payload AUTO(buffer_fini) = {0};
	struct unit_name units[UNIT_COUNT];
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		units[i] = name_of(texts[i]);
		buffer_put(&payload, texts[i], strlen(texts[i]));
	}
	assert_int_equal(payload.len, RAW_LEN);
	struct frame_header header = raw_header(payload.at, payload.len);
	frame_head_encode(out, &header, units);
	buffer_put(out, payload.at, payload.len);
}

/* Decodes a frame of exactly these bytes as a reader does; 0 or the first failure. */
static int decode(const uint8_t *bytes, size_t len, uint8_t *ret_raw)
{
	struct codec *codec AUTO(codec_end) = codec_new(1);
	struct error error = {0};
	struct frame_header header;
	int err = frame_header_decode(bytes, &header, &error);
	if (err)
		return err;
	if (frame_len(&header) != len)
		return ERR_DAMAGED;
	struct unit_name *units AUTO_FREE =
		must_calloc(header.unit_count, sizeof(*units));
	err = frame_table_decode(&header, bytes, units, &error);
	if (err)
		return err;
	uint8_t *raw AUTO_FREE = must_alloc(header.raw_len);
	err = frame_payload_decode(&header, units, bytes + frame_table_end(&header),
				   codec, raw, &error);
	if (!err)
		memcpy(ret_raw, raw, header.raw_len);
	return err;
}

static void a_frame_survives_the_round_trip(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = {0};
	buffer_put(&frame, "xy", 2); /* what stands before is left alone */
	put_frame(&frame);
	const uint8_t *bytes = frame.at + 2;
	struct error error = {0};
	struct frame_header header;
	assert_int_equal(frame_header_decode(bytes, &header, &error), 0);
	assert_int_equal(frame_table_end(&header), 72 + 3 * 52);
	assert_int_equal(frame_len(&header), frame.len - 2);
	struct unit_name units[UNIT_COUNT];
	assert_int_equal(frame_table_decode(&header, bytes, units, &error), 0);
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		struct unit_name expected = name_of(texts[i]);
		assert_true(unit_name_equal(&units[i], &expected));
	}
	uint8_t raw[RAW_LEN];
	assert_int_equal(decode(bytes, frame.len - 2, raw), 0);
	assert_memory_equal(raw, "athe second unitand a third", RAW_LEN);
}

static void a_compressed_frame_survives_the_round_trip(void **state)
{
	(void)state;
	struct codec *codec AUTO(codec_end) = codec_new(1);
	struct error error = {0};
	uint8_t *raw AUTO_FREE = must_calloc(1, FRAME_RAW_MAX);
	uint8_t *packed AUTO_FREE = must_alloc(FRAME_RAW_MAX);
	enum codec_id id;
	size_t packed_len;
	assert_int_equal(codec_pack(codec, raw, FRAME_RAW_MAX, packed, FRAME_RAW_MAX, &id,
				    &packed_len, &error),
			 0);
	struct unit_name unit = {
		.key = {.xxh = xxh128_of(raw, FRAME_RAW_MAX), .len = FRAME_RAW_MAX},
		.sha = sha256_of(raw, FRAME_RAW_MAX)};
	struct frame_header header = {
		.kind = FRAME_ROOT,
		.codec = (uint8_t)id,
		.unit_count = 1,
		.raw_len = FRAME_RAW_MAX,
		.stored_len = (uint32_t)packed_len,
		.payload_xxh = xxh128_of(packed, packed_len),
	};
	struct buffer frame AUTO(buffer_fini) = {0};
	frame_head_encode(&frame, &header, &unit);
	buffer_put(&frame, packed, packed_len);
	raw[7] = 1;
	assert_int_equal(decode(frame.at, frame.len, raw), 0);
	assert_int_equal(raw[7], 0);
}

/* ---- layout ----------------------------------------------------------------------- */

static void the_layout_is_that_of_the_format(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame);
	static const char fixed[] = "BTFR\x01\x01\x00\x01"
				    "\x00\x00\x00\x00"
				    "\x03\x00\x00\x00"
				    "\x1b\x00\x00\x00"
				    "\x1b\x00\x00\x00";
	assert_memory_equal(frame.at, fixed, 24);
	for (size_t i = 24; i < 48; i++)
		assert_int_equal(frame.at[i], 0);
	struct xxh128 payload = xxh128_of("athe second unitand a third", RAW_LEN);
	assert_memory_equal(frame.at + 48, payload.bytes, 16);
	struct buffer checked AUTO(buffer_fini) = {0};
	buffer_put(&checked, frame.at, 64);
	buffer_put(&checked, frame.at + 72, UNIT_COUNT * 52);
	struct reader in = reader_of(frame.at + 64, 8);
	assert_true(reader_u64(&in) == xxh64_of(checked.at, checked.len));
	struct unit_name second = name_of(texts[1]);
	assert_memory_equal(frame.at + 72 + 52, "\x0f\x00\x00\x00", 4);
	assert_memory_equal(frame.at + 72 + 56, second.key.xxh.bytes, 16);
	assert_memory_equal(frame.at + 72 + 72, second.sha.bytes, 32);
}

/* ---- refusals of the header ------------------------------------------------------- */

static void refuse_header(size_t at, uint32_t value, size_t size, int expected)
{
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame);
	for (size_t i = 0; i < size; i++)
		frame.at[at + i] = (uint8_t)(value >> (8 * i));
	struct frame_header header = {.kind = 99};
	struct error error = {0};
	assert_int_equal(frame_header_decode(frame.at, &header, &error), expected);
	assert_int_equal(error.code, expected);
	assert_int_equal(header.kind, 99);
}

static void another_magic_is_refused(void **state)
{
	(void)state;
	refuse_header(0, 'X', 1, ERR_DAMAGED);
	refuse_header(3, 'X', 1, ERR_DAMAGED);
}

static void a_newer_format_is_a_matter_of_version(void **state)
{
	(void)state;
	refuse_header(4, 2, 1, ERR_VERSION);
	refuse_header(4, 0, 1, ERR_DAMAGED);
}

static void unknown_kinds_codecs_hashes_and_flags_are_refused(void **state)
{
	(void)state;
	refuse_header(5, 0, 1, ERR_DAMAGED);
	refuse_header(5, 5, 1, ERR_DAMAGED);
	refuse_header(6, 2, 1, ERR_DAMAGED);
	refuse_header(7, 2, 1, ERR_DAMAGED);
	refuse_header(8, 1, 4, ERR_DAMAGED);
	refuse_header(8, 1u << 31, 4, ERR_DAMAGED);
}

static void keys_and_tags_are_refused(void **state)
{
	(void)state;
	for (size_t at = 24; at < 48; at++)
		refuse_header(at, 1, 1, ERR_DAMAGED);
}

static void counts_and_lengths_out_of_bounds_are_refused(void **state)
{
	(void)state;
	refuse_header(12, 0, 4, ERR_DAMAGED);
	refuse_header(12, RAW_LEN + 1, 4, ERR_DAMAGED);
	refuse_header(12, FRAME_UNITS_MAX + 1, 4, ERR_DAMAGED);
	refuse_header(12, UINT32_MAX, 4, ERR_DAMAGED);
	refuse_header(16, 0, 4, ERR_DAMAGED);
	refuse_header(16, FRAME_RAW_MAX + 1, 4, ERR_DAMAGED);
	refuse_header(16, UINT32_MAX, 4, ERR_DAMAGED);
	refuse_header(20, 0, 4, ERR_DAMAGED);
	refuse_header(20, RAW_LEN + 1, 4, ERR_DAMAGED);
	refuse_header(20, RAW_LEN - 1, 4, ERR_DAMAGED);
}

static void roots_and_placements_are_alone(void **state)
{
	(void)state;
	refuse_header(5, FRAME_PLACEMENT, 1, ERR_DAMAGED);
	refuse_header(5, FRAME_ROOT, 1, ERR_DAMAGED);
}

/* ---- refusals of table and payload ------------------------------------------------ */

/* Writes the checksum anew, so that only what lies behind it can refuse. */
static void seal(struct buffer *frame)
{
	uint64_t checksum =
		xxh64_of_two(frame->at, 64, frame->at + 72, UNIT_COUNT * FRAME_ENTRY_LEN);
	for (size_t i = 0; i < 8; i++)
		frame->at[64 + i] = (uint8_t)(checksum >> (8 * i));
}

static int table_after(struct buffer *frame)
{
	struct frame_header header;
	struct error error = {0};
	struct unit_name units[UNIT_COUNT] = {0};
	seal(frame);
	assert_int_equal(frame_header_decode(frame->at, &header, &error), 0);
	int err = frame_table_decode(&header, frame->at, units, &error);
	if (err)
		assert_int_equal(units[0].key.len, 0);
	return err;
}

static void unit_lengths_must_add_up(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame);
	assert_int_equal(table_after(&frame), 0);
	frame.at[72]++;
	assert_int_equal(table_after(&frame), ERR_DAMAGED);
	frame.at[72 + 52]--; /* the sum is right again */
	assert_int_equal(table_after(&frame), 0);
	frame.at[72 + 3] = 0xff;
	assert_int_equal(table_after(&frame), ERR_DAMAGED);
}

static void units_of_no_length_are_refused(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame);
	frame.at[72]--;
	frame.at[72 + 52]++;
	assert_int_equal(table_after(&frame), ERR_DAMAGED);
}

static void a_unit_other_than_the_table_says_is_refused(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame);
	uint8_t raw[RAW_LEN];
	frame.at[72 + 2 * 52 + 4] ^= 1;
	seal(&frame);
	assert_int_equal(decode(frame.at, frame.len, raw), ERR_DAMAGED);
}

static void every_flipped_bit_of_a_frame_is_found(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame);
	uint8_t raw[RAW_LEN];
	for (size_t i = 0; i < frame.len * 8; i++) {
		frame.at[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_not_equal(decode(frame.at, frame.len, raw), 0);
		frame.at[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	assert_int_equal(decode(frame.at, frame.len, raw), 0);
}

/* ---- UNITS ------------------------------------------------------------------------ */

static void put_units(struct buffer *out)
{
	struct unit_key keys[UNIT_COUNT];
	for (size_t i = 0; i < UNIT_COUNT; i++)
		keys[i] = name_of(texts[i]).key;
	units_head_encode(out, FRAME_CONTENT, CODEC_RAW, RAW_LEN, keys, UNIT_COUNT);
	for (size_t i = 0; i < UNIT_COUNT; i++)
		buffer_put(out, texts[i], strlen(texts[i]));
}

static void units_survive_the_round_trip(void **state)
{
	(void)state;
	struct buffer bytes AUTO(buffer_fini) = {0};
	put_units(&bytes);
	assert_memory_equal(bytes.at, "\1\0\0\0\3\0\0\0\x1b\0\0\0", UNITS_HEADER_LEN);
	struct units_message message;
	struct error error = {0};
	assert_int_equal(units_decode(bytes.at, bytes.len, &message, &error), 0);
	assert_int_equal(message.kind, FRAME_CONTENT);
	assert_int_equal(message.codec, CODEC_RAW);
	assert_int_equal(message.count, UNIT_COUNT);
	assert_int_equal(message.raw_len, RAW_LEN);
	assert_int_equal(message.payload_len, RAW_LEN);
	assert_ptr_equal(message.payload, bytes.at + bytes.len - RAW_LEN);
	for (uint32_t i = 0; i < UNIT_COUNT; i++) {
		struct unit_key expected = name_of(texts[i]).key;
		struct unit_key key = units_key_at(&message, i);
		assert_true(xxh128_equal(&key.xxh, &expected.xxh));
		assert_int_equal(key.len, expected.len);
	}
}

static int units_after(size_t at, uint32_t value, size_t size)
{
	struct buffer bytes AUTO(buffer_fini) = {0};
	put_units(&bytes);
	for (size_t i = 0; i < size; i++)
		bytes.at[at + i] = (uint8_t)(value >> (8 * i));
	struct units_message message = {.kind = 99};
	struct error error = {0};
	int err = units_decode(bytes.at, bytes.len, &message, &error);
	assert_int_equal(message.kind, err ? 99 : FRAME_CONTENT);
	return err;
}

static void units_out_of_bounds_are_refused(void **state)
{
	(void)state;
	assert_int_equal(units_after(0, 1, 1), 0);
	assert_int_equal(units_after(0, 0, 1), ERR_PROTOCOL);
	assert_int_equal(units_after(0, FRAME_PLACEMENT, 1), ERR_PROTOCOL);
	assert_int_equal(units_after(0, FRAME_ROOT, 1), ERR_PROTOCOL);
	assert_int_equal(units_after(1, 2, 1), ERR_PROTOCOL);
	assert_int_equal(units_after(2, 1, 2), ERR_PROTOCOL);
	assert_int_equal(units_after(4, 0, 4), ERR_PROTOCOL);
	assert_int_equal(units_after(4, 2, 4), ERR_PROTOCOL);
	assert_int_equal(units_after(4, 4, 4), ERR_PROTOCOL);
	assert_int_equal(units_after(4, UINT32_MAX, 4), ERR_PROTOCOL);
	assert_int_equal(units_after(8, 0, 4), ERR_PROTOCOL);
	assert_int_equal(units_after(8, RAW_LEN + 1, 4), ERR_PROTOCOL);
	assert_int_equal(units_after(8, UINT32_MAX, 4), ERR_PROTOCOL);
	assert_int_equal(units_after(12 + 16, 0, 4), ERR_PROTOCOL);
	assert_int_equal(units_after(12 + 16, UINT32_MAX, 4), ERR_PROTOCOL);
}

static void units_cut_short_or_too_long_are_refused(void **state)
{
	(void)state;
	struct buffer bytes AUTO(buffer_fini) = {0};
	put_units(&bytes);
	buffer_put_u8(&bytes, 0);
	struct units_message message;
	struct error error = {0};
	for (size_t len = 0; len <= bytes.len; len++) {
		bool whole = len == bytes.len - 1;
		int err = units_decode(bytes.at, len, &message, &error);
		assert_int_equal(err, whole ? 0 : ERR_PROTOCOL);
	}
}

static void a_compressed_payload_is_at_most_the_raw_length(void **state)
{
	(void)state;
	struct unit_key key = name_of("abc").key;
	struct buffer bytes AUTO(buffer_fini) = {0};
	units_head_encode(&bytes, FRAME_PIECE, CODEC_ZSTD, 3, &key, 1);
	buffer_put(&bytes, "1234", 4);
	struct units_message message;
	struct error error = {0};
	size_t len = bytes.len;
	assert_int_equal(units_decode(bytes.at, len, &message, &error), ERR_PROTOCOL);
	assert_int_equal(units_decode(bytes.at, len - 1, &message, &error), 0);
	assert_int_equal(units_decode(bytes.at, len - 2, &message, &error), 0);
	assert_int_equal(units_decode(bytes.at, len - 4, &message, &error), ERR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_survives_the_round_trip),
		cmocka_unit_test(a_compressed_frame_survives_the_round_trip),
		cmocka_unit_test(the_layout_is_that_of_the_format),
		cmocka_unit_test(another_magic_is_refused),
		cmocka_unit_test(a_newer_format_is_a_matter_of_version),
		cmocka_unit_test(unknown_kinds_codecs_hashes_and_flags_are_refused),
		cmocka_unit_test(keys_and_tags_are_refused),
		cmocka_unit_test(counts_and_lengths_out_of_bounds_are_refused),
		cmocka_unit_test(roots_and_placements_are_alone),
		cmocka_unit_test(unit_lengths_must_add_up),
		cmocka_unit_test(units_of_no_length_are_refused),
		cmocka_unit_test(a_unit_other_than_the_table_says_is_refused),
		cmocka_unit_test(every_flipped_bit_of_a_frame_is_found),
		cmocka_unit_test(units_survive_the_round_trip),
		cmocka_unit_test(units_out_of_bounds_are_refused),
		cmocka_unit_test(units_cut_short_or_too_long_are_refused),
		cmocka_unit_test(a_compressed_payload_is_at_most_the_raw_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
