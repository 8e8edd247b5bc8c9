#include "client/files/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/base/cleanup.h"
#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/path/path.h"

#define STEP_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

enum openat2_state { UNKNOWN, PRESENT, ABSENT };
static _Atomic int openat2_state = UNKNOWN;

static int fail(int error_number)
{
	errno = error_number;
	return -1;
}

static int call_openat2(int fd, const char *path, int flags, mode_t mode)
{
	bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
	struct open_how how = {
		.flags = (unsigned)flags,
		.mode = creates ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long opened;
	do
		opened = syscall(SYS_openat2, fd, path, &how, sizeof(how));
	while (opened < 0 && errno == EINTR);
	return (int)opened;
}

/* Sandboxes answer EPERM to calls that they do not know, so the call is tried where it
 * cannot be refused for another reason. */
static bool have_openat2(int root_fd)
{
	int state = atomic_load_explicit(&openat2_state, memory_order_relaxed);
	if (state != UNKNOWN)
		return state == PRESENT;
	int fd AUTO_FD = call_openat2(root_fd, ".", STEP_FLAGS, 0);
	bool absent = fd < 0 && (errno == ENOSYS || errno == EPERM);
	atomic_store(&openat2_state, absent ? ABSENT : PRESENT);
	return !absent;
}

/* 0, or the errno that the path deserves. */
static int check(const char *path, size_t len)
{
	if (memchr(path, '\0', len))
		return EINVAL;
	for (size_t start = 0; start <= len;) {
		const char *slash = memchr(path + start, '/', len - start);
		size_t end = slash ? (size_t)(slash - path) : len;
		if (end == start || path_is_dots(path + start, end - start))
			return EINVAL;
		if (end - start > COMPONENT_LEN_MAX)
			return ENAMETOOLONG;
		start = end + 1;
	}
	return 0;
}

/* How much of path one call may take: whole components, below `most` bytes. */
static size_t segment_len(const char *path, size_t len, size_t most)
{
	if (len <= most)
		return len;
	const char *slash = memrchr(path, '/', most + 1);
	return slash ? (size_t)(slash - path) : len;
}

static size_t component_len(const char *path, size_t len)
{
	const char *slash = memchr(path, '/', len);
	return slash ? (size_t)(slash - path) : len;
}

static int plain_openat(int fd, const char *name, int flags, mode_t mode)
{
	int opened;
	do
		opened = openat(fd, name, flags, mode);
	while (opened < 0 && errno == EINTR);
	if (opened >= 0 || errno != ENOTDIR || flags != STEP_FLAGS)
		return opened;
	struct stat status;
	bool is_link = fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		       S_ISLNK(status.st_mode);
	return fail(is_link ? ELOOP : ENOTDIR);
}

/* Opens the first part of path that one call can take: all of it, or a directory. */
static int open_segment(int fd, bool modern, const char *segment, int flags, mode_t mode)
{
	return modern ? call_openat2(fd, segment, flags, mode)
		      : plain_openat(fd, segment, flags, mode);
}

int beneath_open(int root_fd, const char *path, size_t len, int flags, mode_t mode)
{
	flags |= O_CLOEXEC | O_NOFOLLOW;
	if (len == 0)
		return openat(root_fd, ".", flags, mode);
	int wrong = check(path, len);
	if (wrong)
		return fail(wrong);
	bool modern = have_openat2(root_fd);
	int directory AUTO_FD = -1;
	char segment[PATH_MAX];
	while (true) {
		size_t step = modern ? segment_len(path, len, sizeof(segment) - 1)
				     : component_len(path, len);
		claim(step < sizeof(segment));
		memcpy(segment, path, step);
		segment[step] = '\0';
		int from = directory >= 0 ? directory : root_fd;
		bool last = step == len;
		int opened = open_segment(from, modern, segment,
					  last ? flags : STEP_FLAGS, mode);
		if (last || opened < 0)
			return opened;
		(void)close(directory);
		directory = opened;
		path += step + 1;
		len -= step + 1;
	}
}
