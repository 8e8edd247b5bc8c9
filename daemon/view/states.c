#include "daemon/view/parts.h"

#include <string.h>

#include "proto/base/bytes.h"

const char *layer_state_text(enum layer_state state)
{
	static const char *const texts[] = {
		[LAYER_VISIBLE] = "visible", [LAYER_REPLACED] = "replaced",
		[LAYER_LATE] = "late",       [LAYER_STALE] = "stale",
		[LAYER_HIDDEN] = "hidden",
	};
	return texts[state];
}

bool facts_gone(const struct view *view, uint32_t layer)
{
	return view->reasons[layer] != VIEW_NONE && view->states[layer] != LAYER_STALE;
}

static void place_layer(const struct view_facts *facts, struct view *view, uint32_t at)
{
	const struct history_layer *layer = &facts->history->layers[at];
	const struct facts_execution *maker = &facts->executions[layer->execution];
	uint32_t by = maker->there ? maker->replaced_by : VIEW_NONE;
	view->reasons[at] = by;
	if (!maker->there || layer->shadow)
		view->states[at] = LAYER_HIDDEN;
	else if (by == VIEW_NONE)
		view->states[at] = LAYER_VISIBLE;
	else if (facts->history->layers[by].commit < layer->commit)
		view->states[at] = LAYER_LATE;
	else
		view->states[at] = LAYER_REPLACED;
}

/* The replaced layer because of which whatever was built on base is stale; VIEW_NONE: it
 * is not stale. */
static uint32_t blame_base(const struct view_facts *facts, const struct view *view,
			   uint32_t base)
{
	if (!facts_gone(view, base))
		return view->states[base] == LAYER_STALE ? view->reasons[base]
							 : VIEW_NONE;
	uint32_t blame = base, cursor = 0, other;
	while ((other = facts_stand_in(facts, view, base, &cursor)) != VIEW_NONE) {
		if (view->states[other] != LAYER_STALE)
			return VIEW_NONE;
		blame = view->reasons[other];
	}
	return blame;
}

static uint32_t blame(const struct view_facts *facts, const struct view *view,
		      const struct history_layer *layer)
{
	const struct history_layer *layers = facts->history->layers;
	uint32_t first = VIEW_NONE;
	for (size_t i = 0; i < layer->base_count; i++) {
		uint32_t found = blame_base(facts, view, layer->bases[i]);
		if (found != VIEW_NONE &&
		    (first == VIEW_NONE || layers[found].commit < layers[first].commit))
			first = found;
	}
	return first;
}

/* One pass in commit order, bases first. A layer that stands in for a base may have
 * committed later than what was built on that base, so passes repeat until one finds
 * nothing: what is stale only ever grows. */
static bool find_stale(const struct view_facts *facts, struct view *view)
{
	bool found = false;
	for (size_t i = 0; i < facts->history->layer_count; i++) {
		uint32_t at = facts->by_commit[i];
		if (view->states[at] != LAYER_VISIBLE)
			continue;
		uint32_t reason = blame(facts, view, &facts->history->layers[at]);
		if (reason == VIEW_NONE)
			continue;
		view->states[at] = LAYER_STALE;
		view->reasons[at] = reason;
		found = true;
	}
	return found;
}

void view_states_make(const struct view_facts *facts, struct view *view)
{
	size_t count = facts->history->layer_count;
	view->states = must_calloc(count + 1, sizeof(*view->states));
	view->reasons = must_calloc(count + 1, sizeof(*view->reasons));
	for (uint32_t i = 0; i < count; i++)
		place_layer(facts, view, i);
	while (find_stale(facts, view))
		;
}
