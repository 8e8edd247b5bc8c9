#include "client/place/alike.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/cleanup.h"

/* ---- what the file system does with names ---- */

static bool has(int fd, const char *name)
{
	struct stat stat;
	return fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether one of the other names is found once the first is made. */
static bool finds_another(int fd, const char *name, const char *const *others,
			  size_t count)
{
	int file AUTO_FD =
		openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool found = false;
	for (size_t i = 0; file >= 0 && i < count && !found; i++)
		found = has(fd, others[i]);
	if (file >= 0)
		(void)unlinkat(fd, name, 0);
	return found;
}

bool alike_folds(int fd)
{
	static const char *const plain[] = {"FOLD-E", "fold-e.", "fold-e "};
	/* e with an acute accent: as a capital, and as a letter and an accent */
	static const char *const accented[] = {"fold-\xc3\x89", "fold-e\xcc\x81"};
	return finds_another(fd, "fold-e", plain, 3) ||
	       finds_another(fd, "fold-\xc3\xa9", accented, 2);
}

bool alike_lists(int fd, const char *name)
{
	int own AUTO_FD = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream AUTO_DIR = own < 0 ? NULL : fdopendir(own);
	if (stream)
		(void)take_fd(&own);
	const struct dirent *found;
	while (stream && (found = readdir(stream)) != NULL)
		if (strcmp(found->d_name, name) == 0)
			return true;
	return false;
}

bool alike_is(int fd, const char *name, const struct stat *other)
{
	struct stat stat;
	return fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       stat.st_ino == other->st_ino && stat.st_dev == other->st_dev;
}

/* ---- by trial ---- */

int alike_open_trial(int stage_fd)
{
	if (mkdirat(stage_fd, ALIKE_TRIAL, 0700) != 0)
		return -1;
	return openat(stage_fd, ALIKE_TRIAL,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int alike_try(int trial_fd, const char *name)
{
	int fd AUTO_FD =
		openat(trial_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : 0;
}

/* ---- sentences ---- */

int alike_error(const struct places *places, uint32_t entry, uint32_t other,
		struct error *error)
{
	char *first AUTO_FREE = places_shown(places, entry < other ? entry : other);
	char *second AUTO_FREE = places_shown(places, entry < other ? other : entry);
	return error_set(error, ERR_LOCAL,
			 "`%s` and `%s`: one name on this file system, so that it cannot "
			 "hold both; attach elsewhere, or leave one out",
			 first, second);
}

/* ---- one entry ---- */

/* Another entry of the view in the same directory that stands for this; 0: none. */
static uint32_t twin_of(const struct places *places, uint32_t entry, int fd,
			const struct stat *there)
{
	const struct view_table *table = places->table;
	uint32_t parent = table->entries[entry].parent;
	uint32_t end = view_table_end(table, parent);
	for (uint32_t at = parent + 1; at < end; at = view_table_end(table, at))
		if (at != entry && alike_is(fd, view_table_name(table, at), there))
			return at;
	return 0;
}

/* A name that is listed is another's of the same name, unless names are listed in another
 * way than they are made. */
int alike_refuse(struct places *places, unsigned worker, uint32_t entry,
		 struct error *error)
{
	struct spot home;
	struct stat there;
	bool folds = places_mount(places, places->table->entries[entry].parent)->folds;
	if (places_home(places, worker, entry, &home) != 0 ||
	    (!folds && alike_lists(home.fd, home.name)) ||
	    fstatat(home.fd, home.name, &there, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	uint32_t twin = twin_of(places, entry, home.fd, &there);
	return twin ? alike_error(places, entry, twin, error) : 0;
}
