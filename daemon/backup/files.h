/*
 * Files of a copy: in another directory than the store's, by way of a table of functions
 * of their own (io.h), so that what fails there is no failure of the store. One thread.
 */
#ifndef BATON_DAEMON_BACKUP_FILES_H
#define BATON_DAEMON_BACKUP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

/* A directory that is copied from or to. */
struct files {
	const struct io *io;          /* borrowed */
	const char *path;             /* borrowed */
	int fd, segments_fd, lock_fd; /* owned; -1 */
	bool is_new;                  /* it was empty, but for what an earlier try left */
};

void files_fini(struct files *files);

/* Opens it, made where it is missing and `make` says so; locks it: ERR_BUSY. */
int files_open(struct files *files, bool make, struct error *error);
int files_open_segments(struct files *files, bool make, struct error *error);

bool files_has(const struct files *files, const char *name);
/* Whether there is nothing in it but a lock, and what mkfs makes. */
bool files_are_none(const struct files *files);

/* A small file as text: its length, 0 where it is not there. */
int files_read(const struct files *files, const char *name, char *ret_text, size_t room,
	       struct error *error);
/* Writes one so that it is there whole or not at all, durably. */
int files_write(const struct files *files, const char *name, const char *text,
		struct error *error);

/* Writes the bytes of a file from `at` to `end` to the same place of another one below a
 * directory, made where it is missing, and syncs it: its name is the caller's to sync. */
int files_copy(const struct files *files, int to_dir_fd, const char *name, int from_fd,
	       uint64_t at, uint64_t end, struct error *error);
int files_sync(const struct files *files, int fd, struct error *error);
/* Bytes of a file, -1 where there is none. */
int64_t files_len(const struct files *files, int dir_fd, const char *name);

/* The segments of the catalogue that lies in a directory; owned by the caller. */
int files_rows(const struct io *io, const char *directory, struct segment_row **ret_rows,
	       size_t *ret_count, uint64_t *ret_layers, struct error *error);

#endif
