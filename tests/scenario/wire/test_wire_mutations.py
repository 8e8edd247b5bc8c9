"""Recorded conversations, changed at random (with a fixed seed): neither program falls."""

import concurrent.futures
import random
import socket
import threading
import unittest

import fake_daemon
from fake_daemon import FakeDaemon
from harness import BATON, Scenario, make_tree, read_tree
from wire import Connection, Type, encode, open_socket, split_messages
from wire_case import MEMORY_FACTOR, WireScenario, client, conversation, identity, say_and_listen

COUNT = 500
CLIENTS = 16
KEY = bytes(range(16))
TREE = {b"a.txt": client.file("alpha\n"), b"b/large": client.file(bytes(range(256)) * 40),
        b"b/l": client.symlink(b"../a.txt"), b"c": client.directory()}
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0xDD, 0xDF, 0xC6, 0x20)
EXITS = range(0, 10)


def flip(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def poke(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] = rng.choice(INTERESTING)


def inflate(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    data[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f"))


def remove(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.randrange(1, 40)]


def double(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    part = data[at : at + rng.randrange(1, 40)]
    data[at:at] = part


def insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.randrange(1, 20))


CHANGES = (flip, flip, poke, inflate, remove, double, insert)


def mutate_bytes(rng: random.Random, stream: bytes) -> bytes:
    data = bytearray(stream)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if data:
            rng.choice(CHANGES)(rng, data)
    return bytes(data)


def mutate_payload(rng: random.Random, stream: bytes) -> bytes:
    """Changes payloads under headers that stay right, so that the change gets far."""
    messages = split_messages(stream)
    at = rng.randrange(len(messages))
    payload = mutate_bytes(rng, messages[at][8:] or b"\0")
    type_ = int.from_bytes(messages[at][4:6], "little")
    messages[at] = encode(type_, payload, messages[at][6])
    return b"".join(messages)


def mutate_order(rng: random.Random, stream: bytes) -> bytes:
    messages = split_messages(stream)
    one, other = rng.randrange(len(messages)), rng.randrange(len(messages))
    if rng.random() < 0.5:
        messages[one], messages[other] = messages[other], messages[one]
    elif rng.random() < 0.5:
        messages.insert(one, messages[other])
    else:
        del messages[one]
    return b"".join(messages)


def mutate(rng: random.Random, stream: bytes) -> bytes:
    return rng.choice((mutate_bytes, mutate_payload, mutate_payload, mutate_order))(rng, stream)


class AgainstTheDaemon(WireScenario):
    def conversations(self) -> list[bytes]:
        url = self.daemon.url
        persist, _ = conversation(url, identity("victim"), TREE, KEY)
        with Connection(url) as connection:
            client.attach(connection, identity("reader"))
            client.ls(connection, identity("reader"), only=[b"b/**"])
            client.log(connection, identity(), all=True)
            client.status(connection)
            return [persist, bytes(connection.sent)]

    def test_the_daemon_survives_changed_conversations(self):
        self.put(identity("honest", "kept"), TREE)
        streams = self.conversations()
        rng = random.Random(20261120)
        for number in range(COUNT):
            stream = mutate(rng, rng.choice(streams))
            with self.subTest(number=number):
                say_and_listen(self.daemon.url, stream)
                self.assertIsNone(self.daemon.process.poll(), self.daemon.read_log()[-3000:])
        self.assertEqual(self.get(identity("reader", "kept")).tree, TREE)
        self.put(identity("honest", "kept"), {b"after": client.file("after")})
        with Connection(self.daemon.url) as connection:
            self.assertLess(client.status(connection)["rss_bytes"], (96 << 20) * MEMORY_FACTOR)


@unittest.skipUnless(BATON.exists(), "the build has no client")
class AgainstTheClient(Scenario):
    """Each stream is said at once, whatever the client says meanwhile. Several clients run
    at once, because some wait before they try again."""

    recorder = None

    def setUp(self):
        super().setUp()
        self.start_daemon()
        self.box = self.folder / "box"
        make_tree(self.box, {"outside.txt": "mine", "keep/x": "x", "keep/y": "y" * 5000})

    @property
    def daemon(self):
        return self.recorder or super().daemon

    def say_changed(self, whole, seed, check):
        outside = read_tree(self.box, times=True)
        rng = random.Random(seed)
        streams = [whole] + [mutate(rng, whole) for _ in range(COUNT)]
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            checks = [pool.submit(self.say_one, number, stream, check)
                      for number, stream in enumerate(streams)]
        for number, done in enumerate(checks):
            with self.subTest(number=number):
                done.result()
        self.assertEqual(read_tree(self.box, times=True), outside)

    def say_one(self, number, stream, check):
        folder = self.folder / f"fake-{number}"
        folder.mkdir()
        fake = FakeDaemon(folder, fake_daemon.say(stream))
        try:
            check(number, ["--server", fake.url])
        finally:
            fake.stop()
        self.assertEqual(fake.failures, [])

    def run_client(self, *arguments, whole, **options):
        result = self.baton(*arguments, cwd=self.box, status=0 if whole else None,
                            variables={"BATON_TIMEOUT": "10" if whole else "0.01"}, **options)
        self.assertIn(result.status, EXITS, result)
        if result.status:
            self.assertNotEqual(result.err, b"")
        return result

    def attach_stream(self) -> bytes:
        rows = sorted(client.rows_of(TREE), key=lambda row: row.key)
        contents = [entry.data for entry in TREE.values() if entry.type == client.FILE]
        return b"".join([
            fake_daemon.encode_welcome(), fake_daemon.encode_view(),
            encode(Type.ROWS, client.frames.encode_rows(rows)),
            fake_daemon.encode_rows_end(rows),
            encode(Type.FRAME, client.frames.encode_frame(contents)),
            encode(Type.FRAMES_END, b"\x80"), encode(Type.RECORDED, b"\x80")])

    def attach_once(self, number, server):
        out = self.folder / f"out-{number}"
        out.mkdir()
        result = self.run_client("attach", *server, out / "dir", whole=number == 0)
        if result.status == 0 or b"is complete" in result.err:
            self.assertEqual(list(out.iterdir()), [out / "dir"], result)
        else:
            self.assertEqual(list(out.iterdir()), [], result)

    def test_an_attach_survives_changed_conversations(self):
        self.say_changed(self.attach_stream(), 20261121, self.attach_once)

    def persist_once(self, number, server):
        # Also unchanged it may fail: a STORED that comes before its UNITS went answers nothing.
        result = self.run_client("persist", *server, ".", job="build", whole=False)
        if result.status == 0:
            self.assertIn(b"layer", result.out + result.err)

    def test_a_persist_survives_changed_conversations(self):
        real = super().daemon
        with FakeDaemonThatRecords(self.folder, real.url) as recorder:
            self.recorder = recorder
            self.run_client("persist", ".", job="build", whole=True)
        self.say_changed(recorder.said, 20261122, self.persist_once)


class FakeDaemonThatRecords(FakeDaemon):
    """Passes one conversation on to a real daemon; `said` is what that said."""

    def __init__(self, folder, url):
        self.said = b""
        super().__init__(folder, lambda link: self.pass_on(link, url))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.socket.unlink()

    def pass_on(self, link, url):
        with open_socket(url) as real:
            back = threading.Thread(target=self.pass_back, args=(real, link.peer))
            back.start()
            while data := link.peer.recv(1 << 16):
                real.sendall(data)
            real.shutdown(socket.SHUT_WR)
            back.join()

    def pass_back(self, real, peer):
        while data := real.recv(1 << 16):
            self.said += data
            peer.sendall(data)


if __name__ == "__main__":
    unittest.main()
