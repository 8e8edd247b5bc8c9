#include "client/files/path_fd.h"

#include <stdio.h>
#include <sys/stat.h>

int path_fd_chmod(int fd, mode_t mode)
{
	/* fchmod() does not take such descriptors, but the link in /proc leads to it. */
	char self[64];
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return chmod(self, mode);
}
