/* What the decoder of rows refuses behind the path, and the head of a piece.
 * PROTOCOL.md §7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifest_raw.h"

/* ---- attributes and bodies -------------------------------------------------------- */

static void unknown_types_are_refused(void **state)
{
	(void)state;
	static const uint8_t types[] = {0, 4, 255};
	for (size_t i = 0; i < sizeof(types); i++) {
		struct buffer rows AUTO(buffer_fini) = {0};
		put_path(&rows, 0, "a", 1);
		put_attributes(&rows, types[i], 0644, 0);
		buffer_put(&rows, "\0\0\0", 3);
		assert_int_equal(decode(&rows, 1), ERR_DAMAGED);
	}
}

static void modes_are_permission_bits(void **state)
{
	(void)state;
	assert_int_equal(decode_file(0777, 0, 0, 0, NULL), 0);
	assert_int_equal(decode_file(01000, 0, 0, 0, NULL), ERR_DAMAGED);
	assert_int_equal(decode_file(0x10000 + 0644, 0, 0, 0, NULL), ERR_DAMAGED);
	assert_int_equal(decode_file(UINT64_MAX, 0, 0, 0, NULL), ERR_DAMAGED);
}

static void a_link_has_mode_0777(void **state)
{
	(void)state;
	static const uint64_t modes[] = {0, 0644, 0776, 01777};
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct buffer rows AUTO(buffer_fini) = {0};
		put_path(&rows, 0, "l", 1);
		put_attributes(&rows, ROW_SYMLINK, modes[i], 0);
		buffer_put(&rows, "\1t\0", 3);
		assert_int_equal(decode(&rows, 1), ERR_DAMAGED);
	}
}

static void nanoseconds_are_below_a_second(void **state)
{
	(void)state;
	assert_int_equal(decode_file(0644, 999999999, 0, 0, NULL), 0);
	assert_int_equal(decode_file(0644, 1000000000, 0, 0, NULL), ERR_DAMAGED);
	assert_int_equal(decode_file(0644, UINT32_MAX, 0, 0, NULL), ERR_DAMAGED);
}

static void unit_lengths_add_up_to_the_size(void **state)
{
	(void)state;
	const uint64_t lengths[] = {5, 7};
	assert_int_equal(decode_file(0644, 0, 12, 2, lengths), 0);
	assert_int_equal(decode_file(0644, 0, 11, 2, lengths), ERR_DAMAGED);
	assert_int_equal(decode_file(0644, 0, 13, 2, lengths), ERR_DAMAGED);
	assert_int_equal(decode_file(0644, 0, UINT64_MAX, 2, lengths), ERR_DAMAGED);
	assert_int_equal(decode_file(0644, 0, 1, 0, NULL), ERR_DAMAGED);
}

static void units_have_a_length_within_bounds(void **state)
{
	(void)state;
	const uint64_t none[] = {5, 0};
	const uint64_t largest[] = {UNIT_LEN_MAX};
	const uint64_t larger[] = {UNIT_LEN_MAX + 1};
	const uint64_t wrapping[] = {1, UINT64_MAX};
	assert_int_equal(decode_file(0644, 0, 5, 2, none), ERR_DAMAGED);
	assert_int_equal(decode_file(0644, 0, UNIT_LEN_MAX, 1, largest), 0);
	assert_int_equal(decode_file(0644, 0, UNIT_LEN_MAX + 1, 1, larger), ERR_DAMAGED);
	assert_int_equal(decode_file(0644, 0, 0, 2, wrapping), ERR_DAMAGED);
}

static void a_unit_count_beyond_the_input_reserves_nothing(void **state)
{
	(void)state;
	static const uint64_t counts[] = {1, 2, ROW_UNITS_MAX, ROW_UNITS_MAX + 1,
					  UINT64_MAX};
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct buffer rows AUTO(buffer_fini) = {0};
		put_path(&rows, 0, "f", 1);
		put_attributes(&rows, ROW_FILE, 0644, 0);
		buffer_put_varint(&rows, 5);
		buffer_put_varint(&rows, counts[i]);
		struct row_decoder decoder AUTO(row_decoder_fini) = {0};
		struct error error = {0};
		struct row row;
		row_decoder_init(&decoder, rows.at, rows.len, 1);
		assert_int_equal(row_decoder_next(&decoder, &row, &error), ERR_DAMAGED);
		assert_null(decoder.units);
	}
}

static int decode_target(const char *target, size_t len)
{
	struct buffer rows AUTO(buffer_fini) = {0};
	put_link(&rows, 0, "l", target, len);
	return decode(&rows, 1);
}

static void link_targets_are_within_bounds_and_have_no_nul(void **state)
{
	(void)state;
	char target[LINK_TARGET_LEN_MAX + 1];
	memset(target, 't', sizeof(target));
	assert_int_equal(decode_target(target, LINK_TARGET_LEN_MAX), 0);
	assert_int_equal(decode_target(target, LINK_TARGET_LEN_MAX + 1), ERR_DAMAGED);
	assert_int_equal(decode_target("", 0), ERR_DAMAGED);
	assert_int_equal(decode_target("a\0b", 3), ERR_DAMAGED);
}

/* ---- fields ----------------------------------------------------------------------- */

/* A directory's row with these fields, count included. */
static int decode_fields(const char *fields, size_t len)
{
	struct buffer rows AUTO(buffer_fini) = {0};
	put_path(&rows, 0, "d", 1);
	put_attributes(&rows, ROW_DIRECTORY, 0755, 0);
	buffer_put(&rows, fields, len);
	put_directory(&rows, 0, "e");
	return decode(&rows, 2);
}

static void unknown_fields_that_are_not_critical_are_skipped(void **state)
{
	(void)state;
	assert_int_equal(decode_fields("\0", 1), 0);
	assert_int_equal(decode_fields("\1\0\0", 3), 0);
	assert_int_equal(decode_fields("\2\2\3abc\4\1x", 9), 0);
}

static void unknown_critical_fields_are_refused(void **state)
{
	(void)state;
	assert_int_equal(decode_fields("\1\1\0", 3), ERR_VERSION);
	assert_int_equal(decode_fields("\2\2\0\7\1x", 6), ERR_VERSION);
}

static void fields_out_of_order_or_twice_are_refused(void **state)
{
	(void)state;
	assert_int_equal(decode_fields("\2\4\0\2\0", 5), ERR_DAMAGED);
	assert_int_equal(decode_fields("\2\2\0\2\0", 5), ERR_DAMAGED);
	assert_int_equal(decode_fields("\2\0\0\0\0", 5), ERR_DAMAGED);
}

static void fields_beyond_the_input_or_the_limit_are_refused(void **state)
{
	(void)state;
	assert_int_equal(decode_fields("\1\2\x7f", 3), ERR_DAMAGED);
	assert_int_equal(decode_fields("\x41", 1), ERR_DAMAGED);
	assert_int_equal(decode_fields("\1\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 12),
			 ERR_DAMAGED);
}

/* ---- pieces ----------------------------------------------------------------------- */

static int open_piece(uint8_t version, uint64_t count, const struct buffer *rows)
{
	struct buffer piece AUTO(buffer_fini) = {0};
	struct digest content;
	struct totals totals;
	struct error error = {0};
	buffer_put_u8(&piece, version);
	buffer_put_varint(&piece, count);
	buffer_put(&piece, rows->at, rows->len);
	return content_of(piece.at, piece.len, &content, &totals, &error);
}

static void pieces_of_another_version_or_count_are_refused(void **state)
{
	(void)state;
	struct buffer rows AUTO(buffer_fini) = {0};
	assert_int_equal(open_piece(1, 0, &rows), ERR_DAMAGED);
	put_directory(&rows, 0, "a");
	assert_int_equal(rows.len, ROW_LEN_MIN + 1); /* the mode takes two bytes */
	put_directory(&rows, 0, "b");
	assert_int_equal(open_piece(1, 2, &rows), 0);
	assert_int_equal(open_piece(0, 2, &rows), ERR_DAMAGED);
	assert_int_equal(open_piece(2, 2, &rows), ERR_VERSION);
	assert_int_equal(open_piece(1, 0, &rows), ERR_DAMAGED);
	assert_int_equal(open_piece(1, 1, &rows), ERR_DAMAGED);
	assert_int_equal(open_piece(1, 3, &rows), ERR_DAMAGED);
	assert_int_equal(open_piece(1, UINT64_MAX, &rows), ERR_DAMAGED);
}

static void a_piece_beyond_the_limit_is_refused(void **state)
{
	(void)state;
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct error error = {0};
	uint8_t *piece AUTO_FREE = must_calloc(1, PIECE_ALONE_MAX + 1);
	piece[0] = 1;
	piece[1] = 1;
	assert_int_equal(piece_open(&decoder, piece, PIECE_ALONE_MAX + 1, &error),
			 ERR_LIMIT);
	assert_int_equal(piece_open(&decoder, piece, 0, &error), ERR_DAMAGED);
	assert_int_equal(piece_open(&decoder, piece, 1, &error), ERR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_types_are_refused),
		cmocka_unit_test(modes_are_permission_bits),
		cmocka_unit_test(a_link_has_mode_0777),
		cmocka_unit_test(nanoseconds_are_below_a_second),
		cmocka_unit_test(unit_lengths_add_up_to_the_size),
		cmocka_unit_test(units_have_a_length_within_bounds),
		cmocka_unit_test(a_unit_count_beyond_the_input_reserves_nothing),
		cmocka_unit_test(link_targets_are_within_bounds_and_have_no_nul),
		cmocka_unit_test(unknown_fields_that_are_not_critical_are_skipped),
		cmocka_unit_test(unknown_critical_fields_are_refused),
		cmocka_unit_test(fields_out_of_order_or_twice_are_refused),
		cmocka_unit_test(fields_beyond_the_input_or_the_limit_are_refused),
		cmocka_unit_test(pieces_of_another_version_or_count_are_refused),
		cmocka_unit_test(a_piece_beyond_the_limit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
