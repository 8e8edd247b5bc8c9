"""Bulk payloads: ASK to STORED, WANT, ROWS (PROTOCOL.md §5, §6) and frames (FORMAT.md §3)."""

from __future__ import annotations

import struct
from typing import Iterable, Iterator, Sequence

import xxhash
import zstandard

from manifest import Reader, Row, Unit, UNIT_LEN_MAX, decode_row, encode_row, unit_of, varint
from wire import BULK_LEN_MAX, Malformed

CONTENT, PIECE = 1, 2
RAW, ZSTD = 0, 1
FRAME_UNITS_MAX = ASK_UNITS_MAX = 4096
FRAME_RAW_MAX = 2 * 1024 * 1024
FRAME_RAW_TARGET = 512 * 1024
CANDIDATES_MAX = 4
FRAME_HEADER = struct.Struct("<4sBBBBIIIIQ16s16s")


def compress(data: bytes) -> tuple[int, bytes]:
    """(codec, payload); never longer than the data."""
    packed = zstandard.ZstdCompressor(level=1, write_content_size=True).compress(data)
    return (ZSTD, packed) if len(packed) < len(data) else (RAW, data)


def decompress(codec: int, payload: bytes, raw_length: int) -> bytes:
    if codec == RAW:
        data = payload
    elif codec == ZSTD:
        if zstandard.get_frame_parameters(payload).content_size != raw_length:
            raise Malformed("a zstd frame that declares another size")
        data = zstandard.ZstdDecompressor(max_window_size=1 << 23).decompress(payload)
    else:
        raise Malformed(f"an unknown codec, {codec}")
    if len(data) != raw_length:
        raise Malformed(f"{len(data)} bytes where {raw_length} were announced")
    return data


def encode_ask(units: Sequence[Unit]) -> bytes:
    return len(units).to_bytes(4, "little") + b"".join(
        unit.xxh3 + unit.length.to_bytes(4, "little") for unit in units)


def decode_offer(payload: bytes, count: int) -> list[list[bytes]]:
    reader, offers = Reader(payload), []
    if reader.u32() != count:
        raise Malformed("an OFFER for another number of units")
    for _ in range(count):
        candidates = reader.u8()
        if candidates > CANDIDATES_MAX:
            raise Malformed(f"{candidates} candidates for one unit")
        offers.append([reader.take(32) for _ in range(candidates)])
    reader.end()
    return offers


def units_payload(kind: int, codec: int, raw_length: int,
                  table: Iterable[tuple[bytes, int]], payload: bytes) -> bytes:
    rows = list(table)
    return struct.pack("<BBHII", kind, codec, 0, len(rows), raw_length) + b"".join(
        xxh3 + length.to_bytes(4, "little") for xxh3, length in rows) + payload


def encode_units(kind: int, contents: Sequence[bytes]) -> bytes:
    raw = b"".join(contents)
    codec, payload = compress(raw)
    return units_payload(kind, codec, len(raw),
                         ((xxhash.xxh3_128_digest(data), len(data)) for data in contents), payload)


def decode_stored(payload: bytes, count: int) -> list[bytes]:
    reader = Reader(payload)
    if reader.u32() != count:
        raise Malformed("a STORED for another number of units")
    hashes = [reader.take(32) for _ in range(count)]
    reader.end()
    return hashes


def group(contents: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Contents that go into one frame each."""
    frame: list[bytes] = []
    length = 0
    for data in contents:
        if frame and (length + len(data) > FRAME_RAW_TARGET or len(frame) == FRAME_UNITS_MAX):
            yield frame
            frame, length = [], 0
        frame.append(data)
        length += len(data)
    if frame:
        yield frame


def encode_want(first: int, wanted: Sequence[bool], last: bool) -> bytes:
    bits = bytearray((len(wanted) + 7) // 8)
    for number, want in enumerate(wanted):
        if want:
            bits[number >> 3] |= 1 << (number & 7)
    return struct.pack("<B3xQ", last, first) + bytes(bits)


def encode_frame(contents: Sequence[bytes], kind: int = CONTENT,
                 units: Sequence[Unit] | None = None) -> bytes:
    """A frame as it is stored. `units` (made from the contents if left out) is its table."""
    raw = b"".join(contents)
    codec, payload = compress(raw)
    rows = [unit_of(data) for data in contents] if units is None else units
    header = FRAME_HEADER.pack(b"BTFR", 1, kind, codec, 1, 0, len(rows), len(raw), len(payload),
                               0, bytes(16), xxhash.xxh3_128_digest(payload))
    table = b"".join(unit.length.to_bytes(4, "little") + unit.xxh3 + unit.sha256 for unit in rows)
    checksum = xxhash.xxh3_64_intdigest(header + table).to_bytes(8, "little")
    return header + checksum + table + payload


def decode_frame(data: bytes) -> dict[Unit, bytes]:
    """The units of a frame, each checked."""
    reader = Reader(data)
    header = reader.take(FRAME_HEADER.size)
    (magic, version, kind, codec, hashes, flags, count, raw_length, stored, _key, _tag,
     payload_hash) = FRAME_HEADER.unpack(header)
    if (magic, version, kind, hashes, flags) != (b"BTFR", 1, CONTENT, 1, 0):
        raise Malformed("a frame of another version or kind")
    if not 1 <= count <= FRAME_UNITS_MAX or raw_length > FRAME_RAW_MAX or stored > raw_length:
        raise Malformed("a frame with numbers out of range")
    checksum, table = reader.take(8), reader.take(52 * count)
    payload = reader.take(stored)
    reader.end()
    if xxhash.xxh3_64_intdigest(header + table).to_bytes(8, "little") != checksum:
        raise Malformed("a frame whose header is damaged")
    if xxhash.xxh3_128_digest(payload) != payload_hash:
        raise Malformed("a frame whose payload is damaged")
    return dict(_frame_units(table, decompress(codec, payload, raw_length)))


def _frame_units(table: bytes, raw: bytes) -> Iterator[tuple[Unit, bytes]]:
    reader, contents = Reader(table), Reader(raw)
    while reader.at < len(table):
        length, xxh3, sha256 = reader.u32(), reader.take(16), reader.take(32)
        unit = Unit(xxh3, length, sha256)
        data = contents.take(length)
        if unit_of(data) != unit:
            raise Malformed("a unit that is not what its name says")
        yield unit, data
    contents.end()


def encode_rows(rows: Sequence[Row], layer: int = 0, flags: int = 0) -> bytes:
    parts, previous = [], b""
    for row in rows:
        parts += [varint(layer), bytes([flags]), encode_row(row, previous)]
        previous = row.path
    return rows_payload(b"".join(parts), len(rows))


def rows_payload(raw: bytes, count: int) -> bytes:
    codec, payload = compress(raw)
    return struct.pack("<BBHII", codec, 0, 0, len(raw), count) + payload


def decode_rows(payload: bytes) -> list[tuple[int, int, list[int], Row]]:
    """(position of the layer, view flags, layers in conflict, row)"""
    outer = Reader(payload)
    codec, _ = outer.u8(), outer.take(3)
    raw_length, count = outer.u32(), outer.u32()
    if raw_length > BULK_LEN_MAX or count > raw_length:
        raise Malformed(f"ROWS of {raw_length} bytes")
    reader = Reader(decompress(codec, payload[outer.at:], raw_length))
    rows, previous = [], b""
    for _ in range(count):
        layer, flags = reader.varint(), reader.u8()
        row = decode_row(reader, previous)
        conflict = [reader.varint() for _ in range(reader.varint())] if flags & 2 else []
        rows.append((layer, flags, conflict, row))
        previous = row.path
    reader.end()
    return rows


assert FRAME_HEADER.size == 64 and UNIT_LEN_MAX == FRAME_RAW_MAX
