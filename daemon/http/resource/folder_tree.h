/*
 * All rows below a folder of a subject, in order, as often as one likes. Belongs to one
 * thread.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_FOLDER_TREE_H
#define BATON_DAEMON_HTTP_RESOURCE_FOLDER_TREE_H

#include "daemon/http/resource/subject.h"
#include "daemon/session/services.h"
#include "daemon/task/budget.h"
#include "daemon/workspace/overlap.h"
#include "daemon/workspace/tree.h"

struct folder_tree {
	const struct services *services; /* borrowed */
	const struct subject *subject;   /* borrowed */
	struct text folder;              /* borrowed; empty: the root */
	struct budget_share memory; /* for what it reads; it is not to move meanwhile */
	char *lane;                 /* owned; the namespace */
	struct overlap within;      /* owned */
	struct tree_options options;
	struct view_tree *tree; /* owned */
	struct merged_row row;  /* the latest */
};

/* {0} may be closed. ERR_BUSY where the memory for views is taken; ERR_NO_MEMORY,
 * ERR_DAMAGED. */
int folder_tree_open(struct folder_tree *folder, const struct services *services,
		     const struct subject *subject, struct text path,
		     struct error *error);
void folder_tree_close(struct folder_tree *folder);
/* To before the first row. */
int folder_tree_rewind(struct folder_tree *folder, struct error *error);

/* The layer that has this path in the subject: *ret_layer is its position in the history,
 * VIEW_NONE where none has. ERR_CONFLICT where concurrent layers disagree. Reads no more
 * than what lies at, above and below the path. */
int folder_tree_layer_of(const struct services *services, const struct subject *subject,
			 struct text path, uint32_t *ret_layer, struct error *error);

/* The next row, in folder->row: 1; 0 at the end; <0. Rows in conflict are marked. */
int folder_tree_next(struct folder_tree *folder, struct error *error);
/* ERR_CONFLICT, with a sentence that names the path of the latest row and its jobs. */
int folder_tree_tell_conflict(const struct folder_tree *folder, struct error *error);

#endif
