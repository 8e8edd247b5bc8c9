#include "client/files/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "client/files/path_fd.h"
#include "proto/base/cleanup.h"

int rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
	struct stat stat;
	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(to_fd, to, &stat, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? renameat(from_fd, from, to_fd, to) : -1;
	errno = EEXIST;
	return -1;
}

int rename_moved(int from_fd, const char *from, int to_fd, const char *to)
{
	if (rename_new(from_fd, from, to_fd, to) == 0)
		return 0;
	if (errno != EACCES)
		return -1;
	int fd AUTO_FD =
		openat(from_fd, from, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || path_fd_chmod(fd, 0700) != 0)
		return -1;
	return rename_new(from_fd, from, to_fd, to);
}
