"""Rounds of Baton against each other tool, step by step and side by side.

In a round Baton meets every other tool in a duel: both begin with an empty store, and each
step is run by one and at once by the other; from round to round they change places. So the
two figures of a pair are seconds apart, on a machine in the same mood, and their ratio means
something even where the figures themselves wander.
"""

import os
import pathlib
import random
import shutil
import stat
import subprocess
import textwrap
import time

import ending
import verify
from tell import progress, say

# (key, what it is called, method, whether the tree has changed before it)
WORKS = (
    ("persist", "persist, empty store", "store", False),
    ("again_unrecorded", "persist again, everything read", "again_unrecorded", False),
    ("again", "persist again, with stat record", "again", False),
    ("attach", "attach into an empty directory", "restore", False),
    ("attach_over", "attach over an unchanged tree", "restore_over", False),
    ("changed_unrecorded", "persist after a change, everything read", "again_unrecorded", True),
    ("changed", "persist after a change, with stat record", "again", True),
    ("attach_changed", "attach over a slightly changed tree", "restore_over", True),
)
OPTIONAL = ("attach_over", "attach_changed")  # a tool that cannot is left out of it alone
TITLES = {key: title for key, title, _, _ in WORKS}


class WorkingCopy:
    """The tree that is persisted: a copy of `tree`, which change() makes into a copy of
    `changed` and revert() back, by touching only what differs."""

    def __init__(self, root, tree, changed):
        self.root = root
        subprocess.run(["cp", "-a", tree, root], check=True)
        self.tree, self.changed = tree, changed
        self.before = verify.scan(tree)
        self.after = verify.scan(changed) if changed else None
        self.bytes = sum(os.lstat(os.path.join(tree, path)).st_size
                         for path, (kind, *_) in self.before.items() if kind == stat.S_IFREG)

    def change(self):
        self._move(self.before, self.after, self.changed)

    def revert(self):
        self._move(self.after, self.before, self.tree)

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def _move(self, present, wanted, source):
        other = {path for path in present.keys() | wanted.keys()
                 if present.get(path) != wanted.get(path)}
        for path in sorted(other & present.keys(), reverse=True):
            if not stat.S_ISDIR(present[path][0]):
                (self.root / path).unlink()
            elif path not in wanted or not stat.S_ISDIR(wanted[path][0]):
                (self.root / path).rmdir()
        for path in sorted(other & wanted.keys()):
            if stat.S_ISDIR(wanted[path][0]):
                (self.root / path).mkdir(exist_ok=True)
            else:
                shutil.copy2(source / path, self.root / path, follow_symlinks=False)
        for path in sorted(other & wanted.keys(), reverse=True):
            if stat.S_ISDIR(wanted[path][0]):
                shutil.copystat(source / path, self.root / path)


def drop_caches():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n", encoding="ascii")


class ToolFailed(Exception):
    def __init__(self, contender, why):
        super().__init__(why)
        self.contender = contender


class Part:
    """One tree, all tools. `figures` is what the JSON gets, and grows pair by pair."""

    def __init__(self, title, copy, scratch, cold=False):
        self.copy, self.scratch, self.cold = copy, scratch, cold
        self.told = f"{title}, {'cold' if cold else 'warm'} cache"
        self.pairs, self.left_out, self.verified = {}, {}, {}
        self.stored = {"persist": {}, "changed": {}}
        self.figures = {
            "title": title, "page_cache": "cold" if cold else "warm",
            "tree": dict(verify.count(copy.before), bytes=copy.bytes), "pairs": self.pairs,
            "stored_bytes": self.stored, "verified": self.verified, "left_out": self.left_out}

    def run(self, baton, others, rounds):
        for number in range(rounds + 1):
            order = [other for other in others
                     if "everything" not in self.left_out.get(other.name, {})]
            random.Random(number).shuffle(order)
            for other in order:
                self.duel = (baton, other) if number % 2 else (other, baton)
                self.counts = number > 0
                self._duel(baton, other)
            say(f"{self.told}: round {number} of {rounds}"
                + ("" if number else " (warm-up, verified)"))

    def _duel(self, baton, other):
        """A tool that cannot store a tree or gives back another one is left out from there
        on, with the reason; if Baton does that, it is the end."""
        try:
            for contender in self.duel:
                contender.begin()
            self._steps(baton, other, [work for work in WORKS if not work[3]])
            if self.copy.changed and other.store and (other.again or other.again_unrecorded):
                self._after_change(baton, other)
        except ToolFailed as failed:
            if failed.contender is baton:
                raise
            self._leave_out(other, "everything", failed)
        finally:
            self._clear()

    def _clear(self):
        for contender in self.duel:
            contender.end()
            shutil.rmtree(self._target(contender), ignore_errors=True)

    def _leave_out(self, other, what, why):
        say(f"left out: {other.name}, {TITLES.get(what, what)}: {why}")
        self.left_out.setdefault(other.name, {})[what] = str(why)
        for key, by_tool in self.pairs.items():
            if what in (key, "everything"):
                by_tool.pop(other.name, None)

    def _after_change(self, baton, other):
        for contender in self.duel:
            contender.save()
        self.copy.change()
        try:
            self._steps(baton, other, [work for work in WORKS if work[3]])
        finally:
            self.copy.revert()

    def _steps(self, baton, other, works):
        for key, _, method, _ in works:
            if not getattr(other, method):
                if key == "persist":  # what follows needs it
                    self._step(baton, key, method)
                continue
            if key == "changed" and other.again_unrecorded:
                for contender in self.duel:
                    contender.reset()  # for the same change, once more
            if key in self.left_out.get(other.name, {}):
                continue
            try:
                seconds = {who: self._step(who, key, method) for who in self.duel}
            except ToolFailed as failed:
                if failed.contender is baton or key not in OPTIONAL:
                    raise
                self._leave_out(other, key, failed)
                continue
            if self.counts:
                self.pairs.setdefault(key, {}).setdefault(other.name, []).append(
                    [seconds[baton], seconds[other]])

    def _step(self, contender, key, method):
        ending.go_on()
        if self.cold:
            drop_caches()
        progress(f"{self.told}: {contender.name}: {TITLES[key]}")
        with_target = method.startswith("restore")
        argument = self._target(contender) if with_target else self.copy.root
        begin = time.monotonic()
        try:
            getattr(contender, method)(argument)
        except subprocess.CalledProcessError as failed:
            said = failed.stderr.decode(errors="replace").strip().splitlines()
            first = (said or ["no word why"])[0].replace(str(self.scratch), "")
            raise ToolFailed(contender, textwrap.shorten(first, 200)) from None
        seconds = time.monotonic() - begin
        if with_target:
            self._verify(contender, key)
        elif key == "persist":
            self.stored["persist"].update(contender.stored_bytes())
        elif key.startswith("changed"):
            self.stored["changed"].update(contender.stored_bytes())
        return seconds

    def _verify(self, contender, key):
        """Once for each tool and step, in the warm-up: it takes longer than the step."""
        done = self.verified.setdefault(contender.name, [])
        if key in done:
            return
        root = contender.root_of(self._target(contender), self.copy.root)
        changed = key == "attach_changed"
        wrong = verify.difference(self.copy.after if changed else self.copy.before, root,
                                  contender.keeps, more_is_fine=changed)
        if wrong:
            raise ToolFailed(contender, f"it gave another tree: {wrong}")
        done.append(key)

    def _target(self, contender):
        return self.scratch / f"target-{type(contender).__name__.lower()}"
