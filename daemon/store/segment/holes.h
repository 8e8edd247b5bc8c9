/*
 * What compaction left out of a segment's file (FORMAT.md §2). Frames keep the offsets
 * that they were written at, by which placements and blocks name them; in the file they
 * lie one behind the other, behind a table of the holes. No input or output, no thread
 * affinity.
 */
#ifndef BATON_STORE_SEGMENT_HOLES_H
#define BATON_STORE_SEGMENT_HOLES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* Bytes of an encoded set at most: some ten thousand holes. It is a column of a row, and
 * stands in memory for each segment. */
#define HOLES_LEN_MAX 65536u

struct hole {
	uint64_t offset, len; /* as frames count them */
	uint64_t before;      /* bytes of all holes that end at or before offset */
};

/* {0} is a segment that has none. */
struct holes {
	struct hole *at; /* owned; ascending, none touches the next */
	size_t count, room;
	uint64_t bytes;     /* of all */
	uint64_t table_len; /* of their table in the file; 0: there is none */
};
void holes_fini(struct holes *holes);
struct holes holes_copy(const struct holes *holes);

/* Adds one behind the others; one that touches the last is a part of it. Nothing for a
 * length of 0. */
void holes_add(struct holes *holes, uint64_t offset, uint64_t len);
/* Fills the shortest ones until the set can be encoded, but none that touches one of
 * `kept`, and sets table_len: what is added later needs it again. */
void holes_close(struct holes *holes, const struct holes *kept);

/* The column and what the table holds. Of a set that is closed. */
void holes_encode(struct buffer *out, const struct holes *holes);
/* ERR_DAMAGED: it is none, or not of a segment that is vouched for up to there. */
int holes_decode(const void *bytes, size_t len, uint64_t vouched, struct holes *ret_holes,
		 struct error *error);
/* The table as it stands behind the header of the file. */
void holes_encode_table(struct buffer *out, const struct holes *holes);
/* How many encoded bytes it says that it holds, by its first so many; and what they say,
 * of a table of `len` bytes. ERR_DAMAGED. */
#define HOLES_TABLE_HEAD_LEN 12u
#define HOLES_TABLE_LEN_MAX (HOLES_LEN_MAX + 20u)
uint32_t holes_table_encoded(const uint8_t head[HOLES_TABLE_HEAD_LEN]);
int holes_decode_table(const uint8_t *bytes, size_t len, struct holes *ret_holes,
		       struct error *error);
/* How long a table of so many encoded bytes is; 0 for none. */
uint64_t holes_table_len(size_t encoded_len);

/* Where what has this offset lies in the file. In a hole: where that would begin. */
uint64_t holes_place(const struct holes *holes, uint64_t offset);
/* How many bytes lie there one behind the other from this offset on; 0 in a hole. */
uint64_t holes_extent(const struct holes *holes, uint64_t offset);
/* The first offset from this one on that is in no hole. */
uint64_t holes_skip(const struct holes *holes, uint64_t offset);

#endif
