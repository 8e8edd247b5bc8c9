"""How long workflows live (L1)."""

import signal
import unittest

from harness import Scenario


class Lives(Scenario):
    def configure(self, *lines):
        file = self.folder / "batond.conf"
        file.write_text("\n".join(lines) + "\n")
        return file

    def reload(self):
        count = len(self.daemon.log_lines("reload"))
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.await_log("reload", count + 1)
        return self.daemon.log_lines("reload")[-1]

    def persist_in(self, namespace, workflow="w"):
        return self.persist("a", {"a": "1"}, "--namespace", namespace, workflow=workflow)

    def test_l1_a_short_life_ends_while_the_daemon_runs(self):
        """It was looked for once an hour."""
        self.start_daemon("daemon", "--retention", "100ms")
        self.persist("a", {"a": "1"})
        self.daemon.await_log("1 workflow expired")
        self.refused("log", status=3, says="expired on")

    def test_l1_a_namespace_has_its_own_retention(self):
        file = self.configure("[namespace short]", "retention = 100ms")
        self.start_daemon("daemon", "--config", str(file))
        self.persist_in("long")
        self.persist_in("short")
        self.daemon.await_log("1 workflow expired")
        self.refused("log", "--namespace", "short", status=3, says="expired on")
        self.baton("log", "--namespace", "long")

    def test_l1_sighup_reads_how_long_they_live(self):
        file = self.configure("[namespace short]", "retention = 9d")
        self.start_daemon("daemon", "--config", str(file))
        self.persist_in("long")
        self.persist_in("short")
        self.configure("[namespace short]", "retention = soon")
        self.assertIn("retention=soon: not a time", self.reload())
        self.configure("[namespace short]", "retention = 100ms")
        self.assertIn("what is kept, was read again", self.reload())
        self.daemon.await_log("1 workflow expired")
        self.refused("log", "--namespace", "short", status=3, says="expired on")
        self.baton("log", "--namespace", "long")


if __name__ == "__main__":
    unittest.main()
