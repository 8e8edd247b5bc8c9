"""A directory to attach into, deep in a place of its own where everything is watched, with
something precious outside at each depth that a name or a link could lead to."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from typing import Sequence

from manifest import DIRECTORY, FILE, SYMLINK, Row
from watcher import Watcher

DEPTH = 5
PRECIOUS = {"precious": 0o600, "dir/deep": 0o644, "0": 0o640}


class Arena:
    def __init__(self, folder: pathlib.Path):
        self.top = folder
        for number in range(DEPTH):
            place = folder.joinpath(*["d"] * number)
            for name, mode in PRECIOUS.items():
                path = place / "outside" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"precious {name}")
                path.chmod(mode)
            (place / "own-link").symlink_to("outside")
        self.beside = place
        self.outside = place / "outside"
        self.into = place / "into"
        self.into.mkdir()
        self.watcher = Watcher(folder, self.into)

    def watch(self, **options: bool) -> None:
        """From now on, after something was planted."""
        self.watcher = Watcher(self.top, self.into, **options)

    def changes(self) -> list[str]:
        return self.watcher.changes()

    def clear(self) -> None:
        """Empties DIR, which stays the same one."""
        for entry in list(os.scandir(os.fsencode(self.into))):
            if entry.is_dir(follow_symlinks=False):
                remove_directory(entry.path)
            else:
                os.unlink(entry.path)

    def odd_entries(self) -> bytes:
        """What no attach may make in DIR: bits beyond 0777, and other types."""
        if not os.listdir(self.into):
            return b""
        return subprocess.run(["find", self.into, "-mindepth", "1", "(", "-perm", "/7000", "-o",
                               "-not", "-type", "f", "-not", "-type", "d", "-not", "-type", "l",
                               ")"], check=True, stdout=subprocess.PIPE).stdout


def remove_directory(path: bytes) -> None:
    """Also deep ones, and those of which modes are in the way."""
    try:
        os.chmod(path, 0o700)
        shutil.rmtree(path)
    except (OSError, RecursionError):
        subprocess.run(["chmod", "-R", "u+rwx", "--", path], stderr=subprocess.DEVNULL,
                       check=False)
        subprocess.run(["rm", "-rf", "--", path], check=True)


# ---- who looks at nothing --------------------------------------------------------------


def write_naively(arena: Arena, rows: Sequence[Row], content: bytes) -> None:
    """Attaches as somebody would who trusts names: joins paths and opens them. In a process of
    its own, and never where it would leave the arena."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(arena.into)
            for row in rows:
                write_row(arena, row, content)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def write_row(arena: Arena, row: Row, content: bytes) -> None:
    path = os.path.join(os.fsencode(arena.into), row.path)
    try:
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if not os.path.realpath(real).startswith(os.fsencode(arena.top) + b"/"):
            return
        if row.type == DIRECTORY:
            os.makedirs(path, exist_ok=True)
        elif row.type == SYMLINK:
            os.symlink(row.target, path)
        elif row.type == FILE:
            with open(path, "wb") as file:
                file.write(content)
    except (OSError, ValueError):
        pass  # and goes on
