"""Rule A11: what strangers and hostile jobs do to a daemon, and what honest jobs notice of it.

While an attack goes on, work with a token is measured beside the same work without it, the
daemon's memory against the formula of CONTRIBUTING.md, and afterwards how long it takes until
all is as it was. Times are compared with each other, never with a number that an idle machine
would have; what a busy machine adds is tried again.
"""

import contextlib
import os
import re
import resource
import socket
import threading
import time
import unittest

import client
import frames
import tls
from client import file
from harness import BATOND, PATIENCE, Scenario
from token_case import TokenScenario
from wire import (CONTROL_LEN_MAX, HEADER, HELLO, Code, Connection, Link, Lost, Refused, Type,
                  encode_map)
from wire_case import MEMORY_FACTOR, identity, small

MIB = 1 << 20
IDLE, HALF_OPEN = 10_000, 1_000
STRANGERS_OF_ADDRESS = 32
SAMPLES, TRIES = 100, 4
FLOOR = 0.1  # seconds: what is quicker nobody waits for
NORMAL_AGAIN = 5  # seconds
SMALL_TREE = {b"a": file("alpha")}


def hundredth(times):
    """The 99th percentile."""
    return sorted(times)[len(times) * 99 // 100 - 1]


class Attacked(TokenScenario):
    more = ()

    @property
    def flags(self):
        return ("--listen", "tls://127.0.0.1:0", "--address-connections", "60000", *self.more)

    def setUp(self):
        super().setUp()
        self.url = re.findall(r"^BATON_SERVER=(.*)$", self.daemon.read_log(), re.M)[-1]
        self.port = int(self.url.partition("#")[0].rpartition(":")[2])
        self.token = self.create("--namespace", "acme/web", "--verbs", "read,write")
        self.works = Connection(self.url, token=self.token)
        self.addCleanup(self.works.close)
        self.watches = self.connect()
        self.count = 0

    # ---- what is measured ----

    def work(self):
        """A job's persist and attach."""
        self.count += 1
        who = {"namespace": "acme/web", "workflow": f"w{self.count}"}
        client.persist(self.works, {**who, "job": "a"}, small(str(self.count)))
        client.attach(self.works, {**who, "job": "b"})

    def sample(self, count=SAMPLES):
        times = []
        for _ in range(count):
            begun = time.monotonic()
            self.work()
            times.append(time.monotonic() - begun)
        return hundredth(times)

    def figures(self):
        return {"waiting": 0, **client.status(self.watches)}

    def assert_memory(self, bound):
        used = self.figures()["rss_bytes"]
        print(f"{self.id().rpartition('.')[2]}: {used / MIB:.1f} MiB of {bound / MIB:.1f}")
        self.assertLess(used, bound * MEMORY_FACTOR)

    @contextlib.contextmanager
    def honest_work_goes_on(self, attack):
        """Around what looks at the daemon under attack; `attack` is a context manager."""
        self.sample(10)
        usual, attacked = self.sample(), []
        with attack:
            yield
            attacked.append(self.sample())
            while attacked[-1] > max(2 * usual, FLOOR) and len(attacked) < TRIES:
                attacked.append(self.sample())
        if attacked[-1] > max(2 * usual, FLOOR):
            usual = max(usual, self.sample())  # it is busier here than it was before
        print(f"{self.id().rpartition('.')[2]}: p99 {usual * 1000:.1f} ms, under attack "
              + ", ".join(f"{each * 1000:.1f}" for each in attacked))
        self.assertLess(attacked[-1], max(2 * usual, FLOOR))
        self.assert_normal_again()

    def assert_normal_again(self):
        """Nothing is held any more, and a new connection gets in."""
        begun = time.monotonic()
        while (now := self.figures())["connections"] > 2 or now["sessions"] > 1 or now["waiting"]:
            self.assertLess(time.monotonic() - begun, PATIENCE, now)
            time.sleep(0.01)
        self.greet_over_tls()
        took = time.monotonic() - begun
        print(f"{self.id().rpartition('.')[2]}: normal again after {took:.2f} s")
        self.assertLess(took, NORMAL_AGAIN)

    def greet_over_tls(self):
        """As a client does: once more where it was dropped among strangers."""
        begun = time.monotonic()
        while True:
            try:
                plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
                with Link(tls.client_context().wrap_socket(plain)) as link:
                    link.send_map(Type.HELLO, {**HELLO, "token": self.token.encode()})
                    link.expect(Type.WELCOME)
                    return
            except (OSError, Lost):
                self.assertLess(time.monotonic() - begun, PATIENCE)

    # ---- who attacks ----

    def need_descriptors(self, count):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY and hard < count:
            self.skipTest(f"a process may have {hard} descriptors here, and {count} are needed")
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count)), hard))

    def strangers(self, stack, count, says=b""):
        """As many of each address as one may have."""
        peers = []
        for number in range(count):
            source = f"127.1.{number // STRANGERS_OF_ADDRESS}.1"
            peer = socket.create_connection(("127.0.0.1", self.port), PATIENCE, (source, 0))
            stack.callback(peer.close)
            peer.sendall(says)
            peers.append(peer)
        return peers

    def hostile(self, stack, count):
        """Connections with a token that is good for another namespace."""
        token = self.create("--namespace", "evil")
        peers = [Connection(self.daemon.url, token=token) for _ in range(count)]
        for peer in peers:
            stack.callback(peer.close)
        return peers


def now_and_then(peers, say):
    """A thread that has each say something in turn, until the returned function is called."""
    stop = threading.Event()

    def run():
        while not stop.is_set():
            for peer in peers:
                with contextlib.suppress(OSError, Lost):
                    say(peer)
            stop.wait(0.05)

    thread = threading.Thread(target=run)
    thread.start()

    def end():
        stop.set()
        thread.join()
    return end


class Slow(Attacked):
    @contextlib.contextmanager
    def loris(self):
        """512 strangers that begin a handshake and send a byte of it now and then, and 64 jobs
        of another project that begin a persist and say that they are alive."""
        with contextlib.ExitStack() as stack:
            hello = b"\x16\x03\x01\x10\x00\x01\x00\x0f\xfc"
            strangers = self.strangers(stack, 512, hello)
            jobs = self.hostile(stack, 64)
            for number, job in enumerate(jobs):
                job.send_map(Type.PERSIST, {**identity(f"j{number}", namespace="evil"),
                                            "key": os.urandom(16)})
            stack.callback(now_and_then(strangers, lambda peer: peer.send(b"\0")))
            stack.callback(now_and_then(jobs, lambda job: job.send_map(Type.KEEPALIVE)))
            yield

    def test_f4_a_byte_now_and_then(self):
        with self.honest_work_goes_on(self.loris()):
            while self.figures()["sessions"] < 32:
                pass
            self.assert_memory((13 + 64 * 4.5 + 600 * 0.036) * MIB)

    @contextlib.contextmanager
    def deaf(self):
        """56 attaches of content that is larger than any buffer, of which nothing is read."""
        tree = {b"%d" % number: file(os.urandom(MIB)) for number in range(8)}
        with Connection(self.daemon.url) as connection:
            client.persist(connection, identity("big", namespace="evil"), tree)
        with contextlib.ExitStack() as stack:
            for peer in self.hostile(stack, 60):
                peer.send_map(Type.ATTACH, {**identity(namespace="evil"), "purpose": "look"})
                peer.send(Type.WANT, frames.encode_want(0, [True] * 16, last=True))
            yield

    def test_peers_that_never_read(self):
        with self.honest_work_goes_on(self.deaf()):
            self.assert_memory((13 + 64 * 1.1) * MIB)


class Many(Attacked):
    more = ("--connections", str(IDLE + 200), "--hello", "60s")

    @contextlib.contextmanager
    def idle(self):
        hello = encode_map(Type.HELLO, HELLO)
        with contextlib.ExitStack() as stack:
            for _ in range(IDLE):
                peer = socket.socket(socket.AF_UNIX)
                stack.callback(peer.close)
                peer.connect(str(self.daemon.socket))
                peer.sendall(hello)
            yield

    def test_f7_10000_idle_connections(self):
        self.need_descriptors(IDLE + 500)
        with self.honest_work_goes_on(self.idle()):
            self.assertGreater(self.figures()["connections"], IDLE - 100)
            self.assert_memory((13 + IDLE * 4 / 1024) * MIB)

    @contextlib.contextmanager
    def half_open(self):
        with contextlib.ExitStack() as stack:
            self.strangers(stack, HALF_OPEN)
            yield

    def test_1000_half_open_connections(self):
        """New ones are dropped with growing probability; who is in works on."""
        with self.honest_work_goes_on(self.half_open()):
            self.assertGreater(self.figures()["connections"], 128)
            self.assert_memory((13 + HALF_OPEN * 0.036) * MIB)


class Lengths(Attacked):
    @contextlib.contextmanager
    def oversized(self):
        """Each announces as much as a length can say, in each state of a connection."""
        huge = HEADER.pack(0xffffffff, int(Type.HELLO), 0, 0)
        hello = encode_map(Type.HELLO, HELLO)
        persist = encode_map(Type.PERSIST, {**identity("j", namespace="evil"), "key": bytes(16)})
        begins = [b"", hello, hello + persist]
        with contextlib.ExitStack() as stack:
            for number in range(300):
                peer = socket.socket(socket.AF_UNIX)
                stack.callback(peer.close)
                peer.connect(str(self.daemon.socket))
                with contextlib.suppress(OSError):
                    peer.sendall(begins[number % 3] + huge + b"\xff" * 1000)
            for length, type_ in ((CONTROL_LEN_MAX + 1, Type.ATTACH), (0x7fffffff, Type.PERSIST)):
                peer = Link(self.raw().peer)
                peer.send_bytes(hello + HEADER.pack(length, int(type_), 0, 0))
                with self.assertRaises(Refused) as caught:
                    peer.expect(Type.WELCOME)
                    peer.expect(Type.READY)
                self.assertEqual(caught.exception.code, Code.PROTOCOL)
                peer.close()
            yield

    def test_oversized_lengths_take_no_memory(self):
        with self.honest_work_goes_on(self.oversized()):
            self.assert_memory(20 * MIB)

    def test_strangers_fill_no_log(self):
        """A line of its own for the first of them, then one that counts."""
        for _ in range(300):
            with self.raw().peer as peer:
                peer.sendall(encode_map(Type.STATUS))
                peer.recv(100)
        self.daemon.stop()
        lines = self.daemon.log_lines(" refused")
        told = sum("does not look like a Baton client" in line for line in lines)
        counted = sum(int(count) for count in re.findall(r"(\d+) more without", "\n".join(lines)))
        self.assertEqual(told + counted, 300)
        self.assertLess(len(lines), 300 // 2)


class Descriptors(Attacked):
    """60 for connections, and what the daemon keeps for itself."""

    LIMIT = 120

    def start_daemon(self, name="daemon", *flags, **options):
        wrapper = ("prlimit", f"--nofile={self.LIMIT}:{self.LIMIT}")
        return super().start_daemon(name, *flags, wrapper=wrapper, **options)

    @contextlib.contextmanager
    def crowd(self):
        """More than there are descriptors for, greeted and idle."""
        hello = encode_map(Type.HELLO, HELLO)
        with contextlib.ExitStack() as stack:
            for _ in range(3 * self.LIMIT):
                peer = socket.socket(socket.AF_UNIX)
                stack.callback(peer.close)
                peer.connect(str(self.daemon.socket))
                peer.sendall(hello)
            yield

    def test_descriptors_run_out_and_idle_ones_make_room(self):
        """Those that are idle between requests are closed, our own among them: a client
        connects again."""
        with self.crowd():
            for _ in range(5):
                with Connection(self.url, token=self.token) as self.works:
                    self.work()
        self.watches = self.connect()
        self.assert_normal_again()
        self.assertLessEqual(self.figures()["connections"], self.LIMIT // 2)


class Disconnects(Attacked):
    def cut(self, stream, way, at):
        """Sends so many bytes; or all, and reads so many; then leaves."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(self.daemon.socket))
            with contextlib.suppress(OSError):
                peer.sendall(stream[:at] if way == "up" else stream)
                while way == "down" and at > 0 and (got := len(peer.recv(at))):
                    at -= got

    def at_every_byte(self, act):
        """`act` runs a whole conversation; afterwards it still has its outcome."""
        with Connection(self.daemon.url) as connection:
            outcome = act(connection)
            streams = {"up": bytes(connection.sent), "down": bytes(connection.received)}
        for way, stream in streams.items():
            for at in range(len(stream)):
                self.cut(streams["up"], way, at)
        self.assert_normal_again()
        with Connection(self.daemon.url) as connection:
            self.assertEqual(act(connection), outcome)
        print(f"{self.id().rpartition('.')[2]}: {len(streams['up'])} bytes up, "
              f"{len(streams['down'])} down")

    def test_a_persist_that_is_cut_at_every_byte_is_one_layer(self):
        who = {"namespace": "acme/web", "workflow": "cut", "job": "a", "execution": "1"}
        self.at_every_byte(lambda connection: client.persist(
            connection, who, SMALL_TREE, bytes(16)).layer["layer"])
        with Connection(self.daemon.url) as connection:
            self.assertEqual(len(client.log(connection, {**who, "job": ""}, all=True)), 1)
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(self.daemon.check("--read-data")[0], 0)

    def test_an_attach_that_is_cut_at_every_byte_harms_nothing(self):
        who = {"namespace": "acme/web", "workflow": "cut"}
        with Connection(self.daemon.url) as connection:
            client.persist(connection, {**who, "job": "a"}, SMALL_TREE)
        self.at_every_byte(lambda connection: client.attach(
            connection, {**who, "job": "b", "execution": "2"}).tree)


class Views(Scenario):
    """Memory for the layers that views are read from. The view takes 1.25 MiB, of 1.6 of which
    one namespace may have 1.4; and its rows are more than a socket holds."""

    LAYERS, FILES = 3, 5000
    ONE, TWO = ("--view-memory", "1600K"), ("--view-memory", "3M")

    def serve(self, *flags):
        self.start_daemon("daemon", *flags)
        for layer in range(self.LAYERS):
            with self.connect() as connection:
                tree = {}
                for number in range(self.FILES):
                    folder = b"%05d-%d-" % (number, layer) + b"d" * 240
                    tree[folder] = client.directory()
                    tree[folder + b"/" + b"f" * 250] = file("x")
                client.persist(connection, identity(f"job{layer}"), tree)
        with self.connect() as connection:
            client.persist(connection, identity("a", namespace="other"), SMALL_TREE)

    def connect(self):
        connection = Connection(self.daemon.url)
        self.addCleanup(connection.close)
        return connection

    def begin(self, **more):
        """An attach that has its layers open, and most of its rows to send."""
        connection = self.connect()
        connection.send_map(Type.ATTACH, {**identity(**more), "purpose": "look"})
        connection.expect(Type.VIEW)
        return connection

    def end(self, connection):
        while connection.expect(Type.ROWS, Type.ROWS_END).type == Type.ROWS:
            pass

    def test_a11_beyond_the_budget_an_attach_waits_and_is_told_busy(self):
        self.serve(*self.ONE, "--queue-wait", "200ms")
        holds = self.begin()
        with self.assertRaises(Refused) as caught:
            self.begin()
        self.assertEqual(caught.exception.code, Code.BUSY)
        self.assertIn("--view-memory", caught.exception.message)
        self.begin(namespace="other").close()
        self.end(holds)
        self.end(self.begin())  # the last row is sent: what it held is free

    def test_a11_within_the_budget_they_are_served_at_once(self):
        self.serve(*self.TWO, "--queue-wait", "200ms")
        both = [self.begin(), self.begin()]
        for connection in both:
            self.end(connection)

    def test_a11_who_waits_has_its_turn_when_the_one_before_leaves(self):
        self.serve(*self.ONE)
        holds, waits = self.begin(), self.connect()
        waits.send_map(Type.ATTACH, {**identity(), "purpose": "look"})
        with self.connect() as watches:
            while client.status(watches)["sessions"] < 3:
                pass
        holds.close()
        waits.expect(Type.VIEW)
        self.end(waits)

    def test_a11_who_holds_a_view_and_reads_nothing_is_ended_for_who_waits(self):
        self.serve(*self.ONE, "--min-rate-over", "100ms")
        holds = self.begin()
        self.end(self.begin())
        with self.assertRaises(Lost):  # in the middle of a message that it did not read
            self.end(holds)
        self.daemon.await_log("moves too little while others wait for its place or memory")


if __name__ == "__main__":
    unittest.main()
