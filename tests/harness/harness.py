"""What the scenario tests share: a scratch folder, a daemon, the client, trees.

Programs come from $BATON_BUILD (the build folder). Scratch folders lie in $BATON_SCRATCH,
/dev/shm or the system's temporary folder, and are removed at the end of each test. Every
process that a test starts is ended by it.
"""

import contextlib
import json
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest

import xxhash

from proxy import Proxy

TOP = pathlib.Path(__file__).resolve().parents[2]  # of the project
BUILD = pathlib.Path(os.environ.get("BATON_BUILD", "build"))
BATON = BUILD / "client" / "baton"
# Where baton has its libraries inside, valgrind sees neither them nor what is allocated.
SHARED_BATON = next(path for path in (BUILD / "client" / "baton-shared", BATON) if path.exists())
BATOND = BUILD / "daemon" / "batond"
PAGE_LEN, PAGE_SUM_LEN = 4096, 8  # of the catalogue
PATIENCE = 60  # seconds until a process that hangs is a failure; never waited for


def scratch_parent():
    for parent in (os.environ.get("BATON_SCRATCH"), "/dev/shm"):
        if parent and os.path.isdir(parent) and os.access(parent, os.W_OK):
            return parent
    return None


# Root may read and write everything; these words before a command take that away.
UNPRIVILEGED = () if os.geteuid() != 0 else (
    "setpriv", "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search")


class Result:
    """How a client ended. `json` is what it printed with --json."""

    def __init__(self, arguments, status, out, err):
        self.arguments, self.status, self.out, self.err = arguments, status, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return (f"{' '.join(map(str, self.arguments))}: status {self.status}\n"
                f"--- out\n{self.out[-4000:]!r}\n--- err\n{self.err.decode(errors='replace')[-4000:]}")


class NotStarted(AssertionError):
    """status: of its end; None: it did neither start nor end."""

    def __init__(self, log, status):
        super().__init__(f"the daemon did not start:\n{log}")
        self.log, self.status = log, status


class Daemon:
    """A batond with its data in `folder`, listening on a Unix socket there."""

    def __init__(self, folder, *flags, environment=None, wrapper=(), pass_fds=(), program=BATOND):
        self.folder, self.program = pathlib.Path(folder), program
        self.socket = self.folder / "run" / "batond.sock"
        self.url = f"unix:{self.socket}"
        self.data = self.folder / "data"
        self.flags, self.environment, self.wrapper = flags, environment, wrapper
        self.pass_fds = pass_fds
        self.process, self.frozen = None, False
        self.log = b""
        self.start()

    def start(self):
        """Starts it and waits for its own word that it is ready."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "notify"
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        environment = dict(os.environ, NOTIFY_SOCKET=str(path), **(self.environment or {}))
        self.log_file = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [*self.wrapper, self.program, "--data", self.data, "--listen", self.url, *self.flags],
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file,
            env=environment, pass_fds=self.pass_fds)
        pidfd = os.pidfd_open(self.process.pid)
        ready, _, _ = select.select([notify, pidfd], [], [], PATIENCE)
        os.close(pidfd)
        word = notify.recv(4096) if notify in ready else b""
        started = b"READY=1" in word
        notify.close()
        path.unlink(missing_ok=True)
        if not started:
            if not ready:
                self.process.kill()
            status = self.process.wait(PATIENCE)
            self.log_file.close()
            raise NotStarted(self.read_log(), status if ready else None)

    def read_log(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self, signal_number=signal.SIGTERM):
        """Ends it and returns its status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
            if self.frozen:  # only then: LeakSanitizer hangs if it comes while it looks
                self.thaw()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the daemon did not stop:\n{self.read_log()}")
        finally:
            self.log_file.close()
        self.process = None
        return status

    def kill(self):
        return self.stop(signal.SIGKILL)

    def freeze(self):
        """Stops it in the middle of whatever it does; thaw() lets it go on."""
        self.frozen = True
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def thaw(self):
        self.frozen = False
        self.process.send_signal(signal.SIGCONT)

    def wait(self):
        """Waits until it ends by itself and returns its status."""
        status = self.process.wait(PATIENCE)
        self.log_file.close()
        self.process = None
        return status

    def check(self, *flags):
        """`batond check` of a daemon that does not run: status, output, errors as text."""
        done = subprocess.run([BATOND, "check", "--data", self.data, *flags],
                              capture_output=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def log_lines(self, word):
        return [line for line in self.read_log().splitlines() if word in line]

    def await_log(self, word, count=1):
        """Waits until so many lines have the word."""
        begun = time.monotonic()
        while len(self.log_lines(word)) < count:
            if time.monotonic() - begun > PATIENCE:
                raise AssertionError(f"not {count} lines with {word!r}:\n{self.read_log()}")
            select.select([], [], [], 0.01)

    def segments(self):
        return sorted((self.data / "segments").glob("*.seg"))

    def catalogue(self):
        """The catalogue of a daemon that does not run, to be closed by the caller."""
        assert self.process is None, "the daemon holds its catalogue alone"
        return open_catalogue(self.data / "catalogue.db")

    def expire(self, workflow):
        """Makes a workflow older than any retention; the daemon is started again."""
        self.stop()
        with self.catalogue() as database, database:
            changed = database.execute("UPDATE workflows SET contact_ms = 1,"
                                       " contact_running_ms = -90000000 WHERE name = ?",
                                       (workflow,)).rowcount
            assert changed == 1, f"there is no workflow {workflow}"
        self.start()

    def restart(self):
        self.stop()
        self.start()


@contextlib.contextmanager
def open_catalogue(path):
    """A connection; what it changed has right sums in the end (FORMAT.md §5)."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        yield database
    data = bytearray(path.read_bytes())
    if data[20:21] != bytes([PAGE_SUM_LEN]):
        return
    for number, at in enumerate(range(0, len(data), PAGE_LEN), 1):
        end = at + PAGE_LEN - PAGE_SUM_LEN
        data[end:at + PAGE_LEN] = (xxhash.xxh3_64_intdigest(data[at:end])
                                   ^ number).to_bytes(PAGE_SUM_LEN, "little")
    path.write_bytes(data)


def is_sanitized():
    """Whether the programs were built with a sanitizer, which has memory of its own."""
    program = BATOND.read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def clean_environment():
    """The environment without what a CI system or a user may have set."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS",
            "TSAN_OPTIONS", "LSAN_OPTIONS")
    return {name: os.environ[name] for name in keep if name in os.environ}


class Scenario(unittest.TestCase):
    """A test with a scratch folder and, from `self.daemon` on, a daemon."""

    flags = ()
    program = BATON

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-", dir=scratch_parent()))
        self.addCleanup(remove_tree, self.folder)
        self.daemons = []
        self.addCleanup(self._stop_daemons)

    def _stop_daemons(self):
        for daemon in self.daemons:
            status = daemon.stop()
            log = daemon.read_log()
            self.assertIn(status, (None, 0), f"the daemon ended with {status}:\n{log}")
            for bad in ("AddressSanitizer", "ThreadSanitizer", "runtime error:", "LeakSanitizer"):
                self.assertNotIn(bad, log)

    def start_daemon(self, name="daemon", *flags, **options):
        daemon = Daemon(self.folder / name, *self.flags, *flags, **options)
        self.daemons.append(daemon)
        return daemon

    @property
    def daemon(self):
        if not self.daemons:
            self.start_daemon()
        return self.daemons[0]

    def proxy(self, *plan):
        """A proxy to the daemon, see proxy.py; ends with the test."""
        folder = tempfile.mkdtemp(prefix="proxy-", dir=self.folder)
        proxy = Proxy(folder, self.daemon.socket, *plan)
        self.addCleanup(proxy.end)
        return proxy

    # ---- the client ---------------------------------------------------------------------

    def environment(self, variables=None):
        return {**clean_environment(), "BATON_SERVER": self.daemon.url,
                "XDG_CACHE_HOME": str(self.folder / "cache"), **(variables or {})}

    def command(self, *arguments):
        """Without progress: a slow machine would draw a line that no test expects."""
        words = [a if isinstance(a, bytes) else str(a) for a in arguments]
        return [str(self.program), *words[:1], *(["--no-progress"] if words else []), *words[1:]]

    def baton(self, *arguments, workflow="w", job=None, cwd=None, variables=None, status=0,
              stdin=None, wrapper=()):
        """Runs the client; checks its status (None: any). job also gives --job."""
        command = self.command(*arguments)
        if workflow is not None:
            command[2:2] = ["--workflow", workflow]
        if job is not None:
            command[2:2] = ["--job", job]
        command[:0] = wrapper
        done = subprocess.run(command, cwd=cwd or self.folder, env=self.environment(variables),
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE * 5)
        result = Result(command, done.returncode, done.stdout, done.stderr)
        self.assertNotIn(b"Sanitizer", done.stderr, result)
        self.assertNotIn(b"runtime error:", done.stderr, result)
        if status is not None:
            self.assertEqual(done.returncode, status, result)
        return result

    def popen(self, *arguments, workflow="w", job=None, cwd=None, variables=None, wrapper=(),
              **options):
        """Starts the client without waiting for it."""
        command = self.command(*arguments)
        command[2:2] = ["--workflow", workflow]
        if job is not None:
            command[2:2] = ["--job", job]
        command[:0] = wrapper
        process = subprocess.Popen(command, cwd=cwd or self.folder,
                                   env=self.environment(variables), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(end_process, process)
        return process

    def refused(self, *arguments, status, says=(), **options):
        """Runs a command that must fail: its status, and one sentence on standard error
        that says all of `says`. Returns the sentence."""
        result = self.baton(*arguments, status=status, **options)
        lines = result.err.decode(errors="surrogateescape").splitlines()
        sentences = [line for line in lines if line.startswith("baton: ")
                     and not line.startswith("baton: warning: ")
                     and "; trying again" not in line]
        if status == 4:  # notes say which layer is of which job
            sentences = sentences[-1:]
        self.assertEqual(len(sentences), 1, result)
        self.assertFalse(sentences[0].endswith("."), result)
        for line in lines:
            self.assertTrue(line.startswith(("baton: ", "  ")), result)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, sentences[0], result)
        if "--json" in arguments:
            error = result.json["error"]
            self.assertEqual(error["exit"], status, result)
            self.assertEqual("baton: " + error["message"], sentences[0], result)
        else:
            self.assertEqual(result.out, b"", result)
        return sentences[0]

    def status(self):
        return self.baton("status", "--json", workflow=None).json

    @contextlib.contextmanager
    def nothing_changes(self, *folders):
        """Around a command that must leave the daemon's layers and these folders alone."""
        def look():
            return self.status()["layers"], [read_tree(folder, times=True) for folder in folders]
        before = look()
        yield
        self.assertEqual(look(), before)

    def tree(self, files, name=None):
        """A fresh folder with these files (see make_tree)."""
        if name is None:
            root = pathlib.Path(tempfile.mkdtemp(prefix="tree-", dir=self.folder))
        else:
            root = self.folder / name
            root.mkdir()
        make_tree(root, files)
        return root

    def missing(self):
        """The path of a folder that is not there, alone in a fresh one."""
        return pathlib.Path(tempfile.mkdtemp(prefix="out-", dir=self.folder)) / "dir"

    def persist(self, job, files, *flags, workflow="w", **options):
        """Persists a tree given as {path: content}; returns its JSON."""
        root = self.tree(files)
        return self.baton("persist", "--json", "--root", root, *flags, ".", workflow=workflow,
                          job=job, **options).json

    def attach(self, job=None, *flags, into=None, workflow="w", **options):
        """Attaches into a fresh folder (or `into`); returns (JSON, folder)."""
        into = into or self.missing()
        result = self.baton("attach", "--json", *flags, into, workflow=workflow, job=job, **options)
        return (result.json if result.out else None), into


def end_process(process):
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def make_tree(root, files):
    """{path: bytes | str | None (a directory) | Link(target) | (content, mode)}"""
    root = os.fsencode(root)
    for name, content in files.items():
        path = os.path.join(root, os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        mode = None
        if isinstance(content, tuple):
            content, mode = content
        if content is None:
            os.makedirs(path, exist_ok=True)
        elif isinstance(content, Link):
            os.symlink(content.target, path)
        else:
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        if mode is not None:
            os.chmod(path, mode)


class Link:
    def __init__(self, target):
        self.target = target


def read_tree(root, times=False):
    """{path: (type, mode, content or target[, mtime in ns])} of all below root, as bytes; at
    any depth. A missing root gives None."""
    root, entries = os.fsencode(root), {}
    if not os.path.lexists(root):
        return None
    for folder, directories, files, fd in os.fwalk(root):
        for name in directories + files:
            info = os.stat(name, dir_fd=fd, follow_symlinks=False)
            mode = stat.S_IMODE(info.st_mode)
            if stat.S_ISLNK(info.st_mode):
                entry = ("link", 0o777, os.readlink(name, dir_fd=fd))
            elif stat.S_ISDIR(info.st_mode):
                entry = ("directory", mode, b"")
            elif stat.S_ISREG(info.st_mode):
                with open(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as file:
                    entry = ("file", mode, file.read())
            else:
                entry = ("special", mode, b"")
            path = os.path.join(folder, name)[len(root):].lstrip(b"/")
            entries[path] = entry + ((info.st_mtime_ns,) if times else ())
    return entries


def contents(root):
    """{path: content} of the files below root, as text; for short comparisons."""
    return {os.fsdecode(path): entry[2].decode() for path, entry in read_tree(root).items()
            if entry[0] == "file"}


def random_bytes(count, seed=0):
    """Bytes that no codec makes smaller, the same each time."""
    return random.Random(seed).randbytes(count)


def remove_tree(path):
    """Also what lies in directories that may not be written, and beyond PATH_MAX."""
    subprocess.run(["chmod", "-R", "u+rwx", path], stderr=subprocess.DEVNULL, check=False)
    subprocess.run(["rm", "-rf", "--", path], check=False)
    if os.path.exists(path):
        shutil.rmtree(path, ignore_errors=True)
