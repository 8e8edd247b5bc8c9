#include "client/destination/destination.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/destination/internal.h"
#include "client/destination/turn.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"

/* ---- opening ---- */

/* DIR itself may be reached through links. */
static int open_root(struct destination *dest, struct error *error)
{
	dest->places.root_fd =
		open(dest->options.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dest->places.root_fd >= 0)
		return dest->options.dry_run
			       ? 0
			       : turn_take(dest, dest->places.root_fd, error);
	struct stat stat;
	if (errno == ENOTDIR)
		return error_set(error, ERR_LOCAL,
				 "`%s`: it, or something above it, is not a directory; "
				 "name another place",
				 dest->places.shown);
	if (errno != ENOENT)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       dest->places.shown);
	if (lstat(dest->options.directory, &stat) == 0)
		return error_set(error, ERR_LOCAL,
				 "`%s`: a symbolic link that leads nowhere",
				 dest->places.shown);
	if (errno != ENOENT)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       dest->places.shown);
	dest->missing = true;
	return 0;
}

int destination_open(const struct view_table *table,
		     const struct destination_options *options,
		     struct destination **ret_destination, struct error *error)
{
	struct destination *dest = must_calloc(1, sizeof(*dest));
	*ret_destination = dest;
	dest->options = *options;
	dest->parent_fd = dest->root_stage.fd = -1;
	places_init(&dest->places, table, options->directory);
	dest->modes.places = &dest->places;
	int err = open_root(dest, error);
	if (err)
		return err;
	known_open(&dest->known, &dest->places, &dest->options);
	return plan_directory(dest, error);
}

/* ---- asking ---- */

bool destination_needs(const struct destination *dest, uint32_t entry)
{
	return place_of(&dest->places, entry) != PLACE_KEPT;
}

struct destination_counts destination_counts(const struct destination *dest)
{
	struct destination_counts counts = {0};
	for (uint32_t entry = 0; entry < dest->places.table->entry_count; entry++) {
		bool existing = is_marked(&dest->places, entry, MARK_EXISTING);
		counts.kept += existing;
		if (dest->places.table->entries[entry].type != ROW_FILE)
			continue;
		counts.files++;
		counts.unchanged += !existing &&
				    place_of(&dest->places, entry) == PLACE_KEPT;
	}
	counts.written = __atomic_load_n(&dest->written, __ATOMIC_RELAXED);
	if (dest->missing && dest->finished)
		counts.written = counts.files;
	return counts;
}

struct path_listing {
	destination_on_path *on_path;
	void *context; /* borrowed */
};

static int list_extra(void *context, const struct extra *extra, struct error *error)
{
	(void)error;
	struct path_listing *listing = context;
	if (extra->is_mounted)
		return 0;
	char *path AUTO_FREE = escape_encode(extra->path, extra->path_len);
	listing->on_path(listing->context, DESTINATION_DELETE, path);
	return 0;
}

int destination_list(struct destination *dest, destination_on_path *on_path,
		     void *context, struct error *error)
{
	for (uint32_t entry = 1; entry < dest->places.table->entry_count; entry++) {
		bool kept = !destination_needs(dest, entry);
		if (kept && dest->places.table->entries[entry].type == ROW_DIRECTORY)
			continue;
		char *path AUTO_FREE = view_table_shown(dest->places.table, entry);
		on_path(context, kept ? DESTINATION_KEEP : DESTINATION_WRITE, path);
	}
	struct path_listing listing = {.on_path = on_path, .context = context};
	if (!dest->options.delete_extra || dest->missing)
		return 0;
	return each_extra(dest, list_extra, &listing, error);
}

/* ---- ending ---- */

bool destination_was_disturbed(const struct destination *dest)
{
	return __atomic_load_n(&dest->places.was_disturbed, __ATOMIC_RELAXED);
}

int destination_record(struct destination *dest, const struct record_base *base,
		       const struct record_view *view)
{
	return known_write(&dest->known, base, view);
}

/* Everything but the memory; again does nothing. */
static void clean_up(struct destination *dest)
{
	struct error ignored;
	if (!dest->finished && dest->was_empty && dest->changed && !dest->is_shared)
		take_back_all(dest);
	if (!dest->finished && dest->missing)
		root_take_back(dest);
	stages_remove(dest);
	if (dest->places.root_fd >= 0)
		(void)modes_restore(&dest->modes, &ignored);
	if (dest->has_umask)
		(void)umask(dest->umask_before);
	dest->has_umask = false;
}

void destination_close(struct destination *dest)
{
	if (!dest)
		return;
	clean_up(dest);
	if (dest->places.root_fd >= 0)
		(void)close(dest->places.root_fd);
	if (dest->parent_fd >= 0)
		(void)close(dest->parent_fd);
	free(dest->name);
	free(dest->large);
	known_fini(&dest->known);
	modes_fini(&dest->modes);
	places_fini(&dest->places);
	free(dest);
}

int destination_abandon(struct destination *dest, struct error *error)
{
	clean_up(dest);
	struct error why = *error;
	bool is_ours_to_mend = why.code == ERR_LOCAL || why.code == ERR_NO_ROOM;
	struct destination_counts counts = destination_counts(dest);
	if (!dest->changed)
		(void)error_set(error, why.code, "%s; `%s` is as it was", why.text,
				dest->places.shown);
	else
		(void)error_set(
			error, why.code,
			"%s; `%s` holds %" PRIu64 " of %" PRIu64 " files, each whole; %s",
			why.text, dest->places.shown, counts.unchanged + counts.written,
			counts.files,
			is_ours_to_mend
				? "once that is mended, the same command completes it"
				: "run the command again to complete it");
	int err = error->code;
	destination_close(dest);
	return err;
}
