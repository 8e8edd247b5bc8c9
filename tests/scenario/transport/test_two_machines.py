"""Jobs on machines of their own (access.md): a daemon on one, jobs on others, a network between
them, and somebody who listens on the line."""

import concurrent.futures
import re
import select
import time
import unittest

from harness import BATON, BATOND, PATIENCE, Scenario, end_process, random_bytes
from netns import Line
from relay import Relay
from tap import Tap

STORE, JOBS = "ci-store", ("build-1", "build-2", "build-3")
CONTENT = random_bytes(200_000)  # which no codec makes smaller: it would be seen as it is
NAME = "name-that-is-nobodys-business"


class Machines(Scenario):
    """`store` is where the daemon is, `jobs` are the others."""

    def setUp(self):
        super().setUp()
        self.line = Line(self.folder, (STORE, *JOBS), (BATON, BATOND))
        self.addCleanup(self.line.end)
        self.store = self.line.machines[STORE]
        self.jobs = [self.line.machines[name] for name in JOBS]

    def serve(self, *flags):
        """Starts a daemon on the store as access.md §4 says; returns BATON_SERVER's value."""
        path = self.folder / "store.log"
        with open(path, "wb") as log:
            daemon = self.store.popen(
                " ".join(("exec batond --listen tls://0.0.0.0:7433", *flags)), log)
        self.addCleanup(self.stop, daemon, path)
        begun = time.monotonic()
        while not (said := re.search(r"^BATON_SERVER=(\S+)$", path.read_text(), re.M)):
            if daemon.poll() is not None or time.monotonic() - begun > PATIENCE:
                raise AssertionError(f"no daemon:\n{path.read_text()}")
            select.select([], [], [], 0.01)
        return said[1]

    def stop(self, daemon, path):
        daemon.terminate()
        self.assertEqual(daemon.wait(PATIENCE), 0, path.read_text())
        end_process(daemon)

    def run_on(self, machine, script, status=0, **variables):
        done = machine.shell("set -e\n" + script, **variables)
        self.assertEqual(done.returncode, status, f"{machine.name}: {script}\n{done}")
        return done.stdout

    def token(self):
        return self.run_on(self.store, "batond token create --namespace acme/web"
                                       " --verbs read,write --expires 30d").strip()

    def put_file(self, machine, name, content):
        machine.run("sh", "-c", 'cat >"$1"; chown "$2" "$1"', "sh", f"/tmp/home/{name}",
                    machine.user, stdin=content)


class TwoMachines(Machines):
    def test_the_machines_are_apart(self):
        """What the other tests stand on: what is seen elsewhere came over the line."""
        first, second = self.jobs[:2]
        self.run_on(first, "echo here >/tmp/home/mine; test -f /tmp/home/mine")
        self.run_on(second, "test ! -e /tmp/home/mine; test ! -e /tmp/home/.local")
        self.run_on(first, "touch /usr/here 2>/dev/null", status=1)
        users = {self.run_on(machine, "id -u") for machine in (self.store, *self.jobs)}
        self.assertEqual(len(users), 4)
        self.assertNotIn("0\n", users)
        self.assertEqual(self.run_on(second, "hostname"), f"{second.name}\n")

    def test_two_machines_from_nothing(self):
        """access.md §4 as it stands."""
        server, token = self.serve(), self.token()
        self.assertRegex(server, r"^tls://ci-store:7433#[-\w]{43}$")
        exports = f"export BATON_SERVER='{server}' BATON_TOKEN='{token}'\n" \
            "export BATON_NAMESPACE=acme/web BATON_WORKFLOW=1\n"
        self.run_on(self.jobs[0], exports + "export BATON_JOB=build\n"
                    "mkdir out; echo app >out/app\n"
                    "baton persist out")
        self.run_on(self.jobs[1], exports + "baton attach .\ntest \"$(cat out/app)\" = app")

    def test_the_demo_across_machines(self):
        """examples/demo.sh: a workflow of four jobs that fails, is retried and deploys."""
        server, token = self.serve(), self.token()

        def job(machine, name, script, workflow="pipeline-1", status=0, **more):
            return self.run_on(machine, f"mkdir -p {workflow}-{name}; cd {workflow}-{name}\n"
                               + script, status, BATON_SERVER=server, BATON_TOKEN=token,
                               BATON_NAMESPACE="acme/web", BATON_WORKFLOW=workflow,
                               BATON_JOB=name, **more)

        first, second, third = self.jobs
        job(first, "build", "mkdir -p out/client headers\n"
            "cp /tmp/bin/baton out/client/baton; chmod 751 out/client/baton\n"
            "ln -s client/baton out/link; for n in 1 2 3; do echo $n >headers/$n.h; done\n"
            "baton persist out headers")
        lint = "baton attach workspace\nmkdir reports\n" \
            "find workspace/headers -name '*.h' | wc -l >reports/lint.txt\nbaton persist reports"
        failing = "baton attach workspace\nworkspace/out/client/baton version\nexit 1"
        self.side_by_side(lambda: job(second, "lint", lint, BATON_NEEDS="build"),
                          lambda: job(third, "test", failing, status=1, BATON_NEEDS="build"))
        again = {"workflow": "pipeline-2", "BATON_RETRY_OF": "pipeline-1"}
        job(second, "test", "baton attach workspace\nworkspace/out/client/baton version\n"
            "mkdir reports; echo all is well >reports/test.txt\nbaton persist reports",
            BATON_NEEDS="build", **again)
        deployed = job(third, "deploy", "baton attach --quiet workspace\ncd workspace\n"
                       "stat -c %a out/client/baton; readlink out/link\n"
                       "cat reports/lint.txt reports/test.txt\nsha256sum <out/client/baton",
                       BATON_NEEDS="test,lint", **again)
        built = self.run_on(first, "sha256sum <pipeline-1-build/out/client/baton")
        self.assertEqual(deployed, f"751\nclient/baton\n3\nall is well\n{built}")
        told = job(first, "look", "baton log --all; baton ls 'reports/*'", **again)
        for word in ("build", "lint", "test", "reports/lint.txt", "reports/test.txt"):
            self.assertIn(word, told)

    def side_by_side(self, *jobs):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()


class Wire(Machines):
    def workflow(self, server, token):
        """A persist and an attach of what is easily recognised, on two machines."""
        variables = {"BATON_SERVER": server, "BATON_TOKEN": token, "BATON_JOB": "build",
                     "BATON_NAMESPACE": "acme/web", "BATON_WORKFLOW": "1"}
        self.put_file(self.jobs[0], NAME, CONTENT)
        self.run_on(self.jobs[0], f"baton persist {NAME}", **variables)
        self.run_on(self.jobs[0], f"mkdir out; baton attach out; cmp out/{NAME} {NAME}",
                    **variables)

    def in_clear(self, stream, token):
        """What of the secrets somebody reads who has this."""
        return {what for what, secrets in {
            "token": [token, *token.split(".")], "name": [NAME],
            "content": [CONTENT[at:at + 16] for at in range(0, len(CONTENT), 1000)]}.items()
            if any((secret if isinstance(secret, bytes) else secret.encode()) in stream
                   for secret in secrets)}

    def streams(self, way):
        """What passes the store's end of the line while a workflow goes `way`."""
        server, token = way(), self.token()
        tap = Tap(self.line.middle, STORE)
        try:
            self.workflow(server, token)
        finally:
            streams = tap.end()
        self.assertGreater(sum(map(len, streams.values())), 2 * len(CONTENT))
        return token, streams.values()

    def test_a1_somebody_on_the_line_reads_nothing(self):
        token, streams = self.streams(self.serve)
        self.assertEqual(len(streams), 4, "two connections, both ways")
        for stream in streams:
            self.assertEqual(self.in_clear(stream, token), set())

    def test_the_tap_would_show_it(self):
        """The same over a line in clear, which relays make of it: no program of ours does."""
        token, streams = self.streams(self.serve_in_clear)
        seen = [self.in_clear(stream, token) for stream in streams]
        self.assertEqual(seen.count({"token", "name", "content"}), 1, "the persist")
        self.assertEqual(set().union(*seen[1:]), {"token", "name", "content"})

    def serve_in_clear(self):
        self.serve("--listen", "tcp://127.0.0.1:7434", "--tcp-token", "required")
        job, store = self.jobs[0], self.store
        for listener, connect in (
                (store.listen((store.address, 7000)), lambda: store.connect(("127.0.0.1", 7434))),
                (job.listen(("127.0.0.1", 7433)), lambda: job.connect((store.address, 7000)))):
            self.addCleanup(Relay(listener, connect).end)
        return "tcp://127.0.0.1:7433"


if __name__ == "__main__":
    unittest.main()
