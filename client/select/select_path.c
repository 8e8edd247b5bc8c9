#include "client/select/select_path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/files/beneath.h"
#include "client/terminal/interrupts.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/path/glob.h"
#include "proto/path/path.h"

/* A list of paths is read whole: so many bytes are some ten million paths. */
#define LIST_LEN_MAX (1u << 30)

static bool climbs(const char *path)
{
	while (*path) {
		size_t component = strcspn(path, "/");
		if (component == 2 && memcmp(path, "..", 2) == 0)
			return true;
		path += component;
		path += strspn(path, "/");
	}
	return false;
}

static bool is_root(const struct stat *root, const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && status.st_dev == root->st_dev &&
	       status.st_ino == root->st_ino;
}

/* The part of an absolute path behind its first parent that is the root; NULL: none is.
 */
static const char *behind_root(int root_fd, char *path)
{
	struct stat root;
	if (fstat(root_fd, &root) < 0)
		return NULL;
	if (is_root(&root, "/"))
		return path + 1;
	for (char *at = path + 1;; at++) {
		at += strcspn(at, "/");
		char end = *at;
		*at = '\0';
		bool found = is_root(&root, path);
		*at = end;
		if (found)
			return end ? at + 1 : at;
		if (!end)
			return NULL;
	}
}

int select_path_below(int root_fd, const char *text, char **ret_path, struct error *error)
{
	if (!*text)
		return error_set(error, ERR_USAGE,
				 "a PATH is empty: write `.` for the whole root");
	char *path AUTO_FREE = path_clean(text);
	if (climbs(path))
		return error_set(error, ERR_USAGE,
				 "`%s`: a PATH cannot have `..` in it; name it from "
				 "--root, or choose another --root",
				 text);
	if (*path != '/') {
		*ret_path = take_ptr(&path);
		return 0;
	}
	const char *below = behind_root(root_fd, path);
	if (!below)
		return error_set(error, ERR_USAGE,
				 "`%s`: lies outside of --root; choose a --root above it",
				 text);
	*ret_path = must_strdup(below);
	return 0;
}

size_t select_path_plain_len(const char *path)
{
	size_t len = glob_plain_len(path);
	if (!path[len])
		return len;
	while (len > 0 && path[len] != '/')
		len--;
	return len;
}

/* ---- whether it is there ---- */

/* The first len bytes of a path. */
struct part {
	const char *path;
	size_t len;
	bool is_parent;   /* something below it is wanted */
	bool must_be_dir; /* or a "/" stands behind it */
};

static struct part part_of(const char *path, size_t len, bool is_parent)
{
	bool must_be_dir = len > 0 && path[len - 1] == '/';
	return (struct part){path, len - must_be_dir, is_parent, must_be_dir};
}

/* Through links. What a link leads to that is itself the last component is the walk's to
 * say, unless it has to be a directory. */
static int look_through(int root_fd, const struct part *part)
{
	char *path AUTO_FREE = must_memdup(part->path, part->len);
	struct stat status;
	if (fstatat(root_fd, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno;
	if (S_ISLNK(status.st_mode) && fstatat(root_fd, path, &status, 0) < 0)
		return 0;
	return part->must_be_dir && !S_ISDIR(status.st_mode) ? ENOTDIR : 0;
}

/* 0, or why it cannot be looked at; ELOOP: a link that is not followed. */
static int look(const struct select_place *place, const struct part *part)
{
	int fd AUTO_FD = beneath_open(place->root_fd, part->path, part->len, O_PATH, 0);
	struct stat status;
	int wrong = fd < 0 || fstat(fd, &status) < 0 ? errno : 0;
	if (wrong == 0 && S_ISLNK(status.st_mode) &&
	    (part->is_parent || part->must_be_dir))
		wrong = ELOOP;
	if (wrong == ELOOP && place->follows)
		return look_through(place->root_fd, part);
	if (wrong)
		return wrong;
	return part->must_be_dir && !S_ISDIR(status.st_mode) ? ENOTDIR : 0;
}

/* How much of a path leads to the first symbolic link in it, and where that leads; 0:
 * there is none. */
static size_t find_link(int root_fd, const char *path,
			char ret_target[LINK_TARGET_LEN_MAX + 1])
{
	for (size_t len = strcspn(path, "/"); len > 0; len += strcspn(path + len, "/")) {
		int fd AUTO_FD = beneath_open(root_fd, path, len, O_PATH, 0);
		ssize_t target_len =
			fd < 0 ? -1 : readlinkat(fd, "", ret_target, LINK_TARGET_LEN_MAX);
		if (target_len >= 0) {
			ret_target[target_len] = '\0';
			return len;
		}
		if (fd < 0 || !path[len])
			return 0;
		len++;
	}
	return 0;
}

static int refuse_link(const struct select_place *place, const char *text,
		       const char *path, struct error *error)
{
	char target[LINK_TARGET_LEN_MAX + 1];
	size_t len = find_link(place->root_fd, path, target);
	if (place->follows || len == 0)
		return error_set(error, ERR_USAGE,
				 "`%s`: the symbolic links in it lead in a circle", text);
	return error_set(
		error, ERR_USAGE,
		"`%s`: `%.*s` is a symbolic link, to `%s`; use --follow, or name "
		"the path that it leads to",
		text, (int)len, path, target);
}

int select_path_presence(const struct select_place *place, const char *text,
			 const char *path, enum path_presence *ret_presence,
			 struct error *error)
{
	size_t len = strlen(path);
	struct part whole = part_of(path, len, false);
	int wrong = look(place, &whole);
	*ret_presence = wrong ? PATH_ABSENT : PATH_PRESENT;
	size_t plain = select_path_plain_len(path);
	if (wrong && wrong != ELOOP && plain < len) {
		struct part parents = part_of(path, plain, true);
		wrong = look(place, &parents);
	}
	if (wrong == ELOOP)
		return refuse_link(place, text, path, error);
	if (wrong && wrong != ENOENT && wrong != ENOTDIR && wrong != ENAMETOOLONG)
		return error_set_errno(error, ERR_LOCAL, wrong, "`%s`", text);
	return 0;
}

/* ---- lists ---- */

/* A list may come from a terminal or a pipe that says nothing for long. */
static int wait_for_list(int fd, const char *name, struct error *error)
{
	struct pollfd polls[] = {{.fd = fd, .events = POLLIN},
				 {.fd = interrupts_fd(), .events = POLLIN}};
	(void)poll(polls, 2, -1);
	if (polls[1].revents)
		return error_set(error, ERR_INTERRUPTED,
				 "interrupted while reading --paths-from `%s`", name);
	return 0;
}

static int read_all(int fd, const char *name, struct buffer *out, struct error *error)
{
	while (true) {
		int err = wait_for_list(fd, name, error);
		if (err < 0)
			return err;
		buffer_reserve(out, 65536);
		ssize_t got = read(fd, out->at + out->len, out->capacity - out->len);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return error_set_errno(error, ERR_LOCAL, errno,
					       "--paths-from `%s`", name);
		out->len += (size_t)got;
		if (got == 0)
			return 0;
		if (out->len > LIST_LEN_MAX)
			return error_set(error, ERR_LIMIT,
					 "--paths-from `%s`: more than %u bytes", name,
					 LIST_LEN_MAX);
	}
}

static void split(struct buffer *list, struct string_list *paths)
{
	char end = memchr(list->at, '\0', list->len) ? '\0' : '\n';
	for (size_t at = 0; at < list->len;) {
		const uint8_t *found = memchr(list->at + at, end, list->len - at);
		size_t len = (found ? (size_t)(found - list->at) : list->len) - at;
		char *path AUTO_FREE = must_memdup(list->at + at, len);
		if (len > 0)
			string_list_add(paths, path);
		at += len + 1;
	}
}

int select_paths_from(const char *file, struct string_list *paths, struct error *error)
{
	bool is_input = strcmp(file, "-") == 0;
	/* Opening a FIFO would wait for its writer, where no interrupt ends it. */
	int opened AUTO_FD =
		is_input ? -1 : open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (!is_input && opened < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "--paths-from `%s`",
				       file);
	struct buffer list AUTO(buffer_fini) = {0};
	int err = read_all(is_input ? STDIN_FILENO : opened, file, &list, error);
	if (err == 0 && list.len > 0)
		split(&list, paths);
	return err;
}
