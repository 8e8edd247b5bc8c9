"""What a lying or broken client sends in a persist, and which ERROR it gets (§5, §7)."""

import hashlib
import struct
import unittest

import xxhash
import zstandard

from manifest import (DIRECTORY, FILE, SYMLINK, Piece, Row, Unit, root_entry, root_of,
                      varint)
from wire import Code, Refused, Type
from wire_case import (MEMORY_FACTOR, SMALL, WireScenario, client, frames, identity, manifest,
                       unit_of)

CONTENT = b"alpha\n"
UNIT = unit_of(CONTENT)
TIME = bytes(12)


def raw_row(path: bytes, type_: int = DIRECTORY, mode: int = 0o755, rest: bytes = b"",
            shared: int = 0, time: bytes = TIME, fields: bytes = b"\0") -> bytes:
    """A row that may break any rule."""
    return (varint(shared) + varint(len(path)) + path + bytes([type_]) + varint(mode) + time
            + rest + fields)


def raw_piece(*rows: bytes, count: int | None = None) -> bytes:
    return b"\1" + varint(len(rows) if count is None else count) + b"".join(rows)


def claim(data: bytes, counts: tuple[int, ...] = (0, 1, 0, 0, 0), content: bytes | None = None,
          unit: Unit | None = None) -> bytes:
    """A root's entry for a piece that may not decode."""
    unit = unit or unit_of(data)
    content = hashlib.sha256(data).digest() if content is None else content
    return unit.xxh3 + struct.pack("<I", unit.length) + unit.sha256 + b"".join(
        map(varint, counts)) + content


def file_rest(units: list[Unit], size: int | None = None, count: int | None = None) -> bytes:
    size = sum(unit.length for unit in units) if size is None else size
    return varint(size) + varint(len(units) if count is None else count) + b"".join(
        unit.xxh3 + unit.sha256 + varint(unit.length) for unit in units)


class Refusals(WireScenario):
    def setUp(self) -> None:
        super().setUp()
        self.put(identity("honest"), SMALL)

    def tearDown(self) -> None:
        view = self.get(identity("reader"))
        self.assertEqual(view.tree, SMALL)
        self.assertEqual(len(self.layers()), 1)

    def refuse_commit(self, code: int, root: bytes, pieces: list[bytes],
                      content: tuple[bytes, ...] = (CONTENT,)) -> Refused:
        upload = self.upload(identity("liar"))
        if content:
            upload.send(frames.CONTENT, content)
        if pieces:
            upload.send(frames.PIECE, pieces)
        return self.assert_refused(code, upload.commit, root)

    def refuse_piece(self, *pieces: bytes, code: int = Code.DAMAGED,
                     counts: tuple[int, ...] = (0, 1, 0, 0, 0)) -> Refused:
        return self.refuse_commit(code, root_of([claim(data, counts) for data in pieces]),
                                  list(pieces))


class Citing(Refusals):
    def test_a_unit_that_was_not_offered_is_denied(self):
        built = manifest.build(client.rows_of(SMALL))
        self.refuse_commit(Code.DENIED, built.root, list(built.pieces), content=())

    def test_a_piece_that_was_not_offered_is_denied(self):
        built = manifest.build(client.rows_of(SMALL))
        self.refuse_commit(Code.DENIED, built.root, [])

    def test_a_sha256_that_nobody_has_is_denied(self):
        unit = UNIT._replace(sha256=bytes(32))
        built = manifest.build([Row(b"a", FILE, 0o644, 0, 6, (unit,))])
        self.refuse_commit(Code.DENIED, built.root, list(built.pieces))

    def test_a_unit_with_another_length_is_denied(self):
        unit = UNIT._replace(length=5)
        built = manifest.build([Row(b"a", FILE, 0o644, 0, 5, (unit,))])
        self.refuse_commit(Code.DENIED, built.root, list(built.pieces))

    def test_what_was_offered_in_another_session_is_denied(self):
        first = self.upload(identity("liar"))
        self.assertEqual(first.ask([UNIT]), [])
        built = manifest.build([Row(b"a", FILE, 0o644, 0, 6, (UNIT,))])
        self.refuse_commit(Code.DENIED, built.root, list(built.pieces), content=())

    def test_what_was_offered_may_be_cited(self):
        upload = self.upload(identity("honest"))
        self.assertEqual(upload.ask([UNIT]), [])
        built = manifest.build([Row(b"a.txt", FILE, 0o644, SMALL[b"a.txt"].time_ns, 6, (UNIT,))])
        upload.send(frames.PIECE, built.pieces)
        upload.send(frames.CONTENT, [b"late, and cited by nobody"])
        upload.connection.close()


class Units(Refusals):
    def refuse_units(self, code: int, payload: bytes) -> Refused:
        upload = self.upload(identity("liar"))

        def send() -> None:
            upload.connection.send(Type.UNITS, payload)
            upload.connection.expect(Type.STORED)

        return self.assert_refused(code, send)

    def units(self, raw: bytes, *, table=None, codec=frames.RAW, raw_length=None, payload=None,
              kind=frames.CONTENT) -> bytes:
        if table is None:
            table = [(xxhash.xxh3_128_digest(raw), len(raw))]
        return frames.units_payload(kind, codec, len(raw) if raw_length is None else raw_length,
                                    table, raw if payload is None else payload)

    def test_a_wrong_xxh3_is_damage(self):
        self.refuse_units(Code.DAMAGED, self.units(b"abc", table=[(bytes(16), 3)]))

    def test_lengths_that_do_not_add_up(self):
        name = xxhash.xxh3_128_digest(b"abc")
        for length in (0, 2, 4, 0xFFFFFFFF):
            self.refuse_units(Code.PROTOCOL, self.units(b"abc", table=[(name, length)]))

    def test_counts_out_of_range(self):
        for count in (0, 4097, 0xFFFFFFFF):
            payload = struct.pack("<BBHII", 1, 0, 0, count, 3) + bytes(20) + b"abc"
            self.refuse_units(Code.PROTOCOL, payload)

    def test_a_raw_length_out_of_range(self):
        for length in (0, 2 * 1024 * 1024 + 1, 0xFFFFFFFF):
            self.refuse_units(Code.PROTOCOL, self.units(
                b"abc", raw_length=length, table=[(bytes(16), length or 1)]))

    def test_an_unknown_kind_codec_or_reserved_byte(self):
        good = self.units(b"abc")
        for at, value in ((0, 0), (0, 3), (0, 4), (1, 2), (2, 1), (3, 1)):
            self.refuse_units(Code.PROTOCOL, good[:at] + bytes([value]) + good[at + 1 :])

    def test_a_payload_shorter_or_longer_than_announced(self):
        good = self.units(b"abc")
        for payload in (good[:-1], good + b"x", good[:11], b""):
            self.refuse_units(Code.PROTOCOL, payload)

    def test_zstd_that_is_not_zstd(self):
        self.refuse_any(self.units(bytes(1000), codec=frames.ZSTD, payload=b"\x28\xb5\x2f\xfdnot"))

    def refuse_any(self, payload: bytes) -> None:
        """Damage of the frame, whatever its sort."""
        upload = self.upload(identity("liar"))
        with self.assertRaises(Refused) as caught:
            upload.connection.send(Type.UNITS, payload)
            upload.connection.expect(Type.STORED)
        self.assertIn(caught.exception.code, (Code.DAMAGED, Code.PROTOCOL), caught.exception)
        self.assert_serves()

    def test_zstd_that_declares_another_size(self):
        for declared in (10, 1000):
            packed = zstandard.ZstdCompressor().compress(bytes(declared))
            self.refuse_any(self.units(bytes(999), codec=frames.ZSTD, payload=packed))

    def test_zstd_that_declares_no_size(self):
        packed = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(999))
        self.refuse_any(self.units(bytes(999), codec=frames.ZSTD, payload=packed))

    def test_zstd_frames_behind_each_other(self):
        packed = zstandard.ZstdCompressor().compress(bytes(999))
        for extra in (packed, zstandard.ZstdCompressor().compress(b""), b"\0"):
            self.refuse_any(self.units(bytes(999), codec=frames.ZSTD, payload=packed + extra))

    def test_a_zstd_bomb_costs_no_memory(self):
        with self.connect() as watch:
            before = client.status(watch)["rss_bytes"]
            bomb = zstandard.compress(bytes(1 << 30))
            self.assertLess(len(bomb), 1 << 20)
            self.refuse_any(self.units(b"", table=[(bytes(16), 1 << 21)], codec=frames.ZSTD,
                                       raw_length=1 << 21, payload=bomb))
            lying = _with_declared_size(bomb, 1 << 21)
            self.refuse_any(self.units(b"", table=[(bytes(16), 1 << 21)], codec=frames.ZSTD,
                                       raw_length=1 << 21, payload=lying))
            self.assertLess(client.status(watch)["rss_bytes"] - before,
                            (16 << 20) * MEMORY_FACTOR)

    def test_ask_that_is_malformed(self):
        for payload in (b"", struct.pack("<I", 0), struct.pack("<I", 1), struct.pack("<I", 4097),
                        struct.pack("<I", 0xFFFFFFFF) + bytes(20),
                        struct.pack("<I", 1) + bytes(16) + struct.pack("<I", 0),
                        struct.pack("<I", 1) + bytes(16) + struct.pack("<I", (1 << 21) + 1),
                        struct.pack("<I", 1) + bytes(16) + struct.pack("<I", 1) + b"x"):
            upload = self.upload(identity("liar"))

            def ask() -> None:
                upload.connection.send(Type.ASK, payload)
                upload.connection.expect(Type.OFFER)

            self.assert_refused(Code.PROTOCOL, ask)


def _with_declared_size(frame: bytes, size: int) -> bytes:
    """Rewrites the content size in a zstd frame header (RFC 8878 §3.1.1.1)."""
    descriptor = frame[4]
    single, flag = descriptor >> 5 & 1, descriptor >> 6
    at = 5 + (0 if single else 1)
    width = (1 if single else 0, 2, 4, 8)[flag]
    return frame[:at] + size.to_bytes(width, "little") + frame[at + width :]


class Roots(Refusals):
    def honest(self) -> tuple[Piece, bytes]:
        rows = sorted(client.rows_of({b"a": client.file(CONTENT), b"d": client.directory()}),
                      key=lambda row: row.key)
        piece = Piece(tuple(rows))
        return piece, piece.encode()

    def test_a_malformed_root(self):
        piece, data = self.honest()
        good = root_of([root_entry(piece, data)])
        for code, root in (
                (Code.DAMAGED, b""), (Code.DAMAGED, b"BTRT"), (Code.DAMAGED, good[:-1]),
                (Code.DAMAGED, good + b"\0"), (Code.DAMAGED, b"X" + good[1:]),
                (Code.VERSION, good[:4] + b"\2" + good[5:]),
                (Code.DAMAGED, good[:5] + b"\2" + good[6:]),
                (Code.DAMAGED, good[:6] + b"\1" + good[7:]),
                (Code.DAMAGED, good[:8] + varint(2) + good[9:]),
                (Code.LIMIT, good[:8] + varint(65537) + good[9:]),
                (Code.LIMIT, good[:8] + varint((1 << 64) - 1) + good[9:]),
                (Code.DAMAGED, good[:8] + b"\x81\x00" + good[9:])):
            with self.subTest(root=root[:12]):
                self.refuse_commit(code, root, [data])

    def test_totals_that_lie(self):
        _, data = self.honest()
        content = self.honest()[0].content_digest
        true = [1, 1, 0, 6, 1]
        for position in range(5):
            counts = list(true)
            counts[position] += 1
            with self.subTest(position=position):
                root = root_of([claim(data, tuple(counts), content)])
                self.refuse_commit(Code.DAMAGED, root, [data])

    def test_a_content_digest_that_lies(self):
        _, data = self.honest()
        root = root_of([claim(data, (1, 1, 0, 6, 1), bytes(32))])
        self.refuse_commit(Code.DAMAGED, root, [data])

    def test_a_piece_of_a_lying_length(self):
        _, data = self.honest()
        content = self.honest()[0].content_digest
        for code, length in ((Code.DAMAGED, 0), (Code.DAMAGED, 1), (Code.DENIED, len(data) + 1),
                             (Code.DENIED, 1 << 21), (Code.DAMAGED, (1 << 21) + 1)):
            unit = unit_of(data)._replace(length=length)
            self.refuse_commit(code, root_of(
                [claim(data, (1, 1, 0, 6, 1), content, unit)]), [data])

    def test_pieces_cut_elsewhere(self):
        rows = [Row(b"%04d" % number, DIRECTORY, 0o755) for number in range(20)]
        pieces = [Piece(tuple(rows[:10])), Piece(tuple(rows[10:]))]
        root = root_of([root_entry(piece, piece.encode()) for piece in pieces])
        self.refuse_commit(Code.DAMAGED, root, [piece.encode() for piece in pieces])

    def test_pieces_out_of_order_or_twice(self):
        rows = [Row(b"%06d" % number, DIRECTORY, 0o755) for number in range(9000)]
        pieces = [manifest.decode_piece(data) for data in manifest.build(rows).pieces]
        self.assertGreater(len(pieces), 2)
        for order in ([pieces[1], pieces[0], *pieces[2:]], [pieces[0], *pieces]):
            root = root_of([root_entry(piece, piece.encode()) for piece in order])
            self.refuse_commit(Code.DAMAGED, root, [piece.encode() for piece in pieces])

    def test_content_cited_as_a_piece(self):
        self.refuse_commit(Code.DAMAGED, root_of([claim(CONTENT)]), [CONTENT])


class Rows(Refusals):
    def test_an_honest_raw_piece_is_accepted(self):
        data = raw_piece(raw_row(b"d"))
        piece = manifest.decode_piece(data)
        self.assertEqual(piece.encode(), data)
        upload = self.upload(identity("raw", "elsewhere"))
        upload.send(frames.PIECE, [data])
        upload.commit(root_of([root_entry(piece, data)]))

    def test_paths_that_lead_elsewhere(self):
        for path in (b"..", b"../x", b"a/../b", b".", b"a/.", b"/a", b"a/", b"a//b", b"", b"a\0b",
                     b"n" * 256, b"/".join([b"a"] * 4097)):
            with self.subTest(path=path[:20]):
                self.refuse_piece(raw_piece(raw_row(path)))

    def test_a_path_that_shares_too_much_or_too_little(self):
        first = raw_row(b"abc")
        for row in (raw_row(b"d", shared=4), raw_row(b"abd"), raw_row(b"bd", shared=1),
                    raw_row(b"x", shared=(1 << 64) - 1)):
            self.refuse_piece(raw_piece(first, row), counts=(0, 2, 0, 0, 0))
        self.refuse_piece(raw_piece(raw_row(b"a", shared=1)))

    def test_rows_out_of_order_or_twice(self):
        for names in ((b"b", b"a"), (b"a", b"a"), (b"a-", b"a/b")):
            rows, previous = [], b""
            for name in names:
                rows.append(manifest.encode_row(Row(name, DIRECTORY, 0o755), previous))
                previous = name
            self.refuse_piece(raw_piece(*rows), counts=(0, 2, 0, 0, 0))

    def test_a_row_below_a_file_or_a_link(self):
        for parent in (Row(b"p", FILE, 0o644), Row(b"p", SYMLINK, 0o777, target=b"/etc")):
            for between in ([], [Row(b"p/a", DIRECTORY, 0o755)]):
                rows, previous = [], b""
                chain = [parent, *between, Row(b"p/x", DIRECTORY, 0o755)]
                for row in chain:
                    rows.append(manifest.encode_row(row, previous))
                    previous = row.path
                self.refuse_piece(raw_piece(*rows), counts=(
                    parent.type == FILE, len(chain) - 1, parent.type == SYMLINK, 0, 0))

    def test_types_modes_times_and_fields_out_of_range(self):
        late = struct.pack("<qI", 0, 10**9)
        rows = [raw_row(b"a", 0), raw_row(b"a", 4), raw_row(b"a", 255), raw_row(b"a", mode=0o1000),
                raw_row(b"a", mode=1 << 63), raw_row(b"a", time=late),
                raw_row(b"a", fields=b"\2\4\0\2\0"),
                raw_row(b"a", fields=b"\x7f"), raw_row(b"a", fields=varint(1 << 40))]
        for row in rows:
            with self.subTest(row=row):
                self.refuse_piece(raw_piece(row))

    def test_links_without_a_proper_target(self):
        for target in (b"", b"a\0b", b"t" * 4096):
            self.refuse_piece(raw_piece(raw_row(b"l", SYMLINK, 0o777,
                                                varint(len(target)) + target)),
                              counts=(0, 0, 1, 0, 0))
        self.refuse_piece(raw_piece(raw_row(b"l", SYMLINK, 0o644, b"\1t")), counts=(0, 0, 1, 0, 0))
        self.refuse_piece(raw_piece(raw_row(b"l", SYMLINK, 0o777, varint(1 << 62) + b"t")),
                          counts=(0, 0, 1, 0, 0))

    def test_files_whose_units_do_not_add_up(self):
        for rest in (file_rest([UNIT], size=7), file_rest([UNIT], size=0), file_rest([], size=6),
                     file_rest([UNIT._replace(length=0)]), file_rest([UNIT], count=2),
                     file_rest([UNIT], count=41001), file_rest([UNIT], count=(1 << 64) - 1),
                     file_rest([UNIT._replace(length=(1 << 64) - 6), UNIT], size=0)):
            with self.subTest(rest=rest[:12]):
                self.refuse_piece(raw_piece(raw_row(b"f", FILE, 0o644, rest)),
                                  counts=(1, 0, 0, 6, 1))

    def test_hostile_counts_and_lengths(self):
        row = raw_row(b"a")
        for data in (raw_piece(row, count=0), raw_piece(row, count=2),
                     raw_piece(row, count=(1 << 64) - 1), raw_piece(row) + b"x",
                     b"\0\1" + row, b"\1", b"\1\x81\x00" + row,
                     raw_piece(varint(0) + varint(1 << 40) + b"a")):
            with self.subTest(data=data[:12]):
                self.refuse_piece(data)

    def test_what_only_a_newer_program_understands(self):
        self.refuse_piece(b"\2\1" + raw_row(b"a"), code=Code.VERSION)
        self.refuse_piece(raw_piece(raw_row(b"a", fields=b"\1\1\0")), code=Code.VERSION)

    def test_the_daemon_names_what_it_refuses(self):
        refused = self.refuse_piece(raw_piece(raw_row(b"a/../b")))
        self.assertIn("..", refused.message)

    def test_a_row_may_carry_fields_that_are_not_critical(self):
        data = raw_piece(raw_row(b"d", fields=b"\1\2\3abc"))
        digest = hashlib.sha256(data).digest()
        upload = self.upload(identity("raw", "elsewhere"))
        upload.send(frames.PIECE, [data])
        try:
            upload.commit(root_of([claim(data, content=digest)]))
        except Refused as refused:
            self.fail(str(refused))


if __name__ == "__main__":
    unittest.main()
