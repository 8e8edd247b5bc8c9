/* GitLab: one job of the pipeline file is several, with names that begin alike, when it
 * is run `parallel`. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ci/ci.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

__attribute__((format(printf, 2, 3))) static void find_problem(struct ci_finding *finding,
							       const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&finding->problem, format, arguments) < 0)
		finding->problem = must_strdup("CI_JOB_NAME does not fit");
	va_end(arguments);
}

/* How much of the name is " 1/5" or ": [a, b]", which tell one of several from the others
 * (gitlab-ci-local says ": [1/5]"); 0: neither. */
static size_t slice_len(const char *name, const char *index, const char *total)
{
	char *numbers AUTO_FREE = NULL;
	size_t len = strlen(name);
	if (asprintf(&numbers, " %s/%s", index, total) < 0)
		return 0;
	size_t numbers_len = strlen(numbers);
	if (numbers_len < len && strcmp(name + len - numbers_len, numbers) == 0)
		return numbers_len;
	size_t list_len = 0; /* the last: names that are given may end in one, too */
	for (const char *at = name; (at = strstr(at, ": [")); at++)
		list_len = strlen(at);
	return name[len - 1] == ']' ? list_len : 0;
}

void ci_gitlab_job(struct ci_finding *ret_finding)
{
	const char *name = ci_variable("CI_JOB_NAME");
	const char *index = ci_variable("CI_NODE_INDEX");
	const char *total = ci_variable("CI_NODE_TOTAL");
	if (!name) {
		find_problem(ret_finding,
			     "CI_JOB_GROUP_NAME and CI_JOB_NAME are not set");
		return;
	}
	bool several = index && total;
	size_t added = several ? slice_len(name, index, total) : 0;
	if (several && (added == 0 || added == strlen(name))) {
		find_problem(
			ret_finding,
			"CI_JOB_GROUP_NAME is not set, and CI_JOB_NAME=%.100s is one "
			"of several that share a name",
			name);
		return;
	}
	ret_finding->value = must_memdup(name, strlen(name) - added);
	ret_finding->origin = must_strdup("CI_JOB_NAME");
}

/* Of what GitLab itself puts between a name and a slice. Other separators are of names
 * that were given, and remain: GitLab groups `test 1/2` with `test:1/2`, which are two
 * jobs. */
static size_t separator_len(const char *added)
{
	if (strncmp(added, ": [", 3) == 0)
		return 2;
	return added[0] == ' ' && added[1] >= '0' && added[1] <= '9';
}

void ci_gitlab_shard(struct ci_finding *ret_finding)
{
	const char *group = ci_variable("CI_JOB_GROUP_NAME");
	const char *name = ci_variable("CI_JOB_NAME");
	if (!group)
		return;
	if (!name) {
		find_problem(ret_finding, "CI_JOB_NAME is not set");
		return;
	}
	size_t len = strlen(group);
	if (strncmp(name, group, len) != 0 || !strchr(" \t:", name[len])) {
		find_problem(ret_finding,
			     "CI_JOB_NAME=%.100s does not begin with "
			     "CI_JOB_GROUP_NAME=%.100s",
			     name, group);
		return;
	}
	const char *added = name + len;
	if (added[strspn(added, ": \t")] == '\0')
		return;
	ret_finding->value = must_strdup(added + separator_len(added));
	ret_finding->origin = must_strdup("CI_JOB_NAME");
}
