"""T5: nothing in a layer, nothing that a daemon says, and nothing that lies in DIR, or comes to
lie there while an attach runs, changes anything outside of DIR: no byte, mode, link or name."""

import collections
import concurrent.futures
import itertools
import os
import socket
import subprocess
import sys
import unittest

import arena
import client
import fake_daemon
import frames
import hostile_views
import manifest
from arena import Arena
from fake_daemon import FakeDaemon
from harness import BATON, BUILD, PATIENCE, Scenario, end_process
from hostile_views import HONEST, THEIRS, row, stream_of
from manifest import DIRECTORY, FILE, Piece
from wire import Connection, Lost, Refused, Type, encode
from wire_case import identity

SWAPPER = BUILD / "tests" / "harness" / "swapper"
CASES_MIN = 500
WORKERS = 8
# Who is cut off tries again for so long; who is answered needs it on a slow machine.
SHORT, LONG = "0.01", "30"
EXITS = range(0, 10)
ATTACHED = 0


def tell(what, counts):
    """Counts for who runs the tests; tests/run shows lines that begin so."""
    total = sum(counts.values())
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    print(f"counts: {what}: {total} ({kinds})", file=sys.stderr, flush=True)


@unittest.skipUnless(BATON.exists(), "the build has no client")
class Hostile(Scenario):
    def new_arena(self, name):
        return Arena(self.folder / name)

    def run_attach(self, place, *flags, url=None, timeout=LONG, **options):
        server = ["--server", url] if url else []
        return self.baton("attach", *server, *flags, place.into, cwd=place.beside, status=None,
                          variables={"BATON_TIMEOUT": timeout}, **options)

    def check(self, place, result):
        self.assertEqual(place.changes(), [], result)
        self.assertIn(result.status, EXITS, result)
        if result.status != ATTACHED:
            self.assertNotEqual(result.err, b"", result)
        shown = (result.out + result.err).replace(b"\n", b"")
        self.assertFalse(any(byte < 0x20 or byte == 0x7F for byte in shown), result)

    def check_made(self, place, result):
        self.check(place, result)
        self.assertEqual(place.odd_entries(), b"", result)


class Worker:
    """An arena and a daemon that says what it is told, for one case after the other."""

    def __init__(self, test, number):
        self.test, self.arena = test, test.new_arena(f"worker-{number}")
        folder = test.folder / f"fake-{number}"
        folder.mkdir()
        self.fake = FakeDaemon(folder, None)

    def attach(self, stream, *flags, timeout=LONG):
        self.fake.script = fake_daemon.say(stream)
        return self.test.run_attach(self.arena, *flags, url=self.fake.url, timeout=timeout)

    def run(self, case):
        self.arena.clear()
        if case.before:
            self.test.check_made(self.arena, self.attach(stream_of(case.before)))
        result = self.attach(case.said(), timeout=SHORT if case.stream else LONG)
        self.test.check_made(self.arena, result)
        return result.status


class HostileDaemon(Hostile):
    """A daemon that says anything."""

    def run_part(self, number):
        worker = Worker(self, number)
        ended = collections.Counter()
        cases = hostile_views.cases(os.fsencode(worker.arena.outside))
        try:
            for case in cases[number::WORKERS]:
                with self.subTest(kind=case.kind, name=case.name):
                    ended[case.kind, worker.run(case) == ATTACHED] += 1
        finally:
            worker.fake.stop()
        self.assertEqual(worker.fake.failures, [])
        return ended

    def test_t5_nothing_that_a_daemon_says_leads_out_of_dir(self):
        self.start_daemon()
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            ended = sum(pool.map(self.run_part, range(WORKERS)), collections.Counter())
        tell("hostile views", collections.Counter(kind for kind, _ in ended.elements()))
        tell("hostile views that were attached, into DIR",
             collections.Counter(kind for kind, attached in ended.elements() if attached))
        self.assertGreaterEqual(ended.total(), CASES_MIN)

    def test_t5_an_honest_view_is_attached_all_the_same(self):
        worker = Worker(self, 0)
        self.addCleanup(worker.fake.stop)
        self.assertEqual(worker.run(hostile_views.honest()), ATTACHED)
        self.assertEqual((worker.arena.into / "a/b").read_bytes(), THEIRS)


class HostileLayers(Hostile):
    """A client that persists anything, to a real daemon."""

    def persist_rows(self, job, rows):
        """Whether the daemon took it."""
        piece = Piece(tuple(rows))
        data = piece.encode()
        with Connection(self.daemon.url) as connection:
            try:
                upload = client.Upload(connection, identity(job), os.urandom(16))
                lacking = upload.ask([manifest.unit_of(THEIRS), manifest.unit_of(data)])
                upload.send(frames.CONTENT, [THEIRS] if lacking[:1] == [manifest.unit_of(THEIRS)]
                            else [])
                upload.send(frames.PIECE, [data])
                upload.commit(manifest.root_of([manifest.root_entry(piece, data)]))
                return True
            except (Refused, Lost):
                return False

    def test_t5_no_layer_leads_out_of_dir(self):
        place = self.new_arena("arena")
        ended = collections.Counter()
        cases = [case for case in hostile_views.cases(os.fsencode(place.outside))
                 if case.rows and case.persisted]
        for number, case in enumerate(cases):
            with self.subTest(kind=case.kind, name=case.name):
                taken = self.persist_rows(f"j{number}", case.rows)
                ended[case.kind, taken] += 1
                if taken:
                    place.clear()
                    self.check_made(place, self.run_attach(place, "--from", f"j{number}"))
        tell("hostile trees", collections.Counter(kind for kind, _ in ended.elements()))
        tell("hostile trees that a layer may hold",
             collections.Counter(kind for kind, taken in ended.elements() if taken))
        self.assertGreaterEqual(ended.total(), CASES_MIN)
        for kind in ("absolute name", "duplicate", "unsorted", "type",
                     "link, then child, one layer"):
            self.assertEqual(ended[kind, True], 0, kind)

    def test_t5_a_link_of_one_layer_is_no_way_for_the_next(self):
        place = self.new_arena("arena")
        made = collections.Counter()
        for number, target in enumerate(hostile_views.targets(os.fsencode(place.outside))):
            for part, (name, link, below) in enumerate(hostile_views.children(target)):
                jobs = f"l{number}x{part}", f"c{number}x{part}"
                self.assertTrue(self.persist_rows(jobs[0], link))
                self.assertTrue(self.persist_rows(jobs[1], below))
                way = ("first", "last", "error")[part % 3]
                with self.subTest(name=name, way=way):
                    place.clear()
                    result = self.run_attach(place, "--on-conflict", way, "--from", jobs[0],
                                             "--from", jobs[1])
                    self.check_made(place, result)
                    made[way] += 1
        tell("links and children in two layers", made)


PLANTED = {
    "link to a directory": lambda at, place: at.symlink_to(place.outside),
    "link to a file": lambda at, place: at.symlink_to(place.outside / "precious"),
    "relative link": lambda at, place: at.symlink_to(os.path.relpath(place.outside, at.parent)),
    "link to nothing yet": lambda at, place: at.symlink_to(place.outside / "planted"),
    "link upward": lambda at, place: at.symlink_to(".."),
    "link to the root": lambda at, place: at.symlink_to("/"),
    "link of a process": lambda at, place: at.symlink_to("/proc/self/cwd/outside"),
    "link to a link": lambda at, place: at.symlink_to(place.beside / "own-link"),
    "hard link": lambda at, place: os.link(place.outside / "precious", at),
    "fifo": lambda at, place: os.mkfifo(at),
    "socket": lambda at, place: plant_socket(at),
    "directory of links": lambda at, place: plant_directory(at, place),
    "closed directory": lambda at, place: at.mkdir(0),
}
PLACES = ("a", "a/b", "l", "m", "m/n", "m/n/o", ".baton-0123456789ab")
VIEW = [*HONEST, row(b"m", DIRECTORY), row(b"m/n", DIRECTORY), row(b"m/n/o", FILE)]
FLAGS = ((), ("--delete",), ("--keep-existing",), ("--delete", "--verify"))


def plant_socket(at):
    """Below a descriptor: names of sockets are short."""
    folder = os.open(at.parent, os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(f"/proc/self/fd/{folder}/{at.name}")
    os.close(folder)


def plant_directory(at, place):
    at.mkdir()
    for name in ("b", "n", "o", "x"):
        (at / name).symlink_to(place.outside)
    os.link(place.outside / "0", at / "hard")


class HostileDestination(Hostile):
    """What lies in DIR before."""

    def run_part(self, number):
        worker = Worker(self, number)
        stream = stream_of(VIEW)
        made = collections.Counter()
        every = itertools.product(PLANTED.items(), PLACES, FLAGS)
        try:
            for (kind, plant), where, flags in list(every)[number::WORKERS]:
                with self.subTest(kind=kind, where=where, flags=flags):
                    self.plant_one(worker, plant, where)
                    self.check(worker.arena, worker.attach(stream, *flags))
                    made[kind] += 1
        finally:
            worker.fake.stop()
        self.assertEqual(worker.fake.failures, [])
        return made

    @staticmethod
    def plant_one(worker, plant, where):
        worker.arena.clear()
        at = worker.arena.into / where
        at.parent.mkdir(parents=True, exist_ok=True)
        plant(at, worker.arena)
        worker.arena.watch(links=False)  # a hard link in DIR goes when its name is taken

    def test_t5_nothing_that_lies_in_dir_leads_out_of_it(self):
        self.start_daemon()
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            made = sum(pool.map(self.run_part, range(WORKERS)), collections.Counter())
        tell("planted in DIR", made)


class MovingDestination(Hostile):
    """What comes to lie in DIR while an attach runs: directories and files change places with
    links that lead outside, thousands of times a second."""

    ATTACHES = 40

    TOPS = ("a", "k/c", *(f"t{number}" for number in range(20)))

    def rows(self, content):
        """As many as make an attach take a while; names are those of what is outside, of which
        one view has something that the other has not."""
        more = {"size": len(content), "units": (manifest.unit_of(content),)}
        names = ["dir/deep", *map(str, range(10)), *(["precious"] if content == THEIRS else [])]
        rows = [row(b"f", FILE, **more), row(b"k", DIRECTORY)]
        for top in self.TOPS:
            rows += [row(f"{top}{below}".encode(), DIRECTORY) for below in ("", "/dir")]
            rows += [row(f"{top}/{name}".encode(), FILE, **more) for name in names]
        return sorted(rows, key=lambda one: one.key)

    def streams(self):
        """Two views that have no file in common, so that each attach writes all of them."""
        for content in (THEIRS, b"others"):
            rows = self.rows(content)
            yield hostile_views.begin() + encode(Type.ROWS, hostile_views.rows_payload(rows)) + \
                hostile_views.end(rows, [frames.encode_frame([content])])

    def pairs(self, place):
        """(directory or file, link that it changes places with, target)"""
        into = place.into
        for top in self.TOPS:
            yield into / top, into / f"{top}-link", place.outside
        yield into / "f", into / "f-link", place.outside / "precious"

    def start_swapping(self, place):
        words = [word for pair in self.pairs(place) for word in pair]
        swapper = subprocess.Popen([SWAPPER, *words], stdout=subprocess.PIPE)
        self.addCleanup(end_process, swapper)
        self.assertEqual(swapper.stdout.read(1), b".")  # it has begun
        return swapper

    def end_swapping(self, swapper):
        """How often two things changed places."""
        swapper.kill()
        bytes_told = 1 + len(swapper.communicate(timeout=PATIENCE)[0])
        return bytes_told * 100 * (len(self.TOPS) + 1)

    def test_t5_what_moves_in_dir_leads_nowhere(self):
        worker = Worker(self, 0)
        self.addCleanup(worker.fake.stop)
        streams = list(self.streams())
        place = worker.arena
        self.assertEqual(worker.attach(streams[0]).status, ATTACHED)
        swapper = self.start_swapping(place)
        ended = collections.Counter()
        for number in range(self.ATTACHES):
            flags = FLAGS[number % len(FLAGS)]
            result = worker.attach(streams[number % 2 - 1], *flags)
            self.check(place, result)
            ended[f"status {result.status}"] += 1
        swaps = self.end_swapping(swapper)
        self.assertEqual(place.changes(), [])
        tell(f"attaches while things changed places {swaps:,} times", ended)

    def test_the_watcher_sees_who_follows_what_moves(self):
        place = self.new_arena("arena")
        rows = self.rows(THEIRS)
        arena.write_naively(place, rows, THEIRS)
        self.assertEqual(place.changes(), [])
        swapper = self.start_swapping(place)
        while not place.changes():  # the swapper goes on, so that it happens
            arena.write_naively(place, rows, THEIRS)
        self.end_swapping(swapper)


class TheWatcher(Hostile):
    """What shows that the tests above could fail."""

    def test_it_sees_each_change_also_one_that_was_taken_back(self):
        for number, change in enumerate(CHANGES):
            place = self.new_arena(f"arena-{number}")
            self.assertEqual(place.changes(), [])
            (place.into / "new").write_text("may be")
            self.assertEqual(place.changes(), [])
            change(place.outside)
            self.assertNotEqual(place.changes(), [], f"change {number}")

    def test_it_sees_what_the_cases_do_to_who_trusts_names(self):
        seen = collections.Counter()
        place = self.new_arena("arena")
        for case in hostile_views.cases(os.fsencode(place.outside)):
            arena.write_naively(place, case.before, THEIRS)
            arena.write_naively(place, case.rows, THEIRS)
            place.clear()
            if place.changes():
                seen[case.kind] += 1
                place = self.rebuild(place)
        tell("seen where names are trusted", seen)
        for kind in ("traversal", "absolute name", "link, then child, one layer",
                     "link, then child, next layer", "link, then child, next view"):
            self.assertGreater(seen[kind], 0, kind)

    @staticmethod
    def rebuild(place):
        """At the same path, which the cases name."""
        subprocess.run(["rm", "-rf", "--", place.top], check=True)
        return Arena(place.top)


def keep_times(path, change):
    info = path.lstat()
    change()
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)


def other_byte(outside):
    path = outside / "precious"
    keep_times(path, lambda: path.write_text("previous precious"[:len(path.read_text())]))


def mode_and_back(outside):
    (outside / "precious").chmod(0o666)
    (outside / "precious").chmod(0o600)


def made_and_gone(outside):
    (outside / "planted").write_text("")
    (outside / "planted").unlink()


def twin(outside):
    """Another file with the same bytes, mode and times."""
    path = outside / "precious"
    info, text = path.lstat(), path.read_text()
    path.rename(outside / "old")
    path.write_text(text)
    path.chmod(0o600)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    (outside / "old").unlink()


def other_target(outside):
    link = outside.parent / "own-link"
    link.unlink()
    link.symlink_to("into")


CHANGES = (
    other_byte, mode_and_back, made_and_gone, twin, other_target,
    lambda outside: (outside / "precious").chmod(0o644),
    lambda outside: (outside / "precious").unlink(),
    lambda outside: (outside / "planted").symlink_to("x"),
    lambda outside: os.link(outside / "precious", outside.parent / "into" / "hard"),
    lambda outside: os.utime(outside / "dir"),
    lambda outside: (outside / "dir").rename(outside / "moved"),
    lambda outside: (outside / "dir").chmod(0o4755),
    lambda outside: (outside.parents[3] / "outside" / "planted").mkdir(),
)


if __name__ == "__main__":
    unittest.main()
