/*
 * Giving something a name that nothing has. Any thread.
 */
#ifndef BATON_CLIENT_FILES_RENAME_H
#define BATON_CLIENT_FILES_RENAME_H

/* As renameat(), but it replaces nothing, not even an empty directory: -1 and EEXIST. If
 * the file system cannot refuse to replace, it is asked first whether the name is free;
 * what gets the name between the two may then be replaced. */
int rename_new(int from_fd, const char *from, int to_fd, const char *to);

/* The same for a move to another parent: a directory that is moved has to be writable,
 * and gets all of its owner's permissions if it is not. */
int rename_moved(int from_fd, const char *from, int to_fd, const char *to);

#endif
