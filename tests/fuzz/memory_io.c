#include "tests/fuzz/memory_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* What a file may grow to. */
#define FILE_LEN_MAX (64u << 20)

static struct memory_file *file_of(void *context, int fd)
{
	struct memory_io *memory = context;
	unsigned number = (unsigned)(fd - MEMORY_DIRECTORY - 1);
	claim(number < MEMORY_FILES_MAX);
	return &memory->files[number];
}

static int fd_of(struct memory_io *memory, const struct memory_file *file)
{
	return MEMORY_DIRECTORY + 1 + (int)(file - memory->files);
}

struct memory_file *memory_io_find(struct memory_io *memory, const char *name)
{
	for (unsigned i = 0; i < MEMORY_FILES_MAX; i++)
		if (*name && strcmp(memory->files[i].name, name) == 0)
			return &memory->files[i];
	return NULL;
}

static struct memory_file *create(struct memory_io *memory, const char *name)
{
	claim(strlen(name) < sizeof(memory->files->name));
	for (unsigned i = 0; i < MEMORY_FILES_MAX; i++) {
		struct memory_file *file = &memory->files[i];
		if (*file->name)
			continue;
		(void)strcpy(file->name, name);
		buffer_clear(&file->bytes);
		return file;
	}
	claim_failed("a directory of so few files", __FILE__, __LINE__);
}

int memory_io_put(struct memory_io *memory, const char *name, const void *bytes,
		  size_t len)
{
	struct memory_file *file = memory_io_find(memory, name);
	if (!file)
		file = create(memory, name);
	buffer_clear(&file->bytes);
	if (len)
		buffer_put(&file->bytes, bytes, len);
	return fd_of(memory, file);
}

/* ---- the table ---- */

static int open_file(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
	struct memory_io *memory = context;
	(void)dir_fd;
	(void)mode;
	if (flags & O_DIRECTORY)
		return MEMORY_DIRECTORY;
	struct memory_file *file = memory_io_find(memory, path);
	if (!file && !(flags & O_CREAT)) {
		errno = ENOENT;
		return -1;
	}
	if (!file)
		file = create(memory, path);
	if (flags & O_TRUNC)
		buffer_clear(&file->bytes);
	return fd_of(memory, file);
}

static int close_file(void *context, int fd)
{
	(void)context;
	(void)fd;
	return 0;
}

static ssize_t read_file(void *context, int fd, void *data, size_t len, off_t offset)
{
	const struct buffer *bytes = &file_of(context, fd)->bytes;
	if (offset < 0) {
		errno = EINVAL;
		return -1;
	}
	if ((size_t)offset >= bytes->len)
		return 0;
	size_t left = bytes->len - (size_t)offset;
	size_t part = len < left ? len : left;
	memcpy(data, bytes->at + offset, part);
	return (ssize_t)part;
}

static int resize(struct buffer *bytes, size_t len)
{
	if (len > FILE_LEN_MAX) {
		errno = EFBIG;
		return -1;
	}
	if (len > bytes->len) {
		size_t more = len - bytes->len;
		buffer_reserve(bytes, more);
		memset(bytes->at + bytes->len, 0, more);
	}
	bytes->len = len;
	return 0;
}

static ssize_t write_file(void *context, int fd, const void *data, size_t len,
			  off_t offset)
{
	struct buffer *bytes = &file_of(context, fd)->bytes;
	size_t end = (size_t)offset + len;
	if (end > bytes->len && resize(bytes, end) < 0)
		return -1;
	memcpy(bytes->at + offset, data, len);
	return (ssize_t)len;
}

static int truncate_file(void *context, int fd, off_t len)
{
	return resize(&file_of(context, fd)->bytes, (size_t)len);
}

static int sync_file(void *context, int fd)
{
	(void)context;
	(void)fd;
	return 0;
}

static int unlink_file(void *context, int dir_fd, const char *path)
{
	struct memory_file *file = memory_io_find(context, path);
	(void)dir_fd;
	if (!file) {
		errno = ENOENT;
		return -1;
	}
	file->name[0] = '\0';
	return 0;
}

static int rename_file(void *context, int dir_fd, const char *from, const char *to)
{
	struct memory_file *file = memory_io_find(context, from);
	if (!file) {
		errno = ENOENT;
		return -1;
	}
	(void)unlink_file(context, dir_fd, to);
	(void)strcpy(file->name, to);
	return 0;
}

static int64_t size_of(void *context, int fd)
{
	return (int64_t)file_of(context, fd)->bytes.len;
}

static void clocks_of(void *context, struct clocks *ret_clocks)
{
	(void)context;
	*ret_clocks =
		(struct clocks){.boot = 1, .uptime_ms = 1000, .wall_ms = 1800000000000};
}

static bool synchronised(void *context)
{
	(void)context;
	return true;
}

const struct io *memory_io_init(struct memory_io *memory)
{
	*memory = (struct memory_io){.io = {
					     .context = memory,
					     .open = open_file,
					     .close = close_file,
					     .pread = read_file,
					     .pwrite = write_file,
					     .ftruncate = truncate_file,
					     .fdatasync = sync_file,
					     .fsync = sync_file,
					     .unlink = unlink_file,
					     .rename = rename_file,
					     .size = size_of,
					     .clocks = clocks_of,
					     .synchronised = synchronised,
				     }};
	return &memory->io;
}

void memory_io_fini(struct memory_io *memory)
{
	for (unsigned i = 0; i < MEMORY_FILES_MAX; i++)
		buffer_fini(&memory->files[i].bytes);
}
