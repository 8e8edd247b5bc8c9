#include "daemon/view/view.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/view/bits.h"
#include "daemon/view/parts.h"
#include "proto/base/advice.h"
#include "proto/base/cleanup.h"
#include "proto/base/memory.h"

void view_fini(struct view *view)
{
	for (size_t i = 0; i < view->layer_count; i++) {
		free(view->layers[i].before);
		free(view->layers[i].after);
	}
	free(view->layers);
	free(view->stale);
	free(view->unknown_needs);
	free(view->states);
	free(view->reasons);
	*view = (struct view){0};
}

static int compare_positions(const void *a, const void *b)
{
	return facts_compare(*(const uint32_t *)a, *(const uint32_t *)b);
}

bool view_is_before(const struct view *view, uint32_t a, uint32_t b)
{
	const struct view_layer *later = &view->layers[b];
	return bsearch(&a, later->before, later->before_count, sizeof(a),
		       compare_positions) != NULL;
}

static bool is_named(const struct view_request *request, const char *job)
{
	bool from = request->from_count > 0;
	const char *const *names = from ? request->from : request->needs;
	size_t count = from ? request->from_count : request->need_count;
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], job) == 0)
			return true;
	return false;
}

/* Takes the stale nodes out of chosen into view.stale. */
static void drop_stale(const struct view_order *order, struct view *view,
		       uint64_t *chosen)
{
	view->stale = facts_items(order->count, sizeof(*view->stale));
	for (size_t node = bits_next(chosen, order->words, 0); node != BITS_NONE;
	     node = bits_next(chosen, order->words, node + 1)) {
		if (view->states[order->layers[node]] != LAYER_STALE)
			continue;
		bits_remove(chosen, node);
		view->stale[view->stale_count++] = order->layers[node];
	}
}

static int refuse_named_stale(const struct view_facts *facts, const struct view *view,
			      struct error *error)
{
	for (size_t i = 0; i < view->stale_count; i++) {
		const char *job = facts_maker(facts, view->stale[i])->job;
		if (!is_named(facts->request, job))
			continue;
		char sentence[ERROR_TEXT_SIZE];
		view_stale_sentence(facts->history, view, view->stale[i], sentence,
				    sizeof(sentence));
		(void)error_set(error, ERR_STALE, "%s; run `%s` again", sentence, job);
		return error_advise(error, ADVICE_STALE_TOO);
	}
	return 0;
}

static int answer(const struct view_facts *facts, const struct view_order *order,
		  struct view *view, struct error *error)
{
	uint64_t *chosen = view_select_nodes(facts, order);
	if (!facts->request->stale_keep)
		drop_stale(order, view, chosen);
	view_select_unknown(facts, view);
	view_order_list(facts, order, chosen, view);
	free(chosen);
	return refuse_named_stale(facts, view, error);
}

static void answer_one_layer(uint32_t layer, struct view *view)
{
	view->layers = facts_items(1, sizeof(*view->layers));
	view->layer_count = 1;
	view->layers[0].layer = layer;
}

/* At most, about: facts of each execution and layer, a relation over all layers, and for
 * each what comes before and after it. */
static size_t memory_of(const struct history *history)
{
	size_t count = history->layer_count;
	return 256 * (count + history->execution_count) + count * count / 8 +
	       2 * sizeof(uint32_t) * count * count / 2;
}

int view_make(const struct history *history, const struct view_request *request,
	      struct view *ret_view, struct error *error)
{
	int checked = memory_check(memory_of(history), error);
	if (checked)
		return checked;
	struct view_facts facts AUTO(view_facts_fini) = {0};
	struct view view AUTO(view_fini) = {0};
	struct view_order order AUTO(view_order_fini) = {0};
	view_facts_init(&facts, history, request);
	view_states_make(&facts, &view);
	if (request->layer != VIEW_NONE) {
		answer_one_layer(request->layer, &view);
	} else {
		view_order_make(&facts, &view, &order);
		int err = answer(&facts, &order, &view, error);
		if (err < 0)
			return err;
	}
	*ret_view = view;
	view = (struct view){0};
	return 0;
}

int view_inherited(const struct history *history, uint32_t **ret_layers,
		   size_t *ret_count, struct error *error)
{
	const struct view_request everything = {
		.execution = VIEW_NONE,
		.layer = VIEW_NONE,
	};
	struct view view AUTO(view_fini) = {0};
	int err = view_make(history, &everything, &view, error);
	if (err < 0)
		return err;
	uint32_t *layers = facts_items(view.layer_count, sizeof(*layers));
	for (size_t i = 0; i < view.layer_count; i++)
		layers[i] = view.layers[i].layer;
	*ret_layers = layers;
	*ret_count = view.layer_count;
	return 0;
}
