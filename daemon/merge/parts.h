/*
 * What the parts of a merge share (merge.h has the rules and the promise):
 *
 *   merge.c     one path after the other
 *   heads.c     the cursors, and which of them hold the path that is next
 *   rank.c      numbers for sources: bases and earlier ones come first
 *   weigh.c     who changed a path, who is a candidate (rules 1, 2)
 *   path.c      what becomes of a path (rules 3 to 5)
 *   conflict.c  what was collected
 *
 * Sources go by their rank in here; source_of[] leads back to the caller's position.
 * Only the C files of this folder include this.
 */
#ifndef BATON_DAEMON_MERGE_PARTS_H
#define BATON_DAEMON_MERGE_PARTS_H

#include "daemon/merge/merge.h"
#include "daemon/view/bits.h"

#define RANK_NONE UINT32_MAX

struct merge_head {
	struct row row;      /* borrowed from the cursor: the next row of the source */
	uint64_t first_unit; /* mentions that the source gave before it */
	bool ended;          /* no row is left; sorts after every path */
	bool implicit;       /* at the path in question: a directory without a row */
	bool passed;         /* was advanced while its path was decided */
};

struct merge {
	const struct merge_source *sources;  /* borrowed */
	const struct merge_options *options; /* borrowed */
	size_t count;
	uint32_t single; /* rank, and position, of the only source that is no shadow */
	bool started;

	uint32_t *source_of;      /* owned; rank → position */
	size_t words;             /* of a set of ranks */
	uint64_t *before, *bases; /* owned; count × words each */
	uint64_t *reach;          /* owned; the same: what an unchanged row comes after */
	struct merge_head *heads; /* owned; by rank */
	uint32_t *heap;  /* owned; ranks, the least path first, then the least rank */
	bool disordered; /* heads were advanced, and the heap is not in order */
	uint32_t *spots; /* owned; places in the heap of heads at the path, ascending */
	size_t spot_count;
	uint32_t *frontier; /* owned; for searching the heap */

	uint32_t *group; /* owned; ranks that hold the path, ascending */
	size_t group_len;
	uint64_t *held, *changed; /* owned; sets */
	uint64_t *covered;        /* owned; those that a changed row came after */
	uint64_t *present, *rest; /* owned; scratch sets */
	uint32_t *candidates;     /* owned; ranks, by position */
	size_t candidate_count;
	uint32_t *disputed; /* owned; positions of the conflict at the path */
	size_t disputed_count;

	char *blocked; /* owned; a file or link won here: nothing below it is given */
	size_t blocked_len;
	bool blocking;
	uint32_t blocker;  /* rank of that file or link */
	uint64_t *watched; /* owned; directories there: a change below would conflict */
	bool watching;

	struct merge_conflict conflicts[MERGE_CONFLICTS_KEPT]; /* owned */
	size_t kept_count;
	uint64_t conflict_count;
};

static inline const struct merge_source *merge_source_at(const struct merge *merge,
							 uint32_t rank)
{
	return &merge->sources[merge->source_of[rank]];
}

static inline uint64_t *merge_before(const struct merge *merge, size_t rank)
{
	return merge->before + rank * merge->words;
}

/* A directory at the path in question, with or without a row. */
static inline bool merge_is_directory(const struct merge *merge, uint32_t rank)
{
	const struct merge_head *head = &merge->heads[rank];
	return head->implicit || head->row.type == ROW_DIRECTORY;
}

int merge_compare_u32(const void *a, const void *b);

/* Fills source_of, before and bases. ERR_NO_MEMORY. */
int merge_rank(struct merge *merge, struct error *error);

/* Fills held, changed and covered for the group. */
void merge_weigh(struct merge *merge);
/* Fills candidates from that; the group must hold a source that is no shadow. */
void merge_weigh_candidates(struct merge *merge);

/* Decides the path of the group: 1 a row, 0 none, <0 an error of a cursor. */
int merge_path_decide(struct merge *merge, struct merged_row *ret_row,
		      struct error *error);
/* Looks at a path below the blocked one, which gives no row. */
void merge_path_below_blocked(struct merge *merge);

/* Takes the first row of each source. */
int merge_start(struct merge *merge, struct error *error);
/* The group: those at the least path of all. There must be a row left. */
void merge_find_group(struct merge *merge);
/* Advances the sources that were at the path decided last. */
int merge_leave_group(struct merge *merge, struct error *error);
/* Adds to the group those that hold something below its path and no row for it. */
void merge_add_implicit(struct merge *merge);
/* Advances a source past the path and all below it. The path must not be borrowed from
 * that source's own row. */
int merge_pass(struct merge *merge, uint32_t rank, const struct row *path,
	       struct error *error);

/* Counts it, and keeps it among the first few. NULL: it is not kept. */
struct merge_conflict *merge_conflict_add(struct merge *merge, const char *path,
					  size_t len, const uint32_t *sources,
					  size_t count);
void merge_conflicts_fini(struct merge *merge);

#endif
