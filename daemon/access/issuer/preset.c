#include "daemon/access/issuer/preset.h"

#include <stddef.h>
#include <string.h>

/*
 * Sources, read in November 2026:
 *
 * GitHub: docs.github.com/actions/reference/security/oidc. No claim tells a pull request
 * of a fork from one of the repository itself, so that every `pull_request` counts as
 * one; `pull_request_target` runs what the repository has.
 *
 * GitLab: docs.gitlab.com/ci/secrets/id_token_authentication. Since 18.2.2 project_path
 * of a merge request of a fork is the fork's, also where the pipeline runs in the target
 * project; before, nothing tells it from another merge request.
 *
 * CircleCI: circleci.com/docs/openid-connect-tokens. vcs-origin is the repository whose
 * change started the pipeline: a fork's, for a pull request of a fork. The workflow that
 * `baton` goes by, CIRCLE_WORKFLOW_WORKSPACE_ID, which stays when a workflow is run
 * again, is in no claim.
 *
 * Buildkite: buildkite.com/docs/agent/v3/cli-oidc. The branch of a pull request of a fork
 * is OWNER:BRANCH. The build's id, which `baton` goes by, is in no claim that is always
 * there.
 */
static const char *const github_narrowing[] = {
	"repository",
	"repository_id",
	"repository_owner",
	"repository_owner_id",
	"enterprise",
	"enterprise_id",
	"job_workflow_ref",
	"workflow_ref",
	"sub",
	NULL,
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
	"user_login",
	"user_id",
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
		.untrusted = "event_name=pull_request",
		.narrowing = github_narrowing,
	},
	{
		.name = "gitlab",
		.url = "https://gitlab.com",
		.namespace = "{project_path}",
		.workflow = "{host}/{pipeline_id}",
		.untrusted = "pipeline_source=merge_request_event",
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
		.untrusted = "build_branch=*:*, build_branch=*:*/**",
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
