/*
 * Directories that a filter does not take, but that lead to something it takes: rows that
 * wait until it is known. They are given in front of the first row below them that is
 * taken, so that manifest order stays; those that lead to nothing are never given.
 *
 * Belongs to one thread. Memory: one path, and 32 bytes for each of its components.
 */
#ifndef BATON_DAEMON_WORKSPACE_LEADING_H
#define BATON_DAEMON_WORKSPACE_LEADING_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/merge/merge.h"
#include "proto/base/bytes.h"

/* A directory that waits, each below the one before. */
struct leading_row {
	size_t path_len; /* of the beginning of leading.path */
	struct row_time time;
	uint32_t source;
	uint16_t mode;
};

/* All zero: nothing waits. */
struct leading {
	struct leading_row *rows; /* owned */
	size_t count, room;
	size_t given;       /* of them */
	struct buffer path; /* owned; of the innermost */
};

void leading_fini(struct leading *leading);
/* A row comes that is taken or waits: forgets what is not above it. */
void leading_enter(struct leading *leading, const struct row *row);
/* After its leading_enter(): a directory waits. What it borrows is copied. */
void leading_wait(struct leading *leading, const struct merged_row *merged);
/* Once something below all that waits is taken: the next of them that was not given yet,
 * borrowed until the next call; or false. */
bool leading_give(struct leading *leading, struct merged_row *ret_row);

#endif
