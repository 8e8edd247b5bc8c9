/* From the stage to its place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "client/destination/internal.h"
#include "client/destination/meet.h"
#include "client/files/rename.h"
#include "proto/base/cleanup.h"

/* How often something else may come to lie in the place of one entry. */
#define MEETINGS_MAX 100

static void trash_name(struct destination *dest, char ret_name[32])
{
	unsigned long number = (unsigned long)__atomic_fetch_add(&dest->trash_count, 1,
								 __ATOMIC_RELAXED);
	(void)snprintf(ret_name, 32, "old-%lx", number);
}

int move_to_trash(struct destination *dest, const struct spot *home, int stage_fd)
{
	char name[32];
	trash_name(dest, name);
	return rename_moved(home->fd, home->name, stage_fd, name);
}

/* What lies in the way and would not be replaced by a rename. */
static int clear_place(struct destination *dest, uint32_t entry, const struct spot *home,
		       int stage_fd)
{
	if (is_marked(&dest->places, entry, MARK_TRASH))
		return move_to_trash(dest, home, stage_fd);
	if (!is_marked(&dest->places, entry, MARK_OBSTACLE))
		return 0;
	bool directory = dest->places.table->entries[entry].type != ROW_DIRECTORY;
	int err = unlinkat(home->fd, home->name, directory ? AT_REMOVEDIR : 0);
	return err && errno == ENOENT ? 0 : err;
}

static uint64_t files_in(const struct view_table *table, uint32_t entry)
{
	uint64_t files = 0;
	uint32_t end = view_table_end(table, entry);
	for (uint32_t at = entry; at < end; at++)
		files += table->entries[at].type == ROW_FILE;
	return files;
}

/* 0, or -1 and errno. */
static int put_into_place(struct destination *dest, unsigned worker, uint32_t entry)
{
	struct spot home;
	struct spot stage;
	if (places_home(&dest->places, worker, entry, &home) != 0)
		return -1;
	(void)places_spot(&dest->places, worker, entry, &stage);
	if (is_marked(&dest->places, entry, MARK_OBSTACLE | MARK_TRASH))
		__atomic_store_n(&dest->changed, true, __ATOMIC_RELAXED);
	if (clear_place(dest, entry, &home, stage.fd) != 0)
		return -1;
	return is_marked(&dest->places, entry, MARK_REPLACE)
		       ? renameat(stage.fd, stage.name, home.fd, home.name)
		       : rename_new(stage.fd, stage.name, home.fd, home.name);
}

/* That something lies there now which did not, or was of another type. */
static bool is_taken(int number)
{
	return number == EEXIST || number == ENOTEMPTY || number == EISDIR ||
	       number == ENOTDIR;
}

/* What makes it impossible, where that can be told. */
static int cannot_put(struct destination *dest, unsigned worker, uint32_t entry,
		      struct error *error)
{
	int number = errno;
	char what[128] = "cannot be put into its place";
	struct spot home;
	struct stat parent, there;
	if (places_home(&dest->places, worker, entry, &home) != 0 ||
	    fstat(home.fd, &parent) != 0)
		return places_error(&dest->places, entry, number, what, error);
	places_note_locked(&dest->places, &parent);
	bool is_there = fstatat(home.fd, home.name, &there, AT_SYMLINK_NOFOLLOW) == 0;
	if (number == EBUSY)
		(void)snprintf(what, sizeof(what), "something is mounted there");
	else if (number == EPERM && is_there && (parent.st_mode & S_ISVTX) &&
		 there.st_uid != geteuid())
		(void)snprintf(
			what, sizeof(what),
			"belongs to user %u, and its folder is sticky: nobody else "
			"may replace it",
			(unsigned)there.st_uid);
	else if (number == EACCES && parent.st_uid != geteuid())
		(void)snprintf(what, sizeof(what),
			       "cannot be put into its folder, which belongs to user %u",
			       (unsigned)parent.st_uid);
	return places_cannot(&dest->places, entry, number, what, error);
}

int publish_entry(struct destination *dest, unsigned worker, uint32_t entry,
		  struct error *error)
{
	for (int left = MEETINGS_MAX; put_into_place(dest, worker, entry) != 0; left--) {
		if (!is_taken(errno) || left == 0)
			return cannot_put(dest, worker, entry, error);
		int err = meet_entry(dest, worker, entry, error);
		if (err || place_of(&dest->places, entry) == PLACE_KEPT)
			return err;
	}
	set_mark(&dest->places, entry, MARK_DONE);
	__atomic_store_n(&dest->changed, true, __ATOMIC_RELAXED);
	(void)__atomic_fetch_add(&dest->written, files_in(dest->places.table, entry),
				 __ATOMIC_RELAXED);
	return 0;
}

/* Back into the stage, which goes away with it. */
static int take_back(struct destination *dest, uint32_t entry)
{
	struct spot home;
	if (places_home(&dest->places, 0, entry, &home) != 0)
		return -1;
	char name[32];
	trash_name(dest, name);
	return renameat(home.fd, home.name, dest->places.mounts[0].stage.fd, name);
}

void take_back_all(struct destination *dest)
{
	bool all = true;
	for (uint32_t entry = 1; entry < dest->places.table->entry_count; entry++)
		if (is_marked(&dest->places, entry, MARK_DONE) &&
		    take_back(dest, entry) != 0)
			all = false;
	if (all)
		dest->changed = false;
}
