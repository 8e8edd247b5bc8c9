"""Pieces of the base that a persist takes over: with a stat record or without one, whatever
changed, the manifest is the same to the byte."""

import os
import random
import shutil

from harness import Scenario
from stat_record import settle

ROUNDS = 12
FOLDERS, FILES = 40, 60  # some 2,400 rows of 100 bytes: several pieces


class Edits:
    """Seeded changes of a tree, of every kind that a row can tell, at its edges too."""

    def __init__(self, root, seed):
        self.root, self.random = root, random.Random(seed)
        self.number = 0

    def make(self):
        for folder in range(FOLDERS):
            path = self.root / f"folder-{folder:03}"
            path.mkdir(parents=True)
            for file in range(FILES):
                (path / f"some-file-with-a-name-{file:03}").write_text(f"{folder} {file % 7}")
            os.symlink(f"some-file-with-a-name-{folder:03}", path / "link")
        for file in range(30):
            (self.root / f"top-level-{file:02}").write_text(str(file))

    def entries(self, kind):
        return [path for path in sorted(self.root.rglob("*"))
                if kind(path) and not (kind is os.path.isfile and path.is_symlink())]

    def pick(self, kind):
        return self.random.choice(self.entries(kind))

    def write(self):
        self.pick(os.path.isfile).write_text(f"changed {self.random.random()}")

    def chmod(self):
        self.pick(os.path.isfile).chmod(self.random.choice((0o600, 0o755, 0o640)))

    def touch(self):
        path = self.pick(os.path.isfile)
        os.utime(path, ns=(0, self.random.randrange(10**18)))

    def remove(self):
        self.pick(os.path.isfile).unlink()

    def remove_folder(self):
        shutil.rmtree(self.pick(os.path.isdir))

    def add(self):
        self.number += 1
        folder = self.random.choice((self.root, self.pick(os.path.isdir)))
        name = self.random.choice("0amz~") + f"-new-{self.number}"
        (folder / name).write_text(name)

    def add_folder(self):
        self.number += 1
        (self.pick(os.path.isdir) / f"new-{self.number}").mkdir()

    def append(self):
        self.number += 1
        (self.root / f"~~~-{self.number:05}").write_text("behind all others")

    def relink(self):
        link = self.pick(os.path.islink)
        link.unlink()
        os.symlink(f"elsewhere-{self.random.random()}", link)

    def replace(self):
        path = self.pick(os.path.isfile)
        path.unlink()
        path.mkdir()

    def some(self):
        kinds = (self.write, self.chmod, self.touch, self.remove, self.remove_folder, self.add,
                 self.add_folder, self.append, self.relink, self.replace)
        for _ in range(self.random.randrange(4)):
            self.random.choice(kinds)()


class Pieces(Scenario):
    workflows = 0

    def store(self, root, *flags):
        self.workflows += 1
        return self.baton("persist", "--json", "--root", root, *flags, ".",
                          workflow=f"w{self.workflows}", job="a").json

    def fetch(self, into, *flags):
        self.baton("attach", *flags, into, workflow=f"w{self.workflows}")

    def assert_same(self, root, *flags):
        """What is persisted with a record is what is persisted without; the former's JSON."""
        settle()
        recorded = self.store(root, *flags)
        plain = self.store(root, "--no-stat-record", *flags)
        for figure in ("digest", "files", "directories", "symlinks", "bytes"):
            self.assertEqual(recorded[figure], plain[figure], figure)
        refused = [line for line in self.daemon.log_lines(" persist ")
                   if "result=ok" not in line]
        self.assertEqual(refused, [], "a manifest had to be made again")
        return recorded

    def test_whatever_changes_between_persists(self):
        for seed in range(3):
            edits = Edits(self.folder / f"edited-{seed}", seed)
            edits.make()
            for _ in range(ROUNDS):
                self.assert_same(edits.root)
                edits.some()

    def test_whatever_changes_after_an_attach(self):
        edits = Edits(self.folder / "source", 7)
        edits.make()
        self.store(edits.root)
        for _ in range(3):
            into = Edits(self.missing(), edits.random.random())
            self.fetch(into.root)
            self.assert_same(into.root)
            into.some()
            self.assert_same(into.root)

    def test_another_selection_or_prefix_in_between(self):
        edits = Edits(self.folder / "selected", 11)
        edits.make()
        self.assert_same(edits.root)
        for flags in (["--exclude", "some-file-*-010"], [], ["--prefix", "below"], [],
                      ["--prefix", "other"], ["--exclude", "folder-01*"], []):
            edits.write()
            self.assert_same(edits.root, *flags)
            self.assert_same(edits.root, *flags)

    def test_an_attach_by_job_or_with_other_times(self):
        edits = Edits(self.folder / "source", 13)
        edits.make()
        self.store(edits.root)
        for flags in (["--by-job"], ["--times", "now"]):
            into = self.missing()
            self.fetch(into, *flags)
            self.assert_same(into)
            self.assert_same(into)

    def test_a_merge_of_two_layers(self):
        """The earlier time of equal files is kept, which is not that of the larger layer."""
        one, other = (Edits(self.folder / name, 17) for name in ("one", "other"))
        one.make()
        shutil.copytree(one.root, other.root, symlinks=True, copy_function=shutil.copyfile)
        shutil.rmtree(other.root / "folder-001")
        for path in other.entries(os.path.isfile)[::3]:
            os.utime(path, ns=(0, 10**18))
        for job, root in (("a", one.root), ("b", other.root)):
            self.baton("persist", "--no-stat-record", "--root", root, ".", workflow="merged",
                       job=job)
        into = self.missing()
        self.baton("attach", into, workflow="merged")
        self.assert_same(into)
        self.assert_same(into)

    def test_little_is_sent_for_a_change_in_a_large_tree(self):
        edits = Edits(self.folder / "large", 19)
        edits.make()
        first = self.store(edits.root)
        settle()
        self.store(edits.root)
        edits.write()
        settle()
        again = self.store(edits.root)
        self.assertLess(again["sent_bytes"], first["sent_bytes"] / 2)
