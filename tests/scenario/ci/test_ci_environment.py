"""The client in the environments of CI systems: who it says it is, what it persists and
attaches as, what a half-set environment gets. The variables are those of the systems'
documentation; the processes are real."""

import hashlib
import json
import os
import subprocess

from ci_environments import AGAIN, AZURE, BESIDE, CIRCLECI, DRONE, GITHUB, GITLAB, JENKINS, PAIRS
from ci_environments import SEMAPHORE
from harness import Scenario, clean_environment, contents


class InCI(Scenario):
    def whereami(self, variables):
        return self.baton("whereami", "--json", workflow=None, variables=variables).json

    def persist_as(self, variables, files, *flags, **options):
        return self.persist(None, files, *flags, workflow=None, variables=variables, **options)

    def attach_as(self, variables, *flags, **options):
        got, out = self.attach(None, *flags, workflow=None, variables=variables, **options)
        return got, contents(out)


class EachSystem(InCI):
    def test_one_job_persists_and_the_next_attaches_without_an_option(self):
        for name, (build, test) in PAIRS.items():
            with self.subTest(ci=name):
                seen = self.whereami(build)
                self.assertEqual(seen["ci"]["value"], name)
                self.assertEqual(seen["notes"], [])
                made = self.persist_as(build, {"out/app": name})
                self.assertEqual((made["job"], made["workflow"]),
                                 ("build", seen["workflow"]["value"]))
                got, files = self.attach_as(test)
                self.assertEqual(files, {"out/app": name})
                self.assertEqual([layer["job"] for layer in got["layers"]], ["build"])

    def test_a_circleci_rerun_replaces_what_its_jobs_make_again(self):
        build, test = PAIRS["CircleCI"]
        self.persist_as(build, {"app": "1"})
        self.persist_as(test, {"result": "failed"})
        again = {"CIRCLE_WORKFLOW_ID": "wf-2"}
        self.persist_as({**test, **again}, {"result": "passed"})
        _, files = self.attach_as({**CIRCLECI, **again, "CIRCLE_JOB": "deploy"})
        self.assertEqual(files, {"app": "1", "result": "passed"})

    def test_a_gitlab_retry_is_a_later_attempt(self):
        build, test = PAIRS["GitLab"]
        self.persist_as(build, {"app": "1", "gone": ""})
        self.persist_as({**build, "CI_JOB_ID": "10"}, {"app": "2"})
        self.assertEqual(self.attach_as({**test, "CI_JOB_ID": "11"})[1], {"app": "2"})

    def test_a_woodpecker_restart_comes_after_the_first_run(self):
        build, test = PAIRS["Woodpecker"]
        self.assertEqual(self.persist_as(build, {"app": "1", "gone": ""})["run"], "0")
        again = {"CI_PIPELINE_RERUNS": "1"}
        self.persist_as({**build, **again}, {"app": "2"})
        self.assertEqual(self.attach_as({**test, **again})[1], {"app": "2"})

    def test_failed_jobs_that_semaphore_runs_again_replace_what_they_made(self):
        build, test = PAIRS["Semaphore"]
        self.persist_as(build, {"app": "1"})
        self.persist_as(test, {"result": "failed"})
        for pipeline in ("p-2", "p-3"):
            again = {"SEMAPHORE_PIPELINE_ID": pipeline, "SEMAPHORE_JOB_RERUN": "true",
                     "SEMAPHORE_JOB_ID": f"j-{pipeline}"}
            self.persist_as({**test, **again}, {"result": pipeline})
        deploy = {**test, **again, "SEMAPHORE_JOB_NAME": "deploy", "SEMAPHORE_JOB_ID": "j"}
        self.assertEqual(self.attach_as(deploy)[1], {"app": "1", "result": "p-3"})

    def test_a_bitbucket_step_that_runs_again_is_a_later_attempt(self):
        build, test = PAIRS["Bitbucket"]
        self.persist_as({**build, "BITBUCKET_STEP_RUN_NUMBER": "1"}, {"app": "1", "gone": ""})
        self.persist_as({**build, "BITBUCKET_STEP_RUN_NUMBER": "2"}, {"app": "2"})
        self.assertEqual(self.attach_as(test)[1], {"app": "2"})

    def test_gitlab_slices_are_shards_of_one_job(self):
        for index in ("1", "2"):
            made = self.persist_as(
                {**GITLAB, "CI_JOB_NAME": f"test {index}/2", "CI_JOB_GROUP_NAME": "test",
                 "CI_NODE_INDEX": index, "CI_NODE_TOTAL": "2", "CI_JOB_ID": index}, {index: ""})
            self.assertEqual((made["job"], made["shard"]), ("test", f"{index}/2"))
        made = self.persist_as({**GITLAB, "CI_JOB_NAME": "pack: [deb, x86]", "CI_JOB_ID": "3",
                                "CI_JOB_GROUP_NAME": "pack", "CI_NODE_INDEX": "1",
                                "CI_NODE_TOTAL": "1"}, {"3": ""})
        self.assertEqual((made["job"], made["shard"]), ("pack", "[deb, x86]"))
        deploy = {**GITLAB, "CI_JOB_NAME": "deploy", "CI_JOB_GROUP_NAME": "deploy",
                  "CI_JOB_ID": "4"}
        self.assertEqual(set(self.attach_as(deploy, "--from", "test")[1]), {"1", "2"})

    def test_drone_needs_are_its_graph(self):
        build, test = PAIRS["Drone"]
        self.persist_as(build, {"a": ""})
        self.persist_as({**build, "DRONE_STAGE_NAME": "other"}, {"b": ""})
        self.assertEqual(set(self.attach_as(test)[1]), {"a"})

    def test_options_and_variables_of_baton_win(self):
        build, _ = PAIRS["CircleCI"]
        made = self.persist("mine", {"a": ""}, "--shard", "s",
                            variables={**build, "BATON_RUN": "9"})
        self.assertEqual((made["workflow"], made["job"], made["shard"], made["run"]),
                         ("w", "mine", "s", "9"))


class SideBySide(InCI):
    """H2: what runs side by side under one name is never taken for one job in silence."""

    def refuse_persist(self, variables, says):
        root = self.tree({"a": "other"})
        self.refused("persist", "--root", root, ".", workflow=None, status=2, says=says,
                     variables=variables)

    def test_a_second_job_of_the_same_name_is_refused_unless_it_has_a_shard(self):
        for ci, (what, differs) in BESIDE.items():
            with self.subTest(ci=ci, what=what):
                build, test = PAIRS[ci]
                self.persist_as(build, {"a": "one"})
                self.refuse_persist({**build, **differs}, ("`build", "--shard"))
                self.persist_as({**build, **differs, "BATON_SHARD": "b"}, {"b": "two"})
                self.assertEqual(self.attach_as(test)[1], {"a": "one", "b": "two"})

    def test_a_job_that_persists_twice_is_one_execution(self):
        for ci, (build, test) in PAIRS.items():
            with self.subTest(ci=ci):
                self.persist_as(build, {"a": "1", "b": ""})
                self.persist_as(build, {"a": "2"})
                self.assertEqual(self.attach_as(test)[1], {"a": "2", "b": ""})

    def test_a_retry_under_the_same_name_replaces(self):
        for ci, differs in AGAIN.items():
            with self.subTest(ci=ci):
                build, test = PAIRS[ci]
                self.persist_as(build, {"a": "1", "gone": ""})
                self.persist_as({**build, **differs}, {"a": "2"})
                after = {name: value for name, value in differs.items() if name in (
                    "CIRCLE_WORKFLOW_ID", "GITHUB_RUN_ATTEMPT", "CI_PIPELINE_RERUNS",
                    "SEMAPHORE_PIPELINE_ID")}
                self.assertEqual(self.attach_as({**test, **after})[1], {"a": "2"})

    def test_where_nothing_tells_them_apart_a_persist_says_what_is_missing(self):
        for ci, name in (("CircleCI", "CIRCLE_WORKFLOW_JOB_ID"), ("GitHub Actions", "RUNNER_TEMP"),
                         ("Buildkite", "BUILDKITE_JOB_ID"), ("Azure Pipelines", "SYSTEM_JOBID"),
                         ("Woodpecker", "CI_WORKFLOW_NUMBER"), ("Drone", "DRONE_STAGE_NUMBER"),
                         ("Semaphore", "SEMAPHORE_JOB_ID"), ("Travis", "TRAVIS_JOB_ID"),
                         ("Bitbucket", "BITBUCKET_STEP_UUID"),
                         ("Jenkins", "NODE_NAME and EXECUTOR_NUMBER and WORKSPACE")):
            with self.subTest(ci=ci):
                build, _ = PAIRS[ci]
                unset = {*name.split(" and "), "BATON_EXECUTION", "JENKINS_NODE_COOKIE"}
                bare = {key: value for key, value in build.items() if key not in unset}
                self.refuse_persist(bare, (name, "BATON_EXECUTION", "--shard"))
                self.attach_as(bare, "--if-empty", "ok")  # which teaches nothing wrong
                self.persist_as({**bare, "BATON_SHARD": "b"}, {"a": ""})

    def test_who_names_workflow_and_job_has_told_them_apart(self):
        named = {"JENKINS_URL": "https://inherited/", "BATON_WORKFLOW": "w", "BATON_JOB": "j"}
        self.persist_as(named, {"a": ""})
        self.refuse_persist({**named, "BATON_WORKFLOW": "", "BUILD_TAG": "t"}, "NODE_NAME")

    def test_jenkins_without_its_cookie_goes_by_node_executor_and_workspace(self):
        for cookie in ("", "dontKillMe"):  # as people set it to keep a process alive
            with self.subTest(cookie=cookie):
                cell = {**JENKINS, "STAGE_NAME": "build", "JENKINS_NODE_COOKIE": cookie,
                        "BUILD_TAG": "cookie " + cookie}
                self.persist_as(cell, {"a": "one"})
                for name, value in (("NODE_NAME", "n2"), ("EXECUTOR_NUMBER", "1"),
                                    ("WORKSPACE", "/ws/it@2")):
                    self.refuse_persist({**cell, name: value}, ("`build`", "--shard"))

    def test_jenkins_cells_one_after_the_other_on_one_executor_are_two(self):
        cell = {**JENKINS, "STAGE_NAME": "build"}
        self.persist_as(cell, {"a": "one"})
        self.refuse_persist({**cell, "JENKINS_NODE_COOKIE": "0" * 8 + "-27d2-4c1b-9f5e-" + "0" * 12},
                            ("`build`", "--shard"))

    def test_azure_jobs_of_one_name_in_two_stages_are_two(self):
        for number, stage in enumerate(("dev", "prod")):
            made = self.persist_as(
                {**AZURE, "SYSTEM_STAGENAME": stage, "SYSTEM_PHASENAME": "Deploy",
                 "SYSTEM_JOBID": str(number)}, {stage: ""})
            self.assertEqual(made["job"], stage + ".Deploy")
        check = {**AZURE, "SYSTEM_STAGENAME": "verify", "SYSTEM_PHASENAME": "Check"}
        self.assertEqual(self.attach_as(check, "--needs", "dev.Deploy")[1], {"dev": ""})

    def test_drone_steps_side_by_side_are_shards(self):
        build, test = PAIRS["Drone"]
        self.persist_as({**build, "DRONE_STEP_NAME": "x"}, {"a": "1"})
        self.persist_as({**build, "DRONE_STEP_NAME": "y"}, {"a": "2"})
        self.refused("attach", self.missing(), workflow=None, variables=test, status=4,
                     says=("build x", "build y"))

    def test_steps_that_share_a_shard_are_one_execution(self):
        for ci, name in (("Woodpecker", "CI_STEP_NAME"), ("Drone", "DRONE_STEP_NAME")):
            with self.subTest(ci=ci):
                build, test = PAIRS[ci]
                for step in ("compile", "sign"):
                    self.persist_as({**build, name: step, "BATON_SHARD": "1.25"}, {"a": step})
                self.assertEqual(self.attach_as(test)[1], {"a": "sign"})

    def test_semaphore_promotions_side_by_side_are_two(self):
        for number, name in enumerate(("staging", "production")):
            self.persist_as(
                {**SEMAPHORE, "SEMAPHORE_PIPELINE_PROMOTION": "true",
                 "SEMAPHORE_PIPELINE_NAME": name, "SEMAPHORE_PIPELINE_ID": f"p-{number + 2}",
                 "SEMAPHORE_JOB_NAME": "deploy", "SEMAPHORE_JOB_ID": name}, {name: ""})
        last = {**SEMAPHORE, "SEMAPHORE_PIPELINE_ID": "p-9", "SEMAPHORE_JOB_NAME": "check"}
        self.assertEqual(set(self.attach_as(last)[1]), {"staging", "production"})


class LocalRunners(InCI):
    """M8: a runner on one's own machine that gives every run one id has to be told another."""

    ACT = {**GITHUB, "ACT": "true", "GITHUB_RUN_ID": "1", "GITHUB_JOB": "build"}

    def refuse_both(self, variables, says):
        root = self.tree({"a": ""})
        says = (*says, "--workflow", "BATON_WORKFLOW")
        self.refused("persist", "--root", root, ".", workflow=None, status=2, says=says,
                     variables=variables)
        self.refused("attach", self.missing(), workflow=None, status=2, says=says,
                     variables=variables)

    def test_a_run_id_that_is_always_the_same_is_no_workflow(self):
        for variables, says in (
                (self.ACT, ("GITHUB_RUN_ID is 1", "act")),
                ({**PAIRS["Woodpecker"][0], "CI_PIPELINE_NUMBER": "0"}, ("woodpecker-cli exec",)),
                ({**DRONE, "DRONE_STAGE_NAME": "a", "DRONE_BUILD_NUMBER": "0"},
                 ("DRONE_BUILD_NUMBER is 0",)),
                ({**DRONE, "DRONE_STAGE_NAME": "a", "DRONE_BUILD_NUMBER": ""},
                 ("DRONE_BUILD_NUMBER is not set",)),
                ({"CIRCLECI": "true", "CIRCLE_JOB": "a", "CIRCLE_BUILD_NUM": "",
                  "CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "1"},
                 ("CIRCLE_WORKFLOW_WORKSPACE_ID is not set",))):
            with self.subTest(says=says):
                self.refuse_both(variables, says)

    def test_a_workflow_that_is_given_is_taken(self):
        self.persist_as({**self.ACT, "BATON_WORKFLOW": "1764455000"}, {"a": ""})
        self.persist_as({**self.ACT, "GITHUB_RUN_ID": "17"}, {"a": ""})

    def test_runners_that_are_made_of_act_but_count_their_runs_are_no_act(self):
        for name in ("GITEA_ACTIONS", "FORGEJO_ACTIONS"):
            self.assertEqual(self.whereami({**self.ACT, name: "true"})["workflow"]["value"],
                             "me/it/1")

    def test_two_projects_in_gitlab_ci_local_are_two_workflows(self):
        local = {**GITLAB, "GITLAB_CI": "false", "CI_JOB_NAME": "build", "CI_JOB_ID": "7"}
        found = {self.whereami({**local, "CI_PROJECT_PATH": path})["workflow"]["value"]
                 for path in ("me/it", "me/that")}
        self.assertEqual(found, {"git.example/me/it/500", "git.example/me/that/500"})


def shortened(name):
    """As the manual says it; for names of which each character is a byte."""
    return f"{name[:222]}~{hashlib.sha256(name.encode()).hexdigest()[:32]}"


class LongNames(InCI):
    """M7: names that the product makes are shortened, those that are given are refused."""

    def test_what_a_system_sets_may_have_any_length(self):
        long, build = "x" * 300, PAIRS["Woodpecker"][0]
        for value, variables, whole in (
                ("workflow", {"CI_REPO": long}, long + "/8"),
                ("run", {"CI_PIPELINE_RERUNS": long}, long),
                ("job", {"CI_WORKFLOW_NAME": long}, long),
                ("shard", {"CI_STEP_NAME": long}, long),
                ("execution", {"CI_WORKFLOW_NUMBER": long}, long),
                ("parent", {"CI_REPO": long, "CI_PIPELINE_PARENT": "7"}, long + "/7")):
            with self.subTest(value=value):
                found = self.whereami({**build, **variables})[value]
                self.assertEqual(found["value"], shortened(whole))
                self.assertTrue(found["origin"].endswith(", shortened"), found)
                self.persist_as({**build, **variables}, {"a": ""})

    def test_255_bytes_are_not_shortened_and_256_are(self):
        build = PAIRS["GitLab"][0]
        for length in (255, 256):
            name = "é" * 127 + "x" * (length - 254)
            job = self.whereami({**build, "CI_JOB_GROUP_NAME": name, "CI_JOB_NAME": name})["job"]
            self.assertEqual(job["value"] == name, length == 255)
            self.assertLessEqual(len(job["value"].encode()), 255)

    def test_jobs_whose_long_names_differ_at_the_end_are_two_and_are_needed_by_name(self):
        names = ["x" * 300 + end for end in "ab"]
        for name in names:
            self.persist_as({**DRONE, "DRONE_STAGE_NAME": name}, {name[-1]: ""})
        test = {**PAIRS["Drone"][1], "DRONE_STAGE_DEPENDS_ON": names[1]}
        self.assertEqual(self.whereami(test)["needs"]["value"], [shortened(names[1])])
        self.assertEqual(self.attach_as(test)[1], {"b": ""})

    def test_a_retry_finds_the_parent_whose_long_name_was_shortened(self):
        repo = {"CI_REPO": "me/" + "x" * 300}
        build, test = PAIRS["Woodpecker"]
        self.persist_as({**build, **repo}, {"app": "1"})
        child = {**test, **repo, "CI_PIPELINE_NUMBER": "9", "CI_PIPELINE_PARENT": "8"}
        self.assertEqual(self.attach_as(child)[1], {"app": "1"})

    def test_a_matrix_is_handed_on_whole(self):
        leg = {**GITHUB, "GITHUB_JOB": "build"}
        for matrix, shard in (('{\n  "os": "debian"\n}', '{ "os": "debian" }'),
                              (" null\n", None), ("", None),
                              ('{"a": "%s"}' % ("x" * 300), shortened('{"a": "%s"}' % ("x" * 300)))):
            with self.subTest(matrix=matrix):
                found = self.whereami({**leg, "BATON_MATRIX": matrix})["shard"]
                self.assertEqual(found["value"], shard)
        given = {**leg, "BATON_MATRIX": '{"os": "debian"}', "BATON_SHARD": "mine"}
        self.assertEqual(self.whereami(given)["shard"]["value"], "mine")

    def test_a_shard_in_a_prefix_is_one_folder_of_any_length(self):
        long = "a/" * 120
        leg = {**GITHUB, "GITHUB_JOB": "build", "BATON_MATRIX": long}
        self.persist_as(leg, {"x": ""}, "--prefix", "{job}/{shard}")
        folder = shortened(long.replace("/", "%2F"))
        self.assertEqual(self.attach_as({**GITHUB, "GITHUB_JOB": "test"})[1],
                         {f"build/{folder}/x": ""})

    def test_a_name_that_is_given_has_at_most_255_bytes(self):
        root = self.tree({"a": ""})
        for name in ("WORKFLOW", "RUN", "JOB", "SHARD", "ATTEMPT", "EXECUTION"):
            job = {"BATON_JOB": "j", "BATON_WORKFLOW": "w", "BATON_" + name: "x" * 255}
            self.persist_as(job, {"a": ""})
            self.refused("persist", "--root", root, ".", workflow=None, status=2,
                         says=("BATON_" + name, "256 bytes"),
                         variables={**job, "BATON_" + name: "x" * 256})


class GitHubExecution(InCI):
    def job(self, name, temp):
        folder = self.folder / temp
        folder.mkdir(exist_ok=True)
        return {**GITHUB, "GITHUB_JOB": name, "RUNNER_TEMP": str(folder), "BATON_EXECUTION": ""}

    def test_the_steps_of_a_job_share_one_that_their_users_may_read(self):
        job = self.job("build", "temp-1")
        first = self.whereami(job)["execution"]
        self.assertIn("RUNNER_TEMP", first["origin"])
        self.assertEqual(self.whereami(job)["execution"], first)
        kept = self.folder / "temp-1" / "baton-execution"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o644)
        self.assertEqual(kept.read_text(), first["value"])
        self.assertEqual(os.listdir(kept.parent), [kept.name])

    def test_steps_at_the_same_time_agree(self):
        job = self.job("build", "temp-1")
        environment = dict(clean_environment(), **job)
        steps = [subprocess.Popen(self.command("whereami", "--json"), env=environment,
                                  stdout=subprocess.PIPE) for _ in range(8)]
        outs = {step.communicate()[0] for step in steps}
        self.assertEqual(len(outs), 1)
        self.assertIn(b"RUNNER_TEMP", outs.pop())

    def test_two_legs_of_a_matrix_with_one_name_are_refused(self):
        self.persist_as(self.job("build", "temp-1"), {"a": ""})
        leg = self.job("build", "temp-2")
        root = self.tree({"a": ""})
        self.refused("persist", "--root", root, ".", workflow=None, variables=leg, status=2,
                     says=("`build`", "--shard"))
        self.persist_as({**leg, "BATON_SHARD": '{"os": "b"}'}, {"b": ""})

    def test_a_folder_that_cannot_be_written_stops_a_persist(self):
        job = {**GITHUB, "GITHUB_JOB": "build", "RUNNER_TEMP": "/nowhere/at/all",
               "BATON_EXECUTION": ""}
        root = self.tree({"a": ""})
        self.refused("persist", "--root", root, ".", workflow=None, variables=job, status=2,
                     says=("/nowhere/at/all", "BATON_EXECUTION"))
        self.assertIn("/nowhere/at/all", self.whereami(job)["execution"]["advice"])


class Parents(InCI):
    def test_r1_a_rebuild_finds_what_the_first_build_made(self):
        build, test = PAIRS["Buildkite"]
        self.persist_as(build, {"app": "1"})
        rebuild = {"BUILDKITE_BUILD_ID": "b-2", "BUILDKITE_REBUILT_FROM_BUILD_ID": "b-1",
                   "BUILDKITE_JOB_ID": "j-3"}
        self.assertEqual(self.whereami({**test, **rebuild})["parent"],
                         {"value": "b-1", "origin": "BUILDKITE_REBUILT_FROM_BUILD_ID"})
        self.assertEqual(self.attach_as({**test, **rebuild})[1], {"app": "1"})

    def test_r1_a_woodpecker_pipeline_inherits_from_its_parent(self):
        build, test = PAIRS["Woodpecker"]
        self.persist_as(build, {"app": "1"})
        child = {**test, "CI_PIPELINE_NUMBER": "9", "CI_PIPELINE_PARENT": "8"}
        self.assertEqual(self.attach_as(child)[1], {"app": "1"})

    def test_r3_a_detected_parent_that_is_unknown_is_a_note_and_a_fresh_start(self):
        build, test = PAIRS["Buildkite"]
        rebuild = {"BUILDKITE_REBUILT_FROM_BUILD_ID": "ghost"}
        made = self.persist_as({**build, **rebuild}, {"app": "1"})
        self.assertIn("`ghost`", " ".join(made["warnings"]))
        self.assertEqual(self.attach_as({**test, **rebuild})[1], {"app": "1"})
        root = self.tree({"a": ""})
        self.refused("persist", "--root", root, ".", workflow="other", status=3, says="`ghost`",
                     variables={**build, "BATON_RETRY_OF": "ghost"})


class BadEnvironments(InCI):
    def test_what_a_half_set_environment_lacks_is_named(self):
        for variables, says in (
                ({"GITHUB_ACTIONS": "true", "GITHUB_JOB": "build"},
                 ("GITHUB_RUN_ID", "--workflow", "BATON_WORKFLOW")),
                ({**CIRCLECI, "CIRCLE_JOB": "a", "CIRCLE_WORKFLOW_ID": ""},
                 ("CIRCLE_WORKFLOW_ID", "--run")),
                ({**CIRCLECI, "CIRCLE_JOB": "a", "CIRCLE_NODE_TOTAL": "", "CIRCLE_NODE_INDEX": "1"},
                 ("CIRCLE_NODE_TOTAL", "--shard")),
                ({**CIRCLECI, "CIRCLE_JOB": "a", "CIRCLE_NODE_INDEX": "one",
                  "CIRCLE_NODE_TOTAL": "2"}, ("CIRCLE_NODE_INDEX=one", "not a number"))):
            with self.subTest(says=says):
                root = self.tree({"a": ""})
                self.refused("persist", "--root", root, ".", workflow=None, variables=variables,
                             status=2, says=says)
                self.refused("attach", self.missing(), workflow=None, variables=variables,
                             status=2, says=says)
                self.assertIn(says[0], str(self.whereami(variables)))

    def test_a_value_that_is_no_name_is_refused_with_its_variable(self):
        root = self.tree({"a": ""})
        self.refused("persist", "--root", root, ".", workflow=None, status=2, says="CIRCLE_JOB",
                     variables={**CIRCLECI, "CIRCLE_JOB": "a\nb"})

    def test_of_two_systems_the_innermost_is_used(self):
        """A job of the outer system starts a shell; in it the inner one's runner starts the
        step. The processes say which came last, whatever the order of any table."""
        for outer, inner in (("GitLab", "GitHub Actions"), ("GitHub Actions", "GitLab"),
                             ("CircleCI", "Jenkins"), ("Jenkins", "CircleCI")):
            with self.subTest(outer=outer, inner=inner):
                words = [f"{name}={value}" for name, value in PAIRS[inner][0].items()]
                done = subprocess.run(
                    ["sh", "-c", 'env "$@"; true', "sh", *words,
                     *self.command("whereami", "--json")],
                    env={**clean_environment(), **PAIRS[outer][1]}, stdout=subprocess.PIPE,
                    check=True)
                seen = json.loads(done.stdout)
                self.assertEqual(seen["ci"]["value"], inner)
                self.assertEqual(seen["job"]["value"], "build")
                self.assertEqual(len(seen["notes"]), 1)
                for name in (outer, inner, "innermost"):
                    self.assertIn(name, seen["notes"][0])

    def test_where_nothing_tells_which_is_inside_whereami_says_so(self):
        seen = self.whereami({**PAIRS["GitHub Actions"][0], **PAIRS["CircleCI"][0]})
        self.assertEqual(seen["ci"]["value"], "GitHub Actions")
        self.assertIn("nothing proves", seen["notes"][0])

    def test_ci_woodpecker_is_tried_before_what_shares_its_variables(self):
        seen = self.whereami({**PAIRS["GitLab"][0], **PAIRS["Woodpecker"][0]})
        self.assertEqual(seen["ci"]["value"], "Woodpecker")

    def test_an_unknown_system_is_said(self):
        seen = self.whereami({"CI": "true"})
        self.assertIsNone(seen["ci"]["value"])
        self.assertIn("CI is set", seen["notes"][0])
        self.assertEqual(self.whereami({})["notes"], [])

    def test_people_see_the_same(self):
        text = self.baton("whereami", workflow=None, variables={
            **PAIRS["CircleCI"][0], "CIRCLE_BRANCH": "main", "CIRCLE_SHA1": "abc"}).out.decode()
        for line in (r"ci +CircleCI +from CIRCLECI", r"branch +main +from CIRCLE_BRANCH",
                     r"commit +abc +from CIRCLE_SHA1", r"run +wf-1 +from CIRCLE_WORKFLOW_ID"):
            self.assertRegex(text, line)
