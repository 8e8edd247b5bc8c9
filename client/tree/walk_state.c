#include "client/tree/walk_state.h"

#include <errno.h>

#include "client/tree/directory.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"

struct level *walk_top(const struct walk *walk)
{
	return &walk->levels[walk->depth - 1];
}

/* A sentence about the path of path_len bytes. */
int walk_fail(const struct walk *walk, size_t path_len, struct error *error)
{
	int number = errno;
	char *text AUTO_FREE = path_len ? escape_encode(walk->path, path_len)
					: must_strdup(walk->selection->root);
	if (number == ENOENT)
		return error_set(error, ERR_LOCAL,
				 "`%s`: vanished between listing and opening", text);
	if (number == ENOTDIR || number == ELOOP)
		return error_set(error, ERR_LOCAL,
				 "`%s`: was replaced by something else during the walk",
				 text);
	return error_set_errno(error, ERR_LOCAL, number, "`%s`: cannot be read", text);
}

int walk_level_fd(const struct walk *walk, struct level *level)
{
	if (level->fd < 0)
		level->fd = tree_directory_open(walk->tree, walk->selection->root_fd,
						level->entry);
	return level->fd;
}

int walk_append(struct walk *walk, struct found *found, enum row_type type,
		struct error *error)
{
	int err = tree_add(walk->tree, walk_top(walk)->entry, found->name,
			   found->name_len, &found->entry, error);
	if (err < 0)
		return err;
	struct entry *entry = tree_entry(walk->tree, found->entry);
	entry->type = (uint8_t)type & 3u;
	entry->is_row = found->verdict.taken;
	entry->is_followed = found->is_followed;
	return 0;
}
