/*
 * What can be done through an O_PATH descriptor, which needs no permission on what it
 * holds. Any thread.
 */
#ifndef BATON_CLIENT_FILES_PATH_FD_H
#define BATON_CLIENT_FILES_PATH_FD_H

#include <sys/types.h>

/* Sets the mode of the file that the descriptor is of, even if its name stands for
 * another one by now. -1 and errno. */
int path_fd_chmod(int fd, mode_t mode);

#endif
