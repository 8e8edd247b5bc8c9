/* What DIR has and the view does not. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/destination/internal.h"
#include "client/files/mount_points.h"
#include "client/place/alike.h"
#include "client/place/listing.h"
#include "client/terminal/interrupts.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

/* A name that the view has in one directory; borrowed from the table. */
struct view_name {
	const char *name;
	bool is_listed; /* it is there under this very name */
};

/* All of them, ascending. */
struct view_names {
	struct view_name *items; /* owned */
	size_t count;
	size_t room;
};

static void names_of(const struct view_table *table, uint32_t directory,
		     struct view_names *names)
{
	names->count = 0;
	uint32_t end = view_table_end(table, directory);
	for (uint32_t at = directory + 1; at < end; at = view_table_end(table, at)) {
		array_make_room(names->items, names->count, names->room);
		names->items[names->count++] =
			(struct view_name){.name = view_table_name(table, at)};
	}
}

/* In manifest order siblings ascend by their bytes. */
static int compare_names(const void *key, const void *item)
{
	return strcmp(key, ((const struct view_name *)item)->name);
}

/* NULL: the view does not have it. */
static struct view_name *find_name(const struct view_names *names, const char *name)
{
	return names->count > 0 ? bsearch(name, names->items, names->count,
					  sizeof(*names->items), compare_names)
				: NULL;
}

/* Whether what has the name is what the view calls otherwise (alike.h). */
static bool is_alias(const struct view_names *names, int fd, const char *name)
{
	struct stat stat;
	if (fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	for (size_t i = 0; i < names->count; i++)
		if (!names->items[i].is_listed &&
		    alike_is(fd, names->items[i].name, &stat))
			return true;
	return false;
}

/* What cannot be looked at may be one, and is no file to be removed. */
static bool is_directory(int fd, const char *name)
{
	struct stat stat;
	return fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
	       S_ISDIR(stat.st_mode);
}

static bool is_found_directory(int fd, const struct dirent *found)
{
	return found->d_type == DT_UNKNOWN ? is_directory(fd, found->d_name)
					   : found->d_type == DT_DIR;
}

struct extras {
	struct destination *dest;   /* borrowed */
	struct view_names names;    /* owned */
	struct listing others;      /* owned; what else is in the same directory */
	struct mount_points points; /* owned; below DIR */
	struct buffer path;         /* owned; of what is looked at */
	uint32_t directory;         /* of the view */
	on_extra *call;
	void *context; /* borrowed */
};

static void extras_fini(struct extras *extras)
{
	free(extras->names.items);
	listing_fini(&extras->others);
	mount_points_fini(&extras->points);
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
		bool is_dir = is_found_directory(dirfd(stream), found);
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

static int each_in(struct extras *extras, DIR *stream, struct error *error);

static int each_below(struct extras *extras, const struct extra *extra,
		      struct error *error)
{
	DIR *stream AUTO_DIR = open_below(extra->fd, extra->name);
	if (!stream)
		return errno == ENOENT ? 0 : extra_error(extras, error);
	return each_in(extras, stream, error);
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
		return !extra->is_mounted && glob_filter_enters(filter, extra->path,
								extra->path_len)
			       ? each_below(extras, extra, error)
			       : 0;
	int holds = extra->is_mounted ? 0
				      : holds_excluded(&filter->exclude, &extras->path,
						       extra->fd, extra->name);
	if (holds < 0)
		return errno == ENOENT ? 0 : extra_error(extras, error);
	return holds ? each_below(extras, extra, error)
		     : extras->call(extras->context, extra, error);
}

/* Whether it is one of Baton's own, and whether it leads to the daemon's data. */
static bool look_for_own(const struct extras *extras, struct extra *extra)
{
	const struct own_places *own = extras->dest->options.own;
	struct stat stat;
	if (!own || !extra->is_dir ||
	    fstatat(extra->fd, extra->name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	extra->own = own_places_what(own, stat.st_dev, stat.st_ino, -1);
	return own_places_holds_data(own, &stat);
}

/* What is mounted, or Baton's own, stays, and so do the directories that lead to it. */
static int on_found(struct extras *extras, struct extra *extra, struct error *error)
{
	const struct mount_points *points = &extras->points;
	bool leads = look_for_own(extras, extra);
	extra->is_mounted = extra->own ||
			    mount_points_has(points, extra->path, extra->path_len);
	if (!extra->is_mounted && extra->is_dir &&
	    (leads || mount_points_below(points, extra->path, extra->path_len)))
		return each_below(extras, extra, error);
	return extras->dest->options.filter ? sift(extras, extra, error)
					    : extras->call(extras->context, extra, error);
}

static int each_one(struct extras *extras, struct extra *extra, struct error *error)
{
	size_t len = extras->path.len;
	append_name(&extras->path, extra->name);
	extra->directory = extras->directory;
	extra->path_len = extras->path.len;
	buffer_put_u8(&extras->path, 0);
	extra->path = (const char *)extras->path.at;
	extras->path.len--;
	int err = on_found(extras, extra, error);
	extras->path.len = len;
	return err;
}

/* In a directory that the view does not have. */
static int each_in(struct extras *extras, DIR *stream, struct error *error)
{
	struct dirent *found;
	int err = 0;
	while (!err && (errno = 0, found = readdir(stream)) != NULL) {
		if (path_is_dots(found->d_name, strlen(found->d_name)))
			continue;
		struct extra extra = {.fd = dirfd(stream),
				      .name = found->d_name,
				      .is_dir = is_found_directory(dirfd(stream), found)};
		err = each_one(extras, &extra, error);
	}
	return !err && errno != 0 ? extra_error(extras, error) : err;
}

/* ---- in a directory of the view ---- */

static int list_others(struct extras *extras, DIR *stream, size_t *ret_in_view)
{
	struct dirent *found;
	while ((errno = 0, found = readdir(stream)) != NULL) {
		if (path_is_dots(found->d_name, strlen(found->d_name)))
			continue;
		struct view_name *known = find_name(&extras->names, found->d_name);
		*ret_in_view += known != NULL;
		if (known)
			known->is_listed = true;
		else
			listing_add(&extras->others, found->d_name);
	}
	return errno == 0 ? 0 : -1;
}

/* Stages are ours, or of an attach that lives. */
static int each_other(struct extras *extras, int fd, const char *name, bool has_aliases,
		      struct error *error)
{
	struct stat stat;
	if (fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
		return 0;
	struct extra extra = {.fd = fd,
			      .name = name,
			      .is_dir = is_directory(fd, name),
			      .is_direct = true};
	if ((extra.is_dir && stage_is_one(fd, name)) ||
	    (has_aliases && is_alias(&extras->names, fd, name)))
		return 0;
	return each_one(extras, &extra, error);
}

static int each_in_view(struct extras *extras, DIR *stream, struct error *error)
{
	size_t in_view = 0;
	listing_fini(&extras->others);
	if (list_others(extras, stream, &in_view) != 0)
		return extra_error(extras, error);
	bool has_aliases = in_view < extras->names.count;
	int err = 0;
	for (size_t i = 0; !err && i < extras->others.count; i++)
		err = each_other(extras, dirfd(stream), extras->others.names[i],
				 has_aliases, error);
	return err;
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
	return each_in_view(extras, stream, error);
}

int each_extra(struct destination *dest, on_extra *call, void *context,
	       struct error *error)
{
	struct extras extras AUTO(extras_fini) = {
		.dest = dest, .call = call, .context = context};
	mount_points_read(&extras.points, dest->places.root_fd);
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

bool extra_has_mounts(struct destination *dest, uint32_t entry)
{
	struct mount_points points AUTO(mount_points_fini) = {0};
	char *path AUTO_FREE = view_table_path(dest->places.table, entry);
	mount_points_read(&points, dest->places.root_fd);
	return mount_points_has(&points, path, strlen(path)) ||
	       mount_points_below(&points, path, strlen(path));
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
