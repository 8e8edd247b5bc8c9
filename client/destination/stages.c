/* The stages of an attach: one for each mount in DIR that is written to. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/destination/internal.h"
#include "proto/base/cleanup.h"

#define MODES 01000u
/* How often it is tried against others that close the directory again. */
#define REMOVALS_MAX 100

/* A directory that is there and will be changed. */
static int prepare_parent(struct destination *dest, uint32_t directory,
			  struct error *error)
{
	places_mount(&dest->places, directory)->needed = true;
	if (is_marked(&dest->places, directory, MARK_PREPARED))
		return 0;
	set_mark(&dest->places, directory, MARK_PREPARED);
	return modes_unlock(&dest->modes, directory, 0700, error);
}

static int prepare_parents(struct destination *dest, struct error *error)
{
	int err = 0;
	uint32_t entry = 1;
	while (!err && entry < dest->places.table->entry_count) {
		if (place_of(&dest->places, entry) != PLACE_STAGED) {
			entry++;
			continue;
		}
		err = prepare_parent(dest, dest->places.table->entries[entry].parent,
				     error);
		entry = view_table_end(dest->places.table, entry);
	}
	return err;
}

static int make_stage(struct destination *dest, struct mount *mount, struct error *error)
{
	if (mount->stage.fd >= 0)
		return 0;
	int err = modes_unlock(&dest->modes, mount->entry, 0700, error);
	int fd = err ? -1 : places_fd(&dest->places, 0, mount->entry);
	if (err)
		return err;
	if (fd < 0)
		return places_error(&dest->places, mount->entry, errno,
				    "cannot be opened", error);
	stage_sweep(fd);
	if (stage_make(&mount->stage, fd, "") == 0)
		return 0;
	int number = errno;
	struct stat stat;
	if (fstat(fd, &stat) == 0)
		places_note_locked(&dest->places, &stat);
	return places_error(&dest->places, mount->entry, number,
			    "a staging directory cannot be made in it", error);
}

int stages_make(struct destination *dest, struct error *error)
{
	int err = prepare_parents(dest, error);
	for (size_t i = 0; !err && i < dest->places.mount_count; i++) {
		struct mount *mount = &dest->places.mounts[i];
		struct error ignored;
		if (mount->needed)
			err = make_stage(dest, mount, error);
		else if (dest->options.delete_extra) /* there may be nothing to delete */
			(void)make_stage(dest, mount, &ignored);
	}
	return err;
}

/* Other attaches may have given the directory, which is read-only, its mode back. */
static void remove_again(struct mount *mount, int fd)
{
	struct stat stat;
	for (int left = REMOVALS_MAX; left > 0 && errno == EACCES; left--) {
		if (fstat(fd, &stat) != 0 || fchmod(fd, stat.st_mode | 0700) != 0)
			return;
		int err = unlinkat(fd, mount->stage.name, AT_REMOVEDIR);
		int number = errno;
		(void)fchmod(fd, stat.st_mode & 07777);
		errno = err ? number : 0;
	}
}

void stages_remove(struct destination *dest)
{
	for (size_t i = 0; i < dest->places.mount_count; i++) {
		struct mount *mount = &dest->places.mounts[i];
		int fd = mount->stage.fd < 0 ? -1
					     : places_fd(&dest->places, 0, mount->entry);
		if (fd >= 0 && stage_remove(&mount->stage, fd) != 0)
			remove_again(mount, fd);
		else if (mount->stage.fd >= 0)
			(void)close(take_fd(&mount->stage.fd));
	}
}

/* ---- what a file system makes of a mode ---- */

/* As file_make_empty() and dress_file() would give it. */
static mode_t try_mode(int stage_fd, mode_t mode)
{
	static const char name[] = "mode";
	struct stat stat;
	mode_t before = umask(0);
	int fd AUTO_FD =
		openat(stage_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	(void)umask(before);
	if (fd < 0)
		return mode;
	(void)fchmod(fd, mode);
	mode_t made = fstat(fd, &stat) == 0 ? stat.st_mode & 07777 : mode;
	(void)unlinkat(stage_fd, name, 0);
	return made;
}

mode_t stages_held_mode(struct destination *dest, uint32_t directory, mode_t mode)
{
	struct mount *mount = places_mount(&dest->places, directory);
	struct error ignored;
	if (dest->options.dry_run || make_stage(dest, mount, &ignored) != 0)
		return mode;
	if (!mount->held_modes)
		mount->held_modes = must_calloc(MODES, sizeof(*mount->held_modes));
	uint16_t *held = &mount->held_modes[mode % MODES];
	if (*held == 0)
		*held = (uint16_t)(try_mode(mount->stage.fd, mode) + 1);
	return *held - 1u;
}
