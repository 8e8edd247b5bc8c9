#include "daemon/access/issuer/preset.h"

#include <stddef.h>
#include <string.h>

/*
 * Sources, read in November 2026:
 *
 * GitHub: docs.github.com/actions/reference/security/oidc. No claim tells a pull request
 * of a fork from one of the repository itself, so that every event of a pull request
 * counts as one: also a review, which runs what the fork has, and `pull_request_target`,
 * which runs what the repository has, and that may well fetch the fork's. Whoever calls a
 * workflow that others may use has its job_workflow_ref, and each repository may choose
 * of which claims its `sub` is made: neither says whose a job is.
 *
 * GitLab: docs.gitlab.com/ci/secrets/id_token_authentication. Since 18.2.2 project_path
 * of a merge request of a fork is the fork's, also where the pipeline runs in the target
 * project; before, nothing tells it from another merge request. A child pipeline says
 * `parent_pipeline` whatever its parent is, and ref_path is the source branch's
 * (source_ref_path in app/models/ci/pipeline.rb): it may be a merge request's.
 * user_login is whoever started the pipeline, in any project.
 *
 * CircleCI: circleci.com/docs/openid-connect-tokens. vcs-origin is the repository whose
 * change started the pipeline: a fork's, for a pull request of a fork. The workflow that
 * `baton` goes by, CIRCLE_WORKFLOW_WORKSPACE_ID, which stays when a workflow is run
 * again, is in no claim.
 *
 * Buildkite: buildkite.com/docs/agent/v3/cli-oidc. The branch of a pull request of a fork
 * is OWNER:BRANCH, unless the pipeline is told to leave the owner out. The build's id,
 * which `baton` goes by, is in no claim that is always there.
 */
static const char *const github_narrowing[] = {
	"repository",          "repository_id", "repository_owner",
	"repository_owner_id", "enterprise",    "enterprise_id",
	"workflow_ref",        "sub",           NULL,
};
static const char *const gitlab_narrowing[] = {
	"namespace_path",
	"namespace_id",
	"project_path",
	"project_id",
	"job_project_path",
	"job_project_id",
	"job_namespace_path",
	"job_namespace_id",
	"sub",
	NULL,
};
static const char *const circleci_narrowing[] = {
	"oidc.circleci.com/org-id",
	"oidc.circleci.com/project-id",
	"oidc.circleci.com/vcs-origin",
	"sub",
	NULL,
};
static const char *const buildkite_narrowing[] = {
	"organization_slug", "organization_id", "pipeline_id", "sub", NULL,
};

static const struct preset presets[] = {
	{
		.name = "github",
		.url = "https://token.actions.githubusercontent.com",
		.namespace = "{repository}",
		.workflow = "{repository}/{run_id}",
		.untrusted = "event_name=pull_request*, ref=refs/pull/**",
		.narrowing = github_narrowing,
		.subject = "repo:",
	},
	{
		.name = "gitlab",
		.url = "https://gitlab.com",
		.namespace = "{project_path}",
		.workflow = "{host}/{pipeline_id}",
		.untrusted = "pipeline_source=merge_request_event, "
			     "pipeline_source=external_pull_request_event, "
			     "pipeline_source=parent_pipeline, "
			     "ref_path=refs/merge-requests/**",
		.narrowing = gitlab_narrowing,
	},
	{
		.name = "circleci",
		.url = "https://oidc.circleci.com/org/{audience}",
		.namespace = "{oidc.circleci.com/vcs-origin}",
		.trusted_by = "oidc.circleci.com/vcs-origin",
		.narrowing = circleci_narrowing,
	},
	{
		.name = "buildkite",
		.url = "https://agent.buildkite.com",
		.namespace = "{organization_slug}/{pipeline_slug}",
		.untrusted = "build_branch=*:*, build_branch=*:*/**, "
			     "build_branch=refs/pull/**",
		.narrowing = buildkite_narrowing,
	},
};

const struct preset *preset_named(const char *name)
{
	for (size_t i = 0; i < sizeof(presets) / sizeof(*presets); i++)
		if (strcmp(presets[i].name, name) == 0)
			return &presets[i];
	return NULL;
}
