"""Hostile and broken daemons against the C client (T5, T6): nothing outside DIR is touched,
and a DIR that could not be completed is absent or as it was."""

import os
import random
import struct
import unittest

import zstandard

import fake_daemon
import frames
from client import directory, file, rows_of
from fake_daemon import FakeDaemon, totals, view, view_of
from harness import BATON, Scenario, make_tree, read_tree
from manifest import DIRECTORY, FILE, SYMLINK, Row, encode_row, unit_of, varint
from wire import BULK_LEN_MAX, HEADER, Type, encode, encode_map
from wire_case import MEMORY_FACTOR

UNIT = unit_of(b"alpha\n")
HONEST = {b"a.txt": file("alpha\n"), b"d": directory(), b"d/b.txt": file("beta\n")}
OUTSIDE = {"outside.txt": "mine", "etc/passwd": "root", "link-target/x": "x"}
MEMORY_MAX = (160 << 20) * MEMORY_FACTOR


def rows_payload(*rows: Row) -> bytes:
    """In the order given, which may be a wrong one."""
    return frames.encode_rows(rows)


def raw_rows(*paths: bytes, type_: int = DIRECTORY, rest: bytes = b"") -> bytes:
    """Rows that share nothing, with paths that may be anything."""
    raw = b"".join(varint(0) + b"\0" + varint(0) + varint(len(path)) + path + bytes([type_])
                   + varint(0o755) + bytes(12) + rest + b"\0" for path in paths)
    return frames.rows_payload(raw, len(paths))


@unittest.skipUnless(BATON.exists(), "the build has no client")
class HostileView(Scenario):
    fake = None

    def setUp(self):
        super().setUp()
        self.box = self.folder / "box"
        make_tree(self.box, OUTSIDE)
        self.dir = self.box / "dir"

    @property
    def daemon(self):
        return self.fake

    def serve(self, script):
        self.fake = FakeDaemon(self.folder, script)

    def unserve(self):
        self.fake.stop()
        self.fake.socket.unlink()
        self.assertEqual(self.fake.failures, [])

    def run_client(self, script, status, *flags):
        """Where the client is to lose patience it gets little of it."""
        self.serve(script)
        try:
            return self.baton("attach", *flags, self.dir, cwd=self.box, status=status,
                              variables={"BATON_TIMEOUT": "0.2" if status == 7 else "10"})
        finally:
            self.unserve()

    def state(self):
        """All of the box, without the times of DIR and of the directories in it."""
        return {path: entry[:3] if entry[0] == "directory" and path.startswith(b"dir") else entry
                for path, entry in read_tree(self.box, times=True).items()}

    def assert_repelled(self, script, status=6, *flags):
        """Into a DIR that is missing, an empty one, and one that has something."""
        result = None
        for before in (None, {}, {"kept.txt": "kept", "d/kept": "too", "a.txt": "old"}):
            if before is not None:
                make_tree(self.dir, before)
                os.makedirs(self.dir, exist_ok=True)
            tree = self.state()
            result = self.run_client(script, status, *flags)
            self.assertEqual(self.state(), tree, result)
        return result


class Honest(HostileView):
    def test_the_fake_daemon_can_be_honest(self):
        self.run_client(view_of(HONEST), 0)
        tree = {path: entry[2] for path, entry in read_tree(self.dir).items()}
        self.assertEqual(tree, {b"a.txt": b"alpha\n", b"d": b"", b"d/b.txt": b"beta\n"})


class HostileRows(HostileView):
    def test_t5_paths_that_lead_elsewhere(self):
        for path in (b"..", b"../outside.txt", b"a/../../outside.txt", b"/etc/passwd", b".",
                     b"a//b", b"a/", b"", b"a\0b", b"n" * 256, b"/".join([b"a"] * 4097)):
            with self.subTest(path=path[:20]):
                self.assert_repelled(view([raw_rows(path)], {"directories": 1}))

    def test_t5_a_row_below_a_link(self):
        for target in (b"..", b"../link-target", b"/", os.fsencode(self.box)):
            rows = [Row(b"l", SYMLINK, 0o777, target=target),
                    Row(b"l/x", FILE, 0o644, 0, 6, (UNIT,))]
            self.assert_repelled(view([rows_payload(*rows)], totals(rows),
                                      [frames.encode_frame([b"alpha\n"])]))
            self.assert_repelled(view([rows_payload(rows[0]), rows_payload(rows[1])], totals(rows),
                                      [frames.encode_frame([b"alpha\n"])]))

    def test_t5_a_row_below_a_file(self):
        rows = [Row(b"f", FILE, 0o644), Row(b"f/x", DIRECTORY, 0o755)]
        self.assert_repelled(view([rows_payload(*rows)], totals(rows)))

    def test_rows_twice_or_out_of_order(self):
        one, two = Row(b"a", DIRECTORY, 0o755), Row(b"b", DIRECTORY, 0o755)
        for rows in ((one, one), (two, one)):
            self.assert_repelled(view([rows_payload(*rows)], totals(rows)))
            self.assert_repelled(view([rows_payload(row) for row in rows], totals(rows)))

    def test_sizes_that_lie(self):
        for size in (0, 5, 7, 1 << 62, (1 << 64) - 1):
            row = Row(b"f", FILE, 0o644, 0, size, (UNIT,))
            self.assert_repelled(view([rows_payload(row)], {"files": 1, "bytes": 6, "units": 1},
                                      [frames.encode_frame([b"alpha\n"])]))

    def test_totals_that_lie(self):
        rows = rows_of(HONEST)
        for name in totals(rows):
            end = {**totals(rows), name: totals(rows)[name] + 1}
            self.assert_repelled(view([frames.encode_rows(rows)], end))
        self.assert_repelled(view([frames.encode_rows(rows)],
                                  {name: (1 << 64) - 1 for name in totals(rows)}))

    def test_types_modes_and_layers_out_of_range(self):
        for type_ in (0, 4, 255):
            self.assert_repelled(view([raw_rows(b"a", type_=type_)], {"directories": 1}))
        row = Row(b"a", DIRECTORY, 0o755)
        for layer in (1, 1 << 40, (1 << 64) - 1):
            self.assert_repelled(view([frames.encode_rows([row], layer)], totals([row])))
        self.assert_repelled(view([rows_payload(Row(b"a", DIRECTORY, 0o4755))], {"directories": 1}))
        self.assert_repelled(view([frames.encode_rows([row])], totals([row]), layers=()))

    def test_links_that_cannot_be(self):
        for target in (b"", b"a\0b", b"t" * 4096):
            self.assert_repelled(view([rows_payload(Row(b"l", SYMLINK, 0o777, target=target))],
                                      {"symlinks": 1}))

    def test_huge_counts_cost_no_memory(self):
        row = varint(0) + b"\0" + encode_row(Row(b"a", DIRECTORY, 0o755))
        many = b"f" + bytes([FILE])
        hostile = [
            struct.pack("<BBHII", 0, 0, 0, 0xFFFFFFFF, 1) + row,
            struct.pack("<BBHII", 0, 0, 0, len(row), 0xFFFFFFFF) + row,
            struct.pack("<BBHII", 1, 0, 0, BULK_LEN_MAX + 1, 1) + b"\x28\xb5\x2f\xfd",
            struct.pack("<BBHII", 1, 0, 0, BULK_LEN_MAX, 1) + zstandard.compress(bytes(1 << 30)),
            struct.pack("<BBHII", 9, 0, 0, len(row), 1) + row,
            struct.pack("<BBHII", 0, 0, 0, len(row), 0) + row, b"", b"\0" * 11,
            frames.rows_payload(varint(0) + b"\0" + varint(0) + varint(1) + many + varint(0o644)
                                + bytes(12) + varint(1 << 60) + varint(1 << 60), 1),
            frames.rows_payload(varint(0) + b"\0" + varint(0) + varint(1 << 60) + b"f", 1),
            frames.rows_payload(varint(0) + b"\2" + encode_row(Row(b"a", DIRECTORY, 0o755))
                                + varint(1 << 60), 1),
        ]
        for payload in hostile:
            with self.subTest(payload=payload[:16]):
                self.assertLess(self.memory_of(view([payload], {"directories": 1})), MEMORY_MAX)

    def memory_of(self, script):
        """Bytes that the client had at most; its exit status is 6."""
        self.serve(script)
        process = self.popen("attach", self.dir, variables={"BATON_TIMEOUT": "10"})
        _, err = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.unserve()
        self.assertEqual(process.returncode, 6, err)
        self.assertFalse(self.dir.exists())
        return usage.ru_maxrss * 1024

    def test_a_view_that_never_ends_is_given_up(self):
        layer = {**fake_daemon.LAYER, "reason": "r" * 1000}

        def script(link):
            fake_daemon.greet(link)
            link.expect(Type.ATTACH)
            for _ in range(20000):
                link.send_map(Type.VIEW, {"layers": [layer] * 100, "more": True})

        self.assertLess(self.memory_of(script), 2 * MEMORY_MAX)

    def test_hostile_views(self):
        for values in ({"layers": [{}]}, {"layers": "x"}, {"layers": [1]}, {"!new": 1},
                       {"layers": [{**fake_daemon.LAYER, "digest": b"x"}]},
                       {"layers": [{**fake_daemon.LAYER, "job": "a\x1b[31m"}]}):
            def script(link, values=values):
                fake_daemon.greet(link)
                link.expect(Type.ATTACH)
                link.send_map(Type.VIEW, values)
                row = Row(b"a", DIRECTORY, 0o755)
                link.send(Type.ROWS, frames.encode_rows([row]))
                link.send_map(Type.ROWS_END, {"directories": 2})
                link.drain()

            with self.subTest(values=str(values)[:60]):
                result = self.assert_repelled(script)
                self.assertNotIn(b"\x1b[31m", result.err)


class HostileFrames(HostileView):
    def frames_of(self, *contents, units=None):
        return [frames.encode_frame(contents, units=units)]

    def test_t6_other_bytes_under_the_units_name_name_the_file(self):
        wrong = self.frames_of(b"ALPHA\n", b"beta\n", units=[UNIT, unit_of(b"beta\n")])
        result = self.assert_repelled(view_of(HONEST, wrong))
        self.assertIn(b"a.txt", result.err)

    def test_t6_other_bytes_of_another_length(self):
        wrong = self.frames_of(b"alpha\n\n", b"beta\n",
                               units=[UNIT._replace(length=7), unit_of(b"beta\n")])
        self.assert_repelled(view_of(HONEST, wrong))

    def test_t6_a_flipped_bit_anywhere_in_a_frame(self):
        good = frames.encode_frame([b"alpha\n", b"beta\n"])
        for at in range(len(good)):
            wrong = good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :]
            with self.subTest(at=at):
                self.run_client(view_of(HONEST, [wrong]), 6)
                self.assertFalse(self.dir.exists())

    def test_frames_that_do_not_come(self):
        for contents in ([], self.frames_of(b"something else")):
            self.assert_repelled(view_of(HONEST, contents))

    def test_t4_what_came_before_the_failure_is_whole_and_told(self):
        half = self.frames_of(b"alpha\n")
        self.run_client(view_of(HONEST, half), 6)
        self.assertFalse(self.dir.exists())
        make_tree(self.dir, {"kept.txt": "kept", "a.txt": "old"})
        result = self.run_client(view_of(HONEST, half), 6)
        files = {path: entry[2] for path, entry in read_tree(self.dir).items()
                 if entry[0] == "file"}
        self.assertIn(files, ({b"kept.txt": b"kept", b"a.txt": b"old"},
                              {b"kept.txt": b"kept", b"a.txt": b"alpha\n"}))
        self.assertIn(b"d/b.txt", result.err)
        self.assertIn(os.fsencode(self.dir), result.err)

    def test_frames_cut_short_or_too_long(self):
        good = frames.encode_frame([b"alpha\n", b"beta\n"])
        for wrong in (good[:-1], good + b"x", good[:72], good[:71], b"", bytes(200)):
            self.assert_repelled(view_of(HONEST, [wrong]))

    def test_a_zstd_bomb_in_a_frame(self):
        size = 2 * 1024 * 1024
        content = {b"f": file(bytes(size))}
        frame = bytearray(frames.encode_frame([bytes(size)]))
        bomb = zstandard.compress(bytes(1 << 30))
        header = bytes(frame[:48])
        checked = header[:20] + len(bomb).to_bytes(4, "little") + header[24:]
        checked += frames.xxhash.xxh3_128_digest(bomb)
        table = bytes(frame[72:124])
        checksum = frames.xxhash.xxh3_64_intdigest(checked + table).to_bytes(8, "little")
        self.assert_repelled(view_of(content, [checked + checksum + table + bomb]))


class BrokenConnections(HostileView):
    def stream(self):
        """All that an honest daemon says."""
        rows = sorted(rows_of(HONEST), key=lambda row: row.key)
        return b"".join([
            fake_daemon.encode_welcome(), fake_daemon.encode_view(),
            encode(Type.ROWS, frames.encode_rows(rows)), fake_daemon.encode_rows_end(rows),
            encode(Type.FRAME, frames.encode_frame([b"alpha\n", b"beta\n"])),
            encode_map(Type.FRAMES_END), encode_map(Type.RECORDED)])

    def test_the_whole_stream_at_once_is_an_attach(self):
        self.run_client(fake_daemon.say(self.stream()), 0)
        self.assertEqual(len(read_tree(self.dir)), 3)

    def test_t4_a_connection_that_ends_early(self):
        stream = self.stream()
        ends, at = [0, 1], 0
        while at < len(stream):
            length = HEADER.unpack_from(stream, at)[0] + 8
            ends += [at + 4, at + 8, at + length // 2, at + length - 1, at + length]
            at += length
        for end in sorted(set(ends)):
            if end < len(stream) - 9:  # before RECORDED
                with self.subTest(end=end):
                    self.run_client(fake_daemon.say(stream[:end]), 7)
                    self.assertFalse(self.dir.exists())

    def test_a_daemon_that_falls_silent(self):
        def script(link):
            fake_daemon.greet(link)
            link.drain()

        self.assert_repelled(script, 7)

    def test_a_version_from_the_future(self):
        def script(link):
            fake_daemon.greet(link, version=99)
            link.drain()

        self.assert_repelled(script, 6)

    def test_an_error_of_a_later_version_has_the_exit_status_that_it_came_with(self):
        """It is no bug of this client, and whether to try again is not known (F15)."""
        for code in (0, 27, 4711, 10**9, 2**40):
            for told, status in (({}, 7), ({"exit": 5}, 5), ({"exit": 8}, 8), ({"exit": 1}, 7),
                                 ({"exit": 0}, 7), ({"exit": 10}, 7)):
                with self.subTest(code=code, **told):
                    def script(link, error={"code": code, "message": "new\x1b[2J way", **told}):
                        fake_daemon.greet(link)
                        link.send_map(Type.ERROR, error)
                        link.drain()

                    result = self.run_client(script, status)
                    self.assertEqual(result.err, b"baton: new?[2J way\n")
                    self.assertFalse(self.dir.exists())
                    self.assertEqual(self.fake.connections, 1)

    def test_garbage(self):
        rng = random.Random(1)
        for stream in (b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", rng.randbytes(5000),
                       b"\xff" * 5000):
            self.assert_repelled(fake_daemon.say(stream), 6)

    def test_messages_of_an_unknown_type_are_ignored_to_the_end(self):
        self.assert_repelled(fake_daemon.say(bytes(5000)), 7)

    def test_msgpack_bombs(self):
        for bomb in (b"\xdd\x20\x00\x00\x00", b"\x81\xa1x" + b"\x91" * 200000, b"\xdf" * 100):
            stream = encode_map(Type.WELCOME, fake_daemon.WELCOME) + encode(Type.VIEW, bomb)
            self.assert_repelled(fake_daemon.say(stream), 6)
            self.assert_repelled(fake_daemon.say(encode(Type.WELCOME, bomb)), 6)


if __name__ == "__main__":
    unittest.main()
