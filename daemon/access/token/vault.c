#include "daemon/access/token/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define LOCK_NAME "lock"

/* ---- the folder ---- */

/* What root makes belongs to the owner of what it lies in: the daemon has to read it. */
static int give_to_owner(int fd, int folder_fd)
{
	struct stat folder;
	if (geteuid() != 0)
		return 0;
	if (fstat(folder_fd, &folder) < 0)
		return -1;
	return fchown(fd, folder.st_uid, folder.st_gid);
}

static int make_folder(int data_fd, struct error *error)
{
	bool made = mkdirat(data_fd, "access", 0700) == 0;
	int fd AUTO_FD = -1;
	if (made || errno == EEXIST)
		fd = openat(data_fd, "access",
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 &&
	    (!made || (give_to_owner(fd, data_fd) == 0 && fsync(data_fd) == 0)))
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno, "`access` in the data directory");
}

/* Whoever can write there makes tokens. */
static int check_folder(int data_fd, int fd, struct error *error)
{
	struct stat data, folder;
	if (fstat(data_fd, &data) < 0 || fstat(fd, &folder) < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`access`");
	if (folder.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(error, ERR_DENIED,
				 "`access`: others can write to it; `chmod 700` it, and "
				 "rotate the keys if somebody may have");
	if (folder.st_uid != data.st_uid && folder.st_uid != 0)
		return error_set(error, ERR_DENIED,
				 "`access`: does not belong to the owner of the data "
				 "directory");
	return 0;
}

int vault_open(const char *data, bool make, int *ret_fd, struct error *error)
{
	int data_fd AUTO_FD = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data_fd < 0)
		return error_set(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_LOCAL,
				 "data directory `%s`: %s; name that of the daemon with "
				 "--data or --config, as the user whom it belongs to",
				 data, strerror(errno));
	int err = make ? make_folder(data_fd, error) : 0;
	if (err)
		return err;
	int fd = openat(data_fd, "access",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_LOCAL,
				       errno, "`%s/access`", data);
	err = check_folder(data_fd, fd, error);
	if (err) {
		(void)close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int vault_lock(int vault_fd, int *ret_fd, struct error *error)
{
	int fd AUTO_FD = openat(vault_fd, LOCK_NAME,
				O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int locked = -1;
	if (fd >= 0 && give_to_owner(fd, vault_fd) == 0)
		while ((locked = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
			;
	if (locked < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`access/" LOCK_NAME "`");
	*ret_fd = take_fd(&fd);
	return 0;
}

/* ---- its files ---- */

static int check_file(int vault_fd, const char *name, const struct stat *stat,
		      struct error *error)
{
	struct stat folder;
	if (fstat(vault_fd, &folder) < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`access`");
	if (stat->st_uid != folder.st_uid && stat->st_uid != 0)
		return error_set(error, ERR_DENIED,
				 "`access/%s`: does not belong to the folder's owner",
				 name);
	if (!S_ISREG(stat->st_mode))
		return error_set(error, ERR_DENIED, "`access/%s`: is not a file", name);
	if (stat->st_mode & 077)
		return error_set(error, ERR_DENIED,
				 "`access/%s`: others can read or write it; `chmod 600` "
				 "it, and rotate the keys if somebody may have",
				 name);
	if (stat->st_size >= VAULT_FILE_MAX)
		return error_set(error, ERR_DAMAGED, "`access/%s`: is too large", name);
	return 0;
}

static int read_all(int fd, const char *name, size_t len, struct buffer *bytes,
		    struct error *error)
{
	int err = buffer_may_reserve(bytes, len, error);
	while (err == 0 && bytes->len < len) {
		ssize_t got = read(fd, bytes->at + bytes->len, len - bytes->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, ERR_LOCAL, errno, "`access/%s`",
					       name);
		if (got == 0)
			break;
		bytes->len += (size_t)got;
	}
	return err;
}

int vault_read(int vault_fd, const char *name, struct buffer *ret_bytes,
	       struct stat *ret_stat, struct error *error)
{
	*ret_stat = (struct stat){0};
	int fd AUTO_FD =
		openat(vault_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`access/%s`", name);
	int err = check_file(vault_fd, name, &stat, error);
	if (err == 0)
		err = read_all(fd, name, (size_t)stat.st_size, ret_bytes, error);
	if (err == 0)
		*ret_stat = stat;
	return err;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		bytes += put;
		len -= (size_t)put;
	}
	return true;
}

int vault_replace(int vault_fd, const char *name, const void *bytes, size_t len,
		  struct error *error)
{
	char aside[64];
	claim(snprintf(aside, sizeof(aside), "%s.new", name) < (int)sizeof(aside));
	(void)unlinkat(vault_fd, aside, 0);
	int fd AUTO_FD = openat(vault_fd, aside,
				O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				0600);
	if (fd >= 0 && give_to_owner(fd, vault_fd) == 0 && write_all(fd, bytes, len) &&
	    fsync(fd) == 0 && renameat(vault_fd, aside, vault_fd, name) == 0 &&
	    fsync(vault_fd) == 0)
		return 0;
	(void)error_set_errno(error, ERR_LOCAL, errno, "`access/%s`", name);
	(void)unlinkat(vault_fd, aside, 0);
	return error->code;
}

bool vault_is_same(int vault_fd, const char *name, const struct stat *seen)
{
	struct stat now = {0};
	if (fstatat(vault_fd, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && seen->st_ino == 0;
	return now.st_dev == seen->st_dev && now.st_ino == seen->st_ino &&
	       now.st_size == seen->st_size &&
	       now.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec;
}
