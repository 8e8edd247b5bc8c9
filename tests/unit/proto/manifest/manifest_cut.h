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

/* The edges of a piece that is good by itself. */
static inline struct piece_edges edges_of(const void *piece, size_t len)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct piece_edges edges = {0};
	struct error error = {0};
	struct row row;
	assert_int_equal(piece_open(&decoder, piece, len, &error), 0);
	int more;
	while ((more = row_decoder_next(&decoder, &row, &error)) > 0)
		if (!edges.first)
			piece_edges_begin(&edges, &decoder);
	assert_int_equal(more, 0);
	piece_edges_end(&edges, &decoder);
	return edges;
}

/* Whether one piece may follow another, by their edges. */
static inline int edges_follow(const void *one, size_t one_len, const void *other,
			       size_t other_len)
{
	struct piece_edges before AUTO(piece_edges_fini) = edges_of(one, one_len);
	struct piece_edges behind AUTO(piece_edges_fini) = edges_of(other, other_len);
	struct error error = {0};
	return piece_edges_follow(&before, &behind, &error);
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
		if (i > 0) {
			size_t before = cut->writer.root.pieces[i - 1].name.key.len;
			assert_int_equal(edges_follow(at - before, before, at, len), 0);
		}
		at += len;
	}
	*ret_rows = rows;
	return 0;
}

#endif
