#include "daemon/http/resource/folder_tree.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/history/names.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

void folder_tree_close(struct folder_tree *folder)
{
	tree_free(folder->tree);
	budget_give_back(&folder->memory);
	overlap_fini(&folder->within);
	free(folder->lane);
	*folder = (struct folder_tree){0};
}

/* The first time: later it has it. Does not wait: others are served by this thread. */
static int take_memory(struct folder_tree *folder, struct error *error)
{
	const struct budget_wish wish = {
		.lane = text_of(folder->lane),
		.cost = tree_memory(folder->tree),
		.wake_fd = -1,
		.peer_fd = -1,
	};
	return folder->memory.budget ? 0
				     : budget_take(folder->services->views, &wish,
						   &folder->memory, error);
}

int folder_tree_rewind(struct folder_tree *folder, struct error *error)
{
	tree_free(take_ptr(&folder->tree));
	int err = tree_prepare(&folder->subject->history, &folder->subject->view,
			       &folder->options, &folder->tree, error);
	if (err == 0)
		err = take_memory(folder, error);
	return err ? err : tree_read(folder->tree, folder->services->store, error);
}

static void look_within(struct folder_tree *folder, struct text path)
{
	struct overlap *within = &folder->within;
	within->paths = must_calloc(1, sizeof(*within->paths));
	within->paths[0] = (struct overlap_path){.path = must_memdup(path.at, path.len),
						 .len = path.len};
	within->count = within->room = 1;
	folder->options.within = within;
}

int folder_tree_open(struct folder_tree *folder, const struct services *services,
		     const struct subject *subject, struct text path, struct error *error)
{
	*folder = (struct folder_tree){
		.services = services, .subject = subject, .folder = path};
	const struct text namespace = subject->scope.namespace;
	folder->lane = must_memdup(namespace.at, namespace.len);
	folder->options.merge.on_conflict = ON_CONFLICT_MARK;
	if (path.len > 0)
		look_within(folder, path);
	return folder_tree_rewind(folder, error);
}

int folder_tree_next(struct folder_tree *folder, struct error *error)
{
	int result;
	const struct row *row = &folder->row.row;
	do
		result = tree_next(folder->tree, &folder->row, error);
	while (result == 1 && !path_below(row->path, row->path_len, folder->folder.at,
					  folder->folder.len));
	return result;
}

static void name_job(const struct folder_tree *folder, uint32_t source,
		     char ret_label[200])
{
	const struct history *history = &folder->subject->history.history;
	uint32_t layer = folder->subject->view.layers[source].layer;
	execution_label(&history->executions[history->layers[layer].execution], ret_label,
			200);
}

int folder_tree_tell_conflict(const struct folder_tree *folder, struct error *error)
{
	const struct merged_row *row = &folder->row;
	char labels[2][200], path[ESCAPE_SHOWN_SIZE];
	for (size_t i = 0; i < 2; i++)
		name_job(folder,
			 i < row->conflict_source_count ? row->conflict_sources[i]
							: row->source,
			 labels[i]);
	return error_set(
		error, ERR_CONFLICT,
		"`%s`: %s and %s have different content here; ask for a layer of "
		"one of them",
		escape_shown(row->row.path, row->row.path_len, path), labels[0],
		labels[1]);
}

/* 1: the row at the folder's own path is the latest; 0: there is none. */
static int find_itself(struct folder_tree *folder, struct error *error)
{
	int result;
	const struct row *row = &folder->row.row;
	while ((result = tree_next(folder->tree, &folder->row, error)) == 1) {
		if (row->path_len == folder->folder.len &&
		    memcmp(row->path, folder->folder.at, row->path_len) == 0)
			return 1;
	}
	return result;
}

int folder_tree_layer_of(const struct services *services, const struct subject *subject,
			 struct text path, uint32_t *ret_layer, struct error *error)
{
	struct folder_tree folder AUTO(folder_tree_close) = {0};
	*ret_layer = subject->layer;
	if (subject->layer != VIEW_NONE)
		return 0;
	int result = folder_tree_open(&folder, services, subject, path, error);
	if (result == 0)
		result = find_itself(&folder, error);
	if (result == 1 && folder.row.conflict)
		return folder_tree_tell_conflict(&folder, error);
	if (result == 1)
		*ret_layer = subject->view.layers[folder.row.source].layer;
	return result < 0 ? result : 0;
}
