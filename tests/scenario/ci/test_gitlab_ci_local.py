"""A real runner: gitlab-ci-local runs the project's own template for GitLab with its shell
executor. It and its Node come from npm, once per build folder."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import BATON, BUILD, TOP, Scenario, clean_environment, make_tree

EXAMPLE = TOP / "examples/gitlab"
PACKAGES = ("node@22", "gitlab-ci-local@4.75.1")
WORKFLOW = "git.example/me/it/1000"
PROJECT = "me/it"  # the namespace that the example names: CI_PROJECT_PATH
RUNNER = BUILD.resolve() / PACKAGES[1]

# The template is included as it is. GitLab's runner cleans the checkout before each job;
# gitlab-ci-local leaves that to whoever cares, and its shell jobs share one checkout.
CLEANED = """
default:
  before_script:
    - git clean -ffdxq --exclude=.gitlab-ci-local
"""

MAKEFILE = """\
all:
	mkdir -p out
	echo built > out/app
test:
	mkdir -p reports/$(CI_NODE_INDEX)
	cat out/app > reports/$(CI_NODE_INDEX)/junit.xml
	cat verdict >> reports/$(CI_NODE_INDEX)/junit.xml
	grep -q passed verdict
"""


def fetch():
    """Installs the runner for this build folder, unless it is there; skips without npm."""
    if RUNNER.is_dir():
        return
    if not shutil.which("npm"):
        raise unittest.SkipTest("there is no npm")
    with tempfile.TemporaryDirectory(prefix="npm-", dir=BUILD) as folder:
        done = subprocess.run(
            ["npm", "install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund",
             "--fetch-retries=1", *PACKAGES],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        tools = pathlib.Path(folder) / "node_modules"
        if done.returncode != 0 or not (tools / ".bin" / "node").exists():
            raise unittest.SkipTest("npm cannot fetch it: " + " ".join(done.stdout.split())[:300])
        tools.rename(RUNNER)


class GitLabCILocal(Scenario):
    @classmethod
    def setUpClass(cls):
        fetch()

    def setUp(self):
        super().setUp()
        self.project = self.tree({
            ".gitlab-ci.yml": (EXAMPLE / ".gitlab-ci.yml").read_text() + CLEANED,
            "baton.gitlab-ci.yml": (EXAMPLE / "baton.gitlab-ci.yml").read_text(),
            "Makefile": MAKEFILE, "verdict": "failed\n"}, name="project")
        make_tree(self.folder, {"home": None})
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", "git@git.example:me/it.git")
        self.git("add", "-A")
        self.git("commit", "-qm", "x")

    def variables(self):
        return {**self.environment(), "HOME": str(self.folder / "home"),
                "PATH": f"{BATON.resolve().parent}:{clean_environment()['PATH']}"}

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=t@example", *words],
                       cwd=self.project, env=self.variables(), check=True)

    def run_jobs(self, *jobs, status):
        """One job at a time, in one pipeline."""
        done = subprocess.run(
            [RUNNER / ".bin" / "node", RUNNER / "gitlab-ci-local" / "dist" / "index.js",
             "--concurrency", "1", "--no-shell-isolation", "--no-color", *jobs],
            cwd=self.project, env=self.variables(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def layers(self, *flags):
        log = self.baton("log", "--json", "--namespace", PROJECT, *flags, workflow=WORKFLOW).json
        return [(layer["job"], layer["shard"]) for layer in log["layers"]]

    def report(self, leg):
        return self.baton("cat", "--namespace", PROJECT, f"reports/{leg}/junit.xml",
                          workflow=WORKFLOW).out

    def test_the_template_and_a_retry_of_what_failed(self):
        self.run_jobs(status=1)
        made = [("build", ""), ("test", "1/2"), ("test", "2/2")]
        self.assertEqual(self.layers(), made)
        for leg in (1, 2):  # kept although the tests failed
            self.assertEqual(self.report(leg), b"built\nfailed\n")

        (self.project / "verdict").write_text("passed\n")
        self.git("commit", "-qam", "y")
        said = self.run_jobs("test", status=0)
        self.assertIn("attached 1 file", said)
        self.assertEqual(self.layers(), made)
        self.assertEqual(len(self.layers("--all")), 5)
        for leg in (1, 2):
            self.assertEqual(self.report(leg), b"built\npassed\n")

    def test_whereami_knows_each_leg_of_a_matrix(self):
        make_tree(self.project, {".gitlab-ci.yml": """\
pack:
  parallel:
    matrix:
      - OS: [debian, alpine]
        ARCH: [x86]
  script:
    - baton whereami
"""})
        said = self.run_jobs(status=0)
        for shard in ("1/2", "2/2"):
            self.assertRegex(said, rf"shard +{shard} +from CI_NODE_INDEX")
        self.assertEqual(len([line for line in said.splitlines() if "job       " in line
                              and " pack " in line]), 2, said)


if __name__ == "__main__":
    unittest.main()
