/*
 * Modes and times that could not be given to entries with the right bytes: what belongs
 * to another user is not ours to change, and not every file system keeps them. No attach
 * fails by it. They are counted, by any thread, and told once at the end. For
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

/* Whether an errno says that the mode or time cannot be had here, now or later. */
bool unmet_is(int number);
/* Counts the entry if the errno is such an error; returns whether it is. */
bool unmet_note(struct unmet *left, uint32_t entry, int number);

#endif
