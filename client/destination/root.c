/* A DIR that is missing: made beside its place, under a temporary name. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "client/destination/internal.h"
#include "client/destination/meet.h"
#include "client/destination/turn.h"
#include "client/files/rename.h"
#include "proto/base/cleanup.h"

static size_t without_slashes(const char *path, size_t len)
{
	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

/* Bytes of the path above the last component, without its slash; 0 where there is none.
 */
static size_t above_len(const char *path)
{
	size_t len = without_slashes(path, strlen(path));
	while (len > 0 && path[len - 1] != '/')
		len--;
	return without_slashes(path, len);
}

/* Makes the directories above DIR that are missing, under the umask. */
static int make_parents(struct destination *dest, const char *above, struct error *error)
{
	size_t len = strlen(above);
	for (size_t end = 1; end <= len; end++) {
		if (end < len && above[end] != '/')
			continue;
		char *path AUTO_FREE = must_memdup(above, end);
		if (mkdir(path, 0777) == 0)
			dest->made_parents++;
		else if (errno != EEXIST && errno != EROFS && errno != EACCES)
			return error_set_errno(error, ERR_LOCAL, errno,
					       "`%s`: cannot be made", path);
	}
	return 0;
}

static void remove_parents(struct destination *dest)
{
	char *path AUTO_FREE = must_strdup(dest->options.directory);
	while (dest->made_parents > 0) {
		path[above_len(path)] = '\0';
		if (!*path || rmdir(path) != 0)
			return;
		dest->made_parents--;
	}
}

static int make_beside(struct destination *dest, struct error *error)
{
	size_t len = strlen(dest->name) + 2;
	char *prefix AUTO_FREE = must_alloc(len);
	(void)snprintf(prefix, len, ".%s", dest->name);
	stage_sweep(dest->parent_fd);
	if (stage_make(&dest->root_stage, dest->parent_fd, prefix) != 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be made",
				       dest->places.shown);
	dest->places.root_fd = dest->root_stage.fd;
	return 0;
}

int root_make(struct destination *dest, struct error *error)
{
	const char *path = dest->options.directory;
	size_t above = above_len(path);
	size_t end = without_slashes(path, strlen(path));
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	dest->name = must_memdup(path + start, end - start);
	if (strcmp(dest->name, ".") == 0 || strcmp(dest->name, "..") == 0)
		return error_set(error, ERR_LOCAL,
				 "`%s`: does not exist, and has no name "
				 "that could be made",
				 dest->places.shown);
	char *parent AUTO_FREE = above ? must_memdup(path, above) : must_strdup(".");
	int err = make_parents(dest, parent, error);
	if (err)
		return err;
	dest->parent_fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dest->parent_fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       parent);
	return make_beside(dest, error);
}

static int join_error(const struct destination *dest, struct error *error)
{
	return error_set_errno(error, ERR_LOCAL, errno,
			       "`%s`: was made by somebody else meanwhile, and cannot be "
			       "written to",
			       dest->places.shown);
}

/* Somebody else has made DIR meanwhile: it is met as one that was there. */
static int join(struct destination *dest, struct error *error)
{
	struct places *places = &dest->places;
	int fd AUTO_FD =
		open(dest->options.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return join_error(dest, error);
	dest->is_shared = true;
	int err = turn_take(dest, fd, error);
	if (err)
		return err;
	if (stage_make(&places->mounts[0].stage, fd, "") != 0)
		return join_error(dest, error);
	err = meet_stage_children(dest, VIEW_ROOT, dest->root_stage.fd, error);
	if (err)
		return err;
	(void)stage_remove(&dest->root_stage, dest->parent_fd);
	places_moved(places, VIEW_ROOT);
	places->root_fd = take_fd(&fd);
	dest->missing = false;
	set_place(places, VIEW_ROOT, PLACE_KEPT, 0);
	known_forget(&dest->known, VIEW_ROOT);
	return modes_unlock(&dest->modes, VIEW_ROOT, 0700, error);
}

int root_publish(struct destination *dest, struct error *error)
{
	struct stat stat;
	mode_t mode = 0777 & ~dest->umask_before;
	if (fstat(dest->places.root_fd, &stat) != 0 ||
	    (fchmod(dest->places.root_fd, (stat.st_mode & 06000) | mode) != 0 &&
	     !unmet_note(&dest->modes.left, VIEW_ROOT, errno)))
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: its mode",
				       dest->places.shown);
	if (rename_new(dest->parent_fd, dest->root_stage.name, dest->parent_fd,
		       dest->name) == 0) {
		dest->changed = true;
		return 0;
	}
	return errno == EEXIST ? join(dest, error)
			       : error_set_errno(error, ERR_LOCAL, errno,
						 "`%s`: cannot be put into its place",
						 dest->places.shown);
}

void root_take_back(struct destination *dest)
{
	if (dest->root_stage.fd >= 0)
		(void)stage_remove(&dest->root_stage, dest->parent_fd);
	dest->places.root_fd = -1;
	remove_parents(dest);
}
