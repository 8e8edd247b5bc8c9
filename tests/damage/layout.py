"""Where things lie in the files of a store (FORMAT.md), so that a damage can be aimed.

fields(name, data) gives {field: [(start, end), …]} for a file of the data directory. What
lies where is read from the undamaged file; nothing here is ever given a damaged one.
"""

import contextlib
import pathlib
import shutil
import sqlite3
import tempfile
from typing import NamedTuple

from frames import FRAME_HEADER, decompress
from manifest import Reader

SEGMENT_HEADER_LEN = 64
FRAME_HEAD_LEN = FRAME_HEADER.size + 8  # with its checksum
TABLE_ROW_LEN = 52
FOOTER_LEN = 48
KINDS = {1: "content", 2: "piece", 3: "placement", 4: "root", 5: "commit"}


# ---- segments --------------------------------------------------------------------------


class Frame(NamedTuple):
    offset: int
    kind: str
    table: int  # where it begins
    payload: int
    end: int
    codec: int
    raw_length: int


def frames_of(data):
    """The frames of a segment, up to its index or its end."""
    at = SEGMENT_HEADER_LEN
    while data[at:at + 4] == b"BTFR" and at + FRAME_HEAD_LEN <= len(data):
        (_, _, kind, codec, _, _, count, raw_length, stored,
         *_) = FRAME_HEADER.unpack_from(data, at)
        table = at + FRAME_HEAD_LEN
        payload = table + TABLE_ROW_LEN * count
        if payload + stored > len(data):
            return
        yield Frame(at, KINDS.get(kind, f"kind {kind}"), table, payload, payload + stored, codec,
                    raw_length)
        at = payload + stored


def unit_of_frame(data, offset):
    """The bytes of a frame that holds one unit."""
    frame = next(frames_of(data[:SEGMENT_HEADER_LEN] + data[offset:]))
    shift = offset - SEGMENT_HEADER_LEN
    payload = data[frame.payload + shift:frame.end + shift]
    return decompress(frame.codec, payload, frame.raw_length)


def segment_fields(data):
    found = {"header": [(0, SEGMENT_HEADER_LEN)], "frame header": [], "table": []}
    end = SEGMENT_HEADER_LEN
    for frame in frames_of(data):
        found["frame header"].append((frame.offset, frame.table))
        found["table"].append((frame.table, frame.payload))
        found.setdefault(f"{frame.kind} payload", []).append((frame.payload, frame.end))
        end = frame.end
    if data.endswith(b"BATONEND"):
        found["index"] = [(end, len(data) - FOOTER_LEN)]
        found["footer"] = [(len(data) - FOOTER_LEN, len(data))]
    return found


# ---- SQLite's files --------------------------------------------------------------------

DATABASE_HEADER_LEN = 100
LOG_HEADER_LEN, LOG_FRAME_HEAD_LEN = 32, 24
INTERIOR, LEAF = (2, 5), (10, 13)


def page_fields(page, at, is_first, reserved):
    """[(field, start, end)] of a page that lies at `at` in its file."""
    usable = len(page) - reserved
    start = DATABASE_HEADER_LEN if is_first else 0
    parts = [("database header", 0, start), ("checksum", usable, len(page))]
    if page[start] in INTERIOR + LEAF:
        head = start + (12 if page[start] in INTERIOR else 8)
        cells = int.from_bytes(page[start + 3:start + 5], "big")
        content = int.from_bytes(page[start + 5:start + 7], "big") or 65536
        parts += [("page header", start, head), ("cell pointers", head, head + 2 * cells),
                  ("free space", head + 2 * cells, content), ("cells", content, usable)]
    else:
        parts += [("other page", start, usable)]
    return [(field, at + begin, at + end) for field, begin, end in parts if begin < end]


def collect(parts):
    found = {}
    for field, start, end in parts:
        found.setdefault(field, []).append((start, end))
    return found


def page_len_of(database):
    return int.from_bytes(database[16:18], "big") % 65535 or 65536


def database_fields(data):
    if len(data) < DATABASE_HEADER_LEN:
        return {"bytes": [(0, len(data))]}
    length = page_len_of(data)
    return collect(part for at in range(0, len(data), length)
                   for part in page_fields(data[at:at + length], at, at == 0, data[20]))


def log_fields(data, reserved=0):
    """A WAL. Frames of an earlier round of it lie behind the live ones: "stale"."""
    if len(data) < LOG_HEADER_LEN:
        return {"bytes": [(0, len(data))]}
    page_len, salts = int.from_bytes(data[8:12], "big"), data[16:24]
    parts = [("log header", 0, LOG_HEADER_LEN)]
    step = LOG_FRAME_HEAD_LEN + page_len
    for at in range(LOG_HEADER_LEN, len(data), step):
        page_at = at + LOG_FRAME_HEAD_LEN
        page = data[page_at:at + step]
        if data[at + 8:at + 16] != salts or len(page) < page_len:
            parts.append(("stale", at, min(at + step, len(data))))
            continue
        parts.append(("frame header", at, page_at))
        parts += page_fields(page, page_at, data[at:at + 4] == b"\0\0\0\1", reserved)
    return collect(parts)


def fields(name, data, reserved=0):
    """`reserved`: bytes at the end of each page of the database that a WAL is of."""
    if not data:
        return {}
    if name.endswith(".seg"):
        return segment_fields(data)
    if name.endswith("-wal"):
        return log_fields(data, reserved)
    if data.startswith(b"SQLite format 3\0"):
        return database_fields(data)
    return {"bytes": [(0, len(data))]}


# ---- which layer needs which frame -----------------------------------------------------


@contextlib.contextmanager
def catalogue_of(data):
    """The catalogue of a store as it is, read from a copy."""
    with tempfile.TemporaryDirectory(dir=data.parent) as folder:
        for path in data.glob("catalogue.db*"):
            shutil.copy(path, folder)
        with contextlib.closing(sqlite3.connect(pathlib.Path(folder) / "catalogue.db")) as database:
            yield database


def read_segments_list(reader):
    return [reader.take(16) for _ in range(reader.varint())]


def decode_placement(unit):
    """((segment, offset) of the pieces' frames, of their blocks)."""
    version, reader = unit[0], Reader(unit, 2)
    segments = read_segments_list(reader)
    pieces, blocks = set(), set()
    for _ in range(reader.varint()):
        segment, offset, _unit = reader.varint(), reader.varint(), reader.varint()
        pieces.add((segments[segment], offset))
        segment, offset = reader.varint(), reader.varint()
        blocks.add((segments[segment], offset))
        for _ in range(reader.varint() if version > 1 else 0):
            reader.varint()  # a segment that the block names
    return pieces, blocks


def decode_block(unit):
    reader = Reader(unit, 2)
    segments = read_segments_list(reader)
    frames = set()
    for _ in range(reader.varint()):
        segment, offset, _length = reader.varint(), reader.varint(), reader.varint()
        frames.add((segments[segment], offset))
    return frames


class Places(NamedTuple):
    """What the layers of a store need; segments and layers by their hexadecimal ids."""
    files: dict     # segment: its file below segments/
    vouched: dict   # segment: bytes
    segments: dict  # layer: the segments it refers to
    frames: dict    # layer: {(segment, offset)}


def places_of(data):
    with catalogue_of(data) as database:
        rows = database.execute(
            "SELECT segment, vouched, location FROM segments ORDER BY (SELECT min(layer) FROM"
            " layer_segments AS l WHERE l.segment = segments.segment), segment").fetchall()
        layers = database.execute("SELECT id, name, root_segment, root_offset,"
                                  " placement_segment, placement_offset FROM layers").fetchall()
        named = database.execute("SELECT layer, segment FROM layer_segments").fetchall()
    files = {segment: location for segment, _, location in rows}
    bytes_of = {segment: (data / "segments" / location).read_bytes()
                for segment, location in files.items()}
    frames = {}
    for _, name, root_segment, root, placement_segment, placement in layers:
        needed = {(root_segment, root), (placement_segment, placement)}
        pieces, blocks = decode_placement(unit_of_frame(bytes_of[placement_segment], placement))
        needed |= pieces | blocks
        for segment, offset in blocks:
            needed |= decode_block(unit_of_frame(bytes_of[segment], offset))
        frames[name.hex()] = {(segment.hex(), offset) for segment, offset in needed}
    return Places({segment.hex(): location for segment, location in files.items()},
                  {segment.hex(): vouched for segment, vouched, _ in rows},
                  {name.hex(): {segment.hex() for layer, segment in named if layer == number}
                   for number, name, *_ in layers}, frames)
