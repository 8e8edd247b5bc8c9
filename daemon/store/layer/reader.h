/*
 * Reading a layer: its rows in order, and where the units of each row lie.
 *
 * A reader pins every segment that its layer refers to, until it is freed: data may be
 * moved meanwhile, the reader does not notice. It holds the frame of one piece and one
 * block at a time. A merge has a reader for each of its layers, so what they need only
 * for a moment they share. Belongs to one thread, and so do all that share.
 */
#ifndef BATON_STORE_LAYER_READER_H
#define BATON_STORE_LAYER_READER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/manifest/manifest.h"

struct segment;
struct store;
struct layer_reader;

/* What readers of one thread share: a decoder, and the frame from which one of them read
 * its root, its placement or a block. Outlives its readers. */
struct layer_scratch;
struct layer_scratch *layer_scratch_new(struct store *store);
void layer_scratch_free(struct layer_scratch *scratch); /* NULL is fine */

/* Pins, reads root and placement. ERR_DAMAGED names the layer. Memory: the root, the
 * placement, one frame of pieces and one block. */
int layer_reader_open(struct store *store, int64_t layer_id,
		      struct layer_scratch *scratch, struct layer_reader **ret_reader,
		      struct error *error);
void layer_reader_free(struct layer_reader *reader); /* NULL is fine */
/* Frees all but the pins: places that were given stay readable. Afterwards only
 * layer_reader_free() is allowed. */
void layer_reader_keep_pins(struct layer_reader *reader);

/* The next row: 1, 0 at the end, <0 (ERR_DAMAGED names layer and piece). Borrowed until
 * the next call. Each piece's digest is verified before its first row is given. */
int layer_reader_next(struct layer_reader *reader, struct row *ret_row,
		      struct error *error);

/* ---- skipping ----------------------------------------------------------------- */

/* Skips pieces whose rows all come before the path, and reads only a few of them: the
 * cost grows with the logarithm of what is skipped. Rows before the path may still
 * come. */
int layer_reader_skip_to(struct layer_reader *reader, const char *path, size_t path_len,
			 struct error *error);
/* If the next row is the first of a piece, the piece's name; else NULL. Pieces of one
 * name have the same rows. */
const struct unit_name *layer_reader_next_piece(const struct layer_reader *reader);
void layer_reader_skip_piece(struct layer_reader *reader); /* only where one is next */
void layer_reader_rewind(struct layer_reader *reader);     /* to before the first row */

/* Where a stored frame lies. `segment` stays open as long as any reader or pin has it. */
struct frame_place {
	struct segment *segment; /* borrowed, pinned by the reader */
	uint64_t offset;
	uint32_t len; /* header, table and payload */
};

/* The number of the mention that is the first unit of the row given last, whatever was
 * skipped before. */
uint64_t layer_reader_mention(const struct layer_reader *reader);

/* The frame that holds unit mention number `mention` of this layer (0 is the first unit
 * of the first row that has one). Only for mentions of the piece of the row given
 * last. */
int layer_reader_place(struct layer_reader *reader, uint64_t mention,
		       struct frame_place *ret_place, struct error *error);

#endif
