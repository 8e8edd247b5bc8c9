#include <stdlib.h>

#include "daemon/merge/parts.h"
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
		int err = advance(merge, rank, error);
		if (err < 0)
			return err;
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

/* Heads within one path are connected at the top of the heap, so that a walk from the top
 * which turns back at any other head finds them all. Spots come out ascending. */
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

void merge_find_group(struct merge *merge)
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

/* From the last spot to the first, so that what is below a spot in the heap is in order
 * when its head sinks. */
int merge_leave_group(struct merge *merge, struct error *error)
{
	for (size_t i = 0; i < merge->group_len; i++)
		merge->heads[merge->group[i]].implicit = false;
	merge->group_len = 0;
	while (merge->spot_count > 0) {
		uint32_t spot = merge->spots[merge->spot_count - 1];
		struct merge_head *head = &merge->heads[merge->heap[spot]];
		int err = head->passed ? 0 : advance(merge, merge->heap[spot], error);
		if (err < 0)
			return err;
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

int merge_start(struct merge *merge, struct error *error)
{
	for (uint32_t rank = 0; rank < merge->count; rank++) {
		int err = advance(merge, rank, error);
		if (err < 0)
			return err;
		merge->heap[rank] = rank;
	}
	merge->started = true;
	make_heap(merge);
	return 0;
}
