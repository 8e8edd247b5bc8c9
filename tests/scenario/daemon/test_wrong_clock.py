"""What a clock that stands wrong, or is set while programs run, does to workflows (H1): nothing.
The table of all cases is FORMAT.md's §9 and tests/unit/daemon/store/catalogue/test_lifetime.c."""

import json
import mmap
import os
import struct
import subprocess
import time
import unittest

from harness import BATOND, BUILD, PATIENCE, Scenario, contents, is_sanitized

SHIM = BUILD.resolve() / "tests/harness/preload/libwrong_clock.so"
AHEAD = struct.Struct("<q")  # wrong_clock.c
DAY = 86400
WALLS = {"1970": 3600 - int(time.time()), "last month": -30 * DAY, "right": 0,
         "next month": 30 * DAY, "2040": 2208988800 - int(time.time())}


@unittest.skipUnless(SHIM.exists(), "the build has no tests")
@unittest.skipIf(is_sanitized(), "sanitizers have to be loaded first")
class WrongClock(Scenario):
    def setUp(self):
        super().setUp()
        path = self.folder / "ahead"
        path.write_bytes(bytes(AHEAD.size))
        with open(path, "r+b") as shared:
            self.ahead = mmap.mmap(shared.fileno(), AHEAD.size)
        self.addCleanup(self.ahead.close)
        self.start_daemon(environment={"LD_PRELOAD": str(SHIM), "WRONG_CLOCK": str(path)})

    def set_clock(self, ahead):
        self.ahead[:] = AHEAD.pack(ahead)

    def assert_all_live(self, count):
        for n in range(count):
            self.assertEqual(contents(self.attach(workflow=f"w{n}")[1]), {"a": str(n)})

    def test_h1_a_clock_that_is_wrong_at_a_start_or_at_a_persist_expires_nothing(self):
        for n, persisted in enumerate(WALLS.values()):
            self.set_clock(persisted)
            self.persist("a", {"a": str(n)}, workflow=f"w{n}")
            for started in WALLS.values():
                self.set_clock(started)
                self.daemon.restart()
                self.assert_all_live(n + 1)
        self.assertNotIn("expired", self.daemon.read_log())

    def test_h1_a_clock_that_is_set_while_the_daemon_runs_expires_nothing(self):
        for n, begun in enumerate(WALLS.values()):
            self.set_clock(begun)
            self.daemon.restart()
            self.persist("a", {"a": str(n)}, workflow=f"w{n}")
            for later in WALLS.values():
                self.set_clock(later)
                self.assert_all_live(n + 1)

    def test_h1_what_is_old_expires_whatever_the_clock_says(self):
        for name, ahead in WALLS.items():
            with self.subTest(clock=name):
                self.persist("a", {"a": ""}, workflow=name)
                self.set_clock(ahead)
                self.daemon.expire(name)
                self.refused("log", workflow=name, status=3, says="expired")

    def test_h1_a_store_of_a_batond_that_went_by_the_wall_lives_on(self):
        """That one kept no time of its own, and wrote what the wall's clock said."""
        contacts = {"w0": 1, "w1": 2208988800000}
        for n, workflow in enumerate(contacts):
            self.persist("a", {"a": str(n)}, workflow=workflow)
        self.daemon.stop()
        with self.daemon.catalogue() as database, database:
            database.execute("DELETE FROM settings WHERE name LIKE 'seen%'")
            for workflow, contact in contacts.items():
                database.execute("UPDATE workflows SET contact_ms = ? WHERE name = ?",
                                 (contact, workflow))
        self.daemon.start()
        self.assert_all_live(2)
        self.assertTrue(self.daemon.log_lines("the time of 2 workflows begins now"))

    def token_command(self, *words):
        done = subprocess.run([BATOND, "token", *words, "--data", self.daemon.data],
                              env={**os.environ, **self.daemon.environment},
                              capture_output=True, timeout=PATIENCE, check=True)
        return done.stdout.decode().strip()

    def test_h1_a_clock_that_was_ahead_takes_no_token_and_no_key_away(self):
        def create():
            return json.loads(self.token_command("create", "--namespace", "*", "--expires", "1h",
                                                 "--json"))["id"]
        made = [create()]
        self.set_clock(365 * DAY)
        made.append(create())
        self.token_command("rotate")
        made.append(create())
        self.set_clock(0)
        listed = json.loads(self.token_command("list", "--json"))["tokens"]
        self.assertEqual([token["id"] for token in listed], made)
        keys = json.loads((self.daemon.data / "access" / "keys.json").read_text())["keys"]
        self.assertEqual(len(keys), 2, "the key of the first token verifies it")


if __name__ == "__main__":
    unittest.main()
