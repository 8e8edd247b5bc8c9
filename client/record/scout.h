/*
 * Looks at all paths of a stat record at once, on as many threads as there are cores,
 * before a walk or a comparison begins: one lstat() each, no directory opened. What is
 * found is believed as if it had been found while walking: a path that leads, through
 * whatever, to the very inode with the very times of the record holds the very bytes.
 *
 * Run by one thread, then read by any.
 */
#ifndef BATON_CLIENT_RECORD_SCOUT_H
#define BATON_CLIENT_RECORD_SCOUT_H

#include "client/record/record.h"

struct record_scout {
	const struct record *record; /* borrowed */
	int root_fd;                 /* borrowed */
	uint8_t *seen;               /* owned; by entry: SCOUT_… */
	uint32_t next, end;          /* atomic; of the part being looked at */
};

#define SCOUT_HOLDS 1u     /* all is as the record says */
#define SCOUT_DIRECTORY 2u /* a directory with the mode of the record */

void record_scout_init(struct record_scout *scout, const struct record *record,
		       int root_fd);
/* Looks at the entries first … end - 1. Interrupted, at fewer. */
void record_scout_run(struct record_scout *scout, uint32_t first, uint32_t end);
void record_scout_fini(struct record_scout *scout);

static inline bool record_scout_saw(const struct record_scout *scout, uint32_t entry,
				    uint8_t what)
{
	return (scout->seen[entry] & what) != 0;
}

#endif
