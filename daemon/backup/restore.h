/*
 * Making a data directory of a backup (backup.h). The directory must have nothing in it:
 * what is there would be lost.
 */
#ifndef BATON_DAEMON_BACKUP_RESTORE_H
#define BATON_DAEMON_BACKUP_RESTORE_H

#include <stdint.h>

#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

struct restore_options {
	const char *backup;    /* borrowed */
	const char *directory; /* borrowed; made, but for its parents */
	const struct io *io;   /* borrowed; NULL: io_system */
};

struct restore_figures {
	uint64_t layers, segments, bytes;
};

/* ERR_DENIED: the directory is not empty; ERR_DAMAGED: the backup lacks something, of
 * which nothing is restored; ERR_NOT_FOUND, ERR_VERSION: it is no backup; ERR_BUSY,
 * ERR_NO_ROOM, ERR_LOCAL. After a failure or a crash the same may be done again; until it
 * has ended no batond takes the directory for a store. */
int restore_run(const struct restore_options *options,
		struct restore_figures *ret_figures, struct error *error);

#endif
