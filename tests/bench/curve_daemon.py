"""A daemon to be measured, the client beside it, and what both need."""

import os
import pathlib
import platform
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import harness

MIB = 1 << 20
NULL = subprocess.DEVNULL
TICK = os.sysconf("SC_CLK_TCK")


def machine(scratch):
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(scratch)], capture_output=True, text=True,
                          check=True).stdout.strip()
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "file_system": kind,
            "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)}


def room(scratch):
    """Bytes that may be written: on tmpfs they are memory, of which 2 GiB are left alone."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        memory = next(int(line.split()[1]) for line in lines if "MemAvailable" in line) * 1024
    return max(0, min(shutil.disk_usage(scratch).free, memory) - 2 * 2**30)


def anonymous(pid):
    """RssAnon in bytes; 0 for a process that is no more."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as lines:
            return next((int(line.split()[1]) * 1024 for line in lines
                         if line.startswith("RssAnon")), 0)
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Bench:
    """A daemon of its own in a fresh folder, perhaps over data that are there already."""

    def __init__(self, scratch, data=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
        if data:
            (self.folder / "daemon").mkdir()
            (self.folder / "daemon" / "data").symlink_to(data)
        self.daemon = harness.Daemon(self.folder / "daemon")
        self.url = self.daemon.url

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.daemon.stop()
        shutil.rmtree(self.folder)

    def stop(self):
        self.daemon.stop()

    def start(self):
        begin = time.monotonic()
        self.daemon.start()
        return time.monotonic() - begin

    def memory(self):
        return anonymous(self.daemon.process.pid)

    def processor(self):
        with open(f"/proc/{self.daemon.process.pid}/stat", encoding="ascii") as line:
            fields = line.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def _command(self, arguments):
        variables = {**harness.clean_environment(), "BATON_SERVER": self.url,
                     "BATON_WORKFLOW": "w", "XDG_CACHE_HOME": str(self.folder / "cache")}
        command = [str(word) for word in (harness.BATON, arguments[0], "--quiet", *arguments[1:])]
        return command, {"env": variables, "stdout": NULL, "stderr": subprocess.PIPE,
                         "stdin": NULL}

    def popen(self, *arguments):
        command, options = self._command(arguments)
        return subprocess.Popen(command, **options)

    def run(self, *arguments):
        command, options = self._command(arguments)
        subprocess.run(command, check=True, **options)

    def timed(self, *arguments):
        begin = time.monotonic()
        self.run(*arguments)
        return time.monotonic() - begin


def sampled(bench, *arguments):
    """Runs the client: seconds, {who: peak RssAnon}, processor time of the daemon."""
    peak = {"client": 0, "daemon": 0}
    before, begin = bench.processor(), time.monotonic()
    process = bench.popen(*arguments)
    while True:
        for who, pid in (("client", process.pid), ("daemon", bench.daemon.process.pid)):
            peak[who] = max(peak[who], anonymous(pid))
        try:
            _, err = process.communicate(timeout=0.01)
            break
        except subprocess.TimeoutExpired:
            pass
    seconds = time.monotonic() - begin
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments, stderr=err)
    return seconds, peak, bench.processor() - before


class Relay:
    """Between client and daemon: how long the client waits for the daemon's last word after
    its own last byte."""

    def __init__(self, bench):
        self.path = str(bench.folder / "relay")
        self.url, self.target = f"unix:{self.path}", str(bench.daemon.socket)
        self.asked = self.answered = 0.0

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._relay)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)

    def wait(self):
        self.thread.join()
        return self.answered - self.asked

    def _relay(self):
        near, _ = self.listener.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(self.target)
        both = selectors.DefaultSelector()
        both.register(near, selectors.EVENT_READ, far)
        both.register(far, selectors.EVENT_READ, near)
        with near, far, both:
            while True:
                for key, _ in both.select():
                    data = key.fileobj.recv(1 << 20)
                    if not data:
                        return
                    key.data.sendall(data)
                    if key.fileobj is near:
                        self.asked = time.monotonic()
                    else:
                        self.answered = time.monotonic()
