#include "daemon/merge/merge.h"

#include <stdlib.h>

#include "daemon/merge/parts.h"
#include "proto/base/bytes.h"
#include "proto/path/path.h"

int merge_compare_u32(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	return (one > other) - (one < other);
}

/* ---- heads ---- */

static int advance(struct merge *merge, uint32_t rank, struct error *error)
{
	struct merge_head *head = &merge->heads[rank];
	const struct merge_cursor *cursor = &merge_source_at(merge, rank)->cursor;
	if (merge->started && head->row.type == ROW_FILE)
		head->first_unit += head->row.unit_count;
	int result = cursor->next(cursor->context, &head->row, error);
	if (result < 0)
		return result;
	head->ended = result == 0;
	return 0;
}

/* At the path or below it. */
static bool is_within(const struct merge_head *head, const struct row *path)
{
	if (head->ended)
		return false;
	if (head->row.path_len == path->path_len)
		return memcmp(head->row.path, path->path, path->path_len) == 0;
	return path_below(head->row.path, head->row.path_len, path->path, path->path_len);
}

int merge_pass(struct merge *merge, uint32_t rank, const struct row *path,
	       struct error *error)
{
	struct merge_head *head = &merge->heads[rank];
	head->passed = true;
	merge->disordered = true;
	while (is_within(head, path)) {
		int result = advance(merge, rank, error);
		if (result < 0)
			return result;
	}
	return 0;
}

/* ---- the heap ---- */

static bool is_less(const struct merge *merge, uint32_t a, uint32_t b)
{
	const struct merge_head *one = &merge->heads[a], *other = &merge->heads[b];
	if (one->ended || other->ended)
		return !one->ended;
	int order = path_compare(one->row.path, one->row.path_len, other->row.path,
				 other->row.path_len);
	return order ? order < 0 : a < b;
}

static void sift_down(struct merge *merge, size_t spot)
{
	uint32_t *heap = merge->heap;
	for (size_t child = 2 * spot + 1; child < merge->count; child = 2 * spot + 1) {
		if (child + 1 < merge->count &&
		    is_less(merge, heap[child + 1], heap[child]))
			child++;
		if (!is_less(merge, heap[child], heap[spot]))
			return;
		uint32_t rank = heap[spot];
		heap[spot] = heap[child];
		heap[child] = rank;
		spot = child;
	}
}

static void make_heap(struct merge *merge)
{
	for (size_t spot = merge->count / 2 + 1; spot-- > 0;)
		sift_down(merge, spot);
	merge->disordered = false;
}

/* Heads within one path are together at the top of the heap, so that a walk which turns
 * back at others finds them; spots come out ascending. */
static size_t find_within(const struct merge *merge, const struct row *path, bool below,
			  uint32_t *ret_spots)
{
	size_t count = 1;
	ret_spots[0] = 0;
	for (size_t i = 0; i < count; i++) {
		for (size_t child = 2 * (size_t)ret_spots[i] + 1;
		     child < merge->count && child <= 2 * (size_t)ret_spots[i] + 2;
		     child++) {
			const struct merge_head *head = &merge->heads[merge->heap[child]];
			if (is_within(head, path) &&
			    (below || head->row.path_len == path->path_len))
				ret_spots[count++] = (uint32_t)child;
		}
	}
	return count;
}

static void find_group(struct merge *merge)
{
	struct row path = merge->heads[merge->heap[0]].row;
	merge->spot_count = find_within(merge, &path, false, merge->spots);
	merge->group_len = merge->spot_count;
	for (size_t i = 0; i < merge->spot_count; i++)
		merge->group[i] = merge->heap[merge->spots[i]];
	if (merge->group_len > 1)
		qsort(merge->group, merge->group_len, sizeof(*merge->group),
		      merge_compare_u32);
}

void merge_add_implicit(struct merge *merge)
{
	struct row path = merge->heads[merge->group[0]].row;
	size_t found = find_within(merge, &path, true, merge->frontier);
	if (found == merge->group_len)
		return;
	for (size_t i = 0; i < found; i++) {
		uint32_t rank = merge->heap[merge->frontier[i]];
		if (merge->heads[rank].row.path_len == path.path_len)
			continue;
		merge->heads[rank].implicit = true;
		merge->group[merge->group_len++] = rank;
	}
	qsort(merge->group, merge->group_len, sizeof(*merge->group), merge_compare_u32);
}

/* Moves on what was at the path that the last call decided. From the last spot to the
 * first: what is below a spot in the heap is in order by then. */
static int leave_group(struct merge *merge, struct error *error)
{
	for (size_t i = 0; i < merge->group_len; i++)
		merge->heads[merge->group[i]].implicit = false;
	merge->group_len = 0;
	while (merge->spot_count > 0) {
		uint32_t spot = merge->spots[merge->spot_count - 1];
		struct merge_head *head = &merge->heads[merge->heap[spot]];
		int result = head->passed ? 0 : advance(merge, merge->heap[spot], error);
		if (result < 0)
			return result;
		merge->spot_count--;
		if (!merge->disordered)
			sift_down(merge, spot);
	}
	if (merge->disordered) {
		for (size_t rank = 0; rank < merge->count; rank++)
			merge->heads[rank].passed = false;
		make_heap(merge);
	}
	return 0;
}

static int start(struct merge *merge, struct error *error)
{
	for (uint32_t rank = 0; rank < merge->count; rank++) {
		int result = advance(merge, rank, error);
		if (result < 0)
			return result;
		merge->heap[rank] = rank;
	}
	merge->started = true;
	make_heap(merge);
	return 0;
}

/* ---- the promise ---- */

/* With one source that is no shadow there is nothing to compare. */
static int next_of_single(struct merge *merge, struct merged_row *ret_row,
			  struct error *error)
{
	const struct merge_cursor *cursor = &merge->sources[merge->single].cursor;
	struct merge_head *head = merge->heads;
	if (head->row.type == ROW_FILE)
		head->first_unit += head->row.unit_count;
	int result = cursor->next(cursor->context, &head->row, error);
	if (result <= 0)
		return result;
	*ret_row = (struct merged_row){
		.row = head->row,
		.source = merge->single,
		.first_unit = head->first_unit,
	};
	return 1;
}

static bool is_below_blocked(struct merge *merge)
{
	const struct row *row = &merge->heads[merge->group[0]].row;
	if (!merge->blocking)
		return false;
	merge->blocking =
		path_below(row->path, row->path_len, merge->blocked, merge->blocked_len);
	return merge->blocking;
}

int merge_next(struct merge *merge, struct merged_row *ret_row, struct error *error)
{
	if (merge->single != RANK_NONE)
		return next_of_single(merge, ret_row, error);
	int result = 0;
	while (result == 0) {
		result = merge->started ? leave_group(merge, error) : start(merge, error);
		if (result < 0)
			return result;
		if (merge->count == 0 || merge->heads[merge->heap[0]].ended)
			return 0;
		find_group(merge);
		if (is_below_blocked(merge))
			merge_path_below_blocked(merge);
		else
			result = merge_path_decide(merge, ret_row, error);
	}
	return result;
}

static uint32_t single_source(const struct merge_source *sources, size_t count)
{
	uint32_t single = RANK_NONE;
	for (uint32_t i = 0; i < count; i++) {
		if (sources[i].shadow)
			continue;
		if (single != RANK_NONE)
			return RANK_NONE;
		single = i;
	}
	return single;
}

static uint64_t *sets(size_t count, size_t words)
{
	return must_calloc(count * words + 1, sizeof(uint64_t));
}

static uint32_t *ranks(size_t count)
{
	return must_calloc(count + 1, sizeof(uint32_t));
}

static void make_room(struct merge *merge)
{
	size_t count = merge->count;
	merge->words = bits_words(count);
	merge->source_of = ranks(count);
	merge->before = sets(count, merge->words);
	merge->bases = sets(count, merge->words);
	merge->reach = sets(count, merge->words);
	merge->heap = ranks(count);
	merge->spots = ranks(count);
	merge->frontier = ranks(count);
	merge->group = ranks(count);
	merge->candidates = ranks(count);
	merge->disputed = ranks(count);
	merge->held = sets(1, merge->words);
	merge->changed = sets(1, merge->words);
	merge->covered = sets(1, merge->words);
	merge->present = sets(1, merge->words);
	merge->rest = sets(1, merge->words);
	merge->watched = sets(1, merge->words);
}

struct merge *merge_new(const struct merge_source *sources, size_t count,
			const struct merge_options *options)
{
	struct merge *merge = must_calloc(1, sizeof(*merge));
	merge->sources = sources;
	merge->count = count;
	merge->options = options;
	merge->single = single_source(sources, count);
	if (merge->single != RANK_NONE) {
		merge->heads = must_calloc(1, sizeof(*merge->heads));
		return merge;
	}
	merge->heads = must_calloc(count + 1, sizeof(*merge->heads));
	make_room(merge);
	merge_rank(merge);
	return merge;
}

void merge_free(struct merge *merge)
{
	if (!merge)
		return;
	uint32_t *const lists[] = {merge->source_of, merge->heap,  merge->spots,
				   merge->frontier,  merge->group, merge->candidates,
				   merge->disputed};
	uint64_t *const all_sets[] = {merge->before,  merge->bases,   merge->held,
				      merge->changed, merge->covered, merge->present,
				      merge->rest,    merge->watched, merge->reach};
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		free(lists[i]);
	for (size_t i = 0; i < sizeof(all_sets) / sizeof(*all_sets); i++)
		free(all_sets[i]);
	free(merge->heads);
	free(merge->blocked);
	merge_conflicts_fini(merge);
	free(merge);
}
