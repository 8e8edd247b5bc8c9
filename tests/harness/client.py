"""A Baton client in Python, written from PROTOCOL.md: persist, attach, ls, log, status.

Trees are dictionaries {path: Entry}; read_entries() and write_entries() move them from and
to the disk. One thread, one request at a time; each function raises Refused with the
daemon's ERROR, Lost or Malformed.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import stat
from typing import Any, Iterable, Mapping

import frames
import manifest
from manifest import DIRECTORY, FILE, SYMLINK, Row, Unit, unit_of
from wire import Connection, Malformed, Type, batches

UNIT_WHOLE_MAX = 1024 * 1024
Identity = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Entry:
    type: int
    mode: int = 0o644
    data: bytes = b""  # content or target
    time_ns: int = 1_700_000_000_123_456_789


def file(data: bytes | str, mode: int = 0o644, **more: int) -> Entry:
    return Entry(FILE, mode, data if isinstance(data, bytes) else data.encode(), **more)


def directory(mode: int = 0o755, **more: int) -> Entry:
    return Entry(DIRECTORY, mode, **more)


def symlink(target: bytes, **more: int) -> Entry:
    return Entry(SYMLINK, 0o777, target, **more)


def chunks(data: bytes) -> list[bytes]:
    """How this client cuts a file; any way is allowed."""
    return [data[at : at + UNIT_WHOLE_MAX] for at in range(0, len(data), UNIT_WHOLE_MAX)]


def row_of(path: bytes, entry: Entry) -> Row:
    if entry.type == FILE:
        units = tuple(unit_of(part) for part in chunks(entry.data))
        return Row(path, FILE, entry.mode, entry.time_ns, len(entry.data), units)
    target = entry.data if entry.type == SYMLINK else b""
    return Row(path, entry.type, entry.mode, entry.time_ns, target=target)


def rows_of(tree: Mapping[bytes, Entry]) -> list[Row]:
    return [row_of(path, entry) for path, entry in tree.items()]


def read_entries(root: str | os.PathLike[str]) -> dict[bytes, Entry]:
    base, tree = os.fsencode(root), {}
    for folder, directories, files in os.walk(base):
        for name in directories + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            if stat.S_ISLNK(info.st_mode):
                entry = symlink(os.readlink(path), time_ns=info.st_mtime_ns)
            elif stat.S_ISDIR(info.st_mode):
                entry = directory(stat.S_IMODE(info.st_mode), time_ns=info.st_mtime_ns)
            else:
                data = pathlib.Path(os.fsdecode(path)).read_bytes()
                entry = file(data, stat.S_IMODE(info.st_mode), time_ns=info.st_mtime_ns)
            tree[os.path.relpath(path, base)] = entry
    return tree


def write_entries(root: str | os.PathLike[str], tree: Mapping[bytes, Entry]) -> None:
    """Into a folder that does not exist yet."""
    base = os.fsencode(root)
    os.mkdir(base)
    paths = sorted(tree, key=lambda path: path.replace(b"/", b"\0"))
    for path in paths:
        at, entry = os.path.join(base, path), tree[path]
        os.makedirs(os.path.dirname(at), exist_ok=True)
        if entry.type == DIRECTORY:
            os.makedirs(at, exist_ok=True)
        elif entry.type == SYMLINK:
            os.symlink(entry.data, at)
        else:
            pathlib.Path(os.fsdecode(at)).write_bytes(entry.data)
    for path in reversed(paths):
        at, entry = os.path.join(base, path), tree[path]
        if entry.type != SYMLINK:
            os.chmod(at, entry.mode)
        os.utime(at, ns=(entry.time_ns, entry.time_ns), follow_symlinks=False)


LAYER = {"layer": "", "workflow": "", "run": "", "job": "", "shard": "", "attempt": "",
         "sequence": 0, "digest": b"", "files": 0, "directories": 0, "symlinks": 0, "bytes": 0,
         "created_ms": 0, "inherited": False, "state": "", "reason": "", "after": []}


def layer_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """A layer map with the keys that were left out (§1, Growth)."""
    return {**LAYER, **values}


# ---- persist ---------------------------------------------------------------------------


@dataclasses.dataclass
class Persisted:
    layer: dict[str, Any]
    replaces: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    new_bytes: int = 0
    again: bool = False  # the key had been committed before
    sent_content: int = 0  # bytes of content sent in UNITS
    sent_pieces: int = 0


class Upload:
    """A persist after READY. Each unit is asked about or sent once."""

    def __init__(self, connection: Connection, identity: Identity, key: bytes,
                 **options: Any):
        self.connection = connection
        connection.send_map(Type.PERSIST, {**identity, "key": key, **options})
        self.ready = connection.expect_map(Type.READY)
        self.known: set[Unit] = set()  # may be cited
        self.unanswered = 0
        self.sent = {frames.CONTENT: 0, frames.PIECE: 0}
        self.stored_waiting: list[list[Unit]] = []

    def ask(self, units: Iterable[Unit]) -> list[Unit]:
        """Those that the daemon lacks. The others may be cited from now on."""
        lacking = []
        distinct = [unit for unit in dict.fromkeys(units) if unit not in self.known]
        for batch in batches(distinct, min(frames.ASK_UNITS_MAX, self.connection.ask_window)):
            self._make_room(len(batch))
            self.connection.send(Type.ASK, frames.encode_ask(batch))
            answer = self._expect(Type.OFFER)
            for unit, candidates in zip(batch, frames.decode_offer(answer, len(batch))):
                if unit.sha256 in candidates:
                    self.known.add(unit)
                else:
                    lacking.append(unit)
        return lacking

    def send(self, kind: int, contents: Iterable[bytes]) -> None:
        """Without waiting for the answers, which commit() collects."""
        for group in frames.group(contents):
            self._make_room(len(group))
            self.connection.send(Type.UNITS, frames.encode_units(kind, group))
            self.stored_waiting.append([unit_of(data) for data in group])
            self.unanswered += len(group)
            self.sent[kind] += sum(map(len, group))

    def _make_room(self, units: int) -> None:
        while self.unanswered and self.unanswered + units > self.connection.ask_window:
            self._take_stored(self.connection.expect(Type.STORED).payload)

    def _expect(self, type_: int) -> bytes:
        """The next message of the type; STORED may come before it."""
        while True:
            message = self.connection.expect(type_, Type.STORED)
            if message.type == type_:
                return message.payload
            self._take_stored(message.payload)

    def _take_stored(self, payload: bytes) -> None:
        units = self.stored_waiting.pop(0)
        hashes = frames.decode_stored(payload, len(units))
        if hashes != [unit.sha256 for unit in units]:
            raise Malformed("STORED gives other hashes than those of what was sent")
        self.known.update(units)
        self.unanswered -= len(units)

    def finish(self) -> None:
        while self.stored_waiting:
            self._take_stored(self.connection.expect(Type.STORED).payload)

    def commit(self, root: bytes, skipped: int = 0) -> dict[str, Any]:
        self.finish()
        if len(root) > 256 * 1024 - 4096:
            self.connection.send(Type.ROOT, root)
            root = b""
        self.connection.send_map(Type.COMMIT, {"root": root, "skipped": skipped})
        return self.connection.expect_map(Type.COMMITTED)


def persist(connection: Connection, identity: Identity, tree: Mapping[bytes, Entry],
            key: bytes | None = None, **options: Any) -> Persisted:
    """Options: base, again."""
    upload = Upload(connection, identity, key or os.urandom(16), **options)
    built = manifest.build(rows_of(tree))
    if "committed" in upload.ready:
        layer = layer_of(upload.ready["committed"])
        if layer["digest"] != built.digest:
            raise Malformed("this key was committed with another tree")
        return Persisted(layer, warnings=upload.ready.get("warnings", []), again=True)
    send_content(upload, tree)
    send_pieces(upload, built)
    done = upload.commit(built.root)
    layer = layer_of(done["layer"])
    if layer["digest"] != built.digest:
        raise Malformed("the daemon committed another digest")
    return Persisted(layer, done.get("replaces", []), done.get("warnings", []),
                     done.get("new_bytes", 0), done.get("again", False),
                     upload.sent[frames.CONTENT], upload.sent[frames.PIECE])


def send_content(upload: Upload, tree: Mapping[bytes, Entry]) -> None:
    contents = {unit_of(part): part for entry in tree.values() if entry.type == FILE
                for part in chunks(entry.data)}
    lacking = upload.ask(contents)
    upload.send(frames.CONTENT, (contents[unit] for unit in lacking))


def send_pieces(upload: Upload, built: manifest.Manifest) -> None:
    pieces = {unit_of(data): data for data in built.pieces}
    base = upload.ready.get("base_root")
    upload.known.update(manifest.root_pieces(base) if base else ())
    lacking = upload.ask(pieces)
    upload.send(frames.PIECE, (pieces[unit] for unit in lacking))


# ---- attach, ls, log, status -----------------------------------------------------------


@dataclasses.dataclass
class View:
    layers: list[dict[str, Any]]
    stale: list[dict[str, Any]]
    unknown_needs: list[str]
    warnings: list[str]
    rows: list[Row]
    layer_of: dict[bytes, str]  # id of the layer that a path comes from
    conflicts: dict[bytes, list[str]]
    totals: dict[str, int]
    digest: bytes
    tag: bytes = b""
    held: bool = False  # neither rows nor totals came
    tree: dict[bytes, Entry] = dataclasses.field(default_factory=dict)


def look(connection: Connection, identity: Identity, purpose: str = "look",
         **filters: Any) -> View:
    """VIEW and ROWS, up to ROWS_END, or VIEW alone if the view is held; finish() ends the
    request."""
    connection.send_map(Type.ATTACH, {**identity, "purpose": purpose, **filters})
    lists: dict[str, list[Any]] = {"layers": [], "stale": [], "unknown_needs": [], "warnings": []}
    tag, held, more = b"", False, True
    while more:
        part = connection.expect_map(Type.VIEW)
        more = part.get("more", False)
        tag, held = tag or part.get("tag", b""), held or part.get("held", False)
        for name, items in lists.items():
            items += part.get(name, [])
    for name in ("layers", "stale"):
        lists[name] = [layer_of(layer) for layer in lists[name]]
    view = View(**lists, rows=[], layer_of={}, conflicts={}, totals={}, digest=b"", tag=tag,
                held=held)
    if not held:
        _take_rows(connection, view)
    return view


def want_rows(connection: Connection, view: View) -> None:
    """The rows of a view that was held."""
    connection.send_map(Type.WANT_ROWS)
    _take_rows(connection, view)


def _take_rows(connection: Connection, view: View) -> None:
    while (message := connection.expect(Type.ROWS, Type.ROWS_END)).type == Type.ROWS:
        _add_rows(view, message.payload)
    view.totals = message.map
    rows = list(manifest.check_order(view.rows))
    view.digest = manifest.build(rows).digest
    _check_totals(view)


def _add_rows(view: View, payload: bytes) -> None:
    ids = [layer["layer"] for layer in view.layers]
    for position, flags, conflict, row in frames.decode_rows(payload):
        if max([position, *conflict]) >= len(ids):
            raise Malformed(f"{row.path!r} comes from a layer that is not listed")
        view.rows.append(row)
        view.layer_of[row.path] = ids[position]
        if flags & 3:
            view.conflicts[row.path] = [ids[number] for number in conflict]


def _check_totals(view: View) -> None:
    have = {"files": sum(row.type == FILE for row in view.rows),
            "directories": sum(row.type == DIRECTORY for row in view.rows),
            "symlinks": sum(row.type == SYMLINK for row in view.rows),
            "bytes": sum(row.size for row in view.rows),
            "units": sum(len(row.units) for row in view.rows)}
    for name, number in have.items():
        if view.totals.get(name, 0) != number:
            raise Malformed(f"{name}: {view.totals.get(name, 0)} announced, {number} came")


def finish(connection: Connection, view: View) -> None:
    connection.send_map(Type.ATTACHED, {"digest": view.digest})
    connection.expect_map(Type.RECORDED)


def fetch(connection: Connection, wanted: list[bool]) -> dict[Unit, bytes]:
    """One round: the units of all frames that hold wanted units."""
    connection.send(Type.WANT, frames.encode_want(0, wanted, last=True))
    have: dict[Unit, bytes] = {}
    while (message := connection.expect(Type.FRAME, Type.FRAMES_END)).type == Type.FRAME:
        have.update(frames.decode_frame(message.payload))
    return have


def attach(connection: Connection, identity: Identity, **filters: Any) -> View:
    view = look(connection, identity, "attach", **filters)
    have = fetch(connection, [True] * view.totals.get("units", 0))
    for row in view.rows:
        data = row.target
        if row.type == FILE:
            data = b"".join(have[unit] for unit in row.units)
        view.tree[row.path] = Entry(row.type, row.mode, data, row.time_ns)
    finish(connection, view)
    return view


def ls(connection: Connection, identity: Identity, **filters: Any) -> View:
    view = look(connection, identity, **filters)
    finish(connection, view)
    return view


def log(connection: Connection, identity: Identity, **options: Any) -> list[dict[str, Any]]:
    """Options: all, from_workflow."""
    connection.send_map(Type.LOG, {**identity, **options})
    layers: list[dict[str, Any]] = []
    more = True
    while more:
        part = connection.expect_map(Type.LOG_REPLY)
        layers += [layer_of(layer) for layer in part.get("layers", [])]
        more = part.get("more", False)
    return layers


def status(connection: Connection) -> dict[str, Any]:
    connection.send_map(Type.STATUS)
    return connection.expect_map(Type.STATUS_REPLY)
