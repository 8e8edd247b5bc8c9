"""Sees whether anything around a directory changed: contents, modes, owners, times, inodes, the
number of links, targets, names. A change that was taken back shows in the change time, which
nobody can set, and in that of the directory."""

from __future__ import annotations

import hashlib
import os
import pathlib
import stat
from typing import Any


class Watcher:
    """Of all in `arena`, but for what is in its directory `own`, which may change. Without
    `links`, files may lose links, as one does whose other name in `own` is replaced."""

    def __init__(self, arena: pathlib.Path, own: pathlib.Path, links: bool = True):
        self.arena, self.own, self.links = os.fsencode(arena), os.fsencode(own), links
        self.seen = self._look()

    def changes(self) -> list[str]:
        """What differs from the beginning: a line each."""
        now = self._look()
        return [f"{os.fsdecode(path)}: {self.seen.get(path)} became {now.get(path)}"
                for path in sorted(self.seen.keys() | now.keys())
                if self.seen.get(path) != now.get(path)]

    def _look(self) -> dict[bytes, tuple[Any, ...]]:
        found = {}
        pending = [self.arena]
        while pending:
            path = pending.pop()
            found[path] = self._entry(path)
            if path != self.own and stat.S_ISDIR(os.lstat(path).st_mode):
                with os.scandir(path) as entries:
                    pending += [entry.path for entry in entries]
        return found

    def _entry(self, path: bytes) -> tuple[Any, ...]:
        info = os.lstat(path)
        kept = (stat.S_IFMT(info.st_mode), info.st_ino)
        if path == self.own:  # what lies in it changes its times, and it may get a mode
            return kept
        content = b""
        if stat.S_ISREG(info.st_mode):
            content = hashlib.sha256(pathlib.Path(os.fsdecode(path)).read_bytes()).digest()
        elif stat.S_ISLNK(info.st_mode):
            content = os.readlink(path)
        kept += (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, info.st_size,
                 info.st_mtime_ns, content)
        is_linked = self.links or stat.S_ISDIR(info.st_mode)
        return kept + ((info.st_nlink, info.st_ctime_ns) if is_linked else ())
