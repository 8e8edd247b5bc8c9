"""examples/: every YAML is YAML, and what can be run of each example is run: in the
environment that the CI system would give it, with a `make` that stands for a project whose
tests fail, against a real daemon. The systems themselves are not here; how they would call
the scripts is written in the small functions below."""

import contextlib
import re
import subprocess
import uuid

import yaml

from ci_environments import BUILDKITE, GITHUB, GITLAB, JENKINS, WOODPECKER
from harness import BATON, BATOND, TOP, Scenario, clean_environment, make_tree, remove_tree

EXAMPLES = TOP / "examples"

MAKE = """\
#!/bin/sh
case "${1:-}" in
'') mkdir -p out; echo app > out/app ;;
test) test -f out/app || exit 9
	[ -z "${CRASHES:-}" ] || exit 42
	mkdir -p "reports/$OS"; echo 1 failure > "reports/$OS/junit.xml"; exit 1 ;;
esac
"""


class Reference(list):
    """GitLab's !reference [.baton, persist]."""


class Loader(yaml.SafeLoader):
    pass


Loader.add_constructor("!reference",
                       lambda loader, node: Reference(loader.construct_sequence(node)))


def load(path):
    return yaml.load((EXAMPLES / path).read_text(), Loader)


class Files(Scenario):
    def test_every_yaml_is_yaml(self):
        files = [path for path in EXAMPLES.rglob("*") if path.suffix in (".yml", ".yaml")]
        self.assertGreaterEqual(len(files), 9)
        for path in files:
            with self.subTest(file=path.name):
                self.assertIsInstance(load(path), dict)

    def test_every_script_is_a_script(self):
        for path in (*EXAMPLES.glob("buildkite/hooks/*"), EXAMPLES / "shell" / "pipeline.sh"):
            with self.subTest(file=path.name):
                self.assertTrue(path.stat().st_mode & 0o100)
                shell = path.read_text().splitlines()[0][2:]
                subprocess.run([shell, "-n", path], check=True)


class Example(Scenario):
    """A job in a clean folder; what a failed test left has to be in the workspace. With
    CRASHES the test leaves nothing, which must not change how the job ends (M6)."""

    def setUp(self):
        super().setUp()
        make_tree(self.folder, {"bin/make": (MAKE, 0o755)})

    def variables(self, more=None):
        return {**self.environment(), **(more or {}),
                "PATH": f"{self.folder}/bin:{BATON.resolve().parent}:{BATOND.resolve().parent}:"
                        + clean_environment()["PATH"]}

    @contextlib.contextmanager
    def job(self, name):
        folder = self.folder / f"job-{name}"
        folder.mkdir()
        yield folder
        remove_tree(folder)

    def shell(self, words, folder, variables, status=0):
        done = subprocess.run(words, cwd=folder, env=self.variables(variables),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        said = done.stdout + done.stderr
        if status is not None:
            self.assertEqual(done.returncode, status, said)
        return done.returncode, said

    def bash(self, script, folder, variables, **options):
        return self.shell(["bash", "-eo", "pipefail", "-c", script], folder, variables, **options)

    def home(self):
        """A HOME, for what an example says of ~ (L3)."""
        make_tree(self.folder, {"home/w/a b": "", "home/w/c": "", "home/w/d": ""})
        return str(self.folder / "home")

    def assert_kept(self, workflow, expected, **variables):
        entries = self.baton("ls", "--json", workflow=workflow, variables=variables).json["entries"]
        files = {entry["path"] for entry in entries if entry["type"] == "file"}
        self.assertEqual(files, set(expected))


class CircleCI(Example):
    def run_config(self, config):
        project = self.folder / "project"
        make_tree(project, {".circleci/config.yml": config})
        git = ["git", "-c", "user.name=T", "-c", "user.email=t@example"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
            subprocess.run([*git, *words], cwd=project, env=self.variables(), check=True)
        _, said = self.shell([EXAMPLES / "circleci" / "run"], project,
                             {"XDG_STATE_HOME": str(self.folder / "state")}, status=1)
        self.assertIn("[build] passed", said)
        self.assertIn("[test] failed", said)
        self.assert_kept(re.search(r"workspace (\S+)", said)[1],
                         ["out/app", "reports/junit.xml"])

    def test_the_configuration(self):
        self.run_config((EXAMPLES / "circleci" / "config.yml").read_text())

    def test_the_orb_in_the_place_of_the_built_in_steps(self):
        """Its commands and its own example, as one configuration."""
        orb = load("circleci/orb.yml")
        usage = orb["examples"]["test_results_are_kept"]["usage"]
        self.assertEqual(usage.pop("orbs"), {"baton": "your-namespace/baton@1"})
        config = yaml.safe_dump({**usage, "commands": orb["commands"]})
        self.run_config(config.replace("baton/", ""))

    def test_the_orb_understands_the_home_folder_and_several_paths(self):
        commands = load("circleci/orb.yml")["commands"]
        steps = {name: command["steps"][0]["run"]["command"] for name, command in commands.items()}
        with self.job("x") as home:
            make_tree(home, {"w/a b": "", "w/c": "", "w/d": ""})
            ci = {"HOME": str(home), "BATON_WORKFLOW": "w", "BATON_JOB": "a"}
            self.bash(steps["persist_to_workspace"], home,
                      {**ci, "PERSIST_ROOT": "~/w", "PERSIST_PATHS": "a b\n[c]\n"})
            self.bash(steps["attach_workspace"], home,
                      {**ci, "BATON_JOB": "b", "ATTACH_AT": "~/out"})
            self.assertEqual({path.name for path in (home / "out").iterdir()}, {"a b", "c"})


class GitHub(Example):
    def expand(self, value, inputs, matrix):
        """The few expressions that the examples have."""
        def expression(match):
            name = match[1]
            if name == "toJSON(matrix)":
                return "null" if matrix is None else '{\n  "os": "%s"\n}' % matrix["os"]
            kind, _, key = name.partition(".")
            return {"inputs": inputs, "matrix": matrix or {}}[kind][key]
        return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", expression, value)

    def action(self, step, matrix, folder, variables):
        action = load(f"github/{step['uses'].rpartition('baton-')[2]}/action.yml")
        given = {key: self.expand(value, {}, matrix) for key, value in step.get("with", {}).items()}
        self.assertLessEqual(given.keys(), action["inputs"].keys())
        inputs = {key: given.get(key, body.get("default", ""))
                  for key, body in action["inputs"].items()}
        for part in action["runs"]["steps"]:
            environment = {key: self.expand(value, inputs, matrix)
                           for key, value in part["env"].items()}
            self.bash(part["run"], folder, {**variables, **environment})

    def run_job(self, name, job, matrix, leg=None):
        """Whether it passed; a step with `if: always()` runs also after a failure."""
        with self.job(f"{name}-{leg or matrix and matrix['os']}") as folder:
            (folder / "temp").mkdir()
            variables = {**GITHUB, "GITHUB_JOB": name, "RUNNER_TEMP": str(folder / "temp"),
                         "BATON_EXECUTION": "", "OS": (matrix or {}).get("os", "")}
            passed = True
            for step in job["steps"]:
                if not passed and step.get("if") != "always()":
                    continue
                if step.get("uses", "").startswith("./"):
                    self.action(step, matrix, folder, variables)
                elif "run" in step:
                    passed = self.bash(step["run"], folder, variables, status=None)[0] == 0
            return passed

    def test_the_workflow_with_the_two_actions(self):
        jobs = load("github/workflow.yml")["jobs"]
        self.assertTrue(self.run_job("build", jobs["build"], None))
        for os_name in jobs["test"]["strategy"]["matrix"]["os"]:
            self.assertFalse(self.run_job("test", jobs["test"], {"os": os_name}))
        self.assert_kept("me/it/17", ["out/app", "reports/debian/junit.xml",
                                      "reports/alpine/junit.xml"])
        log = self.baton("log", "--json", workflow="me/it/17").json
        self.assertEqual({layer["shard"] for layer in log["layers"]},
                         {"", '{ "os": "debian" }', '{ "os": "alpine" }'})

    def test_a_matrix_may_be_longer_than_a_name(self):
        """M7: what the action itself recommends is never refused."""
        step = {"uses": "./.github/actions/baton-persist",
                "with": {"paths": "out", "shard": "${{ toJSON(matrix) }}"}}
        for end in "ab":
            matrix = {"os": "x" * 300 + end}
            self.assertTrue(self.run_job("build", {"steps": [{"run": "make"}, step]}, matrix, end))
        log = self.baton("log", "--json", workflow="me/it/17").json
        shards = {layer["shard"] for layer in log["layers"]}
        self.assertEqual(len(shards), 2)
        for shard in shards:
            self.assertRegex(shard, r'^\{ "os": "x{200,}~[0-9a-f]{32}$')

    def test_a_tilde_is_the_home_folder(self):
        home = self.home()
        with self.job("x") as folder:
            temp = folder / "temp"
            temp.mkdir()
            ci = {**GITHUB, "HOME": home, "RUNNER_TEMP": str(temp)}
            for name, uses, given in (("a", "persist", {"root": "~/w", "paths": "a b\n[c]\n"}),
                                      ("b", "attach", {"at": "~/out"})):
                self.action({"uses": f"./.github/actions/baton-{uses}", "with": given}, None,
                            folder, {**ci, "GITHUB_JOB": name})
            self.assertEqual(list(folder.iterdir()), [temp])
        self.assertEqual({path.name for path in (self.folder / "home/out").iterdir()},
                         {"a b", "c"})

    def test_outside_of_a_matrix_there_is_no_shard(self):
        step = {"uses": "./.github/actions/baton-persist",
                "with": {"paths": "out", "shard": "${{ toJSON(matrix) }}"}}
        self.assertTrue(self.run_job("build", {"steps": [{"run": "make"}, step]}, None))
        [layer] = self.baton("log", "--json", workflow="me/it/17").json["layers"]
        self.assertEqual(layer["shard"], "")


class GitLab(Example):
    def lines(self, template, script):
        for line in script:
            if isinstance(line, Reference):
                yield from template[line[0]][line[1]]
            else:
                yield line

    def run_job(self, template, name, number, index=None, total=1, **more):
        """The runner's order: the script until a line fails, then after_script by itself,
        whose status counts for nothing."""
        job = template[name]
        ci = {**GITLAB, **more, **job["variables"], "CI_JOB_GROUP_NAME": name, "CI_JOB_ID": str(number),
              "CI_JOB_NAME": f"{name} {index}/{total}" if index else name,
              "CI_NODE_TOTAL": str(total), "OS": str(index or "")}
        if index:
            ci["CI_NODE_INDEX"] = str(index)
        with self.job(f"{name}-{number}") as folder:
            status, _ = self.bash("\n".join(self.lines(template, job["script"])), folder, ci,
                                  status=None)
            after = "\n".join(self.lines(template, job.get("after_script", [])))
            ci["CI_JOB_STATUS"] = "failed" if status else "success"
            self.bash(after, folder, ci, status=None)
            return status

    def template(self):
        return {**load("gitlab/baton.gitlab-ci.yml"), **load("gitlab/.gitlab-ci.yml")}

    def test_m6_tests_that_leave_nothing_fail_with_their_own_status(self):
        template = self.template()
        self.assertEqual(self.run_job(template, "build", 1), 0)
        self.assertEqual(self.run_job(template, "test", 2, CRASHES="1"), 42)

    def test_what_passed_is_persisted_once_and_has_to_be(self):
        template = self.template()
        template["test"]["script"][1] = "mkdir -p reports; echo 0 > reports/junit.xml"
        self.assertEqual(self.run_job(template, "build", 1), 0)
        self.assertEqual(self.run_job(template, "test", 2), 0)
        self.assertEqual(len(self.baton("log", "--json", workflow="git.example/500").json["layers"]), 2)
        template["test"]["script"][1] = "true"
        self.assertEqual(self.run_job(template, "test", 3), 3)

    def test_a_tilde_is_the_home_folder(self):
        template, home = self.template(), self.home()
        steps = {name: "\n".join(lines) for name, lines in template[".baton"].items()}
        ci = {**GITLAB, "HOME": home, "BATON_ROOT": "~/w", "BATON_PATHS": "a b\n[c]",
              "BATON_AT": "~/out"}
        with self.job("x") as folder:
            for number, (name, step) in enumerate((("a", "persist"), ("b", "attach"))):
                self.bash(steps[step], folder, {**ci, "CI_JOB_NAME": name, "CI_JOB_GROUP_NAME": name,
                                                "CI_JOB_ID": str(number)})
            self.assertEqual(list(folder.iterdir()), [])
        self.assertEqual({path.name for path in (self.folder / "home/out").iterdir()},
                         {"a b", "c"})

    def test_the_template(self):
        template = self.template()
        self.assertEqual(self.run_job(template, "build", 1), 0)
        for index in (1, 2):
            self.assertEqual(self.run_job(template, "test", 1 + index, index, 2), 1)
        self.assert_kept("git.example/500", ["out/app", "reports/1/junit.xml",
                                             "reports/2/junit.xml"])


class Buildkite(Example):
    def plugin_variables(self, given):
        """As the agent hands a plugin its configuration."""
        found = {}
        for key, value in given.items():
            name = "BUILDKITE_PLUGIN_BATON_" + key.upper().replace("-", "_")
            if isinstance(value, list):
                found.update({f"{name}_{i}": text for i, text in enumerate(value)})
            else:
                found[name] = str(value).lower() if isinstance(value, bool) else value
        return found

    def run_step(self, step, index=0, total=1, hook_status=0, **more):
        [[(_, given)]] = [plugin.items() for plugin in step["plugins"]]
        known = load("buildkite/plugin.yml")["configuration"]["properties"]
        self.assertLessEqual(given.keys(), known.keys())
        ci = {**BUILDKITE, **self.plugin_variables(given), "BUILDKITE_STEP_KEY": step["key"],
              "BUILDKITE_JOB_ID": f"{step['key']}-{index}", "OS": str(index), **more}
        if total > 1:
            ci.update(BUILDKITE_PARALLEL_JOB=str(index), BUILDKITE_PARALLEL_JOB_COUNT=str(total))
        hooks = EXAMPLES / "buildkite" / "hooks"
        with self.job(f"{step['key']}-{index}") as folder:
            self.shell([hooks / "pre-command"], folder, ci)
            status, _ = self.bash(step["command"], folder, ci, status=None)
            self.shell([hooks / "post-command"], folder,
                       {**ci, "BUILDKITE_COMMAND_EXIT_STATUS": str(status)}, status=hook_status)
            return status

    def test_m6_the_hook_never_takes_the_place_of_a_command_that_failed(self):
        """The agent takes the status of a hook that fails for the job's."""
        build, test = load("buildkite/pipeline.yml")["steps"]
        self.run_step(build)
        self.assertEqual(self.run_step(test, CRASHES="1"), 42)
        away = {"BATON_SERVER": "unix:/nowhere", "BATON_TIMEOUT": "0.1"}
        with self.job("away") as folder:
            _, said = self.shell(
                [EXAMPLES / "buildkite/hooks/post-command"], folder,
                {**BUILDKITE, **away, "BUILDKITE_PLUGIN_BATON_PERSIST": "reports",
                 "BUILDKITE_PLUGIN_BATON_KEEP_FAILED": "true",
                 "BUILDKITE_COMMAND_EXIT_STATUS": "255"})
            self.assertIn("255", said)

    def test_m6_the_hook_fails_where_the_command_passed(self):
        build, _ = load("buildkite/pipeline.yml")["steps"]
        build["command"] = "true"
        self.assertEqual(self.run_step(build, hook_status=3), 0)

    def test_a_tilde_is_the_home_folder_and_a_matrix_has_shards(self):
        home = self.home()
        for leg in ("a b", "c"):
            self.run_step({"key": "x", "command": "true", "plugins": [{"p": {
                "root": "~/w", "persist": leg, "shard": leg}}]}, HOME=home, BUILDKITE_JOB_ID=leg)
        self.run_step({"key": "y", "command": "true", "plugins": [{"p": {"attach": "~/out"}}]},
                      HOME=home)
        self.assertEqual({path.name for path in (self.folder / "home/out").iterdir()},
                         {"a b", "c"})

    def test_the_pipeline_with_the_plugin(self):
        build, test = load("buildkite/pipeline.yml")["steps"]
        self.assertEqual(self.run_step(build), 0)
        for index in range(test["parallelism"]):
            self.assertEqual(self.run_step(test, index, test["parallelism"]), 1)
        self.assert_kept("b-1", ["out/app", "reports/0/junit.xml", "reports/1/junit.xml"])

    def test_a_failed_command_keeps_nothing_unless_it_is_asked_to(self):
        build, test = load("buildkite/pipeline.yml")["steps"]
        self.run_step(build)
        del test["plugins"][0]["your-organisation/baton#v1"]["keep-failed"]
        self.assertEqual(self.run_step(test), 1)
        self.assert_kept("b-1", ["out/app"])


class Others(Example):
    def run_jenkinsfile(self, **more):
        """Its `sh` steps, stage by stage, then those of the condition of `post` that holds;
        gives the statuses of each stage, and of what is below `post`."""
        found = {}
        text = (EXAMPLES / "jenkins" / "Jenkinsfile").read_text()
        stages = re.split(r"stage\('(\w+)'\)", text)[1:]
        for name, body in zip(stages[::2], stages[1::2]):
            ci = {**JENKINS, "STAGE_NAME": name, "JENKINS_NODE_COOKIE": str(uuid.uuid4()),
                  **more, **dict(re.findall(r"(BATON_\w+) = '(.*)'", body))}
            steps, _, post = body.partition("post {")
            with self.job(name) as folder:
                statuses = []
                for script in re.findall(r"sh '(.*)'", steps):
                    if not any(statuses):
                        status, _ = self.shell(["sh", "-xec", script], folder, ci, status=None)
                        statuses.append(status)
                condition = "unsuccessful" if any(statuses) else "success"
                for block in re.findall(condition + r" \{(.*?)\}", post, re.S):
                    for script in re.findall(r"sh '(.*)'", block):
                        self.shell(["sh", "-xec", script], folder, ci)
                        statuses.append(condition)
                found[name] = statuses
        return found

    def test_the_jenkinsfile(self):
        self.assertEqual(self.run_jenkinsfile(),
                         {"build": [0, 0], "test": [0, 1, "unsuccessful"]})
        self.assert_kept("jenkins-it-1", ["out/app", "reports/junit.xml"])

    def test_m6_the_jenkinsfile_adds_no_failure_to_a_stage_that_failed(self):
        self.assertEqual(self.run_jenkinsfile(CRASHES="1")["test"], [0, 42, "unsuccessful"])

    def run_woodpecker(self, *expected, **more):
        for name, status in expected:
            [step] = load(f"woodpecker/{name}.yaml")["steps"]
            ci = {**WOODPECKER, "CI_WORKFLOW_NAME": name, "CI_STEP_NAME": step["name"],
                  **more, **step.get("environment", {})}
            with self.job(name) as folder:
                self.shell(["sh", "-ec", "\n".join(step["commands"])], folder, ci, status=status)

    def test_m6_tests_that_leave_nothing_fail_with_their_own_status(self):
        self.run_woodpecker(("build", 0), ("test", 42), CRASHES="1")
        script = EXAMPLES / "shell" / "pipeline.sh"
        for name, status in (("build", 0), ("test", 42)):
            with self.job(name) as folder:
                self.shell([script, name], folder, {"BATON_WORKFLOW": "w", "CRASHES": "1"},
                           status=status)

    def test_m6_what_passed_has_to_be_kept(self):
        """With a `make` that passes and makes nothing."""
        self.run_woodpecker(("build", 0))
        with self.job("one") as folder:
            self.shell([EXAMPLES / "shell" / "pipeline.sh", "build"], folder, {"BATON_WORKFLOW": "w"})
        make_tree(self.folder, {"bin/make": ("#!/bin/sh\n", 0o755)})
        self.run_woodpecker(("test", 3))
        with self.job("two") as folder:
            self.shell([EXAMPLES / "shell" / "pipeline.sh", "test"], folder,
                       {"BATON_WORKFLOW": "w"}, status=3)

    def test_the_woodpecker_workflows(self):
        self.run_woodpecker(("build", 0), ("test", 1))
        self.assert_kept("me/it/8", ["out/app", "reports/junit.xml"])

    def test_plain_shell(self):
        script = EXAMPLES / "shell" / "pipeline.sh"
        for name, status in (("build", 0), ("test", 1), ("neither", 2)):
            with self.job(name) as folder:
                self.shell([script, name], folder, {"BATON_WORKFLOW": "w"}, status=status)
        self.assert_kept("w", ["out/app", "reports/junit.xml"])
