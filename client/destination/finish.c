/* The end: what waited for all bytes to be there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/destination/alike.h"
#include "client/destination/internal.h"
#include "proto/base/cleanup.h"

/* ---- directories that were made ---- */

static mode_t directory_mode(const struct destination *dest, uint32_t entry)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	return row->implied ? 0777 & ~dest->umask_before : row->mode;
}

/* Keeps bits beyond 0777 that the file system gave it, such as an inherited setgid. */
static int set_mode(int fd, mode_t mode)
{
	struct stat stat;
	if (fstat(fd, &stat) != 0)
		return -1;
	mode |= stat.st_mode & 07000;
	return mode == (stat.st_mode & 07777) ? 0 : fchmod(fd, mode);
}

static bool lacks_owner_mode(mode_t mode)
{
	return (mode & 0700) != 0700;
}

/* A staged one keeps its owner's permissions until it is in its place. */
static int dress_directory(struct destination *dest, unsigned worker, uint32_t entry,
			   struct error *error)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	mode_t mode = directory_mode(dest, entry);
	bool staged = place_of(&dest->places, entry) == PLACE_STAGED;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
				    destination_time(dest, entry)};
	int fd = places_fd(&dest->places, worker, entry);
	if (fd < 0 || (!row->implied && futimens(fd, times) != 0) ||
	    ((dest->must_chmod || lacks_owner_mode(mode)) &&
	     set_mode(fd, staged ? mode | 0700 : mode) != 0))
		return places_error(&dest->places, entry, errno,
				    "its mode or time cannot be set", error);
	known_note_fd(&dest->known, entry, fd);
	return 0;
}

static bool is_to_dress(const struct destination *dest, uint32_t entry)
{
	return dest->places.table->entries[entry].type == ROW_DIRECTORY &&
	       place_of(&dest->places, entry) != PLACE_KEPT;
}

/* Deepest first, so that none is closed before what is in it. */
static int dress_range(void *context, unsigned worker, uint32_t first, uint32_t end,
		       struct error *error)
{
	struct destination *dest = context;
	int err = 0;
	for (uint32_t entry = end; !err && entry-- > first;)
		if (is_to_dress(dest, entry) && !ranges_are_below(&dest->ranges, entry))
			err = dress_directory(dest, worker, entry, error);
	return err;
}

static int dress_directories(struct destination *dest, struct error *error)
{
	int err = ranges_each(&dest->ranges, dress_range, dest, error);
	for (uint32_t entry = dest->places.table->entry_count; !err && --entry > 0;)
		if (is_to_dress(dest, entry) && ranges_are_below(&dest->ranges, entry))
			err = dress_directory(dest, 0, entry, error);
	return err;
}

/* ---- what is still staged ---- */

static int publish_staged(struct destination *dest, uint32_t entry, struct error *error)
{
	int err = publish_entry(dest, 0, entry, error);
	if (err || dest->places.table->entries[entry].type != ROW_DIRECTORY ||
	    place_of(&dest->places, entry) == PLACE_KEPT ||
	    !lacks_owner_mode(directory_mode(dest, entry)))
		return err;
	int fd = places_fd(&dest->places, 0, entry);
	if (fd < 0 || set_mode(fd, directory_mode(dest, entry)) != 0)
		return places_error(&dest->places, entry, errno, "its mode cannot be set",
				    error);
	return 0;
}

static int publish_all(struct destination *dest, struct error *error)
{
	int err = 0;
	for (uint32_t entry = 1; !err && entry < dest->places.table->entry_count;) {
		uint32_t at = entry++;
		if (place_of(&dest->places, at) != PLACE_STAGED)
			continue;
		if (!is_marked(&dest->places, at, MARK_DONE))
			err = publish_staged(dest, at, error);
		/* Where a directory was there by now, what is in it is staged. */
		if (place_of(&dest->places, at) == PLACE_STAGED)
			entry = view_table_end(dest->places.table, at);
	}
	return err;
}

/* A DIR that is no longer missing has what is staged put into it. */
static int publish(struct destination *dest, struct error *error)
{
	int err = dest->missing ? root_publish(dest, error) : 0;
	return err || dest->missing ? err : publish_all(dest, error);
}

/* ---- what was there ---- */

/* The time of a file or link that is kept. That the file is another's to change is no
 * failure: its bytes are right. */
static int retime(struct destination *dest, uint32_t entry, struct error *error)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
				    destination_time(dest, entry)};
	struct spot home;
	if (places_home(&dest->places, 0, entry, &home) != 0)
		return places_error(&dest->places, entry, errno, "its time cannot be set",
				    error);
	dest->changed = true;
	if (dest->places.table->entries[entry].type == ROW_SYMLINK) {
		(void)utimensat(home.fd, home.name, times, AT_SYMLINK_NOFOLLOW);
		return 0;
	}
	int fd AUTO_FD =
		openat(home.fd, home.name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat stat;
	if (fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) &&
	    stat.st_nlink == 1)
		(void)futimens(fd, times);
	return 0;
}

static int retime_all(struct destination *dest, struct error *error)
{
	int err = 0;
	for (uint32_t entry = 1; !err && entry < dest->places.table->entry_count; entry++)
		if (place_of(&dest->places, entry) == PLACE_KEPT &&
		    is_marked(&dest->places, entry, MARK_RETIME))
			err = retime(dest, entry, error);
	return err;
}

int destination_finish(struct destination *dest, struct error *error)
{
	int err = dress_directories(dest, error);
	known_settle(&dest->known);
	if (!err)
		err = publish(dest, error);
	if (!err && dest->options.delete_extra && !dest->missing)
		err = delete_extras(dest, error);
	if (!err)
		err = retime_all(dest, error);
	if (!err) {
		/* while the directories that they are in may still be written to */
		remove_stages(dest);
		err = dest->options.look_again ? alike_look_again(&dest->places, error)
					       : 0;
	}
	if (!err)
		err = modes_set_kept(&dest->modes, &dest->changed, error);
	dest->finished = !err;
	return err;
}
