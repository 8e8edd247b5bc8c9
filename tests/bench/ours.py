"""Baton as one of the contenders: a daemon of its own, its store in the same file system.

Everything is as it is by default, durability included. The daemon runs before the first
step and is not part of any figure but those of memory.
"""

import os
import pathlib
import signal
import socket
import subprocess

from contenders import Contender, first_line, run, size_of


class Baton(Contender):
    name = "baton"
    settings = (
        ("defaults", "every check and every flush before the acknowledgement"),
        ("another workflow for each persist", "what the next pipeline does; nothing of the "
                                              "earlier one is named as a base"),
        ("stat record", "on by default; unrecorded is --no-stat-record, which reads everything"))

    def __init__(self, scratch, build):
        super().__init__(scratch)
        self.build = pathlib.Path(build).resolve()
        self.client, self.daemon = self.build / "client/baton", None
        self.run = run  # how a client is run: memory.py puts its own here
        self.count = 0

    def version(self):
        return first_line(self.client, "version")

    # ---- the daemon ---------------------------------------------------------------------

    def begin(self):
        super().begin()
        self._start()

    def end(self):
        self._stop()
        super().end()

    def save(self):
        self._stop()
        super().save()
        self._start()

    def reset(self):
        self._stop()
        super().reset()
        self._start()

    def _start(self):
        """Starts it and waits for its word that it is ready, or for its end."""
        (self.folder / "run").mkdir(mode=0o700, exist_ok=True)
        self.url = f"unix:{self.folder}/run/s"
        word = self.folder / "run/notify"
        word.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(word))
            notify.settimeout(60)
            self.daemon = subprocess.Popen(
                [self.build / "daemon/batond", "--data", self.folder / "data", "--listen",
                 self.url], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=open(self.folder / "log", "ab"),
                env=dict(os.environ, NOTIFY_SOCKET=str(word)))
            if b"READY=1" not in notify.recv(4096):
                raise RuntimeError("batond did not start: " + (self.folder / "log").read_text())

    def _stop(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait()
            self.daemon = None

    # ---- the client ---------------------------------------------------------------------

    def command(self, verb, *arguments):
        return [self.client, verb, "--quiet", "--server", self.url, "--workflow",
                f"w{self.count}", *arguments]

    def environment(self):
        """Without what a CI system or a user may have set."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR")
                if name in os.environ}
        return dict(kept, XDG_CACHE_HOME=str(self.folder / "cache"))

    def _call(self, verb, *arguments):
        self.run(self.command(verb, *arguments), env=self.environment())

    def store(self, tree, *flags):
        self.count += 1
        self._call("persist", "--job", "build", *flags, "--root", tree, ".")

    again = store

    def again_unrecorded(self, tree):
        self.store(tree, "--no-stat-record")

    def restore(self, target):
        self._call("attach", "--job", "use", target)

    restore_over = restore

    def stored_bytes(self):
        """Segments; and with them catalogue and unit index, and what their logs hold for now."""
        return {self.name: size_of(self.folder / "data/segments"),
                "baton, whole folder": size_of(self.folder / "data")}
