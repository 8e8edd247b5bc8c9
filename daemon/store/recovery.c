#include "daemon/store/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/stamp.h"
#include "daemon/store/segment/damage.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define FORMAT_PREFIX "batond store "
#define FORMAT_VERSION 3
#define FORMAT_TEXT FORMAT_PREFIX "3\n"
/* Of what a backup says there, and no batond serves. */
#define BACKUP_PREFIX "batond backup "
#define FORMAT_ROOM 64u
#define CLEAN_SETTING "clean_stop"

static int local_error(const struct store *store, const char *name, const char *what,
		       struct error *error)
{
	return error_set_errno(error, ERR_LOCAL, errno, "`%s/%s`: cannot be %s",
			       store->directory, name, what);
}

static void close_file(const struct store *store, int fd)
{
	if (fd >= 0)
		(void)io_close(store->io, fd);
}

/* Reads a small file as text: 1; 0 where it does not exist; <0 an error. */
static int read_text(const struct store *store, const char *name, char *ret_text,
		     size_t room, struct error *error)
{
	int fd = io_open(store->io, store->directory_fd, name, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return local_error(store, name, "opened", error);
	int64_t size = store->io->size(store->io->context, fd);
	size_t len = size > 0 && (size_t)size < room ? (size_t)size : 0;
	int err = 0;
	if (size < 0 || io_read_at(store->io, fd, ret_text, len, 0) < 0)
		err = local_error(store, name, "read", error);
	ret_text[len] = '\0';
	close_file(store, fd);
	return err ? err : 1;
}

/* Writes a small file so that it is there whole, or not at all. */
static int write_text(const struct store *store, const char *name, const char *text,
		      struct error *error)
{
	const struct io *io = store->io;
	char temporary[32];
	(void)snprintf(temporary, sizeof(temporary), "%s.new", name);
	int fd = io_open(io, store->directory_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC,
			 0600);
	if (fd < 0)
		return local_error(store, name, "created", error);
	bool written = io_write_at(io, fd, text, strlen(text), 0) == 0 &&
		       io->fdatasync(io->context, fd) == 0;
	int number = errno;
	bool closed = io_close(io, fd) == 0;
	errno = written ? errno : number;
	if (written && closed &&
	    io->rename(io->context, store->directory_fd, temporary, name) == 0 &&
	    io->fsync(io->context, store->directory_fd) == 0)
		return 0;
	int err = local_error(store, name, "written", error);
	(void)io->unlink(io->context, store->directory_fd, temporary);
	return err;
}

/* ---- lock and format ---------------------------------------------------------- */

static int busy(const struct store *store, struct error *error)
{
	char text[FORMAT_ROOM] = "";
	struct error ignored;
	(void)read_text(store, "lock", text, sizeof(text), &ignored);
	long pid = strtol(text, NULL, 10);
	/* A process that reads holds the lock without its id in it. */
	if (pid > 0 && (kill((pid_t)pid, 0) == 0 || errno != ESRCH))
		return error_set(error, ERR_BUSY,
				 "another batond (process %ld) uses `%s`", pid,
				 store->directory);
	return error_set(error, ERR_BUSY, "another batond uses `%s`", store->directory);
}

/* The id is for people: without it the lock is as good. */
static int write_id(struct store *store, struct error *error)
{
	const struct io *io = store->io;
	char text[FORMAT_ROOM];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (io_write_at(io, store->lock_fd, text, (size_t)len, 0) == 0 &&
	    io->ftruncate(io->context, store->lock_fd, len) == 0)
		return 0;
	(void)local_error(store, "lock", "written", error);
	if (error->code == ERR_NO_ROOM)
		health_note(&store->health, "%s", error->text);
	return error->code == ERR_NO_ROOM ? 0 : error->code;
}

static int take_lock(struct store *store, int how, struct error *error)
{
	if (flock(store->lock_fd, how | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? busy(store, error)
				    : local_error(store, "lock", "locked", error);
}

int recovery_lock_to_read(struct store *store, bool alone, struct error *error)
{
	store->lock_fd =
		io_open(store->io, store->directory_fd, "lock", O_RDONLY | O_NOFOLLOW, 0);
	if (store->lock_fd < 0)
		return errno == ENOENT ? 0 : local_error(store, "lock", "opened", error);
	return take_lock(store, alone ? LOCK_EX : LOCK_SH, error);
}

int recovery_lock(struct store *store, struct error *error)
{
	const struct io *io = store->io;
	store->lock_fd = io_open(io, store->directory_fd, "lock",
				 O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0)
		return local_error(store, "lock", "opened", error);
	int err = take_lock(store, LOCK_EX, error);
	return err ? err : write_id(store, error);
}

/* 1, 0 where there is none or an empty file, <0 an error. */
static int has_catalogue(const struct store *store, struct error *error)
{
	const struct io *io = store->io;
	int fd = io_open(io, store->directory_fd, "catalogue.db", O_RDONLY | O_NOFOLLOW,
			 0);
	if (fd < 0 && errno == ENOENT)
		return 0;
	int64_t size = fd < 0 ? -1 : io->size(io->context, fd);
	int err = size < 0 ? local_error(store, "catalogue.db", "looked at", error) : 0;
	close_file(store, fd);
	return err ? err : size > 0;
}

/* Whether a segment lies there, of whatever catalogue: 1, 0, <0 an error. */
static int has_segments(const struct store *store, struct error *error)
{
	int fd = openat(store->segments_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return local_error(store, "segments", "listed", error);
	const struct dirent *entry;
	while ((errno = 0, entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && survey_is_file(store, entry->d_name))
			return 1;
	}
	return errno == 0 ? 0 : local_error(store, "segments", "listed", error);
}

int recovery_has_witness(const struct store *store, struct error *error)
{
	struct stamp_mark mark = {0};
	struct error ignored;
	int found = stamp_read(store->io, store->directory_fd, &mark, &ignored);
	return found > 0 && mark.commits > 0 ? 1 : has_segments(store, error);
}

/* To a new catalogue all segments would be files that it does not know. */
static int check_catalogue(const struct store *store, struct error *error)
{
	int there = has_catalogue(store, error);
	int missed = there == 0 ? recovery_has_witness(store, error) : 0;
	if (there < 0 || missed <= 0)
		return there < 0 ? there : missed;
	return error_set(error, ERR_DAMAGED,
			 "`%s/catalogue.db`: missing, though there %s; put it "
			 "back with its -wal, make one of the segments (`batond "
			 "rebuild`), or give an empty directory with --data",
			 store->directory,
			 has_segments(store, error) > 0 ? "are segments"
							: "was one (`" STAMP_NAME "`)");
}

/* Format 2 has no holes in its segments, format 1 no sums in the catalogue's pages and no
 * commit frames: they are read, and raised. */
static bool is_older_format(const char *text)
{
	return strcmp(text, FORMAT_PREFIX "1\n") == 0 ||
	       strcmp(text, FORMAT_PREFIX "2\n") == 0;
}

/* Whether `format` is there: 1, 0, and whether it says what this program knows. */
static int read_format(struct store *store, char ret_text[FORMAT_ROOM],
		       struct error *error)
{
	ret_text[0] = '\0';
	int found = read_text(store, "format", ret_text, FORMAT_ROOM, error);
	size_t prefix_len = strlen(FORMAT_PREFIX);
	store->format_is_older = found > 0 && is_older_format(ret_text);
	if (found > 0 && strncmp(ret_text, FORMAT_PREFIX, prefix_len) == 0 &&
	    strtol(ret_text + prefix_len, NULL, 10) > FORMAT_VERSION)
		return error_set(error, ERR_VERSION,
				 "`%s`: a store of a newer format (%.*s) than this "
				 "program knows",
				 store->directory, (int)strcspn(ret_text, "\n"),
				 ret_text);
	return found;
}

int recovery_check_version(struct store *store, struct error *error)
{
	char text[FORMAT_ROOM];
	int found = read_format(store, text, error);
	return found < 0 ? found : 0;
}

int recovery_write_format(const struct store *store, struct error *error)
{
	return write_text(store, "format", FORMAT_TEXT, error);
}

int recovery_check_format(struct store *store, struct error *error)
{
	char text[FORMAT_ROOM];
	int found = read_format(store, text, error);
	if (found < 0)
		return found;
	if (store->format_is_older || (found > 0 && strcmp(text, FORMAT_TEXT) == 0))
		return check_catalogue(store, error);
	int there = found > 0 ? 0 : has_catalogue(store, error);
	if (there < 0)
		return there;
	if (found > 0 && strncmp(text, BACKUP_PREFIX, strlen(BACKUP_PREFIX)) == 0)
		return error_set(error, ERR_DENIED,
				 "`%s`: is a backup; `batond restore %s` makes a data "
				 "directory of it",
				 store->directory, store->directory);
	if (found > 0 || there > 0)
		return error_set(error, ERR_DAMAGED, "`%s/format`: %s", store->directory,
				 found > 0 ? "does not say that this is a store"
					   : "missing, though there is a catalogue");
	if (store->reads_only)
		return error_set(error, ERR_NOT_FOUND, "`%s`: holds no store",
				 store->directory);
	return recovery_write_format(store, error);
}

int recovery_raise_format(struct store *store, struct error *error)
{
	if (!store->format_is_older)
		return 0;
	int err = write_text(store, "format", FORMAT_TEXT, error);
	store->format_is_older = err != 0;
	return err;
}

/* ---- the clean mark ----------------------------------------------------------- */

/* A number, and how many frames were marked as damaged when it was written. */
static bool is_clean(const struct store *store, const char *text)
{
	char *end;
	int64_t wanted = catalogue_setting(store->catalogue, CLEAN_SETTING);
	return wanted != 0 && strtoll(text, &end, 10) == wanted &&
	       strtoull(end, NULL, 10) == damage_count(store->damage);
}

int recovery_take_clean_mark(struct store *store, bool *ret_clean, struct error *error)
{
	char text[FORMAT_ROOM] = "";
	int found = read_text(store, "clean", text, sizeof(text), error);
	if (found < 0)
		return found;
	*ret_clean = found > 0 && is_clean(store, text);
	if (found == 0)
		return 0;
	const struct io *io = store->io;
	if (io->unlink(io->context, store->directory_fd, "clean") < 0 ||
	    io->fsync(io->context, store->directory_fd) < 0)
		return local_error(store, "clean", "removed", error);
	return 0;
}

int recovery_put_clean_mark(struct store *store, struct error *error)
{
	int64_t number;
	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return local_error(store, "clean", "given a random number", error);
	number = (number & INT64_MAX) | 1;
	int err = catalogue_set_setting(store->catalogue, CLEAN_SETTING, number, error);
	if (err)
		return err;
	char text[FORMAT_ROOM];
	(void)snprintf(text, sizeof(text), "%" PRId64 " %zu\n", number,
		       damage_count(store->damage));
	return write_text(store, "clean", text, error);
}
