"""A real master and a real worker: Debian's Buildbot runs examples/buildbot/master.cfg."""

import os
import re
import select
import shutil
import subprocess
import time
import unittest

from harness import BATON, PATIENCE, TOP, Scenario, clean_environment, end_process, make_tree

EXAMPLE = TOP / "examples/buildbot/master.cfg"
PROGRAMS = ("buildbot", "buildbot-worker", "twistd3")

# The example, on any free port; and what its "Rebuild" button does, as a third builder.
CONFIG = f"""\
from twisted.internet import defer

with open({str(EXAMPLE)!r}) as example:
    exec(compile(example.read(), example.name, "exec"))
c["protocols"] = {{"pb": {{"port": "tcp:0:interface=127.0.0.1"}}}}


class Rebuild(steps.BuildStep):
    @defer.inlineCallbacks
    def run(self):
        [last] = yield self.master.data.get(("builders", "test", "builds"), order=["-number"],
                                            limit=1)
        yield self.master.data.control("rebuild", {{}}, ("builds", last["buildid"]))
        return util.SUCCESS


c["builders"].append(util.BuilderConfig(
    name="rebuild", workernames=["worker"], factory=util.BuildFactory([Rebuild()])))
c["builders"].append(util.BuilderConfig(
    name="again", workernames=["worker"], factory=util.BuildFactory([
        steps.Trigger(schedulerNames=["test"], set_properties={{"workflow": "build-1"}})])))
c["schedulers"] = [
    schedulers.AnyBranchScheduler(name=name, builderNames=[name],
                                  change_filter=util.ChangeFilter(category=name))
    for name in ("build", "rebuild", "again")
] + [schedulers.Triggerable(name="test", builderNames=["test"])]
"""

MAKE = """\
#!/bin/sh -e
case "${1:-}" in
'') mkdir -p out; echo built > out/app ;;
test) mkdir -p reports; cat out/app "$VERDICT" > reports/junit.xml; grep -q passed "$VERDICT" ;;
esac
"""


class Process:
    """A process whose output is waited for, line by line."""

    def __init__(self, command, folder, environment):
        self.process = subprocess.Popen(command, cwd=folder, env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.said = ""

    def read(self, deadline):
        """More of what it says; False: it has ended, or says nothing until the deadline."""
        if not select.select([self.process.stdout], [], [], deadline - time.monotonic())[0]:
            return False
        more = os.read(self.process.stdout.fileno(), 65536).decode(errors="replace")
        self.said += more
        return bool(more)

    def wait_for(self, pattern):
        """The first match in what it says."""
        deadline = time.monotonic() + 2 * PATIENCE
        while not (match := re.search(pattern, self.said)):
            if not self.read(deadline):
                raise AssertionError(f"no `{pattern}` in:\n{self.said[-8000:]}")
        return match

    def stop(self):
        self.process.terminate()
        try:
            self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            end_process(self.process)


class Buildbot(Scenario):
    def setUp(self):
        missing = [name for name in PROGRAMS if not shutil.which(name)]
        if missing:
            self.skipTest(f"there is no {' and no '.join(missing)}")
        super().setUp()
        self.verdict = self.folder / "verdict"
        make_tree(self.folder, {"bin/make": (MAKE, 0o755), "home": None})
        self.run_tool("buildbot", "create-master", "--no-logrotate", "master")
        (self.folder / "master" / "master.cfg").write_text(CONFIG)
        self.master = self.start("master")
        self.address = "127.0.0.1:" + self.master.wait_for(r"Factory starting on (\d+)")[1]
        self.run_tool("buildbot-worker", "create-worker", "--no-logrotate", "worker",
                      self.address, "worker", "password")
        self.start("worker").wait_for("worker is ready")

    def variables(self):
        return {**self.environment(), "HOME": str(self.folder / "home"),
                "VERDICT": str(self.verdict), "PYTHONDONTWRITEBYTECODE": "1",
                "PATH": f"{self.folder}/bin:{BATON.resolve().parent}:{clean_environment()['PATH']}"}

    def run_tool(self, *words):
        done = subprocess.run(words, cwd=self.folder, env=self.variables(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=2 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout)

    def start(self, name):
        process = Process(["twistd3", "--nodaemon", "--no_save", "--pidfile=", "--logfile=-",
                           "--python=buildbot.tac"], self.folder / name, self.variables())
        self.addCleanup(process.stop)
        return process

    def ask_for(self, builder):
        self.run_tool("buildbot", "sendchange", "--master", self.address, "--who", "T",
                      "--category", builder, "file")

    def finished(self, builder, number, result):
        """Waits for the end of a build."""
        found = self.master.wait_for(
            rf"<Build {builder} number:{number} results:(\w+)>: build finished")
        self.assertEqual(found[1], result, self.master.said[-8000:])

    def history(self):
        """(job, attempt, whether it is visible) of each layer."""
        log = self.baton("log", "--all", "--json", workflow="build-1").json
        return sorted((layer["job"], layer["attempt"], layer["state"] == "visible")
                      for layer in log["layers"])

    def report(self):
        return self.baton("cat", "reports/junit.xml", workflow="build-1").out

    def test_two_builders_and_a_rebuild_of_the_second(self):
        self.verdict.write_text("failed\n")
        self.ask_for("build")
        self.finished("build", 1, "success")
        self.finished("test", 1, "failure")
        self.assertEqual(self.report(), b"built\nfailed\n")  # kept although the tests failed

        self.verdict.write_text("passed\n")
        self.ask_for("rebuild")
        self.finished("rebuild", 1, "success")
        self.finished("test", 2, "success")
        self.assertEqual(self.report(), b"built\npassed\n")
        self.assertEqual(self.history(), [("build", "1", True), ("test", "1", False),
                                          ("test", "2", True)])

    def test_h2_a_second_build_that_is_no_rebuild_is_refused(self):
        """Their numbers are higher all the same."""
        self.verdict.write_text("passed\n")
        self.ask_for("build")
        self.finished("test", 1, "success")
        self.verdict.write_text("another\n")
        self.ask_for("again")
        self.finished("test", 2, "failure")
        self.assertEqual(self.history(), [("build", "1", True), ("test", "1", True)])
        self.assertEqual(self.report(), b"built\npassed\n")


if __name__ == "__main__":
    unittest.main()
