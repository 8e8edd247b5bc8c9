"""The rules of §1 and §2: framing, growth, greeting, msgpack that is meant to hurt."""

import socket
import unittest

from wire import (CONTROL_LEN_MAX, HEADER, HELLO, HELLO_LEN_MAX, Code, Connection, Link, Type, encode_map,
                  open_socket, pack_map)
from wire_case import MEMORY_FACTOR, SMALL, WireScenario, client, frames, hello, identity

BOMBS = {
    "an array of 2^29": b"\xdd\x20\x00\x00\x00",
    "a map of 2^32 - 1": b"\xdf\xff\xff\xff\xff",
    "a bin of 4 GiB": b"\xc6\xff\xff\xff\xff",
    "a str of 4 GiB": b"\xdb\xff\xff\xff\xff",
    "an ext of 4 GiB": b"\xc9\xff\xff\xff\xff\x01",
    "an array in a map": b"\x81\xa1x\xdd\x20\x00\x00\x00",
    "nils without end": b"\x81\xa1x\xdd\x00\x03\x00\x00" + b"\xc0" * 0x30000,
    "arrays in arrays": b"\x81\xa1x" + b"\x91" * 200000 + b"\xc0",
    "maps in maps": b"\x81\xa1x" + b"\x81\xa1x" * 60000 + b"\xc0",
    "empty arrays": b"\x81\xa1x\xdd\x00\x01\x00\x00" + b"\x90" * 0x10000,
    "nothing at all": b"",
    "not a map": b"\x90",
    "a byte too many": b"\x80\xc0",
    "a byte that is never used": b"\xc1",
    "a key that is a number": b"\x81\x01\xc0",
    "cut off": b"\x81\xa8workflow",
}
SLACK = (8 << 20) * MEMORY_FACTOR


class Greeting(WireScenario):
    def refused_hello(self, code: int, data: bytes) -> str:
        link = self.raw()
        link.send_bytes(data)
        messages = self.assert_ends(link, code)
        self.assert_serves()
        return messages[-1].map["message"]

    def test_welcome_names_the_highest_common_version(self):
        with Connection(self.daemon.url, {**HELLO, "versions": [1, 7, 99]}) as connection:
            self.assertEqual(connection.welcome["version"], 1)
            self.assertGreater(connection.welcome["ask_window"], 0)
            self.assertIn("sha256", connection.welcome["hashes"])
            self.assertIn("zstd", connection.welcome["codecs"])

    def test_no_common_version_is_refused_with_the_daemons_versions(self):
        for versions in ([99], [], [0], [1 << 40]):
            message = self.refused_hello(Code.VERSION, hello(versions=versions))
            self.assertRegex(message, r"\b1\b")

    def test_hashes_and_codecs_must_be_common(self):
        for changes in ({"hashes": ["md5"]}, {"hashes": ["sha256"]}, {"codecs": ["lzma"]}):
            self.refused_hello(Code.VERSION, hello(**changes))

    def test_the_first_message_must_be_hello(self):
        for type_ in (Type.PERSIST, Type.STATUS, Type.WELCOME, Type.ERROR):
            self.refused_hello(Code.PROTOCOL, encode_map(type_, identity("a")))

    def test_before_the_greeting_20_kib_are_the_most(self):
        without = len(hello(padding="x" * 256)) - 256
        at_most = hello(padding="x" * (HELLO_LEN_MAX + HEADER.size - without))
        self.assertEqual(len(at_most), HELLO_LEN_MAX + HEADER.size)
        link = self.raw()
        link.send_bytes(at_most)
        link.expect(Type.WELCOME)
        self.refused_hello(Code.PROTOCOL, hello(padding="x" * HELLO_LEN_MAX))
        self.refused_hello(Code.PROTOCOL, HEADER.pack(HELLO_LEN_MAX + 1, Type.HELLO, 1, 0))
        self.refused_hello(Code.PROTOCOL, HEADER.pack(0xFFFFFFFF, Type.HELLO, 1, 0))

    def test_a_browser_gets_an_http_answer(self):
        """At a port for Baton's own messages; on a Unix socket it is served."""
        port = _free_port()
        daemon = self.start_daemon("tcp", "--listen", f"tcp://127.0.0.1:{port}")
        for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /api HTTP/1.0\r\n\r\n",
                        b"HEAD / HTTP/1.1\r\n\r\n"):
            with Link(open_socket(f"tcp://127.0.0.1:{port}")) as link:
                link.send_bytes(request)
                answer = _read_all(link)
            self.assertRegex(answer, rb"^HTTP/1\.[01] 400 ")
            self.assertIn(b"aton", answer)
        self.assertEqual(daemon.stop(), 0)

    def test_a_refusal_arrives_although_more_was_sent_than_read(self):
        port = _free_port()
        daemon = self.start_daemon("tcp", "--listen", f"tcp://127.0.0.1:{port}")
        with Link(open_socket(f"tcp://127.0.0.1:{port}")) as link:
            link.send_bytes(hello(padding="x" * 200000))
            self.assert_ends(link, Code.PROTOCOL)
        self.assertEqual(daemon.stop(), 0)

    def test_a_tls_client_is_sent_away(self):
        link = self.raw()
        link.send_bytes(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(505))
        _read_all(link)
        self.assert_serves()

    def test_a_second_hello_is_refused(self):
        with self.connect() as connection:
            connection.send_bytes(hello())
            self.assert_ends(connection, Code.PROTOCOL)

    def test_byte_by_byte_is_as_good_as_at_once(self):
        link = self.raw()
        for byte in hello() + encode_map(Type.STATUS):
            link.send_bytes(bytes([byte]))
        link.expect(Type.WELCOME)
        self.assertEqual(link.expect_map(Type.STATUS_REPLY)["version"], 1)

    def test_requests_need_not_wait_for_welcome(self):
        link = self.raw()
        link.send_bytes(hello() + encode_map(Type.STATUS) + encode_map(Type.STATUS))
        link.expect(Type.WELCOME)
        self.assertEqual(link.expect_map(Type.STATUS_REPLY)["version"], 1)
        self.assertEqual(link.expect_map(Type.STATUS_REPLY)["version"], 1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _read_all(link: Link) -> bytes:
    data = b""
    try:
        while part := link.peer.recv(4096):
            data += part
    except ConnectionResetError:
        pass
    return data


class Growth(WireScenario):
    def test_an_unknown_type_that_is_not_critical_is_ignored(self):
        with self.connect() as connection:
            connection.send(999, b"anything at all", 0)
            self.assertEqual(client.status(connection)["version"], 1)
            upload = client.Upload(connection, identity("a"), bytes(16))
            connection.send(999, b"\xc1", 0)
            for number in range(50):
                upload.send(frames.CONTENT, [b"%d" % number])
                connection.send(1000, b"", 0)
                upload.finish()

    def test_an_unknown_type_that_is_critical_ends_the_connection(self):
        with self.connect() as connection:
            connection.send(999, b"", 1)
            self.assertIn("999", self.assert_ends(connection, Code.PROTOCOL)[-1].map["message"])
        upload = self.upload(identity("a"))
        upload.connection.send(999, b"", 1)
        self.assertIn("999", self.assert_ends(upload.connection, Code.PROTOCOL)[-1].map["message"])

    def test_an_unknown_key_is_ignored(self):
        with self.connect() as connection:
            values = {**identity("a"), "key": bytes(16), "shiny": {"a": [1, None, b"x"]}, "?": -1}
            connection.send_map(Type.PERSIST, values)
            connection.expect(Type.READY)

    def test_an_unknown_key_with_a_bang_is_refused(self):
        with self.connect() as connection:
            connection.send_map(Type.PERSIST, {**identity("a"), "key": bytes(16), "!shiny": 1})
            self.assertIn("!shiny", self.assert_ends(connection, Code.PROTOCOL)[-1].map["message"])

    def test_malformed_keys_are_refused(self):
        good = {**identity("a"), "key": bytes(16)}
        bad = [{**good, "workflow": 1}, {**good, "workflow": b"w"}, {**good, "has_needs": 1},
               {**good, "key": bytes(15)}, {**good, "key": "x" * 16}, {**good, "needs": "a"},
               {**good, "needs": [1]}, {**good, "workflow": "n" * 256},
               {**good, "job": "a\nb"}, {**good, "job": "a\x7f"}, {**good, "needs": ["a"] * 1025},
               {"job": "a", "key": bytes(16)}, {"workflow": "w", "key": bytes(16)},
               {"workflow": "w", "job": "a"}]
        for values in bad:
            with self.subTest(values=str(values)[:80]), self.connect() as connection:
                connection.send_map(Type.PERSIST, values)
                self.assert_ends(connection, Code.PROTOCOL)
        twice = pack_map(good)
        twice = bytes([twice[0] + 1]) + twice[1:] + pack_map({"job": "b"})[1:]
        with self.connect() as connection:
            connection.send(Type.PERSIST, twice)
            self.assert_ends(connection, Code.PROTOCOL)

    def test_a_name_that_is_not_utf_8_is_refused(self):
        for name in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
            payload = pack_map({**identity("a"), "key": bytes(16)})
            payload = payload.replace(b"\xa3job\xa1a",
                                      b"\xa3job" + bytes([0xA0 + len(name)]) + name)
            with self.connect() as connection:
                connection.send(Type.PERSIST, payload)
                self.assert_ends(connection, Code.PROTOCOL)

    def test_messages_out_of_place_are_refused(self):
        for type_ in (Type.COMMIT, Type.ASK, Type.WANT, Type.ATTACHED, Type.READY, Type.FRAME):
            with self.connect() as connection:
                connection.send(type_, b"\x80", 1)
                self.assert_ends(connection, Code.PROTOCOL)
        for type_ in (Type.WANT, Type.ATTACHED, Type.STATUS, Type.PERSIST):
            upload = self.upload(identity("a"))
            upload.connection.send(type_, b"\x80", 1)
            self.assert_ends(upload.connection, Code.PROTOCOL)

    def test_a_header_that_is_too_long_or_not_zero_at_its_end_is_refused(self):
        for header in (HEADER.pack(CONTROL_LEN_MAX + 1, Type.STATUS, 1, 0),
                       HEADER.pack(0xFFFFFFFF, Type.STATUS, 1, 0),
                       HEADER.pack(1, Type.STATUS, 1, 1) + b"\x80"):
            with self.connect() as connection:
                connection.send_bytes(header)
                self.assert_ends(connection, Code.PROTOCOL)
        for type_, length in ((Type.UNITS, 3 << 20), (Type.ASK, 0x7FFFFFFF),
                              (Type.COMMIT, CONTROL_LEN_MAX), (999, 0xFFFFFFF0)):
            upload = self.upload(identity("a"))
            upload.connection.send_bytes(HEADER.pack(length + 1, type_, 1, 0))
            self.assert_ends(upload.connection, Code.PROTOCOL)

    def test_a_client_that_sends_error_ends_its_request(self):
        upload = self.upload(identity("a"))
        upload.connection.send_map(Type.ERROR, {"code": 25, "message": "interrupted"})
        upload.connection.peer.shutdown(socket.SHUT_WR)
        upload.connection.drain()
        self.assert_serves()
        self.assertEqual(self.layers(), [])


class Bombs(WireScenario):
    def memory(self) -> int:
        with Connection(self.daemon.url) as connection:
            return client.status(connection)["rss_bytes"]

    def test_msgpack_bombs_are_refused_and_cost_no_memory(self):
        self.put(identity("a"), SMALL)
        before = self.memory()
        for name, bomb in BOMBS.items():
            for type_ in (Type.PERSIST, Type.ATTACH, Type.LOG):
                with self.subTest(name, type=type_), Connection(self.daemon.url) as connection:
                    connection.send(type_, bomb)
                    self.assert_ends(connection, Code.PROTOCOL)
        self.assertLess(self.memory() - before, SLACK)

    def test_bombs_in_the_greeting_and_in_a_session_are_refused(self):
        before = self.memory()
        for name, bomb in BOMBS.items():
            with self.subTest(name):
                if len(bomb) <= HELLO_LEN_MAX:
                    link = self.raw()
                    link.send(Type.HELLO, bomb)
                    self.assert_ends(link, Code.PROTOCOL)
                upload = self.upload(identity("a"))
                upload.connection.send(Type.COMMIT, bomb)
                self.assert_ends(upload.connection, Code.PROTOCOL)
        self.assertLess(self.memory() - before, SLACK)

    def test_announced_and_never_sent_bytes_reserve_little(self):
        links = []
        before = self.memory()
        for _ in range(16):
            upload = self.upload(identity(f"job-{len(links)}"))
            upload.connection.send_bytes(HEADER.pack(3 << 20, Type.UNITS, 1, 0))
            links.append(upload)
        self.assertLess(self.memory() - before, 4 * SLACK)
        for upload in links:
            upload.connection.close()
        self.assert_serves()

    def test_many_connections_that_say_nothing_disturb_nobody(self):
        links = [self.raw() for _ in range(200)]
        for number, link in enumerate(links):
            link.send_bytes(hello()[: number % 90])
        self.assert_serves()
        self.put(identity("a"), SMALL)
        self.assertLess(self.memory(), (64 << 20) * MEMORY_FACTOR)

    def test_a_client_that_never_reads_is_no_ones_trouble(self):
        tree = {b"large": client.file(bytes(range(256)) * 40000)}
        self.put(identity("a"), tree)
        stuck = self.connect()
        view = client.look(stuck, identity("b"), "attach")
        stuck.send(Type.WANT, frames.encode_want(0, [True] * view.totals["units"], last=True))
        self.assertEqual(self.get(identity("c")).tree, tree)


if __name__ == "__main__":
    unittest.main()
