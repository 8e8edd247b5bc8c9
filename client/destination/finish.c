/* The end: what waited for all bytes to be there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/destination/internal.h"
#include "proto/base/cleanup.h"

/* ---- directories that were made ---- */

static mode_t directory_mode(const struct materialise *m, uint32_t entry)
{
	const struct view_entry *row = &m->places.table->entries[entry];
	return row->implied ? 0777 & ~m->umask_before : row->mode;
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
static int dress_directory(struct materialise *m, unsigned worker, uint32_t entry,
			   struct error *error)
{
	const struct view_entry *row = &m->places.table->entries[entry];
	mode_t mode = directory_mode(m, entry);
	bool staged = place_of(&m->places, entry) == PLACE_STAGED;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, entry_time(row)};
	int fd = places_fd(&m->places, worker, entry);
	if (fd < 0 ||
	    (!row->implied && !m->options.times_now && futimens(fd, times) != 0) ||
	    ((m->must_chmod || lacks_owner_mode(mode)) &&
	     set_mode(fd, staged ? mode | 0700 : mode) != 0))
		return places_error(&m->places, entry, errno,
				    "its mode or time cannot be set", error);
	known_note_fd(&m->known, entry, fd);
	return 0;
}

static bool is_to_dress(const struct materialise *m, uint32_t entry)
{
	return m->places.table->entries[entry].type == ROW_DIRECTORY &&
	       place_of(&m->places, entry) != PLACE_KEPT;
}

/* Deepest first, so that none is closed before what is in it. */
static int dress_range(void *context, unsigned worker, uint32_t first, uint32_t end,
		       struct error *error)
{
	struct materialise *m = context;
	int err = 0;
	for (uint32_t entry = end; !err && entry-- > first;)
		if (is_to_dress(m, entry) && !ranges_are_below(&m->ranges, entry))
			err = dress_directory(m, worker, entry, error);
	return err;
}

static int dress_directories(struct materialise *m, struct error *error)
{
	int err = ranges_each(&m->ranges, dress_range, m, error);
	for (uint32_t entry = m->places.table->entry_count; !err && --entry > 0;)
		if (is_to_dress(m, entry) && ranges_are_below(&m->ranges, entry))
			err = dress_directory(m, 0, entry, error);
	return err;
}

/* ---- what is still staged ---- */

static int publish_staged(struct materialise *m, uint32_t entry, struct error *error)
{
	int err = publish_entry(m, 0, entry, error);
	if (err || m->places.table->entries[entry].type != ROW_DIRECTORY ||
	    !lacks_owner_mode(directory_mode(m, entry)))
		return err;
	int fd = places_fd(&m->places, 0, entry);
	if (fd < 0 || set_mode(fd, directory_mode(m, entry)) != 0)
		return places_error(&m->places, entry, errno, "its mode cannot be set",
				    error);
	return 0;
}

static int publish_all(struct materialise *m, struct error *error)
{
	int err = 0;
	for (uint32_t entry = 1; !err && entry < m->places.table->entry_count;) {
		uint32_t at = entry++;
		if (place_of(&m->places, at) != PLACE_STAGED)
			continue;
		entry = view_table_end(m->places.table, at);
		if (!is_marked(&m->places, at, MARK_DONE))
			err = publish_staged(m, at, error);
	}
	return err;
}

/* ---- what was there ---- */

/* The time of a file or link that is kept. That the file is another's to change is no
 * failure: its bytes are right. */
static int retime(struct materialise *m, uint32_t entry, struct error *error)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
				    entry_time(&m->places.table->entries[entry])};
	struct spot home;
	if (places_home(&m->places, 0, entry, &home) != 0)
		return places_error(&m->places, entry, errno, "its time cannot be set",
				    error);
	m->changed = true;
	if (m->places.table->entries[entry].type == ROW_SYMLINK) {
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

static int retime_all(struct materialise *m, struct error *error)
{
	int err = 0;
	for (uint32_t entry = 1; !err && entry < m->places.table->entry_count; entry++)
		if (place_of(&m->places, entry) == PLACE_KEPT &&
		    is_marked(&m->places, entry, MARK_RETIME))
			err = retime(m, entry, error);
	return err;
}

int materialise_finish(struct materialise *m, struct error *error)
{
	int err = dress_directories(m, error);
	known_settle(&m->known);
	if (!err)
		err = m->missing ? root_publish(m, error) : publish_all(m, error);
	if (!err && m->options.delete_extra && !m->missing)
		err = delete_extras(m, error);
	if (!err)
		err = retime_all(m, error);
	if (!err) {
		/* while the directories that they are in may still be written to */
		remove_stages(m);
		err = modes_set_kept(&m->modes, &m->changed, error);
	}
	m->finished = !err;
	return err;
}
