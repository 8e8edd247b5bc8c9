#include "client/tree/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/files/beneath.h"
#include "client/files/stage.h"
#include "client/tree/loss.h"
#include "client/tree/walk_links.h"
#include "client/tree/walk_recorded.h"
#include "client/tree/walk_state.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/bounds.h"

/* Directories kept open; those further up are opened again on the way back. */
#define OPEN_LEVELS 128u
#define SCRATCH_LEN 65536u

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

/* What has no entry: its directory is read the next time too. */
static void skip(const struct walk *walk, const struct found *found, const char *kind)
{
	const struct walk_events *events = &walk->request->events;
	walk_top(walk)->complete = false;
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
	int err = 0;
	if (!reads)
		name_literals(walk, level);
	else if (walk_names_read(&level->names, level->fd, walk->scratch, SCRATCH_LEN) <
		 0)
		err = walk_fail(walk, level->path_len, error);
	walk_names_sort(&level->names);
	return err;
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

static bool is_store(const struct level *level)
{
	return level->fd >= 0 && level->complete &&
	       walk_names_has(&level->names, OWN_STORE_FILE) &&
	       own_places_is_store(level->fd);
}

/* What was entered is another daemon's. */
static void leave_out_store(struct walk *walk, const struct found *found)
{
	struct level *level = walk_top(walk);
	walk_names_fini(&level->names);
	(void)close(take_fd(&level->fd));
	walk->depth--;
	tree_drop_last(walk->tree);
	skip(walk, found, OWN_STORE_WHAT);
}

static int enter(struct walk *walk, const struct found *found, struct error *error)
{
	if (enter_recorded(walk, found))
		return 0;
	bool reads = is_read(walk, found->path_len, found->verdict.taken);
	int fd AUTO_FD = openat(walk_level_fd(walk, walk_top(walk)), found->name,
				(reads ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC |
					(found->is_followed ? 0 : O_NOFOLLOW));
	struct stat status;
	const char *own;
	if (own_places_look(walk->request->own, walk_level_fd(walk, walk_top(walk)),
			    found->name, fd, &status, &own) < 0)
		return walk_fail(walk, found->path_len, error);
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
	int err = read_names(walk, level, reads, error);
	if (!err && is_store(level))
		leave_out_store(walk, found);
	return err;
}

static int refuse_root(const struct walk *walk, const char *what, struct error *error)
{
	return error_set(error, ERR_USAGE, "`%s`: is a %s, of which nothing is stored",
			 walk->selection->root, what);
}

/* The root itself, as the stat record has it or as it is now. */
static int look_at_root(struct walk *walk, struct level *level, struct error *error)
{
	struct entry *entry = tree_entry(walk->tree, TREE_ROOT);
	struct record_entry known;
	struct stat status;
	if (fstat(walk->selection->root_fd, &status) < 0)
		return walk_fail(walk, 0, error);
	const char *own = own_places_what(walk->request->own, status.st_dev,
					  status.st_ino, walk->selection->root_fd);
	if (own)
		return refuse_root(walk, own, error);
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
		return walk_fail(walk, 0, error);
	walk_recorded_note(entry, &status, walk->device);
	int err = read_names(walk, level, level->complete, error);
	return !err && is_store(level) ? refuse_root(walk, OWN_STORE_WHAT, error) : err;
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
	struct level *level = walk_top(walk);
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
	if (fstatat(walk_level_fd(walk, level), name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return walk_fail(walk, found->path_len, error);
	found->type = (unsigned char)IFTODT(status.st_mode);
	return 0;
}

/* Its bytes need not be read, if nothing has changed. */
static int append_file(struct walk *walk, struct found *found, struct error *error)
{
	int err = walk_append(walk, found, ROW_FILE, error);
	struct record_entry known;
	if (err < 0 || found->is_followed ||
	    !walk_recorded(walk->request->scout, found->recorded, &known) ||
	    known.type != ROW_FILE)
		return err;
	struct entry *entry = tree_entry(walk->tree, found->entry);
	walk_recorded_keep(entry, found->recorded, &known);
	return 0;
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
		err = walk_follow(walk, &found, error);
		if (err < 0)
			return err;
	}
	const struct level *level = walk_top(walk);
	found.verdict = selection_judge(walk->selection, level->range, level->taken,
					(struct named){.path = walk->path,
						       .len = found.path_len,
						       .is_dir = found.type == DT_DIR});
	if (!found.verdict.taken)
		walk_top(walk)->complete = false;
	if (!found.verdict.taken && !found.verdict.entered)
		return 0;
	if (found.type == DT_DIR &&
	    stage_is_one(walk_level_fd(walk, walk_top(walk)), name)) {
		skip(walk, &found, "folder that a killed attach left");
		return 0;
	}
	if (found.type == DT_REG)
		return append_file(walk, &found, error);
	if (found.type == DT_LNK)
		return walk_take_link(walk, &found, error);
	if (found.type != DT_DIR) {
		skip(walk, &found, kind_of(found.type));
		return 0;
	}
	err = walk_append(walk, &found, ROW_DIRECTORY, error);
	return err < 0 ? err : enter(walk, &found, error);
}

/* ---- the whole ---- */

/* What is wrong with one path need not end the walk. */
static int put_aside(struct walk *walk, int err, const struct error *error)
{
	if (err != ERR_LOCAL || !walk->request->faults)
		return err;
	faults_add(walk->request->faults, error);
	return 0;
}

static int step(struct walk *walk, struct error *error)
{
	struct level *level = walk_top(walk);
	if (level->next < level->names.count)
		return put_aside(walk,
				 visit(walk, level->names.sorted[level->next++], error),
				 error);
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
