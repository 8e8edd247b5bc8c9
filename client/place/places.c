#include "client/place/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/bounds.h"

void places_init(struct places *places, const struct view_table *table,
		 const char *directory)
{
	*places = (struct places){.table = table, .root_fd = -1};
	places->shown = escape_encode(directory, strlen(directory));
	places->states = must_calloc(table->entry_count, sizeof(*places->states));
}

/* ---- sentences ---- */

char *places_shown(const struct places *places, uint32_t entry)
{
	if (entry == VIEW_ROOT)
		return must_strdup(places->shown);
	char *path = view_table_shown(places->table, entry);
	if (strcmp(places->shown, ".") == 0)
		return path;
	char *below AUTO_FREE = path;
	size_t shown_len = strlen(places->shown);
	size_t len = shown_len + strlen(below) + 2;
	char *text = must_alloc(len);
	const char *slash = places->shown[shown_len - 1] == '/' ? "" : "/";
	(void)snprintf(text, len, "%s%s%s", places->shown, slash, below);
	return text;
}

int places_error(struct places *places, uint32_t entry, int number, const char *what,
		 struct error *error)
{
	char *shown AUTO_FREE = places_shown(places, entry);
	if (number == ENOENT || number == ENOTDIR || number == ESTALE)
		__atomic_store_n(&places->was_disturbed, true, __ATOMIC_RELAXED);
	if (number == 0)
		return error_set(error, ERR_LOCAL, "`%s`: %s", shown, what);
	return error_set_errno(error, ERR_LOCAL, number, "`%s`: %s", shown, what);
}

/* What Windows refuses in names, and its file systems here. */
static bool is_refused_by_windows(const char *name)
{
	size_t len = strlen(name);
	if (len > 0 && (name[len - 1] == '.' || name[len - 1] == ' '))
		return true;
	for (const char *at = name; *at; at++)
		if ((unsigned char)*at < ' ' || strchr("<>:\"|?*\\", *at))
			return true;
	return false;
}

/* NULL: it is not the name. */
static const char *wrong_with_name(const char *name, int number)
{
	if (number == ENAMETOOLONG)
		return "its name is too long for this file system";
	if (number == EILSEQ)
		return "its name is not UTF-8, and this file system takes no other";
	if (number == EINVAL && is_refused_by_windows(name))
		return "this file system takes no such name: as on Windows, none with < "
		       "> "
		       ": \" | ? * \\ or a control character in it, or a dot or a space "
		       "at its end";
	return NULL;
}

int places_cannot(struct places *places, uint32_t entry, int number, const char *what,
		  struct error *error)
{
	const char *wrong =
		wrong_with_name(view_table_name(places->table, entry), number);
	if (!wrong)
		return places_error(places, entry, number, what, error);
	char *shown AUTO_FREE = places_shown(places, entry);
	return error_set(error, ERR_LOCAL,
			 "`%s`: %s; attach elsewhere, or leave it out with --exclude",
			 shown, wrong);
}

void places_note_locked(struct places *places, const struct stat *directory)
{
	if (directory->st_uid == geteuid() && (directory->st_mode & 0300) != 0300)
		__atomic_store_n(&places->was_disturbed, true, __ATOMIC_RELAXED);
}

/* ---- descriptors ---- */

static void staged_name(uint32_t entry, char ret_name[16])
{
	(void)snprintf(ret_name, 16, "%x", entry);
}

static bool is_in_stage(const struct places *places, uint32_t entry)
{
	return place_of(places, entry) == PLACE_STAGED &&
	       !is_marked(places, entry, MARK_DONE);
}

/* DIR is the first mount and contains all others; of those that contain the directory
 * the last one is the innermost. */
struct mount *places_mount(struct places *places, uint32_t directory)
{
	size_t at = places->mount_count - 1;
	for (; at > 0; at--) {
		uint32_t entry = places->mounts[at].entry;
		if (directory >= entry &&
		    directory < view_table_end(places->table, entry))
			break;
	}
	return &places->mounts[at];
}

void places_add_mount(struct places *places, uint32_t entry, uint64_t id)
{
	places->mounts = must_realloc(places->mounts, (places->mount_count + 1) *
							      sizeof(*places->mounts));
	places->mounts[places->mount_count++] =
		(struct mount){.entry = entry, .id = id, .stage = {.fd = -1}};
}

static unsigned slot_of(uint32_t entry)
{
	return entry % DIRECTORIES_OPEN;
}

/* Opens a directory in its parent, or in the stage, and puts it into the cache. */
static int open_into_cache(struct places *places, struct directory_cache *cache,
			   int parent_fd, uint32_t entry)
{
	char staged[16];
	const char *name = view_table_name(places->table, entry);
	if (is_in_stage(places, entry)) {
		staged_name(entry, staged);
		name = staged;
	}
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	unsigned slot = slot_of(entry);
	if (cache->fd[slot] >= 0)
		(void)close(cache->fd[slot]);
	cache->fd[slot] = fd;
	cache->entry[slot] = entry;
	return fd;
}

/* The nearest descriptor that is open: the directory itself or one above it. What is
 * missing between them goes to the chain, innermost first. */
static int nearest_fd(struct places *places, struct directory_cache *cache,
		      uint32_t entry, size_t *ret_missing)
{
	size_t missing = 0;
	int fd = -1;
	while (fd < 0) {
		unsigned slot = slot_of(entry);
		if (entry == VIEW_ROOT) {
			fd = places->root_fd;
		} else if (cache->fd[slot] >= 0 && cache->entry[slot] == entry) {
			fd = cache->fd[slot];
		} else {
			cache->chain[missing++] = entry;
			entry = places->table->entries[entry].parent;
			if (is_in_stage(places, cache->chain[missing - 1]))
				fd = places_mount(places, entry)->stage.fd;
		}
	}
	*ret_missing = missing;
	return fd;
}

int places_fd(struct places *places, unsigned worker, uint32_t entry)
{
	struct directory_cache *cache = &places->caches[worker];
	if (!cache->chain) {
		cache->chain = must_alloc(PATH_DEPTH_MAX * sizeof(*cache->chain));
		for (size_t i = 0; i < DIRECTORIES_OPEN; i++)
			cache->fd[i] = -1;
	}
	size_t missing;
	int fd = nearest_fd(places, cache, entry, &missing);
	while (fd >= 0 && missing > 0)
		fd = open_into_cache(places, cache, fd, cache->chain[--missing]);
	return fd;
}

void places_set_new_below(struct places *places, uint32_t directory)
{
	uint32_t end = view_table_end(places->table, directory);
	for (uint32_t entry = directory + 1; entry < end; entry++)
		set_place(places, entry, PLACE_NEW, 0);
}

void places_moved(struct places *places, uint32_t directory)
{
	uint32_t end = view_table_end(places->table, directory);
	for (unsigned worker = 0; worker < PARALLEL_MAX; worker++) {
		struct directory_cache *cache = &places->caches[worker];
		for (size_t i = 0; cache->chain && i < DIRECTORIES_OPEN; i++)
			if (cache->fd[i] >= 0 && cache->entry[i] >= directory &&
			    cache->entry[i] < end)
				(void)close(take_fd(&cache->fd[i]));
	}
}

static void cache_fini(struct directory_cache *cache)
{
	for (size_t i = 0; cache->chain && i < DIRECTORIES_OPEN; i++)
		if (cache->fd[i] >= 0)
			(void)close(cache->fd[i]);
	free(take_ptr(&cache->chain));
}

void places_fini(struct places *places)
{
	for (unsigned i = 0; i < PARALLEL_MAX; i++)
		cache_fini(&places->caches[i]);
	free(places->shown);
	free(places->states);
	for (size_t i = 0; i < places->mount_count; i++)
		free(places->mounts[i].held_modes);
	free(places->mounts);
}

int places_home(struct places *places, unsigned worker, uint32_t entry, struct spot *spot)
{
	spot->name = view_table_name(places->table, entry);
	spot->fd = places_fd(places, worker, places->table->entries[entry].parent);
	return spot->fd < 0 ? -1 : 0;
}

int places_spot(struct places *places, unsigned worker, uint32_t entry, struct spot *spot)
{
	if (!is_in_stage(places, entry))
		return places_home(places, worker, entry, spot);
	staged_name(entry, spot->staged);
	spot->name = spot->staged;
	spot->fd = places_mount(places, places->table->entries[entry].parent)->stage.fd;
	return 0;
}
