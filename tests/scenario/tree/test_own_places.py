"""What is Baton's own and lies in a tree that is persisted (L5): it is no part of it."""

import os
import subprocess
import unittest

from harness import PATIENCE, UNPRIVILEGED, Daemon, Scenario, contents

DATA = "data directory of batond"
RECORDS = "folder of baton's stat records"


class InTheTree(Scenario):
    def setUp(self):
        super().setUp()
        self.root = self.tree({"a": "1", "deep/b": "2"})

    def start_inside(self, folder):
        daemon = Daemon(self.root / folder)
        self.daemons.append(daemon)
        return daemon

    def persist_root(self, *flags, job="a", **options):
        """What is stored, and the warnings."""
        result = self.baton("persist", "--json", "--root", self.root, *flags, ".", job=job,
                            **options).json
        _, out = self.attach("r", "--from", job)
        return contents(out), result["warnings"]

    def assert_left_out(self, stored, warnings, what, path):
        self.assertFalse([name for name in stored if name.startswith(path)], stored)
        self.assertEqual([w for w in warnings if f"`{path}`" in w],
                         [f"`{path}`: skipped, because it is a {what}"])

    def test_l5_the_daemons_data_are_left_out_with_a_warning_each_time(self):
        self.start_inside("deep/store")
        for time in ("first", "with a stat record"):
            with self.subTest(time=time):
                stored, warnings = self.persist_root()
                self.assertEqual((stored["a"], stored["deep/b"]), ("1", "2"))
                self.assert_left_out(stored, warnings, DATA, "deep/store/data")

    def test_l5_a_store_that_was_moved_while_its_daemon_runs_is_still_known(self):
        self.start_inside("deep/store")
        os.rename(self.root / "deep/store/data", self.root / "elsewhere")
        stored, warnings = self.persist_root()
        self.assert_left_out(stored, warnings, DATA, "elsewhere")

    @unittest.skipUnless(os.geteuid() == 0, "takes root, to be another user")
    def test_l5_a_store_that_the_client_cannot_open_is_left_out_too(self):
        daemon = self.start_inside("store")
        self.folder.chmod(0o755)
        for path in (self.root, daemon.folder, daemon.socket.parent):
            path.chmod(0o755)
        daemon.socket.chmod(0o666)
        result = self.baton("persist", "--json", "--no-stat-record", "--root", self.root, ".",
                            "--exclude", "log", job="a", cwd="/", wrapper=UNPRIVILEGED).json
        self.assertIn(f"`store/data`: skipped, because it is a {DATA}", result["warnings"])

    def test_l5_a_store_that_is_mounted_in_the_tree_is_left_out(self):
        self.start_daemon()
        (self.root / "mounted").mkdir()
        command = self.command("persist", "--workflow", "w", "--job", "a", "--root", self.root, ".")
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", 'mount --bind "$1" "$2" || exit 77; shift 2; exec "$@"',
             "sh", self.daemon.data, self.root / "mounted", *command],
            env=self.environment(), capture_output=True, timeout=PATIENCE, check=False)
        if done.returncode in (1, 77) and (b"unshare" in done.stderr or b"mount:" in done.stderr):
            self.skipTest("nothing can be mounted here")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(f"`mounted`: skipped, because it is a {DATA}".encode(), done.stderr)

    def test_l5_the_store_itself_is_no_tree_to_persist(self):
        daemon = self.start_inside("store")
        self.refused("persist", "--root", daemon.data, ".", job="a", status=2, says=DATA)

    def test_l5_another_daemons_data_are_left_out_too(self):
        """Which runs no more, and has keys."""
        other = self.start_inside("deep/store")
        other.stop()
        self.start_daemon()
        self.daemons.reverse()
        (self.root / "format").write_text("batond stores are not all that is called so\n")
        (self.root / "deep/format").write_text("")
        for time in ("first", "with a stat record"):
            with self.subTest(time=time):
                stored, warnings = self.persist_root()
                self.assertLessEqual({"a", "format", "deep/b", "deep/format", "deep/store/log"},
                                     set(stored))
                self.assert_left_out(stored, warnings, DATA, "deep/store/data")
        self.refused("persist", "--root", other.data, ".", job="b", status=2, says=DATA)

    def move_data(self, place):
        """The daemon's socket and log stay where they are."""
        self.daemon.stop()
        place.parent.mkdir(parents=True, exist_ok=True)
        os.rename(self.daemon.data, place)
        self.daemon.data = place
        self.daemon.start()

    def test_l5_an_attach_with_delete_leaves_the_daemons_data_and_what_leads_there(self):
        self.persist("a", {"new": "1", "in/the/view": "2"})
        for place in ("store", "not/in/the/view/store", "in/the/store"):
            with self.subTest(place=place):
                self.move_data(self.root / place)
                for old in ("old", "not/in/old"):
                    (self.root / old).parent.mkdir(parents=True, exist_ok=True)
                    (self.root / old).write_text("x")
                got, _ = self.attach("r", "--from", "a", "--delete", into=self.root)
                self.assertEqual(got["warnings"],
                                 [f"`{self.root}/{place}`: it is a {DATA}; --delete leaves it"])
                self.assertFalse((self.root / "old").exists())
                self.assertFalse((self.root / "not/in/old").exists())
                self.persist("b", {"b": "still there"})
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(self.daemon.check()[0], 0)

    def test_l5_nothing_is_attached_into_the_daemons_data(self):
        daemon = self.start_inside("deep/store")
        before = (daemon.data / "format").read_bytes()
        for n, files in enumerate(({"deep/store/data/format": "bent"}, {"deep": "a file"},
                                   {"deep/store/data": "a file"})):
            self.persist("a", files, workflow=f"w{n}")
            self.refused("attach", "--delete", self.root, workflow=f"w{n}", status=9,
                         says="the daemon keeps its data there")
        self.refused("attach", daemon.data, workflow="w0", status=9,
                     says="the daemon keeps its data there")
        self.assertEqual((daemon.data / "format").read_bytes(), before)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.check()[0], 0)

    def test_l5_stat_records_in_the_tree_are_left_out(self):
        cache = {"XDG_CACHE_HOME": str(self.root / "cache")}
        self.persist_root("--exclude", "none", variables=cache)  # makes the folder
        self.assertTrue((self.root / "cache/baton").is_dir())
        stored, warnings = self.persist_root(job="b", variables=cache)
        self.assert_left_out(stored, warnings, RECORDS, "cache/baton")
        dry = self.baton("persist", "--dry-run", "--root", self.root, ".", job="c",
                         variables=cache)
        self.assertIn(RECORDS.encode(), dry.err)

    def test_l5_a_persist_of_a_tree_without_it_warns_of_nothing(self):
        self.assertEqual(self.persist_root()[1], [])


if __name__ == "__main__":
    unittest.main()
