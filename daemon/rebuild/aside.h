/*
 * Where a catalogue is made, and how it takes the place of the one that lies there, which
 * is put aside with all that knew of it. A crash leaves the old one, or none, or the new
 * one; with none nothing is served, and the same may be done again. One thread.
 */
#ifndef BATON_DAEMON_REBUILD_ASIDE_H
#define BATON_DAEMON_REBUILD_ASIDE_H

#include <stddef.h>

#include "daemon/store/disk/parts.h"
#include "proto/base/error.h"

struct aside {
	struct store *store; /* borrowed; its directory is open, and locked */
	char *scratch;       /* owned; the directory to make it in */
};

void aside_fini(struct aside *aside);

/* An empty directory beside the old catalogue. ERR_NO_ROOM, ERR_LOCAL. */
int aside_make(struct aside *aside, struct error *error);
/* One that is given, and has no catalogue: ERR_DENIED. */
int aside_make_into(struct aside *aside, const char *directory, struct error *error);

/* Puts the old one aside, in a new directory of which *ret_name is the name ("": there
 * was none), and the new one in its place. */
int aside_exchange(struct aside *aside, char *ret_name, size_t room, struct error *error);

#endif
