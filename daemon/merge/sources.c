#include "daemon/merge/sources.h"

#include <stdlib.h>

#include "daemon/view/bits.h"
#include "proto/base/cleanup.h"
#include "proto/base/memory.h"

struct gathering {
	const struct history *history; /* borrowed */
	const struct view *view;       /* borrowed */
	struct merge_sources *out;     /* borrowed */
	uint32_t *source_of;           /* owned; layer → source, VIEW_NONE */
	uint32_t *by_commit;           /* owned; sources */
	size_t words;                  /* of a set of sources */
	uint64_t *bases, *observed; /* owned; sets: direct bases, and all that those were
				       built on */
	uint64_t *shadows;          /* owned; a set */
};

static uint64_t *set_of(uint64_t *sets, const struct gathering *it, size_t at)
{
	return sets + at * it->words;
}

static void add_source(struct gathering *it, uint32_t layer)
{
	it->source_of[layer] = (uint32_t)it->out->count;
	it->out->layers[it->out->count++] = layer;
}

static int compare_commits(const void *a, const void *b, void *context)
{
	const struct gathering *it = context;
	uint64_t one = it->history->layers[*(const uint32_t *)a].commit;
	uint64_t other = it->history->layers[*(const uint32_t *)b].commit;
	return (one > other) - (one < other);
}

static int compare_sources(const void *a, const void *b, void *context)
{
	const struct gathering *it = context;
	return compare_commits(&it->out->layers[*(const uint32_t *)a],
			       &it->out->layers[*(const uint32_t *)b], context);
}

static void find_sources(struct gathering *it)
{
	const struct view *view = it->view;
	for (size_t i = 0; i < it->history->layer_count; i++)
		it->source_of[i] = VIEW_NONE;
	for (size_t i = 0; i < view->layer_count; i++)
		add_source(it, view->layers[i].layer);
	for (size_t i = 0; view->layer_count > 1 && i < it->out->count; i++) {
		const struct history_layer *layer =
			&it->history->layers[it->out->layers[i]];
		for (size_t k = 0; k < layer->base_count; k++)
			if (it->source_of[layer->bases[k]] == VIEW_NONE)
				add_source(it, layer->bases[k]);
	}
	size_t shadows = it->out->count - view->layer_count;
	qsort_r(it->out->layers + view->layer_count, shadows, sizeof(uint32_t),
		compare_commits, it);
	for (uint32_t i = 0; i < it->out->count; i++)
		it->source_of[it->out->layers[i]] = i;
}

static void add_base(struct gathering *it, uint32_t at, uint32_t base)
{
	bits_add(set_of(it->bases, it, at), base);
	bits_add(set_of(it->observed, it, at), base);
	bits_add_all(set_of(it->observed, it, at), set_of(it->observed, it, base),
		     it->words);
}

/* In commit order, so that what a base was built on is known when the base is met. */
static void find_bases(struct gathering *it)
{
	const struct history_layer *layers = it->history->layers;
	for (size_t i = 0; i < it->out->count; i++) {
		uint32_t at = it->by_commit[i];
		const struct history_layer *layer = &layers[it->out->layers[at]];
		for (size_t k = 0; k < layer->base_count; k++) {
			uint32_t base = it->source_of[layer->bases[k]];
			if (base != VIEW_NONE &&
			    layers[layer->bases[k]].commit < layer->commit)
				add_base(it, at, base);
		}
		for (size_t k = 0; k < i; k++) {
			uint32_t other = it->by_commit[k];
			if (layers[it->out->layers[other]].execution == layer->execution)
				add_base(it, at, other);
		}
	}
}

/* Between two layers of the view the view's order holds. What was observed adds shadows:
 * those of the layer, and those of the layers before it. */
static void find_before(struct gathering *it, uint32_t at, uint64_t *ret_set)
{
	uint64_t *observed = set_of(it->observed, it, at);
	bits_clear(ret_set, it->words);
	bits_add_all(ret_set, observed, it->words);
	if (at >= it->view->layer_count)
		return;
	const struct view_layer *layer = &it->view->layers[at];
	for (size_t i = 0; i < layer->before_count; i++)
		bits_add_all(ret_set, set_of(it->observed, it, layer->before[i]),
			     it->words);
	for (size_t i = 0; i < it->words; i++)
		ret_set[i] &= it->shadows[i];
	for (size_t i = 0; i < layer->before_count; i++)
		bits_add(ret_set, layer->before[i]);
}

static int list_of(const struct gathering *it, const uint64_t *set, uint32_t **ret_list,
		   size_t *ret_count, struct error *error)
{
	size_t count = 0;
	for (size_t i = 0; i < it->words; i++)
		count += (size_t)__builtin_popcountll(set[i]);
	uint32_t *list = may_alloc((count + 1) * sizeof(*list), error);
	if (!list)
		return ERR_NO_MEMORY;
	*ret_list = list;
	*ret_count = 0;
	for (size_t at = bits_next(set, it->words, 0); at != BITS_NONE;
	     at = bits_next(set, it->words, at + 1))
		list[(*ret_count)++] = (uint32_t)at;
	return 0;
}

static int fill_source(struct gathering *it, uint32_t at, uint64_t *before,
		       struct error *error)
{
	struct merge_sources *out = it->out;
	struct merge_source *source = &out->sources[at];
	uint32_t maker = it->history->layers[out->layers[at]].execution;
	source->job = it->history->executions[maker].job;
	source->shard = it->history->executions[maker].shard;
	source->shadow = at >= it->view->layer_count;
	find_before(it, at, before);
	int err = list_of(it, before, &out->lists[2 * at], &source->before_count, error);
	if (err == 0)
		err = list_of(it, set_of(it->bases, it, at), &out->lists[2 * at + 1],
			      &source->base_count, error);
	source->before = out->lists[2 * at];
	source->bases = out->lists[2 * at + 1];
	return err;
}

static int relate(struct gathering *it, struct error *error)
{
	size_t count = it->out->count;
	it->words = bits_words(count);
	it->bases = may_calloc(count * it->words + 1, sizeof(uint64_t), error);
	it->observed = may_calloc(count * it->words + 1, sizeof(uint64_t), error);
	it->shadows = may_calloc(it->words + 1, sizeof(uint64_t), error);
	it->by_commit = may_calloc(count + 1, sizeof(uint32_t), error);
	if (!it->bases || !it->observed || !it->shadows || !it->by_commit)
		return ERR_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		it->by_commit[i] = i;
	for (size_t i = it->view->layer_count; i < count; i++)
		bits_add(it->shadows, i);
	qsort_r(it->by_commit, count, sizeof(uint32_t), compare_sources, it);
	find_bases(it);
	return 0;
}

static int fill_sources(struct gathering *it, struct error *error)
{
	struct merge_sources *out = it->out;
	out->sources = may_calloc(out->count + 1, sizeof(*out->sources), error);
	out->lists = may_calloc(2 * out->count + 1, sizeof(*out->lists), error);
	AUTO_FREE uint64_t *before = may_calloc(it->words + 1, sizeof(*before), error);
	int err = out->sources && out->lists && before ? 0 : ERR_NO_MEMORY;
	for (uint32_t i = 0; err == 0 && i < out->count; i++)
		err = fill_source(it, i, before, error);
	return err;
}

static void gathering_fini(struct gathering *it)
{
	free(it->source_of);
	free(it->by_commit);
	free(it->bases);
	free(it->observed);
	free(it->shadows);
}

int merge_sources_make(const struct history *history, const struct view *view,
		       struct merge_sources *ret_sources, struct error *error)
{
	AUTO(merge_sources_fini) struct merge_sources out = {0};
	AUTO(gathering_fini)
	struct gathering it = {.history = history, .view = view, .out = &out};
	out.layers = may_calloc(history->layer_count + 1, sizeof(*out.layers), error);
	it.source_of = may_calloc(history->layer_count + 1, sizeof(*it.source_of), error);
	if (!out.layers || !it.source_of)
		return ERR_NO_MEMORY;
	find_sources(&it);
	int err = relate(&it, error);
	if (err == 0)
		err = fill_sources(&it, error);
	if (err)
		return err;
	*ret_sources = out;
	out = (struct merge_sources){0};
	return 0;
}

void merge_sources_fini(struct merge_sources *sources)
{
	for (size_t i = 0; sources->lists && i < 2 * sources->count; i++)
		free(sources->lists[i]);
	free(sources->lists);
	free(sources->sources);
	free(sources->layers);
	*sources = (struct merge_sources){0};
}
