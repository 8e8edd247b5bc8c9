/*
 * Where the operating system begins: every file call of the store, SQLite's included
 * (vfs.h), goes through one small table of functions, so that tests can fail the n-th
 * call, tear writes and cut the power. The clocks go through it too.
 *
 * The functions behave as their namesakes of POSIX: -1 and errno on failure. `context` is
 * the table's own. Any thread.
 */
#ifndef BATON_STORE_DISK_IO_H
#define BATON_STORE_DISK_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/store/disk/clocks.h"

struct io {
	void *context;
	/* Opens relative to a directory descriptor; O_CLOEXEC is added. */
	int (*open)(void *context, int dir_fd, const char *path, int flags, mode_t mode);
	int (*close)(void *context, int fd);
	ssize_t (*pread)(void *context, int fd, void *data, size_t len, off_t offset);
	ssize_t (*pwrite)(void *context, int fd, const void *data, size_t len,
			  off_t offset);
	int (*ftruncate)(void *context, int fd, off_t len);
	int (*fdatasync)(void *context, int fd);
	int (*fsync)(void *context, int fd); /* files and directories */
	int (*unlink)(void *context, int dir_fd, const char *path);
	int (*rename)(void *context, int dir_fd, const char *from, const char *to);
	int64_t (*size)(void *context, int fd);
	/* These cannot fail. */
	void (*clocks)(void *context, struct clocks *ret_clocks);
	bool (*synchronised)(void *context);
};

/* The table that calls the operating system. */
extern const struct io io_system;

/* The same calls, by way of the table; loops over short transfers and EINTR.
 * 0, or -1 with errno (pread beyond the end: -1 with errno 0). */
int io_open(const struct io *io, int dir_fd, const char *path, int flags, mode_t mode);
int io_close(const struct io *io, int fd);
int io_read_at(const struct io *io, int fd, void *ret_data, size_t len, uint64_t offset);
int io_write_at(const struct io *io, int fd, const void *data, size_t len,
		uint64_t offset);

#endif
