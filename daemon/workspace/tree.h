/*
 * The merged tree of a view: layer readers under merge/merge.h, with filters and
 * prefixes, and for each row where its units lie. Pins all that it reads until it is
 * freed.
 *
 * Bases that are not in the view take part as shadows, so that the merge can tell what a
 * job changed from what it merely handed on.
 *
 * Belongs to one thread. Memory: per source one frame of pieces and one block.
 */
#ifndef BATON_DAEMON_WORKSPACE_TREE_H
#define BATON_DAEMON_WORKSPACE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/merge/merge.h"
#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/layer/reader.h"
#include "daemon/view/view.h"
#include "daemon/workspace/overlap.h"
#include "proto/message/message.h"
#include "proto/path/glob.h"

struct tree_options {
	struct glob_filter filter; /* borrowed content */
	/* Gives directories, too, that the filter does not take but that lead to
	 * something it takes. */
	bool parents;
	/* borrowed; sorted (overlap.h): only rows at, above and below these paths, with
	 * no more cost than that; directories above one may be left out. NULL: all rows */
	const struct overlap *within;
	/* Puts JOB/ or JOB/SHARD/ in front of each path, so that nothing conflicts. For
	 * layers without a shard of a job that has shards in the view too it is
	 * JOB/%/. */
	bool by_job;
	struct merge_options merge;
};

struct view_tree;

/* history, view and options are borrowed until tree_free(). Reads nothing yet: before
 * tree_next() and tree_tag() comes tree_read(). */
int tree_prepare(const struct catalogue_history *history, const struct view *view,
		 const struct tree_options *options, struct view_tree **ret_tree,
		 struct error *error);
/* Bytes of memory that it holds, at most, from tree_read() to tree_keep_pins(). */
uint64_t tree_memory(const struct view_tree *tree);
int tree_read(struct view_tree *tree, struct store *store, struct error *error);

/* Both. */
int tree_open(struct store *store, const struct catalogue_history *history,
	      const struct view *view, const struct tree_options *options,
	      struct view_tree **ret_tree, struct error *error);
void tree_free(struct view_tree *tree); /* NULL is fine */

/* As merge_next(); sources 0 … view.layer_count − 1 are the view's layers. */
int tree_next(struct view_tree *tree, struct merged_row *ret_row, struct error *error);

/* Where unit number `unit` of the row given last lies. */
int tree_place(struct view_tree *tree, const struct merged_row *row, size_t unit,
	       struct frame_place *ret_place, struct error *error);

/* After the last row, when the conflicts are no longer needed: frees all but the pins, so
 * that noted places can still be read. Afterwards only tree_free() is allowed. */
void tree_keep_pins(struct view_tree *tree);

const struct merge *tree_merge(const struct view_tree *tree); /* for its conflicts */

/* The tag of the rows: trees with equal tags have equal rows, on any daemon. It is the
 * digest of the layer where that is all there is to it, else SHA-256 of what goes into
 * the merge: digests of the layers and how they are related, filters, options. only and
 * exclude: the patterns of options.filter. */
struct digest tree_tag(const struct view_tree *tree, const struct text_list *only,
		       const struct text_list *exclude);

#endif
