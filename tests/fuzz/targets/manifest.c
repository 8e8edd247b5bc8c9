/*
 * Rows: a byte that says how, then the bytes of a piece, or of ROWS messages. What is
 * accepted has one spelling: the writer makes the same piece of it, unless it had fields
 * that this version passes over, without which it is shorter.
 */
#include "proto/manifest/manifest.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

#define MESSAGES 3

struct original {
	const uint8_t *at;
	size_t len;
	unsigned pieces;
};

static int on_piece(void *context, const struct root_piece *piece, const uint8_t *bytes,
		    size_t len, struct error *error)
{
	struct original *original = context;
	(void)error;
	claim(++original->pieces == 1);
	claim(len == original->len ? same_bytes(bytes, len, original->at, len)
				   : len < original->len);
	struct digest sha = sha256_of(bytes, len);
	claim(digest_equal(&sha, &piece->name.sha));
	return 0;
}

static void check_row(const struct row *row)
{
	claim(path_valid(row->path, row->path_len));
	claim(row->mode <= 0777);
	uint64_t size = 0;
	for (size_t i = 0; i < row->unit_count; i++)
		size += row->units[i].key.len;
	claim(size == row->size);
}

static void read_piece(const uint8_t *data, size_t len)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct piece_writer writer AUTO(piece_writer_fini) = {0};
	struct piece_edges edges AUTO(piece_edges_fini) = {0};
	struct original original = {data, len, 0};
	struct row row;
	struct error error = {0};
	piece_writer_init(&writer, (struct piece_sink){on_piece, &original});
	int result = piece_open(&decoder, data, len, &error);
	while (result >= 0 && (result = row_decoder_next(&decoder, &row, &error)) == 1) {
		check_row(&row);
		if (!edges.first)
			piece_edges_begin(&edges, &decoder);
		claim(piece_writer_add(&writer, &row, &error) == 0);
	}
	if (result < 0)
		return;
	piece_edges_end(&edges, &decoder);
	claim(piece_writer_finish(&writer, &error) == 0);
	claim(original.pieces == 1 && writer.root.piece_count == 1);
}

/* Each message: a byte with the number of its rows, two with its length, its rows. */
static void read_messages(struct reader *in)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct row row;
	struct error error = {0};
	int result = 0;
	for (unsigned i = 0; i < MESSAGES && result == 0; i++) {
		uint8_t count = reader_u8(in);
		size_t len = reader_u16(in);
		if (len > in->left)
			len = in->left;
		const uint8_t *rows = reader_bytes(in, len);
		if (i == 0)
			row_decoder_init(&decoder, rows, len, count);
		else
			row_decoder_continue(&decoder, rows, len, count);
		while ((result = row_decoder_next(&decoder, &row, &error)) == 1)
			check_row(&row);
	}
	claim(result == 0 || error.code == result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader in = reader_of(data, len);
	if (reader_u8(&in) % 2 == 0)
		read_piece(in.at, in.left);
	else
		read_messages(&in);
	return 0;
}
