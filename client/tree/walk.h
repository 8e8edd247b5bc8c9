/*
 * The walk: reads the directories that a selection takes and fills the tree, in manifest
 * order, each path once (rules T1, T2). Names of a directory are sorted bytewise and what
 * is in a directory comes directly behind it, which is the order of path_compare().
 *
 * Descriptor-relative throughout: no depth or length of a path is too much, no symbolic
 * link is followed but those that a PATH means or goes through, where the selection says
 * so; these become entries of what they lead to. Directories and links are complete when
 * they are appended; regular files are named only: reading them is another's work.
 * Sockets, FIFOs and devices are skipped and never opened.
 *
 * With a scouted stat record, directories that are as it says are not opened, and files
 * that are as it says are marked.
 *
 * One thread.
 */
#ifndef BATON_CLIENT_TREE_WALK_H
#define BATON_CLIENT_TREE_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "client/record/scout.h"
#include "client/select/link.h"
#include "client/select/own.h"
#include "client/select/select.h"
#include "client/terminal/faults.h"
#include "client/tree/tree.h"
#include "proto/base/error.h"

struct walk_events {
	/* After each directory: the tree's entries so far may be read. <0 ends the walk
	 * with that error. May be NULL. */
	int (*on_progress)(void *context, struct error *error);
	/* Something that cannot be kept: "socket", "FIFO", "device", or is no part of the
	 * tree. May be NULL. */
	void (*on_skipped)(void *context, const char *path, size_t len, const char *kind);
	/* A link that a PATH means and that will be stored, but not what it leads to:
	 * where that is, LINK_LEFT_OUT or LINK_NOWHERE. target: as the link has it. May
	 * be NULL. */
	void (*on_link)(void *context, enum link_end end, const char *path, size_t len,
			const char *target);
	void *context; /* borrowed */
};

struct walk_request {
	struct selection *selection; /* borrowed */
	const char *prefix; /* borrowed; clean; what will stand before each path when it
			     * is stored, for the limits; NULL or "": nothing */
	const struct record_scout *scout; /* borrowed; NULL: no stat record */
	const struct own_places *own;     /* borrowed; left out; NULL: none is known */
	/* Gets what cannot be read, and the walk goes on; borrowed; NULL: it ends. */
	struct faults *faults;
	struct walk_events events;
};

/* Fills the tree, which holds its root only. ERR_LOCAL names what cannot be read or has
 * vanished, where that ends it, ERR_LIMIT a path that is too long or too deep. */
int walk_run(const struct walk_request *request, struct tree *tree, struct error *error);

#endif
