/*
 * Where stat records lie: $XDG_CACHE_HOME/baton, else ~/.cache/baton, one file for each
 * directory, named after its path, device and inode. Files are written under a temporary
 * name and renamed, so writers do not disturb each other or a reader; together they are
 * bounded, the least recently used go first. A folder that cannot be used is no record.
 *
 * Private to stat_record*.c. Any thread.
 */
#ifndef BATON_CLIENT_RECORD_FORMAT_H
#define BATON_CLIENT_RECORD_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "client/record/record.h"
#include "proto/base/bytes.h"

/* What the checksum covers begins here. */
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

struct record_place {
	char *path; /* owned; of the directory, canonical */
	uint64_t device, inode;
	char *folder;       /* owned; of the records */
	char name[48];      /* of the record in it */
	char temporary[64]; /* while it is written */
};

/* Of an entry's flags. */
#define RECORD_FLAG_TRUSTED 0x04u
#define RECORD_FLAG_BASE 0x08u
#define RECORD_FLAG_LISTED 0x10u
#define RECORD_FLAG_VIEW 0x20u
#define RECORD_AGE_SHIFT 6

/* The header's view, whether all of it is trusted or not. */
const struct record_view *record_own_view(const struct record *record);
void record_view_read(struct reader *in, struct record_view *ret_view);
void record_view_put(const struct record_view *view, struct buffer *out);

/* What the entries tell of the views. */
struct record_view_sums {
	struct totals base;
	bool base_unproved, view_unproved; /* a file or link of it is not trusted */
};
void record_view_count(struct record_view_sums *sums, const struct record_entry *entry);
size_t record_views_find(const struct record_header *header,
			 const struct record_view_sums *sums,
			 struct record_view ret_views[RECORD_VIEWS_MAX]);
/* All of it, borrowed, and where the flags of an entry stand. */
const uint8_t *record_bytes(const struct record *record, size_t *ret_len);
size_t record_flags_at(const struct record *record, uint32_t entry);

/* Nanoseconds since 1970. */

/* 0, or -1 and errno: a file system whose times prove nothing (ENOTSUP), no folder that
 * could be named. */
int record_place_find(int root_fd, struct record_place *place);
void record_place_fini(struct record_place *place);

/* The record, of this user and of a length that can be one; it counts as used now. -1 and
 * errno. */
int record_place_open(const struct record_place *place, size_t *ret_len);

/* Makes the folder and an empty file under a temporary name. -1 and errno. */
int record_place_create(struct record_place *place);
/* Removes others, the least recently used first, until the folder is within its bound
 * with a record of this length. */
void record_place_make_room(const struct record_place *place, uint64_t len);
/* Gives it its name. 0, or -1 and errno. */
int record_place_publish(struct record_place *place);
void record_place_discard(struct record_place *place);

#endif
