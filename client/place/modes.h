/*
 * Modes of directories that were there before. While work goes on in such a directory it
 * has all of its owner's permissions; at the end it gets its own mode back, or the
 * view's. One thread. For client/destination alone.
 */
#ifndef BATON_CLIENT_PLACE_MODES_H
#define BATON_CLIENT_PLACE_MODES_H

#include "client/place/places.h"
#include "client/place/unmet.h"

/* A directory whose mode is to be given back. */
struct restore {
	uint32_t entry;
	mode_t mode;
};

struct modes {
	struct places *places;    /* borrowed */
	struct restore *restores; /* owned; in the order of opening */
	size_t count, room;
	struct unmet left; /* those that could not be given */
};

void modes_fini(struct modes *modes);

/* Gives a directory all of its owner's permissions until the end, if it lacks one of
 * those that are needed. If that is not allowed nothing happens: the mode may do, and
 * else what fails in the directory will say so. */
int modes_unlock(struct modes *modes, uint32_t entry, mode_t need, struct error *error);
/* Gives directories that were there their modes, deepest first. */
int modes_restore(struct modes *modes, struct error *error);
/* The same; those that are marked with MARK_MODE get the mode of the view. */
int modes_set_kept(struct modes *modes, bool *ret_changed, struct error *error);

#endif
