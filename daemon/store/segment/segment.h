/*
 * Segment files as bytes (FORMAT.md §2): header, index, footer. No input or output, no
 * thread affinity.
 */
#ifndef BATON_STORE_SEGMENT_SEGMENT_H
#define BATON_STORE_SEGMENT_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/unit/frame.h"

#define SEGMENT_HEADER_LEN 64u
#define SEGMENT_FOOTER_LEN 48u
/* A longer index is left empty: units of a few bytes each would make it as long as the
 * segment, and a scan frame by frame costs no more then. */
#define SEGMENT_INDEX_LEN_MAX (16u * 1024u * 1024u)
/* 32 hexadecimal digits and NUL. */
#define SEGMENT_ID_TEXT_SIZE 33u

struct segment_header {
	struct segment_id id;
	int64_t namespace_id;
	bool has_holes; /* a table of them stands behind it (holes.h) */
};

void segment_header_encode(const struct segment_header *header,
			   uint8_t ret_bytes[SEGMENT_HEADER_LEN]);
/* Every byte is checked. ERR_DAMAGED; ERR_VERSION for a newer format. */
int segment_header_decode(const uint8_t bytes[SEGMENT_HEADER_LEN],
			  struct segment_header *ret_header, struct error *error);

struct segment_footer {
	uint64_t index_offset; /* in the file */
	uint64_t index_len;    /* bytes; 0: there is only the footer */
	uint32_t frame_count;
	uint64_t index_checksum; /* XXH3-64 of the index */
};

void segment_footer_encode(const struct segment_footer *footer,
			   uint8_t ret_bytes[SEGMENT_FOOTER_LEN]);
/* Every byte is checked, and that index and footer fill the file's end: it has `end`
 * bytes. ERR_DAMAGED. */
int segment_footer_decode(const uint8_t bytes[SEGMENT_FOOTER_LEN], uint64_t end,
			  struct segment_footer *ret_footer, struct error *error);

/* One entry of an index: a frame's place, header and table. */
struct segment_entry {
	uint64_t offset;
	struct frame_header header;
};

/* Appends an entry to an index; `head` is the frame's header and table. */
void segment_index_put(struct buffer *index, uint64_t offset, const uint8_t *head,
		       size_t head_len);
/* The next entry, its units in ret_units (FRAME_UNITS_MAX entries): 1; 0 at the end; <0:
 * ERR_DAMAGED, ERR_VERSION. */
int segment_index_next(struct reader *index, struct segment_entry *ret_entry,
		       struct unit_name *ret_units, struct error *error);

/* Bytes of the file of a row: what is vouched for, without its holes, and their table. */
uint64_t segment_row_len(const struct segment_row *row);

bool segment_id_equal(const struct segment_id *a, const struct segment_id *b);
int segment_id_compare(const struct segment_id *a, const struct segment_id *b);
/* Lower-case hexadecimal; returns ret_text. */
const char *segment_id_text(const struct segment_id *id,
			    char ret_text[SEGMENT_ID_TEXT_SIZE]);

#endif
