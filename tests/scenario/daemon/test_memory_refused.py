"""The n-th large allocation of a request fails, for n = 1, 2, 3 … until one passes clean; the
same with all behind it, too (F13). The request is refused with `busy` or done, the daemon goes
on, and what was acknowledged is whole."""

import mmap
import struct
import unittest

import client
from client import file
from harness import BUILD, Scenario, is_sanitized, random_bytes
from wire import Code, Connection, Lost, Refused, Type

SHIM = BUILD.resolve() / "tests/harness/preload/libscarce_memory.so"
PLAN = struct.Struct("<III")  # scarce_memory.c: struct plan
FILES = 1400
MOST = 2000  # more would be no bound


def tree_of(which):
    """Of two such trees every seventh file differs, and the large one."""
    tree = {b"%02d/%04d" % (n // 100, n): file(b"%d %d" % (n, which * (n % 7 == 0)))
            for n in range(FILES)}
    return {**tree, b"large": file(random_bytes(3 << 20, which))}


@unittest.skipUnless(SHIM.exists(), "the build has no tests")
@unittest.skipIf(is_sanitized(), "sanitizers have an allocator of their own")
class MemoryRefused(Scenario):
    def setUp(self):
        super().setUp()
        path = self.folder / "plan"
        path.write_bytes(bytes(PLAN.size))
        with open(path, "r+b") as shared:
            self.plan = mmap.mmap(shared.fileno(), PLAN.size)
        self.addCleanup(self.plan.close)
        self.start_daemon("daemon", environment={"LD_PRELOAD": str(SHIM),
                                                 "SCARCE_MEMORY": str(path)})
        self.trees = [tree_of(0), tree_of(1)]

    def arm(self, nth, forever=False):
        self.plan[:] = PLAN.pack(nth, forever, 0)

    def disarm(self):
        """How many large allocations there were."""
        _, _, seen = PLAN.unpack(self.plan[:])
        self.arm(0)
        return seen

    def outcome(self, request, connection):
        """What the request gave; None: it was told `busy`."""
        try:
            try:
                return request(connection)
            except Lost:  # while it sent; the ERROR is still to be read
                for message in connection.drain():
                    if message.type == Type.ERROR:
                        raise Refused(message.map) from None
                raise
        except Refused as refused:
            self.assertEqual(refused.code, Code.BUSY, refused)
            self.assertGreater(refused.error["retry_ms"], 0)
            return None

    def try_all(self, request, step=1):
        """request(connection, name) is tried until one passes clean. {name: what it gave} of
        those that were done."""
        done = {}
        for forever in (False, True):
            for nth in range(1, MOST, step):
                name = f"{nth}{forever}"
                with Connection(self.daemon.url) as connection:
                    self.arm(nth, forever)
                    try:
                        given = self.outcome(lambda peer, n=name: request(peer, n), connection)
                    except Lost:
                        self.fail(f"allocation {nth}: {self.daemon.read_log()[-3000:]}")
                    seen = self.disarm()
                if given is not None:
                    done[name] = given
                if seen < nth:
                    break
            self.assertLess(seen, nth)
            self.assertIsNotNone(given)
        return done

    def assert_tree(self, identity, tree):
        with Connection(self.daemon.url) as connection:
            self.assertEqual(client.attach(connection, identity).tree, tree)

    def persist(self, job, which, **identity):
        with Connection(self.daemon.url) as connection:
            return client.persist(connection, {"workflow": "w", "job": job, **identity},
                                  self.trees[which])

    def test_of_a_persist(self):
        def request(connection, name):
            return client.persist(connection, {"workflow": "w", "namespace": name, "job": "a"},
                                  self.trees[0])

        for name in self.try_all(request):
            self.assert_tree({"workflow": "w", "namespace": name}, self.trees[0])

    def test_of_a_persist_over_a_base(self):
        """What it does not name is asked about, offered, and learned from the base."""
        base = self.persist("a", 0).layer["layer"]

        def request(connection, name):
            return client.persist(connection, {"workflow": name, "job": "a"}, self.trees[1],
                                  base=base)

        for name in self.try_all(request):
            self.assert_tree({"workflow": name}, self.trees[1])

    def test_of_an_attach(self):
        """Of two layers, the second of which was made from the first."""
        self.persist("a", 0)
        with Connection(self.daemon.url) as connection:
            client.attach(connection, {"workflow": "w", "job": "b"})
        self.persist("b", 1)

        def request(connection, name):
            return client.attach(connection, {"workflow": "w", "job": name})

        for given in self.try_all(request).values():
            self.assertEqual(given.tree, self.trees[1])

    def test_of_an_attach_of_concurrent_layers(self):
        self.persist("a", 0)
        self.persist("b", 1)

        def request(connection, name):
            return client.attach(connection, {"workflow": "w", "job": name},
                                 on_conflict="mark", only=[b"**"], exclude=[b"nothing"])

        for given in self.try_all(request).values():
            self.assertEqual(given.tree, self.trees[1])
            self.assertEqual(len(given.conflicts), len(range(0, FILES, 7)) + 1)

    def test_of_the_history_of_many_layers(self):
        for number in range(300):
            with Connection(self.daemon.url) as connection:
                client.persist(connection, {"workflow": "w", "job": f"job{number}"},
                               {b"a": file(f"{number}")})

        def log(connection, name):
            del name
            return client.log(connection, {"workflow": "w"}, all=True)

        def look(connection, name):
            view = client.look(connection, {"workflow": "w", "job": name}, on_conflict="last")
            client.finish(connection, view)
            return view

        for request in (log, look):
            for given in self.try_all(request).values():
                self.assertEqual(len(given if request is log else given.layers), 300)


if __name__ == "__main__":
    unittest.main()
