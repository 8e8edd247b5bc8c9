/*
 * Copying an open store, while it is used, into a directory that takes one copy after the
 * other (FORMAT.md §12): each layer that was acknowledged before is in it, and what has
 * not changed since the last time is not copied again. Until the end the last copy stays
 * what it was.
 */
#ifndef BATON_DAEMON_BACKUP_BACKUP_H
#define BATON_DAEMON_BACKUP_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/disk/io.h"
#include "daemon/store/store.h"
#include "proto/base/error.h"

#define BACKUP_FORMAT "batond backup 1\n"
#define BACKUP_FORMAT_ROOM 64u

struct backup_options {
	const char *directory; /* borrowed; made, but for its parents */
	const struct io *io;   /* borrowed; for what is written; NULL: io_system */
	/* Whether it should end, asked between segments; may be NULL. */
	bool (*should_stop)(void *context);
	void *context;
};

struct backup_figures {
	uint64_t layers, segments;
	uint64_t unchanged; /* segments of which nothing was copied */
	uint64_t copied_bytes;
	uint64_t missing; /* segments that the store lacks; what is in them is not copied
			   */
};

/* Any thread. ERR_DENIED: the directory holds something else, or a backup of another
 * store; ERR_BUSY: it is in use, or segments were moved away again and again;
 * ERR_INTERRUPTED; ERR_NO_ROOM, ERR_LOCAL of the directory; ERR_DAMAGED of the
 * catalogue. */
int backup_run(struct store *store, const struct backup_options *options,
	       struct backup_figures *ret_figures, struct error *error);

#endif
