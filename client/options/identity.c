#include "client/options/identity.h"

#include <stdio.h>
#include <string.h>

#include "client/options/option_table.h"
#include "proto/base/bytes.h"

#define AT(member) .at = offsetof(struct options, member)

const struct identity_value identity_values[] = {
	{"namespace", "--namespace", AT(namespace), "\"default\" is used"},
	{"workflow", "--workflow", AT(workflow), "required"},
	{"run", "--run", AT(run), "1 is used"},
	{"job", "--job", AT(job),
	 "a persist needs one; an attach without one is anonymous"},
	{"shard", "--shard", AT(shard), "the job is not cut into shards"},
	{"attempt", "--attempt", AT(attempt), "1 is used"},
	{"execution", "--execution", AT(execution),
	 "two executions with one identity go unnoticed", .for_persist = true},
	{"needs", "--needs", AT(needs_origin), "every visible layer is attached"},
	{"parent", "--retry-of", AT(retry_of), "the workflow retries nothing"},
	{.name = NULL},
};

const struct setting *identity_setting(const struct identity_value *value,
				       const struct options *options)
{
	return (const struct setting *)((const char *)options + value->at);
}

const struct option *identity_option(const struct identity_value *value)
{
	const char *name = value->flag + strlen("--");
	return option_named(&baton, name, strlen(name));
}

char *identity_advice(const struct identity_value *value, const struct ci_system *system,
		      const char *problem)
{
	const struct option *option = identity_option(value);
	char *advice = NULL;
	if (asprintf(
		    &advice,
		    "the %s is not known: %s, though %s says that this is %s; give %s %s "
		    "or set %s",
		    value->name, problem, system->marker, system->name, option->flag,
		    option->argument, option->variable) < 0)
		return must_strdup(problem);
	return advice;
}
