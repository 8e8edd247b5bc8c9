#include "tests/fault/kill_point.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	uint32_t calls;
} points[KILL_POINTS] = {
	[KILL_NOWHERE] = {"somewhere", 1},
	[KILL_BEFORE_A_SEGMENT_IS_MADE] = {"before a segment is made", 4},
	[KILL_BEHIND_A_SEGMENT_IS_MADE] = {"behind a segment is made", 4},
	[KILL_IN_A_WRITE_TO_A_SEGMENT] = {"in a write to a segment", 25},
	[KILL_BEFORE_A_SEGMENT_IS_SYNCED] = {"before a segment is synced", 25},
	[KILL_BEFORE_THE_NAMES_ARE_SYNCED] = {"before names are synced", 4},
	[KILL_IN_A_WRITE_TO_THE_LOG] = {"in a write to the log", 60},
	[KILL_BEFORE_THE_LOG_IS_SYNCED] = {"before the log is synced", 25},
	[KILL_BEHIND_THE_LOG_IS_SYNCED] = {"behind the log is synced", 25},
	[KILL_BEFORE_THE_STAMP] = {"before the stamp", 25},
	[KILL_BEFORE_A_FILE_IS_UNLINKED] = {"before a file is unlinked", 3},
	[KILL_AT_ANY_CHANGE] = {"at any change", 250},
};

const char *kill_point_name(enum kill_point point)
{
	return points[point].name;
}

uint32_t kill_point_calls(enum kill_point point)
{
	return points[point].calls;
}

/* Of this process; constant once there are threads, but for the count. */
static enum kill_point armed;
static uint32_t armed_nth;
static atomic_uint passed;

static void pass(enum kill_point point)
{
	bool is_here = point == armed || armed == KILL_AT_ANY_CHANGE;
	if (is_here && atomic_fetch_add(&passed, 1) + 1 == armed_nth)
		(void)raise(SIGKILL);
}

/* Whether the file's name ends so. */
static bool is_file(int fd, const char *end)
{
	char link[32], path[4096];
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	size_t end_len = strlen(end);
	return len >= (ssize_t)end_len && memcmp(path + len - end_len, end, end_len) == 0;
}

static int kill_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
	bool makes = flags & O_CREAT && strstr(path, ".seg");
	if (makes)
		pass(KILL_BEFORE_A_SEGMENT_IS_MADE);
	int fd = io_system.open(context, dir_fd, path, flags, mode);
	if (makes)
		pass(KILL_BEHIND_A_SEGMENT_IS_MADE);
	return fd;
}

/* Leaves a part of a write, if the process dies of it. */
static void pass_within(enum kill_point point, int fd, const void *data, size_t len,
			off_t offset)
{
	bool last = armed == point && atomic_load(&passed) + 1 == armed_nth;
	if (last)
		(void)!pwrite(fd, data, len / 2, offset);
	pass(point);
}

static ssize_t kill_pwrite(void *context, int fd, const void *data, size_t len,
			   off_t offset)
{
	if (is_file(fd, ".seg"))
		pass_within(KILL_IN_A_WRITE_TO_A_SEGMENT, fd, data, len, offset);
	else if (is_file(fd, "-wal"))
		pass_within(KILL_IN_A_WRITE_TO_THE_LOG, fd, data, len, offset);
	else if (is_file(fd, "stamp"))
		pass(KILL_BEFORE_THE_STAMP);
	return io_system.pwrite(context, fd, data, len, offset);
}

static int kill_fdatasync(void *context, int fd)
{
	bool log = is_file(fd, "-wal");
	pass(log ? KILL_BEFORE_THE_LOG_IS_SYNCED : KILL_BEFORE_A_SEGMENT_IS_SYNCED);
	int result = io_system.fdatasync(context, fd);
	if (log)
		pass(KILL_BEHIND_THE_LOG_IS_SYNCED);
	return result;
}

static int kill_fsync(void *context, int fd)
{
	pass(KILL_BEFORE_THE_NAMES_ARE_SYNCED);
	return io_system.fsync(context, fd);
}

static int kill_unlink(void *context, int dir_fd, const char *path)
{
	pass(KILL_BEFORE_A_FILE_IS_UNLINKED);
	return io_system.unlink(context, dir_fd, path);
}

const struct io *kill_point_table(enum kill_point point, uint32_t nth)
{
	static struct io table;
	table = io_system;
	table.open = kill_open;
	table.pwrite = kill_pwrite;
	table.fdatasync = kill_fdatasync;
	table.fsync = kill_fsync;
	table.unlink = kill_unlink;
	armed = point;
	armed_nth = nth;
	return &table;
}
