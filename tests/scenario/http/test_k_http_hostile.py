"""What no client of good will sends: the answer is a refusal, others are served, and nothing
that was not asked for comes out."""

import os
import socket

from harness import PATIENCE, is_sanitized
from http_case import HttpScenario

GET = b"GET /api/v1 HTTP/1.1\r\nHost: localhost\r\n"


class Requests(HttpScenario):
    def setUp(self):
        super().setUp()
        self.layer = self.persist_tree({b"a": b"the content", b"d/b": b"2"})

    def tearDown(self):
        self.get("/api/v1/namespaces")  # it still serves
        super().tearDown()

    def statuses(self, data, way="tcp"):
        return [line.split()[1] for line in self.raw(data, way).split(b"\r\n")
                if line.startswith(b"HTTP/1.1 ")]

    def test_no_request_hides_in_anothers_body(self):
        """Each is one request at most: what follows is never answered as a second one."""
        hidden = b"GET /api/v1/namespaces HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for heads in (b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(hidden),
                      b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(hidden),
                      b"Content-Length: %d\r\nContent-Length: 0\r\n" % len(hidden),
                      b"Content-Length: +%d\r\n" % len(hidden), b"Content-Length: -1\r\n",
                      b"Content-Length: 0x10\r\n", b"Content-Length: 99999999999999999999999\r\n",
                      b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding: gzip\r\n",
                      b"Transfer-Encoding: \x0bchunked\r\n"):
            for method in (b"GET", b"POST"):
                found = self.raw(method + GET[3:] + heads + b"\r\n" + hidden)
                self.assertNotIn(b'"namespaces":[', found, (heads, found[:300]))

    def test_odd_chunks(self):
        begin = b"POST" + GET[3:] + b"Transfer-Encoding: chunked\r\n\r\n"
        for chunk in (b"zz\r\n", b"-1\r\n", b"ffffffffffffffff1\r\n", b"5\r\nab\r\n0\r\n\r\n",
                      b"0\n\n", b"1;" + b"x" * 100000 + b"\r\na\r\n0\r\n\r\n", b"\r\n"):
            for status in self.statuses(begin + chunk):
                self.assertIn(status[:1], b"4", chunk[:60])

    def test_heads_that_are_too_much_or_none(self):
        for data in (b"\r\n" * 50000, b"GET\r\n\r\n", b"GET /api/v1\r\n\r\n", b"\0" * 1000,
                     b"GET /api/v1 HTTP/1.1\r\n\r\n", b"GET /api/v1 HTTP/9.9\r\n\r\n",
                     GET + b"A: " + b"b" * 200000 + b"\r\n\r\n",
                     GET + b"A: b\r\n" * 20000 + b"\r\n", GET + b"no colon\r\n\r\n",
                     GET + b" folded: x\r\n\r\n", GET + b"A\0: b\r\n\r\n",
                     b"GET /" + b"x" * 200000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", os.urandom(5000)):
            for way in ("tcp", "unix"):
                for status in self.statuses(data, way):
                    self.assertIn(status[:1], b"45", (data[:60], status))

    def test_paths_that_lead_out_or_nowhere(self):
        base = self.url("default", "layers", self.layer, "files", "")
        for path in ("..", "../a", "%2e%2e/a", "d/../../a", "d%2F..%2Fa", "a%00", "%", "%zz", "//",
                     "d//b", "./a", "d/./b", "\\..\\a", "a/", "a?b=%"):
            answer = self.get(base + path, None)
            if path != "a?b=%":
                self.assertIn(answer.status, (400, 404), path)
                self.assertNotIn(b"the content", answer.body)

    def test_layer_ids_that_are_none(self):
        for layer in ("", "x" * 16, "0" * 3, "0" * 17, "%00", "'; --", "*", "0" * 16):
            answer = self.get(self.url("default", "layers", layer, "files", "a"), None)
            self.assertIn(answer.status, (400, 404))

    def test_names_in_answers_are_escaped(self):
        answer = self.get(self.url("<script>\r\nX: y", "workflows"), 200)
        self.assertNotIn("X", answer.head)
        missing = self.get(self.url("default", "workflows", "\"<x>\\"), 404)
        self.assertEqual(missing.json["error"]["exit"], 3)

    def test_heads_that_stay_open_keep_nobody_out(self):
        held = []
        for i in range(200):
            slow = socket.socket()
            self.addCleanup(slow.close)
            slow.settimeout(PATIENCE)
            slow.connect(("127.0.0.1", self.port))
            slow.sendall(GET if i % 2 else b"G")
            held.append(slow)
        for _ in range(20):
            self.get(self.url("default", "layers", self.layer, "files", "a"), way="tcp")

    def test_who_takes_nothing_of_a_large_answer_keeps_nobody_out(self):
        big = self.persist_tree({b"big": os.urandom(8 << 20)}, job="big")
        target = self.url("default", "layers", big, "files", "big").encode()
        held = []
        for _ in range(120):
            lazy = socket.socket()
            self.addCleanup(lazy.close)
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.settimeout(PATIENCE)
            lazy.connect(("127.0.0.1", self.port))
            lazy.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            held.append((lazy.recv(12), lazy))
        for _ in range(20):
            self.get(self.url("default", "layers", self.layer, "files", "a"), way="tcp")
        # What is on its way has a bound in memory: beyond it one is told to come again.
        self.assertEqual({begin for begin, _ in held}, {b"HTTP/1.1 200", b"HTTP/1.1 503"})
        refused = self.get(target.decode(), 503, way="tcp")
        self.assertEqual(refused.head["Retry-After"], "1")
        if not is_sanitized():
            self.assertLess(self.anonymous_bytes(), 400 << 20)
        for _, lazy in held:
            lazy.close()
        while self.get(target.decode(), None, way="tcp").status != 200:
            pass


class Damage(HttpScenario):
    def test_a_damaged_frame_gives_no_wrong_byte(self):
        content = os.urandom(6 << 20)
        layer = self.persist_tree({b"big": content, b"small": b"x" * 1000})
        self.daemon.stop()
        segment, = (self.daemon.data / "segments").iterdir()
        with open(segment, "r+b") as file:
            file.seek(3 << 20)
            byte = file.read(1)
            file.seek(3 << 20)
            file.write(bytes([byte[0] ^ 1]))
        self.daemon.start()
        base = self.url("default", "layers", layer)
        whole = self.get(base + "/files/big", None)
        self.assertTrue(whole.broken or whole.status >= 500, whole.status)
        self.assertTrue(content.startswith(whole.body) if whole.status == 200 else True)
        self.assertLess(len(whole.body), len(content))
        for kind in ("zip", "tar"):
            self.assertTrue(self.get(f"{base}/archive.{kind}", None).broken)
        self.assertTrue(any("damage" in line or "checksum" in line or "match" in line
                            for line in self.daemon.read_log().splitlines()))
