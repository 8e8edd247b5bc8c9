/*
 * Removing what is below a directory, by descriptors. No symbolic link is followed,
 * neither open descriptors nor PATH_MAX limit the depth, and read-only directories are
 * made writable. What is mounted somewhere below is left as it is. Any thread.
 */
#ifndef BATON_CLIENT_FILES_REMOVE_TREE_H
#define BATON_CLIENT_FILES_REMOVE_TREE_H

/*
 * Empties the directory, which nobody else may use: directories that lie very deep are
 * moved up into it before they are removed. 0, or -1 and errno of the first thing that
 * could not be removed; all else is removed.
 */
int remove_tree_contents(int directory_fd);

#endif
