#include "daemon/store/database/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/database/vfs_internal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* As SQLite's own VFS for Unix says of a device that it does not know. */
#define SECTOR_LEN 4096

static struct vfs_file *file_of(sqlite3_file *file)
{
	return (struct vfs_file *)(void *)file;
}

static struct vfs *vfs_of(sqlite3_vfs *base)
{
	return base->pAppData;
}

/* ---- files ----------------------------------------------------------------------- */

static int file_close(sqlite3_file *base)
{
	struct vfs_file *file = file_of(base);
	if (file->fd >= 0 && io_close(file->vfs->io, take_fd(&file->fd)) < 0)
		return vfs_failed(file->vfs, SQLITE_IOERR_CLOSE);
	return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *ret_data, int amount, sqlite3_int64 offset)
{
	struct vfs_file *file = file_of(base);
	switch (file->kind) {
	case FILE_DATABASE:
		return vfs_read_database(file, ret_data, (size_t)amount, offset);
	case FILE_LOG:
		return vfs_read_log(file, ret_data, (size_t)amount, offset);
	default:
		return vfs_read_bytes(file, ret_data, (size_t)amount, offset);
	}
}

static int file_write(sqlite3_file *base, const void *data, int amount,
		      sqlite3_int64 offset)
{
	struct vfs_file *file = file_of(base);
	switch (file->kind) {
	case FILE_DATABASE:
		return vfs_write_database(file, data, (size_t)amount, offset);
	case FILE_LOG:
		return vfs_write_log(file, data, (size_t)amount, offset);
	default:
		return vfs_write_bytes(file, data, (size_t)amount, offset);
	}
}

/* ---- the rest of a file ------------------------------------------------------------ */

static int file_truncate(sqlite3_file *base, sqlite3_int64 len)
{
	struct vfs_file *file = file_of(base);
	const struct io *io = file->vfs->io;
	if (vfs_refuses(file->vfs))
		return SQLITE_IOERR_TRUNCATE;
	if (io->ftruncate(io->context, file->fd, len) < 0)
		return vfs_failed(file->vfs, SQLITE_IOERR_TRUNCATE);
	return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags)
{
	/* Whatever the flags: fdatasync syncs the length too, the only metadata that is
	 * read. */
	(void)flags;
	struct vfs_file *file = file_of(base);
	struct vfs *vfs = file->vfs;
	const struct io *io = vfs->io;
	if (vfs_refuses(vfs))
		return SQLITE_IOERR_FSYNC;
	if (io->fdatasync(io->context, file->fd) < 0)
		return vfs_failed(vfs, SQLITE_IOERR_FSYNC);
	if (file->name_synced)
		return SQLITE_OK;
	if (io->fsync(io->context, vfs->dir_fd) < 0)
		return vfs_failed(vfs, SQLITE_IOERR_DIR_FSYNC);
	file->name_synced = true;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
	const struct vfs_file *file = file_of(base);
	const struct io *io = file->vfs->io;
	int64_t size = file->fd < 0 ? 0 : io->size(io->context, file->fd);
	if (size < 0)
		return SQLITE_IOERR_FSTAT;
	*ret_size = size;
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level)
{
	(void)base;
	(void)level;
	return SQLITE_OK;
}

static int file_check_reserved_lock(sqlite3_file *base, int *ret_reserved)
{
	(void)base;
	*ret_reserved = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument)
{
	(void)base;
	(void)operation;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
	(void)base;
	return SECTOR_LEN;
}

static int file_device_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Version 1: no shared memory, no memory maps. */
static const sqlite3_io_methods file_methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_lock,
	.xCheckReservedLock = file_check_reserved_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_device_characteristics,
};

/* ---- names ----------------------------------------------------------------------- */

static int open_flags(const struct vfs *vfs, int flags)
{
	if (vfs->frozen)
		return O_RDONLY | O_NOFOLLOW;
	int result = flags & SQLITE_OPEN_READWRITE ? O_RDWR : O_RDONLY;
	if (flags & SQLITE_OPEN_CREATE)
		result |= O_CREAT;
	if (flags & SQLITE_OPEN_EXCLUSIVE)
		result |= O_EXCL;
	return result | O_NOFOLLOW;
}

static enum file_kind kind_of(const struct vfs *vfs, int flags)
{
	if (!vfs->verifies)
		return FILE_PLAIN;
	if (flags & SQLITE_OPEN_MAIN_DB)
		return FILE_DATABASE;
	return flags & SQLITE_OPEN_WAL ? FILE_LOG : FILE_PLAIN;
}

static int name_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *ret_file,
		     int flags, int *ret_flags)
{
	struct vfs *vfs = vfs_of(base);
	struct vfs_file *file = file_of(ret_file);
	*file = (struct vfs_file){.fd = -1};
	if (!name)
		return SQLITE_CANTOPEN;
	int fd = io_open(vfs->io, vfs->dir_fd, name, open_flags(vfs, flags), 0600);
	bool is_empty_log = vfs->frozen && flags & SQLITE_OPEN_WAL && errno == ENOENT;
	if (fd < 0 && !is_empty_log)
		return SQLITE_CANTOPEN;
	*file = (struct vfs_file){
		.base.pMethods = &file_methods,
		.vfs = vfs,
		.fd = fd,
		.kind = kind_of(vfs, flags),
		.name_synced = !(flags & SQLITE_OPEN_CREATE),
	};
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int name_delete(sqlite3_vfs *base, const char *name, int sync_dir)
{
	struct vfs *vfs = vfs_of(base);
	if (vfs_refuses(vfs))
		return SQLITE_IOERR_DELETE;
	if (vfs->io->unlink(vfs->io->context, vfs->dir_fd, name) < 0)
		return errno == ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
	if (sync_dir && vfs->io->fsync(vfs->io->context, vfs->dir_fd) < 0)
		return vfs_failed(vfs, SQLITE_IOERR_DIR_FSYNC);
	return SQLITE_OK;
}

/* As in SQLite's own VFS, an empty file does not exist: it takes an empty journal for
 * none.
 */
static int name_access(sqlite3_vfs *base, const char *name, int flags, int *ret_truth)
{
	const struct vfs *vfs = vfs_of(base);
	*ret_truth = 0;
	int mode = flags == SQLITE_ACCESS_READWRITE ? O_RDWR : O_RDONLY;
	int fd = io_open(vfs->io, vfs->dir_fd, name, mode | O_NOFOLLOW, 0);
	if (fd < 0)
		return errno == ENOENT ||
				       (errno == EACCES && flags != SQLITE_ACCESS_EXISTS)
			       ? SQLITE_OK
			       : SQLITE_IOERR_ACCESS;
	int64_t size = vfs->io->size(vfs->io->context, fd);
	(void)io_close(vfs->io, fd);
	if (size < 0)
		return SQLITE_IOERR_ACCESS;
	*ret_truth = flags != SQLITE_ACCESS_EXISTS || size > 0;
	return SQLITE_OK;
}

static int name_full(sqlite3_vfs *base, const char *name, int room, char *ret_name)
{
	(void)base;
	size_t len = strlen(name);
	if (strchr(name, '/') || len >= (size_t)room)
		return SQLITE_CANTOPEN;
	memcpy(ret_name, name, len + 1);
	return SQLITE_OK;
}

/* ---- what has nothing to do with files ------------------------------------------- */

static sqlite3_vfs *default_vfs(void)
{
	return sqlite3_vfs_find(NULL);
}

static int vfs_randomness(sqlite3_vfs *base, int len, char *ret_bytes)
{
	(void)base;
	return default_vfs()->xRandomness(default_vfs(), len, ret_bytes);
}

static int vfs_sleep(sqlite3_vfs *base, int microseconds)
{
	(void)base;
	return default_vfs()->xSleep(default_vfs(), microseconds);
}

static int vfs_time(sqlite3_vfs *base, double *ret_days)
{
	(void)base;
	return default_vfs()->xCurrentTime(default_vfs(), ret_days);
}

static int vfs_time_ms(sqlite3_vfs *base, sqlite3_int64 *ret_ms)
{
	(void)base;
	return default_vfs()->xCurrentTimeInt64(default_vfs(), ret_ms);
}

static int vfs_last_error(sqlite3_vfs *base, int room, char *ret_text)
{
	(void)base;
	(void)room;
	(void)ret_text;
	return errno;
}

/* ---- the VFS itself -------------------------------------------------------------- */

static void describe(struct vfs *vfs)
{
	static atomic_uint last;
	(void)snprintf(vfs->name, sizeof(vfs->name), "baton-%u",
		       atomic_fetch_add(&last, 1) + 1);
	vfs->base = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = sizeof(struct vfs_file),
		.mxPathname = COMPONENT_LEN_MAX,
		.zName = vfs->name,
		.pAppData = vfs,
		.xOpen = name_open,
		.xDelete = name_delete,
		.xAccess = name_access,
		.xFullPathname = name_full,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
		.xCurrentTimeInt64 = vfs_time_ms,
	};
}

int vfs_register(const struct io *io, const char *directory, struct vfs **ret_vfs,
		 struct error *error)
{
	int dir_fd = io_open(io, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
	if (dir_fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`", directory);
	/* To count its memory SQLite takes one lock for each allocation of any thread,
	 * and nobody asks for the figure. Once SQLite is in use this call is refused,
	 * which does no harm. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	struct vfs *vfs = must_calloc(1, sizeof(*vfs));
	vfs->io = io;
	vfs->dir_fd = dir_fd;
	describe(vfs);
	if (sqlite3_vfs_register(&vfs->base, 0) == SQLITE_OK) {
		*ret_vfs = vfs;
		return 0;
	}
	(void)io_close(io, dir_fd);
	free(vfs);
	return error_set(error, ERR_INTERNAL, "`%s`: SQLite takes no further file system",
			 directory);
}

void vfs_unregister(struct vfs *vfs)
{
	if (!vfs)
		return;
	(void)sqlite3_vfs_unregister(&vfs->base);
	(void)io_close(vfs->io, vfs->dir_fd);
	free(vfs);
}

const char *vfs_name(const struct vfs *vfs)
{
	return vfs->name;
}

void vfs_freeze(struct vfs *vfs)
{
	vfs->frozen = true;
}

bool vfs_has_failed(const struct vfs *vfs)
{
	return atomic_load(&vfs->failed);
}
