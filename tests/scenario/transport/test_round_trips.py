"""How often a line has to be crossed, which is what makes small things slow on a long one. The
relay between client and daemon carries over what was said only when both sides wait, so the
count is that of the longest line and the same on a busy machine (relay.LockStep)."""

import os
import re
import socket
import unittest

from harness import PATIENCE, Result, random_bytes
from relay import LockStep, Relay
from token_case import TokenScenario

OLD = 1_600_000_000  # a file that is just being written makes the client look twice
HANDSHAKE = 2  # crossings: ClientHello, and what the daemon answers


class LongLine(TokenScenario):
    flags = ("--listen", "tls://127.0.0.1:0")

    def setUp(self):
        super().setUp()
        self.url = re.search(r"^BATON_SERVER=(.*)$", self.daemon.read_log(), re.M)[1]
        self.token = self.create("--namespace", "default")
        place, _, pin = self.url.partition("#")
        port = int(place.rpartition(":")[2])
        self.processes = []
        relay = Relay(socket.create_server(("127.0.0.1", 0)),
                      lambda: socket.create_connection(("127.0.0.1", port)),
                      lambda client, daemon: LockStep(client, daemon, self.processes))
        self.addCleanup(relay.end)
        self.relay = relay
        self.far = f"tls://127.0.0.1:{relay.listener.getsockname()[1]}#{pin}"

    def environment(self, variables=None):
        return super().environment({"BATON_SERVER": self.url, "BATON_TOKEN": self.token,
                                    **(variables or {})})

    def old_tree(self, files):
        root = self.tree(files)
        for path in root.rglob("*"):
            os.utime(path, (OLD, OLD))
        return root

    def crossings(self, *words, **options):
        """What crossed the line (up, down) for this command, after the connection stood."""
        known = len(self.relay.connections)
        self.processes[:] = [self.daemon.process.pid]
        client = self.popen(words[0], "--server", self.far, *words[1:], **options)
        self.processes.append(client.pid)
        out, err = client.communicate(timeout=PATIENCE * 2)
        self.assertEqual(client.returncode, 0, Result(words, client.returncode, out, err))
        line, = self.relay.connections[known:]
        line.thread.join(PATIENCE)
        return line.crossings[HANDSHAKE:]

    def round_trips(self, *words, **options):
        """An up and the down that answers it are one; a good-bye is none."""
        crossed = self.crossings(*words, **options)
        while crossed and not crossed[-1][1]:
            crossed.pop()
        return (len(crossed) + 1) // 2


class RoundTrips(LongLine):
    def test_a_persist_of_one_small_file_takes_three(self):
        """Who asks, what the daemon has of it, and what it has not."""
        root = self.old_tree({"file": random_bytes(4096)})
        self.assertEqual(self.round_trips("persist", "--root", root, ".", job="a"), 3)

    def test_a_persist_of_what_is_known_takes_two(self):
        root = self.old_tree({"file": random_bytes(4096)})
        self.baton("persist", "--root", root, ".", job="a")
        self.assertEqual(self.round_trips("persist", "--root", root, ".", job="a"), 2)

    def test_a_long_line_is_filled_by_a_persist(self):
        """As much is under way as 1 Gbit/s takes in a round trip of 80 ms."""
        for job, files in (("small", {f"{n % 50}/{n}": random_bytes(4096, n) for n in range(4000)}),
                           ("large", {"file": random_bytes(30_000_000)})):
            crossed = self.crossings("persist", "--root", self.old_tree(files), ".", job=job)
            self.assertGreater(max(up for up, _ in crossed), 125_000_000 * 0.08, crossed)

    def test_large_files_among_small_ones_do_not_shorten_what_follows(self):
        """What batches have once held does not count for ever."""
        files = {f"{n:05}": random_bytes(1_900_000 if n < 960 and n % 64 == 0 else 4096, n)
                 for n in range(8000)}
        crossed = self.crossings("persist", "--root", self.old_tree(files), ".", job="a")
        last = [up for up, _ in crossed if up > 1_000_000][-3:]
        self.assertGreater(max(last), 125_000_000 * 0.08, crossed)

    def test_an_attach_takes_four_however_much_it_is(self):
        """Who asks, the rows, the frames, and that it is there."""
        for job, files in (("a", {"file": random_bytes(4096)}),
                           ("b", {f"{n % 50}/{n}": random_bytes(4096, n) for n in range(3000)})):
            self.baton("persist", "--root", self.old_tree(files), ".", job=job)
            self.assertEqual(self.round_trips("attach", self.missing(), job="c"), 4)

    def test_an_attach_of_what_is_there_takes_three(self):
        self.baton("persist", "--root", self.old_tree({"file": "a"}), ".", job="a")
        self.baton("attach", self.folder / "out", job="b")
        self.assertEqual(self.round_trips("attach", self.folder / "out", job="b"), 3)

    def test_a_look_takes_one(self):
        self.baton("persist", "--root", self.old_tree({"file": "a"}), ".", job="a")
        self.assertEqual(self.round_trips("ls", job="b"), 1)
        self.assertEqual(self.round_trips("log", job="b"), 1)


if __name__ == "__main__":
    unittest.main()
