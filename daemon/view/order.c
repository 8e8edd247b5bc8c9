#include "daemon/view/parts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/view/bits.h"

const uint64_t *view_order_before(const struct view_order *order, uint32_t node)
{
	return order->before + node * order->words;
}

static uint64_t *before(struct view_order *order, size_t node)
{
	return order->before + node * order->words;
}

static void number_nodes(const struct view_facts *facts, const struct view *view,
			 struct view_order *order)
{
	size_t count = facts->history->layer_count;
	order->layers = facts_items(count, sizeof(*order->layers));
	order->node_of = facts_items(count, sizeof(*order->node_of));
	for (size_t i = 0; i < count; i++) {
		uint32_t at = facts->by_commit[i];
		bool in_sight = view->states[at] == LAYER_VISIBLE ||
				view->states[at] == LAYER_STALE;
		order->node_of[at] = in_sight ? (uint32_t)order->count : VIEW_NONE;
		if (in_sight)
			order->layers[order->count++] = at;
	}
	order->words = bits_words(order->count);
	order->before = facts_items(order->count * order->words, sizeof(uint64_t));
	order->first = facts_items(order->count, sizeof(*order->first));
	memset(order->first, true, order->count);
}

/* ---- what was observed ---- */

static void add_node(struct view_order *order, uint64_t *set, uint32_t node)
{
	if (bits_has(set, node))
		return;
	if (!order->first[node])
		bits_add_all(set, before(order, node), order->words);
	bits_add(set, node);
}

/* Nodes are in commit order and so are bases and sequences: one pass closes it. */
static void order_by_observation(const struct view_facts *facts, struct view_order *order)
{
	const struct history *history = facts->history;
	uint32_t *latest = facts_items(history->execution_count, sizeof(*latest));
	for (size_t i = 0; i < history->execution_count; i++)
		latest[i] = VIEW_NONE;
	for (uint32_t node = 0; node < order->count; node++) {
		const struct history_layer *layer = &history->layers[order->layers[node]];
		if (latest[layer->execution] != VIEW_NONE)
			add_node(order, before(order, node), latest[layer->execution]);
		latest[layer->execution] = node;
		for (size_t i = layer->base_count; i-- > 0;) {
			uint32_t base = order->node_of[layer->bases[i]];
			if (base != VIEW_NONE && base < node)
				add_node(order, before(order, node), base);
		}
		order->first[node] = bits_last(before(order, node), order->words) ==
				     BITS_NONE;
	}
	free(latest);
}

/* ---- what follows, or was declared ---- */

/* Puts the sources, and all before them, before the target and all after it. Sources that
 * come after the target are left out: they would close a cycle. */
static void put_before(struct view_order *order, const uint64_t *sources, uint32_t target)
{
	size_t words = order->words;
	uint64_t *gained = facts_items(words, sizeof(*gained));
	for (size_t at = bits_next(sources, words, 0); at != BITS_NONE;
	     at = bits_next(sources, words, at + 1))
		if (at != target && !bits_has(before(order, at), target) &&
		    !bits_has(before(order, target), at))
			add_node(order, gained, (uint32_t)at);
	if (bits_last(gained, words) != BITS_NONE) {
		for (size_t node = 0; node < order->count; node++)
			if (node == target || bits_has(before(order, node), target))
				bits_add_all(before(order, node), gained, words);
		order->first[target] = false;
	}
	free(gained);
}

/* What stands in for a replaced base comes before what was built on that base. */
static void order_by_stand_ins(const struct view_facts *facts, const struct view *view,
			       struct view_order *order, uint32_t node)
{
	const struct history_layer *layer = &facts->history->layers[order->layers[node]];
	uint64_t *sources = facts_items(order->words, sizeof(*sources));
	for (size_t i = 0; i < layer->base_count; i++) {
		uint32_t cursor = 0, other;
		if (!facts_gone(view, layer->bases[i]))
			continue;
		while ((other = facts_stand_in(facts, view, layer->bases[i], &cursor)) !=
		       VIEW_NONE)
			bits_add(sources, order->node_of[other]);
	}
	put_before(order, sources, node);
	free(sources);
}

/* The walk from a layer's declared needs to jobs that have layers. */
struct declared {
	const struct view_facts *facts; /* borrowed */
	const uint64_t *with_nodes;     /* borrowed; jobs that have a layer in sight */
	uint64_t *met;     /* owned; jobs that are done with or need nothing */
	uint64_t *found;   /* owned; jobs whose layers come before */
	uint32_t *waiting; /* owned; jobs without layers whose needs are still to be
			      followed */
	size_t waiting_count;
};

static void meet_job(void *context, uint32_t job)
{
	struct declared *walk = context;
	if (bits_has(walk->met, job))
		return;
	bits_add(walk->met, job);
	if (bits_has(walk->with_nodes, job))
		bits_add(walk->found, job);
	else
		walk->waiting[walk->waiting_count++] = job;
}

/* Fills walk.found for a layer: the jobs with layers that its execution declared to need,
 * directly or through jobs without layers, except those of which it had attached a
 * layer. */
static void walk_needs(struct declared *walk, uint32_t layer)
{
	const struct view_facts *facts = walk->facts;
	const struct history_layer *it = &facts->history->layers[layer];
	const struct history_execution *maker = facts_maker(facts, layer);
	bits_clear(walk->met, bits_words(facts->job_count));
	bits_clear(walk->found, bits_words(facts->job_count));
	bits_add(walk->met, facts_job_of_layer(facts, layer));
	for (size_t i = 0; i < it->base_count; i++)
		bits_add(walk->met, facts_job_of_layer(facts, it->bases[i]));
	for (size_t i = 0; i < maker->need_count; i++) {
		uint32_t job = facts_job_named(facts, maker->needs[i]);
		if (job != VIEW_NONE)
			meet_job(walk, job);
	}
	while (walk->waiting_count > 0)
		facts_upstream(facts, walk->waiting[--walk->waiting_count], meet_job,
			       walk);
}

static void order_by_needs(struct declared *walk, struct view_order *order, uint32_t node,
			   bool earlier)
{
	if (!facts_maker(walk->facts, order->layers[node])->has_needs)
		return;
	walk_needs(walk, order->layers[node]);
	uint64_t *sources = facts_items(order->words, sizeof(*sources));
	uint32_t from = earlier ? 0 : node + 1;
	uint32_t to = earlier ? node : (uint32_t)order->count;
	for (uint32_t other = from; other < to; other++) {
		uint32_t job = facts_job_of_layer(walk->facts, order->layers[other]);
		if (bits_has(walk->found, job))
			bits_add(sources, other);
	}
	put_before(order, sources, node);
	free(sources);
}

/* Declared edges that agree with the order of commits go first, so that in a cycle of
 * needs the one against it is dropped. */
static void order_by_declaration(const struct view_facts *facts, struct view_order *order)
{
	size_t words = bits_words(facts->job_count);
	uint64_t *with_nodes = facts_items(words, sizeof(*with_nodes));
	for (size_t i = 0; i < order->count; i++)
		bits_add(with_nodes, facts_job_of_layer(facts, order->layers[i]));
	struct declared walk = {
		.facts = facts,
		.with_nodes = with_nodes,
		.met = facts_items(words, sizeof(uint64_t)),
		.found = facts_items(words, sizeof(uint64_t)),
		.waiting = facts_items(facts->job_count, sizeof(uint32_t)),
	};
	for (uint32_t node = 0; node < order->count; node++)
		order_by_needs(&walk, order, node, true);
	for (uint32_t node = 0; node < order->count; node++)
		order_by_needs(&walk, order, node, false);
	free(with_nodes);
	free(walk.met);
	free(walk.found);
	free(walk.waiting);
}

void view_order_make(const struct view_facts *facts, const struct view *view,
		     struct view_order *ret_order)
{
	struct view_order order = {0};
	number_nodes(facts, view, &order);
	order_by_observation(facts, &order);
	for (uint32_t node = 0; node < order.count; node++)
		order_by_stand_ins(facts, view, &order, node);
	order_by_declaration(facts, &order);
	*ret_order = order;
}

void view_order_fini(struct view_order *order)
{
	free(order->layers);
	free(order->node_of);
	free(order->before);
	free(order->first);
}
