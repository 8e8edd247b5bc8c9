#include "daemon/view/parts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/view/bits.h"
#include "proto/base/bytes.h"

/* What decides among layers that nothing orders. */
struct listed {
	uint32_t node;
	uint32_t layer;
	uint32_t position; /* in the request's needs; the number of needs for others */
	size_t left;       /* layers before it that are not listed yet */
	bool done;
};

struct view_listing {
	const struct view_facts *facts; /* borrowed */
	const struct view_order *order; /* borrowed */
	const uint64_t *chosen;         /* borrowed; nodes */
	struct listed *rows;            /* owned; in the order of preference */
	size_t count;
	size_t open; /* all rows before this one are listed */
};

static uint32_t position_in_needs(const struct view_request *request, const char *job)
{
	uint32_t i = 0;
	while (i < request->need_count && strcmp(request->needs[i], job) != 0)
		i++;
	return i;
}

static int compare_listed(const void *a, const void *b, void *context)
{
	const struct view_facts *facts = context;
	const struct listed *one = a, *other = b;
	const struct history_layer *layer = &facts->history->layers[one->layer];
	const struct history_layer *other_layer = &facts->history->layers[other->layer];
	if (one->position != other->position)
		return one->position < other->position ? -1 : 1;
	int order = facts_compare(facts_job_of_layer(facts, one->layer),
				  facts_job_of_layer(facts, other->layer));
	if (!order)
		order = facts_shard_compare(facts, layer->execution,
					    other_layer->execution);
	if (!order)
		order = facts_compare(layer->sequence, other_layer->sequence);
	return order ? order : facts_compare(layer->commit, other_layer->commit);
}

static size_t count_both(const uint64_t *a, const uint64_t *b, size_t words)
{
	size_t count = 0;
	for (size_t i = 0; i < words; i++)
		count += (size_t)__builtin_popcountll(a[i] & b[i]);
	return count;
}

static void collect(struct view_listing *listing)
{
	const struct view_order *order = listing->order;
	for (size_t node = bits_next(listing->chosen, order->words, 0); node != BITS_NONE;
	     node = bits_next(listing->chosen, order->words, node + 1)) {
		uint32_t layer = order->layers[node];
		const char *job = facts_maker(listing->facts, layer)->job;
		listing->rows[listing->count++] = (struct listed){
			.node = (uint32_t)node,
			.layer = layer,
			.position = position_in_needs(listing->facts->request, job),
			.left = count_both(view_order_before(order, (uint32_t)node),
					   listing->chosen, order->words),
		};
	}
	struct view_facts facts = *listing->facts;
	qsort_r(listing->rows, listing->count, sizeof(*listing->rows), compare_listed,
		&facts);
}

static struct listed *next_free(struct view_listing *listing)
{
	while (listing->open < listing->count && listing->rows[listing->open].done)
		listing->open++;
	for (size_t i = listing->open; i < listing->count; i++)
		if (!listing->rows[i].done && listing->rows[i].left == 0)
			return &listing->rows[i];
	claim_failed("the order of layers has no cycle", __FILE__, __LINE__);
}

static void release(struct view_listing *listing, uint32_t node)
{
	for (size_t i = 0; i < listing->count; i++)
		if (bits_has(view_order_before(listing->order, listing->rows[i].node),
			     node))
			listing->rows[i].left--;
}

/* Those listed so far that come before the node; ascending, as they were listed. */
static void fill_before(const struct view_listing *listing, const struct view *view,
			struct view_layer *entry, uint32_t node)
{
	const uint64_t *set = view_order_before(listing->order, node);
	size_t count = count_both(set, listing->chosen, listing->order->words);
	entry->before = facts_items(count, sizeof(*entry->before));
	for (uint32_t i = 0; entry->before_count < count; i++)
		if (bits_has(set, listing->order->node_of[view->layers[i].layer]))
			entry->before[entry->before_count++] = i;
}

static void reverse(uint32_t *list, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		uint32_t other = list[count - 1 - i];
		list[count - 1 - i] = list[i];
		list[i] = other;
	}
}

/* Backwards through what comes before: a layer is a direct predecessor unless one that
 * was met already comes after it. */
static void fill_after(const struct view_listing *listing, const struct view *view,
		       struct view_layer *entry, uint64_t *covered)
{
	const struct view_order *order = listing->order;
	bits_clear(covered, order->words);
	uint32_t *after = facts_items(entry->before_count, sizeof(*after));
	for (size_t i = entry->before_count; i-- > 0;) {
		const struct view_layer *other = &view->layers[entry->before[i]];
		uint32_t node = order->node_of[other->layer];
		if (bits_has(covered, node))
			continue;
		after[entry->after_count++] = entry->before[i];
		if (other->before_count > 0)
			bits_add_all(covered, view_order_before(order, node),
				     order->words);
	}
	reverse(after, entry->after_count);
	entry->after = must_realloc(after, (entry->after_count + 1) * sizeof(*after));
}

void view_order_list(const struct view_facts *facts, const struct view_order *order,
		     const uint64_t *chosen, struct view *view)
{
	struct view_listing listing = {.facts = facts, .order = order, .chosen = chosen};
	listing.rows = facts_items(order->count, sizeof(*listing.rows));
	collect(&listing);
	view->layers = facts_items(listing.count, sizeof(*view->layers));
	while (view->layer_count < listing.count) {
		struct listed *row = next_free(&listing);
		row->done = true;
		release(&listing, row->node);
		struct view_layer *entry = &view->layers[view->layer_count];
		entry->layer = row->layer;
		fill_before(&listing, view, entry, row->node);
		view->layer_count++;
	}
	uint64_t *covered = facts_items(order->words, sizeof(*covered));
	for (size_t i = 0; i < view->layer_count; i++)
		fill_after(&listing, view, &view->layers[i], covered);
	free(covered);
	free(listing.rows);
}
