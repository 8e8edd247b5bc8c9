"""Rules T3 and T6: files that change while they are read, and bytes that change on their way."""

import os
import threading

from harness import Scenario, random_bytes, read_tree
from proxy import Flip, Hold

LARGE = 48 << 20  # read in many parts, and more than a persist holds in memory at once
BIG = random_bytes(LARGE)


class Changing(Scenario):
    def persist_held(self, root, *flags):
        """A persist that has read the beginning of the tree and cannot send on."""
        hold = Hold("up", 1_000_000)
        proxy = self.proxy(hold)
        process = self.popen("persist", "--server", proxy.url, "--root", root, *flags, ".",
                             job="a")
        hold.wait()
        return process, hold

    def finish(self, process, hold, status):
        hold.release()
        _, err = process.communicate()
        self.assertEqual(process.returncode, status, err)
        return err.decode()

    def keep_changing(self, path, change):
        """Changes a file without a pause until the test ends."""
        stop = threading.Event()

        def run():
            with open(path, "r+b", buffering=0) as file:
                while not stop.is_set():
                    change(file)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)

    def grow(self, path):
        def append(file):
            file.seek(0, os.SEEK_END)
            file.write(b"more\n")
        self.keep_changing(path, append)

    def test_t3_a_file_that_changed_once_is_read_again(self):
        root = self.tree({"big": BIG})
        process, hold = self.persist_held(root)
        with open(root / "big", "r+b") as file:
            file.write(b"changed")
            file.seek(LARGE - 7)
            file.write(b"changed")
        self.finish(process, hold, 0)
        self.assertEqual((self.attach()[1] / "big").read_bytes(), (root / "big").read_bytes())

    def test_t3_a_file_that_shrank_once_is_read_again(self):
        root = self.tree({"big": BIG})
        process, hold = self.persist_held(root)
        os.truncate(root / "big", 1000)
        self.finish(process, hold, 0)
        self.assertEqual((self.attach()[1] / "big").read_bytes(), BIG[:1000])

    def test_t3_a_file_that_keeps_changing_is_an_error(self):
        root = self.tree({"big": BIG, "small": ""})
        self.grow(root / "big")
        with self.nothing_changes():
            self.refused("persist", "--root", root, ".", job="a", status=9,
                         says=("`big`", "--if-changed=skip"))

    def test_t3_skip_leaves_it_out_with_a_warning(self):
        root = self.tree({"big": BIG, "small": ""})
        self.grow(root / "big")
        made = self.baton("persist", "--json", "--if-changed=skip", "--root", root, ".",
                          job="a").json
        self.assertTrue(any("`big`" in warning for warning in made["warnings"]))
        self.assertEqual(set(read_tree(self.attach()[1])), {b"small"})

    def test_t3_prefix_stores_what_was_there_when_it_was_opened(self):
        root = self.tree({"big": BIG})
        self.grow(root / "big")
        self.baton("persist", "--if-changed=prefix", "--root", root, ".", job="a")
        stored = (self.attach()[1] / "big").read_bytes()
        self.assertGreaterEqual(len(stored), LARGE)
        self.assertEqual((root / "big").read_bytes()[:len(stored)], stored)

    def test_t3_prefix_does_not_store_what_changed_in_the_middle(self):
        root = self.tree({"big": BIG})
        numbers = iter(range(1 << 62))

        def rewrite(file):
            number = next(numbers)
            file.seek(number * 4096 % LARGE)
            file.write(b"%d" % number)
        self.keep_changing(root / "big", rewrite)
        with self.nothing_changes():
            self.refused("persist", "--if-changed=prefix", "--root", root, ".", job="a",
                         status=9, says="`big`")

    def test_t3_a_file_that_vanishes_is_an_error_with_its_name(self):
        root = self.tree({"big": BIG, "zzz": "last"})
        process, hold = self.persist_held(root)
        (root / "zzz").unlink()
        err = self.finish(process, hold, 9)
        self.assertIn("baton: `zzz`: vanished", err)
        self.assertEqual(self.status()["layers"], 0)

    def test_t3_skip_leaves_out_a_file_that_vanishes(self):
        root = self.tree({"big": BIG, "zzz": "last"})
        process, hold = self.persist_held(root, "--if-changed=skip")
        (root / "zzz").unlink()
        err = self.finish(process, hold, 0)
        self.assertIn("warning: `zzz`: left out, because it vanished", err)
        self.assertEqual(set(read_tree(self.attach()[1])), {b"big"})

    def test_t3_a_file_that_becomes_something_else_is_an_error_with_its_name(self):
        root = self.tree({"big": BIG, "zzz": "last"})
        process, hold = self.persist_held(root)
        (root / "zzz").unlink()
        (root / "zzz").symlink_to("/etc/passwd")
        err = self.finish(process, hold, 9)
        self.assertIn("baton: `zzz`: ", err)
        self.assertEqual(self.status()["layers"], 0)


class Damaged(Scenario):
    def test_t6_bytes_damaged_on_the_way_are_noticed_and_named(self):
        self.persist("a", {"file": random_bytes(900_000)})
        proxy = self.proxy(Flip("down", 500_000))
        into = self.missing()
        self.refused("attach", "--server", proxy.url, into, status=6, says="`file`")
        self.assertEqual(os.listdir(into.parent), [])

    def test_t6_bytes_damaged_in_the_store_are_noticed_and_named(self):
        data = random_bytes(900_000)
        self.persist("a", {"file": data})
        self.daemon.stop()
        segment, = self.daemon.segments()
        stored = bytearray(segment.read_bytes())
        at = stored.index(data[400_000:400_064])
        stored[at] ^= 1
        segment.write_bytes(stored)
        self.daemon.start()
        for flags in ([], ["--verify"]):
            into = self.missing()
            self.refused("attach", *flags, into, status=6, says="`file`")
            self.assertEqual(os.listdir(into.parent), [])

    def test_t6_bytes_damaged_on_their_way_to_the_daemon_are_never_stored(self):
        root = self.tree({"file": random_bytes(900_000)})
        proxy = self.proxy(Flip("up", 500_000))
        with self.nothing_changes():
            self.refused("persist", "--server", proxy.url, "--root", root, ".", job="a", status=6)
