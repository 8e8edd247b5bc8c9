/*
 * What can be done through an O_PATH descriptor, which needs no permission on what it
 * holds. Any thread.
 */
#ifndef BATON_CLIENT_FILES_PATH_FD_H
#define BATON_CLIENT_FILES_PATH_FD_H

#include <sys/types.h>

/* Sets the mode of what the descriptor holds, whatever has its name by now. -1 and errno.
 */
int path_fd_chmod(int fd, mode_t mode);

#endif
