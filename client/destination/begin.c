/* What can be made before any bytes have come. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/destination/file.h"
#include "client/destination/internal.h"
#include "client/place/alike.h"
#include "client/terminal/interrupts.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/machine/descriptor_limit.h"

#define MORE_SIZE 48u

/* ---- what the file system makes of modes, and its clock ---- */

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Whether a file has the mode that it is given. */
static bool keeps_modes(int file)
{
	struct stat stat;
	return fchmod(file, 0640) == 0 && fstat(file, &stat) == 0 &&
	       (stat.st_mode & 07777) == 0640;
}

/* Access control lists that are inherited, and some file systems, give another mode than
 * the one asked for. And a file system's clock need not be ours: only it knows an instant
 * that is no earlier than what was made before, and no later than what will be. */
static void probe_one(struct destination *dest, struct mount *mount, int fd)
{
	static const char name[] = "probe";
	int file AUTO_FD =
		openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0777);
	struct stat stat;
	bool known = file >= 0 && fstat(file, &stat) == 0;
	if (!known || (stat.st_mode & 07777) != 0777)
		dest->must_chmod = true;
	if (known && !keeps_modes(file))
		dest->lacks_modes = true;
	if (known && is_later(&stat.st_mtim, &dest->now))
		dest->now = stat.st_mtim;
	if (file >= 0)
		(void)unlinkat(fd, name, 0);
	mount->folds = alike_folds(fd);
}

static void probe(struct destination *dest)
{
	if (dest->missing)
		probe_one(dest, &dest->places.mounts[0], dest->places.root_fd);
	for (size_t i = 0; i < dest->places.mount_count; i++)
		if (dest->places.mounts[i].stage.fd >= 0)
			probe_one(dest, &dest->places.mounts[i],
				  dest->places.mounts[i].stage.fd);
	if (dest->now.tv_sec == 0)
		(void)clock_gettime(CLOCK_REALTIME, &dest->now);
}

/* ---- entries ---- */

static int cannot_make(struct destination *dest, unsigned worker, uint32_t entry,
		       struct error *error)
{
	int number = errno;
	int err = number == EEXIST ? alike_refuse(&dest->places, worker, entry, error)
				   : 0;
	return err ? err
		   : places_cannot(&dest->places, entry, number, "cannot be made", error);
}

/* With its owner's permissions until the end. */
static int make_directory(struct destination *dest, unsigned worker, uint32_t entry,
			  struct error *error)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	mode_t mode = row->implied ? 0777 & ~dest->umask_before : row->mode;
	struct spot spot;
	if (places_spot(&dest->places, worker, entry, &spot) != 0 ||
	    mkdirat(spot.fd, spot.name, mode | 0700) != 0)
		return cannot_make(dest, worker, entry, error);
	return 0;
}

static int make_link(struct destination *dest, unsigned worker, uint32_t entry,
		     struct error *error)
{
	struct spot spot;
	if (places_spot(&dest->places, worker, entry, &spot) != 0 ||
	    symlinkat(view_table_target(dest->places.table, entry), spot.fd, spot.name) !=
		    0)
		return cannot_make(dest, worker, entry, error);
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
				    destination_time(dest, entry)};
	if (utimensat(spot.fd, spot.name, times, AT_SYMLINK_NOFOLLOW) != 0 &&
	    !unmet_note(&dest->times_left, entry, errno))
		return places_error(&dest->places, entry, errno, "its time cannot be set",
				    error);
	struct stat stat;
	if (dest->known.notes &&
	    fstatat(spot.fd, spot.name, &stat, AT_SYMLINK_NOFOLLOW) == 0)
		known_note_made(&dest->known, entry, &stat);
	return file_complete(dest, worker, entry, error);
}

static bool is_large(const struct destination *dest, uint32_t entry)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	return row->type == ROW_FILE && row->unit_count > 1 &&
	       place_of(&dest->places, entry) != PLACE_KEPT;
}

static int make_entry(struct destination *dest, unsigned worker, uint32_t entry,
		      struct error *error)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	if (entry % 256 == 0 && interrupts_pending())
		return error_set(error, ERR_INTERRUPTED, "interrupted");
	if (place_of(&dest->places, entry) == PLACE_KEPT)
		return 0;
	if (row->type == ROW_DIRECTORY)
		return make_directory(dest, worker, entry, error);
	if (row->type == ROW_SYMLINK)
		return make_link(dest, worker, entry, error);
	return row->unit_count == 0 ? file_make_empty(dest, worker, entry, error) : 0;
}

static int make_range(void *context, unsigned worker, uint32_t first, uint32_t end,
		      struct error *error)
{
	struct destination *dest = context;
	int err = 0;
	for (uint32_t entry = first; !err && entry < end; entry++)
		if (!ranges_are_below(&dest->ranges, entry))
			err = make_entry(dest, worker, entry, error);
	return err;
}

static int make_entries(struct destination *dest, struct error *error)
{
	uint32_t count = dest->places.table->entry_count;
	int err = 0;
	for (uint32_t entry = 1; !err && entry < count; entry++)
		if (ranges_are_below(&dest->ranges, entry))
			err = make_entry(dest, 0, entry, error);
	if (!err)
		err = ranges_each(&dest->ranges, make_range, dest, error);
	for (uint32_t entry = 1; !err && entry < count; entry++)
		if (is_large(dest, entry))
			err = file_make_large(dest, entry, error);
	return err;
}

/* ---- what it takes for one name ---- */

static char *called(void *context, uint32_t entry, int fd, const struct stat *there)
{
	const struct destination *dest = context;
	return known_name(&dest->known, entry, fd, there);
}

static void more_of(uint64_t count, char ret_text[MORE_SIZE])
{
	*ret_text = '\0';
	if (count > 1)
		(void)snprintf(ret_text, MORE_SIZE, ", and %" PRIu64 " more like it",
			       count - 1);
}

static void tell_names(const struct destination *dest,
		       const struct alike_findings *findings)
{
	char more[MORE_SIZE];
	if (findings->kept > 0) {
		char *shown AUTO_FREE = places_shown(&dest->places, findings->first_kept);
		char *other AUTO_FREE = escape_encode(findings->first_kept_name,
						      strlen(findings->first_kept_name));
		more_of(findings->kept, more);
		destination_warn(dest,
				 "`%s`: lies there as `%s`, the same name on this file "
				 "system, and keeps that name%s",
				 shown, other, more);
	}
	if (findings->unsure > 0) {
		char *shown AUTO_FREE =
			places_shown(&dest->places, findings->first_unsure);
		more_of(findings->unsure, more);
		destination_warn(dest,
				 "`%s`: replaces what may have been put there under "
				 "another name, which this file system does not tell%s",
				 shown, more);
	}
}

static int check_names(struct destination *dest, struct error *error)
{
	struct alike_findings findings = {0};
	const struct alike_names names = {called, dest, &findings};
	int err = alike_check(&dest->places, dest->missing, &names, error);
	if (!err)
		tell_names(dest, &findings);
	free(findings.first_kept_name);
	return err;
}

int destination_begin(struct destination *dest, struct error *error)
{
	int err = dest->missing ? root_make(dest, error) : stages_make(dest, error);
	if (err)
		return err;
	known_note_device(&dest->known);
	dest->umask_before = umask(0);
	dest->has_umask = true;
	/* Each worker keeps some directories open. */
	descriptor_limit_raise();
	probe(dest);
	if (!dest->known.is_as_recorded)
		err = check_names(dest, error);
	dest->ranges = ranges_of(dest->places.table);
	return err ? err : make_entries(dest, error);
}
