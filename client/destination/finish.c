/* The end: what waited for all bytes to be there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/destination/internal.h"
#include "client/place/alike.h"
#include "proto/base/cleanup.h"

#define OWNER_TEXT_SIZE 64u

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
	if (fd < 0 ||
	    (!row->implied && futimens(fd, times) != 0 &&
	     !unmet_note(&dest->times_left, entry, errno)) ||
	    ((dest->must_chmod || lacks_owner_mode(mode)) &&
	     set_mode(fd, staged ? mode | 0700 : mode) != 0 &&
	     !unmet_note(&dest->modes.left, entry, errno)))
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
	if (fd < 0 || (set_mode(fd, directory_mode(dest, entry)) != 0 &&
		       !unmet_note(&dest->modes.left, entry, errno)))
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
	if (!err && !dest->missing)
		err = publish_all(dest, error);
	if (!err)
		dest->was_empty = false; /* all of it is there: others may count on it */
	return err;
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
		if (utimensat(home.fd, home.name, times, AT_SYMLINK_NOFOLLOW) != 0)
			(void)unmet_note(&dest->times_left, entry, errno);
		return 0;
	}
	int fd AUTO_FD =
		openat(home.fd, home.name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat stat;
	if (fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) &&
	    stat.st_nlink == 1 && futimens(fd, times) != 0)
		(void)unmet_note(&dest->times_left, entry, errno);
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

/* ---- what could not be had ---- */

/* Whose it is, if not ours; "" where that is not the reason. */
static void put_owner(struct destination *dest, const struct unmet *left,
		      char ret_text[OWNER_TEXT_SIZE])
{
	struct spot home = {.fd = dest->places.root_fd, .name = "."};
	struct stat stat;
	*ret_text = '\0';
	if (left->number == EPERM &&
	    (left->first == VIEW_ROOT ||
	     places_home(&dest->places, 0, left->first, &home) == 0) &&
	    fstatat(home.fd, home.name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	    stat.st_uid != geteuid())
		(void)snprintf(ret_text, OWNER_TEXT_SIZE, ", it belongs to user %u",
			       (unsigned)stat.st_uid);
}

static void say_left(struct destination *dest, const struct unmet *left, const char *what)
{
	char owner[OWNER_TEXT_SIZE];
	char more[OWNER_TEXT_SIZE] = "";
	if (left->count == 0)
		return;
	char *shown AUTO_FREE = places_shown(&dest->places, left->first);
	put_owner(dest, left, owner);
	if (left->count > 1)
		(void)snprintf(more, sizeof(more), ", and %" PRIu64 " more like it",
			       left->count - 1);
	destination_warn(dest, "`%s`: its %s is not that of the view: %s%s%s", shown,
			 what, strerror(left->number), owner, more);
}

static void say_what_is_left(struct destination *dest)
{
	if (dest->lacks_modes)
		destination_warn(dest,
				 "`%s`: this file system does not keep permissions; "
				 "files have those that it gives them",
				 dest->places.shown);
	else
		say_left(dest, &dest->modes.left, "mode");
	say_left(dest, &dest->times_left, "time");
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
		stages_remove(dest);
		err = dest->options.look_again ? alike_look_again(&dest->places, error)
					       : 0;
	}
	if (!err)
		err = modes_set_kept(&dest->modes, &dest->changed, error);
	if (!err)
		say_what_is_left(dest);
	dest->finished = !err;
	return err;
}
