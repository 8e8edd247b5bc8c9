#include "daemon/view/parts.h"

#include <stdlib.h>
#include <string.h>

const struct history_execution *facts_maker(const struct view_facts *facts,
					    uint32_t layer)
{
	return &facts->history->executions[facts->history->layers[layer].execution];
}

uint32_t facts_job_of_layer(const struct view_facts *facts, uint32_t layer)
{
	return facts->executions[facts->history->layers[layer].execution].job;
}

static int sort_by_commit(const void *a, const void *b, void *context)
{
	const struct view_facts *facts = context;
	const struct history_layer *layers = facts->history->layers;
	return facts_compare(layers[*(const uint32_t *)a].commit,
			     layers[*(const uint32_t *)b].commit);
}

static int compare_content(const struct view_facts *facts, uint32_t a, uint32_t b)
{
	uint32_t job = facts_job_of_layer(facts, a), other = facts_job_of_layer(facts, b);
	if (job != other)
		return job < other ? -1 : 1;
	return memcmp(facts->history->layers[a].content.bytes,
		      facts->history->layers[b].content.bytes, SHA256_LEN);
}

static int sort_by_content(const void *a, const void *b, void *context)
{
	const struct view_facts *facts = context;
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	int order = compare_content(facts, one, other);
	return order ? order
		     : facts_compare(facts->history->layers[one].commit,
				     facts->history->layers[other].commit);
}

void facts_sort_layers(struct view_facts *facts)
{
	size_t count = facts->history->layer_count;
	facts->by_commit = facts_numbered(count);
	facts->by_content = facts_numbered(count);
	facts->content_at = facts_items(count, sizeof(*facts->content_at));
	qsort_r(facts->by_commit, count, sizeof(uint32_t), sort_by_commit, facts);
	qsort_r(facts->by_content, count, sizeof(uint32_t), sort_by_content, facts);
	uint32_t start = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (compare_content(facts, facts->by_content[start],
				    facts->by_content[i]) != 0)
			start = i;
		facts->content_at[facts->by_content[i]] = start;
	}
}

uint32_t facts_stand_in(const struct view_facts *facts, const struct view *view,
			uint32_t replaced, uint32_t *cursor)
{
	const struct history_layer *layers = facts->history->layers;
	uint32_t start = facts->content_at[replaced];
	for (uint32_t at = start + *cursor; at < facts->history->layer_count; at++) {
		uint32_t layer = facts->by_content[at];
		if (compare_content(facts, replaced, layer) != 0)
			break;
		uint8_t state = view->states[layer];
		if ((state == LAYER_VISIBLE || state == LAYER_STALE) &&
		    facts_takes_place(facts, layers[replaced].execution,
				      layers[layer].execution)) {
			*cursor = at + 1 - start;
			return layer;
		}
	}
	*cursor = UINT32_MAX - start;
	return VIEW_NONE;
}
