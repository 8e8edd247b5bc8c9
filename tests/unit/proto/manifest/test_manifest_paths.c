/* What the decoder of rows refuses in numbers, paths and order. PROTOCOL.md §7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifest_raw.h"

/* ---- numbers and ends ------------------------------------------------------------- */

static void rows_by_hand_are_accepted(void **state)
{
	(void)state;
	struct buffer rows AUTO(buffer_fini) = {0};
	put_directory(&rows, 0, "a");
	put_file(&rows, 1, "/b");
	put_link(&rows, 2, "c", "../x", 4);
	assert_int_equal(decode(&rows, 3), 0);
}

static void longer_spellings_of_numbers_are_refused(void **state)
{
	(void)state;
	struct buffer plain AUTO(buffer_fini) = {0};
	put_file(&plain, 0, "f");
	assert_int_equal(decode(&plain, 1), 0);
	/* shared, suffix length, mode (two bytes), size, unit count, field count */
	static const size_t ends[] = {0, 1, 5, 18, 19, 20};
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct buffer rows AUTO(buffer_fini) = {0};
		buffer_put(&rows, plain.at, ends[i]);
		buffer_put_u8(&rows, plain.at[ends[i]] | 0x80);
		buffer_put_u8(&rows, 0);
		buffer_put(&rows, plain.at + ends[i] + 1, plain.len - ends[i] - 1);
		assert_int_equal(decode(&rows, 1), ERR_DAMAGED);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct buffer rows AUTO(buffer_fini) = {0};
	const uint64_t lengths[] = {1, 2};
	put_path(&rows, 0, "f", 1);
	put_attributes(&rows, ROW_FILE, 0644, 0);
	put_units(&rows, 3, 2, lengths);
	put_link(&rows, 0, "l", "target", 6);
	size_t len = rows.len;
	assert_int_equal(decode(&rows, 2), 0);
	for (rows.len = 0; rows.len < len; rows.len++)
		assert_int_equal(decode(&rows, 2), ERR_DAMAGED);
}

static void trailing_bytes_are_refused(void **state)
{
	(void)state;
	struct buffer rows AUTO(buffer_fini) = {0};
	put_file(&rows, 0, "f");
	buffer_put_u8(&rows, 0);
	assert_int_equal(decode(&rows, 1), ERR_DAMAGED);
	assert_int_equal(decode(&rows, 0), ERR_DAMAGED);
}

/* ---- paths and order -------------------------------------------------------------- */

static void the_shared_length_is_the_most_possible(void **state)
{
	(void)state;
	struct buffer rows AUTO(buffer_fini) = {0};
	put_file(&rows, 0, "abc");
	size_t first = rows.len;
	put_file(&rows, 2, "d");
	assert_int_equal(decode(&rows, 2), 0);
	static const char *const suffixes[] = {"abd", "bd"};
	for (uint64_t shared = 0; shared < 2; shared++) {
		rows.len = first;
		put_file(&rows, shared, suffixes[shared]);
		assert_int_equal(decode(&rows, 2), ERR_DAMAGED);
	}
}

static void nothing_is_shared_beyond_the_path_before(void **state)
{
	(void)state;
	struct buffer rows AUTO(buffer_fini) = {0};
	put_file(&rows, 0, "abc");
	size_t first = rows.len;
	static const uint64_t shared[] = {4, 255, UINT32_MAX, UINT64_MAX};
	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++) {
		rows.len = first;
		put_file(&rows, shared[i], "d");
		assert_int_equal(decode(&rows, 2), ERR_DAMAGED);
	}
}

static void the_first_path_shares_nothing(void **state)
{
	(void)state;
	struct buffer rows AUTO(buffer_fini) = {0};
	put_file(&rows, 1, "b");
	assert_int_equal(decode(&rows, 1), ERR_DAMAGED);
}

/* Two empty files, each with its whole path, as in two ROWS messages. */
static int decode_across(const char *first, const char *second, uint64_t shared)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct error error = {0};
	struct row row;
	struct buffer one AUTO(buffer_fini) = {0};
	struct buffer other AUTO(buffer_fini) = {0};
	put_file(&one, 0, first);
	put_file(&other, shared, second);
	row_decoder_init(&decoder, one.at, one.len, 1);
	assert_int_equal(row_decoder_next(&decoder, &row, &error), 1);
	assert_int_equal(row_decoder_next(&decoder, &row, &error), 0);
	row_decoder_continue(&decoder, other.at, other.len, 1);
	int more = row_decoder_next(&decoder, &row, &error);
	return more < 0 ? more : 0;
}

static void order_is_checked_across_buffers(void **state)
{
	(void)state;
	assert_int_equal(decode_across("ab", "ac", 0), 0);
	assert_int_equal(decode_across("ab", "abc", 0), 0);
	assert_int_equal(decode_across("ab", "c", 1), ERR_DAMAGED);
	assert_int_equal(decode_across("ab", "ab", 0), ERR_DAMAGED);
	assert_int_equal(decode_across("ab", "aa", 0), ERR_DAMAGED);
	assert_int_equal(decode_across("ab", "a", 0), ERR_DAMAGED);
	assert_int_equal(decode_across("ab", "ab/c", 0), ERR_DAMAGED);
}

static int decode_two(const char *first, uint64_t shared, const char *suffix)
{
	struct buffer rows AUTO(buffer_fini) = {0};
	put_file(&rows, 0, first);
	put_file(&rows, shared, suffix);
	return decode(&rows, 2);
}

static void rows_ascend_with_the_slash_below_every_byte(void **state)
{
	(void)state;
	assert_int_equal(decode_two("a", 1, "b"), 0);
	assert_int_equal(decode_two("a/x", 1, "\x01"), 0);
	assert_int_equal(decode_two("a/x", 1, "-b"), 0);
	assert_int_equal(decode_two("a-b", 1, "/x"), ERR_DAMAGED);
	assert_int_equal(decode_two("a\x01", 1, "/x"), ERR_DAMAGED);
	assert_int_equal(decode_two("a\x7f", 1, "\x80"), 0);
	assert_int_equal(decode_two("a\x80", 1, "\x7f"), ERR_DAMAGED);
	assert_int_equal(decode_two("ab", 1, "a"), ERR_DAMAGED);
	assert_int_equal(decode_two("ab", 2, ""), ERR_DAMAGED);
	assert_int_equal(decode_two("ab", 1, ""), ERR_DAMAGED);
}

static void no_row_is_below_a_file_or_a_link(void **state)
{
	(void)state;
	assert_int_equal(decode_two("a", 1, "/b"), ERR_DAMAGED);
	struct buffer rows AUTO(buffer_fini) = {0};
	put_link(&rows, 0, "a", "t", 1);
	put_file(&rows, 1, "/b");
	assert_int_equal(decode(&rows, 2), ERR_DAMAGED);
	buffer_clear(&rows);
	put_directory(&rows, 0, "a");
	put_file(&rows, 1, "/b");
	assert_int_equal(decode(&rows, 2), 0);
}

static int decode_path(const char *path, size_t len)
{
	struct buffer rows AUTO(buffer_fini) = {0};
	put_path(&rows, 0, path, len);
	put_attributes(&rows, ROW_DIRECTORY, 0755, 0);
	buffer_put_varint(&rows, 0);
	return decode(&rows, 1);
}

static void invalid_paths_are_refused(void **state)
{
	(void)state;
	static const char *const paths[] = {
		"", "/", "/a", "a/", "a//b", ".", "..", "a/.", "./a", "a/../b", "../a",
	};
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_int_equal(decode_path(paths[i], strlen(paths[i])), ERR_DAMAGED);
	assert_int_equal(decode_path("a\0b", 3), ERR_DAMAGED);
	assert_int_equal(decode_path("...", 3), 0);
}

static void paths_beyond_the_limits_are_refused(void **state)
{
	(void)state;
	char *path AUTO_FREE = must_alloc(PATH_LEN_MAX + 2);
	memset(path, 'x', PATH_LEN_MAX + 2);
	assert_int_equal(decode_path(path, COMPONENT_LEN_MAX), 0);
	assert_int_equal(decode_path(path, COMPONENT_LEN_MAX + 1), ERR_DAMAGED);
	for (size_t i = 200; i < PATH_LEN_MAX; i += 200)
		path[i] = '/';
	assert_int_equal(decode_path(path, PATH_LEN_MAX), 0);
	assert_int_equal(decode_path(path, PATH_LEN_MAX + 1), ERR_DAMAGED);
	memset(path, 'x', PATH_LEN_MAX);
	for (size_t i = 1; i < PATH_LEN_MAX; i += 2)
		path[i] = '/';
	assert_int_equal(decode_path(path, 2 * PATH_DEPTH_MAX - 1), 0);
	assert_int_equal(decode_path(path, 2 * PATH_DEPTH_MAX + 1), ERR_DAMAGED);
}

static void a_path_longer_than_the_limit_in_two_parts_is_refused(void **state)
{
	(void)state;
	char *path AUTO_FREE = must_alloc(PATH_LEN_MAX + 1);
	memset(path, 'x', PATH_LEN_MAX);
	for (size_t i = 200; i < PATH_LEN_MAX; i += 200)
		path[i] = '/';
	struct buffer rows AUTO(buffer_fini) = {0};
	put_path(&rows, 0, path, PATH_LEN_MAX);
	put_attributes(&rows, ROW_DIRECTORY, 0755, 0);
	buffer_put_varint(&rows, 0);
	put_directory(&rows, PATH_LEN_MAX, "y");
	assert_int_equal(decode(&rows, 2), ERR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_by_hand_are_accepted),
		cmocka_unit_test(longer_spellings_of_numbers_are_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(trailing_bytes_are_refused),
		cmocka_unit_test(the_shared_length_is_the_most_possible),
		cmocka_unit_test(nothing_is_shared_beyond_the_path_before),
		cmocka_unit_test(the_first_path_shares_nothing),
		cmocka_unit_test(order_is_checked_across_buffers),
		cmocka_unit_test(rows_ascend_with_the_slash_below_every_byte),
		cmocka_unit_test(no_row_is_below_a_file_or_a_link),
		cmocka_unit_test(invalid_paths_are_refused),
		cmocka_unit_test(paths_beyond_the_limits_are_refused),
		cmocka_unit_test(a_path_longer_than_the_limit_in_two_parts_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
