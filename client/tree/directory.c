#include "client/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/files/beneath.h"
#include "proto/base/cleanup.h"

void tree_directory_init(struct tree_directory *directory, const struct tree *tree,
			 int root_fd)
{
	*directory = (struct tree_directory){.tree = tree, .root_fd = root_fd, .fd = -1};
}

void tree_directory_fini(struct tree_directory *directory)
{
	cleanup_fd_(&directory->fd);
}

/* ---- through links ---- */

/* The nearest followed link among the entry and its parents; TREE_ROOT: none. */
static uint32_t followed_above(const struct tree *tree, uint32_t number)
{
	while (number != TREE_ROOT && !tree_entry(tree, number)->is_followed)
		number = tree_entry(tree, number)->parent;
	return number;
}

static bool is_what_was_found(int fd, const struct entry *entry)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return false;
	bool same = status.st_dev == entry->device && status.st_ino == entry->inode;
	if (!same)
		errno = ELOOP;
	return same;
}

/* Recursion with tree_directory_open(): as deep as links were followed inside each other,
 * of which a path cannot hold more than it has components. */
static int open_followed(const struct tree *tree, int root_fd, uint32_t number)
{
	const struct entry *entry = tree_entry(tree, number);
	int parent_fd AUTO_FD = tree_directory_open(tree, root_fd, entry->parent);
	if (parent_fd < 0)
		return -1;
	char *name AUTO_FREE = must_memdup(entry->name, entry->name_len);
	int fd AUTO_FD = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && is_what_was_found(fd, entry) ? take_fd(&fd) : -1;
}

int tree_directory_open(const struct tree *tree, int root_fd, uint32_t number)
{
	uint32_t above = followed_above(tree, number);
	int above_fd AUTO_FD = -1;
	if (above != TREE_ROOT) {
		above_fd = open_followed(tree, root_fd, above);
		if (above_fd < 0 || above == number)
			return take_fd(&above_fd);
	}
	struct buffer path AUTO(buffer_fini) = {0};
	tree_path_from(tree, above, number, &path);
	return beneath_open(above == TREE_ROOT ? root_fd : above_fd,
			    (const char *)path.at, path.len, O_PATH | O_DIRECTORY, 0);
}

/* ---- the last one ---- */

static int fd_of(struct tree_directory *directory, uint32_t number)
{
	if (directory->fd >= 0 && directory->entry == number)
		return directory->fd;
	cleanup_fd_(&directory->fd);
	directory->fd = tree_directory_open(directory->tree, directory->root_fd, number);
	directory->entry = number;
	return directory->fd;
}

void tree_directory_spot(struct tree_directory *directory, uint32_t number,
			 struct tree_spot *ret_spot)
{
	const struct entry *entry = tree_entry(directory->tree, number);
	memcpy(ret_spot->name, entry->name, entry->name_len);
	ret_spot->name[entry->name_len] = '\0';
	ret_spot->open_flags = entry->is_followed ? 0 : O_NOFOLLOW;
	ret_spot->stat_flags = entry->is_followed ? 0 : AT_SYMLINK_NOFOLLOW;
	ret_spot->fd = fd_of(directory, entry->parent);
}
