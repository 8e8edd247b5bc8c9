"""What CI systems set, as their documentation says it: two jobs of one pipeline each."""

GITHUB = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "me/it",
          "GITHUB_RUN_ID": "17", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_REF_NAME": "main",
          "GITHUB_SHA": "abc"}
CIRCLECI = {"CI": "true", "CIRCLECI": "true", "CIRCLE_WORKFLOW_WORKSPACE_ID": "ws",
            "CIRCLE_WORKFLOW_ID": "wf-1", "CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "1"}
GITLAB = {"CI": "true", "GITLAB_CI": "true", "CI_SERVER_HOST": "git.example",
          "CI_PIPELINE_ID": "500", "CI_NODE_TOTAL": "1"}
BUILDKITE = {"CI": "true", "BUILDKITE": "true", "BUILDKITE_BUILD_ID": "b-1",
             "BUILDKITE_STEP_ID": "s-1", "BUILDKITE_RETRY_COUNT": "0",
             "BUILDKITE_REBUILT_FROM_BUILD_ID": ""}
WOODPECKER = {"CI": "woodpecker", "CI_REPO": "me/it", "CI_PIPELINE_NUMBER": "8",
              "CI_WORKFLOW_NAME": "main", "CI_PIPELINE_PARENT": "0"}

# Two jobs of one pipeline in each system: the one that persists, the one that attaches.
PAIRS = {
    "CircleCI": ({**CIRCLECI, "CIRCLE_JOB": "build"}, {**CIRCLECI, "CIRCLE_JOB": "test"}),
    "GitHub Actions": ({**GITHUB, "GITHUB_JOB": "build"}, {**GITHUB, "GITHUB_JOB": "test"}),
    "GitLab": ({**GITLAB, "CI_JOB_NAME": "build", "CI_JOB_GROUP_NAME": "build", "CI_JOB_ID": "1"},
               {**GITLAB, "CI_JOB_NAME": "test", "CI_JOB_GROUP_NAME": "test", "CI_JOB_ID": "2"}),
    "Buildkite": ({**BUILDKITE, "BUILDKITE_STEP_KEY": "build", "BUILDKITE_JOB_ID": "j-1"},
                  {**BUILDKITE, "BUILDKITE_STEP_KEY": "test", "BUILDKITE_JOB_ID": "j-2"}),
    "Jenkins": tuple({"JENKINS_URL": "https://ci/", "BUILD_TAG": "jenkins-it-1", "STAGE_NAME": name}
                     for name in ("build", "test")),
    "Azure Pipelines": tuple(
        {"TF_BUILD": "True", "SYSTEM_COLLECTIONID": "c", "BUILD_BUILDID": "7",
         "SYSTEM_PHASENAME": name, "SYSTEM_JOBNAME": "__default", "SYSTEM_JOBATTEMPT": "1"}
        for name in ("build", "test")),
    "Woodpecker": tuple({**WOODPECKER, "CI_WORKFLOW_NAME": name, "CI_STEP_NAME": "all"}
                        for name in ("build", "test")),
    "Drone": tuple({"CI": "true", "DRONE": "true", "DRONE_REPO": "me/it",
                    "DRONE_BUILD_NUMBER": "5", "DRONE_STAGE_NAME": name,
                    "DRONE_STAGE_DEPENDS_ON": needs}
                   for name, needs in (("build", ""), ("test", "build"))),
    "Semaphore": tuple({"CI": "true", "SEMAPHORE": "true", "SEMAPHORE_WORKFLOW_ID": "w-1",
                        "SEMAPHORE_PIPELINE_ID": "p-1", "SEMAPHORE_JOB_NAME": name, "SEMAPHORE_JOB_ID": "j-" + name}
                       for name in ("build", "test")),
    "Travis": tuple({"CI": "true", "TRAVIS": "true", "TRAVIS_REPO_SLUG": "me/it",
                     "TRAVIS_BUILD_ID": "6", "TRAVIS_JOB_NAME": name, "TRAVIS_JOB_ID": name}
                    for name in ("build", "test")),
    "Bitbucket": tuple({"CI": "true", "BITBUCKET_BUILD_NUMBER": "3", "BATON_JOB": name,
                        "BITBUCKET_PIPELINE_UUID": "{p}", "BITBUCKET_STEP_UUID": "{%s}" % name}
                       for name in ("build", "test")),
}
