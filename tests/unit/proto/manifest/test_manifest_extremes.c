/* Rows that fill a piece, sinks that fail, and bytes that flip. PROTOCOL.md §7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifest_cut.h"

/* ---- long rows -------------------------------------------------------------------- */

/* A file of `count` units of 1 byte; the units are owned by the caller. */
static struct row long_row(const char *path, size_t count, struct unit_name **ret_units)
{
	*ret_units = must_calloc(count, sizeof(**ret_units));
	for (size_t i = 0; i < count; i++)
		(*ret_units)[i].key.len = 1;
	return (struct row){
		.path = path,
		.path_len = strlen(path),
		.type = ROW_FILE,
		.size = count,
		.units = *ret_units,
		.unit_count = count,
	};
}

static struct row directory_row(const char *path)
{
	return (struct row){
		.path = path, .path_len = strlen(path), .type = ROW_DIRECTORY};
}

static void a_row_above_the_limit_is_a_piece_alone(void **state)
{
	(void)state;
	struct unit_name *units AUTO_FREE = NULL;
	struct row before = directory_row("a");
	struct row large = long_row("b", 10000, &units);
	struct row after = directory_row("c");
	struct cut cut AUTO(cut_fini);
	cut_begin(&cut);
	cut_add(&cut, &before);
	cut_add(&cut, &large);
	cut_add(&cut, &after);
	cut_end(&cut);
	assert_int_equal(cut.writer.root.piece_count, 3);
	assert_int_equal(cut.writer.root.pieces[1].totals.units, 10000);
	assert_int_equal(totals_rows(&cut.writer.root.pieces[1].totals), 1);
	uint64_t rows = 0;
	assert_int_equal(read_all(&cut, &rows), 0);
	assert_int_equal(rows, 3);
}

/* How many pieces two long files in one directory make, the second one's name being
 * `padding` bytes longer. */
static size_t pieces_of_two(size_t units_of_second, size_t padding)
{
	struct unit_name *units AUTO_FREE = NULL;
	struct unit_name *more_units AUTO_FREE = NULL;
	char path[128] = "dir/b";
	memset(path + strlen(path), 'b', padding);
	struct row first = long_row("dir/a", 5000, &units);
	struct row second = long_row(path, units_of_second, &more_units);
	struct cut cut AUTO(cut_fini);
	cut_begin(&cut);
	cut_add(&cut, &first);
	cut_add(&cut, &second);
	cut_end(&cut);
	uint64_t rows = 0;
	assert_int_equal(read_all(&cut, &rows), 0);
	assert_int_equal(rows, 2);
	return cut.writer.root.piece_count;
}

static void a_row_is_measured_as_it_stands_in_the_piece(void **state)
{
	(void)state;
	struct unit_name *units AUTO_FREE = NULL;
	struct buffer out AUTO(buffer_fini) = {0};
	struct row first = long_row("dir/a", 5000, &units);
	row_encode(&out, NULL, 0, &first, NULL);
	struct row second = first;
	second.path = "dir/b";
	second.unit_count = second.size = 200;
	row_encode(&out, first.path, first.path_len, &second, NULL);
	size_t room = PIECE_LEN_MAX - out.len;
	/* Filled to the last byte by units and a longer name, "dir/" being shared. */
	size_t count = 200 + room / ROW_UNIT_LEN_MIN;
	size_t padding = room % ROW_UNIT_LEN_MIN;
	assert_int_equal(pieces_of_two(count, padding), 1);
	assert_int_equal(pieces_of_two(count, padding + 1), 2);
}

static void a_file_of_too_many_units_is_beyond_the_limit(void **state)
{
	(void)state;
	struct unit_name *units AUTO_FREE = NULL;
	struct error error = {0};
	struct cut cut AUTO(cut_fini);
	cut_begin(&cut);
	struct row row = long_row("big", ROW_UNITS_MAX + 1, &units);
	assert_int_equal(piece_writer_add(&cut.writer, &row, &error), ERR_LIMIT);
	assert_non_null(strstr(error.text, "`big`"));
	/* 41000 units with lengths of three bytes fit, with lengths of four they do not.
	 */
	row.unit_count = ROW_UNITS_MAX;
	for (size_t i = 0; i < row.unit_count; i++)
		units[i].key.len = UNIT_LEN_MAX;
	row.size = row.unit_count * UNIT_LEN_MAX;
	int err = piece_writer_add(&cut.writer, &row, &error);
	if (!err)
		err = piece_writer_finish(&cut.writer, &error);
	assert_int_equal(err, ERR_LIMIT);
}

static void the_longest_row_that_the_limits_promise_fits(void **state)
{
	(void)state;
	struct unit_name *units AUTO_FREE = NULL;
	struct row row = long_row("big", ROW_UNITS_MAX, &units);
	for (size_t i = 0; i < row.unit_count; i++)
		units[i].key.len = CHUNK_AVERAGE;
	row.size = (uint64_t)row.unit_count * CHUNK_AVERAGE;
	struct cut cut AUTO(cut_fini);
	cut_begin(&cut);
	cut_add(&cut, &row);
	cut_end(&cut);
	uint64_t rows = 0;
	assert_int_equal(read_all(&cut, &rows), 0);
	assert_int_equal(rows, 1);
}

static int refuse_piece(void *context, const struct root_piece *piece,
			const uint8_t *bytes, size_t len, struct error *error)
{
	(void)context;
	(void)piece;
	(void)bytes;
	(void)len;
	return error_set(error, ERR_LOST, "gone");
}

static void the_failure_of_a_sink_is_passed_up(void **state)
{
	(void)state;
	struct error error = {0};
	struct row row = directory_row("a");
	struct piece_writer writer AUTO(piece_writer_fini);
	piece_writer_init(&writer, (struct piece_sink){.on_piece = refuse_piece});
	assert_int_equal(piece_writer_add(&writer, &row, &error), 0);
	assert_int_equal(piece_writer_finish(&writer, &error), ERR_LOST);
}

static void without_a_sink_only_the_root_is_made(void **state)
{
	(void)state;
	struct error error = {0};
	struct row row = directory_row("a");
	struct piece_writer writer AUTO(piece_writer_fini);
	piece_writer_init(&writer, (struct piece_sink){0});
	assert_int_equal(piece_writer_add(&writer, &row, &error), 0);
	assert_int_equal(piece_writer_finish(&writer, &error), 0);
	assert_int_equal(writer.root.piece_count, 1);
}

/* ---- damage ----------------------------------------------------------------------- */

/* Encodes anew what a piece decodes to; false if it does not decode. */
static bool encode_anew(const struct buffer *piece, struct buffer *out)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct error error = {0};
	if (piece_open(&decoder, piece->at, piece->len, &error))
		return false;
	buffer_put_u8(out, 1);
	buffer_put_varint(out, decoder.rows_left);
	struct buffer previous AUTO(buffer_fini) = {0};
	struct row row;
	int more;
	while ((more = row_decoder_next(&decoder, &row, &error)) > 0) {
		row_encode(out, (const char *)previous.at, previous.len, &row, NULL);
		buffer_clear(&previous);
		buffer_put(&previous, row.path, row.path_len);
	}
	return more == 0;
}

static void each_piece_with_a_flipped_bit_is_refused_or_canonical(void **state)
{
	(void)state;
	const struct row *rows;
	size_t count = tree_rows(0, &rows);
	struct cut cut AUTO(cut_fini);
	cut_begin(&cut);
	for (size_t i = 0; i < count; i++)
		cut_add(&cut, &rows[i]);
	cut_end(&cut);
	struct buffer *piece = &cut.pieces.bytes;
	size_t accepted = 0;
	for (size_t i = 0; i < piece->len * 8; i++) {
		struct buffer anew AUTO(buffer_fini) = {0};
		piece->at[i / 8] ^= (uint8_t)(1u << i % 8);
		if (encode_anew(piece, &anew)) {
			accepted++;
			assert_int_equal(anew.len, piece->len);
			assert_memory_equal(anew.at, piece->at, piece->len);
		}
		piece->at[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	assert_in_range(accepted, 1, piece->len * 8 - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_above_the_limit_is_a_piece_alone),
		cmocka_unit_test(a_row_is_measured_as_it_stands_in_the_piece),
		cmocka_unit_test(a_file_of_too_many_units_is_beyond_the_limit),
		cmocka_unit_test(the_longest_row_that_the_limits_promise_fits),
		cmocka_unit_test(the_failure_of_a_sink_is_passed_up),
		cmocka_unit_test(without_a_sink_only_the_root_is_made),
		cmocka_unit_test(each_piece_with_a_flipped_bit_is_refused_or_canonical),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
