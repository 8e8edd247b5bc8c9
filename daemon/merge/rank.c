#include "daemon/merge/parts.h"

#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/memory.h"

struct ranking {
	const struct merge *merge; /* borrowed */
	uint64_t *earlier;         /* owned; by position: those that must go before */
	uint32_t *left;            /* owned; how many of them have no rank yet */
	bool *done;                /* owned */
	uint32_t *rank_of;         /* owned; by position */
};

static void require(struct ranking *ranking, size_t at, const uint32_t *list,
		    size_t count)
{
	uint64_t *set = ranking->earlier + at * ranking->merge->words;
	for (size_t i = 0; i < count; i++) {
		claim(list[i] < ranking->merge->count);
		if (list[i] == at || bits_has(set, list[i]))
			continue;
		bits_add(set, list[i]);
		ranking->left[at]++;
	}
}

/* The first position with none left that must go before it; in a circle, the first one
 * left. */
static uint32_t next_position(const struct ranking *ranking)
{
	uint32_t waiting = UINT32_MAX;
	for (uint32_t i = 0; i < ranking->merge->count; i++) {
		if (ranking->done[i])
			continue;
		if (ranking->left[i] == 0)
			return i;
		if (waiting == UINT32_MAX)
			waiting = i;
	}
	return waiting;
}

static void give_rank(struct ranking *ranking, uint32_t position)
{
	const struct merge *merge = ranking->merge;
	ranking->done[position] = true;
	for (size_t i = 0; i < merge->count; i++)
		if (bits_has(ranking->earlier + i * merge->words, position))
			ranking->left[i]--;
}

static void translate(const uint32_t *rank_of, const uint32_t *list, size_t count,
		      uint64_t *ret_set)
{
	for (size_t i = 0; i < count; i++)
		bits_add(ret_set, rank_of[list[i]]);
}

static void ranking_fini(struct ranking *ranking)
{
	free(ranking->earlier);
	free(ranking->left);
	free(ranking->done);
	free(ranking->rank_of);
}

static void give_ranks(struct ranking *ranking, struct merge *merge)
{
	for (size_t i = 0; i < merge->count; i++) {
		const struct merge_source *source = &merge->sources[i];
		require(ranking, i, source->before, source->before_count);
		require(ranking, i, source->bases, source->base_count);
	}
	for (uint32_t rank = 0; rank < merge->count; rank++) {
		uint32_t position = next_position(ranking);
		give_rank(ranking, position);
		merge->source_of[rank] = position;
		ranking->rank_of[position] = rank;
	}
}

int merge_rank(struct merge *merge, struct error *error)
{
	size_t count = merge->count;
	AUTO(ranking_fini)
	struct ranking ranking = {
		.merge = merge,
		.earlier = may_calloc(count * merge->words, sizeof(uint64_t), error),
		.left = may_calloc(count, sizeof(uint32_t), error),
		.done = may_calloc(count, sizeof(bool), error),
		.rank_of = may_calloc(count, sizeof(uint32_t), error),
	};
	if (!ranking.earlier || !ranking.left || !ranking.done || !ranking.rank_of)
		return ERR_NO_MEMORY;
	give_ranks(&ranking, merge);
	for (size_t rank = 0; rank < count; rank++) {
		const struct merge_source *source =
			merge_source_at(merge, (uint32_t)rank);
		translate(ranking.rank_of, source->before, source->before_count,
			  merge_before(merge, rank));
		translate(ranking.rank_of, source->bases, source->base_count,
			  merge->bases + rank * merge->words);
	}
	return 0;
}
