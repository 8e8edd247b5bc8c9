"""What CI systems set, as their documentation says it: two jobs of one pipeline each; two
jobs that run side by side under one name; a job and its retry."""

GITHUB = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "me/it",
          "GITHUB_RUN_ID": "17", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_REF_NAME": "main",
          "GITHUB_SHA": "abc", "BATON_EXECUTION": "e"}  # instead of a RUNNER_TEMP
CIRCLECI = {"CI": "true", "CIRCLECI": "true", "CIRCLE_WORKFLOW_WORKSPACE_ID": "ws",
            "CIRCLE_WORKFLOW_ID": "wf-1", "CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "1",
            "CIRCLE_WORKFLOW_JOB_ID": "wj-1"}
GITLAB = {"CI": "true", "GITLAB_CI": "true", "CI_SERVER_HOST": "git.example",
          "CI_PIPELINE_ID": "500", "CI_NODE_TOTAL": "1"}
BUILDKITE = {"CI": "true", "BUILDKITE": "true", "BUILDKITE_BUILD_ID": "b-1",
             "BUILDKITE_STEP_ID": "s-1", "BUILDKITE_RETRY_COUNT": "0",
             "BUILDKITE_JOB_ID": "j-1", "BUILDKITE_REBUILT_FROM_BUILD_ID": ""}
WOODPECKER = {"CI": "woodpecker", "CI_REPO": "me/it", "CI_PIPELINE_NUMBER": "8",
              "CI_WORKFLOW_NAME": "main", "CI_WORKFLOW_NUMBER": "1", "CI_STEP_NAME": "all",
              "CI_PIPELINE_PARENT": "0"}
JENKINS = {"JENKINS_URL": "https://ci/", "BUILD_TAG": "jenkins-it-1", "NODE_NAME": "n1",
           "EXECUTOR_NUMBER": "0", "WORKSPACE": "/ws/it",
           "JENKINS_NODE_COOKIE": "8a1c35f0-27d2-4c1b-9f5e-0123456789ab"}
AZURE = {"TF_BUILD": "True", "SYSTEM_COLLECTIONID": "c", "BUILD_BUILDID": "7",
         "SYSTEM_STAGENAME": "__default", "SYSTEM_JOBNAME": "__default",
         "SYSTEM_JOBATTEMPT": "1", "SYSTEM_JOBID": "11-1"}
DRONE = {"CI": "true", "DRONE": "true", "DRONE_REPO": "me/it", "DRONE_BUILD_NUMBER": "5",
         "DRONE_STAGE_NUMBER": "1", "DRONE_STEP_NAME": "all"}
SEMAPHORE = {"CI": "true", "SEMAPHORE": "true", "SEMAPHORE_WORKFLOW_ID": "w-1",
             "SEMAPHORE_PIPELINE_ID": "p-1", "SEMAPHORE_PIPELINE_NAME": "first",
             "SEMAPHORE_PIPELINE_PROMOTION": "false", "SEMAPHORE_JOB_ID": "j-1"}
TRAVIS = {"CI": "true", "TRAVIS": "true", "TRAVIS_REPO_SLUG": "me/it", "TRAVIS_BUILD_ID": "6",
          "TRAVIS_JOB_ID": "61", "TRAVIS_TMPDIR": "/tmp/tmp.a"}
BITBUCKET = {"CI": "true", "BITBUCKET_BUILD_NUMBER": "3", "BITBUCKET_PIPELINE_UUID": "{p}",
             "BITBUCKET_STEP_UUID": "{s-1}", "BITBUCKET_STEP_RUN_NUMBER": "1"}

# Two jobs of one pipeline in each system: the one that persists, the one that attaches.
PAIRS = {
    "CircleCI": ({**CIRCLECI, "CIRCLE_JOB": "build"}, {**CIRCLECI, "CIRCLE_JOB": "test"}),
    "GitHub Actions": ({**GITHUB, "GITHUB_JOB": "build"}, {**GITHUB, "GITHUB_JOB": "test"}),
    "GitLab": ({**GITLAB, "CI_JOB_NAME": "build", "CI_JOB_GROUP_NAME": "build", "CI_JOB_ID": "1"},
               {**GITLAB, "CI_JOB_NAME": "test", "CI_JOB_GROUP_NAME": "test", "CI_JOB_ID": "2"}),
    "Buildkite": ({**BUILDKITE, "BUILDKITE_STEP_KEY": "build", "BUILDKITE_JOB_ID": "j-1"},
                  {**BUILDKITE, "BUILDKITE_STEP_KEY": "test", "BUILDKITE_JOB_ID": "j-2"}),
    "Jenkins": tuple({**JENKINS, "STAGE_NAME": name} for name in ("build", "test")),
    "Azure Pipelines": tuple({**AZURE, "SYSTEM_PHASENAME": name} for name in ("build", "test")),
    "Woodpecker": tuple({**WOODPECKER, "CI_WORKFLOW_NAME": name} for name in ("build", "test")),
    "Drone": tuple({**DRONE, "DRONE_STAGE_NAME": name, "DRONE_STAGE_DEPENDS_ON": needs}
                   for name, needs in (("build", ""), ("test", "build"))),
    "Semaphore": tuple({**SEMAPHORE, "SEMAPHORE_JOB_NAME": name} for name in ("build", "test")),
    "Travis": tuple({**TRAVIS, "TRAVIS_JOB_NAME": name} for name in ("build", "test")),
    "Bitbucket": tuple({**BITBUCKET, "BATON_JOB": name} for name in ("build", "test")),
}

# In which variables a second job differs that runs beside the first one's `build` under the
# same name. GitLab has none: in a pipeline each job has a name of its own.
BESIDE = {
    "CircleCI": ("two jobs of one name", {"CIRCLE_WORKFLOW_JOB_ID": "wj-2"}),
    "GitHub Actions": ("legs of a matrix", {"BATON_EXECUTION": "f"}),
    "Buildkite": ("jobs of a matrix", {"BUILDKITE_JOB_ID": "j-2"}),
    "Jenkins": ("cells of a matrix", {
        "NODE_NAME": "n2", "JENKINS_NODE_COOKIE": "9b1c35f0-27d2-4c1b-9f5e-0123456789ab"}),
    "Azure Pipelines": ("jobs of a strategy", {"SYSTEM_JOBID": "22-2"}),
    "Woodpecker": ("axes of a matrix", {"CI_WORKFLOW_NUMBER": "2"}),
    "Drone": ("pipelines of one name", {"DRONE_STAGE_NUMBER": "2"}),
    "Semaphore": ("jobs of two blocks", {"SEMAPHORE_JOB_ID": "j-2"}),
    "Travis": ("jobs of one name", {"TRAVIS_JOB_ID": "62"}),
    "Bitbucket": ("steps that are given one name", {"BITBUCKET_STEP_UUID": "{s-2}"}),
}

# What a system changes where it runs a job again in the same workflow. Jenkins, Drone and
# Woodpecker's parent make a new one.
AGAIN = {
    "CircleCI": {"CIRCLE_WORKFLOW_ID": "wf-2", "CIRCLE_WORKFLOW_JOB_ID": "wj-9"},
    "GitHub Actions": {"GITHUB_RUN_ATTEMPT": "2", "BATON_EXECUTION": "f"},
    "GitLab": {"CI_JOB_ID": "9"},
    "Buildkite": {"BUILDKITE_RETRY_COUNT": "1", "BUILDKITE_JOB_ID": "j-9"},
    "Azure Pipelines": {"SYSTEM_JOBATTEMPT": "2", "SYSTEM_JOBID": "11-2"},
    "Woodpecker": {"CI_PIPELINE_RERUNS": "1"},
    "Semaphore": {"SEMAPHORE_PIPELINE_ID": "p-2", "SEMAPHORE_JOB_ID": "j-9"},
    "Travis": {"TRAVIS_JOB_RESTARTED": "true", "TRAVIS_TMPDIR": "/tmp/tmp.b"},
    "Bitbucket": {"BITBUCKET_STEP_RUN_NUMBER": "2", "BITBUCKET_STEP_UUID": "{s-9}"},
}
