#include <errno.h>
#include <string.h>

#include "daemon/store/database/vfs_internal.h"

int vfs_failed(struct vfs *vfs, int code)
{
	atomic_store(&vfs->failed, true);
	return code;
}

bool vfs_refuses(const struct vfs *vfs)
{
	return vfs->frozen || atomic_load(&vfs->failed);
}

int vfs_read_bytes(const struct vfs_file *file, void *ret_data, size_t amount,
		   int64_t offset)
{
	const struct io *io = file->vfs->io;
	uint8_t *at = ret_data;
	size_t left = amount;
	while (left > 0 && file->fd >= 0) {
		ssize_t got = io->pread(io->context, file->fd, at, left, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return SQLITE_IOERR_READ;
		if (got == 0)
			break;
		at += got;
		left -= (size_t)got;
		offset += got;
	}
	memset(at, 0, left);
	return left > 0 ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

int vfs_write_bytes(const struct vfs_file *file, const void *data, size_t amount,
		    int64_t offset)
{
	if (vfs_refuses(file->vfs))
		return SQLITE_IOERR_WRITE;
	if (io_write_at(file->vfs->io, file->fd, data, amount, (uint64_t)offset) == 0)
		return SQLITE_OK;
	/* Nothing was promised yet: SQLite rolls back and later writes the place again.
	 */
	if (errno == ENOSPC || errno == EDQUOT)
		return SQLITE_FULL;
	return vfs_failed(file->vfs, SQLITE_IOERR_WRITE);
}
