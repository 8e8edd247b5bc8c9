#include "daemon/store/catalogue_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/bytes.h"

#define DATABASE_NAME "catalogue.db"
#define WAL_NAME DATABASE_NAME "-wal"
#define REWRITE_LEN 65536u

/* No room for an error here: what matters was reported where it failed. */
static void discard(struct catalogue **at)
{
	struct catalogue *catalogue = take_ptr(at);
	if (!catalogue)
		return;
	for (size_t i = 0; i < catalogue->cache_count; i++)
		(void)sqlite3_finalize(catalogue->cache[i].statement);
	claim(sqlite3_close(catalogue->database) == SQLITE_OK);
	vfs_unregister(catalogue->vfs);
	(void)pthread_mutex_destroy(&catalogue->mutex);
	free(catalogue->cache);
	free(catalogue->path);
	free(catalogue);
}

/* ---- the log of a process that ended badly --------------------------------------- */

/* Writes each byte of a file over itself and syncs. */
static int rewrite(const struct io *io, int fd)
{
	int64_t size = io->size(io->context, fd);
	if (size < 0)
		return -1;
	uint8_t *block AUTO_FREE = must_alloc(REWRITE_LEN);
	for (uint64_t at = 0; at < (uint64_t)size; at += REWRITE_LEN) {
		uint64_t left = (uint64_t)size - at;
		size_t len = left < REWRITE_LEN ? (size_t)left : REWRITE_LEN;
		if (io_read_at(io, fd, block, len, at) < 0 ||
		    io_write_at(io, fd, block, len, at) < 0)
			return -1;
	}
	return io->fdatasync(io->context, fd);
}

/*
 * After a failed sync the kernel takes pages for clean that never reached the disk, so
 * the checkpoint's own sync of the WAL would prove nothing, and a power cut in the middle
 * of that checkpoint would leave half of a transaction. Pages that were written again are
 * dirty again.
 */
static int rewrite_wal(const struct io *io, const char *directory, struct error *error)
{
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/" WAL_NAME, directory) > 0);
	int fd = io_open(io, AT_FDCWD, path, O_RDWR | O_NOFOLLOW, 0);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`", path);
	int result = rewrite(io, fd);
	int error_number = errno;
	if (io_close(io, fd) < 0 && result == 0) {
		result = -1;
		error_number = errno;
	}
	return result == 0
		       ? 0
		       : error_set_errno(error, ERR_LOCAL, error_number, "`%s`", path);
}

/* ---- opening --------------------------------------------------------------------- */

static int use_wal(struct catalogue *catalogue, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue, "PRAGMA journal_mode=WAL");
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 1 && strcmp(row_text(&query, 0), "wal") == 0)
		return 0;
	return error_set(error, ERR_INTERNAL, "`%s`: SQLite does not use a WAL",
			 catalogue->path);
}

/* locking_mode has to come first: there is no shared memory (vfs.h). */
static const char settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
			       "PRAGMA page_size=4096;"
			       "PRAGMA synchronous=FULL;"
			       "PRAGMA foreign_keys=ON;"
			       "PRAGMA trusted_schema=OFF;"
			       "PRAGMA cell_size_check=ON;"
			       "PRAGMA cache_spill=OFF;"
			       "PRAGMA temp_store=MEMORY;";

static int open_database(struct catalogue *catalogue, struct error *error)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_EXRESCODE;
	int code = sqlite3_open_v2(DATABASE_NAME, &catalogue->database, flags,
				   vfs_name(catalogue->vfs));
	if (code != SQLITE_OK)
		return catalogue_failure(catalogue, code, error);
	int result = catalogue_execute(catalogue, settings, error);
	if (result == 0)
		result = catalogue_reserve_sums(catalogue, error);
	if (result == 0)
		result = use_wal(catalogue, error);
	if (result == 0)
		result = catalogue_check_schema(catalogue, error);
	if (result == 0)
		result = catalogue_checkpoint(catalogue, error);
	return result == 0 ? catalogue_upgrade(catalogue, error) : result;
}

int catalogue_open(const struct io *io, const char *directory,
		   struct catalogue **ret_catalogue, struct error *error)
{
	int result = rewrite_wal(io, directory, error);
	if (result < 0)
		return result;
	struct catalogue *catalogue AUTO(discard) = must_calloc(1, sizeof *catalogue);
	claim(pthread_mutex_init(&catalogue->mutex, NULL) == 0);
	claim(asprintf(&catalogue->path, "%s/" DATABASE_NAME, directory) > 0);
	result = vfs_register(io, directory, &catalogue->vfs, error);
	if (result == 0)
		vfs_verify_pages(catalogue->vfs);
	if (result == 0)
		result = open_database(catalogue, error);
	if (result == 0)
		*ret_catalogue = take_ptr(&catalogue);
	return result;
}

int catalogue_close(struct catalogue *catalogue, struct error *error)
{
	struct catalogue *closing AUTO(discard) = catalogue;
	return closing ? catalogue_checkpoint(closing, error) : 0;
}

const char *catalogue_not_upgraded(const struct catalogue *catalogue)
{
	return catalogue->not_upgraded.code ? catalogue->not_upgraded.text : NULL;
}

bool catalogue_is_read_only(struct catalogue *catalogue)
{
	return vfs_has_failed(catalogue->vfs);
}
