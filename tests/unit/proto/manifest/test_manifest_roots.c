/* Roots: the round trip and what their decoder refuses. PROTOCOL.md §7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manifest_tree.h"

/* The root of one piece: a directory and a file of one unit of 3 bytes. */
static struct root_piece root_entry(void)
{
	return (struct root_piece){
		.name = tree_unit("piece", 200),
		.totals = {.files = 1, .directories = 1, .bytes = 3, .units = 1},
		.content = sha256_of("content", 7),
	};
}

static void a_root_survives_the_round_trip(void **state)
{
	(void)state;
	struct root_piece pieces[2] = {root_entry(), root_entry()};
	pieces[1].totals.symlinks = 2;
	struct root root = {.pieces = pieces, .piece_count = 2};
	struct buffer bytes AUTO(buffer_fini) = {0};
	root_encode(&bytes, &root);
	struct root decoded AUTO(root_fini) = {0};
	struct error error = {0};
	assert_int_equal(root_decode(bytes.at, bytes.len, &decoded, &error), 0);
	assert_int_equal(decoded.piece_count, 2);
	struct buffer anew AUTO(buffer_fini) = {0};
	root_encode(&anew, &decoded);
	assert_int_equal(anew.len, bytes.len);
	assert_memory_equal(anew.at, bytes.at, bytes.len);
	struct totals totals = root_totals(&decoded);
	assert_int_equal(totals.files, 2);
	assert_int_equal(totals.symlinks, 2);
	assert_int_equal(totals.bytes, 6);
}

static int decode_root(const uint8_t *bytes, size_t len)
{
	struct root root AUTO(root_fini) = {0};
	struct error error = {0};
	int err = root_decode(bytes, len, &root, &error);
	assert_int_equal(err, error.code);
	assert_true(err == 0 || !root.pieces);
	return err;
}

static int decode_entry(struct root_piece piece)
{
	struct root root = {.pieces = &piece, .piece_count = 1};
	struct buffer bytes AUTO(buffer_fini) = {0};
	root_encode(&bytes, &root);
	assert_int_equal(bytes.len, 9 + root_piece_len(&piece));
	return decode_root(bytes.at, bytes.len);
}

static void roots_out_of_bounds_are_refused(void **state)
{
	(void)state;
	struct root_piece piece = root_entry();
	assert_int_equal(decode_entry(piece), 0);
	piece.name.key.len = 0;
	assert_int_equal(decode_entry(piece), ERR_DAMAGED);
	piece.name.key.len = PIECE_ALONE_MAX + 1;
	assert_int_equal(decode_entry(piece), ERR_DAMAGED);
	piece = root_entry();
	piece.totals = (struct totals){0};
	assert_int_equal(decode_entry(piece), ERR_DAMAGED);
	piece = root_entry();
	piece.totals.directories = UINT64_MAX;
	assert_int_equal(decode_entry(piece), ERR_DAMAGED);
	piece.totals.directories = 200 / ROW_LEN_MIN;
	assert_int_equal(decode_entry(piece), ERR_DAMAGED);
	piece = root_entry();
	piece.totals.units = 200 / ROW_UNIT_LEN_MIN + 1;
	assert_int_equal(decode_entry(piece), ERR_DAMAGED);
	piece = root_entry();
	piece.totals.bytes = UNIT_LEN_MAX + 1;
	assert_int_equal(decode_entry(piece), ERR_DAMAGED);
	piece.totals.bytes = 0;
	assert_int_equal(decode_entry(piece), ERR_DAMAGED);
}

static int root_after(size_t at, uint8_t value)
{
	struct root_piece piece = root_entry();
	struct root root = {.pieces = &piece, .piece_count = 1};
	struct buffer bytes AUTO(buffer_fini) = {0};
	root_encode(&bytes, &root);
	bytes.at[at] = value;
	return decode_root(bytes.at, bytes.len);
}

static void roots_that_do_not_begin_as_one_are_refused(void **state)
{
	(void)state;
	assert_int_equal(root_after(0, 'B'), 0);
	assert_int_equal(root_after(0, 'b'), ERR_DAMAGED);
	assert_int_equal(root_after(4, 0), ERR_DAMAGED);
	assert_int_equal(root_after(4, 2), ERR_VERSION);
	assert_int_equal(root_after(5, 2), ERR_DAMAGED);
	assert_int_equal(root_after(6, 1), ERR_DAMAGED);
	assert_int_equal(root_after(8, 0), ERR_DAMAGED);
	assert_int_equal(root_after(8, 2), ERR_DAMAGED);
	assert_int_equal(root_after(8, 0x81), ERR_DAMAGED);
}

static void roots_cut_short_or_too_long_are_refused(void **state)
{
	(void)state;
	struct root_piece piece = root_entry();
	struct root root = {.pieces = &piece, .piece_count = 1};
	struct buffer bytes AUTO(buffer_fini) = {0};
	root_encode(&bytes, &root);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(decode_root(bytes.at, len), ERR_DAMAGED);
	buffer_put_u8(&bytes, 0);
	assert_int_equal(decode_root(bytes.at, bytes.len), ERR_DAMAGED);
}

static void a_piece_count_beyond_the_input_reserves_nothing(void **state)
{
	(void)state;
	struct buffer bytes AUTO(buffer_fini) = {0};
	buffer_put(&bytes, "BTRT\1\1\0\0", 8);
	buffer_put_varint(&bytes, PIECES_MAX);
	assert_int_equal(decode_root(bytes.at, bytes.len), ERR_DAMAGED);
	bytes.len = 8;
	buffer_put_varint(&bytes, PIECES_MAX + 1);
	assert_int_equal(decode_root(bytes.at, bytes.len), ERR_LIMIT);
	bytes.len = 8;
	buffer_put_varint(&bytes, UINT64_MAX);
	assert_int_equal(decode_root(bytes.at, bytes.len), ERR_LIMIT);
	assert_int_equal(decode_root(bytes.at, (size_t)ROOT_LEN_MAX + 1), ERR_LIMIT);
}

static void each_root_with_a_flipped_bit_is_refused_or_canonical(void **state)
{
	(void)state;
	struct root_piece piece = root_entry();
	struct root one = {.pieces = &piece, .piece_count = 1};
	struct buffer bytes AUTO(buffer_fini) = {0};
	root_encode(&bytes, &one);
	for (size_t i = 0; i < bytes.len * 8; i++) {
		struct root root AUTO(root_fini) = {0};
		struct buffer anew AUTO(buffer_fini) = {0};
		struct error error = {0};
		bytes.at[i / 8] ^= (uint8_t)(1u << i % 8);
		if (root_decode(bytes.at, bytes.len, &root, &error) == 0) {
			root_encode(&anew, &root);
			assert_int_equal(anew.len, bytes.len);
			assert_memory_equal(anew.at, bytes.at, bytes.len);
		}
		bytes.at[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_root_survives_the_round_trip),
		cmocka_unit_test(roots_out_of_bounds_are_refused),
		cmocka_unit_test(roots_that_do_not_begin_as_one_are_refused),
		cmocka_unit_test(roots_cut_short_or_too_long_are_refused),
		cmocka_unit_test(a_piece_count_beyond_the_input_reserves_nothing),
		cmocka_unit_test(each_root_with_a_flipped_bit_is_refused_or_canonical),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
