/* Segment files as bytes (FORMAT.md §2): header, footer, index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/cleanup.h"

static const struct segment_header header = {
	.id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
	.namespace_id = 77,
};

static void a_header_reads_as_it_was_written(void **state)
{
	(void)state;
	uint8_t bytes[SEGMENT_HEADER_LEN];
	segment_header_encode(&header, bytes);
	assert_memory_equal(bytes, "BATONSEG\1\0\0\0\0\0\0\0\1\2\3", 19);
	struct segment_header got;
	struct error error;
	assert_int_equal(segment_header_decode(bytes, &got, &error), 0);
	assert_true(segment_id_equal(&got.id, &header.id));
	assert_int_equal(got.namespace_id, 77);
}

static void every_bit_of_a_header_is_checked(void **state)
{
	(void)state;
	uint8_t bytes[SEGMENT_HEADER_LEN];
	segment_header_encode(&header, bytes);
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		struct segment_header got;
		struct error error;
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(segment_header_decode(bytes, &got, &error), ERR_DAMAGED);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void put_checksum(uint8_t bytes[SEGMENT_HEADER_LEN])
{
	struct buffer sum AUTO(buffer_fini) = {0};
	buffer_put_u64(&sum, xxh64_of(bytes, SEGMENT_HEADER_LEN - 8));
	memcpy(bytes + SEGMENT_HEADER_LEN - 8, sum.at, 8);
}

static void a_newer_version_and_an_unknown_flag_are_refused(void **state)
{
	(void)state;
	static const size_t places[] = {8, 12, 40, 55};
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		uint8_t bytes[SEGMENT_HEADER_LEN];
		segment_header_encode(&header, bytes);
		bytes[places[i]] += 2; /* 1 is a flag that is known */
		put_checksum(bytes);
		struct segment_header got;
		struct error error;
		assert_int_equal(segment_header_decode(bytes, &got, &error), ERR_VERSION);
	}
}

static void every_bit_of_a_footer_is_checked(void **state)
{
	(void)state;
	struct segment_footer footer = {.index_offset = 1000,
					.index_len = 500,
					.frame_count = 3,
					.index_checksum = 12345};
	uint64_t end = 1000 + 500 + SEGMENT_FOOTER_LEN;
	uint8_t bytes[SEGMENT_FOOTER_LEN];
	segment_footer_encode(&footer, bytes);
	struct segment_footer got;
	struct error error;
	assert_int_equal(segment_footer_decode(bytes, end, &got, &error), 0);
	assert_int_equal(got.index_offset, 1000);
	assert_int_equal(got.index_len, 500);
	assert_int_equal(got.frame_count, 3);
	assert_int_equal(got.index_checksum, 12345);
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(segment_footer_decode(bytes, end, &got, &error),
				 ERR_DAMAGED);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void a_footer_must_fill_the_end_of_its_file(void **state)
{
	(void)state;
	static const struct segment_footer wrong[] = {
		{.index_offset = 63, .index_len = 1437},
		{.index_offset = 1000, .index_len = 501},
		{.index_offset = 2000, .index_len = UINT64_MAX - 499},
		{.index_offset = 64, .index_len = SEGMENT_INDEX_LEN_MAX + 1ull},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		uint8_t bytes[SEGMENT_FOOTER_LEN];
		segment_footer_encode(&wrong[i], bytes);
		struct segment_footer got;
		struct error error;
		uint64_t end = 1500 + SEGMENT_FOOTER_LEN;
		assert_int_equal(segment_footer_decode(bytes, end, &got, &error),
				 ERR_DAMAGED);
	}
}

static void put_frame(struct buffer *index, uint64_t offset, uint32_t units)
{
	struct unit_name names[8] = {0};
	for (uint32_t i = 0; i < units; i++) {
		names[i].key.len = i + 1;
		names[i].sha.bytes[0] = (uint8_t)offset;
	}
	struct frame_header frame = {.kind = FRAME_CONTENT,
				     .codec = CODEC_RAW,
				     .unit_count = units,
				     .raw_len = units * (units + 1) / 2};
	frame.stored_len = frame.raw_len;
	struct buffer head AUTO(buffer_fini) = {0};
	frame_head_encode(&head, &frame, names);
	segment_index_put(index, offset, head.at, head.len);
}

static void an_index_gives_each_frame_and_its_units(void **state)
{
	(void)state;
	struct buffer index AUTO(buffer_fini) = {0};
	put_frame(&index, 64, 3);
	put_frame(&index, 700, 8);
	struct unit_name *units AUTO_FREE = must_alloc(FRAME_UNITS_MAX * sizeof(*units));
	struct segment_entry entry;
	struct error error;
	struct reader in = reader_of(index.at, index.len);
	assert_int_equal(segment_index_next(&in, &entry, units, &error), 1);
	assert_int_equal(entry.offset, 64);
	assert_int_equal(entry.header.unit_count, 3);
	assert_int_equal(units[2].key.len, 3);
	assert_int_equal(segment_index_next(&in, &entry, units, &error), 1);
	assert_int_equal(entry.offset, 700);
	assert_int_equal(segment_index_next(&in, &entry, units, &error), 0);
	for (size_t len = 1; len < index.len; len++) {
		in = reader_of(index.at, len);
		int got;
		do
			got = segment_index_next(&in, &entry, units, &error);
		while (got > 0);
		/* Cut between the two entries it is merely shorter. */
		assert_true(got == ERR_DAMAGED || len == 8 + 72 + 3 * 52);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_reads_as_it_was_written),
		cmocka_unit_test(every_bit_of_a_header_is_checked),
		cmocka_unit_test(a_newer_version_and_an_unknown_flag_are_refused),
		cmocka_unit_test(every_bit_of_a_footer_is_checked),
		cmocka_unit_test(a_footer_must_fill_the_end_of_its_file),
		cmocka_unit_test(an_index_gives_each_frame_and_its_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
