/*
 * Manifests cut into pieces and read back, for tests. Included behind cmocka.h.
 * Single-threaded.
 */
#ifndef BATON_TESTS_MANIFEST_CUT_H
#define BATON_TESTS_MANIFEST_CUT_H

#include <cmocka.h>

#include "manifest_tree.h"

#define ROW_COUNT 50000u
#define NO_ROW SIZE_MAX
#define HEAD_LEN_MAX 11u

struct cut {
	struct tree_pieces pieces;
	struct piece_writer writer;
};

static inline void cut_begin(struct cut *cut)
{
	*cut = (struct cut){0};
	piece_writer_init(&cut->writer, (struct piece_sink){.on_piece = tree_keep_piece,
							    .context = &cut->pieces});
}

static inline void cut_fini(struct cut *cut)
{
	buffer_fini(&cut->pieces.bytes);
	piece_writer_fini(&cut->writer);
}

static inline void cut_add(struct cut *cut, const struct row *row)
{
	struct error error = {0};
	assert_int_equal(piece_writer_add(&cut->writer, row, &error), 0);
}

static inline void cut_end(struct cut *cut)
{
	struct error error = {0};
	assert_int_equal(piece_writer_finish(&cut->writer, &error), 0);
}

/* ROW_COUNT numbered files, one with another mode, one left out (or NO_ROW). */
static inline void cut_numbered(struct cut *cut, size_t changed, size_t removed)
{
	cut_begin(cut);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		char path[64];
		struct unit_name unit;
		struct row row = tree_numbered_row(i, path, &unit);
		if (i == changed)
			row.mode = 0755;
		if (i != removed)
			cut_add(cut, &row);
	}
	cut_end(cut);
}

/* Reads all pieces as one manifest; counts rows; 0 or the first failure. */
static inline int read_all(const struct cut *cut, uint64_t *ret_rows)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct error error = {0};
	const uint8_t *at = cut->pieces.bytes.at;
	uint64_t rows = 0;
	for (size_t i = 0; i < cut->writer.root.piece_count; i++) {
		size_t len = cut->writer.root.pieces[i].name.key.len;
		int more = i == 0 ? piece_open(&decoder, at, len, &error)
				  : piece_continue(&decoder, at, len, &error);
		struct row row;
		while (more >= 0 && (more = row_decoder_next(&decoder, &row, &error)) > 0)
			rows++;
		if (more < 0)
			return more;
		at += len;
	}
	*ret_rows = rows;
	return 0;
}

#endif
