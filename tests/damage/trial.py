"""One case: a damaged store is looked at, started, used, stopped and looked at again.

run() only observes; what must never be among the observations is in rules.py.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import random
import select
import shutil
import signal
import subprocess

import damages
from harness import BATOND, PATIENCE, Daemon, Link, NotStarted, random_bytes, remove_tree
from store import View, files_of, fingerprint, plant, run_client

NEW_TREE = {"new/file": "written after the damage", "new/bytes": random_bytes(20_000, "new"),
            "new/link": Link("file")}

SETTLE_LOOKS = 500
DAMAGED = 6
HEALED_FRAMES_MAX = 12  # two exchanged blocks damage fewer


@dataclasses.dataclass
class Answer:
    """What a client was told. `right`: whether it is what was acknowledged; `warned`: it said
    that the catalogue has forgotten something, and what is told may be older."""
    what: str
    status: int
    sentence: str
    layers: frozenset = frozenset()
    right: bool = True
    warned: bool = False
    by_id: bool = False  # an attach of one layer, which cannot be an older one


@dataclasses.dataclass
class Check:
    what: str
    status: int
    out: str
    err: str
    changed: list  # names of files


@dataclasses.dataclass
class Start:
    """status: None while it runs; `log`: what it wrote."""
    status: int
    log: str
    ended: int = None


@dataclasses.dataclass
class Record:
    """All that was seen, in the order of the fields."""
    check_before: Check = None
    start: Start = None
    listings: list = dataclasses.field(default_factory=list)
    attaches: list = dataclasses.field(default_factory=list)
    persists: list = dataclasses.field(default_factory=list)
    met: list = dataclasses.field(default_factory=list)    # attaches that met damage first
    kept: list = dataclasses.field(default_factory=list)   # attaches of what was persisted
    again: list = dataclasses.field(default_factory=list)  # the first attaches once more
    checks_after: list = dataclasses.field(default_factory=list)
    restart: Start = None
    restarted: list = dataclasses.field(default_factory=list)  # attaches
    lost: list = dataclasses.field(default_factory=list)  # vouched bytes that are gone


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def answer(what, result, layers=frozenset(), right=True, by_id=False):
    warned = b"has forgotten what was acknowledged" in result.out + result.err
    return Answer(what, result.status, last_line(result.err.decode(errors="replace")), layers,
                  right, warned, by_id)


class Trial:
    """`folder` is the case's own; its data directory is folder/data."""

    def __init__(self, store, case, folder):
        self.store, self.case, self.folder = store, case, folder
        self.record, self.daemon, self.made = Record(), None, []
        self.chosen = random.Random(f"{case.seed} {case.number} trial")

    @property
    def data(self):
        return self.folder / "data"

    # ---- the daemon

    def start(self):
        try:
            self.daemon = Daemon(self.folder)
        except NotStarted as refused:
            (self.folder / "log").unlink()
            return Start("hangs" if refused.status is None else refused.status, refused.log)
        return Start(None, "")

    def stop(self, start, signal_number):
        daemon = self.daemon
        try:
            start.ended = daemon.stop(signal_number)
        except AssertionError as hangs:
            start.ended, start.log = "hangs", str(hangs)
        start.log += daemon.read_log()
        (self.folder / "log").unlink()

    # ---- looking at it from outside

    def state(self, folder):
        """Of each file its content, and when it was written."""
        found = {}
        for name in files_of(folder):
            path = folder / name
            found[name] = (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns)
        return found

    def check(self, what, *flags):
        """Of a copy: what a check does to the directory is not to help or hinder what follows."""
        copy = self.folder / "checked"
        shutil.copytree(self.data, copy)
        before = self.state(copy)
        done = subprocess.run([BATOND, "check", "--data", copy, *flags],
                              capture_output=True, timeout=2 * PATIENCE, check=False)
        after = self.state(copy)
        shutil.rmtree(copy)
        changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        return Check(what, done.returncode, done.stdout.decode(errors="replace"),
                     done.stderr.decode(errors="replace"), changed)

    def vouched_bytes(self):
        """Of each segment file what acknowledged layers may refer to, as far as it is there."""
        found = {}
        for segment, location in self.store.places.files.items():
            path = self.data / "segments" / location
            if path.exists():
                found[path.name] = path.read_bytes()[:self.store.places.vouched[segment]]
        return found

    def compare_vouched(self, before):
        for name, data in before.items():
            path = self.data / "segments" / name
            if not path.exists():
                self.record.lost.append(f"{name} is deleted")
            elif not path.read_bytes().startswith(data):
                self.record.lost.append(f"{name} is not what it was: {path.stat().st_size} bytes"
                                        f" instead of {len(data)}")

    # ---- what clients do

    def client(self, *arguments):
        return run_client(self.daemon.url, *arguments)

    def attach(self, view):
        into = self.folder / "attached"
        result = self.client("attach", "--quiet", *view.flags, into)
        right = result.status != 0 or fingerprint(into) == view.fingerprint
        shutil.rmtree(into, ignore_errors=True)
        return answer(f"attach of {view}", result, view.layers, right, bool(view.layer))

    def listing(self, view, verb, *flags):
        result = self.client(verb, "--json", *view.flags, *flags)
        expected = (self.store.listings or {}).get((verb, view.namespace, view.workflow))
        told = shown(result) if result.status == 0 else None
        told_right = result.status != 0 or expected is None or told == expected
        return told, answer(f"{verb} of {view}", result,
                            view.layers if verb == "ls" else frozenset(), told_right)

    def list_all(self):
        told = {}
        for view in self.store.views:
            for verb, flags in (("log", ["--all"]), ("ls", [])):
                key = (verb, view.namespace, view.workflow)
                if view.layer and (key in told or self.has_whole_view(view)):
                    continue
                whole = dataclasses.replace(view, layer="")
                told[key], said = self.listing(whole, verb, *flags)
                self.record.listings.append(said)
        return told

    def has_whole_view(self, view):
        return any(not other.layer and (other.namespace, other.workflow)
                   == (view.namespace, view.workflow) for other in self.store.views)

    def count(self):
        """The daemon's own figures."""
        result = self.client("status", "--json")
        told = None
        if result.status == 0:
            told = {name: result.json[name] for name in ("namespaces", "layers")}
        expected = (self.store.listings or {}).get("status")
        self.record.listings.append(answer("status", result, right=told is None
                                           or expected is None or told == expected))
        return told

    def settle(self):
        """Waits until the unit index is there, so that what it knows is offered; a while."""
        for _ in range(SETTLE_LOOKS):
            result = self.client("status", "--json")
            if result.status != 0 or result.json.get("index_state") == "ready":
                return
            select.select([], [], [], 0.002)

    def persist(self, workflow, source):
        """As a workflow of its own; gives its view, or None."""
        result = self.client("persist", "--quiet", "--workflow", workflow, "--job", "again",
                             "--root", source, ".")
        self.record.persists.append(answer(f"persist of {workflow}", result))
        if result.status != 0:
            return None
        return View("default", workflow, "", frozenset([workflow]), source, fingerprint(source))

    def persist_and_attach(self, workflow, source):
        """What was acknowledged is there; but what is damaged and was not met before is met by
        this attach. Then it is taken again, once for each damaged frame, and heals the first."""
        first = view = self.persist(workflow, source)
        for number in range(HEALED_FRAMES_MAX):
            told = self.attach(view) if view else None
            if told is None or told.status != DAMAGED:
                break
            self.record.met.append(told)
            view = self.persist(f"{workflow}-healed-{number}", source)
        if view:
            self.record.kept.append(told)
            self.made.append(view)
        if view and first is not view:
            self.record.kept.append(self.attach(first))

    def persist_again(self):
        """What is new, what failed, and two that did not."""
        self.settle()
        new = plant(self.folder / "new", NEW_TREE)
        self.persist_and_attach("after-the-damage", new)
        failed = [view for view, told in zip(self.store.views, self.record.attaches)
                  if told.status != 0]
        fine = [view for view in self.store.views if view not in failed]
        for number, view in enumerate(failed + self.chosen.sample(fine, min(2, len(fine)))):
            self.persist_and_attach(f"again-{number}", view.source)
        self.record.again = [self.attach(view) for view in failed]

    # ---- the whole of it

    def use(self):
        self.record.listings = []
        self.count()
        self.list_all()
        self.record.attaches = [self.attach(view) for view in self.store.views]
        self.persist_again()

    def use_again(self):
        """After a restart what was there before is there, and what was persisted since."""
        fine = [view for view, told in zip(self.store.views, self.record.attaches)
                if told.status == 0]
        fine = self.chosen.sample(fine, min(3, len(fine)))
        self.record.restarted = [self.attach(view) for view in [*self.made, *fine]]

    def run(self):
        vouched = self.vouched_bytes()
        self.record.check_before = self.check("check before the start", "--read-data")
        self.record.start = self.start()
        if self.record.start.status is None:
            self.use()
            self.stop(self.record.start, self.chosen.choice((signal.SIGTERM, signal.SIGKILL)))
            self.record.checks_after = [self.check("check afterwards"),
                                        self.check("check --read-data afterwards", "--read-data")]
            self.record.restart = self.start()
            if self.record.restart.status is None:
                self.use_again()
                self.stop(self.record.restart, signal.SIGTERM)
        self.compare_vouched(vouched)
        return self.record


def copy_of(store, folder):
    shutil.copytree(store.data, folder / "data")


def shown(result):
    """A listing as it is compared: all of it but the warnings."""
    return json.dumps({**result.json, "warnings": []}, sort_keys=True)


@contextlib.contextmanager
def room_of(parent, number):
    folder = parent / f"case-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    yield folder
    remove_tree(folder)


def learn(store, parent):
    """Takes the listings of the undamaged store, which all later ones are compared with."""
    with room_of(parent, f"learn-{store.name}") as folder:
        copy_of(store, folder)
        trial = Trial(store, damages.Case(0, 0, store.name, "", ""), folder)
        trial.start()
        listings = {"status": trial.count(), **trial.list_all()}
        trial.daemon.stop()
    store.listings = listings


def run(stores, seed, number, parent):
    """(the case, what was seen)"""
    with room_of(parent, number) as folder:
        case = damages.inflict(stores, seed, number, folder / "data")
        return case, Trial(stores[case.store], case, folder).run()
