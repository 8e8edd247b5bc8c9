"""A guard against growing slower: what a fixed workload takes, in counts that every machine
agrees on, beside tests/golden/counts.json (see tests/harness/counts.py).

Everything runs on one core, so that threads are as many everywhere and take turns in
nearly the same way. What the daemon does is counted for all persists together and for all
attaches, since it runs on from one to the next.
"""

import json
import os
import pathlib
import platform
import random
import shutil
import struct
import subprocess
import unittest

import counts
from harness import BUILD, SHARED_BATON, Daemon, Scenario, is_sanitized
from stat_record import settle

FOLDERS, FILES, CHANGED = 200, 2000, 20
LARGE = 2 << 20
SEGMENT_HEADER_LEN, FRAME_HEADER_LEN, FRAME_ROW_LEN = 64, 72, 52
CONTENT = 1


def write(path, content):
    """With a time that is the same in every manifest."""
    path.write_bytes(content)
    os.utime(path, ns=(1, 1_600_000_000_123_456_789))


def make_tree(root):
    """Small files of some 500 bytes and a large one; half of it is compressible."""
    rng = random.Random(1)
    for number in range(FILES):
        folder = root / f"folder-{number % FOLDERS:03}"
        folder.mkdir(exist_ok=True)
        write(folder / f"file-{number:04}", rng.randbytes(rng.randrange(50, 500)).hex().encode())
    write(root / "large", rng.randbytes(LARGE // 2).hex().encode())
    for folder in [root, *root.glob("folder-*")]:
        os.utime(folder, ns=(1, 1))


def change_tree(root):
    for number in range(CHANGED):
        path = root / f"folder-{number % 2:03}" / f"file-{number // 2 * FOLDERS + number % 2:04}"
        write(path, b"changed " * (number + 1))


def content_frames(segments):
    """How many frames of content lie in these files (FORMAT.md §2 and §3)."""
    count = 0
    for segment in segments:
        data, at = segment.read_bytes(), SEGMENT_HEADER_LEN
        while data[at:at + 4] == b"BTFR":
            units, _, stored = struct.unpack_from("<III", data, at + 12)
            count += data[at + 5] == CONTENT
            at += FRAME_HEADER_LEN + FRAME_ROW_LEN * units + stored
    return count


class TracedDaemon(Daemon):
    """Under strace, which lets no signal through."""

    def stop(self, signal_number=15):
        if self.process is None:
            return None
        tracer = self.process.pid
        traced = pathlib.Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split()
        os.kill(int(traced[0]), signal_number)
        return self.wait()


def strace_refuses():
    """Why it cannot be used here, or None."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True,
                           check=False)
    return f"strace does not work here: {tried.stderr.strip()}" if tried.returncode else None


def callgrind_differs():
    """Why it would count other instructions than the baseline has, or None. On any x86-64
    with AVX2 valgrind shows programs one and the same processor, so that what libraries
    choose by processor is the same too."""
    if not shutil.which("valgrind"):
        return "valgrind is not installed"
    if platform.machine() != "x86_64" or " avx2 " not in pathlib.Path("/proc/cpuinfo").read_text():
        return "the baseline is that of an x86-64 processor with AVX2"
    options = json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())
    kind = next(option["value"] for option in options if option["name"] == "buildtype")
    if kind != "release" or b"clang version" in SHARED_BATON.read_bytes():
        return "the baseline is that of a release build by gcc"
    return None


@unittest.skipIf(is_sanitized(), "this build has sanitizers")
class Guard(Scenario):
    program = SHARED_BATON

    def setUp(self):
        super().setUp()
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
        self.addCleanup(os.sched_setaffinity, 0, cores)
        self.counts = {}

    # ---- the workload -------------------------------------------------------------------

    def run_workload(self, kind_of_daemon=Daemon):
        """Calls self.after(step) when a client has ended, and self.after_daemon(steps)."""
        root, out = self.tree({}), self.folder / "out"
        make_tree(root)
        for steps in self.persists(root), self.attaches(out):
            daemon = kind_of_daemon(self.folder / "daemon", wrapper=self.wrapper("daemon"))
            self.daemons[:] = [daemon]
            for step, arguments in steps:
                settle()
                result = self.client(*arguments)
                self.after(step, result)
            self.assertEqual(daemon.stop(), 0, daemon.read_log())
            self.after_daemon(step.split()[0])

    @staticmethod
    def persists(root):
        def persist(workflow, *flags):
            return ("persist", "--workflow", workflow, "--job", "a", "--root", root, *flags, ".")
        yield "persist", persist("w1")
        yield "persist again, no record", persist("w2", "--no-stat-record")
        yield "persist again", persist("w3")
        change_tree(root)
        yield "persist a change", persist("w4")

    @staticmethod
    def attaches(out):
        yield "attach", ("attach", "--workflow", "w3", out)
        yield "attach again", ("attach", "--workflow", "w3", out)
        yield "attach a change", ("attach", "--workflow", "w4", out)

    def wrapper(self, _who):
        return ()

    def client(self, verb, *arguments):
        return self.baton(verb, "--json", *arguments, workflow=None,
                          wrapper=self.wrapper("client")).json

    def after(self, step, result):
        pass

    def after_daemon(self, steps):
        pass

    def assert_as_before(self, kind):
        told = counts.check(kind, self.counts, FILES + 1)
        if told:
            self.fail(told)


class Bytes(Guard):
    """On the socket, both ways."""

    def client(self, verb, *arguments):
        self.line = self.proxy()
        return super().client(verb, *arguments, "--server", self.line.url)

    def after(self, step, result):
        sent, received = (sum(connection.bytes[way] for connection in self.line.connections)
                          for way in ("up", "down"))
        self.counts[f"{step}: to the daemon"] = sent
        self.counts[f"{step}: to the client"] = received

    def test_bytes(self):
        self.run_workload()
        self.assert_as_before("bytes")


class Calls(Guard):
    def wrapper(self, who):
        return (*counts.STRACE, "-o", self.folder / f"{who}.calls")

    def take(self, what, who):
        calls = counts.system_calls(self.folder / f"{who}.calls")
        self.counts[f"{what}: {who}"] = sum(calls.values())

    def after(self, step, result):
        self.take(step, "client")

    def after_daemon(self, steps):
        self.take(steps, "daemon")

    def test_system_calls(self):
        if reason := strace_refuses():
            self.skipTest(reason)
        self.run_workload(TracedDaemon)
        self.assert_as_before("system calls")


class Instructions(Guard):
    def setUp(self):
        super().setUp()
        self.frames, self.profiles = {}, {}

    def wrapper(self, who):
        return (*counts.CALLGRIND, f"--callgrind-out-file={self.folder / who}.profile")

    def take(self, what, who):
        profile = counts.Profile(self.folder / f"{who}.profile")
        for share, instructions in profile.instructions.items():
            self.counts[f"{what}: {who}, {share}"] = instructions
        return profile

    def after(self, step, result):
        self.profiles[step] = self.take(step, "client")
        self.frames[step] = content_frames(self.daemons[0].segments())

    def after_daemon(self, steps):
        self.take(steps, "daemon")

    def test_instructions_and_frames(self):
        if reason := callgrind_differs():
            self.skipTest(reason)
        self.run_workload()
        self.assert_no_frame_is_decoded_twice()
        self.assert_as_before("instructions")

    def assert_no_frame_is_decoded_twice(self):
        """What a persist stored was new, so an attach of just that needs all its frames."""
        stored = self.frames["persist again"]
        needed = {"attach": stored, "attach again": 0,
                  "attach a change": self.frames["persist a change"] - stored}
        decoded = {step: self.profiles[step].calls["frame_payload_decode"] for step in needed}
        self.assertGreater(min(stored, needed["attach a change"]), 0)
        self.assertEqual(decoded, needed, "frames decoded, and frames needed")


if __name__ == "__main__":
    unittest.main()
