"""A view that lies in DIR already, as the stat record says: its rows are not sent again, all
of it is looked at, and what is not as it should be is repaired (T4, PROTOCOL.md §6)."""

import os
import shutil

import client
import fake_daemon
import frames
import stat_record
from fake_daemon import FakeDaemon
from harness import Link, Scenario, read_tree
from stat_record import settle
from wire import Type

COUNT = 300
HELD_MAX, ROWS_MIN = 3000, 20_000  # received bytes without rows, and with them
FILES = {
    **{f"folder/with-a-rather-long-name-{number:03}": f"content {number}" for number in range(COUNT)},
    "a.txt": "some text", "d/deep/file": "in a directory", "d/other": "beside it", "empty/": None,
    "zero": "", "link": Link("a.txt"), "script": ("#!/bin/sh\n", 0o755),
}
COUNTS = ("files", "directories", "symlinks", "bytes", "digest", "layers")


def write_over(path, content):
    """Other bytes of the same size, and the modification time as it was."""
    before = os.stat(path)
    with open(path, "r+b", buffering=0) as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path):
    """Another file of the same size and time in its place."""
    before = path.stat()
    path.with_name("new").write_bytes(path.read_bytes().swapcase())
    os.utime(path.with_name("new"), ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(path.with_name("new"), path)


def relink(path):
    path.unlink()
    path.symlink_to("elsewhere")


def directory_to_link(path):
    """A link that leads to the very directory that was there."""
    path.rename(path.parent.parent / "moved")
    path.symlink_to(path.parent.parent / "moved")


DISTURBANCES = {
    "a write with its time put back": lambda root: write_over(root / "a.txt", b"SOME TEXT"),
    "a longer file": lambda root: (root / "d/other").write_text("something longer"),
    "a file that is gone": lambda root: (root / "zero").unlink(),
    "a directory that is gone": lambda root: shutil.rmtree(root / "d"),
    "an empty directory that is gone": lambda root: (root / "empty").rmdir(),
    "another file in its place": lambda root: replace(root / "d/deep/file"),
    "another mode": lambda root: (root / "script").chmod(0o644),
    "a setuid bit": lambda root: (root / "script").chmod(0o4755),
    "another mode of a directory": lambda root: (root / "d").chmod(0o700),
    "another time": lambda root: os.utime(root / "a.txt", ns=(1, 1)),
    "another link": lambda root: relink(root / "link"),
    "a link in the place of a directory": lambda root: directory_to_link(root / "d"),
}


class Held(Scenario):
    def setUp(self):
        super().setUp()
        self.cache = self.folder / "cache"

    def store(self, files=None, job="a", workflow="w", flags=()):
        root = self.tree(FILES if files is None else files)
        settle()
        self.baton("persist", "--root", root, *flags, ".", workflow=workflow, job=job)
        return root

    def fetch(self, into, *flags, **options):
        return self.baton("attach", "--json", *flags, into, **options).json

    def attached(self, *flags, **options):
        """A folder that an attach made, of which the stat record knows all."""
        into = self.missing()
        self.fetch(into, *flags, **options)
        settle()
        self.made = self.fetch(into, *flags, **options)
        return into

    def assert_held(self, into, *flags, **options):
        before = read_tree(into, times=True)
        result = self.fetch(into, *flags, **options)
        self.assertLess(result["received_bytes"], HELD_MAX)
        self.assertEqual((result["written_files"], result["unchanged_files"]),
                         (0, result["files"]))
        self.assertEqual(read_tree(into, times=True), before)
        return result

    def assert_not_held(self, into, *flags, **options):
        result = self.fetch(into, *flags, **options)
        self.assertGreater(result["received_bytes"], ROWS_MIN)
        return result


class Short(Held):
    def test_rows_are_sent_once(self):
        self.store()
        into = self.missing()
        first = self.fetch(into)
        self.assertGreater(first["received_bytes"], ROWS_MIN)
        settle()
        self.fetch(into)
        again = self.assert_held(into)
        self.assertEqual({name: again[name] for name in COUNTS},
                         {name: first[name] for name in COUNTS})

    def test_r5_expect_compares_what_lies_there(self):
        self.store()
        into = self.attached()
        self.assert_held(into, "--expect", self.made["digest"])
        self.refused("attach", "--expect", "sha256:" + "0" * 64, into, status=6,
                     says="expected was")

    def test_a_persist_knows_it_too(self):
        root = self.store()
        self.assert_held(root)

    def test_another_workflow_with_the_same_layer(self):
        root = self.store()
        into = self.attached()
        self.baton("persist", "--root", root, ".", workflow="w2", job="b")
        self.assert_held(into, workflow="w2")
        self.assert_held(into, "--from-workflow", "w2", workflow="w3")

    def test_directories_without_a_row(self):
        root = self.tree(FILES)
        settle()
        self.baton("persist", "--root", root, "folder", "d/deep/file", job="a")
        self.assert_held(root)
        into = self.attached()
        self.assert_held(into)
        os.rename(into / "d", self.folder / "moved")
        os.symlink(self.folder / "moved", into / "d")
        self.assert_not_held(into)
        self.assertFalse((into / "d").is_symlink())

    def test_what_the_view_does_not_have_is_left_alone(self):
        self.store()
        into = self.attached()
        (into / "extra").write_text("extra")
        self.assert_held(into)
        self.assertEqual((into / "extra").read_text(), "extra")

    def test_w6_it_is_recorded(self):
        self.store()
        into = self.attached()
        self.assert_held(into, job="b")
        self.baton("persist", "--root", self.tree({"b": "b"}), ".", job="b")
        layers = {layer["job"]: layer for layer in self.baton("log", "--json").json["layers"]}
        self.assertEqual(layers["b"]["after"], [layers["a"]["layer"]])

    def test_times_now(self):
        source = self.store()
        into = self.missing()
        self.fetch(into, "--times=now")
        settle()
        self.fetch(into, "--times=now")
        self.assert_not_held(into)
        self.assertEqual((into / "a.txt").stat().st_mtime_ns, (source / "a.txt").stat().st_mtime_ns)
        settle()
        self.fetch(into)
        self.assert_held(into, "--times=now")

    def test_a_persist_of_what_was_built_leaves_it_known(self):
        self.store()
        self.store({"other": "other"}, job="b")
        into = self.attached()
        (into / "dist").mkdir()
        (into / "dist/out").write_text("built")
        settle()
        self.baton("persist", "--root", into, "dist", job="c")
        self.assert_held(into, "--from", "a", "--from", "b")

    def test_a_persist_that_finds_it_changed_does_not(self):
        source = self.store()
        self.store({"other": "other"}, job="b")
        into = self.attached()
        (into / "d/other").write_text("changed")
        settle()
        self.baton("persist", "--root", into, "d", job="c")
        self.assert_not_held(into, "--from", "a", "--from", "b")
        self.assertEqual((into / "d/other").read_text(), (source / "d/other").read_text())


class Merged(Held):
    def setUp(self):
        super().setUp()
        self.store()
        self.store({"b.txt": "of b", "d/more": "of b"}, job="b")

    def test_two_layers(self):
        into = self.attached()
        again = self.assert_held(into)
        self.assertEqual({name: again[name] for name in COUNTS},
                         {name: self.made[name] for name in COUNTS})
        self.assertEqual(len(again["layers"]), 2)

    def test_each_question_has_its_own_tag(self):
        into = self.attached()
        for flags in (["--by-job"], ["--exclude", "zero"], ["--only", "folder"],
                      ["--prefer", "a"], ["--from", "a"], ["--on-conflict=last"]):
            with self.subTest(flags=flags):
                self.assert_not_held(into, *flags)
                self.fetch(into)
                settle()
                self.fetch(into)
                self.assert_held(into)

    def test_filters_and_folders_by_job(self):
        for flags in (["--by-job"], ["--exclude", "zero"]):
            self.assert_held(self.attached(*flags), *flags)

    def test_a_small_part_of_a_large_record_is_not_worth_looking_at_all_of_it(self):
        self.store({f"many/{number:04}": "x" for number in range(1100)}, job="many")
        into = self.attached()
        for _ in range(2):
            self.fetch(into, "--only", "d", "--only", "a.txt")
            settle()
        result = self.fetch(into, "--only", "d", "--only", "a.txt")
        self.assertGreater(result["received_bytes"], self.made["received_bytes"])
        self.assertEqual(result["written_files"], 0)

    def test_w4_a_layer_that_was_replaced(self):
        into = self.attached()
        self.store({"b.txt": "of b again", "d/more": "of b"}, job="b", flags=["--attempt", "2"])
        result = self.assert_not_held(into)
        self.assertEqual((result["written_files"], (into / "b.txt").read_text()), (1, "of b again"))

    def test_a_view_that_the_record_knows_under_another_name(self):
        """A persist of all, of which another view has the very rows."""
        into = self.attached()
        self.baton("persist", "--root", into, "folder", workflow="w2", job="a")
        self.baton("persist", "--root", into, "--exclude", "folder", ".", workflow="w2", job="b")
        whole = self.fetch(into, workflow="w2")
        self.assertEqual(whole["written_files"], 0)
        settle()
        self.fetch(into, workflow="w2")
        self.assert_held(into, workflow="w2")

    def test_another_daemon_may_not_speak_for_the_first(self):
        """Not even through another address: only a layer's digest proves what it is."""
        into = self.attached()
        proxy = self.proxy()
        self.assert_not_held(into, "--server", proxy.url)
        self.assert_held(into, "--server", proxy.url)
        single = self.attached("--from", "a")
        self.assert_held(single, "--from", "a", "--server", self.proxy().url)

    def test_w8_a_filter_that_matches_nothing_is_an_error_every_time(self):
        into = self.missing()
        for _ in range(2):
            self.fetch(into, "--only", "nothing", "--if-empty=ok")
        self.refused("attach", "--only", "nothing", into, status=3)


class Repaired(Held):
    def assert_repaired(self, into, disturb, source):
        expected = read_tree(source, times=True)
        disturb(into)
        result = self.assert_not_held(into)
        got = read_tree(into, times=True)
        for path, entry in expected.items():
            if entry[0] == "directory":
                self.assertEqual(got[path][:2], entry[:2], path)
            else:
                self.assertEqual(got[path], entry, path)
        return result

    def test_t4_whatever_happened_to_what_an_attach_wrote(self):
        source = self.store()
        for name, disturb in DISTURBANCES.items():
            with self.subTest(name):
                self.assert_repaired(self.attached(), disturb, source)

    def test_t4_whatever_happened_to_what_a_persist_read(self):
        source = self.store()
        for name, disturb in DISTURBANCES.items():
            root = self.missing()
            shutil.copytree(source, root, symlinks=True)
            settle()
            self.baton("persist", "--root", root, ".", workflow=name, job="a")
            with self.subTest(name):
                shutil.copystat(source / "empty", root / "empty")
                expected = self.missing()
                shutil.copytree(root, expected, symlinks=True)
                disturb(root)
                self.assert_not_held(root, workflow=name)
                self.assertEqual({path: entry[:3] for path, entry in read_tree(root).items()},
                                 {path: entry[:3] for path, entry in read_tree(expected).items()})

    def test_t4_it_is_held_again_after_the_repair(self):
        self.store()
        into = self.attached()
        (into / "zero").unlink()
        self.assertEqual(self.assert_not_held(into)["written_files"], 1)
        settle()
        self.fetch(into)
        self.assert_held(into)

    def test_a_file_that_was_written_in_the_tick_of_its_persist(self):
        root = self.tree(FILES)
        for number in range(20):
            (root / "a.txt").write_text(f"{number:09}")
            os.utime(root / "a.txt", ns=(1, 1))
            self.baton("persist", "--root", root, ".", workflow=f"t{number}", job="a")
            write_over(root / "a.txt", b"%09d" % (number + 5000))
            self.fetch(root, workflow=f"t{number}")
            self.assertEqual((root / "a.txt").read_text(), f"{number:09}")

    def assert_alone(self, into, expected):
        """That --delete is short where nothing is extra, and takes what is."""
        for folder in ("", "d", "d/deep", "folder-of-its-own", "empty", "d/new/deeper"):
            (into / folder).mkdir(parents=True, exist_ok=True)
            (into / folder / "extra").write_text("extra")
            self.assert_not_held(into, "--delete")
            self.assertEqual(set(read_tree(into)), set(expected), folder)
            settle()
            self.fetch(into, "--delete")
            self.assert_held(into, "--delete")
        (into / "nothing-in-it").mkdir()
        self.assert_not_held(into, "--delete")
        self.assertFalse((into / "nothing-in-it").exists())

    def test_delete_takes_what_is_extra(self):
        source = self.store()
        into = self.attached()
        self.assert_held(into, "--delete")
        self.assert_alone(into, read_tree(source))

    def test_delete_takes_what_is_extra_beside_what_a_persist_read(self):
        root = self.store()
        self.assert_held(root, "--delete")
        self.assert_alone(root, read_tree(root))

    def test_delete_takes_what_a_persist_has_seen_and_left_out(self):
        root = self.tree(FILES)
        settle()
        self.baton("persist", "--root", root, "--exclude", "zero", "folder*", "d/deep/f*", "empty",
                   job="a")
        self.assert_held(root)
        self.assert_not_held(root, "--delete")
        self.assertEqual({path.split(b"/")[0] for path in read_tree(root)},
                         {b"folder", b"d", b"empty"})
        self.assertEqual(set(read_tree(root / "d")), {b"deep", b"deep/file"})

    def test_delete_leaves_what_a_filter_leaves_out(self):
        self.store()
        into = self.attached("--exclude", "*.log")
        (into / "d/extra.log").write_text("extra")
        (into / "d/extra").write_text("extra")
        self.fetch(into, "--delete", "--exclude", "*.log")
        self.assertTrue((into / "d/extra.log").exists())
        self.assertFalse((into / "d/extra").exists())

    def test_options_that_need_rows(self):
        self.store()
        into = self.attached()
        self.daemon.await_log(" sent=", 3)
        for flags in (["--verify"], ["--no-stat-record"], ["--dry-run"], ["--verbose"]):
            requests = len(self.sent_bytes())
            self.baton("attach", *flags, into)
            self.daemon.await_log(" sent=", requests + 1)
            self.assertGreater(self.sent_bytes()[-1], ROWS_MIN, flags)

    def sent_bytes(self):
        """What the daemon has sent in each request that it has written a line about."""
        return [int(word[5:]) for line in self.daemon.log_lines(" sent=")
                for word in line.split() if word.startswith("sent=")]


class Distrusted(Held):
    def record_path(self, root):
        for path in stat_record.files(self.cache):
            if stat_record.Record(path.read_bytes()).inode == root.stat().st_ino:
                return path
        raise AssertionError("no record")

    def test_a_damaged_record_is_none(self):
        source = self.store()
        into = self.attached()
        path = self.record_path(into)
        data = path.read_bytes()
        header = stat_record.HEADER.size
        for position in [*range(56, header, 16), *range(header, len(data), len(data) // 16)]:
            with self.subTest(position=position):
                changed = bytearray(data)
                changed[position] ^= 1
                path.write_bytes(changed)
                self.assert_not_held(into)
                self.assertEqual(read_tree(into)[b"a.txt"], read_tree(source)[b"a.txt"])

    def test_a_record_of_half_its_length_is_none(self):
        self.store()
        into = self.attached()
        path = self.record_path(into)
        path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
        self.assert_not_held(into)

    def test_another_view_in_its_header_is_another_view(self):
        """The tag and the digest of a record are under one checksum with its entries."""
        self.store()
        self.store({"other": "other"}, job="b")
        into = self.attached()
        record = stat_record.of(self.cache, into)
        self.assertEqual("sha256:" + record.view_digest.hex(), self.made["digest"])
        self.assertEqual(record.totals[:4],
                         [self.made[name] for name in ("files", "directories", "symlinks", "bytes")])
        rows = {path for path, entry in record.entries.items() if entry.in_view}
        self.assertEqual(rows, set(read_tree(into)))


class Strange(Held):
    """Daemons that do not know the key, or lie."""

    fake = None

    @property
    def daemon(self):
        return self.fake or super().daemon

    def serve(self, script):
        self.fake = FakeDaemon(self.folder, script)
        try:
            yield
        finally:
            self.fake.stop()
            self.fake.socket.unlink()
            self.assertEqual(self.fake.failures, [])
            self.fake = None

    def run_with(self, script, into, *flags, status=0):
        for _ in self.serve(script):
            return self.baton("attach", "--json", *flags, into, status=status,
                              variables={"BATON_TIMEOUT": "5"}).json

    def held_by(self, tag, rows=None, layers=(fake_daemon.LAYER,)):
        """Says that the view is held; with rows, gives them once they are wanted."""
        asked = []

        def script(link):
            fake_daemon.greet(link)
            asked.append(link.expect(Type.ATTACH).map)
            held = asked[-1].get("holds", [])
            link.send_map(Type.VIEW, {"layers": list(layers), "held": True,
                                      "tag": held[0] if tag is None else tag})
            message = link.expect(Type.WANT_ROWS, Type.ATTACHED)
            asked.append(message.type)
            if message.type == Type.ATTACHED:
                asked.append(message.map["digest"])
                link.send_map(Type.RECORDED)
                link.drain()
                return
            entries = sorted(client.rows_of(rows), key=lambda row: row.key)
            link.send(Type.ROWS, frames.encode_rows(entries))
            link.send_map(Type.ROWS_END, fake_daemon.totals(entries))
            parts = [part for row in entries for part in client.chunks(rows[row.path].data)]
            fake_daemon.answer_wants(link, [frames.encode_frame(group)
                                            for group in frames.group(dict.fromkeys(parts))])
        return script, asked

    def test_growth_a_daemon_that_does_not_know_the_key_sends_rows(self):
        self.store()
        into = self.attached()
        tree = {b"a.txt": client.file("of another daemon")}
        self.run_with(fake_daemon.view_of(tree), into)
        self.assertEqual((into / "a.txt").read_text(), "of another daemon")

    def test_a_daemon_that_says_held_though_nothing_is(self):
        into = self.missing()
        script, _ = self.held_by(bytes(32))
        error = self.run_with(script, into, status=6)["error"]
        self.assertIn("held", error["message"])
        self.assertFalse(into.exists())

    def test_a_tag_that_was_not_named_is_not_held(self):
        self.store()
        into = self.attached()
        tree = {b"a.txt": client.file("of another view")}
        script, asked = self.held_by(b"x" * 32, tree)
        self.run_with(script, into)
        self.assertEqual(asked[1], Type.WANT_ROWS)
        self.assertEqual((into / "a.txt").read_text(), "of another view")

    def test_a_false_held_gives_what_lies_there_under_its_own_digest(self):
        self.store()
        into = self.attached()
        digest, before = self.made["digest"], read_tree(into, times=True)
        script, asked = self.held_by(None)
        result = self.run_with(script, into, "--expect", digest)
        self.assertEqual(asked[1:], [Type.ATTACHED, bytes.fromhex(digest[7:])])
        self.assertEqual(result["digest"], digest)
        self.assertEqual(read_tree(into, times=True), before)
        script, _ = self.held_by(None)
        self.run_with(script, into, "--expect", "sha256:" + "1" * 64, status=6)

    def test_what_a_daemon_calls_a_layer_is_not_that_layer(self):
        """It gives other rows under the digest of a layer that an honest one has."""
        source = self.store()
        honest = self.baton("log", "--json").json["layers"][0]
        into = self.missing()
        tree = {**{b"folder/with-a-rather-long-name-%03d" % number: client.file("no")
                   for number in range(COUNT)}, b"a.txt": client.file("planted")}
        layer = {**fake_daemon.LAYER, "layer": honest["layer"], "files": len(tree),
                 "digest": bytes.fromhex(honest["digest"][7:])}

        def script(link):
            fake_daemon.greet(link)
            link.expect(Type.ATTACH)
            rows = sorted(client.rows_of(tree), key=lambda row: row.key)
            link.send_map(Type.VIEW, {"layers": [layer], "tag": layer["digest"]})
            link.send(Type.ROWS, frames.encode_rows(rows))
            link.send_map(Type.ROWS_END, fake_daemon.totals(rows))
            fake_daemon.answer_wants(link, [frames.encode_frame([b"no"]),
                                            frames.encode_frame([b"planted"])])
        for _ in range(2):
            self.run_with(script, into)
            settle()
        self.assertEqual((into / "a.txt").read_text(), "planted")
        self.assert_not_held(into)
        self.assertEqual((into / "a.txt").read_text(), (source / "a.txt").read_text())


if __name__ == "__main__":
    import unittest
    unittest.main()
