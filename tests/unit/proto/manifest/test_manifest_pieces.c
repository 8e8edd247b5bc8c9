/* Where pieces are cut, and pieces that are cut elsewhere. PROTOCOL.md §7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifest_cut.h"

/* How many pieces of b are not in a. */
static size_t count_new(const struct root *a, const struct root *b)
{
	size_t count = 0;
	for (size_t i = 0; i < b->piece_count; i++) {
		bool found = false;
		for (size_t j = 0; j < a->piece_count && !found; j++)
			found = unit_name_equal(&a->pieces[j].name, &b->pieces[i].name);
		count += !found;
	}
	return count;
}

static void pieces_are_within_limits_and_read_back(void **state)
{
	(void)state;
	struct cut cut AUTO(cut_fini);
	cut_numbered(&cut, NO_ROW, NO_ROW);
	const struct root *root = &cut.writer.root;
	assert_in_range(root->piece_count, 20, 250);
	for (size_t i = 0; i < root->piece_count; i++) {
		size_t len = root->pieces[i].name.key.len;
		assert_true(len <= PIECE_LEN_MAX + HEAD_LEN_MAX);
		assert_true(len >= PIECE_LEN_MIN || i == root->piece_count - 1);
	}
	uint64_t rows = 0;
	assert_int_equal(read_all(&cut, &rows), 0);
	assert_int_equal(rows, ROW_COUNT);
	struct totals totals = root_totals(root);
	assert_int_equal(totals.files, ROW_COUNT);
}

/* The expected digest was computed in Python, from the text of PROTOCOL.md §7 alone. */
static void another_implementation_cuts_the_same_pieces(void **state)
{
	(void)state;
	struct cut cut AUTO(cut_fini);
	cut_numbered(&cut, NO_ROW, NO_ROW);
	assert_int_equal(cut.writer.root.piece_count, 77);
	struct buffer root AUTO(buffer_fini) = {0};
	root_encode(&root, &cut.writer.root);
	struct digest digest = sha256_of(root.at, root.len);
	char text[DIGEST_TEXT_SIZE];
	assert_string_equal(
		digest_text(&digest, text),
		"sha256:"
		"1a730fd704582a2fabc0d5dfbe7550d077dfb274183a9ff98d01926878d25724");
}

static void names_are_those_of_the_pieces(void **state)
{
	(void)state;
	struct cut cut AUTO(cut_fini);
	cut_numbered(&cut, NO_ROW, NO_ROW);
	const uint8_t *at = cut.pieces.bytes.at;
	for (size_t i = 0; i < cut.writer.root.piece_count; i++) {
		const struct root_piece *piece = &cut.writer.root.pieces[i];
		size_t len = piece->name.key.len;
		struct xxh128 xxh = xxh128_of(at, len);
		struct digest sha = sha256_of(at, len);
		assert_true(xxh128_equal(&xxh, &piece->name.key.xxh));
		assert_true(digest_equal(&sha, &piece->name.sha));
		struct digest content;
		struct totals totals;
		struct error error = {0};
		assert_int_equal(content_of(at, len, &content, &totals, &error), 0);
		assert_true(digest_equal(&content, &piece->content));
		at += len;
	}
}

static void a_changed_row_changes_one_piece(void **state)
{
	(void)state;
	struct cut before AUTO(cut_fini);
	cut_numbered(&before, NO_ROW, NO_ROW);
	for (size_t changed = 0; changed < ROW_COUNT; changed += ROW_COUNT / 7) {
		struct cut after AUTO(cut_fini);
		cut_numbered(&after, changed, NO_ROW);
		assert_int_equal(count_new(&before.writer.root, &after.writer.root), 1);
	}
}

static void a_removed_or_added_row_changes_at_most_two_pieces(void **state)
{
	(void)state;
	struct cut whole AUTO(cut_fini);
	cut_numbered(&whole, NO_ROW, NO_ROW);
	for (size_t removed = 0; removed < ROW_COUNT; removed += ROW_COUNT / 7) {
		struct cut less AUTO(cut_fini);
		cut_numbered(&less, NO_ROW, removed);
		assert_in_range(count_new(&whole.writer.root, &less.writer.root), 1, 2);
		assert_in_range(count_new(&less.writer.root, &whole.writer.root), 1, 2);
	}
}

/* ---- pieces that are cut elsewhere ------------------------------------------------ */

/* One piece of the numbered rows from first on, whether or not it has to be cut. */
static void put_piece(struct buffer *out, size_t first, size_t count)
{
	char previous[64] = "";
	buffer_put_u8(out, 1);
	buffer_put_varint(out, count);
	for (size_t i = first; i < first + count; i++) {
		char path[64];
		struct unit_name unit;
		struct row row = tree_numbered_row(i, path, &unit);
		row_encode(out, previous, strlen(previous), &row, NULL);
		memcpy(previous, path, sizeof(previous));
	}
}

static int read_two(const struct buffer *one, const struct buffer *other)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct error error = {0};
	struct row row;
	int more = piece_open(&decoder, one->at, one->len, &error);
	while (more >= 0 && (more = row_decoder_next(&decoder, &row, &error)) > 0)
		continue;
	if (more < 0)
		return more;
	more = piece_continue(&decoder, other->at, other->len, &error);
	while (more >= 0 && (more = row_decoder_next(&decoder, &row, &error)) > 0)
		continue;
	assert_int_equal(edges_follow(one->at, one->len, other->at, other->len), more);
	return more;
}

static void a_piece_that_goes_on_behind_a_cut_is_refused(void **state)
{
	(void)state;
	struct cut cut AUTO(cut_fini);
	cut_numbered(&cut, NO_ROW, NO_ROW);
	size_t first_rows = totals_rows(&cut.writer.root.pieces[0].totals);
	struct buffer piece AUTO(buffer_fini) = {0};
	struct digest content;
	struct totals totals;
	struct error error = {0};
	put_piece(&piece, 0, first_rows);
	assert_int_equal(content_of(piece.at, piece.len, &content, &totals, &error), 0);
	buffer_clear(&piece);
	put_piece(&piece, 0, first_rows + 1);
	assert_int_equal(content_of(piece.at, piece.len, &content, &totals, &error),
			 ERR_DAMAGED);
}

static void pieces_cut_too_early_are_refused(void **state)
{
	(void)state;
	struct cut cut AUTO(cut_fini);
	cut_numbered(&cut, NO_ROW, NO_ROW);
	size_t first_rows = totals_rows(&cut.writer.root.pieces[0].totals);
	struct buffer one AUTO(buffer_fini) = {0};
	struct buffer other AUTO(buffer_fini) = {0};
	put_piece(&one, 0, first_rows);
	put_piece(&other, first_rows, 10);
	assert_int_equal(read_two(&one, &other), 0);
	buffer_clear(&one);
	buffer_clear(&other);
	put_piece(&one, 0, first_rows - 1);
	put_piece(&other, first_rows - 1, 11);
	assert_int_equal(read_two(&one, &other), ERR_DAMAGED);
}

/* A piece of one row. */
static void put_single(struct buffer *out, const char *path, uint8_t type)
{
	struct row row = {.path = path, .path_len = strlen(path), .type = type};
	if (type == ROW_SYMLINK) {
		row.mode = 0777;
		row.target = "t";
		row.target_len = 1;
	}
	buffer_clear(out);
	buffer_put_u8(out, 1);
	buffer_put_varint(out, 1);
	row_encode(out, "", 0, &row, NULL);
}

static void no_piece_begins_below_a_link(void **state)
{
	(void)state;
	struct buffer one AUTO(buffer_fini) = {0};
	struct buffer other AUTO(buffer_fini) = {0};
	struct piece_edges before, behind;
	struct error error = {0};
	put_single(&other, "a/b", ROW_DIRECTORY);
	behind = edges_of(other.at, other.len);
	for (uint8_t type = ROW_DIRECTORY; type <= ROW_SYMLINK; type++) {
		put_single(&one, "a", type);
		before = edges_of(one.at, one.len);
		/* as if nothing more had fitted */
		before.open_len = PIECE_LEN_MAX;
		assert_int_equal(piece_edges_follow(&before, &behind, &error),
				 type == ROW_DIRECTORY ? 0 : ERR_DAMAGED);
		piece_edges_fini(&before);
	}
	piece_edges_fini(&behind);
}

static void order_is_checked_across_pieces(void **state)
{
	(void)state;
	struct cut cut AUTO(cut_fini);
	cut_numbered(&cut, NO_ROW, NO_ROW);
	size_t first_rows = totals_rows(&cut.writer.root.pieces[0].totals);
	struct buffer one AUTO(buffer_fini) = {0};
	struct buffer other AUTO(buffer_fini) = {0};
	put_piece(&one, 0, first_rows);
	put_piece(&other, first_rows - 1, 10);
	assert_int_equal(read_two(&one, &other), ERR_DAMAGED);
	assert_int_equal(read_two(&one, &one), ERR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_within_limits_and_read_back),
		cmocka_unit_test(another_implementation_cuts_the_same_pieces),
		cmocka_unit_test(names_are_those_of_the_pieces),
		cmocka_unit_test(a_changed_row_changes_one_piece),
		cmocka_unit_test(a_removed_or_added_row_changes_at_most_two_pieces),
		cmocka_unit_test(a_piece_that_goes_on_behind_a_cut_is_refused),
		cmocka_unit_test(pieces_cut_too_early_are_refused),
		cmocka_unit_test(no_piece_begins_below_a_link),
		cmocka_unit_test(order_is_checked_across_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
