/* What DIR has and the view does not. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/destination/internal.h"
#include "client/terminal/interrupts.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

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
		array_make_room(names->items, names->count, names->room);
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
					   sizeof(*names->items), compare_names);
}

/* What cannot be looked at may be one, and is no file to be removed. */
static bool is_directory(int fd, const struct dirent *found)
{
	struct stat stat;
	if (found->d_type != DT_UNKNOWN)
		return found->d_type == DT_DIR;
	return fstatat(fd, found->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
	       S_ISDIR(stat.st_mode);
}

struct extras {
	struct destination *dest; /* borrowed */
	struct names names;    /* owned */
	struct buffer path;    /* owned; of what is looked at */
	uint32_t directory;    /* of the view */
	on_extra *call;
	void *context; /* borrowed */
};

static void extras_fini(struct extras *extras)
{
	names_fini(&extras->names);
	buffer_fini(&extras->path);
}

static void append_name(struct buffer *path, const char *name)
{
	if (path->len > 0)
		buffer_put_u8(path, '/');
	buffer_put(path, name, strlen(name));
}

static int extra_error(const struct extras *extras, struct error *error)
{
	char *shown AUTO_FREE =
		escape_encode((const char *)extras->path.at, extras->path.len);
	return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be listed", shown);
}

static DIR *open_below(int fd, const char *name)
{
	int below AUTO_FD =
		openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = below < 0 ? NULL : fdopendir(below);
	if (stream)
		(void)take_fd(&below);
	return stream;
}

/* Whether something that is excluded lies below a directory: 1, 0, or -1 and errno. */
static int holds_excluded(const struct glob_set *exclude, struct buffer *path, int fd,
			  const char *name)
{
	DIR *stream AUTO_DIR = open_below(fd, name);
	size_t len = path->len;
	struct dirent *found;
	int holds = stream ? 0 : -1;
	while (holds == 0 && (errno = 0, found = readdir(stream)) != NULL) {
		if (path_is_dots(found->d_name, strlen(found->d_name)))
			continue;
		bool is_dir = is_directory(dirfd(stream), found);
		append_name(path, found->d_name);
		if (glob_set_matches_itself(exclude, (const char *)path->at, path->len,
					    is_dir))
			holds = 1;
		else if (is_dir)
			holds = holds_excluded(exclude, path, dirfd(stream),
					       found->d_name);
		path->len = len;
	}
	return holds == 0 && errno != 0 ? -1 : holds;
}

static int each_in(struct extras *extras, DIR *stream, bool in_view, struct error *error);

static int each_below(struct extras *extras, const struct extra *extra,
		      struct error *error)
{
	DIR *stream AUTO_DIR = open_below(extra->fd, extra->name);
	if (!stream)
		return extra_error(extras, error);
	return each_in(extras, stream, false, error);
}

/* With a filter: all of it, a part of what is below it, or nothing. */
static int sift(struct extras *extras, const struct extra *extra, struct error *error)
{
	const struct glob_filter *filter = extras->dest->options.filter;
	bool taken =
		glob_filter_takes(filter, extra->path, extra->path_len, extra->is_dir);
	if (!extra->is_dir)
		return taken ? extras->call(extras->context, extra, error) : 0;
	if (!taken)
		return glob_filter_enters(filter, extra->path, extra->path_len)
			       ? each_below(extras, extra, error)
			       : 0;
	int holds =
		holds_excluded(&filter->exclude, &extras->path, extra->fd, extra->name);
	if (holds < 0)
		return extra_error(extras, error);
	return holds ? each_below(extras, extra, error)
		     : extras->call(extras->context, extra, error);
}

static int on_found(struct extras *extras, const struct extra *extra, struct error *error)
{
	return extras->dest->options.filter ? sift(extras, extra, error)
					    : extras->call(extras->context, extra, error);
}

/* in_view: it is a directory that the view has. */
static int each_in(struct extras *extras, DIR *stream, bool in_view, struct error *error)
{
	size_t len = extras->path.len;
	struct dirent *found;
	int err = 0;
	while (!err && (errno = 0, found = readdir(stream)) != NULL) {
		const char *name = found->d_name;
		if (path_is_dots(name, strlen(name)) ||
		    (in_view && has_name(&extras->names, name)))
			continue;
		bool is_dir = is_directory(dirfd(stream), found);
		if (in_view && is_dir && stage_is_one(dirfd(stream), name))
			continue; /* ours, or of an attach that lives */
		append_name(&extras->path, name);
		struct extra extra = {.fd = dirfd(stream),
				      .name = name,
				      .is_dir = is_dir,
				      .directory = extras->directory,
				      .is_direct = in_view};
		extra.path_len = extras->path.len;
		buffer_put_u8(&extras->path, 0);
		extra.path = (const char *)extras->path.at;
		extras->path.len--;
		err = on_found(extras, &extra, error);
		extras->path.len = len;
	}
	return !err && errno != 0 ? extra_error(extras, error) : err;
}

static int each_extra_in(struct extras *extras, uint32_t directory, struct error *error)
{
	struct destination *dest = extras->dest;
	int fd = places_fd(&dest->places, 0, directory);
	DIR *stream AUTO_DIR = fd < 0 ? NULL : open_below(fd, ".");
	if (!stream)
		return places_error(&dest->places, directory, errno, "cannot be listed",
				    error);
	char *path AUTO_FREE = view_table_path(dest->places.table, directory);
	buffer_clear(&extras->path);
	buffer_put(&extras->path, path, strlen(path));
	extras->directory = directory;
	names_of(dest->places.table, directory, &extras->names);
	return each_in(extras, stream, true, error);
}

int each_extra(struct destination *dest, on_extra *call, void *context,
	       struct error *error)
{
	struct extras extras AUTO(extras_fini) = {
		.dest = dest, .call = call, .context = context};
	int err = 0;
	for (uint32_t entry = 0; !err && entry < dest->places.table->entry_count;
	     entry++) {
		if (interrupts_pending())
			return error_set(error, ERR_INTERRUPTED, "interrupted");
		if (dest->places.table->entries[entry].type == ROW_DIRECTORY &&
		    place_of(&dest->places, entry) == PLACE_KEPT)
			err = each_extra_in(&extras, entry, error);
	}
	return err;
}

bool extra_may_go(struct destination *dest, uint32_t entry, const struct spot *home)
{
	const struct glob_filter *filter = dest->options.filter;
	if (!filter)
		return true;
	char *text AUTO_FREE = view_table_path(dest->places.table, entry);
	struct buffer path AUTO(buffer_fini) = {0};
	buffer_put(&path, text, strlen(text));
	return glob_filter_takes(filter, text, strlen(text), true) &&
	       holds_excluded(&filter->exclude, &path, home->fd, home->name) == 0;
}

/* ---- deleting ---- */

static int delete_one(struct destination *dest, const struct extra *extra)
{
	struct spot home = {.fd = extra->fd, .name = extra->name};
	if (!extra->is_dir)
		return unlinkat(home.fd, home.name, 0);
	if (unlinkat(home.fd, home.name, AT_REMOVEDIR) == 0)
		return 0;
	return move_to_trash(dest, &home,
			     places_mount(&dest->places, extra->directory)->stage.fd);
}

static int on_delete(void *context, const struct extra *extra, struct error *error)
{
	struct destination *dest = context;
	int err = extra->is_direct
			  ? modes_unlock(&dest->modes, extra->directory, 0700, error)
			  : 0;
	if (err)
		return err;
	dest->changed = true;
	if (delete_one(dest, extra) == 0)
		return 0;
	int number = errno;
	char *shown AUTO_FREE = escape_encode(extra->path, extra->path_len);
	return error_set_errno(error, ERR_LOCAL, number, "`%s/%s`: cannot be deleted",
			       dest->places.shown, shown);
}

int delete_extras(struct destination *dest, struct error *error)
{
	return each_extra(dest, on_delete, dest, error);
}
