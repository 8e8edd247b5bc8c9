#include "client/destination/meet.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "client/files/rename.h"
#include "client/place/alike.h"
#include "proto/base/cleanup.h"

/* ---- a directory where a directory belongs ---- */

int meet_stage_children(struct destination *dest, uint32_t directory, int from_fd,
			struct error *error)
{
	const struct view_table *table = dest->places.table;
	uint32_t end = view_table_end(table, directory);
	for (uint32_t at = directory + 1; at < end; at = view_table_end(table, at)) {
		struct spot spot;
		set_place(&dest->places, at, PLACE_STAGED, 0);
		known_forget(&dest->known, at);
		(void)places_spot(&dest->places, 0, at, &spot);
		if (rename_moved(from_fd, view_table_name(table, at), spot.fd, spot.name))
			return places_error(&dest->places, at, errno,
					    "cannot be put into its place", error);
	}
	return 0;
}

static int merge(struct destination *dest, uint32_t entry, const struct stat *there,
		 struct error *error)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	int made = places_fd(&dest->places, 0, entry);
	int from AUTO_FD = made < 0 ? -1 : fcntl(made, F_DUPFD_CLOEXEC, 0);
	if (from < 0)
		return places_error(&dest->places, entry, errno, "cannot be opened",
				    error);
	int err = meet_stage_children(dest, entry, from, error);
	if (err)
		return err;
	places_moved(&dest->places, entry);
	known_forget(&dest->known, entry);
	bool differs = !row->implied && !dest->options.keep_existing &&
		       (there->st_mode & 0777) != row->mode;
	set_place(&dest->places, entry, PLACE_KEPT, differs ? MARK_MODE : 0);
	return modes_unlock(&dest->modes, entry, 0700, error);
}

/* ---- anything else ---- */

static int meet_directory(struct destination *dest, uint32_t entry,
			  const struct spot *home, struct error *error)
{
	if (unlinkat(home->fd, home->name, AT_REMOVEDIR) == 0)
		return 0;
	if (!dest->options.delete_extra || extra_has_mounts(dest, entry) ||
	    !extra_may_go(dest, entry, home))
		return places_error(&dest->places, entry, 0,
				    "a directory with something in it was put where a "
				    "file belongs while this attach was running",
				    error);
	set_mark(&dest->places, entry, MARK_TRASH);
	return 0;
}

static int meet(struct destination *dest, uint32_t entry, const struct spot *home,
		const struct stat *there, struct error *error)
{
	bool is_directory = dest->places.table->entries[entry].type == ROW_DIRECTORY;
	if (is_directory && S_ISDIR(there->st_mode))
		return merge(dest, entry, there, error);
	if (dest->options.keep_existing && is_directory != S_ISDIR(there->st_mode))
		return destination_refuse_type(dest, entry, error);
	if (S_ISDIR(there->st_mode))
		return meet_directory(dest, entry, home, error);
	if (is_directory)
		set_mark(&dest->places, entry, MARK_OBSTACLE);
	else
		destination_replace(dest, entry);
	return 0;
}

int meet_entry(struct destination *dest, unsigned worker, uint32_t entry,
	       struct error *error)
{
	struct spot home;
	struct stat there;
	set_place(&dest->places, entry, PLACE_STAGED, 0);
	if (places_home(&dest->places, worker, entry, &home) != 0 ||
	    fstatat(home.fd, home.name, &there, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0
				       : places_error(&dest->places, entry, errno,
						      "cannot be looked at", error);
	int err = alike_refuse(&dest->places, worker, entry, error);
	if (!err)
		err = meet(dest, entry, &home, &there, error);
	if (!err)
		__atomic_store_n(&dest->is_shared, true, __ATOMIC_RELAXED);
	return err;
}
