"""Removal: a daemon gives back what nothing reaches any more, and says what would go."""

import json
import subprocess

from harness import BATOND, PATIENCE, Scenario, contents, random_bytes

DAY_MS = 24 * 3600 * 1000


class Removal(Scenario):
    def expire(self, workflow):
        """Expired, when daemons had run for a day less."""
        self.daemon.stop()
        with self.daemon.catalogue() as database, database:
            database.execute("UPDATE workflows SET expired_ms = 5, expired_running_ms = 0"
                             " WHERE name = ?", (workflow,))
            database.execute("INSERT OR REPLACE INTO settings VALUES ('running_ms', ?)", (DAY_MS,))

    def gc(self, *flags, status=0):
        done = subprocess.run([BATOND, "gc", "--data", self.daemon.data, *flags],
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def stored(self):
        return sum(path.stat().st_size for path in self.daemon.segments())

    def two_workflows(self):
        self.persist("build", {"big": random_bytes(3_000_000, 1)}, workflow="gone")
        self.persist("build", {"small": "kept"}, workflow="stays")
        self.expire("gone")

    def test_l9_gc_says_what_would_go_and_then_gives_it_back(self):
        self.two_workflows()
        before = self.stored()
        told = json.loads(self.gc("--dry-run", "--json")[0])
        self.assertEqual((told["workflows"], told["layers"]), (1, 1))
        self.assertEqual(self.stored(), before)
        layer = next(finding for finding in told["findings"] if finding["what"] == "layer")
        self.assertEqual((layer["workflow"], layer["why"]), ("gone", "expired"))
        out, _ = self.gc()
        self.assertIn("workflow `gone`", out)
        self.assertLess(self.stored(), before / 10)
        self.assertGreaterEqual(told["freed_bytes"], before - self.stored() - 1000)
        self.assertEqual(self.daemon.check("--read-data")[0], 0)
        self.daemon.start()
        self.assertEqual(contents(self.attach("look", workflow="stays")[1]), {"small": "kept"})
        self.refused("attach", self.missing(), workflow="gone", job="x", status=3,
                     says=["expired"])

    def test_l13_what_was_compacted_is_rebuilt_without_its_catalogue(self):
        kept = random_bytes(100_000, 2)
        self.persist("build", {"big": random_bytes(3_000_000, 1)}, workflow="gone")
        self.persist("build", {"kept": kept}, workflow="stays")
        self.expire("gone")
        before = self.stored()
        self.gc()
        self.assertLess(self.stored(), before / 10)
        (self.daemon.data / "catalogue.db").unlink()
        done = subprocess.run([BATOND, "rebuild", "--data", self.daemon.data],
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        status, out, err = self.daemon.check("--read-data")
        self.assertEqual(status, 0, out + err)
        self.daemon.start()
        self.assertEqual((self.attach("look", workflow="stays")[1] / "kept").read_bytes(), kept)
        self.refused("attach", self.missing(), workflow="gone", job="x", status=3)

    def test_l9_a_daemon_that_runs_is_asked(self):
        self.two_workflows()
        self.daemon.start()
        before = self.stored()
        _, err = self.gc("--dry-run", status=7)
        self.assertIn("while no daemon runs", err)
        out, _ = self.gc()
        self.assertIn("asked batond", out)
        self.daemon.await_log("layers given up")
        self.assertLess(self.stored(), before / 10)
        self.assertEqual(contents(self.attach("look", workflow="stays")[1]), {"small": "kept"})
