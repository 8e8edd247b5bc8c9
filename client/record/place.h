/*
 * Where stat records lie: $XDG_CACHE_HOME/baton, else ~/.cache/baton, one file for each
 * directory, named after its path, device and inode. Files are written under a temporary
 * name and renamed, so writers do not disturb each other or a reader; together they are
 * bounded, the least recently used go first. A folder that cannot be used is no record.
 *
 * Private to client/record. Any thread.
 */
#ifndef BATON_CLIENT_RECORD_PLACE_H
#define BATON_CLIENT_RECORD_PLACE_H

#include <stddef.h>
#include <stdint.h>

struct record_place {
	char *path; /* owned; of the directory, canonical */
	uint64_t device, inode;
	char *folder;       /* owned; of the records */
	char name[48];      /* of the record in it */
	char temporary[64]; /* while it is written */
};

/* 0, or -1 and errno: a file system whose times prove nothing (ENOTSUP), no folder that
 * could be named. */
int record_place_find(int root_fd, struct record_place *place);
void record_place_fini(struct record_place *place);

/* Opens the record, if it is of this user and of a possible length, and marks it as used
 * now. -1 and errno. */
int record_place_open(const struct record_place *place, size_t *ret_len);

/* Makes the folder and an empty file under a temporary name. -1 and errno. */
int record_place_create(struct record_place *place);
/* Removes other records, the least recently used first, until all of them, with one of
 * this length, are within the bound. */
void record_place_make_room(const struct record_place *place, uint64_t len);
/* Gives the file under the temporary name its own. 0, or -1 and errno. */
int record_place_publish(struct record_place *place);
void record_place_discard(struct record_place *place);

#endif
