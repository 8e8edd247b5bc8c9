#include "daemon/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/disk/tickets.h"
#include "daemon/store/foreign.h"
#include "daemon/store/forgotten.h"
#include "daemon/store/index/index.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/recovery.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define SEGMENT_LEN (128u * 1024u * 1024u)

uint64_t store_enter(struct store *store)
{
	return tickets_take(store->tickets);
}

void store_leave(struct store *store, uint64_t ticket)
{
	tickets_return(store->tickets, ticket);
}

void store_await_index(struct store *store)
{
	index_rebuild_wait(store->rebuild);
}

struct catalogue *store_catalogue(struct store *store)
{
	return store->catalogue;
}

bool store_is_read_only(struct store *store)
{
	return health_is_failed(&store->health);
}

const struct error *store_refusal(const struct store *store)
{
	return &store->health.refusal;
}

int store_not_found(const struct store *store, struct error *error)
{
	const struct error *refusal = &store->health.refusal;
	struct error found = *error;
	if (found.code != ERR_NOT_FOUND || refusal->code != ERR_DAMAGED)
		return found.code;
	return error_set(error, ERR_DAMAGED, "%s; %s", found.text, refusal->text);
}

/* ---- opening ------------------------------------------------------------------ */

/* errno says why; below the data directory that is named, too. */
static int cannot(const struct store *store, const char *path, const char *what,
		  struct error *error)
{
	bool is_below = path != store->directory;
	const char *slash = is_below ? "/" : "";
	const char *help =
		errno == EACCES
			? "; run batond as the user whom it belongs to, or name another "
			  "data directory with --data"
			: "";
	return error_set(error, ERR_LOCAL, "`%s%s%s`: %s: %s%s", store->directory, slash,
			 is_below ? path : "", what, strerror(errno), help);
}

static int open_directory(const struct store *store, int at_fd, const char *path,
			  int *ret_fd, struct error *error)
{
	*ret_fd = io_open(store->io, at_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (*ret_fd >= 0)
		return 0;
	return cannot(store, path, "cannot be opened", error);
}

/* Whoever can write there can change what is served, and what is believed of tokens. */
static int check_writers(const struct store *store, struct error *error)
{
	struct stat stat;
	if (fstat(store->directory_fd, &stat) < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "`%s`: cannot be looked at", store->directory);
	if ((stat.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	return error_set(
		error, ERR_DENIED,
		"`%s`: others than its owner can write to it (mode %04o); `chmod "
		"go-w` it before a daemon keeps anything there",
		store->directory, (unsigned)(stat.st_mode & 07777));
}

static int make_directory(const struct store *store, int at_fd, const char *path,
			  int *ret_fd, struct error *error)
{
	if (mkdirat(at_fd, path, 0700) < 0 && errno != EEXIST)
		return cannot(store, path, "cannot be created", error);
	return open_directory(store, at_fd, path, ret_fd, error);
}

/* Makes the name of a directory durable. */
static bool sync_name(const struct store *store, int directory_fd)
{
	int parent = io_open(store->io, directory_fd, "..", O_RDONLY | O_DIRECTORY, 0);
	/* A parent that may not be read was not made by us. */
	if (parent < 0)
		return errno == EACCES;
	bool synced = store->io->fsync(store->io->context, parent) == 0;
	(void)io_close(store->io, parent);
	return synced;
}

static int make_parent(const struct store *store, const char *path, struct error *error)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0
				       : error_set_errno(error, ERR_LOCAL, errno,
							 "`%s`: cannot be created", path);
	int fd = io_open(store->io, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	bool synced = fd >= 0 && sync_name(store, fd);
	int number = errno;
	if (fd >= 0)
		(void)io_close(store->io, fd);
	return synced ? 0
		      : error_set_errno(error, ERR_LOCAL, number,
					"`%s`: cannot be synced", path);
}

/* What of the directories above the store's is not there. */
static int make_parents(const struct store *store, struct error *error)
{
	char *path AUTO_FREE = must_strdup(store->directory);
	int err = 0;
	for (char *slash = path; !err && (slash = strchr(slash + 1, '/')); *slash = '/') {
		*slash = '\0';
		err = make_parent(store, path, error);
	}
	return err;
}

/* The two directories; their names are durable before anything is in them. */
static int open_directories(struct store *store, struct error *error)
{
	int err = make_parents(store, error);
	if (!err)
		err = make_directory(store, AT_FDCWD, store->directory,
				     &store->directory_fd, error);
	if (!err)
		err = check_writers(store, error);
	if (!err)
		err = foreign_check(store->directory_fd, store->directory, error);
	if (!err)
		err = make_directory(store, store->directory_fd, "segments",
				     &store->segments_fd, error);
	if (err)
		return err;
	if (store->io->fsync(store->io->context, store->directory_fd) == 0 &&
	    sync_name(store, store->directory_fd))
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be synced",
			       store->directory);
}

static int open_directories_to_read(struct store *store, struct error *error)
{
	int err = open_directory(store, AT_FDCWD, store->directory, &store->directory_fd,
				 error);
	if (err)
		return err;
	return open_directory(store, store->directory_fd, "segments", &store->segments_fd,
			      error);
}

static int open_index(struct store *store, struct error *error)
{
	bool clean = false;
	bool empty = true;
	int err = recovery_take_clean_mark(store, &clean, error);
	if (atomic_exchange(&store->lost_copies, false))
		clean = false;
	if (!err)
		err = index_open(store->io, store->directory, clean, &store->units,
				 &empty, error);
	char fault[ERROR_TEXT_SIZE];
	if (!err && index_is_broken(store->units, fault, sizeof(fault)))
		health_note(&store->health, "%s; nothing is reused until the next start",
			    fault);
	if (err || !empty)
		return err;
	size_t count;
	free(segment_table_rows(store->segments, &count));
	if (count == 0)
		return 0;
	health_note(&store->health,
		    "the unit index is rebuilt from %zu segments; until then less "
		    "is reused",
		    count);
	return index_rebuild_start(store, &store->rebuild, error);
}

/* Opens the catalogue as it lies there and asks whether it has forgotten anything. */
static int look(struct store *store, struct survey *survey, struct error *error)
{
	int err = catalogue_open_to_read(store->io, store->directory, &store->catalogue,
					 error);
	if (err)
		return err;
	store->frozen = true;
	err = survey_take(store, survey, error);
	if (err)
		return err;
	forgotten_look(store, survey, &store->health.refusal);
	if (store->health.refusal.code)
		catalogue_refuse_changes(store->catalogue, &store->health.refusal);
	return 0;
}

/* Where there is no room even for writing the log over itself it is only read, until the
 * next start. */
static int stay_frozen(struct store *store, struct error *error)
{
	(void)error_set(&store->health.refusal, ERR_NO_ROOM,
			"%s; nothing is changed until batond is started with room on the "
			"disk",
			error->text);
	int err = catalogue_open_to_read(store->io, store->directory, &store->catalogue,
					 error);
	if (!err)
		catalogue_refuse_changes(store->catalogue, &store->health.refusal);
	return err;
}

static int thaw(struct store *store, struct error *error)
{
	int err = catalogue_close(take_ptr(&store->catalogue), error);
	if (!err)
		err = recovery_raise_format(store, error);
	if (!err)
		err = catalogue_open(store->io, store->directory, &store->catalogue,
				     error);
	if (err == ERR_NO_ROOM)
		return stay_frozen(store, error);
	store->frozen = false;
	return err;
}

/* Where nothing can say more than the catalogue. */
static int open_alone(struct store *store, struct survey *survey, struct error *error)
{
	int err = recovery_raise_format(store, error);
	if (!err)
		err = catalogue_open(store->io, store->directory, &store->catalogue,
				     error);
	return err ? err : survey_take(store, survey, error);
}

/* Nothing of the catalogue is changed before it is known to be whole. One that was not
 * there before cannot have forgotten, and may have to be made. */
static int open_catalogue(struct store *store, struct survey *survey, struct error *error)
{
	int witness = store->reads_only ? 1 : recovery_has_witness(store, error);
	if (witness < 0)
		return witness;
	int err = witness ? look(store, survey, error) : open_alone(store, survey, error);
	if (!err && store->frozen && !store->reads_only && !store->health.refusal.code)
		err = thaw(store, error);
	return err;
}

static int open_parts(struct store *store, bool may_mark, struct error *error)
{
	bool reads_only = store->reads_only;
	int err = reads_only ? open_directories_to_read(store, error)
			     : open_directories(store, error);
	if (!err)
		err = reads_only ? recovery_lock_to_read(store, may_mark, error)
				 : recovery_lock(store, error);
	if (!err)
		err = recovery_check_format(store, error);
	struct survey survey AUTO(survey_fini) = {0};
	if (!err)
		err = open_catalogue(store, &survey, error);
	if (err)
		return err;
	const char *unfinished = catalogue_unfinished(store->catalogue);
	if (unfinished)
		health_note(&store->health, "%s", unfinished);
	store->segments = segment_table_new(store->io, store->segments_fd);
	err = damage_open(store->io, store->directory_fd, &store->damage, error);
	if (!err)
		err = recovery_segments(store, &survey, error);
	/* It serves reuse only, and is not looked at where nothing can be added. */
	return err || store->frozen ? err : open_index(store, error);
}

/* ---- closing ------------------------------------------------------------------ */

static void keep_first(int *err, struct error *error, int other,
		       struct error *other_error)
{
	if (*err || !other)
		return;
	*err = other;
	*error = *other_error;
}

static void close_fd(const struct store *store, int fd)
{
	if (fd >= 0)
		(void)io_close(store->io, fd);
}

/* Without room for it the index is rebuilt at the next start: nothing is lost. */
static int put_clean_mark(struct store *store, struct error *error)
{
	int err = recovery_put_clean_mark(store, error);
	if (err == ERR_NO_ROOM)
		health_note(&store->health, "%s; the unit index will be rebuilt",
			    error->text);
	return err == ERR_NO_ROOM ? 0 : err;
}

/* Closes index, segments, catalogue, in that order, with the clean mark between where all
 * went well. */
static int close_parts(struct store *store, bool mark, struct error *error)
{
	bool indexed = index_rebuild_stop(store->rebuild) && store->units &&
		       !atomic_load(&store->lost_copies);
	bool sound = store->catalogue && !store_is_read_only(store);
	struct error other = {0};
	int err = 0;
	int closed = store->units ? index_close(store->units, &other) : 0;
	if (closed)
		health_note(&store->health, "%s; it will be rebuilt", other.text);
	if (segment_table_free(take_ptr(&store->segments)) != 0)
		sound = false;
	if (mark && sound && indexed && !closed)
		keep_first(&err, error, put_clean_mark(store, &other), &other);
	if (store->catalogue)
		keep_first(&err, error, catalogue_close(store->catalogue, &other),
			   &other);
	return err;
}

static int close_store(struct store *store, bool mark, struct error *error)
{
	int err = close_parts(store, mark, error);
	close_fd(store, store->segments_fd);
	close_fd(store, store->directory_fd);
	close_fd(store, store->lock_fd);
	damage_free(store->damage);
	tickets_free(store->tickets);
	free(store->directory);
	free(store);
	return err;
}

static bool catalogue_failed(void *context)
{
	const struct store *store = context;
	return catalogue_is_read_only(store->catalogue);
}

static int close_errno(void *context)
{
	const struct store *store = context;
	return store->segments ? segment_table_close_errno(store->segments) : 0;
}

static struct health health_of(struct store *store, const struct store_options *options)
{
	return (struct health){
		.catalogue_failed = catalogue_failed,
		.close_errno = close_errno,
		.store = store,
		.on_failure = options->on_failure,
		.on_note = options->on_note,
		.context = options->context,
	};
}

int store_open(const struct store_options *options, struct store **ret_store,
	       struct error *error)
{
	struct store *store = must_calloc(1, sizeof(*store));
	store->io = options->io ? options->io : &io_system;
	store->directory = must_strdup(options->directory);
	store->segment_len = options->segment_len ? options->segment_len : SEGMENT_LEN;
	store->reads_only = options->reads_only;
	store->health = health_of(store, options);
	store->tickets = tickets_new();
	store->directory_fd = store->segments_fd = store->lock_fd = -1;
	int err = open_parts(store, options->may_mark, error);
	if (err) {
		struct error ignored;
		(void)close_store(store, false, &ignored);
		return err;
	}
	*ret_store = store;
	return 0;
}

int store_close(struct store *store, struct error *error)
{
	return store ? close_store(store, true, error) : 0;
}

size_t store_ancestry(const struct store *store, uint64_t *ret_numbers, size_t room)
{
	int fd AUTO_FD = openat(store->directory_fd, ".", O_PATH | O_CLOEXEC);
	size_t count = 0;
	struct stat status;
	while (count + 2 <= room && fd >= 0 && fstat(fd, &status) == 0) {
		if (count > 0 && ret_numbers[count - 2] == status.st_dev &&
		    ret_numbers[count - 1] == status.st_ino)
			break;
		ret_numbers[count++] = status.st_dev;
		ret_numbers[count++] = status.st_ino;
		int above = openat(fd, "..", O_PATH | O_CLOEXEC);
		(void)close(fd);
		fd = above;
	}
	return count;
}

/* ---- figures ------------------------------------------------------------------ */

uint64_t store_damaged_frames(struct store *store)
{
	return damage_count(store->damage);
}

int store_figures(struct store *store, struct store_figures *ret_figures,
		  struct error *error)
{
	struct store_figures figures = {
		.units_indexed = store->units ? index_count(store->units) : 0,
		.index_ready = index_rebuild_is_done(store->rebuild),
		.read_only = store_is_read_only(store),
	};
	int err = catalogue_figures(store->catalogue, &figures.catalogue, error);
	if (err)
		return err;
	figures.stored_bytes = figures.catalogue.vouched_bytes;
	struct statvfs system;
	if (fstatvfs(store->directory_fd, &system) < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be asked",
				       store->directory);
	figures.free_bytes = (uint64_t)system.f_bavail * system.f_frsize;
	*ret_figures = figures;
	return 0;
}
