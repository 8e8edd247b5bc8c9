#include "daemon/store/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "daemon/store/segment_reader.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define FORMAT_TEXT "batond store 1\n"
#define FORMAT_PREFIX "batond store "
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
	(void)snprintf(temporary, sizeof temporary, "%s.new", name);
	int fd = io_open(io, store->directory_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC,
			 0600);
	if (fd < 0)
		return local_error(store, name, "created", error);
	bool written = io_write_at(io, fd, text, strlen(text), 0) == 0 &&
		       io->fdatasync(io->context, fd) == 0;
	int number = errno;
	bool closed = io_close(io, fd) == 0;
	errno = written ? errno : number;
	if (!written || !closed ||
	    io->rename(io->context, store->directory_fd, temporary, name) < 0 ||
	    io->fsync(io->context, store->directory_fd) < 0)
		return local_error(store, name, "written", error);
	return 0;
}

/* ---- lock and format ---------------------------------------------------------- */

static int busy(const struct store *store, struct error *error)
{
	char text[FORMAT_ROOM] = "";
	struct error ignored;
	(void)read_text(store, "lock", text, sizeof text, &ignored);
	long pid = strtol(text, NULL, 10);
	if (pid > 0)
		return error_set(error, ERR_BUSY,
				 "another batond (process %ld) uses `%s`", pid,
				 store->directory);
	return error_set(error, ERR_BUSY, "another batond uses `%s`", store->directory);
}

int recovery_lock(struct store *store, struct error *error)
{
	const struct io *io = store->io;
	store->lock_fd = io_open(io, store->directory_fd, "lock",
				 O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0)
		return local_error(store, "lock", "opened", error);
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? busy(store, error)
					    : local_error(store, "lock", "locked", error);
	char text[FORMAT_ROOM];
	int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (io->ftruncate(io->context, store->lock_fd, 0) < 0 ||
	    io_write_at(io, store->lock_fd, text, (size_t)len, 0) < 0)
		return local_error(store, "lock", "written", error);
	return 0;
}

static bool has_catalogue(const struct store *store)
{
	struct stat status;
	return fstatat(store->directory_fd, "catalogue.db", &status, 0) == 0 &&
	       status.st_size > 0;
}

/* Whether a segment lies there, of whatever catalogue: 1, 0, <0 an error. */
static int has_segments(const struct store *store, struct error *error)
{
	int fd = openat(store->segments_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return local_error(store, "segments", "listed", error);
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			return 1;
	}
	return 0;
}

/* To a new catalogue all segments would be files that it does not know. */
static int check_catalogue(const struct store *store, struct error *error)
{
	int alone = has_catalogue(store) ? 0 : has_segments(store, error);
	if (alone <= 0)
		return alone;
	return error_set(error, ERR_DAMAGED,
			 "`%s/catalogue.db`: missing, though there are segments; put it "
			 "back with its -wal, or give an empty directory with --data",
			 store->directory);
}

int recovery_check_format(struct store *store, struct error *error)
{
	char text[FORMAT_ROOM] = "";
	int found = read_text(store, "format", text, sizeof text, error);
	if (found < 0)
		return found;
	if (found > 0 && strcmp(text, FORMAT_TEXT) == 0)
		return check_catalogue(store, error);
	size_t prefix_len = strlen(FORMAT_PREFIX);
	if (found > 0 && strncmp(text, FORMAT_PREFIX, prefix_len) == 0 &&
	    strtol(text + prefix_len, NULL, 10) > 1)
		return error_set(error, ERR_VERSION,
				 "`%s`: a store of a newer format (%.*s) than this "
				 "program knows",
				 store->directory, (int)strcspn(text, "\n"), text);
	if (found > 0 || has_catalogue(store))
		return error_set(error, ERR_DAMAGED, "`%s/format`: %s", store->directory,
				 found > 0 ? "does not say that this is a store"
					   : "missing, though there is a catalogue");
	return write_text(store, "format", FORMAT_TEXT, error);
}

/* ---- segments ----------------------------------------------------------------- */

/* Length of a segment file; -1 where there is none; -2 on an error. */
static int64_t file_len(const struct store *store, const char *location,
			struct error *error)
{
	int fd = io_open(store->io, store->segments_fd, location, O_RDONLY | O_NOFOLLOW,
			 0);
	if (fd < 0 && errno == ENOENT)
		return -1;
	int64_t len = fd < 0 ? -1 : store->io->size(store->io->context, fd);
	if (len < 0)
		(void)error_set_errno(error, ERR_LOCAL, errno,
				      "segment `%s`: cannot be opened", location);
	close_file(store, fd);
	return len < 0 ? -2 : len;
}

static int cut_off(struct store *store, const struct segment_row *row,
		   struct error *error)
{
	const struct io *io = store->io;
	int fd = io_open(io, store->segments_fd, row->location, O_WRONLY | O_NOFOLLOW, 0);
	bool cut = fd >= 0 && io->ftruncate(io->context, fd, (off_t)row->vouched) == 0;
	int number = errno;
	close_file(store, fd);
	if (cut)
		return 0;
	return error_set_errno(error, ERR_LOCAL, number,
			       "segment `%s`: cannot be cut off", row->location);
}

/* A file that came back (from a backup, from a mount) is what it was. */
static enum segment_state state_of_file(struct store *store,
					const struct segment_row *row)
{
	struct segment segment = {
		.fd = io_open(store->io, store->segments_fd, row->location, O_RDONLY, 0)};
	(void)snprintf(segment.location, sizeof segment.location, "%s", row->location);
	struct buffer index AUTO(buffer_fini) = {0};
	struct segment_footer footer;
	struct error ignored;
	bool sealed = segment.fd >= 0 &&
		      segment_reader_index(store->io, &segment, row->vouched, &footer,
					   &index, &ignored) == 0;
	close_file(store, segment.fd);
	return sealed ? SEGMENT_SEALED : SEGMENT_OPEN;
}

/* Compares one with its file; a changed state is told to the catalogue. */
static int compare(struct store *store, struct segment_row *row, int64_t len,
		   struct error *error)
{
	bool damaged = len < 0 || (uint64_t)len < row->vouched;
	enum segment_state state = row->state;
	if (damaged)
		state = SEGMENT_DAMAGED;
	else if (row->state == SEGMENT_DAMAGED)
		state = state_of_file(store, row);
	if (damaged && len < 0)
		store_note(store,
			   "segment `%s`: missing; `batond check` names its layers",
			   row->location);
	else if (damaged)
		store_note(store,
			   "segment `%s`: %" PRIu64 " bytes too short; `batond check` "
			   "names its layers",
			   row->location, row->vouched - (uint64_t)len);
	if (state == row->state)
		return 0;
	row->state = state;
	return catalogue_update_segment(store->catalogue, row, error);
}

struct survey {
	struct segment_row *rows; /* owned */
	int64_t *lens;            /* owned */
	size_t count;
	bool damaged;
};

static void survey_fini(struct survey *survey)
{
	free(survey->rows);
	free(survey->lens);
}

static int survey_files(struct store *store, struct survey *survey, struct error *error)
{
	survey->lens = must_calloc(survey->count + 1, sizeof *survey->lens);
	for (size_t i = 0; i < survey->count; i++) {
		struct segment_row *row = &survey->rows[i];
		survey->lens[i] = file_len(store, row->location, error);
		if (survey->lens[i] == -2)
			return error->code;
		int err = compare(store, row, survey->lens[i], error);
		if (err)
			return err;
		survey->damaged = survey->damaged || row->state == SEGMENT_DAMAGED;
	}
	return 0;
}

static int cut_all_off(struct store *store, const struct survey *survey,
		       struct error *error)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < survey->count; i++) {
		const struct segment_row *row = &survey->rows[i];
		if ((uint64_t)survey->lens[i] <= row->vouched)
			continue;
		int err = cut_off(store, row, error);
		if (err)
			return err;
		bytes += (uint64_t)survey->lens[i] - row->vouched;
	}
	if (bytes > 0)
		store_note(store,
			   "recovery: %" PRIu64 " bytes of persists that were not "
			   "acknowledged were dropped",
			   bytes);
	return 0;
}

/* The locations that the catalogue knows, for searching: a store has many segments. */
struct known_files {
	const char **names; /* owned; ascend, borrowed from a survey */
	size_t count;
};

static void known_files_fini(struct known_files *known)
{
	free(known->names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct known_files list_known(const struct survey *survey)
{
	struct known_files known = {
		.names = must_calloc(survey->count + 1, sizeof *known.names),
		.count = survey->count};
	for (size_t i = 0; i < survey->count; i++)
		known.names[i] = survey->rows[i].location;
	qsort(known.names, known.count, sizeof *known.names, compare_names);
	return known;
}

static bool is_known(const struct known_files *known, const char *name)
{
	return bsearch(&name, known->names, known->count, sizeof *known->names,
		       compare_names) != NULL;
}

static int delete_unknown(struct store *store, const struct survey *survey,
			  struct error *error)
{
	int fd = openat(store->segments_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return local_error(store, "segments", "listed", error);
	struct known_files known AUTO(known_files_fini) = list_known(survey);
	uint64_t count = 0;
	const struct dirent *entry;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || is_known(&known, entry->d_name))
			continue;
		if (store->io->unlink(store->io->context, store->segments_fd,
				      entry->d_name) < 0)
			return local_error(store, "segments", "cleared of unknown files",
					   error);
		count++;
	}
	if (count > 0)
		store_note(store,
			   "recovery: %" PRIu64 " segment files that the catalogue does "
			   "not know were deleted",
			   count);
	return 0;
}

int recovery_segments(struct store *store, struct error *error)
{
	struct survey survey AUTO(survey_fini) = {0};
	int err =
		catalogue_segments(store->catalogue, &survey.rows, &survey.count, error);
	if (!err)
		err = survey_files(store, &survey, error);
	if (err)
		return err;
	for (size_t i = 0; i < survey.count; i++)
		segment_table_add(store->segments, &survey.rows[i]);
	if (survey.damaged)
		return 0;
	err = cut_all_off(store, &survey, error);
	return err ? err : delete_unknown(store, &survey, error);
}

/* ---- the clean mark ----------------------------------------------------------- */

int recovery_take_clean_mark(struct store *store, bool *ret_clean, struct error *error)
{
	char text[FORMAT_ROOM] = "";
	int found = read_text(store, "clean", text, sizeof text, error);
	if (found < 0)
		return found;
	int64_t wanted = catalogue_setting(store->catalogue, CLEAN_SETTING);
	*ret_clean = found > 0 && wanted != 0 && strtoll(text, NULL, 10) == wanted;
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
	if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
		return local_error(store, "clean", "given a random number", error);
	number = (number & INT64_MAX) | 1;
	int err = catalogue_set_setting(store->catalogue, CLEAN_SETTING, number, error);
	if (err)
		return err;
	char text[FORMAT_ROOM];
	(void)snprintf(text, sizeof text, "%" PRId64 "\n", number);
	return write_text(store, "clean", text, error);
}
