"""Views that no honest daemon sends and trees that no honest client persists: everything that a
name, a link, a type, a number or a stream can do to lead out of DIR, or to hurt who writes it.

Each kind is a generator of cases. A case is rows, which a daemon may send and a client may
persist, or a stream as it stands. They are the same each time."""

from __future__ import annotations

import dataclasses
import itertools
import os
import struct
from typing import Any, Iterator, Sequence

import client
import fake_daemon
import frames
from manifest import DIRECTORY, FILE, SYMLINK, Row, Unit, unit_of, varint
from wire import Type, encode, encode_map, split_messages

THEIRS = b"theirs"  # what every file of theirs holds
LAYERS = 2
TYPES = (FILE, DIRECTORY, SYMLINK)
NAMES = {FILE: "file", DIRECTORY: "directory", SYMLINK: "link"}


@dataclasses.dataclass
class Case:
    kind: str
    name: str
    rows: Sequence[Row] = ()
    before: Sequence[Row] = ()  # what the same daemon sends to an attach before
    stream: bytes | None = None  # instead of what the rows make
    positions: Sequence[int] = ()  # the layer of each row; 0 where nothing is said
    persisted: bool = True  # a client can try to persist the rows, too

    def said(self) -> bytes:
        return stream_of(self.rows, self.positions) if self.stream is None else self.stream


def row(path: bytes, type_: int, **more: Any) -> Row:
    if type_ == FILE:
        values: dict[str, Any] = {"mode": 0o644, "size": len(THEIRS), "units": (unit_of(THEIRS),)}
    elif type_ == SYMLINK:
        values = {"mode": 0o777, "target": b"x"}
    else:
        values = {"mode": 0o755}
    return Row(path, type_, **{**values, **more})


def tree_at(path: bytes, type_: int, **more: Any) -> list[Row]:
    """A row with the directories above it, as its path names them."""
    parts = path.split(b"/")
    above = [row(b"/".join(parts[:count]), DIRECTORY) for count in range(1, len(parts))]
    return [*above, row(path, type_, **more)]


# ---- streams ---------------------------------------------------------------------------


def rows_payload(rows: Sequence[Row], positions: Sequence[int] = ()) -> bytes:
    parts, previous = [], b""
    for number, one in enumerate(rows):
        position = positions[number] if positions else 0
        parts += [varint(position), b"\0", frames.encode_row(one, previous)]
        previous = one.path
    return frames.rows_payload(b"".join(parts), len(rows))


def begin(layers: int = LAYERS) -> bytes:
    made = [{**fake_daemon.LAYER, "layer": f"{number:016x}"} for number in range(1, layers + 1)]
    return fake_daemon.encode_welcome() + encode_map(Type.VIEW, {"layers": made})


def end(rows: Sequence[Row], contents: Sequence[bytes] | None = None,
        totals: dict[str, int] | None = None) -> bytes:
    if contents is None:
        contents = [frames.encode_frame([THEIRS])] if any(one.units for one in rows) else []
    counted = fake_daemon.totals(rows) if totals is None else totals
    bounded = {key: value & (1 << 64) - 1 for key, value in counted.items()}
    sent = [encode(Type.FRAME, frame) for frame in contents]
    sent += [encode_map(Type.FRAMES_END)] if sent else []
    return b"".join([encode_map(Type.ROWS_END, bounded), *sent, encode_map(Type.RECORDED)])


def stream_of(rows: Sequence[Row], positions: Sequence[int] = ()) -> bytes:
    return begin() + encode(Type.ROWS, rows_payload(rows, positions)) + end(rows)


# ---- the kinds -------------------------------------------------------------------------

ASIDE = (b"..", b".", b"", b"../..", b"...", b"..\0", b".. ", b"..\\..", b"%2e%2e", b"\xc0\xae.")


def traversals() -> Iterator[Case]:
    """Every such component in every place of a path."""
    for component, type_, place in itertools.product(ASIDE, TYPES, range(4)):
        parts = [b"a", b"b", b"c"]
        parts.insert(place, component)
        yield Case("traversal", f"{component!r} at {place}, a {NAMES[type_]}",
                   tree_at(b"/".join(parts), type_))
    for depth, type_ in itertools.product(range(4), TYPES):
        up = b"/".join([b"d"] * depth + [b".."] * (depth + 1))
        for path in (up, up + b"/outside", up + b"/outside/precious", up + b"/planted"):
            yield Case("traversal", f"{path!r}, a {NAMES[type_]}", [row(path, type_)])


def absolutes(outside: bytes) -> Iterator[Case]:
    for prefix, type_ in itertools.product((b"", b"/", b"a/", b"//"), TYPES):
        for place in (outside + b"/precious", outside, b"/proc/self/cwd/planted",
                      b"/proc/self/fd/3/planted"):
            yield Case("absolute name", f"{prefix + place!r}, a {NAMES[type_]}",
                       [row(prefix + place, type_)])


def targets(outside: bytes) -> list[bytes]:
    return [b"../outside", outside, b"..", b"/", b".", b"l", b"/proc/self/cwd/../outside",
            b"../outside/precious", b"../own-link"]


def children(target: bytes) -> Iterator[tuple[str, list[Row], list[Row]]]:
    """(what it is, rows of a link, rows that are below a directory of the same name)"""
    for name, type_ in itertools.product((b"precious", b"planted", b"dir/deep"), TYPES):
        link = [row(b"l", SYMLINK, target=target)]
        below = tree_at(b"l/" + name, type_)
        yield f"{name!r} below a link to {target!r}, a {NAMES[type_]}", link, below


def links_then_children(outside: bytes) -> Iterator[Case]:
    """In one layer, in two of one view, and in one view after the other."""
    for target in targets(outside):
        for name, link, below in children(target):
            yield Case("link, then child, one layer", name, [*link, *below[1:]])
            yield Case("link, then child, next layer", name, [*link, *below[1:]],
                       positions=[0] + [1] * (len(below) - 1), persisted=False)
            yield Case("link, then child, next view", name, below, before=link)


def duplicates() -> Iterator[Case]:
    for path, one, other in itertools.product((b"a", b"a/b"), TYPES, TYPES):
        rows = tree_at(path, one) + [row(path, other)]
        yield Case("duplicate", f"{path!r}, {NAMES[one]} and {NAMES[other]}", rows)


def against_directory() -> Iterator[Case]:
    for leaf, below, path in itertools.product((FILE, SYMLINK), TYPES, (b"a", b"a/b/c")):
        rows = [*tree_at(path, leaf), row(path + b"/x", below)]
        yield Case("file against directory", f"{path!r}, {NAMES[leaf]} over {NAMES[below]}", rows)
    for one, other in itertools.permutations(TYPES, 2):
        yield Case("file against directory", f"a {NAMES[other]} where a {NAMES[one]} was",
                   tree_at(b"x/y", other), before=tree_at(b"x/y", one))


def unsorted() -> Iterator[Case]:
    names = (b"a", b"a/b", b"a!", b"b")
    for order in itertools.permutations(names):
        if order != names:
            kinds = [DIRECTORY if name == b"a" else FILE for name in order]
            yield Case("unsorted", " ".join(map(os.fsdecode, order)),
                       [row(name, kind) for name, kind in zip(order, kinds)])


def sizes() -> Iterator[Case]:
    """Sizes, counts and totals that are not what they say."""
    good = unit_of(THEIRS)
    lies = [(0, (good,)), (1, ()), (7, (good,)), (1 << 63, (good,)), ((1 << 64) - 1, (good,)),
            (6, (good._replace(length=0),)), (6, (good._replace(length=1 << 21),)),
            (1 << 32, (good._replace(length=1 << 32),)), (5, (good._replace(length=5),)),
            (12, (good, good._replace(sha256=bytes(32)))), (6, (good._replace(xxh3=bytes(16)),))]
    for number, (size, units) in enumerate(lies):
        yield Case("size that lies", f"row {number}",
                   [row(b"f", FILE, size=size, units=units)])
    rows = [row(b"d", DIRECTORY), row(b"d/f", FILE), row(b"l", SYMLINK)]
    honest = begin() + encode(Type.ROWS, rows_payload(rows))
    for key, value in fake_daemon.totals(rows).items():
        for lie in (value + 1, value - 1, 1 << 40, (1 << 64) - 1):
            totals = {**fake_daemon.totals(rows), key: lie}
            yield Case("size that lies", f"{key} of {lie}", stream=honest + end(rows, None, totals))
    other = frames.encode_frame([b"others"], units=[good])
    shorter = frames.encode_frame([THEIRS], units=[good._replace(length=5)])
    longer = frames.encode_frame([THEIRS], units=[good._replace(length=1 << 20)])
    for number, sent in enumerate(([other], [shorter], [longer], [], [other, other])):
        yield Case("size that lies", f"frame {number}", stream=honest + end(rows, sent))
    raw = frames.rows_payload(b"\0\0" + frames.encode_row(rows[0]), 1)
    for at, lie in itertools.product((4, 8), (0, 2, 1 << 20, (1 << 32) - 1)):
        bent = raw[:at] + struct.pack("<I", lie) + raw[at + 4:]
        yield Case("size that lies", f"ROWS, {lie} at {at}",
                   stream=begin() + encode(Type.ROWS, bent) + end(rows[:1]))


def modes() -> Iterator[Case]:
    for mode, type_ in itertools.product(
            (0o4755, 0o2755, 0o6777, 0o1777, 0o7777, 0o104755, 0o40755, 1 << 31, (1 << 64) - 1),
            TYPES):
        yield Case("setuid and other modes", f"{mode:o} of a {NAMES[type_]}",
                   tree_at(b"d/m", type_, mode=mode))
    for mode, type_ in itertools.product((0, 0o777, 0o111), (FILE, DIRECTORY)):
        yield Case("setuid and other modes", f"{mode:o} of a {NAMES[type_]}",
                   tree_at(b"d/m", type_, mode=mode))


def types() -> Iterator[Case]:
    for type_ in (0, 4, 5, 6, 7, 8, 64, 255):
        yield Case("type", f"{type_}", [Row(b"t", type_, 0o644)])


def control_bytes() -> Iterator[Case]:
    special = [bytes([byte]) for byte in (*range(1, 32), 127)]
    special += [b"\xc2\x9b", b"\xff", b"\xe2\x80\xae", b"\x1b]0;x\x07", b"\x1b[2J", b"\r\n"]
    for one in special:
        yield Case("control bytes", f"in a name, {one!r}", tree_at(b"n" + one + b"/f", FILE))
        yield Case("control bytes", f"in a target, {one!r}",
                   [row(b"l", SYMLINK, target=b"t" + one)])


def bombs() -> Iterator[Case]:
    """Little that claims to be, or becomes, much."""
    deep = b"/".join([b"d"] * 4096)
    for path in (deep, deep + b"/d", b"n" * 255, b"n" * 256, b"/".join([b"n" * 255] * 128),
                 b"/".join([b"n" * 255] * 129)):
        yield Case("bomb", f"a path of {len(path)} bytes", [row(path, DIRECTORY)])
    for length in (4095, 4096, 70000):
        yield Case("bomb", f"a target of {length} bytes",
                   [row(b"l", SYMLINK, target=b"t" * length)])
    zeros = bytes(3 << 20)
    for count in (0, 1, 1 << 20, (1 << 32) - 1):
        yield Case("bomb", f"zeros that are {count} rows",
                   stream=begin() + encode(Type.ROWS, frames.rows_payload(zeros, count)))
    codec, packed = frames.compress(zeros)
    for length in (16, 1 << 16, (3 << 20) + 1, (1 << 32) - 1):
        bent = struct.pack("<BBHII", codec, 0, 0, length, 1) + packed
        yield Case("bomb", f"{len(packed)} bytes that say {length}",
                   stream=begin() + encode(Type.ROWS, bent))
    many = tuple([Unit(bytes(16), 1, bytes(32))] * 1000)
    yield Case("bomb", "a file of 1000 units", [row(b"f", FILE, size=1000, units=many)])
    for layers in (0, 1, 100, 1000):
        yield Case("bomb", f"{layers} layers", stream=begin(layers) * 3)
    part = encode_map(Type.VIEW, {"layers": [fake_daemon.LAYER], "more": True})
    yield Case("bomb", "a view that goes on", stream=fake_daemon.encode_welcome() + part * 2000)
    depth = encode(Type.VIEW, b"\x81\xa6layers" + b"\x91" * 60000 + b"\xc0")
    yield Case("bomb", "lists in lists", stream=fake_daemon.encode_welcome() + depth)
    reserve = encode(Type.VIEW, b"\x81\xa6layers\xdd\x20\0\0\0")
    yield Case("bomb", "a list of half a milliard", stream=fake_daemon.encode_welcome() + reserve)


def stages() -> Iterator[Case]:
    """Names that an attach gives to what it has not finished."""
    for name, type_ in itertools.product((b".baton-0123456789ab", b".baton-", b".baton-lock",
                                          b".baton-0123456789ab/x"), TYPES):
        yield Case("name of its own", f"{name!r}, a {NAMES[type_]}", tree_at(name, type_))


HONEST = [row(b"a", DIRECTORY), row(b"a/b", FILE), row(b"l", SYMLINK, target=b"a/b")]


def truncations() -> Iterator[Case]:
    whole = stream_of(HONEST)
    for length in range(0, len(whole), 9):
        yield Case("truncation", f"after {length} bytes", stream=whole[:length])
    messages = split_messages(whole)
    for number, message in enumerate(messages):
        type_ = int.from_bytes(message[4:6], "little")
        payload = message[8:]
        for cut in sorted({1, 2, len(payload) // 2, len(payload) - 1} - {0, -1}):
            shorter = encode(type_, payload[:max(0, len(payload) - cut)])
            stream = b"".join([*messages[:number], shorter, *messages[number + 1:]])
            yield Case("truncation", f"message {number} by {cut}", stream=stream)


def cases(outside: bytes) -> list[Case]:
    """All of them. `outside`: an absolute path to a directory that is watched."""
    kinds = (traversals(), absolutes(outside), links_then_children(outside), duplicates(),
             against_directory(), unsorted(), sizes(), modes(), types(), control_bytes(), bombs(),
             stages(), truncations())
    return list(itertools.chain(*kinds))


def honest() -> Case:
    return Case("honest", "honest", HONEST)


def rows_of(tree: dict[bytes, client.Entry]) -> list[Row]:
    return sorted(client.rows_of(tree), key=lambda one: one.key)
