#include "daemon/backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/backup/files.h"
#include "daemon/backup/snapshot.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/table.h"
#include "daemon/store/store.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Where the next catalogue is made. */
#define NEXT "next"
/* A segment that is moved between the catalogue's copy and its own is looked for in
 * another copy of the catalogue, so many times. */
#define TRIES_MAX 16u

struct backup {
	struct store *store;                  /* borrowed */
	const struct backup_options *options; /* borrowed */
	struct files files;
	char *next;               /* owned; path of NEXT */
	struct segment_row *last; /* owned; of the last copy */
	size_t last_count;
	struct segment_row *rows; /* owned; of this one */
	size_t row_count;
	bool moved; /* a segment is not where the rows say */
	struct backup_figures figures;
};

static void backup_fini(struct backup *backup)
{
	files_fini(&backup->files);
	free(backup->next);
	free(backup->last);
	free(backup->rows);
}

/* ---- the directory ---------------------------------------------------------------- */

static int check_format(struct backup *backup, struct error *error)
{
	struct stamp_mark mark = catalogue_mark(backup->store->catalogue);
	char wanted[BACKUP_FORMAT_ROOM], text[BACKUP_FORMAT_ROOM];
	(void)snprintf(wanted, sizeof(wanted), BACKUP_FORMAT "%016" PRIx64 "\n",
		       mark.store);
	int len = files_read(&backup->files, "format", text, sizeof(text), error);
	if (len < 0)
		return len;
	if (len == 0 && files_are_none(&backup->files))
		return files_write(&backup->files, "format", wanted, error);
	if (strcmp(text, wanted) == 0)
		return 0;
	bool other = strncmp(text, BACKUP_FORMAT, strlen(BACKUP_FORMAT)) == 0;
	return error_set(error, ERR_DENIED,
			 "`%s`: %s; name an empty directory, or one that holds backups "
			 "of this store",
			 backup->files.path,
			 other ? "holds a backup of another store"
			       : "holds something that is no backup");
}

/* What the last copy vouches for is on the disk, synced: it need not be copied again. A
 * last copy that cannot be read is none. */
static void read_last(struct backup *backup)
{
	struct error ignored;
	uint64_t layers;
	if (files_has(&backup->files, "catalogue.db") &&
	    files_rows(backup->files.io, backup->files.path, &backup->last,
		       &backup->last_count, &layers, &ignored) < 0)
		backup->last_count = 0;
}

static int open_directory(struct backup *backup, struct error *error)
{
	int err = files_open(&backup->files, true, error);
	if (!err)
		err = check_format(backup, error);
	if (!err)
		err = files_open_segments(&backup->files, true, error);
	if (err)
		return err;
	claim(asprintf(&backup->next, "%s/" NEXT, backup->files.path) > 0);
	read_last(backup);
	return 0;
}

/* ---- the catalogue ---------------------------------------------------------------- */

static int take_snapshot(struct backup *backup, struct error *error)
{
	struct files *files = &backup->files;
	if (mkdirat(files->fd, NEXT, 0700) < 0 && errno != EEXIST)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be created",
				       backup->next);
	(void)files->io->unlink(files->io->context, files->fd, NEXT "/catalogue.db");
	int err = snapshot_take(backup->store->catalogue, files->io, backup->next, error);
	free(take_ptr(&backup->rows));
	if (!err)
		err = files_rows(files->io, backup->next, &backup->rows,
				 &backup->row_count, &backup->figures.layers, error);
	return err;
}

/* ---- segments --------------------------------------------------------------------- */

/* Bytes that the last copy has of it for sure. */
static uint64_t copied_before(const struct backup *backup, const struct segment_row *row)
{
	int64_t len = files_len(&backup->files, backup->files.segments_fd, row->location);
	for (size_t i = 0; i < backup->last_count; i++) {
		const struct segment_row *last = &backup->last[i];
		if (strcmp(last->location, row->location) == 0 && len > 0 &&
		    (uint64_t)len >= segment_row_len(last))
			return segment_row_len(last);
	}
	return 0;
}

static int copy_pinned(struct backup *backup, const struct segment_row *row,
		       const struct segment *segment, uint64_t from, struct error *error)
{
	if (strcmp(segment->location, row->location) != 0) {
		backup->moved = true;
		return 0;
	}
	int err = files_copy(&backup->files, backup->files.segments_fd, row->location,
			     segment_fd(segment), from, segment_row_len(row), error);
	if (!err)
		backup->figures.copied_bytes += segment_row_len(row) - from;
	return err;
}

static int copy_segment(struct backup *backup, const struct segment_row *row,
			struct error *error)
{
	const struct backup_options *options = backup->options;
	uint64_t from = copied_before(backup, row);
	backup->figures.segments++;
	if (options->should_stop && options->should_stop(options->context))
		return error_set(error, ERR_INTERRUPTED, "the backup was interrupted");
	if (from >= segment_row_len(row) && row->vouched > 0) {
		backup->figures.unchanged++;
		return 0;
	}
	struct segment *segment;
	struct error missing;
	if (segment_table_pin(backup->store->segments, &row->id, &segment, &missing) <
	    0) {
		backup->figures.missing++;
		return 0;
	}
	int err = copy_pinned(backup, row, segment, from, error);
	segment_table_unpin(backup->store->segments, segment);
	return err;
}

/* One try: the catalogue, then what it names. */
static int copy_all(struct backup *backup, struct error *error)
{
	uint64_t copied = backup->figures.copied_bytes;
	backup->figures = (struct backup_figures){.copied_bytes = copied};
	backup->moved = false;
	int err = take_snapshot(backup, error);
	for (size_t i = 0; !err && !backup->moved && i < backup->row_count; i++)
		err = copy_segment(backup, &backup->rows[i], error);
	return err;
}

/* ---- the end ---------------------------------------------------------------------- */

static int exchange(struct backup *backup, struct error *error)
{
	const struct files *files = &backup->files;
	int err = files_sync(files, files->segments_fd, error);
	if (err)
		return err;
	if (files->io->rename(files->io->context, files->fd, NEXT "/catalogue.db",
			      "catalogue.db") < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "`%s/catalogue.db`: cannot be replaced",
				       files->path);
	return files_sync(files, files->fd, error);
}

static bool is_named(const struct backup *backup, const char *name)
{
	for (size_t i = 0; i < backup->row_count; i++)
		if (strcmp(backup->rows[i].location, name) == 0)
			return true;
	return false;
}

/* What only earlier copies named. It may stay where it cannot go. */
static void remove_stale(const struct backup *backup)
{
	const struct files *files = &backup->files;
	int fd = openat(files->segments_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !is_named(backup, entry->d_name))
			(void)files->io->unlink(files->io->context, files->segments_fd,
						entry->d_name);
	(void)unlinkat(files->fd, NEXT, AT_REMOVEDIR);
}

static int run(struct backup *backup, struct error *error)
{
	int err = open_directory(backup, error);
	backup->moved = true;
	for (unsigned i = 0; !err && backup->moved && i < TRIES_MAX; i++)
		err = copy_all(backup, error);
	if (!err && backup->moved)
		err = error_set(error, ERR_BUSY,
				"segments are being moved; try again later");
	if (!err)
		err = exchange(backup, error);
	if (!err)
		remove_stale(backup);
	return err;
}

int backup_run(struct store *store, const struct backup_options *options,
	       struct backup_figures *ret_figures, struct error *error)
{
	struct backup backup AUTO(backup_fini) = {
		.store = store,
		.options = options,
		.files = {.io = options->io ? options->io : &io_system,
			  .path = options->directory,
			  .fd = -1,
			  .segments_fd = -1,
			  .lock_fd = -1},
	};
	/* What the copied catalogue names is not removed while it is copied. */
	uint64_t ticket = store_enter(store);
	int err = run(&backup, error);
	store_leave(store, ticket);
	if (!err)
		*ret_figures = backup.figures;
	return err;
}
