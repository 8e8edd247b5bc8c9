"""Nothing leaks: a day in the life of a daemon and its clients under valgrind."""

import os
import shutil
import subprocess
import unittest

from harness import SHARED_BATON, Scenario, is_sanitized

VALGRIND = ("valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite",
            "--error-exitcode=99", "--track-fds=no", "--num-callers=30")


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
@unittest.skipIf(is_sanitized(), "this build has sanitizers")
class Leaks(Scenario):
    program = SHARED_BATON

    def client(self, verb, *arguments, job="reader", status=0):
        command = self.command(verb, "--workflow", "w", "--job", job, *arguments)
        return self.run_wrapped([*VALGRIND, *command], status)

    def run_wrapped(self, command, status):
        done = subprocess.run(command, cwd=self.folder, env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=600,
                              check=False)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done

    def test_a_daemon_and_its_clients_lose_no_memory(self):
        self.start_daemon("daemon", wrapper=VALGRIND)
        root = self.tree({"a/x": "x" * 5000, "a/y": "y", "big": os.urandom(3 << 20)})
        self.client("persist", "--root", str(root), ".", job="a")
        self.client("persist", "--root", str(root), ".", job="b")
        other = self.tree({"a/x": "another"})
        self.client("persist", "--root", str(other), ".", job="c")
        self.client("attach", str(self.folder / "out"), status=4)
        self.client("attach", "--on-conflict", "last", str(self.folder / "out"))
        self.client("attach", "--on-conflict", "last", str(self.folder / "out"))
        self.client("ls", status=4)
        self.client("cat", "--from", "a", "big")
        self.client("log", "--all")
        self.client("status")
        self.client("attach", "--layer", "ffffffffffffffff", str(self.folder / "no"), status=3)
        self.client("persist", "--attempt", "2", "--root", str(root), ".", job="a")
        # The daemon's own leaks are its exit status 99, which the harness would not accept.
        self.assertEqual(self.daemons[0].stop(), 0, self.daemons[0].read_log())


if __name__ == "__main__":
    unittest.main()
