"""Fault M13: where no thread is to be had, one is enough."""

import os
import sys

from harness import TOP, Scenario, is_sanitized, random_bytes, read_tree

WITHOUT_THREADS = (sys.executable,
                   str(TOP / "tests/harness/without_threads.py"))


class Alone(Scenario):
    def setUp(self):
        super().setUp()
        if is_sanitized():
            self.skipTest("a sanitizer wants threads of its own")

    def go(self, files, *flags):
        """Persisted and attached without threads, twice each: what arrived is what was there."""
        root = self.tree(files)
        into = self.missing()
        for count in (len(files), 0):
            self.baton("persist", "--root", root, *flags, ".", job="a", wrapper=WITHOUT_THREADS)
            result = self.baton("attach", "--json", *flags, into, wrapper=WITHOUT_THREADS).json
            self.assertEqual(result["written_files"], count)
            self.assertEqual(read_tree(into), read_tree(root))
        return root, into

    def test_m13_a_small_tree(self):
        self.go({"a": "1", "b/c": "2"})

    def test_m13_many_files(self):
        self.go({f"d{i // 100}/{i}": str(i) * (i % 40) for i in range(3000)})

    def test_m13_large_files(self):
        """More than the batches hold that are under way at once."""
        self.go({f"{i}": random_bytes(3_000_000 + i, i) for i in range(25)})

    def test_m13_without_a_stat_record_everything_is_compared_by_the_one_thread(self):
        root, into = self.go({f"{i}": str(i) for i in range(700)})
        self.baton("persist", "--no-stat-record", "--root", root, ".", job="a",
                   wrapper=WITHOUT_THREADS)
        (into / "5").write_text("other")
        os.utime(into / "5", ns=(0, (root / "5").stat().st_mtime_ns))
        self.baton("attach", "--no-stat-record", into, wrapper=WITHOUT_THREADS)
        self.assertEqual(read_tree(into), read_tree(root))

    def test_m13_each_command_and_its_progress(self):
        self.persist("a", {"f": "x"})
        for command in (("ls",), ("log",), ("cat", "f"), ("diff", "w", "w"), ("status",)):
            self.baton(*command, wrapper=WITHOUT_THREADS)
        self.daemon.freeze()
        self.addCleanup(self.daemon.thaw)
        self.refused("ls", "--timeout", "0.2", status=7, wrapper=WITHOUT_THREADS)

    def test_m13_an_error_is_the_same(self):
        root = self.tree({f"{i}": str(i) for i in range(700)})
        (root / "gone").symlink_to("x" * 200)
        self.refused("persist", "--root", root, ".", "ghost", job="a", status=3,
                     says="`ghost`", wrapper=WITHOUT_THREADS)
