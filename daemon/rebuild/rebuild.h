/*
 * Making a catalogue of the segments alone, where it is lost, damaged or has forgotten
 * what was acknowledged (FORMAT.md §11). What is read is only read; what the new
 * catalogue takes the place of is put aside. The daemon must not be running.
 */
#ifndef BATON_DAEMON_REBUILD_REBUILD_H
#define BATON_DAEMON_REBUILD_REBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/rebuild/restore.h"
#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

struct rebuild_options {
	const char *directory; /* borrowed; the data directory */
	const char *into; /* borrowed; where catalogue.db is made, and the old one left as
			   * it is; NULL: in the data directory */
	const struct io *io; /* borrowed; NULL: io_system */
	/* Told of what is lost, or left alone; may be NULL. */
	void (*on_note)(void *context, const char *sentence);
	void *context;
};

struct rebuild_figures {
	uint64_t layers, segments, frames;
	uint64_t unreadable; /* layers whose root or placement cannot be read */
	uint64_t untold; /* commit frames of a batond that did not tell of its layers */
	uint64_t executions_untold; /* no frame has had room for them, or it is damaged */
	struct restored_figures rows;
	char aside[64]; /* where the old catalogue is now, below the directory; "": there
			 * was none, or it was left */
};

/* ERR_BUSY: a daemon runs; ERR_NOT_FOUND: there are no segments; ERR_VERSION: a newer
 * store; ERR_DAMAGED: of several stores; ERR_NO_ROOM, ERR_LOCAL. After any failure, and
 * a crash, the same call may be made again. */
int rebuild_run(const struct rebuild_options *options,
		struct rebuild_figures *ret_figures, struct error *error);

#endif
