#include "daemon/view/parts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/view/bits.h"

/* The jobs whose layers may be seen. */
struct wanted {
	uint64_t *jobs;    /* owned */
	uint32_t *waiting; /* owned; jobs whose upstream is still to be looked at */
	size_t waiting_count;
};

static void want_job(void *context, uint32_t job)
{
	struct wanted *wanted = context;
	if (bits_has(wanted->jobs, job))
		return;
	bits_add(wanted->jobs, job);
	wanted->waiting[wanted->waiting_count++] = job;
}

static void want_named(const struct view_facts *facts, struct wanted *wanted,
		       const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t job = facts_job_named(facts, names[i]);
		if (job != VIEW_NONE)
			want_job(wanted, job);
	}
}

/* Set of jobs, owned by the caller: those in from; else needs and upstream; else all. */
static uint64_t *wanted_jobs(const struct view_facts *facts)
{
	const struct view_request *request = facts->request;
	struct wanted wanted = {
		.jobs = facts_items(bits_words(facts->job_count), sizeof(uint64_t)),
		.waiting = facts_items(facts->job_count, sizeof(uint32_t)),
	};
	if (request->from_count > 0) {
		want_named(facts, &wanted, request->from, request->from_count);
	} else if (request->has_needs) {
		want_named(facts, &wanted, request->needs, request->need_count);
		while (wanted.waiting_count > 0)
			facts_upstream(facts, wanted.waiting[--wanted.waiting_count],
				       want_job, &wanted);
	} else {
		for (uint32_t job = 0; job < facts->job_count; job++)
			bits_add(wanted.jobs, job);
	}
	free(wanted.waiting);
	return wanted.jobs;
}

static uint32_t own_job(const struct view_facts *facts)
{
	const char *job = facts->request->job;
	return job ? facts_job_named(facts, job) : VIEW_NONE;
}

/* Nodes of the asking job, and those whose makers had attached a layer of it, even one
 * that was replaced since. Owned by the caller. */
static uint64_t *nodes_of_own_job(const struct view_facts *facts,
				  const struct view_order *order)
{
	uint64_t *nodes = facts_items(order->words, sizeof(*nodes));
	uint32_t own = own_job(facts);
	for (size_t node = 0; own != VIEW_NONE && node < order->count; node++) {
		const struct history_layer *layer =
			&facts->history->layers[order->layers[node]];
		bool touches = facts_job_of_layer(facts, order->layers[node]) == own;
		for (size_t i = 0; !touches && i < layer->base_count; i++)
			touches = facts_job_of_layer(facts, layer->bases[i]) == own;
		if (touches)
			bits_add(nodes, node);
	}
	return nodes;
}

uint64_t *view_select_nodes(const struct view_facts *facts,
			    const struct view_order *order)
{
	const struct view_request *request = facts->request;
	uint64_t *chosen = facts_items(order->words, sizeof(*chosen));
	uint64_t *jobs = wanted_jobs(facts);
	uint64_t *of_own_job = nodes_of_own_job(facts, order);
	for (uint32_t node = 0; node < order->count; node++) {
		uint32_t layer = order->layers[node];
		bool wanted = bits_has(jobs, facts_job_of_layer(facts, layer));
		bool own = facts->history->layers[layer].execution == request->execution;
		bool beyond = bits_has(of_own_job, node) ||
			      bits_meet(of_own_job, view_order_before(order, node),
					order->words);
		if (own ? wanted || request->from_count == 0 : wanted && !beyond)
			bits_add(chosen, node);
	}
	free(jobs);
	free(of_own_job);
	return chosen;
}

/* Whether an execution of the job counts in this request. */
static bool is_known(const struct view_facts *facts, const char *job)
{
	const struct history *history = facts->history;
	for (size_t i = 0; i < history->execution_count; i++)
		if (facts->executions[i].there && !history->executions[i].fact &&
		    strcmp(history->executions[i].job, job) == 0)
			return true;
	return false;
}

void view_select_unknown(const struct view_facts *facts, struct view *view)
{
	const struct view_request *request = facts->request;
	view->unknown_needs = facts_items(request->need_count, sizeof(size_t));
	for (size_t i = 0; i < request->need_count; i++)
		if (!is_known(facts, request->needs[i]))
			view->unknown_needs[view->unknown_need_count++] = i;
}
