#include <stdlib.h>

#include "daemon/view/parts.h"

/* An execution that has declared, attached and persisted nothing yet says nothing about
 * its job. */
static bool has_spoken(const struct view_facts *facts, uint32_t execution)
{
	const struct history_execution *it = &facts->history->executions[execution];
	return it->has_needs || it->attached_count > 0 ||
	       facts->executions[execution].first_layer != VIEW_NONE;
}

static void find_first_layers(struct view_facts *facts)
{
	for (size_t i = 0; i < facts->history->execution_count; i++)
		facts->executions[i].first_layer = VIEW_NONE;
	for (size_t i = 0; i < facts->history->layer_count; i++) {
		const struct history_layer *layer =
			&facts->history->layers[facts->by_commit[i]];
		struct facts_execution *maker = &facts->executions[layer->execution];
		if (!layer->shadow && maker->first_layer == VIEW_NONE)
			maker->first_layer = facts->by_commit[i];
	}
}

static void compare_with_later(struct view_facts *facts, size_t position)
{
	uint32_t earlier = facts->by_job[position];
	struct facts_execution *it = &facts->executions[earlier];
	const struct history_layer *layers = facts->history->layers;
	it->replaced_by = VIEW_NONE;
	for (size_t i = position + 1; i < facts->history->execution_count; i++) {
		const struct facts_execution *later =
			&facts->executions[facts->by_job[i]];
		if (later->group != it->group)
			break;
		if (!later->there || !facts_takes_place(facts, earlier, facts->by_job[i]))
			continue;
		it->superseded |= has_spoken(facts, facts->by_job[i]);
		if (later->first_layer != VIEW_NONE &&
		    (it->replaced_by == VIEW_NONE ||
		     layers[later->first_layer].commit < layers[it->replaced_by].commit))
			it->replaced_by = later->first_layer;
	}
}

void facts_upstream(const struct view_facts *facts, uint32_t job,
		    void (*visit)(void *context, uint32_t job), void *context)
{
	for (uint32_t i = facts->job_first[job]; i < facts->job_first[job + 1]; i++) {
		uint32_t at = facts->by_job[i];
		const struct history_execution *it = &facts->history->executions[at];
		if (!facts->executions[at].there || facts->executions[at].superseded ||
		    !has_spoken(facts, at))
			continue;
		for (size_t k = 0; it->has_needs && k < it->need_count; k++) {
			uint32_t need = facts_job_named(facts, it->needs[k]);
			if (need != VIEW_NONE)
				visit(context, need);
		}
		for (size_t k = 0; !it->has_needs && k < it->attached_count; k++)
			visit(context, facts_job_of_layer(facts, it->attached[k]));
	}
}

void view_facts_init(struct view_facts *facts, const struct history *history,
		     const struct view_request *request)
{
	*facts = (struct view_facts){.history = history, .request = request};
	facts_order_executions(facts);
	facts_sort_layers(facts);
	find_first_layers(facts);
	for (size_t i = 0; i < history->execution_count; i++)
		compare_with_later(facts, i);
}

void view_facts_fini(struct view_facts *facts)
{
	free(facts->executions);
	free(facts->jobs);
	free(facts->by_job);
	free(facts->job_first);
	free(facts->by_commit);
	free(facts->by_content);
	free(facts->content_at);
}
