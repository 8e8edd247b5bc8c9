/*
 * Staging directories: where an attach makes things before they are moved to their place.
 *
 * A stage is called PREFIX.baton-XXXXXXXXXXXX (12 random hexadecimal digits), has mode
 * 0700 and is held with flock() as long as its attach lives. So a stage that can be
 * locked was left behind by one that was killed, and the next attach into the same place
 * removes it; one that cannot be locked is in use and left alone, also by --delete. Where
 * a file system has no flock(), nothing is removed.
 */
#ifndef BATON_CLIENT_STAGE_H
#define BATON_CLIENT_STAGE_H

#include <stdbool.h>

#define STAGE_NAME_SIZE 256u

struct stage {
	int fd; /* owned; -1: none */
	char name[STAGE_NAME_SIZE];
};

/* Makes one in the directory. prefix: "" or ".out"; a long one is cut. 0, or -1 and
 * errno. */
int stage_make(struct stage *stage, int directory_fd, const char *prefix);

/* Removes the stage and all in it. 0, or -1 and errno. */
int stage_remove(struct stage *stage, int directory_fd);

/* Removes stages with this prefix whose attach is dead. Failures are nobody's concern. */
void stage_sweep(int directory_fd, const char *prefix);

/* Whether this is the name of a stage with the empty prefix. */
bool stage_is_name(const char *name);

#endif
