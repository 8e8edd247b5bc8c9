/*
 * Staging directories: where an attach makes things before they are moved to their place.
 *
 * A stage is called PREFIX.baton-XXXXXXXXXXXX (12 random hexadecimal digits), has mode
 * 01700 and is held with flock() as long as its attach lives. The sticky bit is the mark:
 * no layer carries one, so what only has such a name is somebody's data. A stage that can
 * be locked was left behind by an attach that was killed, and the next one that makes a
 * stage in the same directory removes it, whatever its prefix; one that cannot be locked
 * is in use and left alone, also by --delete. Where a file system has no flock(), nothing
 * is removed; where it has no modes, only what is in use is known for a stage.
 */
#ifndef BATON_CLIENT_FILES_STAGE_H
#define BATON_CLIENT_FILES_STAGE_H

#include <stdbool.h>

#define STAGE_NAME_SIZE 256u

struct stage {
	int fd; /* owned; -1: none */
	char name[STAGE_NAME_SIZE];
};

/* Makes a stage in the directory. prefix: "" or ".out"; a long one is cut. 0, or -1 and
 * errno. */
int stage_make(struct stage *stage, int directory_fd, const char *prefix);

/* Removes the stage and all in it. 0, or -1 and errno. */
int stage_remove(struct stage *stage, int directory_fd);

/* Removes the stages in the directory whose attach is dead. What fails is ignored. */
void stage_sweep(int directory_fd);

/* Whether that name is a stage's, with whatever prefix. */
bool stage_is_one(int directory_fd, const char *name);
/* Whether it is the stage of an attach that is running. */
bool stage_is_in_use(int directory_fd, const char *name);

#endif
