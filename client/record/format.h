/*
 * The layout of a record's file, whose description is in record.h, and the views that its
 * header and entries stand for. Pure, and private to client/record.
 */
#ifndef BATON_CLIENT_RECORD_FORMAT_H
#define BATON_CLIENT_RECORD_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "client/record/record.h"
#include "proto/base/bytes.h"

#define RECORD_MAGIC "BTSR"
#define RECORD_VERSION 2u
#define RECORD_HEADER_LEN 236u
#define RECORD_LEN_MAX (256u * 1024u * 1024u)
/* Of all records of a user; the least recently used are removed. */
#define RECORD_CACHE_LEN_MAX (512u * 1024u * 1024u)
#define RECORD_AGE_MAX 3u
/* Where the bytes begin that the checksum covers. */
#define RECORD_CHECKED_AT 16u
/* The header's flags, all of them. */
#define RECORD_ALIGNED 1u
#define RECORD_CHECKSUM_AT 8u
/* The header's view begins here. */
#define RECORD_VIEW_AT 100u

struct record_header {
	uint64_t checksum, len;
	uint64_t device, inode;
	int64_t written_ns;
	uint32_t count, path_len;
	struct record_base base;
	struct record_view view; /* a tag of 0: none */
};

/* In the flags of an entry. */
#define RECORD_FLAG_TRUSTED 0x04u
#define RECORD_FLAG_BASE 0x08u
#define RECORD_FLAG_LISTED 0x10u
#define RECORD_FLAG_VIEW 0x20u
#define RECORD_AGE_SHIFT 6

/* Siblings ascend by the bytes of their names. */
int record_compare_names(const char *a, size_t a_len, const char *b, size_t b_len);

void record_view_read(struct reader *in, struct record_view *ret_view);
void record_view_put(const struct record_view *view, struct buffer *out);

/* What the entries show of the views. */
struct record_view_sums {
	struct totals base;
	bool base_unproved, view_unproved; /* a file or link of it is not trusted */
};
void record_view_count(struct record_view_sums *sums, const struct record_entry *entry);
size_t record_views_find(const struct record_header *header,
			 const struct record_view_sums *sums,
			 struct record_view ret_views[RECORD_VIEWS_MAX]);

#endif
