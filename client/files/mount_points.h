/*
 * What is mounted below a directory. A mount point cannot be removed or renamed, and
 * what lies behind it is not ours to delete. Any thread.
 */
#ifndef BATON_CLIENT_FILES_MOUNT_POINTS_H
#define BATON_CLIENT_FILES_MOUNT_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Paths below the directory, of directories and files. All zero: none. */
struct mount_points {
	char **paths; /* owned, and each of them */
	size_t count, room;
};

/* Finds the mount points below an open directory. Without /proc it finds none. */
void mount_points_read(struct mount_points *points, int directory_fd);
void mount_points_fini(struct mount_points *points);

/* Whether something is mounted on this very path; or at a path below it. */
bool mount_points_has(const struct mount_points *points, const char *path, size_t len);
bool mount_points_below(const struct mount_points *points, const char *path, size_t len);

/* The id of the mount that a name is on. Between two directories with different ids
 * nothing can be renamed. An empty name is the open file itself. 0: not known. */
uint64_t mount_points_id(int parent_fd, const char *name);

#endif
