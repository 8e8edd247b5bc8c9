/*
 * What is mounted below a directory, which nobody may remove or rename, and what is on
 * the other side of which is not ours to clear away. Any thread.
 */
#ifndef BATON_CLIENT_FILES_MOUNT_POINTS_H
#define BATON_CLIENT_FILES_MOUNT_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Paths below the directory, of files too. All zero: none. */
struct mount_points {
	char **paths; /* owned, and each of them */
	size_t count, room;
};

/* Those below an open directory, as far as this process can see: none where there is no
 * /proc. */
void mount_points_read(struct mount_points *points, int directory_fd);
void mount_points_fini(struct mount_points *points);

/* Whether something is mounted on this very path; strictly below it. */
bool mount_points_has(const struct mount_points *points, const char *path, size_t len);
bool mount_points_below(const struct mount_points *points, const char *path, size_t len);

/* A number that differs between two directories that nothing can be renamed between. An
 * empty name is the open file itself. 0: it is not known. */
uint64_t mount_points_id(int parent_fd, const char *name);

#endif
