#include <stdlib.h>
#include <string.h>

#include "daemon/history/names.h"
#include "daemon/view/parts.h"
#include "proto/base/bytes.h"

static bool all_digits(const char *id)
{
	return *id && strspn(id, "0123456789") == strlen(id);
}

int facts_compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

void *facts_items(size_t count, size_t size)
{
	return must_calloc(count ? count : 1, size);
}

uint32_t *facts_numbered(size_t count)
{
	uint32_t *list = facts_items(count, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = (uint32_t)i;
	return list;
}

/* ---- jobs ---- */

static int compare_job_names(const void *a, const void *b, void *context)
{
	const struct view_facts *facts = context;
	const struct history_execution *all = facts->history->executions;
	return strcmp(all[*(const uint32_t *)a].job, all[*(const uint32_t *)b].job);
}

static void number_jobs(struct view_facts *facts)
{
	size_t count = facts->history->execution_count;
	facts->by_job = facts_numbered(count);
	facts->jobs = facts_items(count, sizeof(*facts->jobs));
	facts->job_first = facts_items(count + 1, sizeof(*facts->job_first));
	qsort_r(facts->by_job, count, sizeof(uint32_t), compare_job_names, facts);
	for (size_t i = 0; i < count; i++) {
		const char *name = facts->history->executions[facts->by_job[i]].job;
		if (i == 0 || strcmp(name, facts->jobs[facts->job_count - 1]) != 0) {
			facts->job_first[facts->job_count] = (uint32_t)i;
			facts->jobs[facts->job_count++] = name;
		}
		facts->executions[facts->by_job[i]].job = (uint32_t)facts->job_count - 1;
	}
	facts->job_first[facts->job_count] = (uint32_t)count;
}

static int compare_name_with_job(const void *name, const void *job)
{
	return strcmp(name, *(const char *const *)job);
}

uint32_t facts_job_named(const struct view_facts *facts, const char *name)
{
	const char **found = bsearch(name, facts->jobs, facts->job_count,
				     sizeof(*facts->jobs), compare_name_with_job);
	if (!found)
		return VIEW_NONE;
	uint32_t job = (uint32_t)(found - facts->jobs);
	for (uint32_t i = facts->job_first[job]; i < facts->job_first[job + 1]; i++)
		if (facts->executions[facts->by_job[i]].there)
			return job;
	return VIEW_NONE;
}

/* ---- the order of executions ---- */

int facts_shard_compare(const struct view_facts *facts, uint32_t a, uint32_t b)
{
	const struct facts_execution *one = &facts->executions[a];
	const struct facts_execution *other = &facts->executions[b];
	const char *label = facts->history->executions[a].shard;
	const char *other_label = facts->history->executions[b].shard;
	if (!one->shard_total != !other->shard_total) {
		const char *text = one->shard_total ? other_label : label;
		return (one->shard_total != 0) == (*text == '\0') ? 1 : -1;
	}
	if (!one->shard_total)
		return strcmp(label, other_label);
	int order = facts_compare(one->shard_index, other->shard_index);
	return order ? order : facts_compare(one->shard_total, other->shard_total);
}

static int compare_runs(const struct view_facts *facts, const struct history_execution *a,
			const struct history_execution *b)
{
	if (a->inherited != b->inherited)
		return a->inherited ? -1 : 1;
	int order = id_compare(a->run, a->run_heard, b->run, b->run_heard,
			       facts->numeric_runs[a->inherited]);
	return order ? order : strcmp(a->run, b->run);
}

static int compare_tiers(const struct view_facts *facts, uint32_t a, uint32_t b)
{
	return (int)facts->history->executions[a].tier -
	       (int)facts->history->executions[b].tier;
}

/* By job, then what may replace each other, then inherited and run. */
static int compare_to_run(const struct view_facts *facts, uint32_t a, uint32_t b)
{
	const struct facts_execution *one = &facts->executions[a];
	const struct facts_execution *other = &facts->executions[b];
	if (one->job != other->job)
		return one->job < other->job ? -1 : 1;
	if (compare_tiers(facts, a, b) != 0)
		return compare_tiers(facts, a, b);
	if (!(one->shard_total && other->shard_total)) {
		int order = facts_shard_compare(facts, a, b);
		if (order)
			return order;
	}
	return compare_runs(facts, &facts->history->executions[a],
			    &facts->history->executions[b]);
}

static int compare_attempts(const struct view_facts *facts, uint32_t a, uint32_t b)
{
	const struct history_execution *one = &facts->history->executions[a];
	const struct history_execution *other = &facts->history->executions[b];
	return id_compare(one->attempt, one->heard, other->attempt, other->heard,
			  facts->executions[a].numeric_attempts);
}

static int sort_to_run(const void *a, const void *b, void *facts)
{
	return compare_to_run(facts, *(const uint32_t *)a, *(const uint32_t *)b);
}

static int sort_executions(const void *a, const void *b, void *context)
{
	const struct view_facts *facts = context;
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	int order = compare_to_run(facts, one, other);
	if (!order)
		order = compare_attempts(facts, one, other);
	return order ? order
		     : facts_compare(facts->history->executions[one].heard,
				     facts->history->executions[other].heard);
}

/* Notes which runs, own and inherited ones apart, and which shards are numbers. */
static void find_numbers(struct view_facts *facts)
{
	facts->numeric_runs[false] = facts->numeric_runs[true] = true;
	for (size_t i = 0; i < facts->history->execution_count; i++) {
		const struct history_execution *execution =
			&facts->history->executions[i];
		if (!all_digits(execution->run))
			facts->numeric_runs[execution->inherited] = false;
		(void)shard_numbers(execution->shard, &facts->executions[i].shard_index,
				    &facts->executions[i].shard_total);
	}
}

/* by_job is sorted as far as runs: attempts of equal ones are one scope. */
static void find_numeric_attempts(struct view_facts *facts)
{
	const uint32_t *sorted = facts->by_job;
	size_t count = facts->history->execution_count;
	for (size_t start = 0, end; start < count; start = end) {
		bool numeric = true;
		for (end = start; end < count; end++) {
			if (compare_to_run(facts, sorted[start], sorted[end]) != 0)
				break;
			numeric &= all_digits(
				facts->history->executions[sorted[end]].attempt);
		}
		for (size_t i = start; i < end; i++)
			facts->executions[sorted[i]].numeric_attempts = numeric;
	}
}

static bool same_group(const struct view_facts *facts, uint32_t a, uint32_t b)
{
	const struct facts_execution *one = &facts->executions[a];
	const struct facts_execution *other = &facts->executions[b];
	if (one->job != other->job || compare_tiers(facts, a, b) != 0)
		return false;
	return (one->shard_total && other->shard_total) ||
	       facts_shard_compare(facts, a, b) == 0;
}

static void sort_places(struct view_facts *facts)
{
	size_t count = facts->history->execution_count;
	uint32_t *sorted = facts->by_job;
	qsort_r(sorted, count, sizeof(*sorted), sort_to_run, facts);
	find_numeric_attempts(facts);
	qsort_r(sorted, count, sizeof(*sorted), sort_executions, facts);
	uint32_t group = 0, place = 0;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && !same_group(facts, sorted[i - 1], sorted[i]))
			group++;
		if (i > 0 && (compare_to_run(facts, sorted[i - 1], sorted[i]) != 0 ||
			      compare_attempts(facts, sorted[i - 1], sorted[i]) != 0))
			place++;
		facts->executions[sorted[i]].group = group;
		facts->executions[sorted[i]].place = place;
	}
}

bool facts_takes_place(const struct view_facts *facts, uint32_t a, uint32_t b)
{
	const struct facts_execution *one = &facts->executions[a];
	const struct facts_execution *other = &facts->executions[b];
	if (one->group != other->group || a == b)
		return false;
	if (one->shard_total != other->shard_total)
		return other->place > one->place;
	if (one->shard_index != other->shard_index)
		return false;
	return other->place != one->place ? other->place > one->place
					  : facts->history->executions[b].heard >
						    facts->history->executions[a].heard;
}

/* A run that was never heard of comes after all that were. */
static bool run_is_there(const struct view_facts *facts,
			 const struct history_execution *execution, uint64_t limit_heard)
{
	const char *limit = facts->request->run;
	if (!limit || execution->inherited)
		return true;
	return id_compare(execution->run, execution->run_heard, limit, limit_heard,
			  facts->numeric_runs[false] && all_digits(limit)) <= 0;
}

static void limit_runs(struct view_facts *facts)
{
	const struct history *history = facts->history;
	const char *limit = facts->request->run;
	uint64_t heard = UINT64_MAX;
	for (size_t i = 0; limit && i < history->execution_count; i++)
		if (!history->executions[i].inherited &&
		    strcmp(history->executions[i].run, limit) == 0)
			heard = history->executions[i].run_heard;
	for (size_t i = 0; i < history->execution_count; i++)
		facts->executions[i].there =
			run_is_there(facts, &history->executions[i], heard);
}

void facts_order_executions(struct view_facts *facts)
{
	facts->executions =
		facts_items(facts->history->execution_count, sizeof(*facts->executions));
	number_jobs(facts);
	find_numbers(facts);
	sort_places(facts);
	limit_runs(facts);
}
