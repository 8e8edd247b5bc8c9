/*
 * Unit tests: what each CI system's environment says, one row for each; and what bad
 * environments get: half-set, two at once, empty, contradicting themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/ci/ci.h"
#include "client/options/identity.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

struct example {
	const char *name;
	const char *environment; /* "NAME=VALUE", one per line */
	const char *found;       /* "name = value < origin", one per line; all of them */
};

/* clang-format off */
static const struct example examples[] = {
	{"CircleCI",
	"CIRCLECI=true\nCI=true\nCIRCLE_WORKFLOW_WORKSPACE_ID=ws-1\nCIRCLE_WORKFLOW_ID=wf-2\n"
	"CIRCLE_WORKFLOW_JOB_ID=job-3\nCIRCLE_JOB=test\nCIRCLE_NODE_INDEX=2\n"
	"CIRCLE_NODE_TOTAL=10\nCIRCLE_BRANCH=main\nCIRCLE_SHA1=abc\n",
	"ci = CircleCI < CIRCLECI\n"
	"workflow = ws-1 < CIRCLE_WORKFLOW_WORKSPACE_ID\n"
	"run = wf-2 < CIRCLE_WORKFLOW_ID\n"
	"job = test < CIRCLE_JOB\n"
	"shard = 3/10 < CIRCLE_NODE_INDEX + CIRCLE_NODE_TOTAL\n"
	"execution = job-3 < CIRCLE_WORKFLOW_JOB_ID\n"
	"branch = main < CIRCLE_BRANCH\n"
	"commit = abc < CIRCLE_SHA1\n"},
	{"CircleCI, a job that is not parallel, of a tag",
	"CIRCLECI=true\nCIRCLE_WORKFLOW_WORKSPACE_ID=ws\nCIRCLE_WORKFLOW_ID=wf\n"
	"CIRCLE_JOB=test\nCIRCLE_NODE_INDEX=0\nCIRCLE_NODE_TOTAL=1\nCIRCLE_BRANCH=\n"
	"CIRCLE_TAG=v1\nCIRCLE_BUILD_NUM=41\n",
	"ci = CircleCI < CIRCLECI\n"
	"workflow = ws < CIRCLE_WORKFLOW_WORKSPACE_ID\n"
	"run = wf < CIRCLE_WORKFLOW_ID\n"
	"job = test < CIRCLE_JOB\n"
	"execution = 41 < CIRCLE_BUILD_NUM\n"
	"branch = v1 < CIRCLE_TAG\n"},
	{"GitHub Actions",
	"GITHUB_ACTIONS=true\nCI=true\nGITHUB_REPOSITORY=me/it\nGITHUB_RUN_ID=17\n"
	"GITHUB_RUN_ATTEMPT=2\nGITHUB_JOB=build\nGITHUB_REF_NAME=main\nGITHUB_HEAD_REF=\n"
	"GITHUB_SHA=abc\n",
	"ci = GitHub Actions < GITHUB_ACTIONS\n"
	"workflow = me/it/17 < GITHUB_REPOSITORY + GITHUB_RUN_ID\n"
	"run = 2 < GITHUB_RUN_ATTEMPT\n"
	"job = build < GITHUB_JOB\n"
	"branch = main < GITHUB_REF_NAME\n"
	"commit = abc < GITHUB_SHA\n"},
	{"GitHub Actions, a pull request",
	"GITHUB_ACTIONS=true\nGITHUB_REPOSITORY=me/it\nGITHUB_RUN_ID=17\n"
	"GITHUB_RUN_ATTEMPT=1\nGITHUB_JOB=build\nGITHUB_REF_NAME=4/merge\n"
	"GITHUB_HEAD_REF=topic\n",
	"ci = GitHub Actions < GITHUB_ACTIONS\n"
	"workflow = me/it/17 < GITHUB_REPOSITORY + GITHUB_RUN_ID\n"
	"run = 1 < GITHUB_RUN_ATTEMPT\n"
	"job = build < GITHUB_JOB\n"
	"branch = topic < GITHUB_HEAD_REF\n"},
#define GITLAB "GITLAB_CI=true\nCI=true\nCI_SERVER_HOST=git.example\nCI_PIPELINE_ID=500\n" \
	"CI_JOB_ID=9001\nCI_COMMIT_REF_NAME=main\nCI_COMMIT_SHA=abc\n"
#define GITLAB_BEGIN "ci = GitLab < GITLAB_CI\n" \
	"workflow = git.example/500 < CI_SERVER_HOST + CI_PIPELINE_ID\n"
#define GITLAB_END "attempt = 9001 < CI_JOB_ID\nexecution = 9001 < CI_JOB_ID\nbranch = main < CI_COMMIT_REF_NAME\n" \
	"commit = abc < CI_COMMIT_SHA\n"
	{"GitLab", GITLAB "CI_JOB_NAME=build\nCI_JOB_GROUP_NAME=build\nCI_NODE_TOTAL=1\n",
	GITLAB_BEGIN "job = build < CI_JOB_GROUP_NAME\n" GITLAB_END},
	{"GitLab, parallel: 5",
	GITLAB "CI_JOB_NAME=test 1/5\nCI_JOB_GROUP_NAME=test\nCI_NODE_INDEX=1\nCI_NODE_TOTAL=5\n",
	GITLAB_BEGIN "job = test < CI_JOB_GROUP_NAME\nshard = 1/5 < CI_JOB_NAME\n" GITLAB_END},
	{"GitLab, parallel: matrix",
	GITLAB "CI_JOB_NAME=test: [a, b]\nCI_JOB_GROUP_NAME=test\nCI_NODE_INDEX=1\n"
	"CI_NODE_TOTAL=4\n",
	GITLAB_BEGIN "job = test < CI_JOB_GROUP_NAME\nshard = [a, b] < CI_JOB_NAME\n" GITLAB_END},
	{"GitLab, names that do not say the slice",
	GITLAB "CI_JOB_NAME=test\nCI_JOB_GROUP_NAME=test\nCI_NODE_INDEX=3\nCI_NODE_TOTAL=4\n",
	GITLAB_BEGIN "job = test < CI_JOB_GROUP_NAME\n"
	"shard = 3/4 < CI_NODE_INDEX + CI_NODE_TOTAL\n" GITLAB_END},
	{"GitLab, a name that was given with a slice in it",
	GITLAB "CI_JOB_NAME=test:1/2\nCI_JOB_GROUP_NAME=test\nCI_NODE_TOTAL=1\n",
	GITLAB_BEGIN "job = test < CI_JOB_GROUP_NAME\nshard = :1/2 < CI_JOB_NAME\n" GITLAB_END},
	{"GitLab before 17.10, parallel: matrix, with a list in the name",
	GITLAB "CI_JOB_NAME=test: [a]: [x, y]\nCI_NODE_INDEX=2\nCI_NODE_TOTAL=4\n",
	GITLAB_BEGIN "job = test: [a] < CI_JOB_NAME\n"
	"shard = 2/4 < CI_NODE_INDEX + CI_NODE_TOTAL\n" GITLAB_END},
	{"GitLab before 17.10", GITLAB "CI_JOB_NAME=a test\n",
	GITLAB_BEGIN "job = a test < CI_JOB_NAME\n" GITLAB_END},
	{"GitLab before 17.10, parallel: 5",
	GITLAB "CI_JOB_NAME=a test 2/5\nCI_NODE_INDEX=2\nCI_NODE_TOTAL=5\n",
	GITLAB_BEGIN "job = a test < CI_JOB_NAME\n"
	"shard = 2/5 < CI_NODE_INDEX + CI_NODE_TOTAL\n" GITLAB_END},
	{"GitLab before 17.10, parallel: matrix",
	GITLAB "CI_JOB_NAME=a test: [x, y]\nCI_NODE_INDEX=2\nCI_NODE_TOTAL=4\n",
	GITLAB_BEGIN "job = a test < CI_JOB_NAME\n"
	"shard = 2/4 < CI_NODE_INDEX + CI_NODE_TOTAL\n" GITLAB_END},
	{"gitlab-ci-local, parallel: 2",
	"GITLAB_CI=false\nCI_SERVER_HOST=gitlab.com\nCI_PROJECT_PATH=me/it\n"
	"CI_PIPELINE_ID=1001\nCI_JOB_ID=7\nCI_JOB_NAME=test: [1/2]\nCI_NODE_INDEX=1\nCI_NODE_TOTAL=2\n",
	"ci = gitlab-ci-local < GITLAB_CI\n"
	"workflow = gitlab.com/me/it/1001 < CI_SERVER_HOST + CI_PROJECT_PATH + CI_PIPELINE_ID\n"
	"job = test < CI_JOB_NAME\n"
	"shard = 1/2 < CI_NODE_INDEX + CI_NODE_TOTAL\n"
	"attempt = job 7 < CI_JOB_ID\nexecution = 7 < CI_JOB_ID\n"},
	{"gitlab-ci-local",
	"GITLAB_CI=false\nCI=true\nCI_SERVER_HOST=gitlab.com\nCI_PROJECT_PATH=me/it\n"
	"CI_PIPELINE_ID=1001\nCI_JOB_ID=7\nCI_JOB_NAME=build\nCI_COMMIT_BRANCH=main\n",
	"ci = gitlab-ci-local < GITLAB_CI\n"
	"workflow = gitlab.com/me/it/1001 < CI_SERVER_HOST + CI_PROJECT_PATH + CI_PIPELINE_ID\n"
	"job = build < CI_JOB_NAME\n"
	"attempt = job 7 < CI_JOB_ID\nexecution = 7 < CI_JOB_ID\n"
	"branch = main < CI_COMMIT_BRANCH\n"},
	{"Buildkite, rebuilt, a parallel step with a key, retried",
	"BUILDKITE=true\nBUILDKITE_BUILD_ID=b-1\nBUILDKITE_STEP_KEY=test\nBUILDKITE_STEP_ID=s-2\n"
	"BUILDKITE_PARALLEL_JOB=0\nBUILDKITE_PARALLEL_JOB_COUNT=4\nBUILDKITE_RETRY_COUNT=2\n"
	"BUILDKITE_JOB_ID=j-3\nBUILDKITE_REBUILT_FROM_BUILD_ID=b-0\nBUILDKITE_BRANCH=main\n"
	"BUILDKITE_COMMIT=abc\n",
	"ci = Buildkite < BUILDKITE\n"
	"workflow = b-1 < BUILDKITE_BUILD_ID\n"
	"job = test < BUILDKITE_STEP_KEY\n"
	"shard = 1/4 < BUILDKITE_PARALLEL_JOB + BUILDKITE_PARALLEL_JOB_COUNT\n"
	"attempt = 3 < BUILDKITE_RETRY_COUNT\n"
	"execution = j-3 < BUILDKITE_JOB_ID\n"
	"parent = b-0 < BUILDKITE_REBUILT_FROM_BUILD_ID\n"
	"branch = main < BUILDKITE_BRANCH\n"
	"commit = abc < BUILDKITE_COMMIT\n"},
	{"Buildkite, a step without a key",
	"BUILDKITE=true\nBUILDKITE_BUILD_ID=b-1\nBUILDKITE_STEP_KEY=\nBUILDKITE_STEP_ID=s-2\n"
	"BUILDKITE_RETRY_COUNT=0\nBUILDKITE_REBUILT_FROM_BUILD_ID=\n",
	"ci = Buildkite < BUILDKITE\n"
	"workflow = b-1 < BUILDKITE_BUILD_ID\n"
	"job = s-2 < BUILDKITE_STEP_ID\n"
	"attempt = 1 < BUILDKITE_RETRY_COUNT\n"},
	{"Jenkins",
	"JENKINS_URL=https://ci.example/\nBUILD_TAG=jenkins-it-12\nSTAGE_NAME=Build it\n"
	"NODE_NAME=n1\nEXECUTOR_NUMBER=0\nWORKSPACE=/ws/it\n"
	"JENKINS_NODE_COOKIE=8a1c35f0-27d2-4c1b-9f5e-0123456789aB\n"
	"GIT_BRANCH=origin/main\nGIT_COMMIT=abc\n",
	"ci = Jenkins < JENKINS_URL\n"
	"workflow = jenkins-it-12 < BUILD_TAG\n"
	"job = Build it < STAGE_NAME\n"
	"execution = 8a1c35f0-27d2-4c1b-9f5e-0123456789aB < JENKINS_NODE_COOKIE\n"
	"branch = origin/main < GIT_BRANCH\n"
	"commit = abc < GIT_COMMIT\n"},
	{"Jenkins, outside of a stage, multibranch, without a cookie",
	"JENKINS_URL=https://ci.example/\nBUILD_TAG=jenkins-it-12\nBRANCH_NAME=topic\n"
	"NODE_NAME=n1\nEXECUTOR_NUMBER=0\nWORKSPACE=/ws/it@2\nJENKINS_NODE_COOKIE=dontKillMe\n",
	"ci = Jenkins < JENKINS_URL\n"
	"workflow = jenkins-it-12 < BUILD_TAG\n"
	"execution = n1 0 /ws/it@2 < NODE_NAME + EXECUTOR_NUMBER + WORKSPACE\n"
	"branch = topic < BRANCH_NAME\n"},
	{"Azure Pipelines, a leg of a matrix",
	"TF_BUILD=True\nSYSTEM_COLLECTIONID=c-1\nBUILD_BUILDID=77\nSYSTEM_PHASENAME=Test\n"
	"SYSTEM_JOBNAME=linux\nSYSTEM_JOBATTEMPT=2\nSYSTEM_STAGENAME=Check\nSYSTEM_JOBID=1-a\n"
	"BUILD_SOURCEBRANCH=refs/heads/a/b\n"
	"BUILD_SOURCEVERSION=abc\n",
	"ci = Azure Pipelines < TF_BUILD\n"
	"workflow = c-1/77 < SYSTEM_COLLECTIONID + BUILD_BUILDID\n"
	"job = Check.Test < SYSTEM_STAGENAME + SYSTEM_PHASENAME\n"
	"shard = linux < SYSTEM_JOBNAME\n"
	"attempt = 2 < SYSTEM_JOBATTEMPT\n"
	"execution = 1-a < SYSTEM_JOBID\n"
	"branch = refs/heads/a/b < BUILD_SOURCEBRANCH\n"
	"commit = abc < BUILD_SOURCEVERSION\n"},
	{"Azure Pipelines, no matrix, no stages",
	"TF_BUILD=True\nSYSTEM_COLLECTIONID=c-1\nBUILD_BUILDID=77\nSYSTEM_PHASENAME=Job\n"
	"SYSTEM_STAGENAME=__default\nSYSTEM_JOBNAME=__default\nSYSTEM_JOBATTEMPT=1\n",
	"ci = Azure Pipelines < TF_BUILD\n"
	"workflow = c-1/77 < SYSTEM_COLLECTIONID + BUILD_BUILDID\n"
	"job = Job < SYSTEM_PHASENAME\n"
	"attempt = 1 < SYSTEM_JOBATTEMPT\n"},
	{"Woodpecker, restarted",
	"CI=woodpecker\nCI_REPO=me/it\nCI_PIPELINE_NUMBER=8\nCI_PIPELINE_RERUNS=1\n"
	"CI_WORKFLOW_NAME=build\nCI_STEP_NAME=compile\nCI_PIPELINE_PARENT=7\n"
	"CI_WORKFLOW_NUMBER=2\n"
	"CI_COMMIT_BRANCH=main\nCI_COMMIT_SHA=abc\n",
	"ci = Woodpecker < CI\n"
	"workflow = me/it/8 < CI_REPO + CI_PIPELINE_NUMBER\n"
	"run = 1 < CI_PIPELINE_RERUNS\n"
	"job = build < CI_WORKFLOW_NAME\n"
	"shard = compile < CI_STEP_NAME\n"
	"execution = 2 < CI_WORKFLOW_NUMBER\n"
	"parent = me/it/7 < CI_REPO + CI_PIPELINE_PARENT\n"
	"branch = main < CI_COMMIT_BRANCH\n"
	"commit = abc < CI_COMMIT_SHA\n"},
	{"Woodpecker, the first time",
	"CI=woodpecker\nCI_REPO=me/it\nCI_PIPELINE_NUMBER=8\nCI_WORKFLOW_NAME=build\n"
	"CI_STEP_NAME=compile\nCI_PIPELINE_PARENT=0\nCI_WORKFLOW_NUMBER=2\n",
	"ci = Woodpecker < CI\n"
	"workflow = me/it/8 < CI_REPO + CI_PIPELINE_NUMBER\n"
	"run = 0 < CI_PIPELINE_RERUNS (not set)\n"
	"job = build < CI_WORKFLOW_NAME\n"
	"shard = compile < CI_STEP_NAME\n"
	"execution = 2 < CI_WORKFLOW_NUMBER\n"},
	{"Drone",
	"DRONE=true\nCI=true\nDRONE_REPO=me/it\nDRONE_BUILD_NUMBER=5\nDRONE_STAGE_NAME=test\n"
	"DRONE_STAGE_DEPENDS_ON=build,lint\nDRONE_BRANCH=main\nDRONE_COMMIT_SHA=abc\n"
	"DRONE_STAGE_NUMBER=2\nDRONE_STEP_NAME=unit\n",
	"ci = Drone < DRONE\n"
	"workflow = me/it/5 < DRONE_REPO + DRONE_BUILD_NUMBER\n"
	"job = test < DRONE_STAGE_NAME\n"
	"shard = unit < DRONE_STEP_NAME\n"
	"execution = 2 < DRONE_STAGE_NUMBER\n"
	"needs = build lint < DRONE_STAGE_DEPENDS_ON\n"
	"branch = main < DRONE_BRANCH\n"
	"commit = abc < DRONE_COMMIT_SHA\n"},
	{"Semaphore, a pull request, what failed runs again",
	"SEMAPHORE=true\nSEMAPHORE_WORKFLOW_ID=w-1\nSEMAPHORE_PIPELINE_ID=p-2\n"
	"SEMAPHORE_JOB_NAME=test\nSEMAPHORE_JOB_INDEX=2\nSEMAPHORE_JOB_COUNT=3\n"
	"SEMAPHORE_JOB_RERUN=true\nSEMAPHORE_JOB_ID=j-2\nSEMAPHORE_GIT_BRANCH=main\n"
	"SEMAPHORE_GIT_WORKING_BRANCH=topic\nSEMAPHORE_GIT_SHA=abc\n",
	"ci = Semaphore < SEMAPHORE\n"
	"workflow = w-1 < SEMAPHORE_WORKFLOW_ID\n"
	"run = p-2 < SEMAPHORE_PIPELINE_ID\n"
	"job = test < SEMAPHORE_JOB_NAME\n"
	"shard = 2/3 < SEMAPHORE_JOB_INDEX + SEMAPHORE_JOB_COUNT\n"
	"execution = j-2 < SEMAPHORE_JOB_ID\n"
	"branch = topic < SEMAPHORE_GIT_WORKING_BRANCH\n"
	"commit = abc < SEMAPHORE_GIT_SHA\n"},
	{"Semaphore, a tag, no parallelism",
	"SEMAPHORE=true\nSEMAPHORE_WORKFLOW_ID=w-1\nSEMAPHORE_PIPELINE_ID=p-1\n"
	"SEMAPHORE_JOB_NAME=build\nSEMAPHORE_GIT_BRANCH=v1\n",
	"ci = Semaphore < SEMAPHORE\n"
	"workflow = w-1 < SEMAPHORE_WORKFLOW_ID\n"
	"run = p-1 < SEMAPHORE_PIPELINE_ID\n"
	"job = build < SEMAPHORE_JOB_NAME\n"
	"branch = v1 < SEMAPHORE_GIT_BRANCH\n"},
	{"Semaphore, a promotion",
	"SEMAPHORE=true\nSEMAPHORE_WORKFLOW_ID=w-1\nSEMAPHORE_PIPELINE_ID=p-3\n"
	"SEMAPHORE_PIPELINE_NAME=staging\nSEMAPHORE_PIPELINE_PROMOTION=true\n"
	"SEMAPHORE_JOB_NAME=deploy\nSEMAPHORE_JOB_ID=j-3\n",
	"ci = Semaphore < SEMAPHORE\n"
	"workflow = w-1 < SEMAPHORE_WORKFLOW_ID\n"
	"run = p-3 < SEMAPHORE_PIPELINE_ID\n"
	"job = staging/deploy < SEMAPHORE_PIPELINE_NAME + SEMAPHORE_JOB_NAME\n"
	"execution = j-3 < SEMAPHORE_JOB_ID\n"},
	{"Travis, restarted",
	"TRAVIS=true\nTRAVIS_REPO_SLUG=me/it\nTRAVIS_BUILD_ID=6\nTRAVIS_JOB_NAME=test\n"
	"TRAVIS_JOB_ID=61\nTRAVIS_JOB_RESTARTED=true\nTRAVIS_TMPDIR=/tmp/tmp.x\n",
	"ci = Travis < TRAVIS\n"
	"workflow = me/it/6 < TRAVIS_REPO_SLUG + TRAVIS_BUILD_ID\n"
	"job = test < TRAVIS_JOB_NAME\n"
	"attempt = restarted in /tmp/tmp.x < TRAVIS_TMPDIR\n"
	"execution = 61 < TRAVIS_JOB_ID\n"},
	{"Travis",
	"TRAVIS=true\nTRAVIS_REPO_SLUG=me/it\nTRAVIS_BUILD_ID=6\nTRAVIS_JOB_NAME=test\n"
	"TRAVIS_JOB_ID=61\nTRAVIS_BRANCH=main\nTRAVIS_COMMIT=abc\n",
	"ci = Travis < TRAVIS\n"
	"workflow = me/it/6 < TRAVIS_REPO_SLUG + TRAVIS_BUILD_ID\n"
	"job = test < TRAVIS_JOB_NAME\n"
	"execution = 61 < TRAVIS_JOB_ID\n"
	"branch = main < TRAVIS_BRANCH\n"
	"commit = abc < TRAVIS_COMMIT\n"},
	{"Bitbucket",
	"BITBUCKET_BUILD_NUMBER=3\nBITBUCKET_PIPELINE_UUID={p-1}\nBITBUCKET_STEP_UUID={s-1}\n"
	"BITBUCKET_PARALLEL_STEP=0\nBITBUCKET_PARALLEL_STEP_COUNT=2\nBITBUCKET_BRANCH=main\n"
	"BITBUCKET_COMMIT=abc\nBITBUCKET_STEP_RUN_NUMBER=2\nBATON_JOB=test\n",
	"ci = Bitbucket < BITBUCKET_BUILD_NUMBER\n"
	"workflow = {p-1} < BITBUCKET_PIPELINE_UUID\n"
	"job = test < BATON_JOB\n"
	"shard = 1/2 < BITBUCKET_PARALLEL_STEP + BITBUCKET_PARALLEL_STEP_COUNT\n"
	"attempt = 2 < BITBUCKET_STEP_RUN_NUMBER\n"
	"execution = {s-1} < BITBUCKET_STEP_UUID\n"
	"branch = main < BITBUCKET_BRANCH\n"
	"commit = abc < BITBUCKET_COMMIT\n"},
	{"none", "CI=true\nGITHUB_ACTIONS=\nGITLAB_CI=false\nTRAVIS=false\n", ""},
};
/* clang-format on */

/* ---- helpers ---- */

static void set_environment(const char *lines)
{
	assert_int_equal(clearenv(), 0);
	while (*lines) {
		size_t len = strcspn(lines, "\n");
		char *line AUTO_FREE = must_memdup(lines, len);
		char *value = strchr(line, '=');
		*value++ = '\0';
		assert_int_equal(setenv(line, value, 1), 0);
		lines += len + (lines[len] == '\n');
	}
}

static void put_line(struct buffer *text, const char *name, const char *value,
		     const char *origin)
{
	const char *const parts[] = {name, " = ", value, " < ", origin, "\n"};
	for (size_t i = 0; i < 6; i++)
		buffer_put(text, parts[i], strlen(parts[i]));
}

static void put_needs(struct buffer *text, const struct options *options)
{
	struct buffer needs AUTO(buffer_fini) = {0};
	for (size_t i = 0; i < options->needs.count; i++) {
		buffer_put(&needs, " ", i > 0);
		buffer_put(&needs, options->needs.items[i],
			   strlen(options->needs.items[i]));
	}
	buffer_put_u8(&needs, '\0');
	put_line(text, "needs", (const char *)needs.at, options->needs_origin.origin);
}

static void put_shown(struct buffer *text, const struct ci_system *system,
		      const char *name)
{
	struct ci_finding finding AUTO(ci_finding_fini) = {0};
	ci_find(system, name, &finding);
	assert_null(finding.problem);
	if (finding.value)
		put_line(text, name, finding.value, finding.origin);
}

/* Everything that was found, in the form of an example. */
static char *what_is_found(const struct options *options)
{
	struct buffer text AUTO(buffer_fini) = {0};
	const struct ci_system *system = ci_detect(ci_systems, NULL);
	if (system)
		put_line(&text, "ci", system->name, system->marker);
	for (const struct identity_value *value = identity_values; value->name; value++) {
		const struct setting *setting = identity_setting(value, options);
		if (strcmp(value->name, "namespace") == 0 || !setting->origin)
			continue;
		if (setting == &options->needs_origin)
			put_needs(&text, options);
		else
			put_line(&text, value->name, setting->value, setting->origin);
	}
	put_shown(&text, system, "branch");
	put_shown(&text, system, "commit");
	return must_memdup(text.len > 0 ? (const void *)text.at : "", text.len);
}

static void parse(struct options *options, char *word)
{
	char program[] = "baton";
	char *argv[] = {program, word};
	struct error error = {0};
	if (options_parse(options, 2, argv, &error) < 0)
		fail_msg("%s", error.text);
}

/* What is found in this environment by a command that needs an identity. */
static void look(const char *environment, struct options *options)
{
	char word[] = "ls";
	set_environment(environment);
	parse(options, word);
}

static void assert_found(const char *environment, const char *found)
{
	struct options options AUTO(options_fini) = {0};
	look(environment, &options);
	char *text AUTO_FREE = what_is_found(&options);
	assert_string_equal(text, found);
}

/* A command that needs an identity is refused with a sentence that says this. */
static void assert_refused(const char *environment, const char *says)
{
	struct options options AUTO(options_fini) = {0};
	look(environment, &options);
	struct msg_identity identity;
	struct text *items AUTO_FREE = NULL;
	struct error error = {0};
	int code = options_identity(&options, false, &identity, &items, &error);
	assert_int_equal(code, ERR_USAGE);
	if (!strstr(error.text, says))
		fail_msg("`%s` does not say `%s`", error.text, says);
}

static void assert_noted(const char *environment, const char *system, const char *says)
{
	set_environment(environment);
	struct string_list notes AUTO(string_list_fini) = {0};
	const struct ci_system *found = ci_detect(ci_systems, &notes);
	assert_string_equal(found ? found->name : "none", system);
	assert_int_equal(notes.count, 1);
	if (!strstr(notes.items[0], says))
		fail_msg("`%s` does not say `%s`", notes.items[0], says);
}

/* ---- tests ---- */

static void each_system_says_who_the_job_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct options options AUTO(options_fini) = {0};
		look(examples[i].environment, &options);
		assert_null(options.identity_problem);
		char *text AUTO_FREE = what_is_found(&options);
		if (strcmp(text, examples[i].found) != 0)
			fail_msg("%s:\n%s", examples[i].name, text);
	}
}

static void every_system_has_an_example(void **state)
{
	(void)state;
	for (const struct ci_system *system = ci_systems; system->name; system++) {
		char begin[64];
		(void)snprintf(begin, sizeof(begin), "ci = %s <", system->name);
		bool has_one = false;
		for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
			has_one |= strstr(examples[i].found, begin) != NULL;
		assert_true(has_one);
	}
}

static void a_parent_that_the_system_names_is_only_detected(void **state)
{
	(void)state;
	struct options options AUTO(options_fini) = {0};
	look("BUILDKITE=true\nBUILDKITE_BUILD_ID=b-1\nBUILDKITE_STEP_ID=s\n"
	     "BUILDKITE_RETRY_COUNT=0\nBUILDKITE_REBUILT_FROM_BUILD_ID=b-0\n",
	     &options);
	assert_true(options.retry_detected);
	struct options given AUTO(options_fini) = {0};
	look("BUILDKITE=true\nBUILDKITE_BUILD_ID=b-1\nBUILDKITE_STEP_ID=s\n"
	     "BUILDKITE_RETRY_COUNT=0\nBUILDKITE_REBUILT_FROM_BUILD_ID=b-0\n"
	     "BATON_RETRY_OF=none\n",
	     &given);
	assert_true(given.retry_none);
	assert_false(given.retry_detected);
}

static void baton_variables_win(void **state)
{
	(void)state;
	assert_found(
		"CIRCLECI=true\nCIRCLE_WORKFLOW_WORKSPACE_ID=ws\nCIRCLE_WORKFLOW_ID=wf\n"
		"CIRCLE_JOB=test\nCIRCLE_NODE_INDEX=0\nCIRCLE_NODE_TOTAL=4\n"
		"BATON_WORKFLOW=mine\nBATON_SHARD=b\nBATON_RUN=9\nBATON_NEEDS=x\n",
		"ci = CircleCI < CIRCLECI\n"
		"workflow = mine < BATON_WORKFLOW\n"
		"run = 9 < BATON_RUN\n"
		"job = test < CIRCLE_JOB\n"
		"shard = b < BATON_SHARD\n"
		"needs = x < BATON_NEEDS\n");
}

static void what_a_half_set_environment_lacks_is_named(void **state)
{
	(void)state;
	assert_refused(
		"CIRCLECI=true\nCIRCLE_WORKFLOW_ID=wf\nCIRCLE_JOB=j\n",
		"the workflow is not known: CIRCLE_WORKFLOW_WORKSPACE_ID is not set, "
		"though CIRCLECI says that this is CircleCI; give --workflow ID or set "
		"BATON_WORKFLOW");
	assert_refused("GITHUB_ACTIONS=true\n",
		       "GITHUB_REPOSITORY and GITHUB_RUN_ID are not set");
	assert_refused("GITHUB_ACTIONS=true\nGITHUB_REPOSITORY=a/b\nGITHUB_RUN_ID=\n"
		       "GITHUB_RUN_ATTEMPT=1\nGITHUB_JOB=j\n",
		       ": GITHUB_RUN_ID is not set");
	assert_refused("GITHUB_ACTIONS=true\nGITHUB_REPOSITORY=a/b\nGITHUB_RUN_ID=17\n"
		       "GITHUB_JOB=j\n",
		       "the run is not known: GITHUB_RUN_ATTEMPT is not set");
	assert_refused(GITLAB, "CI_JOB_GROUP_NAME and CI_JOB_NAME are not set");
	assert_refused(GITLAB "CI_JOB_GROUP_NAME=a\n", "CI_JOB_NAME is not set");
	assert_refused("DRONE=true\nDRONE_REPO=a/b\nDRONE_BUILD_NUMBER=3\n",
		       "DRONE_STAGE_NAME is not set");
}

static void half_a_shard_is_not_a_shard(void **state)
{
	(void)state;
#define CIRCLE                                                                           \
	"CIRCLECI=true\nCIRCLE_WORKFLOW_WORKSPACE_ID=ws\nCIRCLE_WORKFLOW_ID=wf\n"        \
	"CIRCLE_JOB=test\n"
	assert_refused(CIRCLE "CIRCLE_NODE_INDEX=2\n",
		       "the shard is not known: CIRCLE_NODE_TOTAL is not set");
	assert_refused(CIRCLE "CIRCLE_NODE_TOTAL=2\n", "CIRCLE_NODE_INDEX is not set");
	assert_refused(CIRCLE "CIRCLE_NODE_INDEX=two\nCIRCLE_NODE_TOTAL=3\n",
		       "CIRCLE_NODE_INDEX=two is not a number");
	assert_refused(CIRCLE "CIRCLE_NODE_INDEX=9999999999\nCIRCLE_NODE_TOTAL=3\n",
		       "is not a number");
}

static void names_that_contradict_each_other_are_named(void **state)
{
	(void)state;
	assert_refused(
		GITLAB "CI_JOB_NAME=build 1/2\nCI_JOB_GROUP_NAME=test\n",
		"CI_JOB_NAME=build 1/2 does not begin with CI_JOB_GROUP_NAME=test");
	assert_refused(GITLAB "CI_JOB_NAME=test a\nCI_NODE_INDEX=1\nCI_NODE_TOTAL=2\n",
		       "CI_JOB_GROUP_NAME is not set, and CI_JOB_NAME=test a is one of "
		       "several");
}

static void what_is_given_mends_a_half_set_environment(void **state)
{
	(void)state;
	struct options options AUTO(options_fini) = {0};
	look("CIRCLECI=true\nCIRCLE_WORKFLOW_ID=wf\nCIRCLE_JOB=j\nBATON_WORKFLOW=w\n",
	     &options);
	assert_null(options.identity_problem);
}

static void of_two_systems_one_is_used_and_both_are_named(void **state)
{
	(void)state;
	const char *both = "GITHUB_ACTIONS=true\nGITHUB_RUN_ID=1\nCIRCLECI=true\n";
	assert_noted(both, "GitHub Actions",
		     "GitHub Actions (GITHUB_ACTIONS) and CircleCI "
		     "(CIRCLECI); GitHub Actions is used");
	assert_noted("CI=woodpecker\nGITLAB_CI=true\n", "Woodpecker",
		     "Woodpecker is used");
	assert_noted("JENKINS_URL=x\nBUILDKITE=true\nTRAVIS=true\n", "Buildkite",
		     "Buildkite (BUILDKITE), Travis (TRAVIS) and Jenkins (JENKINS_URL)");
}

static void the_values_of_two_systems_are_not_mixed(void **state)
{
	(void)state;
	assert_refused("GITHUB_ACTIONS=true\n" GITLAB "CI_JOB_NAME=a\n",
		       "GITHUB_REPOSITORY and GITHUB_RUN_ID are not set");
}

static void variables_without_their_marker_are_not_used_but_noted(void **state)
{
	(void)state;
	assert_noted("GITHUB_REPOSITORY=a/b\nGITHUB_RUN_ID=1\n", "none",
		     "variables of GitHub Actions, but GITHUB_ACTIONS is not set");
	assert_noted("CI=true\n", "none", "CI is set, but not by a CI system");
}

static void an_empty_environment_needs_no_note(void **state)
{
	(void)state;
	struct string_list notes AUTO(string_list_fini) = {0};
	set_environment("");
	assert_null(ci_detect(ci_systems, &notes));
	assert_int_equal(notes.count, 0);
}

/* ---- GitHub's execution ---- */

static char folder[] = "/tmp/baton-identity-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	(void)strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder) || clearenv() != 0)
		return -1;
	return setenv("RUNNER_TEMP", folder, 1);
}

static int remove_folder(void **state)
{
	(void)state;
	char file[128];
	(void)snprintf(file, sizeof(file), "%s/baton-execution", folder);
	(void)unlink(file);
	return rmdir(folder);
}

static void leave_file(const char *content)
{
	char file[128];
	(void)snprintf(file, sizeof(file), "%s/baton-execution", folder);
	FILE *stream AUTO_STREAM = fopen(file, "w");
	assert_non_null(stream);
	assert_true(fputs(content, stream) >= 0);
}

static void an_execution_is_made_once_and_found_again(void **state)
{
	(void)state;
	struct ci_finding first AUTO(ci_finding_fini) = {0},
				again AUTO(ci_finding_fini) = {0};
	ci_github_execution(&first);
	ci_github_execution(&again);
	assert_non_null(first.value);
	assert_int_equal(strlen(first.value), 32);
	assert_string_equal(first.value, again.value);
	char file[128];
	(void)snprintf(file, sizeof(file), "%s/baton-execution", folder);
	struct stat stat;
	assert_int_equal(lstat(file, &stat), 0);
	assert_int_equal(stat.st_mode, S_IFREG | 0644);
	assert_int_equal(stat.st_nlink, 1);
}

static void an_execution_that_is_none_is_a_problem(void **state)
{
	(void)state;
	const char *const contents[] = {"", "short", "0123456789abcdef0123456789abcdeX",
					"0123456789abcdef0123456789abcdef0"};
	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		struct ci_finding finding AUTO(ci_finding_fini) = {0};
		leave_file(contents[i]);
		ci_github_execution(&finding);
		assert_null(finding.value);
		assert_non_null(strstr(finding.problem, "baton-execution"));
	}
}

static void an_execution_is_not_read_through_a_link(void **state)
{
	(void)state;
	struct ci_finding finding AUTO(ci_finding_fini) = {0};
	char file[128];
	(void)snprintf(file, sizeof(file), "%s/baton-execution", folder);
	assert_int_equal(symlink("/dev/zero", file), 0);
	ci_github_execution(&finding);
	assert_null(finding.value);
	assert_non_null(finding.problem);
}

static void without_a_folder_there_is_no_execution(void **state)
{
	(void)state;
	struct ci_finding finding AUTO(ci_finding_fini) = {0};
	(void)setenv("RUNNER_TEMP", "/nowhere/at/all", 1);
	ci_github_execution(&finding);
	assert_null(finding.value);
	assert_non_null(strstr(finding.problem, "/nowhere/at/all"));
	ci_finding_fini(&finding);
	(void)unsetenv("RUNNER_TEMP");
	ci_github_execution(&finding);
	assert_null(finding.value);
	assert_string_equal(finding.problem, "RUNNER_TEMP is not set");
}

#define EXECUTION_TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_system_says_who_the_job_is),
		cmocka_unit_test(every_system_has_an_example),
		cmocka_unit_test(a_parent_that_the_system_names_is_only_detected),
		cmocka_unit_test(baton_variables_win),
		cmocka_unit_test(what_a_half_set_environment_lacks_is_named),
		cmocka_unit_test(half_a_shard_is_not_a_shard),
		cmocka_unit_test(names_that_contradict_each_other_are_named),
		cmocka_unit_test(what_is_given_mends_a_half_set_environment),
		cmocka_unit_test(of_two_systems_one_is_used_and_both_are_named),
		cmocka_unit_test(the_values_of_two_systems_are_not_mixed),
		cmocka_unit_test(variables_without_their_marker_are_not_used_but_noted),
		cmocka_unit_test(an_empty_environment_needs_no_note),
		EXECUTION_TEST(an_execution_is_made_once_and_found_again),
		EXECUTION_TEST(an_execution_that_is_none_is_a_problem),
		EXECUTION_TEST(an_execution_is_not_read_through_a_link),
		EXECUTION_TEST(without_a_folder_there_is_no_execution),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
