/*
 * File systems without permissions (FAT, NTFS, SMB, some FUSE) give one mode to all
 * files. It is stored as any other, so a persist says so where what the files hold shows
 * that nobody chose it.
 */
#ifndef BATON_CLIENT_TREE_ONE_MODE_H
#define BATON_CLIENT_TREE_ONE_MODE_H

#include <sys/stat.h>

#include "client/tree/tree.h"

/* Notes whether the mode does not fit a file that begins with these bytes. Any thread. */
void one_mode_note(struct tree *tree, mode_t mode, const void *begin, size_t len);
/* The warning, when nobody writes the tree any more; owned by the caller. NULL: there is
 * none. root_fd: the folder whose file system it is. */
char *one_mode_text(const struct tree *tree, int root_fd);

#endif
