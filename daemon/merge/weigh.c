#include <stdlib.h>

#include "daemon/merge/parts.h"

/* Equal at the path as far as rule 1 goes: a directory without a row has no mode that
 * could differ. */
static bool is_equal(const struct merge *merge, uint32_t a, uint32_t b)
{
	const struct merge_head *one = &merge->heads[a], *other = &merge->heads[b];
	if (one->implicit || other->implicit)
		return merge_is_directory(merge, a) && merge_is_directory(merge, b);
	return row_equal(&one->row, &other->row);
}

/* All that the holder's row comes after: for a changed row what its layer comes after,
 * for an unchanged one what the rows come after that it was taken from. */
static uint64_t *reach(const struct merge *merge, size_t rank)
{
	return bits_has(merge->changed, rank) ? merge_before(merge, rank)
					      : merge->reach + rank * merge->words;
}

/*
 * Fills rest with the holder's bases that can have been candidates when its job attached:
 * those that changed the path, without what the rows of unchanged bases come after; if
 * none is left, all that hold the path. False where no base holds it.
 */
static bool find_bases(struct merge *merge, uint32_t rank)
{
	size_t words = merge->words;
	const uint64_t *bases = merge->bases + rank * words;
	if (!bits_both(merge->present, bases, merge->held, words))
		return false;
	memcpy(merge->rest, merge->present, words * sizeof(*merge->rest));
	for (size_t at = bits_next(merge->present, words, 0); at != BITS_NONE;
	     at = bits_next(merge->present, words, at + 1))
		if (!bits_has(merge->changed, at))
			bits_remove_all(merge->rest, reach(merge, at), words);
	if (bits_meet(merge->rest, merge->changed, words))
		(void)bits_both(merge->rest, merge->rest, merge->changed, words);
	else if (bits_last(merge->rest, words) == BITS_NONE)
		memcpy(merge->rest, merge->present, words * sizeof(*merge->rest));
	return true;
}

/* Whether the holder's row equals that of a candidate among its bases; if so, collects in
 * reach what those rows come after. Nothing in a set comes after its last member by
 * rank. */
static bool is_unchanged(struct merge *merge, uint32_t rank)
{
	uint64_t *reached = merge->reach + rank * merge->words;
	bool found = false;
	bits_clear(reached, merge->words);
	if (!find_bases(merge, rank))
		return false;
	for (size_t at = bits_last(merge->rest, merge->words); at != BITS_NONE;
	     at = bits_last(merge->rest, merge->words)) {
		if (is_equal(merge, rank, (uint32_t)at)) {
			bits_add_all(reached, reach(merge, at), merge->words);
			found = true;
		}
		bits_remove(merge->rest, at);
		bits_remove_all(merge->rest, merge_before(merge, at), merge->words);
	}
	return found;
}

void merge_weigh(struct merge *merge)
{
	bits_clear(merge->held, merge->words);
	bits_clear(merge->changed, merge->words);
	bits_clear(merge->covered, merge->words);
	for (size_t i = 0; i < merge->group_len; i++) {
		uint32_t rank = merge->group[i];
		if (!is_unchanged(merge, rank))
			bits_add(merge->changed, rank);
		bits_add(merge->held, rank);
		if (!merge_source_at(merge, rank)->shadow)
			bits_add_all(merge->covered, reach(merge, rank), merge->words);
	}
}

static int compare_positions(const void *a, const void *b, void *context)
{
	const uint32_t *source_of = context;
	uint32_t one = source_of[*(const uint32_t *)a];
	uint32_t other = source_of[*(const uint32_t *)b];
	return (one > other) - (one < other);
}

/* Fills candidates with the members of the group that are no shadows, not covered, and in
 * the given set (NULL: any). */
static void collect(struct merge *merge, const uint64_t *set)
{
	merge->candidate_count = 0;
	for (size_t i = 0; i < merge->group_len; i++) {
		uint32_t rank = merge->group[i];
		if (!merge_source_at(merge, rank)->shadow &&
		    (!set || bits_has(set, rank)) && !bits_has(merge->covered, rank))
			merge->candidates[merge->candidate_count++] = rank;
	}
	if (merge->candidate_count > 1)
		qsort_r(merge->candidates, merge->candidate_count,
			sizeof(*merge->candidates), compare_positions, merge->source_of);
}

/* For unchanged candidates: keeps the directories, so that no change below them is lost,
 * or, without directories, the last in order. */
static void keep_one_kind(struct merge *merge)
{
	size_t directories = 0;
	for (size_t i = 0; i < merge->candidate_count; i++)
		if (merge_is_directory(merge, merge->candidates[i]))
			merge->candidates[directories++] = merge->candidates[i];
	if (directories == 0)
		merge->candidates[0] = merge->candidates[merge->candidate_count - 1];
	merge->candidate_count = directories ? directories : 1;
}

/* Covers all that any layer with this path comes after, changed or not. */
static void cover_all(struct merge *merge)
{
	for (size_t i = 0; i < merge->group_len; i++)
		if (!merge_source_at(merge, merge->group[i])->shadow)
			bits_add_all(merge->covered, merge_before(merge, merge->group[i]),
				     merge->words);
}

void merge_weigh_candidates(struct merge *merge)
{
	collect(merge, merge->changed);
	if (merge->candidate_count > 0)
		return;
	cover_all(merge);
	collect(merge, NULL);
	if (merge->candidate_count == 0) {
		bits_clear(merge->covered, merge->words);
		cover_all(merge);
		collect(merge, NULL);
	}
	keep_one_kind(merge);
}
