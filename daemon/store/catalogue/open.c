#include "daemon/store/catalogue/ends.h"
#include "daemon/store/catalogue/internal.h"
#include "daemon/store/database/page_sum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/bytes.h"

#define DATABASE_NAME "catalogue.db"
#define WAL_NAME DATABASE_NAME "-wal"
#define REWRITE_LEN 65536u

/* Nothing is reported here: what matters was reported where it failed. */
static void discard(struct catalogue **at)
{
	struct catalogue *catalogue = take_ptr(at);
	if (!catalogue)
		return;
	database_free(catalogue->database);
	stamp_close(&catalogue->stamp);
	accounts_fini(&catalogue->layers);
	(void)pthread_mutex_destroy(&catalogue->mutex);
	free(catalogue->reserved);
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
 * After a failed sync the kernel takes pages for clean that never reached the disk. The
 * checkpoint's own sync of the WAL would then prove nothing, and a power cut in the
 * middle of the checkpoint would leave half of a transaction. So each page is written
 * again, which makes it dirty again, and then synced.
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
		query_of(catalogue->database, "PRAGMA journal_mode=WAL");
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 1 && strcmp(row_text(&query, 0), "wal") == 0)
		return 0;
	return error_set(error, ERR_INTERNAL, "`%s`: SQLite does not use a WAL",
			 database_path(catalogue->database));
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

/* ERR_NO_ROOM is kept for catalogue_unfinished(), and no error: the log is synced, and
 * SQLite reads from it what was not checkpointed. */
static int put_off(struct catalogue *catalogue, int result, const struct error *error)
{
	if (result != ERR_NO_ROOM)
		return result;
	if (catalogue->unfinished.code == 0)
		catalogue->unfinished = *error;
	return 0;
}

static int open_database(struct catalogue *catalogue, struct error *error)
{
	int result = database_open(catalogue->database, DATABASE_NAME, catalogue->frozen,
				   error);
	if (result == 0)
		result = database_execute(catalogue->database, settings, error);
	if (result == 0)
		result = database_reserve(catalogue->database, PAGE_SUM_LEN, error);
	/* The mode of a frozen one is not changed: SQLite uses a log that lies there. */
	if (result == 0 && !catalogue->frozen)
		result = use_wal(catalogue, error);
	if (result == 0)
		result = catalogue_check_schema(catalogue, error);
	if (result == 0 && !catalogue->frozen)
		result = put_off(catalogue,
				 database_checkpoint(catalogue->database, error), error);
	if (result == 0 && !catalogue->frozen)
		result = catalogue_add_sums(catalogue, error);
	return result;
}

/* ---- which catalogue, and how far it has come ------------------------------------- */

static int read_mark(struct catalogue *catalogue, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT (SELECT value FROM settings WHERE name ="
				     " 'store'), (SELECT value FROM settings WHERE name ="
				     " 'commits')");
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	catalogue->store = (uint64_t)row_number(&query, 0);
	atomic_store(&catalogue->commits, (uint64_t)row_number(&query, 1));
	return 0;
}

/* A catalogue gets its name when it is opened to write for the first time. */
static int name_store(struct catalogue *catalogue, struct error *error)
{
	if (catalogue->store != 0)
		return 0;
	int64_t name = 0;
	database_random(&name, sizeof(name));
	name = (name & INT64_MAX) | 1;
	int result = catalogue_set_setting(catalogue, "store", name, error);
	if (result == 0)
		catalogue->store = (uint64_t)name;
	return result;
}

/* What fails is ignored: a store without a stamp works, and only notices less (stamp.h).
 */
static void open_stamp(struct catalogue *catalogue, const struct io *io,
		       const char *directory)
{
	struct error ignored;
	struct stamp_mark mark = catalogue_mark(catalogue);
	int fd = io_open(io, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return;
	(void)stamp_open(io, fd, &mark, &catalogue->stamp, &ignored);
	(void)io_close(io, fd);
}

struct stamp_mark catalogue_mark(struct catalogue *catalogue)
{
	return (struct stamp_mark){catalogue->store, atomic_load(&catalogue->commits)};
}

uint64_t catalogue_log_commits(const struct catalogue *catalogue)
{
	return catalogue->log_commits;
}

/* ---- the whole -------------------------------------------------------------------- */

static int make_database(struct catalogue *catalogue, const struct io *io,
			 const char *directory, struct error *error)
{
	int result = vfs_register(io, directory, &catalogue->vfs, error);
	if (result < 0)
		return result;
	if (catalogue->frozen)
		vfs_freeze(catalogue->vfs);
	vfs_verify_pages(catalogue->vfs);
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/" DATABASE_NAME, directory) > 0);
	catalogue->database = database_new(catalogue->vfs, path);
	return 0;
}

static int open_any(const struct io *io, const char *directory, bool frozen,
		    struct catalogue **ret_catalogue, struct error *error)
{
	struct catalogue *catalogue AUTO(discard) = must_calloc(1, sizeof(*catalogue));
	claim(pthread_mutex_init(&catalogue->mutex, NULL) == 0);
	catalogue->io = io;
	catalogue->frozen = frozen;
	catalogue->stamp.fd = -1;
	int result = make_database(catalogue, io, directory, error);
	if (result == 0)
		result = open_database(catalogue, error);
	if (result == 0)
		result = read_mark(catalogue, error);
	if (result == 0)
		lifetime_open(catalogue);
	if (result == 0)
		*ret_catalogue = take_ptr(&catalogue);
	return result;
}

int catalogue_open(const struct io *io, const char *directory,
		   struct catalogue **ret_catalogue, struct error *error)
{
	struct catalogue *catalogue AUTO(discard) = NULL;
	int result = rewrite_wal(io, directory, error);
	if (result == 0)
		result = open_any(io, directory, false, &catalogue, error);
	if (result == 0)
		result = put_off(catalogue, name_store(catalogue, error), error);
	if (result < 0)
		return result;
	open_stamp(catalogue, io, directory);
	*ret_catalogue = take_ptr(&catalogue);
	return 0;
}

int catalogue_open_to_read(const struct io *io, const char *directory,
			   struct catalogue **ret_catalogue, struct error *error)
{
	struct catalogue *catalogue AUTO(discard) = NULL;
	int result = open_any(io, directory, true, &catalogue, error);
	if (result == 0)
		result = catalogue_check_ends(catalogue, io, error);
	if (result < 0)
		return result;
	(void)error_set(&catalogue->refusal, ERR_READ_ONLY, "`%s`: opened for reading",
			database_path(catalogue->database));
	*ret_catalogue = take_ptr(&catalogue);
	return 0;
}

void catalogue_refuse_changes(struct catalogue *catalogue, const struct error *refusal)
{
	catalogue->refusal = *refusal;
}

int catalogue_close(struct catalogue *catalogue, struct error *error)
{
	struct catalogue *closing AUTO(discard) = catalogue;
	int result = closing && !closing->frozen
			     ? database_checkpoint(closing->database, error)
			     : 0;
	return result == ERR_NO_ROOM ? 0 : result;
}

const char *catalogue_unfinished(const struct catalogue *catalogue)
{
	return catalogue->unfinished.code ? catalogue->unfinished.text : NULL;
}

bool catalogue_is_read_only(struct catalogue *catalogue)
{
	return vfs_has_failed(catalogue->vfs);
}
