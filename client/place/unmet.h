/*
 * Modes and times that could not be given to entries whose bytes are right, which makes
 * no attach fail: what is another's is not ours to change, and not every file system
 * keeps them. They are counted, by any thread, and said once at the end. For
 * client/destination alone.
 */
#ifndef BATON_CLIENT_PLACE_UNMET_H
#define BATON_CLIENT_PLACE_UNMET_H

#include <stdbool.h>
#include <stdint.h>

struct unmet {
	uint64_t count; /* atomic */
	uint32_t first; /* entry; of the first that was counted */
	int number;     /* errno; of the same */
};

/* Whether an error says that what is asked for cannot be had, now or later. */
bool unmet_is(int number);
/* Counts an entry if it is such an error, and says whether it is. */
bool unmet_note(struct unmet *left, uint32_t entry, int number);

#endif
