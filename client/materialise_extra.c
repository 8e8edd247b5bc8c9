/* What DIR has and the view does not. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/connection.h"
#include "client/materialise_private.h"
#include "proto/cleanup.h"

/* The names that the view has in one directory, ascending; borrowed from the table. */
struct names {
	const char **items; /* owned */
	size_t count;
	size_t room;
};

static void names_fini(struct names *names)
{
	free(names->items);
}

static void names_of(const struct view_table *table, uint32_t directory,
		     struct names *names)
{
	names->count = 0;
	uint32_t end = view_table_end(table, directory);
	for (uint32_t at = directory + 1; at < end; at = view_table_end(table, at)) {
		if (names->count == names->room) {
			names->room = names->room ? names->room * 2 : 64;
			names->items = must_realloc(names->items,
						    names->room * sizeof *names->items);
		}
		names->items[names->count++] = view_table_name(table, at);
	}
}

/* In manifest order siblings ascend by their bytes. */
static int compare_names(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

static bool has_name(const struct names *names, const char *name)
{
	return names->count > 0 && bsearch(name, names->items, names->count,
					   sizeof *names->items, compare_names);
}

static bool is_directory(int fd, const struct dirent *found)
{
	struct stat stat;
	if (found->d_type != DT_UNKNOWN)
		return found->d_type == DT_DIR;
	return fstatat(fd, found->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(stat.st_mode);
}

struct extras {
	struct materialise *m; /* borrowed */
	struct names names;    /* owned */
	on_extra *call;
	void *context; /* borrowed */
};

static void extras_fini(struct extras *extras)
{
	names_fini(&extras->names);
}

static int each_in(struct extras *extras, uint32_t directory, DIR *stream,
		   struct error *error)
{
	struct dirent *found;
	int err = 0;
	while (!err && (found = readdir(stream)) != NULL) {
		const char *name = found->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    has_name(&extras->names, name))
			continue;
		bool is_dir = is_directory(dirfd(stream), found);
		if (is_dir && stage_is_name(name))
			continue; /* ours, or of an attach that lives */
		err = extras->call(extras->context, directory, name, is_dir, error);
	}
	return err;
}

static int each_extra_in(struct extras *extras, uint32_t directory, struct error *error)
{
	struct materialise *m = extras->m;
	int fd = directory_fd(m, 0, directory);
	int again AUTO_FD = fd < 0 ? -1
				   : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream AUTO_DIR = again < 0 ? NULL : fdopendir(again);
	if (!stream)
		return entry_error(m, directory, errno, "cannot be listed", error);
	(void)take_fd(&again);
	names_of(m->table, directory, &extras->names);
	return each_in(extras, directory, stream, error);
}

int each_extra(struct materialise *m, on_extra *call, void *context, struct error *error)
{
	struct extras extras AUTO(extras_fini) = {
		.m = m, .call = call, .context = context};
	int err = 0;
	for (uint32_t entry = 0; !err && entry < m->table->entry_count; entry++) {
		if (interrupts_pending())
			return error_set(error, ERR_INTERRUPTED, "interrupted");
		if (m->table->entries[entry].type == ROW_DIRECTORY &&
		    place_of(m, entry) == PLACE_KEPT)
			err = each_extra_in(&extras, entry, error);
	}
	return err;
}

/* ---- deleting ---- */

static int delete_one(struct materialise *m, const struct spot *home, int stage_fd,
		      bool is_dir)
{
	if (!is_dir)
		return unlinkat(home->fd, home->name, 0);
	if (unlinkat(home->fd, home->name, AT_REMOVEDIR) == 0)
		return 0;
	return move_to_trash(m, home, stage_fd);
}

static int on_delete(void *context, uint32_t directory, const char *name, bool is_dir,
		     struct error *error)
{
	struct materialise *m = context;
	int err = unlock_directory(m, directory, 0700, error);
	if (err)
		return err;
	struct spot home = {.fd = directory_fd(m, 0, directory), .name = name};
	m->changed = true;
	if (home.fd >= 0 &&
	    delete_one(m, &home, mount_of(m, directory)->stage.fd, is_dir) == 0)
		return 0;
	char *shown AUTO_FREE = entry_shown(m, directory);
	return error_set_errno(error, ERR_LOCAL, errno, "`%s/%s`: cannot be deleted",
			       shown, name);
}

int delete_extras(struct materialise *m, struct error *error)
{
	return each_extra(m, on_delete, m, error);
}
