"""A time namespace shows its programs an uptime of its own, in the same boot (H1)."""

import os
import shutil
import subprocess
import unittest

from harness import PATIENCE, Scenario, contents

AHEAD = 99999999  # seconds, three years


class TimeNamespace(Scenario):
    def setUp(self):
        super().setUp()
        if not shutil.which("unshare") or not os.path.exists("/proc/self/ns/time_for_children"):
            self.skipTest("there are no time namespaces here")

    def namespace(self, *offsets):
        """Words before a command that run it in a new one."""
        holder = subprocess.Popen(["unshare", "--time", *offsets, "--fork", "cat"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.addCleanup(holder.wait, PATIENCE)
        for stream in (holder.stderr, holder.stdout, holder.stdin):
            self.addCleanup(stream.close)
        holder.stdin.write(b"it is there\n")
        holder.stdin.flush()
        if not holder.stdout.readline():
            self.skipTest(holder.stderr.read().decode().strip())
        return ("nsenter", f"--time=/proc/{holder.pid}/ns/time_for_children")

    def restart(self, wrapper=()):
        self.daemon.stop()
        self.daemon.wrapper = wrapper
        self.daemon.start()

    def assert_all_live(self, *wrappers):
        self.persist("a", {"a": "begun"})
        for wrapper in wrappers:
            self.restart(wrapper)
            self.assertEqual(contents(self.attach()[1]), {"a": "begun"})
            self.assertNotIn("expired", self.daemon.read_log())

    def test_h1_a_start_in_one_expires_nothing_nor_does_the_next_outside(self):
        self.assert_all_live(self.namespace("--boottime", str(AHEAD)), ())

    def test_h1_nor_in_one_whose_other_clock_agrees(self):
        self.assert_all_live(
            self.namespace("--boottime", str(AHEAD), "--monotonic", str(AHEAD)), ())

    def test_h1_nor_from_one_that_is_behind_to_one_that_is_ahead(self):
        with open("/proc/uptime", encoding="ascii") as file:
            uptime = int(float(file.read().split()[0]))
        self.assert_all_live(self.namespace("--boottime", str(60 - uptime)),
                             self.namespace("--boottime", str(AHEAD)), ())

    def test_h1_time_goes_on_in_one(self):
        """What is old by the machine's uptime is old there, too."""
        self.persist("a", {"a": ""})
        self.restart(self.namespace("--boottime", str(AHEAD)))
        self.daemon.expire("w")
        self.refused("log", status=3, says="expired")


if __name__ == "__main__":
    unittest.main()
