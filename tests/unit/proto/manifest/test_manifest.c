/* Manifests: encoding, decoding, roots, the golden tree. PROTOCOL.md §7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifest_tree.h"

#define GOLDEN "tests/golden/manifest.hex"

/* A tree's manifest; every part is owned. */
struct made {
	struct tree_pieces pieces;
	struct buffer root;
	struct digest content;
	struct totals totals;
};

static void made_fini(struct made *made)
{
	buffer_fini(&made->pieces.bytes);
	buffer_fini(&made->root);
}

static struct made make(const struct row *rows, size_t count)
{
	struct made made = {0};
	struct error error = {0};
	struct piece_writer writer AUTO(piece_writer_fini);
	piece_writer_init(&writer, (struct piece_sink){.on_piece = tree_keep_piece,
						       .context = &made.pieces});
	for (size_t i = 0; i < count; i++)
		assert_int_equal(piece_writer_add(&writer, &rows[i], &error), 0);
	assert_int_equal(piece_writer_finish(&writer, &error), 0);
	root_encode(&made.root, &writer.root);
	made.content = root_content_digest(&writer.root);
	made.totals = root_totals(&writer.root);
	return made;
}

static struct made make_tree(int64_t later)
{
	const struct row *rows;
	size_t count = tree_rows(later, &rows);
	return make(rows, count);
}

/* ---- rows ------------------------------------------------------------------------- */

static void assert_same_row(const struct row *got, const struct row *expected)
{
	assert_int_equal(got->path_len, expected->path_len);
	assert_memory_equal(got->path, expected->path, expected->path_len);
	assert_true(row_equal(got, expected));
	assert_true(got->time.seconds == expected->time.seconds);
	assert_int_equal(got->time.nanoseconds, expected->time.nanoseconds);
}

static void rows_survive_the_round_trip(void **state)
{
	(void)state;
	struct made made AUTO(made_fini) = make_tree(0);
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct error error = {0};
	assert_int_equal(
		piece_open(&decoder, made.pieces.bytes.at, made.pieces.bytes.len, &error),
		0);
	const struct row *rows;
	size_t count = tree_rows(0, &rows);
	struct row row;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(row_decoder_next(&decoder, &row, &error), 1);
		assert_same_row(&row, &rows[i]);
	}
	assert_int_equal(row_decoder_next(&decoder, &row, &error), 0);
	assert_int_equal(row_decoder_next(&decoder, &row, &error), 0);
}

static void rows_go_on_in_another_buffer(void **state)
{
	(void)state;
	const struct row *rows;
	size_t count = tree_rows(0, &rows);
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct error error = {0};
	for (size_t i = 0; i < count; i++) {
		struct buffer one AUTO(buffer_fini) = {0};
		row_encode(&one, NULL, 0, &rows[i], NULL);
		if (i == 0)
			row_decoder_init(&decoder, one.at, one.len, 1);
		else
			row_decoder_continue(&decoder, one.at, one.len, 1);
		struct row row;
		assert_int_equal(row_decoder_next(&decoder, &row, &error), 1);
		assert_same_row(&row, &rows[i]);
		assert_int_equal(row_decoder_next(&decoder, &row, &error), 0);
	}
}

static void the_time_is_where_the_encoder_says(void **state)
{
	(void)state;
	const struct row *rows;
	(void)tree_rows(0, &rows);
	struct buffer out AUTO(buffer_fini) = {0};
	size_t time_at;
	row_encode(&out, rows[1].path, rows[1].path_len, &rows[2], &time_at);
	struct reader in = reader_of(out.at + time_at, 12);
	assert_true(reader_u64(&in) == 1700000002);
	assert_int_equal(reader_u32(&in), 123456789);
}

static void w7_rows_are_equal_in_type_bytes_and_mode(void **state)
{
	(void)state;
	const struct row *rows;
	(void)tree_rows(0, &rows);
	struct row file = rows[2];
	file.path = "elsewhere";
	file.time.seconds++;
	assert_true(row_equal(&file, &rows[2]));
	file.mode = 0644;
	assert_false(row_equal(&file, &rows[2]));
	struct unit_name units[2] = {rows[2].units[0], rows[2].units[1]};
	units[1].sha.bytes[0] ^= 1;
	file = rows[2];
	file.units = units;
	assert_false(row_equal(&file, &rows[2]));
	struct row link = rows[4];
	link.target = "bpp";
	assert_false(row_equal(&link, &rows[4]));
	link.target = "app";
	assert_true(row_equal(&link, &rows[4]));
	assert_false(row_equal(&rows[0], &rows[1]));
	assert_false(row_equal(&rows[1], &rows[3]));
}

/* ---- digests ---------------------------------------------------------------------- */

static void equal_trees_have_equal_roots(void **state)
{
	(void)state;
	struct made a AUTO(made_fini) = make_tree(0);
	struct made b AUTO(made_fini) = make_tree(0);
	assert_int_equal(a.root.len, b.root.len);
	assert_memory_equal(a.root.at, b.root.at, a.root.len);
}

static void times_change_the_digest_but_not_the_content_digest(void **state)
{
	(void)state;
	struct made a AUTO(made_fini) = make_tree(0);
	struct made b AUTO(made_fini) = make_tree(77);
	struct digest digest_a = sha256_of(a.root.at, a.root.len);
	struct digest digest_b = sha256_of(b.root.at, b.root.len);
	assert_false(digest_equal(&digest_a, &digest_b));
	assert_true(digest_equal(&a.content, &b.content));
}

static void modes_change_the_content_digest(void **state)
{
	(void)state;
	const struct row *rows;
	struct row changed[8];
	size_t count = tree_rows(0, &rows);
	memcpy(changed, rows, sizeof(changed));
	changed[0].mode = 0600;
	struct made a AUTO(made_fini) = make(rows, count);
	struct made b AUTO(made_fini) = make(changed, count);
	assert_false(digest_equal(&a.content, &b.content));
}

static void a_piece_gives_the_content_digest_and_totals_of_its_entry(void **state)
{
	(void)state;
	struct made made AUTO(made_fini) = make_tree(0);
	struct error error = {0};
	struct root root AUTO(root_fini) = {0};
	assert_int_equal(root_decode(made.root.at, made.root.len, &root, &error), 0);
	assert_int_equal(root.piece_count, 1);
	struct digest content;
	struct totals totals;
	assert_int_equal(content_of(made.pieces.bytes.at, made.pieces.bytes.len, &content,
				    &totals, &error),
			 0);
	assert_true(digest_equal(&content, &root.pieces[0].content));
	assert_memory_equal(&totals, &root.pieces[0].totals, sizeof(totals));
	assert_int_equal(totals.files, 5);
	assert_int_equal(totals.directories, 2);
	assert_int_equal(totals.symlinks, 1);
	assert_int_equal(totals.bytes, 6 + 1500000 + 3 + 6);
	assert_int_equal(totals.units, 5);
	assert_int_equal(totals_rows(&totals), 8);
}

static void the_empty_tree_is_a_root_of_no_pieces(void **state)
{
	(void)state;
	struct made made AUTO(made_fini) = make(NULL, 0);
	assert_int_equal(made.root.len, 9);
	assert_memory_equal(made.root.at, "BTRT\1\1\0\0\0", 9);
	assert_int_equal(made.pieces.bytes.len, 0);
	struct digest nothing = sha256_of("", 0);
	assert_true(digest_equal(&made.content, &nothing));
	struct root root AUTO(root_fini) = {0};
	struct error error = {0};
	assert_int_equal(root_decode(made.root.at, made.root.len, &root, &error), 0);
	assert_int_equal(root.piece_count, 0);
}

/* ---- golden ----------------------------------------------------------------------- */

static void put_hex_line(struct buffer *out, const char *name, const struct buffer *bytes)
{
	char *hex AUTO_FREE = must_alloc(2 * bytes->len + 1);
	hex_encode(bytes->at, bytes->len, hex);
	buffer_put(out, name, strlen(name));
	buffer_put(out, hex, 2 * bytes->len);
	buffer_put_u8(out, '\n');
}

static void put_digest_line(struct buffer *out, const char *name, struct digest digest)
{
	char text[DIGEST_TEXT_SIZE];
	buffer_put(out, name, strlen(name));
	buffer_put(out, digest_text(&digest, text), DIGEST_TEXT_SIZE - 1);
	buffer_put_u8(out, '\n');
}

static void write_golden(const struct buffer *text)
{
	FILE *stream AUTO_STREAM = fopen(GOLDEN, "we");
	assert_non_null(stream);
	assert_int_equal(fwrite(text->at, 1, text->len, stream), text->len);
}

/* BATON_GOLDEN_WRITE=1 writes the file anew: a change of the format. */
static void the_fixed_tree_is_encoded_as_in_the_golden_file(void **state)
{
	(void)state;
	struct made made AUTO(made_fini) = make_tree(0);
	struct buffer text AUTO(buffer_fini) = {0};
	put_hex_line(&text, "piece ", &made.pieces.bytes);
	put_hex_line(&text, "root ", &made.root);
	put_digest_line(&text, "digest ", sha256_of(made.root.at, made.root.len));
	put_digest_line(&text, "content ", made.content);
	if (getenv("BATON_GOLDEN_WRITE"))
		write_golden(&text);
	FILE *stream AUTO_STREAM = fopen(GOLDEN, "re");
	assert_non_null(stream);
	char *golden AUTO_FREE = must_calloc(1, text.len + 2);
	assert_int_equal(fread(golden, 1, text.len + 1, stream), text.len);
	assert_memory_equal(golden, text.at, text.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_survive_the_round_trip),
		cmocka_unit_test(rows_go_on_in_another_buffer),
		cmocka_unit_test(the_time_is_where_the_encoder_says),
		cmocka_unit_test(w7_rows_are_equal_in_type_bytes_and_mode),
		cmocka_unit_test(equal_trees_have_equal_roots),
		cmocka_unit_test(times_change_the_digest_but_not_the_content_digest),
		cmocka_unit_test(modes_change_the_content_digest),
		cmocka_unit_test(
			a_piece_gives_the_content_digest_and_totals_of_its_entry),
		cmocka_unit_test(the_empty_tree_is_a_root_of_no_pieces),
		cmocka_unit_test(the_fixed_tree_is_encoded_as_in_the_golden_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
