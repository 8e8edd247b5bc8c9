#include "client/record/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <time.h>

#include "client/record/format.h"
#include "client/record/record.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define SUFFIX ".record"
#define TEMPORARY ".new-"
/* A temporary file older than this was left behind. */
#define LEFT_BEHIND_SECONDS 3600
#define PATH_ROOM 4096u

/* ---- which file ---- */

/* Whether this kernel's clock stamps the files, and each write: ext, XFS, Btrfs, tmpfs,
 * ramfs, overlayfs, F2FS, ZFS, bcachefs. */
static bool is_stamped_here(int fd)
{
	static const uint32_t kinds[] = {
		0xef53,     0x58465342, 0x9123683e, 0x01021994, 0x858458f6,
		0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
	};
	struct statfs status;
	if (fstatfs(fd, &status) != 0)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if ((uint32_t)status.f_type == kinds[i])
			return true;
	return false;
}

static char *joined(const char *folder, const char *below)
{
	size_t len = strlen(folder) + strlen(below) + 1;
	char *path = must_alloc(len);
	(void)snprintf(path, len, "%s%s", folder, below);
	return path;
}

/* Relative ones are to be ignored (XDG Base Directory Specification). */
char *record_folder(void)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	if (cache && cache[0] == '/')
		return joined(cache, "/baton");
	const char *home = getenv("HOME");
	return home && home[0] == '/' ? joined(home, "/.cache/baton") : NULL;
}

static void name_of(struct record_place *place)
{
	struct buffer key AUTO(buffer_fini) = {0};
	buffer_put_u64(&key, place->device);
	buffer_put_u64(&key, place->inode);
	buffer_put(&key, place->path, strlen(place->path));
	struct xxh128 hash = xxh128_of(key.at, key.len);
	hex_encode(hash.bytes, XXH128_LEN, place->name);
	(void)strcpy(place->name + 2 * XXH128_LEN, SUFFIX);
}

int record_place_find(int root_fd, struct record_place *place)
{
	*place = (struct record_place){0};
	if (!is_stamped_here(root_fd)) {
		errno = ENOTSUP;
		return -1;
	}
	struct stat status;
	char self[64];
	char path[PATH_ROOM];
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", root_fd);
	ssize_t len = readlink(self, path, sizeof(path));
	if (len < 0 || fstat(root_fd, &status) != 0)
		return -1;
	place->folder = record_folder();
	if (len == 0 || (size_t)len == sizeof(path) || !place->folder) {
		errno = ENOENT;
		return -1;
	}
	place->path = must_memdup(path, (size_t)len);
	place->device = status.st_dev;
	place->inode = status.st_ino;
	name_of(place);
	return 0;
}

void record_place_fini(struct record_place *place)
{
	free(place->path);
	free(place->folder);
	*place = (struct record_place){0};
}

/* ---- reading ---- */

static int folder_fd(const struct record_place *place)
{
	return open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int record_place_open(const struct record_place *place, size_t *ret_len)
{
	int folder AUTO_FD = folder_fd(place);
	int fd AUTO_FD = folder < 0
				 ? -1
				 : openat(folder, place->name,
					  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0)
		return -1;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
	    (status.st_mode & 022) != 0 || status.st_size < (off_t)RECORD_HEADER_LEN ||
	    status.st_size > (off_t)RECORD_LEN_MAX) {
		errno = EINVAL;
		return -1;
	}
	(void)utimensat(folder, place->name, NULL, AT_SYMLINK_NOFOLLOW);
	*ret_len = (size_t)status.st_size;
	return take_fd(&fd);
}

/* ---- writing ---- */

/* With the one above it, which many a home does not have. */
static int make_folder(const char *folder)
{
	if (mkdir(folder, 0700) == 0 || errno == EEXIST)
		return 0;
	char *above AUTO_FREE = must_strdup(folder);
	*strrchr(above, '/') = '\0';
	if (errno != ENOENT || !*above || mkdir(above, 0700) != 0)
		return -1;
	return mkdir(folder, 0700);
}

int record_place_create(struct record_place *place)
{
	uint64_t number;
	if (make_folder(place->folder) != 0 ||
	    getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -1;
	int folder AUTO_FD = folder_fd(place);
	if (folder < 0)
		return -1;
	(void)snprintf(place->temporary, sizeof(place->temporary), TEMPORARY "%016llx",
		       (unsigned long long)number);
	int fd = openat(folder, place->temporary,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		place->temporary[0] = '\0';
	return fd;
}

void record_place_discard(struct record_place *place)
{
	int folder AUTO_FD = place->temporary[0] ? folder_fd(place) : -1;
	if (folder >= 0)
		(void)unlinkat(folder, place->temporary, 0);
	place->temporary[0] = '\0';
}

/* ---- the bound ---- */

struct kept_file {
	char name[64];
	uint64_t len;
	struct timespec used;
};

struct kept_files {
	struct kept_file *items; /* owned */
	size_t count;
	uint64_t len;
};

static void kept_files_fini(struct kept_files *files)
{
	free(files->items);
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name);
	return len >= strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

static void note_file(int folder, const char *name, struct kept_files *files)
{
	bool temporary = strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0;
	struct stat status;
	if ((!temporary && !ends_with(name, SUFFIX)) ||
	    strlen(name) >= sizeof(files->items->name) ||
	    fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(status.st_mode))
		return;
	if (temporary && status.st_mtim.tv_sec + LEFT_BEHIND_SECONDS < time(NULL))
		(void)unlinkat(folder, name, 0);
	if (temporary)
		return;
	files->items =
		must_realloc(files->items, (files->count + 1) * sizeof(*files->items));
	struct kept_file *file = &files->items[files->count++];
	(void)strcpy(file->name, name);
	file->len = (uint64_t)status.st_size;
	file->used = status.st_mtim;
	files->len += file->len;
}

static int compare_used(const void *a, const void *b)
{
	const struct kept_file *left = a, *right = b;
	if (left->used.tv_sec != right->used.tv_sec)
		return left->used.tv_sec < right->used.tv_sec ? -1 : 1;
	return (left->used.tv_nsec > right->used.tv_nsec) -
	       (left->used.tv_nsec < right->used.tv_nsec);
}

void record_place_make_room(const struct record_place *place, uint64_t len)
{
	struct kept_files files AUTO(kept_files_fini) = {.len = len};
	int folder = folder_fd(place);
	DIR *directory AUTO_DIR = folder < 0 ? NULL : fdopendir(folder);
	if (!directory) {
		if (folder >= 0)
			(void)close(folder);
		return;
	}
	struct dirent *found;
	while ((found = readdir(directory)) != NULL)
		if (strcmp(found->d_name, place->name) != 0)
			note_file(folder, found->d_name, &files);
	if (files.len <= RECORD_CACHE_LEN_MAX)
		return;
	qsort(files.items, files.count, sizeof(*files.items), compare_used);
	for (size_t i = 0; i < files.count && files.len > RECORD_CACHE_LEN_MAX; i++) {
		(void)unlinkat(folder, files.items[i].name, 0);
		files.len -= files.items[i].len;
	}
}

int record_place_publish(struct record_place *place)
{
	int folder AUTO_FD = folder_fd(place);
	if (folder < 0 || renameat(folder, place->temporary, folder, place->name) != 0)
		return -1;
	place->temporary[0] = '\0';
	return 0;
}
