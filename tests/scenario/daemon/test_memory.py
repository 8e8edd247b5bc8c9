"""How much memory client and daemon need for many files, and for a large one.

What is measured is the most that was ever resident (ru_maxrss of the client, VmHWM of the
daemon): anonymous memory (RssAnon) and the pages of
programs and libraries with it, so it is never less than what the bound is about.
"""

import os
import shutil
import subprocess
import unittest

from harness import is_sanitized, Scenario

BOUND = 256 << 20
FILES = 100_000
LARGE = 4096  # blocks of 1 MiB
QUICK = os.environ.get("BATON_QUICK") == "1"


def block(number):
    """1 MiB that no other block equals, and that a codec makes small."""
    return number.to_bytes(8, "little") * (1 << 17)


@unittest.skipIf(is_sanitized(), "sanitizers have memory of their own")
class Memory(Scenario):
    def run_client(self, *arguments, job=None):
        """Runs a client; returns the most memory it had, in bytes."""
        command = self.command(arguments[0], "--workflow", "w", "--no-progress", *arguments[1:])
        if job:
            command += ["--job", job]
        with open(self.folder / "output", "w+b") as output:
            process = subprocess.Popen(command, env=self.environment(), stdout=output,
                                       stderr=output, stdin=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            self.assertEqual(process.returncode, 0, output.read())
        return usage.ru_maxrss * 1024

    def daemon_peak(self):
        with open(f"/proc/{self.daemon.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def assert_bounded(self, what, client):
        peaks = {"client": client, "daemon": self.daemon_peak()}
        for who, peak in peaks.items():
            self.assertLess(peak, BOUND, f"{what}: the {who} needed {peak >> 20} MiB")

    def require_room(self, size):
        free = shutil.disk_usage(self.folder).free
        with open("/proc/meminfo", encoding="ascii") as lines:
            memory = next(int(line.split()[1]) for line in lines if "MemAvailable" in line) * 1024
        if min(free, memory) < size:
            self.skipTest(f"{size >> 30} GiB of room and memory are needed, "
                          f"{free >> 30} and {memory >> 30} are there")

    def test_100_000_small_files(self):
        root = self.tree({f"{folder}": None for folder in range(100)})
        for number in range(FILES):
            with open(f"{root}/{number % 100}/file-{number}", "w", encoding="ascii") as file:
                file.write(f"{number}\n" * (number % 40))
        self.assert_bounded("persist", self.run_client("persist", "--root", root, ".", job="a"))
        self.assert_bounded("again", self.run_client("persist", "--root", root, ".", job="b"))
        out = self.missing()
        self.assert_bounded("attach", self.run_client("attach", out))
        self.assert_bounded("attach over it", self.run_client("attach", out))
        for number in range(FILES):
            with open(f"{out}/{number % 100}/file-{number}", encoding="ascii") as file:
                self.assertEqual(file.read(), f"{number}\n" * (number % 40))

    @unittest.skipIf(QUICK, "BATON_QUICK=1")
    def test_one_file_of_4_gib(self):
        self.require_room(LARGE * 3 << 20)
        root = self.tree({})
        with open(root / "large", "wb") as file:
            for number in range(LARGE):
                file.write(block(number))
        self.assert_bounded("persist", self.run_client("persist", "--root", root, ".", job="a"))
        (root / "large").unlink()
        out = self.missing()
        self.assert_bounded("attach", self.run_client("attach", out))
        with open(out / "large", "rb") as file:
            for number in range(LARGE):
                self.assertEqual(file.read(1 << 20) == block(number), True, number)
            self.assertEqual(file.read(1), b"")
