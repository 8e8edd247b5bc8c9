/*
 * The catalogue as it is at one moment, as a file of its own, while it is used.
 */
#ifndef BATON_DAEMON_BACKUP_SNAPSHOT_H
#define BATON_DAEMON_BACKUP_SNAPSHOT_H

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

/* Writes `catalogue.db` into a directory that has none, durably, with all that was
 * committed before; others use the catalogue meanwhile, a few milliseconds apart. What
 * fails to be written there changes nothing of the catalogue. ERR_DAMAGED: of the
 * catalogue's own pages; ERR_NO_ROOM, ERR_LOCAL. */
int snapshot_take(struct catalogue *catalogue, const struct io *io, const char *directory,
		  struct error *error);

#endif
