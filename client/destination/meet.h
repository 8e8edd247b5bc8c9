/*
 * Something has come to lie where an entry belongs since DIR was looked at: other
 * attaches work in the same folder, or the file system takes two names for one. It is
 * treated like what was there before. Private to client/destination.
 */
#ifndef BATON_CLIENT_DESTINATION_MEET_H
#define BATON_CLIENT_DESTINATION_MEET_H

#include "client/destination/internal.h"

/*
 * Decides what to do about it. Either the entry, which is staged, is marked for another
 * try to put it into its place; or, a directory being there, that is kept and what it
 * holds is staged entry by entry. For directories: only when no worker is at work.
 */
int meet_entry(struct destination *dest, unsigned worker, uint32_t entry,
	       struct error *error);

/* Moves all that lies in a directory that we made, from_fd, into the stage, so that each
 * of its entries is staged by itself. */
int meet_stage_children(struct destination *dest, uint32_t directory, int from_fd,
			struct error *error);

#endif
