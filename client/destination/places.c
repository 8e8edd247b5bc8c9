#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "client/destination/internal.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* ---- sentences ---- */

char *entry_shown(const struct materialise *m, uint32_t entry)
{
	if (entry == VIEW_ROOT)
		return must_strdup(m->shown);
	char *path = view_table_shown(m->table, entry);
	if (strcmp(m->shown, ".") == 0)
		return path;
	char *below AUTO_FREE = path;
	size_t shown_len = strlen(m->shown);
	size_t len = shown_len + strlen(below) + 2;
	char *text = must_alloc(len);
	const char *slash = m->shown[shown_len - 1] == '/' ? "" : "/";
	(void)snprintf(text, len, "%s%s%s", m->shown, slash, below);
	return text;
}

int entry_error(const struct materialise *m, uint32_t entry, int number, const char *what,
		struct error *error)
{
	char *shown AUTO_FREE = entry_shown(m, entry);
	if (number == 0)
		return error_set(error, ERR_LOCAL, "`%s`: %s", shown, what);
	return error_set_errno(error, ERR_LOCAL, number, "`%s`: %s", shown, what);
}

/* ---- descriptors ---- */

static void staged_name(uint32_t entry, char ret_name[16])
{
	(void)snprintf(ret_name, 16, "%x", entry);
}

static bool is_in_stage(const struct materialise *m, uint32_t entry)
{
	return place_of(m, entry) == PLACE_STAGED && !is_marked(m, entry, MARK_DONE);
}

/* DIR is the first mount and contains all others; of those that contain the directory
 * the last one is the innermost. */
struct mount *mount_of(struct materialise *m, uint32_t directory)
{
	size_t at = m->mount_count - 1;
	for (; at > 0; at--) {
		uint32_t entry = m->mounts[at].entry;
		if (directory >= entry && directory < view_table_end(m->table, entry))
			break;
	}
	return &m->mounts[at];
}

static unsigned slot_of(uint32_t entry)
{
	return entry % DIRECTORIES_OPEN;
}

/* Opens a directory in its parent, or in the stage, and puts it into the cache. */
static int open_into_cache(struct materialise *m, struct directory_cache *cache,
			   int parent_fd, uint32_t entry)
{
	char staged[16];
	const char *name = view_table_name(m->table, entry);
	if (is_in_stage(m, entry)) {
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
static int nearest_fd(struct materialise *m, struct directory_cache *cache,
		      uint32_t entry, size_t *ret_missing)
{
	size_t missing = 0;
	int fd = -1;
	while (fd < 0) {
		unsigned slot = slot_of(entry);
		if (entry == VIEW_ROOT) {
			fd = m->root_fd;
		} else if (cache->fd[slot] >= 0 && cache->entry[slot] == entry) {
			fd = cache->fd[slot];
		} else {
			cache->chain[missing++] = entry;
			entry = m->table->entries[entry].parent;
			if (is_in_stage(m, cache->chain[missing - 1]))
				fd = mount_of(m, entry)->stage.fd;
		}
	}
	*ret_missing = missing;
	return fd;
}

int directory_fd(struct materialise *m, unsigned worker, uint32_t entry)
{
	struct directory_cache *cache = &m->caches[worker];
	if (!cache->chain) {
		cache->chain = must_alloc(PATH_DEPTH_MAX * sizeof *cache->chain);
		for (size_t i = 0; i < DIRECTORIES_OPEN; i++)
			cache->fd[i] = -1;
	}
	size_t missing;
	int fd = nearest_fd(m, cache, entry, &missing);
	while (fd >= 0 && missing > 0)
		fd = open_into_cache(m, cache, fd, cache->chain[--missing]);
	return fd;
}

void directory_cache_fini(struct directory_cache *cache)
{
	for (size_t i = 0; cache->chain && i < DIRECTORIES_OPEN; i++)
		if (cache->fd[i] >= 0)
			(void)close(cache->fd[i]);
	free(take_ptr(&cache->chain));
}

int entry_home(struct materialise *m, unsigned worker, uint32_t entry, struct spot *spot)
{
	spot->name = view_table_name(m->table, entry);
	spot->fd = directory_fd(m, worker, m->table->entries[entry].parent);
	return spot->fd < 0 ? -1 : 0;
}

int entry_spot(struct materialise *m, unsigned worker, uint32_t entry, struct spot *spot)
{
	if (!is_in_stage(m, entry))
		return entry_home(m, worker, entry, spot);
	staged_name(entry, spot->staged);
	spot->name = spot->staged;
	spot->fd = mount_of(m, m->table->entries[entry].parent)->stage.fd;
	return 0;
}

/* ---- modes and times ---- */

int chmod_path_fd(int fd, mode_t mode)
{
	/* The link in /proc leads to what the descriptor holds, whatever has its name by
	 * now; fchmod() does not take O_PATH descriptors. */
	char self[64];
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return chmod(self, mode);
}

void remember_mode(struct materialise *m, uint32_t entry, mode_t mode)
{
	m->restores =
		must_realloc(m->restores, (m->restore_count + 1) * sizeof *m->restores);
	m->restores[m->restore_count++] = (struct restore){.entry = entry, .mode = mode};
}

/* O_PATH, which needs no permission on the directory itself. */
static int open_path_fd(struct materialise *m, uint32_t entry)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (entry == VIEW_ROOT)
		return fcntl(m->root_fd, F_DUPFD_CLOEXEC, 0);
	struct spot spot;
	if (entry_home(m, 0, entry, &spot) != 0)
		return -1;
	return openat(spot.fd, spot.name, flags);
}

int unlock_directory(struct materialise *m, uint32_t entry, mode_t need,
		     struct error *error)
{
	int fd AUTO_FD = open_path_fd(m, entry);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) != 0)
		return entry_error(m, entry, errno, "cannot be opened", error);
	if ((stat.st_mode & need) == need)
		return 0;
	if (chmod_path_fd(fd, (stat.st_mode & 07777) | 0700) != 0)
		return entry_error(m, entry, errno, "cannot be made writable", error);
	remember_mode(m, entry, stat.st_mode & 07777);
	return 0;
}

struct timespec entry_time(const struct view_entry *entry)
{
	return (struct timespec){.tv_sec = entry->seconds, .tv_nsec = entry->nanoseconds};
}
