#include "client/tree/walk_links.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/select/link.h"
#include "client/select/select_link.h"
#include "client/tree/walk_recorded.h"

static struct tree_link link_of(struct walk *walk, const struct found *found)
{
	return (struct tree_link){.fd = walk_level_fd(walk, walk_top(walk)),
				  .name = found->name,
				  .path = {walk->path, found->path_len, false}};
}

/* A link that a PATH means or goes through is taken for what it leads to. The directory
 * that it lies in is read the next time too: no record tells of a link that leads
 * elsewhere. */
int walk_follow(struct walk *walk, struct found *found, struct error *error)
{
	struct tree_link link = link_of(walk, found);
	if (!selection_follows(walk->selection, link.path))
		return 0;
	walk_top(walk)->complete = false;
	found->is_followed = true;
	return tree_link_follow(&link, &found->type, error);
}

/* One that will lead to nothing that is stored, though a PATH means it. */
static void tell_of_link(struct walk *walk, const struct found *found, const char *target)
{
	const struct walk_events *events = &walk->request->events;
	struct tree_link link = link_of(walk, found);
	if (!events->on_link || !selection_means(walk->selection, link.path))
		return;
	enum link_end end = tree_link_end(&link, target, walk->selection);
	if (end != LINK_STORED)
		events->on_link(events->context, end, walk->path, found->path_len,
				target);
}

static int append_link(struct walk *walk, struct found *found, struct error *error)
{
	int err = walk_append(walk, found, ROW_SYMLINK, error);
	if (err < 0)
		return err;
	struct entry *entry = tree_entry(walk->tree, found->entry);
	struct record_entry known;
	entry->target = "";
	if (walk_recorded(walk->request->scout, found->recorded, &known) &&
	    known.type == ROW_SYMLINK) {
		walk_recorded_keep(entry, found->recorded, &known);
		entry->target = tree_text(walk->tree, known.target, known.target_len);
		return 0;
	}
	int fd = walk_level_fd(walk, walk_top(walk));
	char target[LINK_TARGET_LEN_MAX + 1];
	struct stat status;
	ssize_t len = -1;
	if (fstatat(fd, found->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		walk_recorded_note(entry, &status, walk->device);
		len = readlinkat(fd, found->name, target, sizeof(target));
	}
	if (len < 0)
		return walk_fail(walk, found->path_len, error);
	entry->mode = 0777;
	if (len == 0 || (size_t)len == sizeof(target)) {
		errno = EINVAL;
		return walk_fail(walk, found->path_len, error);
	}
	entry->target = tree_text(walk->tree, target, (size_t)len);
	return 0;
}

int walk_take_link(struct walk *walk, struct found *found, struct error *error)
{
	int err = append_link(walk, found, error);
	if (err == 0)
		tell_of_link(walk, found, tree_entry(walk->tree, found->entry)->target);
	return err;
}
