/* The options as the wire wants them. */
#include <stdlib.h>
#include <string.h>

#include "client/options/options.h"
#include "proto/base/bytes.h"

static int missing(const char *what, const char *flag, const char *variable,
		   struct error *error)
{
	return error_set(error, ERR_USAGE,
			 "%s: give %s or set %s; `baton whereami` shows what was found",
			 what, flag, variable);
}

/* Who only reads another workflow needs none of its own. */
static const char *workflow_of(const struct options *options)
{
	return options->workflow.value ? options->workflow.value : options->from_workflow;
}

static struct text *needs_of(const struct options *options)
{
	size_t count = options->needs.count;
	struct text *items = must_calloc(count + 1, sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = text_of(options->needs.items[i]);
	return items;
}

static bool is_given(const struct setting *setting)
{
	return setting->origin && (strncmp(setting->origin, "--", 2) == 0 ||
				   strncmp(setting->origin, "BATON_", 6) == 0);
}

/* Without an execution, jobs that a CI system runs at the same time under one name would
 * be taken for one job, unless the user names workflow and job, or a shard, to tell them
 * apart. */
static int check_execution(const struct options *options, struct error *error)
{
	bool is_named = is_given(&options->workflow) && is_given(&options->job);
	if (!options->execution_problem || is_named || is_given(&options->shard))
		return 0;
	return error_set(error, ERR_USAGE,
			 "%s; without it, two jobs of one name would be taken for one, "
			 "unless each is given its --shard",
			 options->execution_problem);
}

int options_identity(const struct options *options, bool need_job,
		     struct msg_identity *ret_identity, struct text **ret_items,
		     struct error *error)
{
	if (options->identity_problem)
		return error_set(error, ERR_USAGE, "%s", options->identity_problem);
	if (!workflow_of(options))
		return missing("no workflow is known", "--workflow ID", "BATON_WORKFLOW",
			       error);
	if (need_job && !options->job.value)
		return missing("no job is known", "--job NAME", "BATON_JOB", error);
	int err = need_job ? check_execution(options, error) : 0;
	if (err < 0)
		return err;
	*ret_items = needs_of(options);
	*ret_identity = (struct msg_identity){
		.namespace = text_of(options->namespace.value),
		.workflow = text_of(workflow_of(options)),
		.run = text_of(options->run.value),
		.job = text_of(options->job.value),
		.shard = text_of(options->shard.value),
		.attempt = text_of(options->attempt.value),
		.execution = text_of(options->execution.value),
		.needs = {*ret_items, options->needs.count},
		.has_needs = options->has_needs,
		.retry_of = text_of(options->retry_of.value),
		.retry_none = options->retry_none,
		.retry_detected = options->retry_detected,
	};
	return 0;
}
