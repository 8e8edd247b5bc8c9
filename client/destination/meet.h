/*
 * What has come to lie where an entry belongs since that was looked at: other attaches
 * work in the same folder, or the file system takes two names for one. It is met as what
 * was there before. Private to client/destination.
 */
#ifndef BATON_CLIENT_DESTINATION_MEET_H
#define BATON_CLIENT_DESTINATION_MEET_H

#include "client/destination/internal.h"

/*
 * Decides what is done about it: the entry, which is staged, is marked for another try to
 * put it into its place; or it is kept, and what it holds is staged on its own, a
 * directory being there. Directories: only when no worker is at work.
 */
int meet_entry(struct destination *dest, unsigned worker, uint32_t entry,
	       struct error *error);

/* Moves all that lies in a directory that was made, from_fd, into the stage: its entries
 * are staged, each on its own. */
int meet_stage_children(struct destination *dest, uint32_t directory, int from_fd,
			struct error *error);

#endif
