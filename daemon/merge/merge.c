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

static int make_sets(struct merge *merge, struct error *error)
{
	uint64_t **const relations[] = {&merge->before, &merge->bases, &merge->reach};
	uint64_t **const sets[] = {&merge->held,    &merge->changed, &merge->covered,
				   &merge->present, &merge->rest,    &merge->watched};
	for (size_t i = 0; i < sizeof(relations) / sizeof(*relations); i++) {
		*relations[i] = may_calloc(merge->count * merge->words + 1,
					   sizeof(uint64_t), error);
		if (!*relations[i])
			return ERR_NO_MEMORY;
	}
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		*sets[i] = may_calloc(merge->words + 1, sizeof(uint64_t), error);
		if (!*sets[i])
			return ERR_NO_MEMORY;
	}
	return 0;
}

static int make_lists(struct merge *merge, struct error *error)
{
	uint32_t **const lists[] = {&merge->source_of, &merge->heap,  &merge->spots,
				    &merge->frontier,  &merge->group, &merge->candidates,
				    &merge->disputed};
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		*lists[i] = may_calloc(merge->count + 1, sizeof(uint32_t), error);
		if (!*lists[i])
			return ERR_NO_MEMORY;
	}
	return 0;
}

static int make_room(struct merge *merge, struct error *error)
{
	bool single = merge->single != RANK_NONE;
	merge->heads =
		may_calloc(single ? 1 : merge->count + 1, sizeof(*merge->heads), error);
	if (!merge->heads)
		return ERR_NO_MEMORY;
	if (single)
		return 0;
	merge->words = bits_words(merge->count);
	int err = make_lists(merge, error);
	if (err == 0)
		err = make_sets(merge, error);
	return err ? err : merge_rank(merge, error);
}

int merge_new(const struct merge_source *sources, size_t count,
	      const struct merge_options *options, struct merge **ret_merge,
	      struct error *error)
{
	struct merge *merge = must_calloc(1, sizeof(*merge));
	merge->sources = sources;
	merge->count = count;
	merge->options = options;
	merge->single = single_source(sources, count);
	int err = make_room(merge, error);
	if (err)
		merge_free(merge);
	else
		*ret_merge = merge;
	return err;
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
