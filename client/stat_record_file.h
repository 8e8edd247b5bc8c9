/*
 * Where stat records lie: $XDG_CACHE_HOME/baton, else ~/.cache/baton, one file for each
 * directory, named after its path, device and inode. Files are written under a temporary
 * name and renamed, so writers do not disturb each other or a reader; together they are
 * bounded, the least recently used go first. A folder that cannot be used is no record.
 *
 * Private to stat_record*.c. Any thread.
 */
#ifndef BATON_CLIENT_STAT_RECORD_FILE_H
#define BATON_CLIENT_STAT_RECORD_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "client/stat_record.h"

/* What the checksum covers begins here. */
#define RECORD_CHECKED_AT 16u
/* The header's flags, all of them. */
#define RECORD_ALIGNED 1u

struct record_header {
	uint64_t checksum, len;
	uint64_t device, inode;
	int64_t written_ns;
	uint32_t count, path_len;
	struct record_base base;
};

struct record_place {
	char *path; /* owned; of the directory, canonical */
	uint64_t device, inode;
	char *folder;       /* owned; of the records */
	char name[48];      /* of the record in it */
	char temporary[64]; /* while it is written */
};

/* Nanoseconds since 1970. */
int64_t record_now_ns(clockid_t clock);

/* 0, or -1 and errno: a file system whose times prove nothing (ENOTSUP), no folder that
 * could be named. */
int record_place_find(int root_fd, struct record_place *place);
void record_place_fini(struct record_place *place);

/* The record, of this user and of a length that can be one; it counts as used now. -1 and
 * errno. */
int record_place_open(const struct record_place *place, size_t *ret_len);

/* Makes the folder and an empty file under a temporary name. -1 and errno. */
int record_place_create(struct record_place *place);
/* Gives it its name and keeps the folder within its bound. 0, or -1 and errno. */
int record_place_publish(struct record_place *place);
void record_place_discard(struct record_place *place);

#endif
