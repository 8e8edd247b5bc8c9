#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/manifest/manifest.h"

#define ROOT_VERSION 1u
#define ROOT_HASHES 1u
#define PIECE_FIXED_LEN (XXH128_LEN + 4u + SHA256_LEN + SHA256_LEN)
#define PIECE_ENTRY_LEN_MIN (PIECE_FIXED_LEN + 5u)

static const uint8_t root_magic[4] = {'B', 'T', 'R', 'T'};

/* ---- totals ----------------------------------------------------------------------- */

void totals_add_row(struct totals *totals, const struct row *row)
{
	totals->files += row->type == ROW_FILE;
	totals->directories += row->type == ROW_DIRECTORY;
	totals->symlinks += row->type == ROW_SYMLINK;
	totals->bytes += row->size;
	totals->units += row->unit_count;
}

void totals_add(struct totals *totals, const struct totals *more)
{
	totals->files += more->files;
	totals->directories += more->directories;
	totals->symlinks += more->symlinks;
	totals->bytes += more->bytes;
	totals->units += more->units;
}

uint64_t totals_rows(const struct totals *totals)
{
	return totals->files + totals->directories + totals->symlinks;
}

/* ---- encoding --------------------------------------------------------------------- */

size_t root_piece_len(const struct root_piece *piece)
{
	const struct totals *totals = &piece->totals;
	return PIECE_FIXED_LEN + varint_len(totals->files) +
	       varint_len(totals->directories) + varint_len(totals->symlinks) +
	       varint_len(totals->bytes) + varint_len(totals->units);
}

static void encode_piece(struct buffer *out, const struct root_piece *piece)
{
	buffer_put(out, piece->name.key.xxh.bytes, sizeof(piece->name.key.xxh.bytes));
	buffer_put_u32(out, piece->name.key.len);
	buffer_put(out, piece->name.sha.bytes, sizeof(piece->name.sha.bytes));
	buffer_put_varint(out, piece->totals.files);
	buffer_put_varint(out, piece->totals.directories);
	buffer_put_varint(out, piece->totals.symlinks);
	buffer_put_varint(out, piece->totals.bytes);
	buffer_put_varint(out, piece->totals.units);
	buffer_put(out, piece->content.bytes, sizeof(piece->content.bytes));
}

void root_encode(struct buffer *out, const struct root *root)
{
	claim(root->piece_count <= PIECES_MAX);
	buffer_put(out, root_magic, sizeof(root_magic));
	buffer_put_u8(out, ROOT_VERSION);
	buffer_put_u8(out, ROOT_HASHES);
	buffer_put_u16(out, 0);
	buffer_put_varint(out, root->piece_count);
	for (size_t i = 0; i < root->piece_count; i++)
		encode_piece(out, &root->pieces[i]);
}

/* ---- decoding --------------------------------------------------------------------- */

static int damaged(struct error *error, const char *why)
{
	return error_set(error, ERR_DAMAGED, "root of a manifest: %s", why);
}

static int read_head(struct reader *in, struct error *error)
{
	uint8_t magic[4];
	reader_copy(in, magic, sizeof(magic));
	uint8_t version = reader_u8(in);
	uint8_t hashes = reader_u8(in);
	uint16_t zero = reader_u16(in);
	if (in->failed || memcmp(magic, root_magic, sizeof(magic)) != 0)
		return damaged(error, "does not begin as one");
	if (version > ROOT_VERSION)
		return error_set(
			error, ERR_VERSION,
			"root of a manifest: format %d is newer than this program",
			version);
	if (version != ROOT_VERSION || hashes != ROOT_HASHES || zero != 0)
		return damaged(error, "its version or its hashes are not known");
	return 0;
}

static struct root_piece read_piece(struct reader *in)
{
	struct root_piece piece = {0};
	reader_copy(in, piece.name.key.xxh.bytes, sizeof(piece.name.key.xxh.bytes));
	piece.name.key.len = reader_u32(in);
	reader_copy(in, piece.name.sha.bytes, sizeof(piece.name.sha.bytes));
	piece.totals.files = reader_varint(in);
	piece.totals.directories = reader_varint(in);
	piece.totals.symlinks = reader_varint(in);
	piece.totals.bytes = reader_varint(in);
	piece.totals.units = reader_varint(in);
	reader_copy(in, piece.content.bytes, sizeof(piece.content.bytes));
	return piece;
}

/* Whether a piece of that length can have these totals: its length bounds its rows and
 * units, and they bound its bytes. */
static bool totals_possible(const struct totals *totals, uint32_t len)
{
	if (totals->files > len || totals->directories > len || totals->symlinks > len ||
	    totals->units > len / ROW_UNIT_LEN_MIN)
		return false;
	uint64_t rows = totals_rows(totals);
	return rows > 0 && rows <= len / ROW_LEN_MIN && totals->bytes >= totals->units &&
	       totals->bytes <= totals->units * UNIT_LEN_MAX;
}

static const char *piece_fault(const struct root_piece *piece)
{
	uint32_t len = piece->name.key.len;
	if (len == 0 || len > PIECE_ALONE_MAX)
		return "the length of a piece is out of bounds";
	if (!totals_possible(&piece->totals, len))
		return "a piece cannot hold as much as is said of it";
	return NULL;
}

static int read_pieces(struct reader *in, struct root *root, struct error *error)
{
	uint64_t rows = 0;
	uint64_t units = 0;
	for (size_t i = 0; i < root->piece_count; i++) {
		root->pieces[i] = read_piece(in);
		if (in->failed)
			return damaged(error, "cut short, or a number is malformed");
		const char *fault = piece_fault(&root->pieces[i]);
		if (fault)
			return damaged(error, fault);
		rows += totals_rows(&root->pieces[i].totals);
		units += root->pieces[i].totals.units;
	}
	if (in->left > 0)
		return damaged(error, "bytes behind its last piece");
	if (rows > LAYER_ROWS_MAX)
		return error_set(error, ERR_LIMIT,
				 "root of a manifest: more than %u paths in one layer",
				 LAYER_ROWS_MAX);
	if (units > LAYER_UNITS_MAX)
		return error_set(error, ERR_LIMIT,
				 "root of a manifest: more than %u units in one layer",
				 LAYER_UNITS_MAX);
	return 0;
}

int root_decode(const void *bytes, size_t len, struct root *ret_root, struct error *error)
{
	if (len > ROOT_LEN_MAX)
		return error_set(error, ERR_LIMIT,
				 "root of a manifest: longer than %u bytes",
				 ROOT_LEN_MAX);
	struct reader in = reader_of(bytes, len);
	int err = read_head(&in, error);
	if (err)
		return err;
	uint64_t count = reader_varint(&in);
	if (count > PIECES_MAX)
		return error_set(error, ERR_LIMIT,
				 "root of a manifest: more than %u pieces", PIECES_MAX);
	if (in.failed || count > in.left / PIECE_ENTRY_LEN_MIN)
		return damaged(error, "cut short, or its count is malformed");
	struct root root AUTO(root_fini) = {
		.pieces = may_calloc(count, sizeof(*root.pieces), error),
		.piece_count = count,
	};
	if (!root.pieces)
		return ERR_NO_MEMORY;
	err = read_pieces(&in, &root, error);
	if (err)
		return err;
	*ret_root = root;
	root.pieces = NULL;
	return 0;
}

void root_fini(struct root *root)
{
	free(root->pieces);
	*root = (struct root){0};
}

struct totals root_totals(const struct root *root)
{
	struct totals totals = {0};
	for (size_t i = 0; i < root->piece_count; i++)
		totals_add(&totals, &root->pieces[i].totals);
	return totals;
}

struct digest root_content_digest(const struct root *root)
{
	struct sha256 *sha = sha256_new();
	for (size_t i = 0; i < root->piece_count; i++)
		sha256_update(sha, root->pieces[i].content.bytes, SHA256_LEN);
	struct digest digest = sha256_final(sha);
	sha256_free(sha);
	return digest;
}
