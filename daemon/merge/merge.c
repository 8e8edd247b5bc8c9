#include "daemon/merge/merge.h"

#include <stdlib.h>

#include "daemon/merge/parts.h"
#include "proto/base/bytes.h"
#include "proto/path/path.h"

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
		result = merge->started ? merge_leave_group(merge, error)
					: merge_start(merge, error);
		if (result < 0)
			return result;
		if (merge->count == 0 || merge->heads[merge->heap[0]].ended)
			return 0;
		merge_find_group(merge);
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
