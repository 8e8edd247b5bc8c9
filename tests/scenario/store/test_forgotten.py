"""A daemon whose catalogue has forgotten what was acknowledged (rule L14): one flipped bit of its
log after a crash, an older copy, and the way out. The stores beside it, damaged in hundreds of
ways, are in tests/unit/daemon/store/test_forgotten.c."""

import shutil

from harness import Scenario, contents


def flip(path, share):
    data = bytearray(path.read_bytes())
    data[int(len(data) * share)] ^= 1
    path.write_bytes(data)


class Forgotten(Scenario):
    WORKFLOWS = [f"w{number}" for number in range(5)]

    def setUp(self):
        super().setUp()
        for workflow in self.WORKFLOWS:
            self.persist("job", {"file": workflow}, workflow=workflow)
        self.daemon.kill()
        self.log = self.daemon.data / "catalogue.db-wal"
        self.sound = self.log.read_bytes()
        flip(self.log, 0.6)

    def files(self):
        """All but the lock, into which a daemon writes its process id."""
        return {path: (path.stat().st_mtime_ns, path.read_bytes())
                for path in sorted(self.daemon.data.rglob("*"))
                if path.is_file() and path.name != "lock"}

    def test_l14_what_is_known_is_served_and_the_rest_is_damage(self):
        before = self.files()
        self.daemon.start()
        known = []
        for workflow in self.WORKFLOWS:
            result = self.baton("ls", workflow=workflow, status=None)
            self.assertIn(result.status, (0, 6), result)
            self.assertIn("catalogue.db", result.err.decode())
            if result.status == 0:
                known.append(workflow)
                self.assertEqual(contents(self.attach(None, workflow=workflow)[1]),
                                 {"file": workflow})
        self.assertTrue(0 < len(known) < len(self.WORKFLOWS), known)
        lost = self.WORKFLOWS[-1]
        root = self.tree({"more": "x"})
        for arguments, options in (
                (("log",), {"workflow": lost}), (("cat", "file"), {"workflow": lost}),
                (("attach", self.missing()), {"workflow": lost}),
                (("attach", "--if-empty=ok", self.missing()), {"workflow": lost}),
                (("attach", "--layer", "0123456789abcdef", self.missing()), {}),
                (("attach", self.missing()), {"workflow": known[0], "job": "other"}),
                (("persist", "--root", root, "."), {"workflow": "new", "job": "a"})):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, status=6, says="catalogue.db", **options)
        damage = self.status()["damage"]
        self.assertRegex(damage, "last change is number [0-9]+, .* of number [0-9]+; .* put back")
        self.assertIn(damage, self.baton("status").out.decode())
        self.assertTrue(self.daemon.log_lines(f"error store: {damage}"))
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(self.files(), before)

    def test_l14_check_says_it_and_changes_nothing(self):
        before = {path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes())
                  for path in [self.daemon.data, *self.daemon.data.rglob("*")]}
        for path in (self.daemon.data / "segments", self.daemon.data):
            path.chmod(0o500)
        status, out, _ = self.daemon.check("--read-data")
        self.assertEqual(status, 6)
        self.assertIn("has forgotten what was acknowledged", out)
        for path in (self.daemon.data, self.daemon.data / "segments"):
            path.chmod(0o700)
        self.assertEqual({path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes())
                          for path in [self.daemon.data, *self.daemon.data.rglob("*")]}, before)

    def test_l14_the_right_log_put_back_is_the_way_out(self):
        self.daemon.start()
        self.assertIn("forgotten", self.status()["damage"])
        self.daemon.stop()
        self.log.write_bytes(self.sound)
        self.daemon.start()
        self.assertEqual(self.status()["damage"], "")
        for workflow in self.WORKFLOWS:
            self.assertEqual(contents(self.attach(None, workflow=workflow)[1]),
                             {"file": workflow})
        self.persist("job", {"file": "goes on"}, workflow="new")

    def test_l14_an_older_catalogue_put_back(self):
        self.log.write_bytes(self.sound)
        self.daemon.start()
        self.daemon.stop()
        older = self.folder / "older"
        shutil.copytree(self.daemon.data, older)
        self.daemon.start()
        self.persist("job", {"file": "later"}, workflow="later")
        self.daemon.stop()
        for stamp in (True, False):  # without it the commit frame of a later persist tells
            if not stamp:
                self.persist_two_more(older)
            shutil.copy2(older / "catalogue.db", self.daemon.data / "catalogue.db")
            status, out, _ = self.daemon.check()
            self.assertEqual(status, 6, out)
            self.assertIn("`stamp`" if stamp else "segment `", out)

    def test_l14_what_stands_behind_a_broken_frame_tells_without_a_stamp(self):
        """No commit frame knows of the last persist: attaches of it stand behind it."""
        self.log.write_bytes(self.sound)
        self.daemon.start()
        before = self.log.stat().st_size
        self.persist("job", {"file": "last"}, workflow="last")
        behind = self.log.stat().st_size
        for number in range(3):
            self.attach(f"job{number}", workflow="last")
        self.daemon.kill()
        (self.daemon.data / "stamp").unlink()
        flip(self.log, (before + behind) / 2 / self.log.stat().st_size)
        status, out, _ = self.daemon.check()
        self.assertEqual(status, 6, out)
        self.assertIn("`catalogue.db-wal` behind a broken frame knows of number", out)
        self.daemon.start()
        self.refused("attach", self.missing(), workflow="last", status=6, says="forgotten")

    def persist_two_more(self, older):
        newer = self.daemon.data
        shutil.rmtree(newer)
        shutil.copytree(older, newer)
        self.daemon.start()
        for number in range(2):
            self.persist("job", {"file": f"more {number}"}, workflow=f"more{number}")
        self.daemon.kill()
        (newer / "stamp").unlink()
        (newer / "catalogue.db-wal").unlink()

    def test_check_of_what_cannot_be_looked_at_is_no_missing_store(self):
        loop = self.folder / "loop"
        loop.symlink_to(loop)
        self.daemon.data = loop
        status, _, err = self.daemon.check()
        self.assertEqual(status, 9, err)
        self.assertNotIn("holds no store", err)
