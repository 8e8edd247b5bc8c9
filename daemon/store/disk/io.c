#include "daemon/store/disk/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_open(void *context, int dir_fd, const char *path, int flags,
		       mode_t mode)
{
	(void)context;
	return openat(dir_fd, path, flags | O_CLOEXEC, mode);
}

static int system_close(void *context, int fd)
{
	(void)context;
	return close(fd);
}

static ssize_t system_pread(void *context, int fd, void *data, size_t len, off_t offset)
{
	(void)context;
	return pread(fd, data, len, offset);
}

static ssize_t system_pwrite(void *context, int fd, const void *data, size_t len,
			     off_t offset)
{
	(void)context;
	return pwrite(fd, data, len, offset);
}

static int system_ftruncate(void *context, int fd, off_t len)
{
	(void)context;
	return ftruncate(fd, len);
}

static int system_fdatasync(void *context, int fd)
{
	(void)context;
	return fdatasync(fd);
}

static int system_fsync(void *context, int fd)
{
	(void)context;
	return fsync(fd);
}

static int system_unlink(void *context, int dir_fd, const char *path)
{
	(void)context;
	return unlinkat(dir_fd, path, 0);
}

static int system_rename(void *context, int dir_fd, const char *from, const char *to)
{
	(void)context;
	return renameat(dir_fd, from, dir_fd, to);
}

static int64_t system_size(void *context, int fd)
{
	(void)context;
	struct stat status;
	return fstat(fd, &status) < 0 ? -1 : (int64_t)status.st_size;
}

static void system_clocks(void *context, struct clocks *ret_clocks)
{
	(void)context;
	clocks_read(ret_clocks);
}

static bool system_synchronised(void *context)
{
	(void)context;
	return clocks_synchronised();
}

const struct io io_system = {
	.open = system_open,
	.close = system_close,
	.pread = system_pread,
	.pwrite = system_pwrite,
	.ftruncate = system_ftruncate,
	.fdatasync = system_fdatasync,
	.fsync = system_fsync,
	.unlink = system_unlink,
	.rename = system_rename,
	.size = system_size,
	.clocks = system_clocks,
	.synchronised = system_synchronised,
};

int io_open(const struct io *io, int dir_fd, const char *path, int flags, mode_t mode)
{
	int fd;
	do
		fd = io->open(io->context, dir_fd, path, flags, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int io_close(const struct io *io, int fd)
{
	/* Linux has closed the descriptor even where it says EINTR. */
	return io->close(io->context, fd) < 0 && errno != EINTR ? -1 : 0;
}

int io_read_at(const struct io *io, int fd, void *ret_data, size_t len, uint64_t offset)
{
	uint8_t *at = ret_data;
	while (len > 0) {
		ssize_t got = io->pread(io->context, fd, at, len, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = 0;
		if (got <= 0)
			return -1;
		at += got;
		len -= (size_t)got;
		offset += (size_t)got;
	}
	return 0;
}

int io_write_at(const struct io *io, int fd, const void *data, size_t len,
		uint64_t offset)
{
	const uint8_t *at = data;
	while (len > 0) {
		ssize_t put = io->pwrite(io->context, fd, at, len, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put == 0)
			errno = EIO;
		if (put <= 0)
			return -1;
		at += put;
		len -= (size_t)put;
		offset += (size_t)put;
	}
	return 0;
}
