/* Deciding for each entry whether it is there, without writing anything. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "client/destination/internal.h"
#include "client/files/mount_points.h"
#include "client/terminal/interrupts.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

static bool time_differs(const struct view_entry *entry, const struct stat *stat)
{
	return stat->st_mtim.tv_sec != entry->seconds ||
	       stat->st_mtim.tv_nsec != (long)entry->nanoseconds;
}

/* What to do about the time of an entry that is kept. One with other hard links is left
 * alone: they may lie outside DIR. */
static unsigned time_mark(const struct destination *dest, uint32_t entry,
			  const struct stat *stat)
{
	return !dest->options.times_now && !dest->options.keep_existing &&
			       stat->st_nlink == 1 &&
			       time_differs(&dest->places.table->entries[entry], stat)
		       ? MARK_RETIME
		       : 0;
}

/* 1: nothing in it; 0: something; -1: errno. */
static int is_empty_directory(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	struct dirent *found;
	errno = 0;
	while ((found = readdir(directory)) != NULL)
		if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
			return 0;
	return errno == 0 ? 1 : -1;
}

/* A directory lies where a file or a link belongs. */
static int plan_over_directory(struct destination *dest, uint32_t entry,
			       const struct spot *home, struct error *error)
{
	if (extra_has_mounts(dest, entry))
		return places_error(&dest->places, entry, 0,
				    "something is mounted there, or in it, where a file "
				    "belongs; unmount it",
				    error);
	if (is_empty_directory(home->fd, home->name) > 0) {
		set_place(&dest->places, entry, PLACE_STAGED, MARK_OBSTACLE);
		return 0;
	}
	if (!dest->options.delete_extra)
		return places_error(&dest->places, entry, 0,
				    "a directory that is not empty lies where a file "
				    "belongs; move it away, or use --delete",
				    error);
	if (!extra_may_go(dest, entry, home))
		return places_error(&dest->places, entry, 0,
				    "a directory with something in it that --only or "
				    "--exclude leave alone lies where a file belongs; "
				    "move it away",
				    error);
	set_place(&dest->places, entry, PLACE_STAGED, MARK_TRASH);
	return 0;
}

static bool same_link(const struct destination *dest, uint32_t entry,
		      const struct spot *home)
{
	char there[LINK_TARGET_LEN_MAX + 1];
	const char *target = view_table_target(dest->places.table, entry);
	ssize_t len = readlinkat(home->fd, home->name, there, sizeof(there));
	return len >= 0 && (size_t)len == strlen(target) &&
	       memcmp(there, target, (size_t)len) == 0;
}

static int plan_link(struct destination *dest, uint32_t entry, const struct spot *home,
		     const struct stat *stat)
{
	bool provable = known_can_prove(&dest->known, entry, stat);
	if (!S_ISLNK(stat->st_mode) || !same_link(dest, entry, home)) {
		destination_replace(dest, entry);
		return 0;
	}
	set_place(&dest->places, entry, PLACE_KEPT, time_mark(dest, entry, stat));
	if (provable)
		known_note_kept(&dest->known, entry, stat);
	return 0;
}

/* Or what the file system makes of the row's. */
static bool has_mode(struct destination *dest, uint32_t entry, const struct stat *stat)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	mode_t mode = stat->st_mode & 07777;
	return mode == row->mode ||
	       mode == stages_held_mode(dest, row->parent, row->mode);
}

static int plan_file(struct destination *dest, uint32_t entry, const struct stat *stat)
{
	if (known_holds(&dest->known, entry, stat)) {
		set_place(&dest->places, entry, PLACE_KEPT, time_mark(dest, entry, stat));
		if (known_can_prove(&dest->known, entry, stat))
			known_note_kept(&dest->known, entry, stat);
		return 0;
	}
	/* All bits: a file that is there with setuid is not the one of the view. */
	if (S_ISREG(stat->st_mode) &&
	    (uint64_t)stat->st_size == view_table_size(dest->places.table, entry) &&
	    has_mode(dest, entry, stat))
		set_place(&dest->places, entry, PLACE_KEPT,
			  time_mark(dest, entry, stat) | MARK_COMPARE);
	else
		destination_replace(dest, entry);
	return 0;
}

static int plan_present_directory(struct destination *dest, uint32_t entry,
				  const struct spot *home, const struct stat *stat,
				  struct error *error)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	set_place(&dest->places, entry, PLACE_KEPT, 0);
	if (!row->implied && !dest->options.keep_existing &&
	    (stat->st_mode & 0777) != row->mode)
		set_mark(&dest->places, entry, MARK_MODE);
	uint64_t id = mount_points_id(home->fd, home->name);
	if (id != places_mount(&dest->places, row->parent)->id)
		places_add_mount(&dest->places, entry, id);
	if ((stat->st_mode & 0500) == 0500)
		return 0;
	return modes_unlock(&dest->modes, entry, 0500, error);
}

/* Nothing is written into the daemon's data, nor put in the place of what holds them. */
static int check_own(struct destination *dest, uint32_t entry, const struct stat *stat,
		     struct error *error)
{
	const struct own_places *own = dest->options.own;
	bool replaces = dest->places.table->entries[entry].type != ROW_DIRECTORY;
	if (!S_ISDIR(stat->st_mode) || (!own_places_is_data(own, stat) &&
					!(replaces && own_places_holds_data(own, stat))))
		return 0;
	return places_error(&dest->places, entry, 0,
			    "the daemon keeps its data there; attach elsewhere, or leave "
			    "that path out with --exclude",
			    error);
}

/* Something lies where the entry belongs. */
static int plan_present(struct destination *dest, uint32_t entry, const struct spot *home,
			const struct stat *stat, struct error *error)
{
	uint8_t type = dest->places.table->entries[entry].type;
	bool is_directory = S_ISDIR(stat->st_mode);
	if (dest->options.keep_existing && (type == ROW_DIRECTORY) != is_directory)
		return destination_refuse_type(dest, entry, error);
	if (type == ROW_DIRECTORY && is_directory)
		return plan_present_directory(dest, entry, home, stat, error);
	if (is_directory)
		return plan_over_directory(dest, entry, home, error);
	if (type == ROW_FILE)
		return plan_file(dest, entry, stat);
	if (type == ROW_SYMLINK)
		return plan_link(dest, entry, home, stat);
	set_place(&dest->places, entry, PLACE_STAGED, MARK_OBSTACLE);
	return 0;
}

static int plan_entry(struct destination *dest, uint32_t entry, struct error *error)
{
	struct spot home;
	struct stat stat;
	if (places_home(&dest->places, 0, entry, &home) != 0)
		return places_error(&dest->places,
				    dest->places.table->entries[entry].parent, errno,
				    "cannot be opened", error);
	if (fstatat(home.fd, home.name, &stat, AT_SYMLINK_NOFOLLOW) == 0) {
		int err = check_own(dest, entry, &stat, error);
		return err ? err : plan_present(dest, entry, &home, &stat, error);
	}
	if (errno != ENOENT)
		return places_error(&dest->places, entry, errno, "cannot be looked at",
				    error);
	set_place(&dest->places, entry, PLACE_STAGED, 0);
	return 0;
}

/* Decides for the entry and, where it is a new directory, for all below it. */
static int plan_from(struct destination *dest, uint32_t *entry, struct error *error)
{
	uint32_t at = *entry;
	if (at % 256 == 0 && interrupts_pending())
		return error_set(error, ERR_INTERRUPTED, "interrupted");
	int err = plan_entry(dest, at, error);
	*entry = at + 1;
	bool made = dest->places.table->entries[at].type == ROW_DIRECTORY &&
		    place_of(&dest->places, at) == PLACE_STAGED;
	if (err || !made)
		return err;
	places_set_new_below(&dest->places, at);
	*entry = view_table_end(dest->places.table, at);
	return 0;
}

/* Whether DIR holds nothing but stages that a killed attach left behind. */
static bool root_is_empty(struct destination *dest)
{
	int fd = openat(dest->places.root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	struct dirent *found;
	while ((errno = 0, found = readdir(directory)) != NULL)
		if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0 &&
		    !stage_is_one(dirfd(directory), found->d_name))
			return false;
	return errno == 0;
}

int plan_directory(struct destination *dest, struct error *error)
{
	places_add_mount(&dest->places, VIEW_ROOT,
			 dest->missing ? 0 : mount_points_id(dest->places.root_fd, ""));
	if (dest->missing) {
		set_place(&dest->places, VIEW_ROOT, PLACE_NEW, 0);
		places_set_new_below(&dest->places, VIEW_ROOT);
		return 0;
	}
	struct stat stat;
	int err = fstat(dest->places.root_fd, &stat) == 0
			  ? check_own(dest, VIEW_ROOT, &stat, error)
			  : 0;
	if (!err)
		err = modes_unlock(&dest->modes, VIEW_ROOT, 0500, error);
	if (!err && known_covers(&dest->known))
		return 0;
	dest->was_empty = root_is_empty(dest);
	for (uint32_t entry = 1; !err && entry < dest->places.table->entry_count;)
		err = plan_from(dest, &entry, error);
	return err ? err : compare_files(dest, error);
}
