#include "client/place/modes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/files/path_fd.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

void modes_fini(struct modes *modes)
{
	free(modes->restores);
}

/* ---- while work goes on ---- */

static void remember(struct modes *modes, uint32_t entry, mode_t mode)
{
	array_make_room(modes->restores, modes->count, modes->room);
	modes->restores[modes->count++] = (struct restore){.entry = entry, .mode = mode};
}

/* O_PATH, which needs no permission on the directory itself. */
static int open_path_fd(struct places *places, uint32_t entry)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (entry == VIEW_ROOT)
		return fcntl(places->root_fd, F_DUPFD_CLOEXEC, 0);
	struct spot spot;
	if (places_home(places, 0, entry, &spot) != 0)
		return -1;
	return openat(spot.fd, spot.name, flags);
}

int modes_unlock(struct modes *modes, uint32_t entry, mode_t need, struct error *error)
{
	int fd AUTO_FD = open_path_fd(modes->places, entry);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) != 0)
		return places_error(modes->places, entry, errno, "cannot be opened",
				    error);
	if ((stat.st_mode & need) == need)
		return 0;
	if (path_fd_chmod(fd, (stat.st_mode & 07777) | 0700) != 0)
		return unmet_is(errno) ? 0
				       : places_error(modes->places, entry, errno,
						      "cannot be made writable", error);
	remember(modes, entry, stat.st_mode & 07777);
	return 0;
}

/* ---- at the end ---- */

static int compare_restores(const void *a, const void *b)
{
	const struct restore *first = a;
	const struct restore *second = b;
	return (first->entry < second->entry) - (first->entry > second->entry);
}

/* Deepest first. */
static void sort(struct modes *modes)
{
	if (modes->count > 0)
		qsort(modes->restores, modes->count, sizeof(*modes->restores),
		      compare_restores);
}

int modes_restore(struct modes *modes, struct error *error)
{
	sort(modes);
	int err = 0;
	for (size_t i = 0; i < modes->count; i++) {
		const struct restore *restore = &modes->restores[i];
		int fd AUTO_FD = open_path_fd(modes->places, restore->entry);
		if ((fd < 0 || path_fd_chmod(fd, restore->mode) != 0) &&
		    !unmet_note(&modes->left, restore->entry, errno) && !err)
			err = places_error(modes->places, restore->entry, errno,
					   "its mode cannot be set", error);
	}
	modes->count = 0;
	return err;
}

/* The modes of rows replace those that would be restored. */
static int add_row_mode(struct modes *modes, uint32_t entry, size_t sorted,
			struct error *error)
{
	mode_t mode = modes->places->table->entries[entry].mode;
	struct restore key = {.entry = entry};
	struct restore *known = NULL;
	if (sorted > 0)
		known = bsearch(&key, modes->restores, sorted, sizeof(key),
				compare_restores);
	if (known) {
		known->mode = (known->mode & 07000) | mode;
		return 0;
	}
	int fd AUTO_FD = open_path_fd(modes->places, entry);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) != 0)
		return places_error(modes->places, entry, errno, "cannot be opened",
				    error);
	remember(modes, entry, (stat.st_mode & 07000) | mode);
	return 0;
}

int modes_set_kept(struct modes *modes, bool *ret_changed, struct error *error)
{
	const struct view_table *table = modes->places->table;
	size_t sorted = modes->count;
	sort(modes);
	int err = 0;
	for (uint32_t entry = 1; !err && entry < table->entry_count; entry++)
		if (table->entries[entry].type == ROW_DIRECTORY &&
		    place_of(modes->places, entry) == PLACE_KEPT &&
		    is_marked(modes->places, entry, MARK_MODE)) {
			*ret_changed = true;
			err = add_row_mode(modes, entry, sorted, error);
		}
	return err ? err : modes_restore(modes, error);
}
