/*
 * Manifests: rows, pieces, roots (PROTOCOL.md §7). One encoding per tree, so that equal
 * trees have equal digests: the decoder refuses every spelling that the encoder would
 * not have chosen. Streams: nothing here holds a whole manifest but the root.
 */
#ifndef BATON_PROTO_MANIFEST_MANIFEST_H
#define BATON_PROTO_MANIFEST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/unit/digest.h"

enum row_type {
	ROW_FILE = 1,
	ROW_DIRECTORY = 2,
	ROW_SYMLINK = 3,
};

struct row_time {
	int64_t seconds;
	uint32_t nanoseconds;
};

struct row {
	const char *path; /* borrowed, without a NUL */
	size_t path_len;
	uint8_t type;  /* enum row_type */
	uint16_t mode; /* 0 … 0777 */
	struct row_time time;
	uint64_t size;                 /* files */
	const struct unit_name *units; /* borrowed; files */
	size_t unit_count;
	const char *target; /* borrowed, without a NUL; links */
	size_t target_len;
};

/* Equal in type, bytes and mode: rule W7's equality. The path and the time are not
 * looked at. */
bool row_equal(const struct row *a, const struct row *b);
/* Of two rows of one type: equal in bytes, or in target. */
bool row_content_equal(const struct row *a, const struct row *b);

/* Bytes of a time in a row: seconds and nanoseconds. */
#define ROW_TIME_LEN 12u
/* The fewest bytes that a row takes (a directory), and a unit in it. */
#define ROW_LEN_MIN 18u
#define ROW_UNIT_LEN_MIN 49u

/* ---- rows ------------------------------------------------------------------------- */
/* No fewer bytes than its encoding takes. */
size_t row_len_max(const struct row *row);
/* Appends the encoding of a row that follows one with path `previous` (previous_len 0 for
 * the first). *ret_time_at, if not NULL, is where in out its time begins. The row
 * must be valid (claimed, but for its path and the sum of its units). */
void row_encode(struct buffer *out, const char *previous, size_t previous_len,
		const struct row *row, size_t *ret_time_at);

/* Decodes rows that follow each other; checks each row and the order. The row borrows
 * from the decoder and its input until the next call. {0} is a decoder without rows. No
 * allocation per row. */
struct row_decoder {
	struct reader in; /* in ROWS, what stands around the rows is read from here */
	uint64_t rows_left;
	bool first;              /* the next row begins its buffer: it shares nothing */
	const uint8_t *piece_at; /* borrowed; the rows of the piece; NULL in ROWS */
	size_t before_len;       /* of the rows of the piece before, if its end is open */

	struct unit_name *units; /* owned; grows */
	size_t unit_room;

	/* The latest row. */
	uint64_t number; /* from 1, over all buffers; for sentences */
	char *path;      /* owned; PATH_LEN_MAX bytes */
	size_t path_len;
	size_t shared;          /* bytes in common with the row before it, also across */
	uint8_t type;           /* enum row_type; 0 before the first row */
	const uint8_t *time_at; /* borrowed; its 12 time bytes in the input */
};

/* Begins afresh with the rows of one buffer; memory of an earlier use is kept. The
 * decoder must be {0} or used before. */
void row_decoder_init(struct row_decoder *decoder, const void *rows, size_t len,
		      uint64_t row_count);
/* Goes on in another buffer (ROWS messages), after row_decoder_next() gave 0 for the one
 * before (claimed): the order is still checked across, the first path shares nothing. */
void row_decoder_continue(struct row_decoder *decoder, const void *rows, size_t len,
			  uint64_t row_count);
/* 1: a row; 0: the end, nothing left over; <0: ERR_DAMAGED with the reason, or
 * ERR_VERSION for a critical field that version 1 does not know. After a failure the
 * decoder can only be begun afresh or ended. */
int row_decoder_next(struct row_decoder *decoder, struct row *ret_row,
		     struct error *error);
void row_decoder_fini(struct row_decoder *decoder);

/* Opens a piece and begins afresh: version and row count, then rows, read by
 * row_decoder_next(), which then also refuses a piece that should have been cut earlier.
 * The decoder must be {0} or used before. ERR_DAMAGED, ERR_VERSION, ERR_LIMIT. */
int piece_open(struct row_decoder *decoder, const void *piece, size_t len,
	       struct error *error);
/* Opens the next piece of the same manifest, after row_decoder_next() gave 0 for the one
 * before: the order is checked across, and that the cut between them had to be there. */
int piece_continue(struct row_decoder *decoder, const void *piece, size_t len,
		   struct error *error);
/* Whether a piece is cut after a row with this path, its rows having rows_len bytes with
 * that row (without the piece's version and row count). */
bool piece_ends_after(size_t rows_len, const char *path, size_t path_len);

/* ---- pieces that are checked one by one ------------------------------------------- */
/* What decides whether one piece may follow another. {0}: of none. */
struct piece_edges {
	char *first, *last; /* owned; the paths of its first and its last row */
	size_t first_len, last_len;
	size_t first_row_len; /* bytes of its first row */
	size_t open_len; /* bytes of its rows; 0: the piece ends there whatever follows */
	uint8_t last_type;
};
/* Takes what the decoder of a piece knows after its first row, and after its last. */
void piece_edges_begin(struct piece_edges *edges, const struct row_decoder *decoder);
void piece_edges_end(struct piece_edges *edges, const struct row_decoder *decoder);
/* What piece_continue() and then the first row check: the order across the cut, and that
 * the cut had to be there. ERR_DAMAGED. */
int piece_edges_follow(const struct piece_edges *before, const struct piece_edges *after,
		       struct error *error);
/* Owned by the caller. */
struct piece_edges piece_edges_copy(const struct piece_edges *edges);
void piece_edges_fini(struct piece_edges *edges);

/* ---- totals and roots ------------------------------------------------------------- */
struct totals {
	uint64_t files;
	uint64_t directories;
	uint64_t symlinks;
	uint64_t bytes;
	uint64_t units; /* mentions */
};
void totals_add_row(struct totals *totals, const struct row *row);
void totals_add(struct totals *totals, const struct totals *more);
uint64_t totals_rows(const struct totals *totals);

struct root_piece {
	struct unit_name name;
	struct totals totals;
	struct digest content;
};

/* Bytes of the entry in an encoded root. */
size_t root_piece_len(const struct root_piece *piece);

struct root {
	struct root_piece *pieces; /* owned */
	size_t piece_count;
};

/* The root must keep its limits (claimed). */
void root_encode(struct buffer *out, const struct root *root);
/* Checks that the numbers are ones that such pieces can have, so that sums over them do
 * not overflow; they are still only claims. *ret_root is owned by the caller.
 * ERR_DAMAGED, ERR_VERSION, ERR_LIMIT. */
int root_decode(const void *bytes, size_t len, struct root *ret_root,
		struct error *error);
void root_fini(struct root *root);
struct totals root_totals(const struct root *root);
struct digest root_content_digest(const struct root *root);

/* ---- cutting ---------------------------------------------------------------------- */
/*
 * Takes rows in order, cuts pieces, computes names and content digests. Each finished
 * piece is handed to on_piece (bytes valid during the call); root grows by its entry.
 */
struct piece_sink {
	int (*on_piece)(void *context, const struct root_piece *piece,
			const uint8_t *bytes, size_t len, struct error *error);
	void *context; /* borrowed */
};

struct piece_writer {
	struct piece_sink sink;
	struct buffer rows; /* owned; room for the head, then rows of the current piece */
	struct buffer time_at; /* owned; size_t offsets of the times in rows */
	struct buffer content; /* owned; the piece with its times zeroed */
	uint64_t row_count;
	struct totals totals;
	char *previous; /* owned; PATH_LEN_MAX bytes */
	size_t previous_len;
	uint8_t previous_type; /* 0 before the first row */
	struct root root;      /* owned */
	size_t root_room;
	size_t root_len;      /* bytes that the root's entries take */
	uint64_t rows_before; /* in finished pieces */
};

/* sink.on_piece may be NULL: then only the root is made. A failed writer can only be
 * ended. */
void piece_writer_init(struct piece_writer *writer, struct piece_sink sink);
/* The row must be valid and ascend: claimed, since both ends check their input before.
 * ERR_LIMIT: a file of too many units, a tree of too many rows; what on_piece returns. */
int piece_writer_add(struct piece_writer *writer, const struct row *row,
		     struct error *error);
/* Takes over a piece whose rows come next, where the writer stands between two pieces
 * (piece_writer_between), without asking on_piece. last is its last row; claimed to
 * ascend like any. What the rows would be encoded to is the caller's promise.
 * ERR_LIMIT. */
int piece_writer_take(struct piece_writer *writer, const struct root_piece *piece,
		      const struct row *last, struct error *error);
bool piece_writer_between(const struct piece_writer *writer);
/* Whether a piece with that last path ends there whatever follows; else it ends because
 * the next row did not fit, or because there is none. */
bool piece_ends_by_itself(const struct root_piece *piece, const char *path,
			  size_t path_len);
/* Ends the last piece; nothing may be added then. The root stays owned by the writer. */
int piece_writer_finish(struct piece_writer *writer, struct error *error);
void piece_writer_fini(struct piece_writer *writer);

#endif
