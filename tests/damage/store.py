"""Makes the stores that are damaged, by real persists, and the model of what they hold.

The model lies outside of the data directory: for each acknowledged layer and for the view of
each workflow the tree itself, as it was persisted, and its fingerprint.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import random
import select
import shutil
import signal
import subprocess

import layout
from harness import (BATON, BATOND, BUILD, PATIENCE, Daemon, Link, Result, clean_environment,
                     make_tree, random_bytes, read_tree)
from proxy import Hold, Proxy

SMALL_SEGMENTS = BUILD / "tests" / "damage" / "batond-small-segments"
TIME = 1_700_000_000  # of every file, so that two trees can be told by their bytes alone
WIDE = (("a", 9000), ("b", 16000))  # more units than one batch of a rebuild holds


@dataclasses.dataclass(frozen=True)
class View:
    """What one attach must give: a workflow's view, or one layer of it."""
    namespace: str
    workflow: str
    layer: str  # "": the workflow's view
    layers: frozenset  # whose frames it is made of; workflows only list theirs
    source: pathlib.Path
    fingerprint: str

    @property
    def flags(self):
        return (["--namespace", self.namespace, "--workflow", self.workflow]
                + (["--layer", self.layer] if self.layer else []))

    def __str__(self):
        what = f"layer {self.layer} of " if self.layer else ""
        return f"{what}workflow {self.workflow} in {self.namespace}"


@dataclasses.dataclass
class Store:
    """`data` is the data directory of a daemon that does not run; never changed."""
    name: str
    data: pathlib.Path
    views: list
    snapshots: list  # older copies of `data`, oldest first
    places: layout.Places = None
    listings: dict = None  # what the undamaged store says, see trial.py

    @property
    def files(self):
        return files_of(self.data)

    def reserved(self):
        """Bytes at the end of each page of the catalogue."""
        return (self.data / "catalogue.db").read_bytes()[20]


def files_of(folder):
    """Names of all files below a data directory, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def fingerprint(root):
    """Of types, modes, contents, targets and times; None: there is nothing."""
    tree = read_tree(root, times=True)
    if tree is None:
        return None
    digest = hashlib.sha256()
    for path, entry in sorted(tree.items()):
        digest.update(repr((path, entry)).encode())
    return digest.hexdigest()


def age(root):
    for folder, directories, files in os.walk(os.fsencode(root), topdown=False):
        for name in directories + files:
            os.utime(os.path.join(folder, name), (TIME, TIME), follow_symlinks=False)


def plant(root, files):
    root.mkdir(parents=True)
    make_tree(root, files)
    age(root)
    return root


def run_client(url, *arguments, timeout=30):
    """The client, which answers within PATIENCE; a status of None: it did not."""
    words = [str(word) for word in arguments]
    command = [str(BATON), words[0], "--no-progress", "--server", url, "--timeout", str(timeout),
               *words[1:]]
    environment = {**clean_environment(), "BATON_NO_STAT_RECORD": "1"}
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=2 * PATIENCE, check=False)
    except subprocess.TimeoutExpired as late:
        return Result(command, None, late.stdout or b"", late.stderr or b"")
    return Result(command, done.returncode, done.stdout, done.stderr)


class Maker:
    """A store in the making; `folder` holds everything, also the model."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.views, self.merged, self.snapshots = [], {}, []
        self.daemon = None

    def start(self, program=BATOND):
        """And waits for the unit index, which is built anew after a kill: until then what is
        there already is stored once more, and so would lie in some stores twice."""
        self.daemon = Daemon(self.folder / "making", program=program)
        while self.index_state() != "ready":
            select.select([], [], [], 0.01)

    def index_state(self):
        return json.loads(self.client("status", "--json").out)["index_state"]

    def stop(self, signal_number=signal.SIGTERM, snapshot=True):
        self.daemon.stop(signal_number)
        if snapshot:
            self.snapshot()

    def snapshot(self):
        """Also of a daemon that runs, which has nothing to do meanwhile."""
        self.snapshots.append(self.folder / f"older-{len(self.snapshots)}")
        shutil.copytree(self.daemon.data, self.snapshots[-1])

    def client(self, *arguments):
        result = run_client(self.daemon.url, *arguments)
        assert result.status == 0, result
        return result

    def persist(self, workflow, job, files, *flags, namespace="default", retry_of=None):
        """Persists files; the view of the workflow then has them beside what it had."""
        source = plant(self.folder / "sources" / str(len(self.views)), files)
        result = self.client("persist", "--json", "--namespace", namespace, "--workflow", workflow,
                             "--job", job, "--root", source, *flags, ".")
        layer = json.loads(result.out)["layer"]
        self.views.append(View(namespace, workflow, layer, frozenset([layer]), source,
                               fingerprint(source)))
        return layer

    def attach(self, workflow, *flags, namespace="default"):
        """As a job would, which the daemon remembers."""
        into = self.folder / "attached"
        self.client("attach", "--quiet", "--namespace", namespace, "--workflow", workflow, *flags,
                    into)
        shutil.rmtree(into)

    def view(self, workflow, files, namespace="default"):
        """Says what the workflow's view is now; the layers it is made of are asked for."""
        source = plant(self.folder / "sources" / f"{namespace}-{workflow}", files)
        listed = json.loads(self.client("ls", "--json", "--namespace", namespace, "--workflow",
                                        workflow).out)
        self.views.append(View(namespace, workflow, "",
                               frozenset(layer["layer"] for layer in listed["layers"]), source,
                               fingerprint(source)))

    def die_in_a_persist(self):
        """kill -9 while half a layer has come: what stands in its segment is nobody's."""
        source = plant(self.folder / "unfinished",
                       {f"f{n}": random_bytes(300_000, f"unfinished {n}") for n in range(5)})
        hold, before = Hold("up", 1_300_000), self.segment_bytes()
        proxy = Proxy(self.folder / "making", self.daemon.socket, hold)
        client = subprocess.Popen(
            [BATON, "persist", "--quiet", "--server", proxy.url, "--workflow", "unfinished",
             "--job", "j", "--root", source, "."], env=clean_environment(),
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        hold.wait()
        while self.segment_bytes() == before:  # the tail has come, or comes
            select.select([], [], [], 0.001)
        self.stop(signal.SIGKILL, snapshot=False)
        client.kill()
        client.wait()
        proxy.end()

    def segment_bytes(self):
        return sum(path.stat().st_size for path in self.daemon.segments())

    def finish(self):
        data = self.daemon.data
        return Store(self.name, data, self.views, self.snapshots, layout.places_of(data))


def words(count, seed):
    """Text that a codec makes smaller."""
    chosen = random.Random(seed)
    return " ".join(chosen.choice(("segment", "layer", "piece", "frame", "unit", "root", "block"))
                    for _ in range(count))


def sources(number, seed):
    """A small tree with some of everything."""
    return {**{f"src/{seed}-{n}.txt": words(40 + n, f"{seed}/{n}") for n in range(number)},
            f"bin/{seed}": (random_bytes(40_000, seed), 0o755), f"{seed}/empty": "",
            f"{seed}/nothing": None, f"{seed}/link": Link("../bin")}


def first_day(maker):
    """Shards, an attempt that replaces another, a chain of layers; sealed segments."""
    one, two = sources(12, "one"), sources(9, "two")
    maker.persist("build-1", "compile", one, "--shard", "1/2")
    maker.persist("build-1", "compile", {**two, "result": "failed"}, "--shard", "2/2")
    maker.persist("build-1", "compile", {**two, "result": "done"}, "--shard", "2/2",
                  "--attempt", "2")
    files = {f"node/{n:03}": words(20, n) for n in range(60)}
    maker.persist("chain", "link-0", files)
    maker.snapshot()
    for step in range(1, 4):
        maker.attach("chain", "--job", f"link-{step}")
        files = {**files, f"node/{7 * step:03}": f"changed by {step}", f"new-{step}": words(9, step)}
        maker.persist("chain", f"link-{step}", files)
    return {**one, **two, "result": "done"}, files


def second_day(maker, built):
    """A second tenant, a retry that inherits; the daemon is killed at the end."""
    nightly = sources(5, "nightly")
    maker.persist("nightly", "test", nightly, namespace="tenant")
    maker.attach("build-2", "--retry-of", "build-1", "--job", "test", "--needs", "compile")
    three = {**sources(9, "one"), "bin/three": random_bytes(3000, "three")}
    del three["bin/one"]
    maker.persist("build-2", "test", three, "--retry-of", "build-1", "--needs", "compile")
    return {**built, **three}, nightly


def third_day(maker, nightly):
    """What persists with an older batond, or a restarted one, leave: one more segment each."""
    more = {**nightly, "report": words(500, "report")}
    maker.attach("nightly", "--job", "report", namespace="tenant")
    maker.persist("nightly", "report", more, namespace="tenant")
    maker.persist("release", "pack", {"pack": random_bytes(30_000, "pack"), "name": "v1"})
    return more


def last_day(maker):
    maker.persist("third", "only", {"x": "of a third tenant", "y": random_bytes(9000, "y")},
                  namespace="Ünïcode / third")
    more = {**sources(4, "late"), "bin/late-too": random_bytes(5000, "late-too")}
    maker.persist("late", "job", more, "--shard", "a b")
    return more


def make_small(folder, killed):
    """Some fifteen layers of a few files. killed: with a live WAL, and a torn tail."""
    maker = Maker(folder, "killed" if killed else "stopped")
    maker.start(SMALL_SEGMENTS)
    built, chain = first_day(maker)
    maker.stop()
    maker.start(SMALL_SEGMENTS)
    retried, nightly = second_day(maker, built)
    maker.stop(signal.SIGKILL)
    maker.start()
    nightly = third_day(maker, nightly)
    maker.stop()
    maker.start()
    late = last_day(maker)
    for workflow, files, namespace in (("build-1", built, "default"), ("chain", chain, "default"),
                                       ("build-2", retried, "default"), ("late", late, "default"),
                                       ("nightly", nightly, "tenant")):
        maker.view(workflow, files, namespace)
    if killed:
        maker.attach("late", "--job", "reader")
        maker.die_in_a_persist()
    else:
        maker.stop(snapshot=False)
    return maker.finish()


def make_wide(folder):
    """Two layers of more units than a batch of the unit index holds; killed."""
    maker = Maker(folder, "wide")
    for name, count in WIDE:
        maker.start()
        maker.persist(f"wide-{name}", name, {f"{name}{n}": f"{name}{n}" for n in range(count)})
        maker.stop(signal.SIGKILL)
    return maker.finish()


MAKERS = {"stopped": lambda folder: make_small(folder, killed=False),
          "killed": lambda folder: make_small(folder, killed=True), "wide": make_wide}
