#include "daemon/backup/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/backup/backup.h"
#include "daemon/backup/files.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/recovery.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* There while the directory is being filled. */
#define UNFINISHED "restoring"
#define CATALOGUE "catalogue.db"
#define NEW_CATALOGUE "catalogue.db.new"

struct data_restore {
	struct files from, to;
	struct segment_row *rows; /* owned */
	size_t row_count;
	struct restore_figures figures;
};

static void restore_fini(struct data_restore *restore)
{
	files_fini(&restore->from);
	files_fini(&restore->to);
	free(restore->rows);
}

/* ---- the backup ------------------------------------------------------------------- */

static int check_format(const struct data_restore *restore, struct error *error)
{
	char text[BACKUP_FORMAT_ROOM];
	int len = files_read(&restore->from, "format", text, sizeof(text), error);
	if (len < 0)
		return len;
	if (strncmp(text, BACKUP_FORMAT, strlen(BACKUP_FORMAT)) == 0 &&
	    files_has(&restore->from, CATALOGUE))
		return 0;
	bool newer = strncmp(text, BACKUP_FORMAT, strlen("batond backup ")) == 0 &&
		     strncmp(text, BACKUP_FORMAT, strlen(BACKUP_FORMAT)) != 0;
	return error_set(error, newer ? ERR_VERSION : ERR_NOT_FOUND, "`%s`: %s",
			 restore->from.path,
			 newer ? "a backup of a newer format than this program knows"
			       : "holds no finished backup");
}

/* Before anything is written. */
static int check_segments(struct data_restore *restore, struct error *error)
{
	for (size_t i = 0; i < restore->row_count; i++) {
		const struct segment_row *row = &restore->rows[i];
		int64_t len = files_len(&restore->from, restore->from.segments_fd,
					row->location);
		if (row->state == SEGMENT_DAMAGED)
			continue;
		if (len < 0 || (uint64_t)len < segment_row_len(row))
			return error_set(error, ERR_DAMAGED,
					 "`%s/segments/%s`: %s; nothing is restored",
					 restore->from.path, row->location,
					 len < 0 ? "is missing" : "is cut short");
	}
	return 0;
}

static int open_backup(struct data_restore *restore, struct error *error)
{
	int err = files_open(&restore->from, false, error);
	if (!err)
		err = check_format(restore, error);
	if (!err)
		err = files_open_segments(&restore->from, false, error);
	if (!err)
		err = files_rows(restore->from.io, restore->from.path, &restore->rows,
				 &restore->row_count, &restore->figures.layers, error);
	return err ? err : check_segments(restore, error);
}

/* ---- the data directory ----------------------------------------------------------- */

static int open_directory(struct data_restore *restore, struct error *error)
{
	struct files *to = &restore->to;
	int err = files_open(to, true, error);
	if (err)
		return err;
	bool unfinished = files_has(to, UNFINISHED) && !files_has(to, CATALOGUE);
	if (!unfinished && !files_are_none(to))
		return error_set(error, ERR_DENIED,
				 "`%s`: is not empty; name a directory that is, or one "
				 "that is not there",
				 to->path);
	err = files_write(to, UNFINISHED, "", error);
	return err ? err : files_open_segments(to, true, error);
}

static int copy_file(struct data_restore *restore, int from_dir, int to_dir,
		     const char *name, const char *to_name, uint64_t len,
		     struct error *error)
{
	const struct io *io = restore->from.io;
	int from = io_open(io, from_dir, name, O_RDONLY | O_NOFOLLOW, 0);
	if (from < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       name);
	int err = files_copy(&restore->to, to_dir, to_name, from, 0, len, error);
	(void)io_close(io, from);
	if (!err)
		restore->figures.bytes += len;
	return err;
}

static int copy_segments(struct data_restore *restore, struct error *error)
{
	int err = 0;
	for (size_t i = 0; !err && i < restore->row_count; i++) {
		const struct segment_row *row = &restore->rows[i];
		if (row->state == SEGMENT_DAMAGED)
			continue;
		err = copy_file(restore, restore->from.segments_fd,
				restore->to.segments_fd, row->location, row->location,
				segment_row_len(row), error);
		restore->figures.segments++;
	}
	return err ? err : files_sync(&restore->to, restore->to.segments_fd, error);
}

/* The catalogue last: without one nobody takes the directory for a store. */
static int copy_catalogue(struct data_restore *restore, struct error *error)
{
	struct files *to = &restore->to;
	int64_t len = files_len(&restore->from, restore->from.fd, CATALOGUE);
	char *path AUTO_FREE = must_strdup(to->path);
	const struct store store = {
		.io = to->io, .directory = path, .directory_fd = to->fd};
	int err = copy_file(restore, restore->from.fd, to->fd, CATALOGUE, NEW_CATALOGUE,
			    len < 0 ? 0 : (uint64_t)len, error);
	if (!err)
		err = recovery_write_format(&store, error);
	if (err)
		return err;
	if (to->io->rename(to->io->context, to->fd, NEW_CATALOGUE, CATALOGUE) < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "`%s/" CATALOGUE "`: cannot be made", to->path);
	err = files_sync(to, to->fd, error);
	if (!err)
		(void)to->io->unlink(to->io->context, to->fd, UNFINISHED);
	return err;
}

int restore_run(const struct restore_options *options,
		struct restore_figures *ret_figures, struct error *error)
{
	const struct io *io = options->io ? options->io : &io_system;
	struct data_restore restore AUTO(restore_fini) = {
		.from = {.io = io,
			 .path = options->backup,
			 .fd = -1,
			 .segments_fd = -1,
			 .lock_fd = -1},
		.to = {.io = io,
		       .path = options->directory,
		       .fd = -1,
		       .segments_fd = -1,
		       .lock_fd = -1},
	};
	int err = open_backup(&restore, error);
	if (!err)
		err = open_directory(&restore, error);
	if (!err)
		err = copy_segments(&restore, error);
	if (!err)
		err = copy_catalogue(&restore, error);
	if (!err)
		*ret_figures = restore.figures;
	return err;
}
