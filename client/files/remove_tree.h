/*
 * Removing what is below a directory, by descriptors: no symbolic link is followed, the
 * depth is not limited by open descriptors or PATH_MAX, read-only directories are coped
 * with; what is mounted somewhere in it is left as it is. Any thread.
 */
#ifndef BATON_CLIENT_FILES_REMOVE_TREE_H
#define BATON_CLIENT_FILES_REMOVE_TREE_H

/*
 * Empties the directory. It has to be one that nobody else uses: directories that lie
 * very deep are moved up into it before they are removed. 0, or -1 and errno of the first
 * thing that could not be removed; the rest is removed nevertheless.
 */
int remove_tree_contents(int directory_fd);

#endif
