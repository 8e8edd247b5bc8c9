/*
 * `stamp`: how far the catalogue had come when a commit was last acknowledged, in a file
 * beside it (FORMAT.md §1). It is written after each commit and never synced, so it is
 * exact after a crash of the daemon, older at worst after a power cut, and never newer
 * than what the catalogue has on the disk. A catalogue that is older than the stamp has
 * forgotten commits.
 *
 * A failed write is no error of the caller: the stamp stays older.
 */
#ifndef BATON_STORE_DISK_STAMP_H
#define BATON_STORE_DISK_STAMP_H

#include <stdint.h>

#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

/* The file's name in the data directory. */
#define STAMP_NAME "stamp"
/* Two slots, each in a block of its own: a torn write leaves the other. */
#define STAMP_SLOT_DISTANCE 4096u
#define STAMP_SLOT_LEN 40u

/* Which catalogue, and how many changes were made durable in it: a copy of it that is
 * older has a smaller number. */
struct stamp_mark {
	uint64_t store; /* random; 0: none was given yet */
	uint64_t commits;
};

struct stamp_file {
	const struct io *io; /* borrowed */
	int fd;              /* owned; -1: there is none to write to */
};

/* Opens the file in the directory for writing, creates it durably if it is missing, and
 * writes `mark`. On failure there is no stamp (fd is -1), and all else works. */
int stamp_open(const struct io *io, int directory_fd, const struct stamp_mark *mark,
	       struct stamp_file *ret_stamp, struct error *error);
/* Writes it into the slot that holds the older one. */
void stamp_put(const struct stamp_file *stamp, const struct stamp_mark *mark);
void stamp_close(struct stamp_file *stamp);

/* The larger of the readable slots: 1; 0 where the file is missing or no slot is sound;
 * ERR_LOCAL where it cannot be read. */
int stamp_read(const struct io *io, int directory_fd, struct stamp_mark *ret_mark,
	       struct error *error);

#endif
