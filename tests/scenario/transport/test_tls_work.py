"""The client's work over TLS."""

import os
import re
import subprocess
import unittest

from harness import BATON, BATOND, PATIENCE, Scenario, contents, random_bytes, read_tree


class Remote(Scenario):
    """A daemon that is reached over TLS alone; the client gets what the daemon says."""

    flags = ("--listen", "tls://127.0.0.1:0")

    def setUp(self):
        super().setUp()
        self.start_daemon()
        self.url = re.findall(r"^BATON_SERVER=(.*)$", self.daemon.read_log(), re.M)[-1]
        self.token = self.create("--namespace", "default", "--verbs", "read,write,admin")

    def create(self, *words):
        done = subprocess.run([BATOND, "token", "create", "--data", self.daemon.data, *words],
                              capture_output=True, timeout=PATIENCE, check=True, text=True)
        return done.stdout.strip()

    def environment(self, variables=None):
        return {**super().environment(), "BATON_SERVER": self.url, "BATON_TOKEN": self.token,
                **(variables or {})}


class Work(Remote):
    def test_a_tree_comes_back_as_it_was(self):
        files = {f"d{n % 7}/{n}": f"{n}" * n for n in range(500)}
        files |= {"large": random_bytes(5_000_000), "empty": b""}
        root = self.tree(files)
        self.baton("persist", "--root", root, ".", job="a")
        _, out = self.attach("b", "--verify")
        self.assertEqual(read_tree(out), read_tree(root))

    def test_what_changed_goes_over_alone(self):
        first = self.persist("a", {"large": random_bytes(2_000_000), "x": "1"})
        second = self.persist("a", {"large": random_bytes(2_000_000), "x": "2"}, workflow="w2")
        self.assertGreater(first["new_bytes"], 2_000_000)
        self.assertEqual(second["new_bytes"], 1)
        _, out = self.attach("b", workflow="w2")
        self.attach("b", into=out)
        self.assertEqual((out / "x").read_text(), "1")

    def test_what_the_daemon_refuses_is_said_over_tls_too(self):
        self.refused("attach", self.missing(), workflow="nobody", status=3, says="nobody")
        self.refused("ls", "--namespace", "other", status=5, says="default")

    def test_two_machines_from_nothing(self):
        """What README.md says, but for the port, and a place for the data."""
        daemon = self.start_daemon("server", "--listen", "tls://0.0.0.0:0")
        said = re.findall(r"^(BATON_SERVER=.*)$", daemon.read_log(), re.M)[-1]
        here = re.sub(r"//[^:]*:", "//127.0.0.1:", said)  # this machine may not know its own name
        root = self.tree({"out/app": "built"})
        script = f"""
            BATON_TOKEN=$({BATOND.resolve()} token create --data {daemon.data} \\
                --namespace acme/web --verbs read,write --expires 30d)
            export {here} BATON_TOKEN BATON_NAMESPACE=acme/web BATON_WORKFLOW=1 BATON_JOB=build
            {BATON.resolve()} persist out
            BATON_JOB=deploy {BATON.resolve()} attach {self.folder}/deploy
        """
        environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(self.folder / "cache")}
        done = subprocess.run(["sh", "-euc", script], cwd=root, env=environment,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(contents(self.folder / "deploy"), {"out/app": "built"})


if __name__ == "__main__":
    unittest.main()
