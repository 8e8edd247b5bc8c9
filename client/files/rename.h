/*
 * Giving something a name that nothing has. Any thread.
 */
#ifndef BATON_CLIENT_FILES_RENAME_H
#define BATON_CLIENT_FILES_RENAME_H

/* As renameat(), but -1 and EEXIST where something has the name; an empty directory, too.
 * A file system that cannot refuse to replace is asked before instead: then what comes at
 * the same moment may be replaced. */
int rename_new(int from_fd, const char *from, int to_fd, const char *to);

/* The same for what changes its parent: a directory that lacks the permission it needs
 * for that gets all of its owner's. */
int rename_moved(int from_fd, const char *from, int to_fd, const char *to);

#endif
