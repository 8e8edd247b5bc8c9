/* The CI systems that Baton knows. */
#include "client/ci/ci.h"

#define NEEDED(name, text)                                                               \
	{                                                                                \
		.flag = name, .form = text                                               \
	}
#define OPTIONAL(name, text)                                                             \
	{                                                                                \
		.flag = name, .form = text, .optional = true                             \
	}
#define UNLESS(name, text, value)                                                        \
	{                                                                                \
		.flag = name, .form = text, .optional = true, .nothing = value           \
	}
#define IF(condition, name, text)                                                        \
	{                                                                                \
		.flag = name, .form = text, .only_if = condition                         \
	}
#define REFUSED_IF(condition, name, why)                                                 \
	{                                                                                \
		.flag = name, .problem = why, .only_if = condition                       \
	}
#define BRANCH(text) OPTIONAL("branch", text)
#define COMMIT(text) OPTIONAL("commit", text)

/* clang-format off */
static const struct ci_row woodpecker[] = {
	REFUSED_IF("CI_PIPELINE_NUMBER=0", "--workflow",
		"CI_PIPELINE_NUMBER is 0, as `woodpecker-cli exec` has it in every run"),
	NEEDED("--workflow", "{CI_REPO}/{CI_PIPELINE_NUMBER}"),
	NEEDED("--run", "{CI_PIPELINE_RERUNS:0}"), /* 1 for the first restart */
	NEEDED("--job", "{CI_WORKFLOW_NAME}"),
	NEEDED("--shard", "{CI_STEP_NAME}"),
	/* axes of a matrix are workflows of one name, which have a number each */
	NEEDED("--execution", "{CI_WORKFLOW_NUMBER}"),
	UNLESS("--retry-of", "{CI_REPO}/{CI_PIPELINE_PARENT}", "0"),
	BRANCH("{CI_COMMIT_BRANCH}"),
	COMMIT("{CI_COMMIT_SHA}"),
	{.flag = NULL},
};

static const struct ci_row drone[] = {
	REFUSED_IF("DRONE_BUILD_NUMBER=0", "--workflow",
		"DRONE_BUILD_NUMBER is 0, which counts no builds"),
	NEEDED("--workflow", "{DRONE_REPO}/{DRONE_BUILD_NUMBER}"),
	NEEDED("--job", "{DRONE_STAGE_NAME}"),
	OPTIONAL("--shard", "{DRONE_STEP_NAME}"), /* steps may run side by side */
	NEEDED("--execution", "{DRONE_STAGE_NUMBER}"),
	OPTIONAL("--needs", "{DRONE_STAGE_DEPENDS_ON}"),
	BRANCH("{DRONE_BRANCH}"),
	COMMIT("{DRONE_COMMIT_SHA}"),
	{.flag = NULL},
};

#define GITHUB_WORKFLOW "{GITHUB_REPOSITORY}/{GITHUB_RUN_ID}"

static const struct ci_row github[] = {
	/* their runners are made of act, too, but count their runs */
	IF("GITEA_ACTIONS=true", "--workflow", GITHUB_WORKFLOW),
	IF("FORGEJO_ACTIONS=true", "--workflow", GITHUB_WORKFLOW),
	REFUSED_IF("ACT=true GITHUB_RUN_ID=1", "--workflow",
		"GITHUB_RUN_ID is 1, as act has it in every run"),
	NEEDED("--workflow", GITHUB_WORKFLOW),
	NEEDED("--run", "{GITHUB_RUN_ATTEMPT}"),
	NEEDED("--job", "{GITHUB_JOB}"),
	{.flag = "--shard", .hint = "GITHUB_JOB is the same for every leg of a matrix, and no "
		"variable tells them apart; in a matrix the workflow has to hand it on (BATON_MATRIX)"},
	{.flag = "--execution", .make = ci_github_execution},
	BRANCH("{GITHUB_HEAD_REF}"),
	BRANCH("{GITHUB_REF_NAME}"),
	COMMIT("{GITHUB_SHA}"),
	{.flag = NULL},
};

#define GITLAB_ROWS(workflow, attempt)                                                   \
	NEEDED("--workflow", workflow),                                                  \
	OPTIONAL("--job", "{CI_JOB_GROUP_NAME}"),                                        \
	{.flag = "--job", .make = ci_gitlab_job},                                        \
	{.flag = "--shard", .make = ci_gitlab_shard},                                    \
	UNLESS("--shard", "{CI_NODE_INDEX}/{CI_NODE_TOTAL}", "1"),                       \
	NEEDED("--attempt", attempt),                                                    \
	NEEDED("--execution", "{CI_JOB_ID}"),                                            \
	BRANCH("{CI_COMMIT_BRANCH}"),                                                    \
	BRANCH("{CI_COMMIT_REF_NAME}"),                                                  \
	COMMIT("{CI_COMMIT_SHA}"),                                                       \
	{.flag = NULL}

static const struct ci_row gitlab[] = {
	GITLAB_ROWS("{CI_SERVER_HOST}/{CI_PIPELINE_ID}", "{CI_JOB_ID}")};

/* It counts the pipelines of each checkout from 1000. The ids of its jobs are random
 * numbers; as texts they are in the order in which they are heard of. */
static const struct ci_row gitlab_ci_local[] = {
	GITLAB_ROWS("{CI_SERVER_HOST}/{CI_PROJECT_PATH}/{CI_PIPELINE_ID}", "job {CI_JOB_ID}")};

static const struct ci_row circleci[] = {
	NEEDED("--workflow", "{CIRCLE_WORKFLOW_WORKSPACE_ID}"),
	NEEDED("--run", "{CIRCLE_WORKFLOW_ID}"),
	NEEDED("--job", "{CIRCLE_JOB}"),
	UNLESS("--shard", "{CIRCLE_NODE_INDEX+1}/{CIRCLE_NODE_TOTAL}", "1"),
	OPTIONAL("--execution", "{CIRCLE_WORKFLOW_JOB_ID}"),
	OPTIONAL("--execution", "{CIRCLE_BUILD_NUM}"),
	NEEDED("--execution", "{CIRCLE_WORKFLOW_JOB_ID}"),
	BRANCH("{CIRCLE_BRANCH}"),
	BRANCH("{CIRCLE_TAG}"),
	COMMIT("{CIRCLE_SHA1}"),
	{.flag = NULL},
};

static const struct ci_row buildkite[] = {
	NEEDED("--workflow", "{BUILDKITE_BUILD_ID}"),
	OPTIONAL("--job", "{BUILDKITE_STEP_KEY}"),
	NEEDED("--job", "{BUILDKITE_STEP_ID}"),
	UNLESS("--shard", "{BUILDKITE_PARALLEL_JOB+1}/{BUILDKITE_PARALLEL_JOB_COUNT}", "1"),
	NEEDED("--attempt", "{BUILDKITE_RETRY_COUNT+1}"),
	NEEDED("--execution", "{BUILDKITE_JOB_ID}"),
	OPTIONAL("--retry-of", "{BUILDKITE_REBUILT_FROM_BUILD_ID}"),
	BRANCH("{BUILDKITE_BRANCH}"),
	COMMIT("{BUILDKITE_COMMIT}"),
	{.flag = NULL},
};

static const struct ci_row semaphore[] = {
	NEEDED("--workflow", "{SEMAPHORE_WORKFLOW_ID}"),
	NEEDED("--run", "{SEMAPHORE_PIPELINE_ID}"), /* what failed runs again in a new one */
	IF("SEMAPHORE_PIPELINE_PROMOTION=true", "--job",
		"{SEMAPHORE_PIPELINE_NAME}/{SEMAPHORE_JOB_NAME}"),
	NEEDED("--job", "{SEMAPHORE_JOB_NAME}"),
	UNLESS("--shard", "{SEMAPHORE_JOB_INDEX}/{SEMAPHORE_JOB_COUNT}", "1"),
	NEEDED("--execution", "{SEMAPHORE_JOB_ID}"),
	BRANCH("{SEMAPHORE_GIT_WORKING_BRANCH}"), /* not set for a tag */
	BRANCH("{SEMAPHORE_GIT_BRANCH}"),
	COMMIT("{SEMAPHORE_GIT_SHA}"),
	{.flag = NULL},
};

static const struct ci_row travis[] = {
	NEEDED("--workflow", "{TRAVIS_REPO_SLUG}/{TRAVIS_BUILD_ID}"),
	OPTIONAL("--job", "{TRAVIS_JOB_NAME}"), /* set for jobs with a `name:` */
	/* a job that is restarted keeps its id, in a machine with another folder */
	IF("TRAVIS_JOB_RESTARTED=true", "--attempt", "restarted in {TRAVIS_TMPDIR}"),
	NEEDED("--execution", "{TRAVIS_JOB_ID}"),
	BRANCH("{TRAVIS_BRANCH}"),
	COMMIT("{TRAVIS_COMMIT}"),
	{.flag = NULL},
};

static const struct ci_row bitbucket[] = {
	NEEDED("--workflow", "{BITBUCKET_PIPELINE_UUID}"),
	{.flag = "--job", .hint = "Bitbucket has no variable for a step's name"},
	UNLESS("--shard", "{BITBUCKET_PARALLEL_STEP+1}/{BITBUCKET_PARALLEL_STEP_COUNT}", "1"),
	OPTIONAL("--attempt", "{BITBUCKET_STEP_RUN_NUMBER}"),
	NEEDED("--execution", "{BITBUCKET_STEP_UUID}"),
	BRANCH("{BITBUCKET_BRANCH}"),
	COMMIT("{BITBUCKET_COMMIT}"),
	{.flag = NULL},
};

static const struct ci_row azure[] = {
	NEEDED("--workflow", "{SYSTEM_COLLECTIONID}/{BUILD_BUILDID}"),
	IF("SYSTEM_STAGENAME=", "--job", "{SYSTEM_PHASENAME}"),
	IF("SYSTEM_STAGENAME=__default", "--job", "{SYSTEM_PHASENAME}"), /* no stages */
	NEEDED("--job", "{SYSTEM_STAGENAME}.{SYSTEM_PHASENAME}"),
	UNLESS("--shard", "{SYSTEM_JOBNAME}", "__default"), /* no leg of a matrix */
	NEEDED("--attempt", "{SYSTEM_JOBATTEMPT}"),
	NEEDED("--execution", "{SYSTEM_JOBID}"),
	BRANCH("{BUILD_SOURCEBRANCH}"),
	COMMIT("{BUILD_SOURCEVERSION}"),
	{.flag = NULL},
};

static const struct ci_row jenkins[] = {
	NEEDED("--workflow", "{BUILD_TAG}"),
	OPTIONAL("--job", "{STAGE_NAME}"), /* not set outside of a stage */
	{.flag = "--execution", .make = ci_jenkins_execution},
	NEEDED("--execution", "{NODE_NAME} {EXECUTOR_NUMBER} {WORKSPACE}"),
	BRANCH("{BRANCH_NAME}"),
	BRANCH("{GIT_BRANCH}"),
	COMMIT("{GIT_COMMIT}"),
	{.flag = NULL},
};

/*
 * In the order in which they count when the processes do not tell which is inside which:
 * CI=woodpecker first, since every system sets CI and the last one to do so stands there;
 * then those whose jobs people start by hand or on runners of their own, also inside
 * other systems; last Jenkins, whose agents are machines that others inherit from.
 */
const struct ci_system ci_systems[] = {
	{"Woodpecker", "CI", "woodpecker", NULL, woodpecker},
	{"Drone", "DRONE", NULL, NULL, drone},
	{"GitHub Actions", "GITHUB_ACTIONS", NULL, NULL, github},
	{"gitlab-ci-local", "GITLAB_CI", "false", "CI_JOB_NAME", gitlab_ci_local},
	{"CircleCI", "CIRCLECI", NULL, NULL, circleci},
	{"GitLab", "GITLAB_CI", NULL, NULL, gitlab},
	{"Buildkite", "BUILDKITE", NULL, NULL, buildkite},
	{"Semaphore", "SEMAPHORE", NULL, NULL, semaphore},
	{"Travis", "TRAVIS", NULL, NULL, travis},
	{"Bitbucket", "BITBUCKET_BUILD_NUMBER", NULL, NULL, bitbucket},
	{"Azure Pipelines", "TF_BUILD", NULL, NULL, azure},
	{"Jenkins", "JENKINS_URL", NULL, NULL, jenkins},
	{.name = NULL},
};
/* clang-format on */
