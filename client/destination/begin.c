/* What can be made before any bytes have come. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "client/destination/file.h"
#include "client/destination/internal.h"
#include "client/terminal/interrupts.h"
#include "proto/base/cleanup.h"
#include "proto/base/descriptor_limit.h"

/* ---- stages ---- */

/* A directory that is there and will be changed. */
static int prepare_parent(struct materialise *m, uint32_t directory, struct error *error)
{
	places_mount(&m->places, directory)->needed = true;
	if (is_marked(&m->places, directory, MARK_PREPARED))
		return 0;
	set_mark(&m->places, directory, MARK_PREPARED);
	return modes_unlock(&m->modes, directory, 0700, error);
}

static int prepare_parents(struct materialise *m, struct error *error)
{
	int err = 0;
	uint32_t entry = 1;
	while (!err && entry < m->places.table->entry_count) {
		if (place_of(&m->places, entry) != PLACE_STAGED) {
			entry++;
			continue;
		}
		err = prepare_parent(m, m->places.table->entries[entry].parent, error);
		entry = view_table_end(m->places.table, entry);
	}
	return err;
}

static int make_stage(struct materialise *m, struct mount *mount, struct error *error)
{
	int err = modes_unlock(&m->modes, mount->entry, 0700, error);
	int fd = err ? -1 : places_fd(&m->places, 0, mount->entry);
	if (err)
		return err;
	if (fd < 0)
		return places_error(&m->places, mount->entry, errno, "cannot be opened",
				    error);
	stage_sweep(fd);
	if (stage_make(&mount->stage, fd, "") != 0)
		return places_error(&m->places, mount->entry, errno,
				    "a staging directory cannot be made in it", error);
	return 0;
}

static int make_stages(struct materialise *m, struct error *error)
{
	int err = prepare_parents(m, error);
	for (size_t i = 0; !err && i < m->places.mount_count; i++)
		if (m->places.mounts[i].needed || m->options.delete_extra)
			err = make_stage(m, &m->places.mounts[i], error);
	return err;
}

/* ---- what the file system makes of modes ---- */

/* Access control lists that are inherited, and some file systems, give another mode than
 * the one asked for. */
static void probe_modes(struct materialise *m, int fd)
{
	static const char name[] = "probe";
	int file AUTO_FD =
		openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0777);
	struct stat stat;
	m->must_chmod = file < 0 || fstat(file, &stat) != 0 ||
			(stat.st_mode & 07777) != 0777;
	if (file >= 0)
		(void)unlinkat(fd, name, 0);
}

static void probe(struct materialise *m)
{
	if (m->missing)
		probe_modes(m, m->places.root_fd);
	for (size_t i = 0; i < m->places.mount_count && !m->must_chmod; i++)
		if (m->places.mounts[i].stage.fd >= 0)
			probe_modes(m, m->places.mounts[i].stage.fd);
}

/* ---- entries ---- */

/* With its owner's permissions until the end. */
static int make_directory(struct materialise *m, unsigned worker, uint32_t entry,
			  struct error *error)
{
	const struct view_entry *row = &m->places.table->entries[entry];
	mode_t mode = row->implied ? 0777 & ~m->umask_before : row->mode;
	struct spot spot;
	if (places_spot(&m->places, worker, entry, &spot) != 0 ||
	    mkdirat(spot.fd, spot.name, mode | 0700) != 0)
		return places_error(&m->places, entry, errno, "cannot be made", error);
	return 0;
}

static int make_link(struct materialise *m, unsigned worker, uint32_t entry,
		     struct error *error)
{
	struct spot spot;
	if (places_spot(&m->places, worker, entry, &spot) != 0 ||
	    symlinkat(view_table_target(m->places.table, entry), spot.fd, spot.name) != 0)
		return places_error(&m->places, entry, errno, "cannot be made", error);
	struct timespec time = entry_time(&m->places.table->entries[entry]);
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time};
	if (!m->options.times_now &&
	    utimensat(spot.fd, spot.name, times, AT_SYMLINK_NOFOLLOW) != 0)
		return places_error(&m->places, entry, errno, "its time cannot be set",
				    error);
	struct stat stat;
	if (m->known.notes &&
	    fstatat(spot.fd, spot.name, &stat, AT_SYMLINK_NOFOLLOW) == 0)
		known_note_made(&m->known, entry, &stat);
	return file_complete(m, worker, entry, error);
}

static bool is_large(const struct materialise *m, uint32_t entry)
{
	const struct view_entry *row = &m->places.table->entries[entry];
	return row->type == ROW_FILE && row->unit_count > 1 &&
	       place_of(&m->places, entry) != PLACE_KEPT;
}

static int make_entry(struct materialise *m, unsigned worker, uint32_t entry,
		      struct error *error)
{
	const struct view_entry *row = &m->places.table->entries[entry];
	if (entry % 256 == 0 && interrupts_pending())
		return error_set(error, ERR_INTERRUPTED, "interrupted");
	if (place_of(&m->places, entry) == PLACE_KEPT)
		return 0;
	if (row->type == ROW_DIRECTORY)
		return make_directory(m, worker, entry, error);
	if (row->type == ROW_SYMLINK)
		return make_link(m, worker, entry, error);
	return row->unit_count == 0 ? file_make_empty(m, worker, entry, error) : 0;
}

static int make_range(void *context, unsigned worker, uint32_t first, uint32_t end,
		      struct error *error)
{
	struct materialise *m = context;
	int err = 0;
	for (uint32_t entry = first; !err && entry < end; entry++)
		if (!ranges_are_below(&m->ranges, entry))
			err = make_entry(m, worker, entry, error);
	return err;
}

static int make_entries(struct materialise *m, struct error *error)
{
	uint32_t count = m->places.table->entry_count;
	int err = 0;
	for (uint32_t entry = 1; !err && entry < count; entry++)
		if (ranges_are_below(&m->ranges, entry))
			err = make_entry(m, 0, entry, error);
	if (!err)
		err = ranges_each(&m->ranges, make_range, m, error);
	for (uint32_t entry = 1; !err && entry < count; entry++)
		if (is_large(m, entry))
			err = file_make_large(m, entry, error);
	return err;
}

int materialise_begin(struct materialise *m, struct error *error)
{
	int err = m->missing ? root_make(m, error) : make_stages(m, error);
	if (err)
		return err;
	known_note_device(&m->known);
	m->umask_before = umask(0);
	m->has_umask = true;
	/* Each worker keeps some directories open. */
	descriptor_limit_raise();
	probe(m);
	m->ranges = ranges_of(m->places.table);
	return make_entries(m, error);
}
