#include "client/files/remove_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "client/files/mount_points.h"
#include "client/files/path_fd.h"
#include "proto/base/cleanup.h"

/* Directories open at a time. What lies deeper is moved up first. */
#define DEPTH_MAX 32

struct removal {
	int base_fd;         /* borrowed; where deep directories are moved to */
	uint64_t mount;      /* what is on another is left */
	unsigned long moved; /* how many were: their names are numbers */
	int first_errno;
};

static void remember(struct removal *removal, int number)
{
	if (!removal->first_errno)
		removal->first_errno = number;
}

static int remove_below(struct removal *removal, int directory_fd, int depth);

static int move_up(struct removal *removal, int parent_fd, const char *name)
{
	char fresh[32];
	int err;
	do {
		(void)snprintf(fresh, sizeof(fresh), "deep-%lu", removal->moved++);
		err = renameat2(parent_fd, name, removal->base_fd, fresh,
				RENAME_NOREPLACE);
	} while (err && errno == EEXIST);
	return err;
}

static void remove_directory(struct removal *removal, int parent_fd, const char *name,
			     int depth)
{
	int fd AUTO_FD =
		openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) != 0) {
		remember(removal, errno);
		return;
	}
	if (mount_points_id(fd, "") != removal->mount) {
		remember(removal, EBUSY);
		return;
	}
	if ((stat.st_mode & 0700) != 0700) {
		(void)path_fd_chmod(fd, 0700);
	}
	if (depth >= DEPTH_MAX) {
		if (move_up(removal, parent_fd, name) != 0)
			remember(removal, errno);
		return;
	}
	int inner = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (inner < 0 || remove_below(removal, inner, depth + 1) != 0 ||
	    unlinkat(parent_fd, name, AT_REMOVEDIR) != 0)
		remember(removal, errno);
}

static void remove_one(struct removal *removal, int parent_fd, const struct dirent *found,
		       int depth)
{
	if (found->d_type != DT_DIR) {
		if (unlinkat(parent_fd, found->d_name, 0) == 0 || errno == ENOENT)
			return;
		if (errno != EISDIR && errno != EPERM) {
			remember(removal, errno);
			return;
		}
	}
	remove_directory(removal, parent_fd, found->d_name, depth);
}

/* Takes ownership of directory_fd. 0, or -1 where it could not be listed. */
static int remove_below(struct removal *removal, int directory_fd, int depth)
{
	DIR *directory AUTO_DIR = fdopendir(directory_fd);
	if (!directory) {
		(void)close(directory_fd);
		return -1;
	}
	struct dirent *found;
	while ((errno = 0, found = readdir(directory)) != NULL)
		if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
			remove_one(removal, dirfd(directory), found, depth);
	return errno == 0 ? 0 : -1;
}

int remove_tree_contents(int directory_fd)
{
	struct removal removal = {.base_fd = directory_fd,
				  .mount = mount_points_id(directory_fd, "")};
	unsigned long moved;
	do {
		moved = removal.moved;
		int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || remove_below(&removal, fd, 0) != 0)
			return -1;
	} while (removal.moved != moved && !removal.first_errno);
	errno = removal.first_errno;
	return removal.first_errno ? -1 : 0;
}
