/*
 * Placements and blocks as bytes: where a layer's pieces lie, and where the units of one
 * piece lie (FORMAT.md §4). No input or output, no thread affinity.
 */
#ifndef BATON_STORE_LAYER_PLACEMENT_H
#define BATON_STORE_LAYER_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/segment/list.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

struct piece_place {
	uint32_t segment; /* position in the list */
	uint64_t offset;  /* of the frame */
	uint32_t unit;    /* position in the frame */
	uint32_t block_segment;
	uint64_t block_offset;
	uint32_t named_first, named_count; /* which of `named` its block names */
};

struct placement {
	struct segment_list segments;
	struct piece_place *pieces; /* owned */
	size_t piece_count;
	uint32_t *named; /* owned; positions in the list, those of a piece in a row */
	size_t named_count, named_room;
	bool is_exact; /* false: of version 1, which does not say what blocks name */
};

/* Notes that the block of a piece, which was placed last, names the segment. It is in
 * the list then. ERR_NO_MEMORY. */
int placement_name(struct placement *placement, size_t piece, const struct segment_id *id,
		   struct error *error);

/* {0} is a placement of no pieces. What is encoded is exact. Encoding and decoding, here
 * and below: ERR_NO_MEMORY. */
int placement_encode(struct buffer *out, const struct placement *placement,
		     struct error *error);
/* Every number is checked against the lists; there must be piece_count pieces and nothing
 * after them. ERR_DAMAGED; ERR_VERSION for a newer format. */
int placement_decode(const void *bytes, size_t len, size_t piece_count,
		     struct placement *ret_placement, struct error *error);
void placement_fini(struct placement *placement);

struct block_frame {
	uint32_t segment; /* position in the list */
	uint32_t len;     /* header, table and payload */
	uint64_t offset;
};

struct block {
	struct segment_list segments;
	struct block_frame *frames; /* owned */
	size_t frame_count, frame_room;
	uint32_t *mentions; /* owned; for each mention the position of its frame */
	size_t mention_count, mention_room;
};

/* Appends a frame, a mention. ERR_NO_MEMORY. */
int block_put_frame(struct block *block, const struct segment_id *segment,
		    uint64_t offset, uint32_t len, struct error *error);
int block_put_mention(struct block *block, uint32_t frame, struct error *error);
/* Empties it; memory is kept. */
void block_clear(struct block *block);

int block_encode(struct buffer *out, const struct block *block, struct error *error);
/* As placement_decode; there must be mention_count mentions. */
int block_decode(const void *bytes, size_t len, uint64_t mention_count,
		 struct block *ret_block, struct error *error);
void block_fini(struct block *block);

#endif
