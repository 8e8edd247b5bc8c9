#include "client/tree/directory.h"

#include <fcntl.h>
#include <string.h>
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
	buffer_fini(&directory->path);
}

static int fd_of(struct tree_directory *directory, uint32_t entry)
{
	if (directory->fd >= 0 && directory->entry == entry)
		return directory->fd;
	cleanup_fd_(&directory->fd);
	tree_path(directory->tree, entry, &directory->path);
	directory->fd =
		beneath_open(directory->root_fd, (const char *)directory->path.at,
			     directory->path.len, O_PATH | O_DIRECTORY, 0);
	directory->entry = entry;
	return directory->fd;
}

void tree_directory_spot(struct tree_directory *directory, uint32_t number,
			 struct tree_spot *ret_spot)
{
	const struct entry *entry = tree_entry(directory->tree, number);
	memcpy(ret_spot->name, entry->name, entry->name_len);
	ret_spot->name[entry->name_len] = '\0';
	ret_spot->fd = fd_of(directory, entry->parent);
}
