#include "client/tree/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/files/beneath.h"
#include "client/files/stage.h"
#include "client/tree/directory.h"
#include "client/tree/link.h"
#include "client/tree/loss.h"
#include "client/tree/select_link.h"
#include "client/tree/walk_names.h"
#include "client/tree/walk_recorded.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/bounds.h"

/* Directories kept open; those further up are opened again on the way back. */
#define OPEN_LEVELS 128u
#define SCRATCH_LEN 65536u

/* A directory that the walk is in. */
struct level {
	int fd;         /* owned; -1: closed to spare descriptors */
	uint32_t entry; /* in the tree */
	size_t path_len;
	bool taken;
	struct literal_range range;
	struct walk_names names;
	size_t next;       /* in names */
	bool complete;     /* all that was found has an entry */
	uint32_t recorded; /* in the stat record; RECORD_NONE */
	uint32_t sibling;  /* in the stat record: what the next name may be */
};

struct walk {
	const struct walk_request *request; /* borrowed */
	struct selection *selection;        /* borrowed */
	struct tree *tree;                  /* borrowed */
	struct level *levels;               /* owned */
	size_t depth, room;
	size_t prefix_len, prefix_depth; /* with the "/" behind it */
	dev_t device;                    /* of the root */
	char *path;    /* owned; PATH_LEN_MAX bytes and some; the directory's, then the
			  entry's */
	void *scratch; /* owned */
};

/* What stands at one path, looked at without following it. */
struct found {
	const char *name;
	size_t name_len;
	size_t path_len;    /* in walk->path */
	unsigned char type; /* DT_…; if followed: of what the link leads to */
	bool is_followed;
	uint32_t entry;
	uint32_t recorded; /* in the stat record; RECORD_NONE */
	struct verdict verdict;
};

static void level_fini(struct level *level)
{
	cleanup_fd_(&level->fd);
	walk_names_fini(&level->names);
}

static void walk_fini(struct walk *walk)
{
	while (walk->depth > 0)
		level_fini(&walk->levels[--walk->depth]);
	free(walk->levels);
	free(walk->path);
	free(walk->scratch);
}

static struct level *top_of(const struct walk *walk)
{
	return &walk->levels[walk->depth - 1];
}

/* A sentence about the path of path_len bytes. */
static int fail(const struct walk *walk, size_t path_len, struct error *error)
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

static int level_fd(const struct walk *walk, struct level *level)
{
	if (level->fd < 0)
		level->fd = tree_directory_open(walk->tree, walk->selection->root_fd,
						level->entry);
	return level->fd;
}

/* What has no entry: its directory is read the next time too. */
static void skip(const struct walk *walk, const struct found *found, const char *kind)
{
	const struct walk_events *events = &walk->request->events;
	top_of(walk)->complete = false;
	if (events->on_skipped)
		events->on_skipped(events->context, walk->path, found->path_len, kind);
}

/* ---- entering a directory ---- */

/* Without reading: the next components of the literals below. */
static void name_literals(const struct walk *walk, struct level *level)
{
	size_t skip = level->path_len ? level->path_len + 1 : 0;
	for (size_t i = level->range.first; i < level->range.end; i++) {
		const struct selection *selection = walk->selection;
		const char *rest = selection->items[selection->literals[i]].path + skip;
		walk_names_add(&level->names, rest, strcspn(rest, "/"));
	}
}

static bool is_read(const struct walk *walk, size_t path_len, bool taken)
{
	return taken || selection_reads(walk->selection, walk->path, path_len);
}

static int read_names(struct walk *walk, struct level *level, bool reads,
		      struct error *error)
{
	if (!reads)
		name_literals(walk, level);
	else if (walk_names_read(&level->names, level->fd, walk->scratch, SCRATCH_LEN) <
		 0)
		return fail(walk, level->path_len, error);
	walk_names_sort(&level->names);
	return 0;
}

static struct level *push(struct walk *walk)
{
	array_make_room(walk->levels, walk->depth, walk->room);
	if (walk->depth >= OPEN_LEVELS)
		(void)close(take_fd(&walk->levels[walk->depth - OPEN_LEVELS].fd));
	struct level *level = &walk->levels[walk->depth++];
	*level = (struct level){.fd = -1, .recorded = RECORD_NONE};
	return level;
}

static void note_recorded(const struct walk *walk, struct level *level, uint32_t number)
{
	level->recorded = number;
	level->sibling = number + 1;
	if (number == RECORD_NONE || !walk->request->scout)
		level->recorded = RECORD_NONE;
}

/* As the record says, and all that is in it too: it need not be opened. */
static bool enter_recorded(struct walk *walk, const struct found *found)
{
	struct record_entry known;
	if (found->is_followed || !is_read(walk, found->path_len, found->verdict.taken) ||
	    !walk_recorded(walk->request->scout, found->recorded, &known) ||
	    !known.listed ||
	    own_places_what(walk->request->own, walk->device, known.stamp.inode, -1))
		return false;
	walk_recorded_keep(tree_entry(walk->tree, found->entry), found->recorded, &known);
	struct level *level = push(walk);
	level->entry = found->entry;
	level->path_len = found->path_len;
	level->taken = found->verdict.taken;
	level->range = found->verdict.below;
	level->complete = true;
	note_recorded(walk, level, found->recorded);
	walk_recorded_names(walk->request->scout->record, level->recorded, &level->names);
	return true;
}

static void note_directory(const struct walk *walk, const struct found *found,
			   const struct stat *status)
{
	struct entry *entry = tree_entry(walk->tree, found->entry);
	walk_recorded_note(entry, status, walk->device);
	loss_note(walk->tree, entry, loss_of_mode(status->st_mode));
	if (!found->is_followed)
		return;
	entry->device = status->st_dev;
	entry->changed_ns = 0;
}

static int enter(struct walk *walk, const struct found *found, struct error *error)
{
	if (enter_recorded(walk, found))
		return 0;
	bool reads = is_read(walk, found->path_len, found->verdict.taken);
	int fd AUTO_FD = openat(level_fd(walk, top_of(walk)), found->name,
				(reads ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC |
					(found->is_followed ? 0 : O_NOFOLLOW));
	struct stat status;
	const char *own;
	if (own_places_look(walk->request->own, level_fd(walk, top_of(walk)), found->name,
			    fd, &status, &own) < 0)
		return fail(walk, found->path_len, error);
	if (own) {
		tree_drop_last(walk->tree);
		skip(walk, found, own);
		return 0;
	}
	note_directory(walk, found, &status);
	struct level *level = push(walk);
	level->fd = take_fd(&fd);
	level->complete = reads;
	note_recorded(walk, level, found->recorded);
	level->entry = found->entry;
	level->path_len = found->path_len;
	level->taken = found->verdict.taken;
	level->range = found->verdict.below;
	return read_names(walk, level, reads, error);
}

/* The root itself, as the stat record has it or as it is now. */
static int look_at_root(struct walk *walk, struct level *level, struct error *error)
{
	struct entry *entry = tree_entry(walk->tree, TREE_ROOT);
	struct record_entry known;
	struct stat status;
	if (fstat(walk->selection->root_fd, &status) < 0)
		return fail(walk, 0, error);
	const char *own = own_places_what(walk->request->own, status.st_dev,
					  status.st_ino, walk->selection->root_fd);
	if (own)
		return error_set(error, ERR_USAGE,
				 "`%s`: is a %s, of which nothing is stored",
				 walk->selection->root, own);
	walk->device = status.st_dev;
	level->complete = is_read(walk, 0, level->taken);
	if (level->complete &&
	    walk_recorded(walk->request->scout, level->recorded, &known) &&
	    known.listed) {
		walk_recorded_keep(entry, level->recorded, &known);
		walk_recorded_names(walk->request->scout->record, level->recorded,
				    &level->names);
		return 0;
	}
	level->fd =
		openat(walk->selection->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (level->fd < 0)
		return fail(walk, 0, error);
	walk_recorded_note(entry, &status, walk->device);
	return read_names(walk, level, level->complete, error);
}

static int enter_root(struct walk *walk, struct error *error)
{
	struct selection *selection = walk->selection;
	struct level *level = push(walk);
	level->entry = TREE_ROOT;
	note_recorded(walk, level, 0);
	level->range = (struct literal_range){0, selection->literal_count};
	while (level->range.first < level->range.end &&
	       selection->items[selection->literals[level->range.first]].path_len == 0) {
		level->range.first++;
		level->taken = true;
	}
	return look_at_root(walk, level, error);
}

/* ---- one name ---- */

static int look(struct walk *walk, const char *name, struct found *found,
		struct error *error)
{
	struct level *level = top_of(walk);
	*found = (struct found){.name = name,
				.name_len = strlen(name),
				.type = walk_names_type(name),
				.recorded = RECORD_NONE};
	if (level->recorded != RECORD_NONE) {
		const struct record *record = walk->request->scout->record;
		found->recorded = record_seek(record, &level->sibling,
					      record_end(record, level->recorded), name,
					      found->name_len);
	}
	size_t start = level->path_len ? level->path_len + 1 : 0;
	found->path_len = start + found->name_len;
	if (found->path_len + walk->prefix_len > PATH_LEN_MAX ||
	    walk->depth + walk->prefix_depth > PATH_DEPTH_MAX) {
		char *parent AUTO_FREE = escape_encode(walk->path, level->path_len);
		return error_set(error, ERR_LIMIT,
				 "`%s`: holds a path that is longer than %u bytes or "
				 "deeper than %u directories when stored",
				 parent, PATH_LEN_MAX, PATH_DEPTH_MAX);
	}
	if (start > 0)
		walk->path[start - 1] = '/';
	memcpy(walk->path + start, name, found->name_len);
	struct stat status;
	if (found->type != DT_UNKNOWN)
		return 0;
	if (fstatat(level_fd(walk, level), name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(walk, found->path_len, error);
	found->type = (unsigned char)IFTODT(status.st_mode);
	return 0;
}

/* ---- links ---- */

static struct tree_link link_of(struct walk *walk, const struct found *found)
{
	return (struct tree_link){.fd = level_fd(walk, top_of(walk)),
				  .name = found->name,
				  .path = {walk->path, found->path_len, false}};
}

/* A link that a PATH means or goes through is taken for what it leads to. The directory
 * that it lies in is read the next time too: no record tells of a link that leads
 * elsewhere. */
static int follow(struct walk *walk, struct found *found, struct error *error)
{
	struct tree_link link = link_of(walk, found);
	if (!selection_follows(walk->selection, link.path))
		return 0;
	top_of(walk)->complete = false;
	found->is_followed = true;
	return tree_link_follow(&link, &found->type, error);
}

/* One that will lead to nothing that is stored, though a PATH means it. */
static void tell_of_link(struct walk *walk, const struct found *found, const char *target)
{
	const struct walk_events *events = &walk->request->events;
	struct tree_link link = link_of(walk, found);
	if (events->on_link && selection_means(walk->selection, link.path) &&
	    tree_link_leaves_out(&link, target, walk->selection))
		events->on_link(events->context, walk->path, found->path_len, target);
}

static int append(struct walk *walk, struct found *found, enum row_type type,
		  struct error *error)
{
	int err = tree_add(walk->tree, top_of(walk)->entry, found->name, found->name_len,
			   &found->entry, error);
	if (err < 0)
		return err;
	struct entry *entry = tree_entry(walk->tree, found->entry);
	entry->type = (uint8_t)type & 3u;
	entry->is_row = found->verdict.taken;
	entry->is_followed = found->is_followed;
	return 0;
}

/* Its bytes need not be read, if nothing has changed. */
static int append_file(struct walk *walk, struct found *found, struct error *error)
{
	int err = append(walk, found, ROW_FILE, error);
	struct record_entry known;
	if (err < 0 || found->is_followed ||
	    !walk_recorded(walk->request->scout, found->recorded, &known) ||
	    known.type != ROW_FILE)
		return err;
	struct entry *entry = tree_entry(walk->tree, found->entry);
	walk_recorded_keep(entry, found->recorded, &known);
	return 0;
}

static int append_link(struct walk *walk, struct found *found, struct error *error)
{
	int err = append(walk, found, ROW_SYMLINK, error);
	if (err < 0)
		return err;
	struct entry *entry = tree_entry(walk->tree, found->entry);
	struct record_entry known;
	if (walk_recorded(walk->request->scout, found->recorded, &known) &&
	    known.type == ROW_SYMLINK) {
		walk_recorded_keep(entry, found->recorded, &known);
		entry->target = tree_text(walk->tree, known.target, known.target_len);
		return 0;
	}
	int fd = level_fd(walk, top_of(walk));
	char target[LINK_TARGET_LEN_MAX + 1];
	struct stat status;
	ssize_t len = -1;
	if (fstatat(fd, found->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		walk_recorded_note(entry, &status, walk->device);
		len = readlinkat(fd, found->name, target, sizeof(target));
	}
	if (len < 0)
		return fail(walk, found->path_len, error);
	entry->mode = 0777;
	if (len == 0 || (size_t)len == sizeof(target)) {
		errno = EINVAL;
		return fail(walk, found->path_len, error);
	}
	entry->target = tree_text(walk->tree, target, (size_t)len);
	return 0;
}

static int take_link(struct walk *walk, struct found *found, struct error *error)
{
	int err = append_link(walk, found, error);
	if (err == 0)
		tell_of_link(walk, found, tree_entry(walk->tree, found->entry)->target);
	return err;
}

static const char *kind_of(unsigned char type)
{
	return type == DT_SOCK ? "socket" : type == DT_FIFO ? "FIFO" : "device";
}

static int visit(struct walk *walk, const char *name, struct error *error)
{
	struct found found;
	int err = look(walk, name, &found, error);
	if (err < 0)
		return err;
	if (found.type == DT_LNK && walk->selection->follows) {
		err = follow(walk, &found, error);
		if (err < 0)
			return err;
	}
	const struct level *level = top_of(walk);
	found.verdict = selection_judge(walk->selection, level->range, level->taken,
					(struct named){.path = walk->path,
						       .len = found.path_len,
						       .is_dir = found.type == DT_DIR});
	if (!found.verdict.taken)
		top_of(walk)->complete = false;
	if (!found.verdict.taken && !found.verdict.entered)
		return 0;
	if (found.type == DT_DIR && stage_is_one(level_fd(walk, top_of(walk)), name)) {
		skip(walk, &found, "folder that a killed attach left");
		return 0;
	}
	if (found.type == DT_REG)
		return append_file(walk, &found, error);
	if (found.type == DT_LNK)
		return take_link(walk, &found, error);
	if (found.type != DT_DIR) {
		skip(walk, &found, kind_of(found.type));
		return 0;
	}
	err = append(walk, &found, ROW_DIRECTORY, error);
	return err < 0 ? err : enter(walk, &found, error);
}

/* ---- the whole ---- */

static int step(struct walk *walk, struct error *error)
{
	struct level *level = top_of(walk);
	if (level->next < level->names.count)
		return visit(walk, level->names.sorted[level->next++], error);
	tree_entry(walk->tree, level->entry)->listed = level->complete;
	level_fini(level);
	walk->depth--;
	const struct walk_events *events = &walk->request->events;
	return events->on_progress ? events->on_progress(events->context, error) : 0;
}

static void measure_prefix(struct walk *walk)
{
	const char *prefix = walk->request->prefix;
	if (!prefix || !*prefix)
		return;
	walk->prefix_len = strlen(prefix) + 1;
	walk->prefix_depth = 1;
	for (; *prefix; prefix++)
		walk->prefix_depth += *prefix == '/';
}

int walk_run(const struct walk_request *request, struct tree *tree, struct error *error)
{
	struct walk walk AUTO(walk_fini) = {
		.request = request,
		.selection = request->selection,
		.tree = tree,
		.path = must_alloc(PATH_LEN_MAX + COMPONENT_LEN_MAX + 2),
		.scratch = must_alloc(SCRATCH_LEN),
	};
	measure_prefix(&walk);
	int err = enter_root(&walk, error);
	while (err == 0 && walk.depth > 0)
		err = step(&walk, error);
	selection_match_root(request->selection, tree->count > 1);
	return err;
}
