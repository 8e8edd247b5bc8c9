"""Rows, pieces, roots and their digests: PROTOCOL.md §7."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import struct
from typing import Iterable, Iterator, NamedTuple

import xxhash

from wire import Malformed

FILE, DIRECTORY, SYMLINK = 1, 2, 3
PIECE_LEN_MIN, PIECE_LEN_MAX = 16384, 262144
UNIT_LEN_MAX = 2097152
LINK_TARGET_LEN_MAX, PATH_LEN_MAX, PATH_DEPTH_MAX = 4095, 32768, 4096
ROW_UNITS_MAX, PIECES_MAX = 41000, 65536
TIME = struct.Struct("<qI")
NANOSECONDS = 10**9


class Unit(NamedTuple):
    xxh3: bytes  # 16
    length: int
    sha256: bytes  # 32


def unit_of(data: bytes) -> Unit:
    return Unit(xxhash.xxh3_128_digest(data), len(data), hashlib.sha256(data).digest())


@dataclasses.dataclass(frozen=True)
class Row:
    path: bytes
    type: int
    mode: int
    time_ns: int = 0
    size: int = 0
    units: tuple[Unit, ...] = ()
    target: bytes = b""

    @property
    def key(self) -> bytes:
        """Sorts as §7 says: a slash below every other byte."""
        return self.path.replace(b"/", b"\0")


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Reader:
    """Checked reads of a byte string."""

    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise Malformed(f"{count} bytes announced, {len(self.data) - self.at} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.u8()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        if number >> 64 or (byte == 0 and shift):
            raise Malformed("a varint that is too large or not in its shortest spelling")
        return number

    def end(self) -> None:
        if self.at != len(self.data):
            raise Malformed(f"{len(self.data) - self.at} bytes too many")


def shared_length(one: bytes, other: bytes) -> int:
    return len(os.path.commonprefix([one, other]))


def encode_row(row: Row, previous: bytes = b"") -> bytes:
    return b"".join(_row_parts(row, previous, TIME.pack(*divmod(row.time_ns, NANOSECONDS))))


def _row_parts(row: Row, previous: bytes, time: bytes) -> list[bytes]:
    shared = shared_length(previous, row.path)
    suffix = row.path[shared:]
    parts = [varint(shared), varint(len(suffix)), suffix, bytes([row.type]),
             varint(row.mode), time]
    if row.type == FILE:
        parts += [varint(row.size), varint(len(row.units))]
        for unit in row.units:
            parts += [unit.xxh3, unit.sha256, varint(unit.length)]
    elif row.type == SYMLINK:
        parts += [varint(len(row.target)), row.target]
    return parts + [varint(0)]


def decode_row(reader: Reader, previous: bytes = b"") -> Row:
    shared = reader.varint()
    suffix = reader.take(reader.varint())
    path = previous[:shared] + suffix
    if shared > len(previous) or shared_length(previous, path) != shared:
        raise Malformed("a path that does not share what it could")
    check_path(path)
    type_, mode = reader.u8(), reader.varint()
    seconds, nanoseconds = TIME.unpack(reader.take(TIME.size))
    if mode > 0o777 or nanoseconds >= NANOSECONDS:
        raise Malformed("a mode or a time out of range")
    size, units, target = 0, (), b""
    if type_ == FILE:
        size, units = reader.varint(), _decode_units(reader)
        if sum(unit.length for unit in units) != size:
            raise Malformed("units that do not add up to the file's size")
    elif type_ == SYMLINK:
        target = _decode_target(reader, mode)
    elif type_ != DIRECTORY:
        raise Malformed(f"a row of type {type_}")
    _skip_fields(reader)
    return Row(path, type_, mode, seconds * NANOSECONDS + nanoseconds, size, units, target)


def _decode_units(reader: Reader) -> tuple[Unit, ...]:
    count = reader.varint()
    if count > ROW_UNITS_MAX:
        raise Malformed(f"a file of {count} units")
    units = []
    for _ in range(count):
        xxh3, sha256, length = reader.take(16), reader.take(32), reader.varint()
        if not 1 <= length <= UNIT_LEN_MAX:
            raise Malformed(f"a unit of {length} bytes")
        units.append(Unit(xxh3, length, sha256))
    return tuple(units)


def _decode_target(reader: Reader, mode: int) -> bytes:
    target = reader.take(reader.varint())
    if not 1 <= len(target) <= LINK_TARGET_LEN_MAX or b"\0" in target or mode != 0o777:
        raise Malformed("a symbolic link with a bad target or mode")
    return target


def _skip_fields(reader: Reader) -> None:
    last = -1
    for _ in range(reader.varint()):
        tag = reader.varint()
        reader.take(reader.varint())
        if tag <= last or tag & 1:
            raise Malformed(f"a field {tag} that is critical or out of order")
        last = tag


def check_path(path: bytes) -> None:
    components = path.split(b"/")
    if not path or len(path) > PATH_LEN_MAX or b"\0" in path or len(components) > PATH_DEPTH_MAX:
        raise Malformed(f"a path of {len(path)} bytes")
    for component in components:
        if component in (b"", b".", b"..") or len(component) > 255:
            raise Malformed(f"a path with the component {component!r}")


def check_order(rows: Iterable[Row]) -> Iterator[Row]:
    """Passes rows on that ascend and of which none is below a file or a link."""
    previous = None
    leaf = None  # the last file or link, to whose path a slash is added
    for row in rows:
        if previous is not None and previous.key >= row.key:
            raise Malformed(f"{row.path!r} comes after {previous.path!r}")
        if leaf is not None and row.path.startswith(leaf):
            raise Malformed(f"{row.path!r} is below a file or a link")
        if row.type != DIRECTORY:
            leaf = row.path + b"/"
        previous = row
        yield row


@dataclasses.dataclass(frozen=True)
class Piece:
    rows: tuple[Row, ...]

    def encode(self, times: bool = True) -> bytes:
        parts, previous = [b"\1", varint(len(self.rows))], b""
        for row in self.rows:
            time = TIME.pack(*divmod(row.time_ns, NANOSECONDS)) if times else bytes(TIME.size)
            parts += _row_parts(row, previous, time)
            previous = row.path
        return b"".join(parts)

    @property
    def content_digest(self) -> bytes:
        return hashlib.sha256(self.encode(times=False)).digest()


def decode_piece(data: bytes) -> Piece:
    reader = Reader(data)
    if reader.u8() != 1:
        raise Malformed("a piece of an unknown version")
    count, rows, previous = reader.varint(), [], b""
    if not 1 <= count <= len(data):
        raise Malformed(f"a piece of {count} rows")
    for _ in range(count):
        rows.append(decode_row(reader, previous))
        previous = rows[-1].path
    reader.end()
    return Piece(tuple(rows))


def cut(rows: Iterable[Row]) -> Iterator[Piece]:
    """Pieces of rows that are in order."""
    piece: list[Row] = []
    length = 0
    for row in rows:
        row_length = len(encode_row(row, piece[-1].path if piece else b""))
        if piece and length + row_length > PIECE_LEN_MAX:
            yield Piece(tuple(piece))
            piece, length = [], 0
            row_length = len(encode_row(row))
        piece.append(row)
        length += row_length
        if length >= PIECE_LEN_MIN and xxhash.xxh3_64_intdigest(row.path) & 511 == 0:
            yield Piece(tuple(piece))
            piece, length = [], 0
    if piece:
        yield Piece(tuple(piece))


def root_entry(piece: Piece, data: bytes) -> bytes:
    unit, rows = unit_of(data), piece.rows
    counts = [sum(row.type == type_ for row in rows) for type_ in (FILE, DIRECTORY, SYMLINK)]
    counts += [sum(row.size for row in rows), sum(len(row.units) for row in rows)]
    return b"".join([unit.xxh3, unit.length.to_bytes(4, "little"), unit.sha256,
                     *map(varint, counts), piece.content_digest])


def root_of(entries: list[bytes]) -> bytes:
    return b"BTRT\1\1\0\0" + varint(len(entries)) + b"".join(entries)


@dataclasses.dataclass(frozen=True)
class Manifest:
    pieces: tuple[bytes, ...]
    root: bytes
    content_digest: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.root).digest()


def build(rows: Iterable[Row]) -> Manifest:
    pieces, entries, contents = [], [], hashlib.sha256()
    for piece in cut(sorted(rows, key=lambda row: row.key)):
        data = piece.encode()
        pieces.append(data)
        entries.append(root_entry(piece, data))
        contents.update(piece.content_digest)
    return Manifest(tuple(pieces), root_of(entries), contents.digest())


def root_pieces(root: bytes) -> list[Unit]:
    """The pieces that a root lists."""
    reader = Reader(root)
    if reader.take(8) != b"BTRT\1\1\0\0":
        raise Malformed("a root of an unknown version or with other hashes")
    count, pieces = reader.varint(), []
    if count > PIECES_MAX:
        raise Malformed(f"a root of {count} pieces")
    for _ in range(count):
        xxh3, length, sha256 = reader.take(16), reader.u32(), reader.take(32)
        pieces.append(Unit(xxh3, length, sha256))
        for _ in range(5):
            reader.varint()
        reader.take(32)
    reader.end()
    return pieces
