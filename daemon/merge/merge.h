/*
 * Merging the trees of a view (rule W7): at each path the rows of all layers that hold
 * it become one row, or a conflict.
 *
 * Pure but for its sources: rows come from cursors (a function each), so that tests feed
 * arrays and the daemon feeds pieces from segments. Streams: memory is one row per
 * source. Belongs to one thread.
 *
 * Rules at one path, in the order in which they are applied:
 *
 *  1. *Unchanged.* A layer's row that equals (type, bytes, mode) a row that its bases
 *     give at this path (the candidates, by rule 2, among the bases that hold it) is
 *     unchanged. An unchanged row is as if the layer did not hold the path: the layer
 *     it came from speaks for it. What that one came after stays replaced, even where
 *     that one is a shadow. (If only unchanged rows are left, because their bases are
 *     not in the view, the last in order gives the row and nothing conflicts.)
 *  2. *Candidates* are the changed rows of layers that no other layer with a changed
 *     row here comes after.
 *  3. Equal candidates are one; the earliest time is kept. Directories equal
 *     directories; the last in order gives mode and time.
 *  4. Otherwise they conflict: `prefer` picks the first preferred job or shard that has
 *     a candidate; if several of it still disagree, or none has one, on_conflict
 *     decides: error (all conflicts are collected: the first 20 in full, the rest
 *     counted), first, last by the view's order, or mark (collected too).
 *  5. *Directory against something else.* A path is a directory to a layer also when
 *     the layer holds something below it (parents need no rows). Concurrent: a
 *     conflict at that path, resolved like any other; the losing side's rows, at and
 *     below the path, disappear. Ordered: the later one replaces the earlier with all
 *     below it; a later directory row or something below the path replaces an earlier
 *     file; what such a file had replaced does not come back.
 *     When a directory wins that has no row anywhere, it is implicit: no row is given,
 *     but with mark a row of mode 0755 for the conflict to stand on.
 *     Whether a directory is changed (rule 1) is a question of its own row; without
 *     one it equals every directory. So one that its bases gave as a directory yields
 *     to a file that replaced it, and all below it disappears. If it has a changed row
 *     below, that is a conflict at the path, found when that row is met: it is
 *     collected (error, mark), but the file was given and stays, whatever prefer says;
 *     with first and last the file wins. Where only unchanged ones are left a
 *     directory that no other comes after stays before a file.
 *     With error, after a conflict here, the rows below are given and looked at for
 *     more conflicts.
 *
 * Filters (only, exclude) are applied before: a row that they leave out does not exist,
 * neither for conflicts (W7: "only paths inside … count") nor for what is given.
 */
#ifndef BATON_DAEMON_MERGE_MERGE_H
#define BATON_DAEMON_MERGE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/manifest/manifest.h"

/* Gives the next row of one layer, in manifest order: 1 a row (borrowed until the next
 * call), 0 the end, <0 an error. */
struct merge_cursor {
	int (*next)(void *context, struct row *ret_row, struct error *error);
	void *context; /* borrowed */
};

struct merge_source {
	struct merge_cursor cursor;
	const char *job, *shard; /* borrowed; for prefer; shard may be "" */
	/* A base that is not in the view: it only tells which rows are unchanged. */
	bool shadow;
	/* borrowed; ascending positions of all sources that come before this one */
	const uint32_t *before;
	size_t before_count;
	/* borrowed; ascending positions of its bases: what its execution had attached,
	 * and the execution's own earlier layers (W3: going back to what was attached is
	 * a change to them) */
	const uint32_t *bases;
	size_t base_count;
};

enum on_conflict {
	ON_CONFLICT_ERROR,
	ON_CONFLICT_FIRST,
	ON_CONFLICT_LAST,
	ON_CONFLICT_MARK,
};

#define MERGE_CONFLICTS_KEPT 20u

struct merge_conflict {
	char *path; /* owned */
	size_t path_len;
	uint32_t *sources; /* owned; the candidates, in order */
	size_t source_count;
	bool of_mode; /* they differ in nothing but the mode */
};

struct merge_options {
	/* borrowed; JOB, or JOB/SHARD where no source has a job of that whole name */
	const char *const *prefer;
	size_t prefer_count;
	enum on_conflict on_conflict;
};

/* One row of the merged tree. */
struct merged_row {
	struct row row;      /* borrowed until the next call */
	uint32_t source;     /* the one that gave its bytes */
	uint64_t first_unit; /* how many unit mentions that source gave before this row:
				with it the caller finds where the units lie */
	bool conflict;       /* only with ON_CONFLICT_MARK */
	const uint32_t *conflict_sources; /* borrowed; with conflict */
	size_t conflict_source_count;
};

/* Whether a name is that of a job, or JOB/SHARD; JOB/ is the job's without a shard. */
bool merge_is_named(const char *name, const char *job, const char *shard);

struct merge;

/* Sources in the view's order, then shadows in any order; borrowed, as the options are,
 * until merge_free. sources.h makes them. `before` must be transitive; it may name
 * shadows, and a shadow may have its own. Memory: 3/8 × count² bytes, and a row per
 * source. Where only one source is no shadow the others are not read at all, and nothing
 * is compared. ERR_NO_MEMORY. */
int merge_new(const struct merge_source *sources, size_t count,
	      const struct merge_options *options, struct merge **ret_merge,
	      struct error *error);
void merge_free(struct merge *merge);

/* 1: a row; 0: the end; <0: an error of a cursor, after which only merge_free is allowed.
 * With ON_CONFLICT_ERROR a conflicting path gives no row, is collected, and the merge
 * goes on. */
int merge_next(struct merge *merge, struct merged_row *ret_row, struct error *error);

/* Conflicts so far, without those that prefer, first or last decided. */
uint64_t merge_conflict_count(const struct merge *merge);
const struct merge_conflict *merge_conflicts(const struct merge *merge,
					     size_t *ret_count); /* at most 20 */

#endif
