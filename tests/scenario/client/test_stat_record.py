"""The stat record: what has not changed is neither read nor written, and nothing that has
changed is taken for unchanged, however it hides."""

import ctypes
import hashlib
import os
import pathlib
import shutil
import struct
import subprocess
import time

import stat_record
from harness import Link, Scenario, random_bytes, read_tree
from stat_record import settle

IN_OPEN, IN_ISDIR = 0x20, 0x40000000
FILES = {
    "a.txt": "some text", "b.txt": "more text", "d/deep/file": "in a directory",
    "d/other": "beside it", "d/same": "some text", "empty/": None, "zero": "",
    "link": Link("a.txt"), "script": ("#!/bin/sh\n", 0o755),
    "large": random_bytes(4_500_000),
}
KINDS = {name.rstrip("/"): content for name, content in FILES.items()}


class Opens:
    """Which files below a folder are opened while it is there."""

    def __init__(self, root):
        self.libc, self.root = ctypes.CDLL(None, use_errno=True), os.fsencode(root)
        self.files, self.directories = set(), set()

    def __enter__(self):
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.watched = {}
        for folder, _, _ in os.walk(self.root):
            watch = self.libc.inotify_add_watch(self.fd, folder, IN_OPEN)
            assert watch > 0
            self.watched[watch] = os.path.relpath(folder, self.root)
        while self._read():
            pass
        self.files.clear()
        self.directories.clear()
        return self

    def _read(self):
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return False
        at = 0
        while at < len(data):
            watch, mask, _, length = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + length].rstrip(b"\0")
            path = os.path.normpath(os.path.join(self.watched[watch], name))
            (self.directories if mask & IN_ISDIR else self.files).add(os.fsdecode(path))
            at += 16 + length
        return True

    def __exit__(self, *_):
        while self._read():
            pass
        os.close(self.fd)


def write_over(path, content):
    """Other bytes of the same size, and the modification time as it was."""
    before = os.stat(path)
    with open(path, "r+b", buffering=0) as file:
        file.write(content)
    assert os.stat(path).st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def other(path):
    """Bytes of the size of the file that it does not hold."""
    return bytes(byte ^ 1 for byte in pathlib.Path(os.fsdecode(path)).read_bytes())


def look(root, times=False):
    """read_tree() with digests in the place of contents, so that differences are short."""
    return {path: (*entry[:2], hashlib.sha256(entry[2]).hexdigest(), *entry[3:])
            for path, entry in read_tree(root, times).items()}


class Recorded(Scenario):
    def setUp(self):
        super().setUp()
        self.cache = self.folder / "cache"
        self.workflows = 0

    def store(self, root, *flags, **options):
        """Persists a folder in a workflow of its own, as most do; returns its JSON."""
        self.workflows += 1
        return self.baton("persist", "--json", "--root", root, *flags, ".",
                          workflow=f"w{self.workflows}", job="a", **options).json

    def fetch(self, into, *flags, **options):
        return self.baton("attach", "--json", *flags, into, workflow=f"w{self.workflows}",
                          **options).json

    def known_tree(self):
        """A folder that a persist has just seen."""
        root = self.tree(KINDS)
        settle()
        self.first = self.store(root)
        return root

    def attached_tree(self):
        """A folder that an attach has just made, and what it must hold."""
        self.source = self.tree(KINDS)
        self.store(self.source)
        into = self.missing()
        self.fetch(into)
        return into

    def assert_stored(self, root):
        """That a persist stores what the folder holds, not what is remembered of it."""
        before = look(root, times=True)
        self.store(root)
        out = self.missing()
        self.fetch(out, "--no-stat-record")
        self.assertEqual(look(out, times=True), before)
        shutil.rmtree(out)

    def assert_restored(self, into):
        """That an attach makes the folder what the view says, whatever is remembered."""
        self.fetch(into)
        self.assertEqual(look(into), look(self.source))


class Unread(Recorded):
    def test_a_persist_again_opens_nothing(self):
        root = self.known_tree()
        with Opens(root) as opens:
            again = self.store(root)
        self.assertEqual((opens.files, opens.directories), (set(), {"."}))
        self.assertEqual(again["digest"], self.first["digest"])
        self.assertEqual(again["new_bytes"], 0)
        self.assertLess(again["sent_bytes"], 4096)

    def test_an_attach_again_opens_nothing_and_changes_nothing(self):
        into = self.attached_tree()
        before = {path: (info.st_ino, info.st_ctime_ns) for path in into.rglob("*")
                  for info in [path.lstat()]}
        with Opens(into) as opens:
            again = self.fetch(into)
        self.assertEqual(opens.files, set())
        self.assertEqual(again["written_files"], 0)
        self.assertEqual(again["unchanged_files"], 8)
        self.assertLess(again["received_bytes"], 8192)
        self.assertEqual({path: (path.lstat().st_ino, path.lstat().st_ctime_ns)
                          for path in into.rglob("*")}, before)

    def test_what_an_attach_wrote_a_persist_does_not_read(self):
        into = self.attached_tree()
        with Opens(into) as opens:
            self.store(into)
        self.assertEqual(opens.files, set())
        self.assert_stored(into)

    def test_what_a_persist_read_an_attach_does_not_read(self):
        root = self.known_tree()
        with Opens(root) as opens:
            self.fetch(root)
        self.assertEqual(opens.files, set())

    def test_only_what_changed_is_opened(self):
        root = self.known_tree()
        (root / "d/other").write_text("changed")
        (root / "d/new").write_text("new")
        (root / "b.txt").unlink()
        settle()
        with Opens(root) as opens:
            self.store(root)
        self.assertEqual(opens.files, {"d/other", "d/new"})
        self.assert_stored(root)

    def test_only_what_changed_is_restored(self):
        into = self.attached_tree()
        write_over(into / "d/other", other(into / "d/other"))
        (into / "b.txt").unlink()
        with Opens(into) as opens:
            again = self.fetch(into)
        self.assertEqual(opens.files - {"b.txt"}, {"d/other"})
        self.assertEqual(again["written_files"], 2)
        self.assertEqual(look(into), look(self.source))

    def test_an_attach_then_a_build_then_a_persist_of_its_output(self):
        into = self.attached_tree()
        os.makedirs(into / "dist")
        (into / "dist/out").write_text("built")
        settle()
        self.baton("persist", "--root", into, "dist", job="build")
        with Opens(into) as opens:
            self.store(into)
        self.assertEqual(opens.files, set())
        self.assert_stored(into)

    def test_a_part_leaves_the_rest_known(self):
        root = self.known_tree()
        self.baton("persist", "--root", root, "a.txt", job="b")
        self.baton("persist", "--root", root, "--exclude", "d", ".", job="c")
        with Opens(root) as opens:
            self.store(root)
        self.assertEqual(opens.files, set())
        self.assert_stored(root)

    def test_verify_reads(self):
        into = self.attached_tree()
        with Opens(into) as opens:
            self.fetch(into, "--verify")
        self.assertIn("a.txt", opens.files)

    def test_the_format_is_what_its_page_says(self):
        record = stat_record.of(self.cache, self.known_tree())
        self.assertEqual(set(record.entries) - {b""},
                         {b"d", b"d/deep", *map(os.fsencode, KINDS)})
        self.assertTrue(all(entry.trusted for entry in record.entries.values()))
        self.assertEqual(record.entries[b"link"].target, b"a.txt")
        self.assertEqual(record.entries[b"script"].mode, 0o755)
        self.assertGreater(len(record.entries[b"large"].units), 1)
        self.assertEqual(record.layer.hex(), self.first["layer"])
        self.assertEqual("sha256:" + record.digest.hex(), self.first["digest"])


class Fooling(Recorded):
    """What must be seen although size and modification time are as they were."""

    def each(self, act):
        """act(root) on a folder that a persist knows, then on one that an attach knows."""
        root = self.known_tree()
        act(root)
        self.assert_stored(root)
        into = self.attached_tree()
        act(into)
        self.assert_restored(into)

    def test_a_write_with_its_time_put_back(self):
        self.each(lambda root: write_over(root / "a.txt", other(root / "a.txt")))

    def test_a_write_in_a_large_file(self):
        self.each(lambda root: write_over(root / "large", b"x"))

    def test_a_write_through_another_hard_link(self):
        def act(root):
            os.link(root / "a.txt", self.folder / "elsewhere")
            settle()
            self.store(root)
            write_over(self.folder / "elsewhere", other(root / "a.txt"))
            (self.folder / "elsewhere").unlink()
        self.each(act)

    def test_a_file_renamed_over_another(self):
        def act(root):
            before = (root / "d/other").stat()
            (root / "new").write_bytes(other(root / "d/other"))
            os.utime(root / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
            os.replace(root / "new", root / "d/other")
        self.each(act)

    def test_two_files_that_change_places(self):
        def act(root):
            os.utime(root / "a.txt", ns=(1, 1))
            os.utime(root / "b.txt", ns=(1, 1))
            settle()
            self.store(root)
            os.rename(root / "a.txt", root / "c")
            os.rename(root / "b.txt", root / "a.txt")
            os.rename(root / "c", root / "b.txt")
        root = self.known_tree()
        act(root)
        self.assert_stored(root)

    def test_two_directories_that_change_places(self):
        root = self.tree({"x/y/f": "first", "z/y/f": "other"})
        for name in ("x/y/f", "z/y/f"):
            os.utime(root / name, ns=(1, 1))
        settle()
        self.store(root)
        os.rename(root / "x/y", root / "y")
        os.rename(root / "z/y", root / "x/y")
        os.rename(root / "y", root / "z/y")
        self.assert_stored(root)

    def test_a_reused_inode(self):
        def act(root):
            before = (root / "a.txt").stat()
            content = other(root / "a.txt")
            for _ in range(50):
                (root / "a.txt").unlink()
                (root / "a.txt").write_bytes(content)
                os.utime(root / "a.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
                if (root / "a.txt").stat().st_ino == before.st_ino:
                    break
        self.each(act)

    def test_a_directory_that_became_a_link_to_one(self):
        def act(root):
            shutil.copytree(root / "d", self.folder / f"copy{self.workflows}", symlinks=True)
            os.rename(root / "d", self.folder / f"moved{self.workflows}")
            os.symlink(self.folder / f"moved{self.workflows}", root / "d")
        self.each(act)

    def test_a_file_that_became_a_link_or_a_directory(self):
        def act(root):
            os.rename(root / "a.txt", root / "real")
            os.symlink("real", root / "a.txt")
            os.rename(root / "real", self.folder / "real")
        self.each(act)

    def test_a_changed_mode(self):
        def act(root):
            (root / "script").chmod(0o644)
            (root / "d").chmod(0o700)
        root = self.known_tree()
        act(root)
        self.assert_stored(root)
        into = self.attached_tree()
        (self.source / "d").chmod(0o755)
        act(into)
        self.assert_restored(into)

    def test_a_copied_tree_in_the_place_of_the_first(self):
        def act(root):
            subprocess.run(["cp", "-a", root, f"{root}.copy"], check=True)
            shutil.rmtree(root)
            os.rename(f"{root}.copy", root)
            write_over(root / "a.txt", other(root / "a.txt"))
        self.each(act)

    def test_another_directory_mounted_in_the_place_of_one(self):
        root = self.known_tree()
        hidden = self.tree({"same": "SOME TEXT", "more": "more"})
        script = ('mount --bind "$1" "$2" || exit 77; shift 2; exec "$@"')
        self.workflows += 1
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", hidden, root / "d",
             *self.command("persist", "--workflow", f"w{self.workflows}", "--job", "a", "--root",
                           root, ".")],
            env=self.environment(), capture_output=True, check=False)
        if done.returncode in (1, 77) and (b"unshare" in done.stderr or b"mount" in done.stderr):
            self.skipTest("mounting is not allowed here")
        self.assertEqual(done.returncode, 0, done.stderr)
        out = self.missing()
        self.fetch(out)
        self.assertEqual((out / "d/same").read_text(), "SOME TEXT")
        self.assertEqual(set(os.listdir(out / "d")), {"same", "more"})
        self.assert_stored(root)

    def test_a_write_right_after_an_attach(self):
        into = self.attached_tree()
        names = [name for name, entry in look(into).items()
                 if entry[0] == "file" and entry[2]]
        for _ in range(15):
            for name in names:
                path = os.path.join(os.fsencode(into), name)
                write_over(path, other(path))
            self.assert_restored(into)

    def test_a_write_right_after_a_persist(self):
        root = self.known_tree()
        for _ in range(15):
            write_over(root / "a.txt", other(root / "a.txt"))
            write_over(root / "d/same", other(root / "d/same"))
            self.assert_stored(root)

    def test_writes_in_one_tick_of_the_clock(self):
        """A file made, persisted and changed again as fast as it goes."""
        root = self.tree({"f": "0000"})
        for number in range(40):
            (root / "f").write_text(f"{number:04}")
            os.utime(root / "f", ns=(1, 1))
            self.store(root)
            write_over(root / "f", b"%04d" % (number + 5000))
            digest = self.store(root)["digest"]
            self.assertEqual(self.store(root, "--no-stat-record")["digest"], digest)

    def test_a_file_added_to_a_directory_that_was_just_listed(self):
        root = self.tree({"d/f": ""})
        for number in range(30):
            self.store(root)
            (root / f"d/{number}").write_text("")
            self.assertEqual(self.store(root)["files"], number + 2)


class Distrusted(Recorded):
    """Records that are not what they should be."""

    def spoil(self, root, change):
        """change(bytes) on the record of the folder, which then does not count; nobody may
        see a difference but in what is read."""
        for path in stat_record.files(self.cache):
            data = path.read_bytes()
            record = stat_record.Record(data)
            if record.inode == root.stat().st_ino:
                path.write_bytes(change(bytearray(data)))

    def assert_reads(self, root):
        with Opens(root) as opens:
            again = self.store(root)
        self.assertIn("a.txt", opens.files)
        self.assertEqual(again["digest"], self.first["digest"])
        self.assertEqual(again["warnings"], [])

    def test_damaged_anywhere(self):
        root = self.known_tree()
        length = len(stat_record.of(self.cache, root).data)

        def flip(position):
            def change(data):
                data[position] ^= 0x10
                return data
            return change
        header = stat_record.HEADER.size
        for position in [*range(0, header, 5), *range(header, length, length // 24)]:
            with self.subTest(position=position):
                self.spoil(root, flip(position))
                self.assert_reads(root)

    def test_cut_anywhere(self):
        root = self.known_tree()
        length = len(stat_record.of(self.cache, root).data)
        header = stat_record.HEADER.size
        for cut in (0, 1, 15, header - 1, header, header + 1, length // 2, length - 1):
            with self.subTest(cut=cut):
                self.spoil(root, lambda data, cut=cut: data[:cut])
                self.assert_reads(root)

    def test_of_a_newer_version(self):
        root = self.known_tree()

        def change(data):
            data[4] = stat_record.VERSION + 1
            return stat_record.seal(bytes(data))
        self.spoil(root, change)
        self.assert_reads(root)

    def test_written_before_the_clock_was_set_back(self):
        root = self.known_tree()

        def change(data):
            tomorrow = time.time_ns() + 86_400 * 10**9
            data[40:48] = struct.pack("<q", tomorrow)
            return stat_record.seal(bytes(data))
        self.spoil(root, change)
        self.assert_reads(root)

    def test_of_another_folder(self):
        root, decoy = self.known_tree(), self.tree({"a.txt": "SOME TEXT"})
        settle()
        self.store(decoy)
        foreign = stat_record.of(self.cache, decoy).data
        self.spoil(root, lambda data: foreign)
        self.assert_reads(root)

    def test_a_liar_about_units_cannot_make_a_persist_fail(self):
        """The base is said to hold what it does not: the daemon refuses, and all is read."""
        root = self.known_tree()
        (root / "a.txt").write_text("unknown to the daemon")
        settle()
        empty = self.start_daemon("other")
        self.store(root, "--server", empty.url)
        base = self.store(self.tree({"b": ""}))

        def change(data):
            data[56:64] = bytes.fromhex(base["layer"])
            data[64:96] = bytes.fromhex(base["digest"][7:])
            return stat_record.seal(bytes(data))
        self.spoil(root, change)
        self.assert_stored(root)

    def test_folders_that_cannot_be_used(self):
        root = self.tree(KINDS)
        (self.folder / "file").write_text("")
        for place in ("/proc/baton", str(self.folder / "file"), "relative", "/dev/null/x"):
            with self.subTest(place=place):
                variables = {"XDG_CACHE_HOME": place}
                result = self.baton("persist", "--root", root, ".", job="a", variables=variables)
                self.assertEqual(result.err, b"")
                _, into = self.attach(variables=variables)
                self.assertEqual(look(into), look(root))
        result = self.baton("persist", "-v", "--root", root, ".", job="a",
                            variables={"XDG_CACHE_HOME": "/dev/null/x"})
        self.assertIn(b"no stat record was written", result.err)

    def test_no_stat_record(self):
        root = self.tree(KINDS)
        for flags, variables in ((["--no-stat-record"], {}), ([], {"BATON_NO_STAT_RECORD": "1"})):
            self.store(root, *flags, variables=variables)
            self.fetch(self.missing(), *flags, variables=variables)
            self.assertEqual(stat_record.files(self.cache), [])
        settle()
        self.store(root)
        with Opens(root) as opens:
            self.store(root, "--no-stat-record")
        self.assertIn("a.txt", opens.files)

    def test_the_record_lies_outside_of_the_tree(self):
        root = self.known_tree()
        self.assertEqual(set(look(root)), {b"d", b"d/deep", *map(os.fsencode, KINDS)})
        path, = stat_record.files(self.cache)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(path.parent.stat().st_mode & 0o777, 0o700)


class Elsewhere(Recorded):
    """The record knows more than the daemon."""

    def test_another_namespace_gets_all_bytes(self):
        root = self.known_tree()
        made = self.store(root, "--namespace", "other")
        self.assertEqual(made["digest"], self.first["digest"])
        self.assertGreater(made["new_bytes"], 3_000_000)
        out = self.missing()
        self.fetch(out, "--namespace", "other")
        self.assertEqual(look(out), look(root))

    def test_another_daemon_gets_all_bytes(self):
        root = self.known_tree()
        new = self.start_daemon("other")
        made = self.store(root, "--server", new.url)
        self.assertEqual(made["digest"], self.first["digest"])
        out = self.missing()
        self.fetch(out, "--server", new.url)
        self.assertEqual(look(out), look(root))
        with Opens(root) as opens:
            self.store(root, "--server", new.url)
        self.assertEqual(opens.files, set())

    def test_many_files_for_another_daemon(self):
        root = self.tree({f"{number % 7}/{number}": f"file {number}" for number in range(5000)})
        settle()
        first = self.store(root)
        made = self.store(root, "--server", self.start_daemon("other").url)
        self.assertEqual(made["digest"], first["digest"])

    def test_a_base_that_has_expired(self):
        root = self.known_tree()
        self.store(self.tree({"other": ""}))
        self.daemon.expire("w1")
        self.assert_stored(root)

    def test_a_base_of_another_workflow_spares_the_questions(self):
        root = self.tree({f"{number % 7}/{number}": f"file {number}" for number in range(2000)})
        settle()
        self.store(root)
        self.assertLess(self.store(root)["sent_bytes"], 8192)
        (root / "3/3").write_text("changed")
        settle()
        self.assertLess(self.store(root)["sent_bytes"], 100_000)
        self.assert_stored(root)

    def test_several_clients_at_once(self):
        root = self.known_tree()
        for _ in range(5):
            write_over(root / "a.txt", other(root / "a.txt"))
            processes = [self.popen("persist", "--root", root, ".", workflow=f"w{n}", job="b")
                         for n in range(1, 4)]
            for process in processes:
                _, err = process.communicate()
                self.assertEqual(process.returncode, 0, err)
            self.assert_stored(root)
        for path in stat_record.files(self.cache):
            stat_record.Record(path.read_bytes())


if __name__ == "__main__":
    import unittest
    unittest.main()
