/* Bytes in and out: proto/base/bytes.h, PROTOCOL.md §1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

static void integers_are_little_endian(void **state)
{
	(void)state;
	static const uint8_t expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
					   0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08};
	struct buffer buffer AUTO(buffer_fini) = {0};
	buffer_put_u8(&buffer, 0x01);
	buffer_put_u16(&buffer, 0x0203);
	buffer_put_u32(&buffer, 0x04050607);
	buffer_put_u64(&buffer, 0x08090a0b0c0d0e0f);
	assert_int_equal(buffer.len, sizeof(expected));
	assert_memory_equal(buffer.at, expected, sizeof(expected));
	struct reader in = reader_of(buffer.at, buffer.len);
	assert_int_equal(reader_u8(&in), 0x01);
	assert_int_equal(reader_u16(&in), 0x0203);
	assert_int_equal(reader_u32(&in), 0x04050607);
	assert_true(reader_u64(&in) == 0x08090a0b0c0d0e0f);
	assert_false(in.failed);
	assert_int_equal(in.left, 0);
}

static const uint64_t edges[] = {
	0, 1, 127, 128, 129, 16383, 16384, UINT32_MAX, 1ull << 62, 1ull << 63, UINT64_MAX,
};

static void varints_survive_the_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
		struct buffer buffer AUTO(buffer_fini) = {0};
		buffer_put_varint(&buffer, edges[i]);
		assert_int_equal(buffer.len, varint_len(edges[i]));
		struct reader in = reader_of(buffer.at, buffer.len);
		assert_true(reader_varint(&in) == edges[i]);
		assert_false(in.failed);
		assert_int_equal(in.left, 0);
	}
}

static void zigzags_survive_the_round_trip(void **state)
{
	(void)state;
	static const int64_t numbers[] = {0, -1, 1, -64, 64, INT64_MIN, INT64_MAX};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct buffer buffer AUTO(buffer_fini) = {0};
		buffer_put_zigzag(&buffer, numbers[i]);
		struct reader in = reader_of(buffer.at, buffer.len);
		assert_true(reader_zigzag(&in) == numbers[i]);
		assert_false(in.failed);
	}
	struct buffer minus_one AUTO(buffer_fini) = {0};
	buffer_put_zigzag(&minus_one, -1);
	assert_int_equal(minus_one.len, 1);
	assert_int_equal(minus_one.at[0], 1);
}

static void refuse_varint(const char *bytes, size_t len)
{
	struct reader in = reader_of(bytes, len);
	assert_true(reader_varint(&in) == 0);
	assert_true(in.failed);
}

static void longer_spellings_of_a_varint_are_refused(void **state)
{
	(void)state;
	refuse_varint("\x80\x00", 2);
	refuse_varint("\x81\x80\x00", 3);
	refuse_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00", 11);
}

static void varints_beyond_64_bits_are_refused(void **state)
{
	(void)state;
	refuse_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	refuse_varint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11);
}

static void varints_that_are_cut_short_are_refused(void **state)
{
	(void)state;
	refuse_varint("", 0);
	refuse_varint("\x80", 1);
	refuse_varint("\xff\xff", 2);
}

static void a_failed_read_stays_failed(void **state)
{
	(void)state;
	struct reader in = reader_of("\x01\x02", 2);
	assert_int_equal(reader_u32(&in), 0);
	assert_true(in.failed);
	assert_int_equal(reader_u8(&in), 0);
	assert_null(reader_bytes(&in, 0));
	assert_true(in.failed);
}

static void copies_beyond_the_end_are_zeroed(void **state)
{
	(void)state;
	struct reader in = reader_of("ab", 2);
	char copy[3] = "xyz";
	reader_copy(&in, copy, 3);
	assert_memory_equal(copy, "\0\0\0", 3);
	assert_true(in.failed);
}

static void bytes_are_borrowed_in_place(void **state)
{
	(void)state;
	const char *text = "abc";
	struct reader in = reader_of(text, 3);
	assert_ptr_equal(reader_bytes(&in, 2), text);
	assert_ptr_equal(reader_bytes(&in, 1), text + 2);
	assert_non_null(reader_bytes(&in, 0));
	assert_false(in.failed);
	assert_null(reader_bytes(&in, SIZE_MAX));
}

static void an_empty_input_is_not_a_failure(void **state)
{
	(void)state;
	struct reader in = reader_of(NULL, 0);
	assert_non_null(reader_bytes(&in, 0));
	assert_false(in.failed);
}

static void buffers_grow_and_keep_their_memory_when_cleared(void **state)
{
	(void)state;
	struct buffer buffer AUTO(buffer_fini) = {0};
	for (int i = 0; i < 10000; i++)
		buffer_put(&buffer, "0123456789", 10);
	assert_int_equal(buffer.len, 100000);
	assert_memory_equal(buffer.at + 99990, "0123456789", 10);
	size_t capacity = buffer.capacity;
	buffer_clear(&buffer);
	assert_int_equal(buffer.len, 0);
	assert_int_equal(buffer.capacity, capacity);
	buffer_put(&buffer, NULL, 0);
	buffer_fini(&buffer);
	assert_null(buffer.at);
	buffer_put_u8(&buffer, 1);
	assert_int_equal(buffer.len, 1);
}

static void copies_end_with_a_nul(void **state)
{
	(void)state;
	char *copy AUTO_FREE = must_memdup("a\0b", 3);
	assert_memory_equal(copy, "a\0b\0", 4);
	char *text AUTO_FREE = must_strdup("abc");
	assert_string_equal(text, "abc");
	char *empty AUTO_FREE = must_memdup(NULL, 0);
	assert_string_equal(empty, "");
}

static void allocations_of_nothing_are_something(void **state)
{
	(void)state;
	void *none AUTO_FREE = must_alloc(0);
	void *zeros AUTO_FREE = must_calloc(0, 8);
	assert_non_null(none);
	assert_non_null(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_little_endian),
		cmocka_unit_test(varints_survive_the_round_trip),
		cmocka_unit_test(zigzags_survive_the_round_trip),
		cmocka_unit_test(longer_spellings_of_a_varint_are_refused),
		cmocka_unit_test(varints_beyond_64_bits_are_refused),
		cmocka_unit_test(varints_that_are_cut_short_are_refused),
		cmocka_unit_test(a_failed_read_stays_failed),
		cmocka_unit_test(copies_beyond_the_end_are_zeroed),
		cmocka_unit_test(bytes_are_borrowed_in_place),
		cmocka_unit_test(an_empty_input_is_not_a_failure),
		cmocka_unit_test(buffers_grow_and_keep_their_memory_when_cleared),
		cmocka_unit_test(copies_end_with_a_nul),
		cmocka_unit_test(allocations_of_nothing_are_something),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
