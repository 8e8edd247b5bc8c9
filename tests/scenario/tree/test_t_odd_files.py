"""Faults M9 to M11: what is lost of a mode, files that do not know their size, sparse files."""

import errno
import os
import pathlib
import re
import shutil
import struct
import unittest

from harness import Scenario, contents, is_sanitized, make_tree, random_bytes, read_tree

# One capability, effective: VFS_CAP_REVISION_2, cap_net_raw.
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
PROGRAM = b"\x7fELF and more"
SCRIPT = b"#!/bin/sh\n"
# Of procfs: no size, and content that stays the same.
STEADY = ("version", "filesystems", "devices")
LARGE = pathlib.Path("/proc/kallsyms")


class Lost(Scenario):
    def setUp(self):
        super().setUp()
        self.root = self.tree({"bin/ping": (PROGRAM, 0o755), "bin/script": (SCRIPT, 0o755), "bin/sandbox": ("s", 0o755),
                               "data": (PROGRAM, 0o644), "tmp": None, "zz": None})

    def warnings(self, *flags, job="a"):
        return self.baton("persist", "--json", "--root", self.root, *flags, ".",
                          job=job).json["warnings"]

    def assert_told_twice(self, sentence):
        """With --dry-run, for the first time, and when the stat record knows the tree."""
        for flags in (("--dry-run",), (), (), ("--no-stat-record",)):
            self.assertEqual(self.warnings(*flags), [sentence], flags)

    def test_m9_nothing_is_lost_and_nothing_told(self):
        self.assertEqual(self.warnings(), [])

    def test_m9_setuid(self):
        (self.root / "bin/sandbox").chmod(0o4755)
        self.assert_told_twice("`bin/sandbox`: setuid is not kept")

    def test_m9_setgid_and_sticky_of_folders(self):
        (self.root / "tmp").chmod(0o1777)
        (self.root / "zz").chmod(0o2775)
        self.assert_told_twice(
            "`tmp` (and 1 more): setgid and sticky are not kept")

    def test_m9_all_kinds_in_one_warning_with_the_first_path(self):
        self.set_capability("bin/ping")
        (self.root / "bin/sandbox").chmod(0o6755)
        (self.root / "tmp").chmod(0o1777)
        self.assert_told_twice("`bin/ping` (and 2 more): setuid, setgid, sticky and "
                               "capabilities are not kept")

    def test_m9_of_many_files_on_several_threads_the_first_is_named(self):
        make_tree(self.root, {f"many/{i:04}": (f"{i}", 0o4755) for i in range(1500)})
        self.assert_told_twice(
            "`many/0000` (and 1499 more): setuid is not kept")

    def set_capability(self, name):
        try:
            os.setxattr(self.root / name, "security.capability", CAPABILITY)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP):
                raise
            self.skipTest("no capability can be given to a file here")

    def test_m9_capabilities_also_of_a_file_that_was_known_before(self):
        self.warnings()
        self.set_capability("bin/ping")
        self.assert_told_twice("`bin/ping`: capabilities are not kept")

    def test_m9_capabilities_of_data_and_scripts_do_nothing_and_are_not_missed(self):
        self.set_capability("data")
        self.set_capability("bin/script")
        self.assertEqual(self.warnings(), [])

    def test_m9_not_of_what_is_not_stored(self):
        (self.root / "bin").chmod(0o2755)
        (self.root / "tmp").chmod(0o1777)
        self.root.chmod(0o1777)
        self.assertEqual(self.warnings("--exclude", "tmp", "--exclude", "bin"), [])
        self.assertEqual(self.baton("persist", "--json", "--root", self.root, "bin/ping",
                                    job="a").json["warnings"], [])


class Sizeless(Scenario):
    def stored(self, root, *names):
        """What an attach makes of these files, persisted twice with a stat record."""
        for _ in range(2):
            result = self.baton("persist", "--json", "--root", root, *names, job="a").json
            self.assertEqual(result["warnings"], [])
        return result, {os.fsdecode(path): entry[2] for path, entry
                        in read_tree(self.attach()[1]).items() if entry[0] == "file"}

    @unittest.skipUnless(pathlib.Path("/proc/version").exists(), "there is no procfs")
    def test_m10_files_that_say_they_are_empty_are_read_to_the_end(self):
        result, stored = self.stored("/proc", *STEADY)
        self.assertEqual(stored, {name: pathlib.Path("/proc", name).read_bytes()
                                  for name in STEADY})
        self.assertEqual(result["bytes"], sum(len(data) for data in stored.values()))

    @unittest.skipUnless(LARGE.exists() and len(LARGE.read_bytes()) > 2 << 20,
                         "there is no large file in procfs")
    def test_m10_one_that_is_larger_than_a_unit_is_cut_like_others(self):
        data = None
        while data != LARGE.read_bytes():  # a module or a filter was loaded meanwhile
            data = LARGE.read_bytes()
            _, stored = self.stored("/proc", LARGE.name)
        self.assertEqual(stored[LARGE.name], data)
        again = self.persist("b", {LARGE.name: data})
        self.assertEqual((again["new_bytes"], again["bytes"]), (0, len(data)))

    def test_m10_files_that_give_less_than_they_say_are_stored_as_read(self):
        found = [path for path in pathlib.Path("/sys/kernel").glob("mm/**/*")
                 if path.is_file() and path.stat().st_mode & 0o400]
        short = [path for path in found if len(path.read_bytes()) < path.stat().st_size][:40]
        if not short:
            self.skipTest("there is no sysfs")
        result, stored = self.stored("/sys", *(path.relative_to("/sys") for path in short))
        self.assertEqual(result["files"], len(short))
        for path in short:
            self.assertLess(len(stored[str(path.relative_to("/sys"))]), path.stat().st_size)
        self.assertIn(b"\n", b"".join(stored.values()))

    def test_m10_files_that_are_empty_stay_so_and_are_known_the_next_time(self):
        root = self.tree({f"{i}": "" for i in range(300)})
        _, stored = self.stored(root, ".")
        self.assertEqual(set(stored.values()), {b""})
        self.assertEqual(len(contents(root)), 300)


MIB = 1 << 20
# {name: (size, {offset: bytes})}
SPARSE = {
    "nothing": (6 * MIB, {}), "nothing, and some": (6 * MIB + 1, {}), "small": (MIB, {5: b"x"}),
    "just large": (MIB + 1, {MIB: b"x"}), "begin": (9 * MIB, {0: random_bytes(70_000)}),
    "end": (9 * MIB, {9 * MIB - 1: b"x"}), "long": (300 * MIB, {150 * MIB + 7: b"middle"}),
    "many": (12 * MIB, {i * 200_000: random_bytes(5000, i) for i in range(50)}),
    "on cuts": (8 * MIB, {2 * MIB: b"x" * 2 * MIB, 6 * MIB - 1: b"y"}),
}


class Sparse(Scenario):
    def setUp(self):
        super().setUp()
        self.root, self.dense = self.tree({}), self.tree({})
        for name, (size, data) in SPARSE.items():
            for root in (self.root, self.dense):
                with open(root / name, "wb") as file:
                    file.truncate(size)
                    for offset, part in data.items():
                        os.pwrite(file.fileno(), part, offset)
                    if root == self.dense and size < 20 * MIB:
                        whole = (root / name).read_bytes()
                        os.pwrite(file.fileno(), whole, 0)
                os.utime(root / name, ns=(0, 10**18))
        os.unlink(self.root / "small")
        os.link(self.dense / "small", self.root / "small")

    def persist_root(self, root, workflow, **options):
        return self.baton("persist", "--json", "--no-stat-record", "--root", root, ".", job="a",
                          workflow=workflow, **options).json

    def test_m11_a_sparse_file_is_cut_and_named_like_one_that_is_not(self):
        sparse = self.persist_root(self.root, "w1")
        self.assertEqual(self.persist_root(self.dense, "w2")["digest"], sparse["digest"])
        again = self.persist_root(self.root, "w3")
        self.assertEqual((again["digest"], again["new_bytes"]), (sparse["digest"], 0))
        _, out = self.attach(workflow="w1")
        self.assertEqual(read_tree(out), read_tree(self.root))

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    @unittest.skipIf(is_sanitized(), "the leak sanitizer does not work under strace")
    def test_m11_holes_are_not_read(self):
        os.truncate(self.root / "long", 4 << 30)
        log = self.folder / "strace"
        self.persist_root(self.root, "w", wrapper=("strace", "-f", "-e", "trace=pread64", "-o", log))
        read = sum(int(got) for got in re.findall(r"pread64\(.*= (\d+)", log.read_text()))
        held = sum(path.stat().st_blocks * 512 for path in self.root.iterdir())
        self.assertLess(read, 4 * held + 16 * MIB)

    def test_m11_what_is_written_into_a_hole_is_noticed(self):
        self.baton("persist", "--root", self.root, "long", job="a")
        with open(self.root / "long", "r+b") as file:
            os.pwrite(file.fileno(), b"new", 40 * MIB)
        self.baton("persist", "--root", self.root, "long", job="a")
        _, out = self.attach()
        with open(out / "long", "rb") as file:
            self.assertEqual(os.pread(file.fileno(), 5, 40 * MIB - 1), b"\0new\0")
