"""The Python client's bytes against the golden files that the C programs keep to."""

import hashlib
import random
import unittest

import client
import frames
import manifest
import wire
from harness import TOP
from manifest import DIRECTORY, FILE, SYMLINK, Row

GOLDEN = TOP / "tests/golden"


def message(name: str) -> dict[str, bytes]:
    """{headline: payload} of a golden file."""
    examples: dict[str, str] = {}
    for line in (GOLDEN / "messages" / f"{name}.hex").read_text().splitlines():
        if line.startswith("#"):
            headline = line[2:]
            examples[headline] = ""
        else:
            examples[headline] += line
    return {headline: bytes.fromhex(text) for headline, text in examples.items()}


def golden_manifest() -> dict[str, str]:
    return dict(line.split(" ", 1) for line in (GOLDEN / "manifest.hex").read_text().splitlines())


def wide_tree(rows: int) -> list[Row]:
    rng = random.Random(7)
    unit = manifest.unit_of(b"x")
    paths = sorted({b"dir%d/sub-%d/file.%d" % (rng.randrange(40), rng.randrange(9), number)
                    for number in range(rows)})
    return [Row(path, FILE, 0o644, 5, 1, (unit,)) for path in paths]


class Golden(unittest.TestCase):
    def test_section_7_the_golden_tree_decodes_and_encodes_to_the_same_bytes(self):
        golden = golden_manifest()
        piece = manifest.decode_piece(bytes.fromhex(golden["piece"]))
        self.assertEqual({row.type for row in piece.rows}, {FILE, DIRECTORY, SYMLINK})
        built = manifest.build(piece.rows)
        self.assertEqual([data.hex() for data in built.pieces], [golden["piece"]])
        self.assertEqual(built.root.hex(), golden["root"])
        self.assertEqual("sha256:" + built.digest.hex(), golden["digest"])
        self.assertEqual("sha256:" + built.content_digest.hex(), golden["content"])

    def test_section_7_the_empty_tree_is_a_root_of_no_pieces(self):
        built = manifest.build([])
        self.assertEqual((built.pieces, built.root), ((), b"BTRT\1\1\0\0\0"))
        self.assertEqual(built.digest, hashlib.sha256(built.root).digest())

    def test_section_7_pieces_are_cut_where_the_rows_say(self):
        rows = wide_tree(20000)
        built = manifest.build(rows)
        lengths = list(map(len, built.pieces))
        self.assertGreater(len(lengths), 10)
        self.assertLessEqual(max(lengths), manifest.PIECE_LEN_MAX + 4)
        again = [row for data in built.pieces for row in manifest.decode_piece(data).rows]
        self.assertEqual(again, sorted(rows, key=lambda row: row.key))

    def test_section_7_one_changed_row_changes_few_pieces(self):
        rows = wide_tree(20000)
        before = set(manifest.build(rows).pieces)
        after = set(manifest.build(rows[:9000] + rows[9001:]).pieces)
        self.assertLessEqual(len(after - before), 2)

    def test_section_7_a_slash_sorts_below_every_other_byte(self):
        paths = [b"a-b", b"a", b"a/z", b"a\x01", b"a.b"]
        ordered = sorted((Row(path, DIRECTORY, 0) for path in paths), key=lambda row: row.key)
        self.assertEqual([row.path for row in ordered], [b"a", b"a/z", b"a\x01", b"a-b", b"a.b"])

    def test_section_9_control_messages_unpack_with_a_msgpack_library(self):
        for name in wire.Type.__members__:
            if wire.Type[name] in wire.BULK:
                continue
            for headline, payload in message(name).items():
                with self.subTest(name, example=headline):
                    wire.unpack_map(payload)

    def test_section_2_and_4_control_messages_are_packed_byte_for_byte(self):
        for name in wire.Type.__members__:
            if wire.Type[name] in wire.BULK:
                continue
            for headline, payload in message(name).items():
                with self.subTest(name, example=headline):
                    self.assertEqual(wire.pack_map(wire.unpack_map(payload)), payload)

    def test_section_5_and_6_bulk_messages_are_as_the_golden_ones(self):
        asked = message("ASK")["an example"]
        units = [manifest.Unit(bytes(range(0x10, 0x20)), 1, b""),
                 manifest.Unit(bytes(range(0x20, 0x30)), 1 << 20, b"")]
        self.assertEqual(frames.encode_ask(units), asked)
        first, second = frames.decode_offer(message("OFFER")["an example"], 2)
        self.assertEqual((len(first), len(second)), (0, 2))
        self.assertEqual(frames.decode_stored(message("STORED")["an example"], 1), second[:1])
        wanted = [True, False, True] + [False] * 12 + [True]
        self.assertEqual(frames.encode_want(4096, wanted, True), message("WANT")["an example"])
        self.assertEqual(len(manifest.root_pieces(message("ROOT")["an example"])), 1)

    def test_section_5_and_6_what_carries_units_and_rows_is_as_the_golden_ones(self):
        contents = [b"alpha", b"be"]
        self.assertEqual(frames.encode_units(frames.CONTENT, contents),
                         message("UNITS")["an example"])
        frame = message("FRAME")["an example"]
        self.assertEqual(list(frames.decode_frame(frame).values()), contents)
        self.assertEqual(frames.encode_frame(contents), frame)
        directory, file = frames.decode_rows(message("ROWS")["an example"])
        self.assertEqual((directory[:3], directory[3].path), ((0, 0, []), b"out"))
        self.assertEqual((file[:3], file[3].path), ((1, 3, [0, 1]), b"out/a"))

    def test_format_section_3_a_frame_survives_encoding_and_no_flipped_bit_does(self):
        contents = [b"alpha", b"b" * 3000]
        frame = frames.encode_frame(contents)
        self.assertEqual(list(frames.decode_frame(frame).values()), contents)
        for at in range(len(frame)):
            damaged = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
            with self.assertRaises(wire.Malformed):
                frames.decode_frame(damaged)

    def test_section_6_rows_survive_encoding(self):
        rows = sorted(client.rows_of({b"a": client.file("1"), b"a/b": client.directory(),
                                      b"l": client.symlink(b"a")}), key=lambda row: row.key)
        decoded = frames.decode_rows(frames.encode_rows(rows, layer=3))
        self.assertEqual([(layer, row) for layer, _, _, row in decoded], [(3, r) for r in rows])


if __name__ == "__main__":
    unittest.main()
