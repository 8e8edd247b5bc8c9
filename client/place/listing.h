/*
 * The names in one directory, all at once, sorted by their bytes. Any thread.
 */
#ifndef BATON_CLIENT_PLACE_LISTING_H
#define BATON_CLIENT_PLACE_LISTING_H

#include <stdbool.h>
#include <stddef.h>

/* All zero: no names. */
struct listing {
	char **names; /* owned, and each of them */
	size_t count, room;
};

void listing_add(struct listing *listing, const char *name);
/* Reads all names of the directory but "." and "..". 0, or -1 and errno. */
int listing_read(struct listing *listing, int directory_fd);
bool listing_has(const struct listing *listing, const char *name);
void listing_fini(struct listing *listing);

#endif
