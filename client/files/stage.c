#include "client/files/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "client/files/remove_tree.h"
#include "proto/base/cleanup.h"
#include "proto/unit/digest.h"

#define STAGE_MARK ".baton-"
#define STAGE_MODE 01700
#define RANDOM_LEN 6u
#define TRIES_MAX 100

/* ".out.baton-", with the prefix cut so that the digits still fit. Returns its length. */
static size_t name_start(char name[STAGE_NAME_SIZE], const char *prefix)
{
	int room = (int)(STAGE_NAME_SIZE - 1 - strlen(STAGE_MARK) - 2 * RANDOM_LEN);
	return (size_t)snprintf(name, STAGE_NAME_SIZE, "%.*s%s", room, prefix,
				STAGE_MARK);
}

static int open_directory(int directory_fd, const char *name)
{
	return openat(directory_fd, name,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Whether the name still stands for what fd holds: 1, 0, -1 and errno. */
static int is_there(int directory_fd, const char *name, int fd)
{
	struct stat by_fd;
	struct stat by_name;
	if (fstat(fd, &by_fd) != 0)
		return -1;
	if (fstatat(directory_fd, name, &by_name, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : -1;
	return by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev;
}

/* 0; 1: try another name; -1: errno. Between mkdir and flock another attach may take this
 * one for left behind, hence the second look. */
static int try_make(struct stage *stage, int directory_fd, const char *prefix)
{
	uint8_t random[RANDOM_LEN];
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -1;
	size_t len = name_start(stage->name, prefix);
	hex_encode(random, sizeof(random), stage->name + len);
	if (mkdirat(directory_fd, stage->name, STAGE_MODE) != 0)
		return errno == EEXIST ? 1 : -1;
	int fd AUTO_FD = open_directory(directory_fd, stage->name);
	if (fd < 0)
		return errno == ENOENT ? 1 : -1;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return 1;
	int there = is_there(directory_fd, stage->name, fd);
	if (there <= 0)
		return there < 0 ? -1 : 1;
	stage->fd = take_fd(&fd);
	return 0;
}

int stage_make(struct stage *stage, int directory_fd, const char *prefix)
{
	stage->fd = -1;
	int err = 1;
	for (int i = 0; err > 0 && i < TRIES_MAX; i++)
		err = try_make(stage, directory_fd, prefix);
	if (err > 0)
		errno = EEXIST;
	return err ? -1 : 0;
}

int stage_remove(struct stage *stage, int directory_fd)
{
	if (stage->fd < 0)
		return 0;
	int err = remove_tree_contents(stage->fd);
	int failed = errno;
	if (unlinkat(directory_fd, stage->name, AT_REMOVEDIR) != 0 && !err) {
		failed = errno;
		err = -1;
	}
	(void)close(take_fd(&stage->fd));
	errno = failed;
	return err;
}

/* Whatever its prefix. */
static bool has_form(const char *name)
{
	uint8_t random[RANDOM_LEN];
	size_t len = strlen(name);
	size_t own_len = strlen(STAGE_MARK) + 2 * RANDOM_LEN;
	if (len < own_len)
		return false;
	const char *own = name + len - own_len;
	return strncmp(own, STAGE_MARK, strlen(STAGE_MARK)) == 0 &&
	       hex_decode(own + strlen(STAGE_MARK), sizeof(random), random);
}

/* An inherited setgid bit does not matter. */
static bool has_mark(const struct stat *stat)
{
	return S_ISDIR(stat->st_mode) && stat->st_uid == geteuid() &&
	       (stat->st_mode & 01777) == STAGE_MODE;
}

bool stage_is_in_use(int directory_fd, const char *name)
{
	int fd AUTO_FD = has_form(name) ? open_directory(directory_fd, name) : -1;
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

bool stage_is_one(int directory_fd, const char *name)
{
	struct stat stat;
	return has_form(name) &&
	       fstatat(directory_fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(stat.st_mode) &&
	       (has_mark(&stat) || stage_is_in_use(directory_fd, name));
}

static void sweep_one(int directory_fd, const char *name)
{
	struct stage stage = {.fd = open_directory(directory_fd, name)};
	int fd AUTO_FD = stage.fd;
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) != 0 || !has_mark(&stat) ||
	    flock(fd, LOCK_EX | LOCK_NB) != 0)
		return;
	(void)snprintf(stage.name, sizeof(stage.name), "%s", name);
	stage.fd = take_fd(&fd);
	(void)stage_remove(&stage, directory_fd);
}

void stage_sweep(int directory_fd)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	struct dirent *found;
	while ((found = readdir(directory)) != NULL)
		if (has_form(found->d_name))
			sweep_one(directory_fd, found->d_name);
}
