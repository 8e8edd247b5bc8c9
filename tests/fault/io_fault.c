#include "tests/fault/io_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/error.h"
#include "tests/fault/fault_disk.h"

/* As many signals as come in a row. */
#define INTERRUPTIONS 5u

/* What a descriptor stands for; at most one of the two. */
struct descriptor {
	struct fault_file *file; /* borrowed */
	bool open;
};

struct io_fault {
	struct io table;
	pthread_mutex_t mutex; /* guards all below */
	struct fault_disk *disk;
	struct descriptor *descriptors; /* owned; by number */
	size_t descriptor_room;
	unsigned open_count;
	unsigned kinds;
	uint64_t nth, seen;
	bool forever, has_failed, cut, write_short;
	int error_number;
};

static void unlock(struct io_fault **fault)
{
	pthread_mutex_unlock(&(*fault)->mutex);
}

/* Names the context `fault` and holds its mutex until the scope ends. */
#define LOCKED(context)                                                                  \
	struct io_fault *fault AUTO(unlock) = (context);                                 \
	pthread_mutex_lock(&fault->mutex)

static uint64_t last_to_fail(const struct io_fault *fault)
{
	if (!fault->forever)
		return fault->nth;
	return fault->error_number == EINTR ? fault->nth + INTERRUPTIONS - 1 : UINT64_MAX;
}

/* Counts a call; true where it is to fail, with errno set. */
static bool fails(struct io_fault *fault, enum io_call kind)
{
	if (fault->cut) {
		errno = EIO;
		return true;
	}
	if (!(fault->kinds & kind) || fault->nth == 0)
		return false;
	fault->seen++;
	if (fault->seen < fault->nth || fault->seen > last_to_fail(fault))
		return false;
	fault->has_failed = true;
	errno = fault->error_number;
	return true;
}

/* ---- descriptors ----------------------------------------------------------------- */

static void remember(struct io_fault *fault, int fd, struct fault_file *file)
{
	size_t position = (size_t)fd;
	if (position >= fault->descriptor_room) {
		size_t room = position + 64;
		fault->descriptors = must_realloc(fault->descriptors,
						  room * sizeof(*fault->descriptors));
		memset(fault->descriptors + fault->descriptor_room, 0,
		       (room - fault->descriptor_room) * sizeof(*fault->descriptors));
		fault->descriptor_room = room;
	}
	claim(!fault->descriptors[position].open);
	fault->descriptors[position] = (struct descriptor){.file = file, .open = true};
	fault->open_count++;
}

/* The file behind a descriptor; NULL for a directory, or one opened elsewhere. */
static struct fault_file *file_of(const struct io_fault *fault, int fd)
{
	size_t position = (size_t)fd;
	return position < fault->descriptor_room ? fault->descriptors[position].file
						 : NULL;
}

static bool is_dir(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The last component of a path, and the model of the directory it is in; NULL with errno
 * where there is none. */
static struct fault_dir *dir_of(struct io_fault *fault, int dir_fd, const char *path,
				const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return fault_disk_dir(fault->disk, dir_fd);
	char *parent AUTO_FREE = must_memdup(path, (size_t)(slash - path) + 1);
	int parent_fd AUTO_FD =
		openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return parent_fd < 0 ? NULL : fault_disk_dir(fault->disk, parent_fd);
}

/* ---- the calls ------------------------------------------------------------------- */

static struct fault_file *opened_file(struct fault_dir *dir, const char *name,
				      struct fault_file *known, int flags)
{
	struct fault_file *file = known ? known : fault_dir_create(dir, name);
	if (known && flags & O_TRUNC)
		fault_file_truncate(file, 0);
	return file;
}

static int fault_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
	LOCKED(context);
	if (fails(fault, IO_CALL_OPEN))
		return -1;
	const char *name;
	struct fault_dir *dir = dir_of(fault, dir_fd, path, &name);
	if (!dir)
		return -1;
	struct fault_file *known = NULL;
	if (!(flags & O_DIRECTORY))
		known = fault_dir_find(dir, name);
	int fd = openat(dir_fd, path, flags | O_CLOEXEC, mode);
	if (fd >= 0)
		remember(fault, fd,
			 is_dir(fd) ? NULL : opened_file(dir, name, known, flags));
	return fd;
}

static int fault_close(void *context, int fd)
{
	LOCKED(context);
	bool failing = fails(fault, IO_CALL_CLOSE);
	int error_number = errno;
	size_t position = (size_t)fd;
	if (position < fault->descriptor_room && fault->descriptors[position].open) {
		fault->descriptors[position] = (struct descriptor){0};
		fault->open_count--;
	}
	int result = close(fd);
	if (!failing)
		return result;
	errno = error_number;
	return -1;
}

static size_t part_of(struct io_fault *fault, size_t len)
{
	return len > 1 ? 1 + (size_t)(fault_disk_random(fault->disk) % (len - 1)) : len;
}

static ssize_t fault_pread(void *context, int fd, void *data, size_t len, off_t offset)
{
	LOCKED(context);
	if (fails(fault, IO_CALL_READ)) {
		if (errno != 0)
			return -1;
		len = part_of(fault, len);
	}
	return pread(fd, data, len, offset);
}

static ssize_t fault_pwrite(void *context, int fd, const void *data, size_t len,
			    off_t offset)
{
	LOCKED(context);
	bool failing = fails(fault, IO_CALL_WRITE);
	if (failing && errno != 0)
		return -1;
	if (failing || (fault->write_short && fault_disk_random(fault->disk) & 1))
		len = part_of(fault, len);
	ssize_t written = pwrite(fd, data, len, offset);
	struct fault_file *file = file_of(fault, fd);
	if (written > 0 && file)
		fault_file_write(file, data, (size_t)written, (uint64_t)offset);
	return written;
}

static int fault_ftruncate(void *context, int fd, off_t len)
{
	LOCKED(context);
	if (fails(fault, IO_CALL_TRUNCATE))
		return -1;
	int result = ftruncate(fd, len);
	struct fault_file *file = file_of(fault, fd);
	if (result == 0 && file)
		fault_file_truncate(file, (uint64_t)len);
	return result;
}

/* Nothing reaches the real disk's platters: the model is what a power cut asks. */
static int fault_sync(void *context, int fd)
{
	LOCKED(context);
	bool failing = fails(fault, IO_CALL_SYNC);
	if (fault->cut)
		return -1;
	int error_number = errno;
	struct fault_file *file = file_of(fault, fd);
	if (file)
		fault_file_sync(file, failing);
	else if (is_dir(fd))
		fault_dir_sync(fault_disk_dir(fault->disk, fd), failing);
	errno = error_number;
	return failing ? -1 : 0;
}

static int fault_unlink(void *context, int dir_fd, const char *path)
{
	LOCKED(context);
	if (fails(fault, IO_CALL_UNLINK))
		return -1;
	const char *name;
	struct fault_dir *dir = dir_of(fault, dir_fd, path, &name);
	if (!dir)
		return -1;
	(void)fault_dir_find(dir, name);
	if (unlinkat(dir_fd, path, 0) < 0)
		return -1;
	fault_dir_unlink(dir, name);
	return 0;
}

static int fault_rename(void *context, int dir_fd, const char *from, const char *to)
{
	LOCKED(context);
	if (fails(fault, IO_CALL_RENAME))
		return -1;
	const char *from_name;
	const char *to_name;
	struct fault_dir *dir = dir_of(fault, dir_fd, from, &from_name);
	if (!dir || dir != dir_of(fault, dir_fd, to, &to_name)) {
		errno = EXDEV;
		return -1;
	}
	(void)fault_dir_find(dir, from_name);
	(void)fault_dir_find(dir, to_name);
	if (renameat(dir_fd, from, dir_fd, to) < 0)
		return -1;
	fault_dir_rename(dir, from_name, to_name);
	return 0;
}

static int64_t fault_size(void *context, int fd)
{
	LOCKED(context);
	struct stat status;
	if (fails(fault, IO_CALL_SIZE) || fstat(fd, &status) < 0)
		return -1;
	return status.st_size;
}

/* ---- for the test ---------------------------------------------------------------- */

struct io_fault *io_fault_new(uint64_t seed)
{
	struct io_fault *fault = must_calloc(1, sizeof(*fault));
	claim(pthread_mutex_init(&fault->mutex, NULL) == 0);
	fault->disk = fault_disk_new(seed);
	fault->table = (struct io){
		.context = fault,
		.open = fault_open,
		.close = fault_close,
		.pread = fault_pread,
		.pwrite = fault_pwrite,
		.ftruncate = fault_ftruncate,
		.fdatasync = fault_sync,
		.fsync = fault_sync,
		.unlink = fault_unlink,
		.rename = fault_rename,
		.size = fault_size,
		.clocks = io_system.clocks,
		.synchronised = io_system.synchronised,
	};
	return fault;
}

void io_fault_free(struct io_fault *fault)
{
	if (!fault)
		return;
	claim(fault->open_count == 0);
	fault_disk_free(fault->disk);
	pthread_mutex_destroy(&fault->mutex);
	free(fault->descriptors);
	free(fault);
}

const struct io *io_fault_table(const struct io_fault *fault)
{
	return &fault->table;
}

void io_fault_fail(struct io_fault *context, unsigned kinds, uint64_t nth, bool forever,
		   int error_number)
{
	LOCKED(context);
	fault->kinds = kinds;
	fault->nth = nth;
	fault->seen = 0;
	fault->forever = forever;
	fault->error_number = error_number;
	fault->has_failed = false;
}

bool io_fault_has_failed(struct io_fault *context)
{
	LOCKED(context);
	return fault->has_failed;
}

void io_fault_write_short(struct io_fault *context, bool on)
{
	LOCKED(context);
	fault->write_short = on;
}

void io_fault_cut(struct io_fault *context)
{
	LOCKED(context);
	fault_disk_cut(fault->disk);
	fault->cut = true;
}

unsigned io_fault_open_count(struct io_fault *context)
{
	LOCKED(context);
	return fault->open_count;
}
