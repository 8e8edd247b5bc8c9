#include "client/destination/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "client/place/alike.h"
#include "client/place/holes.h"
#include "client/terminal/human.h"
#include "proto/base/cleanup.h"

static int too_large(struct destination *dest, uint32_t entry, rlim_t limit,
		     struct error *error)
{
	char size[HUMAN_TEXT_SIZE];
	char what[128];
	(void)snprintf(what, sizeof(what),
		       "is larger than a file may be that this process writes, %s "
		       "(ulimit -f)",
		       human_size(limit, size));
	return places_error(&dest->places, entry, 0, what, error);
}

static int cannot_write(struct destination *dest, unsigned worker, uint32_t entry,
			struct error *error)
{
	int number = errno;
	int err = number == EEXIST ? alike_refuse(&dest->places, worker, entry, error)
				   : 0;
	if (err)
		return err;
	struct rlimit limit;
	if (number == EFBIG && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY)
		return too_large(dest, entry, limit.rlim_cur, error);
	return places_cannot(&dest->places, entry, number, "cannot be written", error);
}

static int open_file(struct destination *dest, unsigned worker, uint32_t entry, int flags,
		     mode_t mode)
{
	struct spot spot;
	if (places_spot(&dest->places, worker, entry, &spot) != 0)
		return -1;
	return openat(spot.fd, spot.name, flags | O_WRONLY | O_NOFOLLOW | O_CLOEXEC,
		      mode);
}

static int write_unit(const struct destination *dest, int fd,
		      const struct view_unit *unit, const uint8_t *bytes)
{
	return holes_write(fd, bytes, unit->name.key.len, unit->offset,
			   view_table_size(dest->places.table, unit->entry));
}

/* The mode that the file was made with is not the row's. */
static bool needs_chmod(const struct destination *dest, const struct view_entry *row)
{
	return dest->must_chmod || (row->unit_count > 1 && !(row->mode & 0200));
}

/* Takes fd: mode (where it was not made with it), time, close, which may be the first to
 * know that there is no room. */
static int dress_file(struct destination *dest, unsigned worker, uint32_t entry, int fd,
		      struct error *error)
{
	int owned AUTO_FD = fd;
	const struct view_entry *row = &dest->places.table->entries[entry];
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
				    destination_time(dest, entry)};
	if ((needs_chmod(dest, row) && fchmod(fd, row->mode) != 0 &&
	     !unmet_note(&dest->modes.left, entry, errno)) ||
	    (futimens(fd, times) != 0 && !unmet_note(&dest->times_left, entry, errno)))
		return cannot_write(dest, worker, entry, error);
	known_note_fd(&dest->known, entry, fd);
	return close(take_fd(&owned)) != 0 ? cannot_write(dest, worker, entry, error) : 0;
}

int file_complete(struct destination *dest, unsigned worker, uint32_t entry,
		  struct error *error)
{
	if (place_of(&dest->places, entry) != PLACE_STAGED || dest->was_empty)
		return 0;
	return publish_entry(dest, worker, entry, error);
}

int file_make_empty(struct destination *dest, unsigned worker, uint32_t entry,
		    struct error *error)
{
	mode_t mode = dest->places.table->entries[entry].mode;
	int fd = open_file(dest, worker, entry, O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return cannot_write(dest, worker, entry, error);
	int err = dress_file(dest, worker, entry, fd, error);
	return err ? err : file_complete(dest, worker, entry, error);
}

/* ---- files of several units ---- */

int file_make_large(struct destination *dest, uint32_t entry, struct error *error)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	int fd AUTO_FD = open_file(dest, 0, entry, O_CREAT | O_EXCL, row->mode | 0200);
	if (fd < 0)
		return cannot_write(dest, 0, entry, error);
	if (dest->large_count % 64 == 0)
		dest->large = must_realloc(dest->large, (dest->large_count + 64) *
								sizeof(*dest->large));
	dest->large[dest->large_count++] =
		(struct large_file){.entry = entry, .left = row->unit_count};
	return 0;
}

static int compare_large(const void *a, const void *b)
{
	const struct large_file *first = a;
	const struct large_file *second = b;
	return (first->entry > second->entry) - (first->entry < second->entry);
}

static int write_part(struct destination *dest, unsigned worker,
		      const struct view_unit *unit, const uint8_t *bytes,
		      struct error *error)
{
	struct large_file key = {.entry = unit->entry};
	struct large_file *large =
		bsearch(&key, dest->large, dest->large_count, sizeof(key), compare_large);
	claim(large);
	int fd AUTO_FD = open_file(dest, worker, unit->entry, 0, 0);
	if (fd < 0 || write_unit(dest, fd, unit, bytes) != 0)
		return cannot_write(dest, worker, unit->entry, error);
	if (__atomic_sub_fetch(&large->left, 1, __ATOMIC_ACQ_REL) > 0)
		return close(take_fd(&fd)) != 0
			       ? cannot_write(dest, worker, unit->entry, error)
			       : 0;
	int err = dress_file(dest, worker, unit->entry, take_fd(&fd), error);
	return err ? err : file_complete(dest, worker, unit->entry, error);
}

/* ---- files of one unit ---- */

static int write_whole(struct destination *dest, unsigned worker,
		       const struct view_unit *unit, const uint8_t *bytes,
		       struct error *error)
{
	mode_t mode = dest->places.table->entries[unit->entry].mode;
	int fd AUTO_FD = open_file(dest, worker, unit->entry, O_CREAT | O_EXCL, mode);
	if (fd < 0 || write_unit(dest, fd, unit, bytes) != 0)
		return cannot_write(dest, worker, unit->entry, error);
	int err = dress_file(dest, worker, unit->entry, take_fd(&fd), error);
	return err ? err : file_complete(dest, worker, unit->entry, error);
}

int destination_unit(void *destination, unsigned worker, uint32_t mention,
		     const uint8_t *bytes, struct error *error)
{
	struct destination *dest = destination;
	const struct view_unit *unit = &dest->places.table->units[mention];
	if (dest->places.table->entries[unit->entry].unit_count > 1)
		return write_part(dest, worker, unit, bytes, error);
	return write_whole(dest, worker, unit, bytes, error);
}
