/* zstd, bounded: proto/unit/codec.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/unit/codec.h"

#define TEXT_LEN 100000u

static void codec_end(struct codec **codec)
{
	codec_free(*codec);
}

/* Compressible bytes; owned by the caller. */
static uint8_t *text_new(void)
{
	uint8_t *text = must_alloc(TEXT_LEN);
	for (size_t i = 0; i < TEXT_LEN; i++)
		text[i] = (uint8_t)((uint8_t) "the quick brown fox "[i % 20] +
				    i / 1000 % 3);
	return text;
}

/* Bytes that nothing compresses, the same on every run; owned by the caller. */
static uint8_t *noise_new(size_t len)
{
	uint8_t *noise = must_alloc(len);
	uint64_t random = 20261101;
	for (size_t i = 0; i < len; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		noise[i] = (uint8_t)(random >> 32);
	}
	return noise;
}

static void round_trip(struct codec *codec, const uint8_t *data, size_t len,
		       enum codec_id expected)
{
	struct error error = {0};
	uint8_t *packed AUTO_FREE = must_alloc(len);
	uint8_t *unpacked AUTO_FREE = must_alloc(len);
	enum codec_id id;
	size_t packed_len;
	assert_int_equal(
		codec_pack(codec, data, len, packed, len, &id, &packed_len, &error), 0);
	assert_int_equal(id, expected);
	assert_true(id == CODEC_ZSTD ? packed_len < len : packed_len == len);
	assert_int_equal(codec_unpack(codec, (uint8_t)id, packed, packed_len, unpacked,
				      len, &error),
			 0);
	if (len > 0)
		assert_memory_equal(unpacked, data, len);
}

static void what_shrinks_is_compressed_and_the_rest_kept_as_it_is(void **state)
{
	(void)state;
	struct codec *codec AUTO(codec_end) = codec_new(1);
	uint8_t *text AUTO_FREE = text_new();
	uint8_t *noise AUTO_FREE = noise_new(TEXT_LEN);
	round_trip(codec, text, TEXT_LEN, CODEC_ZSTD);
	round_trip(codec, noise, TEXT_LEN, CODEC_RAW);
	round_trip(codec, text, TEXT_LEN, CODEC_ZSTD);
	round_trip(codec, (const uint8_t *)"x", 1, CODEC_RAW);
	round_trip(codec, NULL, 0, CODEC_RAW);
}

static void the_largest_frame_survives_the_round_trip(void **state)
{
	(void)state;
	struct codec *codec AUTO(codec_end) = codec_new(1);
	uint8_t *noise AUTO_FREE = noise_new(FRAME_RAW_MAX);
	memset(noise, 'x', FRAME_RAW_MAX / 2);
	round_trip(codec, noise, FRAME_RAW_MAX, CODEC_ZSTD);
}

static void every_level_packs(void **state)
{
	(void)state;
	uint8_t *text AUTO_FREE = text_new();
	static const int levels[] = {-1, 1, 3, 19};
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		struct codec *codec AUTO(codec_end) = codec_new(levels[i]);
		round_trip(codec, text, TEXT_LEN, CODEC_ZSTD);
	}
}

static void refuse(uint8_t id, const void *payload, size_t len, size_t raw_len)
{
	struct codec *codec AUTO(codec_end) = codec_new(1);
	struct error error = {0};
	uint8_t *raw AUTO_FREE = must_alloc(raw_len);
	assert_int_equal(codec_unpack(codec, id, payload, len, raw, raw_len, &error),
			 ERR_DAMAGED);
	assert_int_equal(error.code, ERR_DAMAGED);
}

/* A frame of the text, with one parameter other than our own. */
static struct buffer pack_with(ZSTD_cParameter parameter, int value, size_t len)
{
	uint8_t *text AUTO_FREE = text_new();
	struct buffer out = {0};
	buffer_reserve(&out, ZSTD_compressBound(TEXT_LEN));
	ZSTD_CCtx *context = ZSTD_createCCtx();
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)));
	out.len = ZSTD_compress2(context, out.at, out.capacity, text, len);
	assert_false(ZSTD_isError(out.len));
	(void)ZSTD_freeCCtx(context);
	return out;
}

static struct buffer pack_plain(void)
{
	return pack_with(ZSTD_c_compressionLevel, 1, TEXT_LEN);
}

static void another_declared_size_is_refused(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = pack_plain();
	refuse(CODEC_ZSTD, frame.at, frame.len, TEXT_LEN - 1);
	refuse(CODEC_ZSTD, frame.at, frame.len, TEXT_LEN + 1);
}

static void no_declared_size_is_refused(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) =
		pack_with(ZSTD_c_contentSizeFlag, 0, TEXT_LEN);
	refuse(CODEC_ZSTD, frame.at, frame.len, TEXT_LEN);
}

static void trailing_bytes_are_refused(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = pack_plain();
	buffer_put_u8(&frame, 0);
	refuse(CODEC_ZSTD, frame.at, frame.len, TEXT_LEN);
}

static void several_frames_are_refused(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = pack_plain();
	struct buffer both AUTO(buffer_fini) = {0};
	struct buffer empty AUTO(buffer_fini) = pack_with(ZSTD_c_compressionLevel, 1, 0);
	buffer_put(&both, frame.at, frame.len);
	buffer_put(&both, frame.at, frame.len);
	refuse(CODEC_ZSTD, both.at, both.len, 2 * TEXT_LEN);
	refuse(CODEC_ZSTD, both.at, both.len, TEXT_LEN);
	buffer_put(&frame, empty.at, empty.len);
	refuse(CODEC_ZSTD, frame.at, frame.len, TEXT_LEN);
}

static void skippable_frames_are_refused(void **state)
{
	(void)state;
	refuse(CODEC_ZSTD, "\x50\x2a\x4d\x18\x04\x00\x00\x00xxxx", 12, 0);
	refuse(CODEC_ZSTD, "\x50\x2a\x4d\x18\x04\x00\x00\x00xxxx", 12, 4);
}

/* A frame by hand: a window byte, an 8-byte content size of 1, one raw block "x". */
static void put_frame_with_window(struct buffer *out, uint8_t window)
{
	buffer_put(out, "\x28\xb5\x2f\xfd\xc0", 5);
	buffer_put_u8(out, window);
	buffer_put_u64(out, 1);
	buffer_put(out, "\x09\x00\x00x", 4);
}

static void windows_above_the_bound_are_refused(void **state)
{
	(void)state;
	struct codec *codec AUTO(codec_end) = codec_new(1);
	struct error error = {0};
	const uint8_t bound = (ZSTD_WINDOW_LOG_MAX - 10) << 3;
	struct buffer largest AUTO(buffer_fini) = {0};
	put_frame_with_window(&largest, bound);
	char raw;
	assert_int_equal(
		codec_unpack(codec, CODEC_ZSTD, largest.at, largest.len, &raw, 1, &error),
		0);
	assert_int_equal(raw, 'x');
	struct buffer above AUTO(buffer_fini) = {0};
	put_frame_with_window(&above, bound + 1);
	refuse(CODEC_ZSTD, above.at, above.len, 1);
	buffer_clear(&above);
	put_frame_with_window(&above, 0xff);
	refuse(CODEC_ZSTD, above.at, above.len, 1);
}

static void unknown_codecs_are_refused(void **state)
{
	(void)state;
	refuse(2, "abc", 3, 3);
	refuse(255, "abc", 3, 3);
}

static void raw_of_another_length_is_refused(void **state)
{
	(void)state;
	refuse(CODEC_RAW, "abc", 3, 2);
	refuse(CODEC_RAW, "abc", 3, 4);
	refuse(CODEC_RAW, "", 0, 1);
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct buffer frame AUTO(buffer_fini) = pack_plain();
	for (size_t len = 0; len < frame.len; len++)
		refuse(CODEC_ZSTD, frame.at, len, TEXT_LEN);
}

static void flipped_bytes_never_write_beyond_the_room(void **state)
{
	(void)state;
	struct codec *codec AUTO(codec_end) = codec_new(1);
	struct buffer frame AUTO(buffer_fini) = pack_plain();
	uint8_t *raw AUTO_FREE = must_alloc(TEXT_LEN);
	for (size_t i = 0; i < frame.len * 8; i++) {
		struct error error = {0};
		frame.at[i / 8] ^= (uint8_t)(1u << i % 8);
		int err = codec_unpack(codec, CODEC_ZSTD, frame.at, frame.len, raw,
				       TEXT_LEN, &error);
		assert_true(err == 0 || err == ERR_DAMAGED);
		frame.at[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	codec_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_shrinks_is_compressed_and_the_rest_kept_as_it_is),
		cmocka_unit_test(the_largest_frame_survives_the_round_trip),
		cmocka_unit_test(every_level_packs),
		cmocka_unit_test(another_declared_size_is_refused),
		cmocka_unit_test(no_declared_size_is_refused),
		cmocka_unit_test(trailing_bytes_are_refused),
		cmocka_unit_test(several_frames_are_refused),
		cmocka_unit_test(skippable_frames_are_refused),
		cmocka_unit_test(windows_above_the_bound_are_refused),
		cmocka_unit_test(unknown_codecs_are_refused),
		cmocka_unit_test(raw_of_another_length_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(flipped_bytes_never_write_beyond_the_room),
		cmocka_unit_test(freeing_nothing_is_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
