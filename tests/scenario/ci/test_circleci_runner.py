"""examples/circleci/run: existing CircleCI configurations, unchanged, with Baton as their
workspace. The runner, its jobs, the client and the daemon are real."""

import os
import re
import subprocess

from harness import BATON, BATOND, TOP, Scenario, clean_environment, contents, make_tree

RUNNER = TOP / "examples/circleci/run"

DIAMOND = """\
version: 2.1
executors:
  small:
    docker:
      - image: cimg/base:2026.11
    environment: {GREETING: hello}
commands:
  announce:
    parameters:
      what: {type: string}
      mark: {type: string, default: "!"}
    steps:
      - run: echo "<< parameters.what >><< parameters.mark >>" > said
jobs:
  build:
    executor: small
    steps:
      - checkout
      - run: mkdir -p out/empty && echo "$GREETING from $(cat src/name)" > out/app
      - persist_to_workspace: {root: ., paths: [out]}
  left:
    executor: small
    steps:
      - attach_workspace: {at: ws}
      - announce: {what: left}
      - run: mkdir -p done && cat ws/out/app said > done/left
      - persist_to_workspace: {root: ., paths: [done/*]}
  right:
    executor: {name: small}
    working_directory: ~/elsewhere
    steps:
      - attach_workspace: {at: ~/ws}
      - announce: {what: right, mark: "?"}
      - run: mkdir -p ~/done && cat ~/ws/out/app said > ~/done/right
      - persist_to_workspace: {root: "~", paths: [~/done]}
  join:
    executor: small
    steps:
      - attach_workspace: {at: RESULT}
workflows:
  version: 2
  all:
    jobs:
      - build
      - left: {requires: [build]}
      - right: {requires: [build]}
      - join: {requires: [left, right]}
"""


class Runner(Scenario):
    def setUp(self):
        super().setUp()
        self.project = self.folder / "project"
        self.result = self.folder / "result"
        make_tree(self.project, {"src/name": "project\n"})
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words):
        return subprocess.run(
            ["git", "-c", "user.name=T", "-c", "user.email=t@example", *words], cwd=self.project,
            env=clean_environment() | {"GIT_CONFIG_GLOBAL": "/dev/null"}, check=True,
            stdout=subprocess.PIPE).stdout.decode().strip()

    def configure(self, text):
        """RESULT in a configuration is a folder that outlives the jobs."""
        text = text.replace("RESULT", str(self.result))
        make_tree(self.project, {".circleci/config.yml": text})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "x")

    def run_it(self, *words, status=0, variables=None):
        programs = f"{BATON.resolve().parent}:{BATOND.resolve().parent}"
        environment = {**self.environment(), **(variables or {}),
                       "XDG_STATE_HOME": str(self.folder / "state"),
                       "PATH": f"{programs}:{os.environ['PATH']}"}
        environment = {name: value for name, value in environment.items() if value is not None}
        done = subprocess.run([RUNNER, *words], cwd=self.project, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def refuse(self, text, line, *says):
        """The configuration is refused with this line, and nothing is run."""
        self.configure(text)
        out = self.run_it(status=2)
        self.assertIn(f".circleci/config.yml:{line}: ", out)
        for word in says:
            self.assertIn(word, out)
        self.assertNotIn("$ ", out)
        self.assertNotIn("Traceback", out)

    def lines_of(self, out, job):
        return [line[len(job) + 3:] for line in out.splitlines() if line.startswith(f"[{job}] ")]


def one_job(steps, more="", flow="[a]"):
    """A configuration of one job `a`; its steps begin on line 4."""
    body = "".join(f"      - {step}\n" for step in steps)
    return f"jobs:\n  a:\n    steps:\n{body}{more}workflows: {{w: {{jobs: {flow}}}}}\n"


class Workflows(Runner):
    def test_a_diamond(self):
        self.configure(DIAMOND)
        out = self.run_it()
        self.assertEqual(contents(self.result), {
            "out/app": "hello from project\n", "done/left": "hello from project\nleft!\n",
            "done/right": "hello from project\nright?\n"})
        self.assertTrue((self.result / "out" / "empty").is_dir())
        self.assertIn("config.yml:4: note: `docker` is ignored", out)

    def test_independent_jobs_run_side_by_side(self):
        """Each of two jobs waits for the other; one after the other would never end."""
        here, there = self.folder / "here", self.folder / "there"
        os.mkfifo(here)
        os.mkfifo(there)
        self.configure(f"""\
jobs:
  a: {{steps: [run: "echo x > {here}; cat {there}"]}}
  b: {{steps: [run: "cat {here}; echo y > {there}"]}}
workflows: {{w: {{jobs: [a, b]}}}}
""")
        out = self.run_it()
        self.assertIn("[a] y", out)
        self.assertIn("[b] x", out)

    def test_a_rerun_from_failed_keeps_what_passed(self):
        ready = self.folder / "ready"
        self.configure(f"""\
version: 2.1
jobs:
  build:
    steps:
      - run: 'echo "$CIRCLE_WORKFLOW_ID" > app'
      - persist_to_workspace: {{root: ., paths: [app]}}
  test:
    steps:
      - attach_workspace: {{at: ws}}
      - run: 'mkdir reports; echo "$CIRCLE_WORKFLOW_ID" > reports/test; test -e {ready}'
      - run: {{command: echo sorry, when: on_fail}}
      - persist_to_workspace: {{root: ., paths: [reports], when: always}}
  deploy:
    steps:
      - attach_workspace: {{at: RESULT}}
      - run: {{command: echo never, when: on_fail}}
workflows: {{main: {{jobs: [build, test: {{requires: [build]}}, deploy: {{requires: [test]}}]}}}}
""")
        first = self.run_it(status=1)
        self.assertIn("sorry", self.lines_of(first, "test"))
        self.assertEqual(self.lines_of(first, "build")[-1], "passed")
        self.assertEqual(self.lines_of(first, "test")[-1], "failed")
        self.assertEqual(self.lines_of(first, "deploy"), ["blocked"])
        self.assertIn("line 10:", first)
        kept = self.baton("ls", "--json", workflow=self.ids(first)[1]).json
        self.assertIn("reports/test", [entry["path"] for entry in kept["entries"]])
        ready.touch()
        again = self.run_it("--rerun-failed")
        self.assertEqual(self.lines_of(again, "build"), [])
        self.assertNotIn("sorry", again)
        (one, workspace), (two, same) = self.ids(first), self.ids(again)
        self.assertEqual((workspace, same), (one, one))
        self.assertNotEqual(one, two)
        self.assertEqual(contents(self.result), {"app": f"{one}\n", "reports/test": f"{two}\n"})
        self.run_it("--rerun-failed")  # nothing is left to do

    def ids(self, out):
        return re.search(r"workflow \S+, (\S+), workspace (\S+)", out).groups()

    def test_a_new_run_has_a_workspace_of_its_own(self):
        self.configure(DIAMOND)
        self.assertNotEqual(self.ids(self.run_it()), self.ids(self.run_it()))

    def test_a_conflict_fails_the_attach_with_both_jobs(self):
        self.configure(DIAMOND.replace("done/left", "done/same").replace("done/right", "done/same"))
        out = self.run_it(status=1)
        self.assertEqual(self.lines_of(out, "join")[-1], "failed")
        said = "\n".join(self.lines_of(out, "join"))
        for word in ("done/same", "left", "right", "status 4"):
            self.assertIn(word, said)

    def test_a_job_sees_only_what_is_upstream(self):
        self.configure("""\
jobs:
  a: {steps: [run: echo a > a, persist_to_workspace: {root: ., paths: [a]}]}
  silent: {steps: [run: "true"]}
  b: {steps: [run: echo b > b, persist_to_workspace: {root: ., paths: b}]}
  c: {steps: [attach_workspace: {at: RESULT}]}
  alone: {steps: [attach_workspace: {at: .}, run: 'test -z "$(ls)"']}
workflows:
  w:
    jobs: [a, b, silent: {requires: [a]}, c: {requires: [silent]}, alone: {requires: []}]
""")
        self.run_it()
        self.assertEqual(contents(self.result), {"a": "a\n"})

    def test_filters_choose_by_branch(self):
        step = "{steps: [run: 'true']}"
        self.configure(f"""\
jobs: {{j: {step}}}
workflows:
  w:
    jobs:
      - j: {{name: main, filters: {{branches: {{only: main}}}}}}
      - j: {{name: releases, filters: {{branches: {{only: [/release-.*/, hotfix]}}}}}}
      - j: {{name: others, filters: {{branches: {{ignore: [main]}}, tags: {{only: /v.*/}}}}}}
      - j: {{name: after, requires: [releases]}}
""")
        def ran(out):
            return {job for job in ("main", "releases", "others", "after")
                    if self.lines_of(out, job)[-1] == "passed"}
        self.assertEqual(ran(self.run_it()), {"main"})
        self.git("checkout", "--quiet", "-b", "release-1")
        self.assertEqual(ran(self.run_it()), {"releases", "others", "after"})
        self.git("checkout", "--quiet", "-b", "topic/x-release-1")
        self.assertEqual(ran(self.run_it()), {"others"})

    def test_a_configuration_without_workflows_runs_build(self):
        self.configure("version: 2.1\njobs: {build: {steps: [run: echo built]}}\n")
        self.assertIn("[build] built", self.run_it())


class Jobs(Runner):
    def test_a_job_has_a_clean_folder_that_is_its_home(self):
        self.configure("""\
defaults: &defaults
  working_directory: ~/checkout/here
  environment: {A: 1, B: true}
jobs:
  first:
    <<: *defaults
    steps:
      - run: 'test "$PWD" = "$HOME/checkout/here"; touch ~/left-behind; test "$A$B" = 1true'
      - run: {working_directory: ~/sub, command: 'test "$PWD" = "$HOME/sub"', environment: {A: 2}}
      - run: {working_directory: sub, command: 'test "$PWD" = "$HOME/checkout/here/sub"'}
      - run: echo 'export C=3' >> "$BASH_ENV"
      - run: test "$C" = 3
  second:
    steps:
      - run: 'test "$PWD" = "$HOME/project"; test -z "$(ls -A ~ | grep -v project)"'
      - checkout: {path: ~/code}
      - run: test "$(cat ~/code/src/name)" = project; git -C ~/code symbolic-ref --short HEAD
workflows: {w: {jobs: [first, second: {requires: [first]}]}}
""")
        out = self.run_it()
        self.assertEqual(self.lines_of(out, "second")[-2:], ["main", "passed"])

    def test_circleci_is_what_the_variables_say(self):
        self.configure(one_job(["run: env | grep -E '^(CI|CIRCLE|BATON|SECRET)' | sort",
                                "run: baton whereami --json"]))
        out = self.run_it(variables={"SECRET": "x", "BATON_WORKFLOW": "no",
                                     "GITHUB_ACTIONS": "true"})
        commit = self.git("rev-parse", "HEAD")
        for line in ("CI=true", "CIRCLECI=true", "CIRCLE_BRANCH=main", f"CIRCLE_SHA1={commit}",
                     "CIRCLE_JOB=a", "CIRCLE_NODE_INDEX=0", "CIRCLE_NODE_TOTAL=1",
                     "CIRCLE_WORKING_DIRECTORY=~/project"):
            self.assertIn(line, self.lines_of(out, "a"))
        self.assertNotIn("SECRET=", out)
        self.assertIn('"ci":{"value":"CircleCI"', out)
        self.assertIn('"origin":"CIRCLE_WORKFLOW_WORKSPACE_ID"', out)

    def test_without_a_daemon_it_has_one_of_its_own(self):
        self.configure(DIAMOND)
        empty = self.folder / "runtime"
        empty.mkdir()
        self.run_it(variables={"BATON_SERVER": None, "XDG_RUNTIME_DIR": str(empty)})
        self.assertEqual(len(contents(self.result)), 3)

    def test_a_pipe_that_fails_fails_the_step_and_later_ones_do_not_run(self):
        self.configure(one_job(["run: false | cat", "run: echo unreached"]))
        out = self.run_it(status=1)
        self.assertIn("line 4: `false | cat` ended with status 1", out)
        self.assertNotIn("unreached", out)

    def test_a_path_that_matches_nothing_fails_the_step(self):
        self.configure(one_job(["persist_to_workspace: {root: ., paths: [none]}"]))
        self.assertIn("ended with status 3", self.run_it(status=1))


class WhatIsRefused(Runner):
    def test_a_step_that_is_not_known(self):
        self.refuse(one_job(["checkout", "save_cache: {key: k, paths: [x]}"]), 5, "`save_cache`",
                    "persist_to_workspace")
        self.refuse(one_job(["checkout", "store_it"]), 5, "`store_it`")

    def test_yaml_that_is_none_with_its_line(self):
        self.refuse("version: 2.1\njobs: [a\nworkflows: x\n", 3, "not YAML")
        self.refuse("jobs:\n  a:\n\tsteps: []\n", 3, "not YAML")
        self.refuse("jobs: *nothing\n", 1, "not YAML")
        self.refuse("- a\n- b\n", 1, "a configuration has to be a mapping")
        self.refuse("", 1, "no workflows")

    def test_keys_that_are_not_known(self):
        self.refuse("version: 2.1\norbs:\n  node: circleci/node@5\n", 2, "`orbs`")
        self.refuse(one_job(["run: {command: x, background: true}"]), 4, "`background`", "command")
        self.refuse(one_job(["checkout"], "    parallelism: 4\n"), 5, "`parallelism`")
        self.refuse(one_job(["checkout"], flow="[a: {matrix: {}}]"), 5, "`matrix`")
        self.refuse("jobs: {build: {steps: []}}\nworkflows:\n  w:\n    triggers: []\n", 4,
                    "`triggers`")

    def test_what_is_missing_or_of_the_wrong_kind(self):
        for steps, says in ((["run: {name: x}"], "`command`"),
                            (["attach_workspace"], "`at`"),
                            (["persist_to_workspace: {root: .}"], "`paths`"),
                            (["run: {command: x, when: sometimes}"], "always, on_fail, on_success"),
                            (["{run: x, checkout: y}"], "one name"), (["7"], "one name"),
                            (["run: echo << parameters.x >>"], "`<< parameters.x >>`"),
                            (["run: echo << pipeline.number >>"], "`<< pipeline.number >>`")):
            with self.subTest(steps=steps):
                self.refuse(one_job(steps), 3 if steps == ["7"] else 4, says)

    def test_jobs_that_do_not_fit_together(self):
        self.refuse(one_job(["checkout"], flow="[a, b]"), 5, "no job `b`")
        self.refuse(one_job(["checkout"], flow="[a: {requires: [z]}]"), 5, "`z`")
        self.refuse(one_job(["checkout"], flow="[a, a]"), 5, "two jobs", "`name`")
        self.refuse(one_job(["checkout"], flow="[a: {requires: [b]}, a: {name: b, requires: [a]}]"),
                    5, "requires itself")
        self.refuse(one_job(["checkout"], "    executor: big\n"), 5, "no executor `big`")

    def test_commands_that_are_called_wrongly(self):
        command = ("commands: {c: {parameters: {x: {type: string}}, "
                   "steps: [run: 'echo << parameters.x >>']}}\n")
        self.refuse(one_job(["c"], command), 4, "needs `x`")
        self.refuse(one_job(["c: {x: 1, y: 2}"], command), 4, "`y`")
        self.refuse(one_job(["c"], "commands: {c: {steps: [c]}}\n"), 5, "calls itself")
        self.refuse(one_job(["c: {x: []}"], command.replace("string", "steps")), 5, "`steps`")

    def test_what_was_never_run_cannot_be_run_again(self):
        self.configure(one_job(["checkout"]))
        self.assertIn("nothing was run yet", self.run_it("--rerun-failed", status=2))

    def test_a_configuration_that_is_not_there(self):
        self.assertIn("elsewhere.yml: No such file", self.run_it("elsewhere.yml", status=2))
