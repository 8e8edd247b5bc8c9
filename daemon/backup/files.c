#include "daemon/backup/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define COPY_LEN (1024u * 1024u)
/* What a small file is called until it is whole. */
#define NEW_FILE "written"

static int failed(const struct files *files, const char *name, const char *what,
		  struct error *error)
{
	return error_set_errno(error, ERR_LOCAL, errno, "`%s/%s`: cannot be %s",
			       files->path, name, what);
}

void files_fini(struct files *files)
{
	const int fds[] = {files->segments_fd, files->fd, files->lock_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			(void)io_close(files->io, fds[i]);
}

/* ---- directories ------------------------------------------------------------------ */

/* Where nothing is made, as on a medium that is only read, what is missing is nobody's.
 */
static int lock(struct files *files, bool make, struct error *error)
{
	int flags = make ? O_RDWR | O_CREAT : O_RDONLY;
	files->lock_fd = io_open(files->io, files->fd, "lock", flags | O_NOFOLLOW, 0600);
	if (files->lock_fd < 0)
		return !make && errno == ENOENT ? 0
						: failed(files, "lock", "created", error);
	if (flock(files->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(error, ERR_BUSY, "another batond uses `%s`",
				 files->path);
	return failed(files, "lock", "locked", error);
}

int files_open(struct files *files, bool make, struct error *error)
{
	if (make && mkdir(files->path, 0700) < 0 && errno != EEXIST)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be created",
				       files->path);
	files->fd = io_open(files->io, AT_FDCWD, files->path, O_RDONLY | O_DIRECTORY, 0);
	if (files->fd < 0)
		return error_set_errno(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_LOCAL,
				       errno, "`%s`: cannot be opened", files->path);
	return lock(files, make, error);
}

int files_open_segments(struct files *files, bool make, struct error *error)
{
	if (make && mkdirat(files->fd, "segments", 0700) < 0 && errno != EEXIST)
		return failed(files, "segments", "created", error);
	files->segments_fd = io_open(files->io, files->fd, "segments",
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return files->segments_fd < 0 ? failed(files, "segments", "opened", error) : 0;
}

bool files_has(const struct files *files, const char *name)
{
	struct stat status;
	return fstatat(files->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool files_are_none(const struct files *files)
{
	int fd = openat(files->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		static const char *const expected[] = {".", "..", "lock", "lost+found",
						       NEW_FILE};
		bool known = false;
		for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
			known = known || strcmp(entry->d_name, expected[i]) == 0;
		if (!known)
			return false;
	}
	return true;
}

/* ---- files ------------------------------------------------------------------------ */

int files_read(const struct files *files, const char *name, char *ret_text, size_t room,
	       struct error *error)
{
	ret_text[0] = '\0';
	int fd = io_open(files->io, files->fd, name, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return errno == ENOENT ? 0 : failed(files, name, "opened", error);
	int64_t size = files->io->size(files->io->context, fd);
	size_t len = size > 0 && (size_t)size < room ? (size_t)size : 0;
	bool good = size >= 0 && io_read_at(files->io, fd, ret_text, len, 0) == 0;
	int result = good ? (int)len : failed(files, name, "read", error);
	ret_text[good ? len : 0] = '\0';
	(void)io_close(files->io, fd);
	return result;
}

int files_sync(const struct files *files, int fd, struct error *error)
{
	if (files->io->fsync(files->io->context, fd) == 0)
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be synced",
			       files->path);
}

int files_write(const struct files *files, const char *name, const char *text,
		struct error *error)
{
	const struct io *io = files->io;
	int fd = io_open(io, files->fd, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return failed(files, name, "created", error);
	int result = 0;
	if (io_write_at(io, fd, text, strlen(text), 0) < 0 ||
	    io->fdatasync(io->context, fd) < 0)
		result = failed(files, name, "written", error);
	if (io_close(io, fd) < 0 && result == 0)
		result = failed(files, name, "closed", error);
	if (result == 0 && io->rename(io->context, files->fd, NEW_FILE, name) < 0)
		result = failed(files, name, "renamed", error);
	return result == 0 ? files_sync(files, files->fd, error) : result;
}

static int copy_bytes(const struct files *files, int to, int from, uint64_t at,
		      uint64_t end)
{
	uint8_t *bytes AUTO_FREE = must_alloc(COPY_LEN);
	while (at < end) {
		size_t len = end - at < COPY_LEN ? (size_t)(end - at) : COPY_LEN;
		if (io_read_at(files->io, from, bytes, len, at) < 0 ||
		    io_write_at(files->io, to, bytes, len, at) < 0)
			return -1;
		at += len;
	}
	return files->io->fdatasync(files->io->context, to);
}

int files_copy(const struct files *files, int to_dir_fd, const char *name, int from_fd,
	       uint64_t at, uint64_t end, struct error *error)
{
	int to = io_open(files->io, to_dir_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW,
			 0600);
	if (to < 0)
		return failed(files, name, "created", error);
	errno = 0;
	int result = copy_bytes(files, to, from_fd, at, end) == 0 ? 0 : -1;
	if (result < 0 && errno == 0)
		result = error_set(error, ERR_DAMAGED,
				   "`%s`: is shorter than the catalogue says", name);
	else if (result < 0)
		result = failed(files, name, "copied", error);
	if (io_close(files->io, to) < 0 && result == 0)
		result = failed(files, name, "closed", error);
	return result;
}

int64_t files_len(const struct files *files, int dir_fd, const char *name)
{
	int fd = io_open(files->io, dir_fd, name, O_RDONLY | O_NOFOLLOW, 0);
	int64_t len = fd < 0 ? -1 : files->io->size(files->io->context, fd);
	if (fd >= 0)
		(void)io_close(files->io, fd);
	return len;
}

int files_rows(const struct io *io, const char *directory, struct segment_row **ret_rows,
	       size_t *ret_count, uint64_t *ret_layers, struct error *error)
{
	struct catalogue *catalogue;
	struct catalogue_figures figures = {0};
	struct error ignored;
	int result = catalogue_open_to_read(io, directory, &catalogue, error);
	if (result < 0)
		return result;
	result = catalogue_figures(catalogue, &figures, error);
	if (result == 0)
		result = catalogue_segments(catalogue, ret_rows, ret_count, error);
	(void)catalogue_close(catalogue, &ignored);
	*ret_layers = figures.layers;
	return result;
}
