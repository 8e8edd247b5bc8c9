"""Many at once: clients that work, wait, dawdle or say nothing, and a daemon that ends."""

import json
import os
import re
import select
import signal
import socket
import time
import unittest

import client
import frames
import manifest
from client import Upload, file
from harness import BATOND, PATIENCE, Scenario, random_bytes, read_tree
from proxy import Hold
from wire import HELLO, Code, Connection, Lost, Refused, Type, encode_map
from wire_case import MEMORY_FACTOR

BIG = random_bytes(1_500_000)


def identity(job, workflow="w", namespace="default"):
    return {"namespace": namespace, "workflow": workflow, "job": job}


def files_of(seed, count=40):
    """Different trees for different seeds: small files, a directory each ten."""
    return {f"{seed}/{number // 10}/{number}": f"{seed} {number} " * (number * 20 + 1)
            for number in range(count)}


class ConcurrencyScenario(Scenario):
    def connect(self):
        """A greeted connection of the wire client; ends with the test."""
        connection = Connection(self.daemon.url)
        self.addCleanup(connection.close)
        return connection

    def occupy(self, job="holder", **more):
        """A persist that has begun and does nothing more: it has a session for itself."""
        return Upload(self.connect(), identity(job, **more), os.urandom(16))

    def commit(self, upload, content):
        """Brings an occupied persist to its end; returns COMMITTED."""
        tree = {b"file": file(content)}
        built = manifest.build(client.rows_of(tree))
        client.send_content(upload, tree)
        client.send_pieces(upload, built)
        return upload.commit(built.root)

    def settle(self):
        """The loop takes what arrives in its order: when a newcomer is welcome, it has
        taken all that was sent before."""
        Connection(self.daemon.url).close()

    def start_persist(self, job, root, *flags, workflow="w"):
        return self.popen("persist", "--json", "--root", root, *flags, ".", job=job,
                          workflow=workflow)

    def outcome(self, process):
        """The JSON of a client that must succeed."""
        out, err = process.communicate(timeout=PATIENCE * 3)
        self.assertEqual(process.returncode, 0, err)
        return json.loads(out)

    def assert_clean_end(self, layers):
        """The daemon ends with 0, `check` finds all sound, and there are so many layers."""
        self.assertEqual(self.daemon.stop(), 0)
        status, out, err = self.daemon.check("--read-data")
        self.assertEqual((status, err), (0, ""), out)
        self.assertRegex(out, rf"^{layers} layers, .*no damage\n$")

    def log_of(self, field):
        """The values of a field in the log's lines, in their order."""
        return re.findall(rf" {field}=(\S+)", self.daemon.read_log())


class ManyClients(ConcurrencyScenario):
    """24 clients: 12 jobs of one workflow, 4 namespaces with 3 jobs and one tree."""

    def persist_all(self):
        shared = {f"job{n}": self.tree(files_of(f"job{n}")) for n in range(12)}
        equal = self.tree({**files_of("equal"), "big": BIG})
        running = {("default", "w", job): (root, self.start_persist(job, root))
                   for job, root in shared.items()}
        for n in range(4):
            for job in ("a", "b", "c"):
                process = self.start_persist(job, equal, "--namespace", f"space{n}",
                                             workflow="equal")
                running[f"space{n}", "equal", job] = (equal, process)
        return {who: (root, self.outcome(process)) for who, (root, process) in running.items()}

    def test_w1_each_makes_its_one_layer_and_attaches_what_was_persisted(self):
        made = self.persist_all()
        self.assertEqual(len({result["layer"] for _, result in made.values()}), 24)
        merged = {}
        for (namespace, _, _), (root, result) in made.items():
            self.assertEqual(result["sequence"], 1)
            if namespace == "default":
                merged.update(read_tree(root))
        equal = read_tree(made["space0", "equal", "a"][0])
        digests = {result["digest"] for (space, _, _), (_, result) in made.items()
                   if space != "default"}
        self.assertEqual(len(digests), 1)
        attaches = []
        for number in range(24):
            flags, workflow, expected = [], "w", merged
            if number % 2:
                flags, workflow, expected = ["--namespace", f"space{number % 4}"], "equal", equal
            into = self.missing()
            process = self.popen("attach", "--json", *flags, into, workflow=workflow,
                                 job=f"reader{number}")
            attaches.append((process, into, expected))
        for process, into, expected in attaches:
            self.outcome(process)
            self.assertEqual(read_tree(into), expected)
        for space in range(4):
            log = self.baton("log", "--all", "--json", "--namespace", f"space{space}",
                             workflow="equal").json["layers"]
            self.assertEqual(sorted(layer["job"] for layer in log), ["a", "b", "c"])
        self.assert_clean_end(24)

    def test_w1_equal_content_sent_by_two_at_once_is_right_for_both(self):
        root = self.tree({"big": BIG, **files_of("same")})
        holds = [Hold("up", 1_000_000) for _ in range(2)]
        running = [self.popen("persist", "--json", "--server", self.proxy(hold).url, "--root",
                              root, ".", job=job) for hold, job in zip(holds, "ab")]
        for hold in holds:
            hold.wait()
        for hold in holds:
            hold.release()
        made = [self.outcome(process) for process in running]
        self.assertEqual(made[0]["digest"], made[1]["digest"])
        self.assertEqual([result["new_bytes"] for result in made], [made[0]["bytes"]] * 2)
        for job in "ab":
            _, into = self.attach(None, "--from", job)
            self.assertEqual(read_tree(into), read_tree(root))
        _, into = self.attach()
        self.assertEqual(read_tree(into), read_tree(root))
        again = self.baton("persist", "--json", "--root", root, ".", job="c").json
        self.assertEqual(again["new_bytes"], 0)
        self.assert_clean_end(3)


class Queue(ConcurrencyScenario):
    def test_20_clients_share_two_sessions_by_waiting(self):
        self.start_daemon("daemon", "--sessions", "2")
        held = [self.occupy(f"holder{n}") for n in range(2)]
        waiting = self.connect()
        waiting.send_map(Type.STATUS)
        roots = {f"job{n}": self.tree(files_of(f"job{n}", 10)) for n in range(20)}
        running = {job: self.start_persist(job, root) for job, root in roots.items()}
        # While it waits it is told that the daemon lives.
        self.assertEqual(waiting.receive().type, Type.KEEPALIVE)
        self.assertNotIn("result=", self.daemon.read_log())
        self.commit(held[0], "held")
        held[1].connection.close()
        waiting.expect(Type.STATUS_REPLY)
        merged = {b"file": ("file", 0o644, b"held")}
        for job, process in running.items():
            self.outcome(process)
            merged.update(read_tree(roots[job]))
        self.assertEqual(read_tree(self.attach()[1]), merged)
        self.assert_clean_end(21)

    def test_a_namespace_with_many_requests_lets_another_have_its_turn(self):
        self.start_daemon("daemon", "--sessions", "1")
        for namespace in ("many", "small", "third"):
            self.persist("a", {"a": ""}, "--namespace", namespace)
        self.daemon.restart()  # so that all of it is in the log
        before = len(self.log_of("namespace"))
        holder = self.occupy(namespace="holder")
        asking = []
        for namespace in ["many"] * 6 + ["small"] * 2 + ["third"]:
            connection = self.connect()
            connection.send_map(Type.LOG, identity("", namespace=namespace))
            self.settle()
            asking.append(connection)
        holder.connection.close()
        for connection in asking:
            connection.expect(Type.LOG_REPLY)
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(self.log_of("namespace")[before:],
                         ["holder", "many", "small", "third", "many", "small", "many", "many",
                          "many", "many"])

    def test_who_waits_too_long_is_told_busy(self):
        self.start_daemon("daemon", "--sessions", "2", "--queue-wait", "1ms")
        held = [self.occupy(f"holder{n}") for n in range(2)]
        root = self.tree({"a": "1"})
        for command in (["attach", self.missing()], ["ls"], ["log"]):
            self.refused(*command, "--timeout", "1", job="a", status=7, says="busy")
        asking = self.connect()
        asking.send_map(Type.STATUS)
        with self.assertRaises(Refused) as refused:
            asking.expect(Type.STATUS_REPLY)
        self.assertEqual(refused.exception.code, Code.BUSY)
        self.assertGreater(refused.exception.error["retry_ms"], 0)
        self.commit(held[0], "held")
        self.baton("persist", "--root", root, ".", job="a")
        self.commit(held[1], "held")
        self.assert_clean_end(3)

    def test_who_leaves_the_queue_leaves_nothing_behind(self):
        self.start_daemon("daemon", "--sessions", "1")
        holder = self.occupy()
        for n in range(10):
            connection = self.connect()
            connection.send_map(Type.PERSIST, {**identity(f"gone{n}"), "key": os.urandom(16)})
            connection.close()
        self.settle()
        self.commit(holder, "held")
        self.assertEqual(self.status()["waiting"], 0)
        self.assert_clean_end(1)


class Dawdlers(ConcurrencyScenario):
    def test_200_that_never_speak_do_not_hinder_24_that_work(self):
        silent = [socket.socket(socket.AF_UNIX) for _ in range(200)]
        for number, peer in enumerate(silent):
            self.addCleanup(peer.close)
            peer.connect(str(self.daemon.socket))
            if number % 4 == 1:
                peer.sendall(encode_map(Type.HELLO, HELLO)[:7 + number // 4])
            if number % 4 == 2:
                peer.sendall(encode_map(Type.HELLO, HELLO))
            if number % 4 == 3:
                peer.sendall(encode_map(Type.HELLO, HELLO) +
                             encode_map(Type.STATUS, {})[:number % 8])
        roots = {f"job{n}": self.tree(files_of(f"job{n}", 10)) for n in range(24)}
        running = [self.start_persist(job, root) for job, root in roots.items()]
        for process in running:
            self.outcome(process)
        merged = {}
        for root in roots.values():
            merged.update(read_tree(root))
        self.assertEqual(read_tree(self.attach()[1]), merged)
        self.assertGreaterEqual(self.status()["connections"], 201)
        self.assert_clean_end(24)

    def test_who_reads_nothing_of_an_attach_is_dropped_and_others_go_on(self):
        self.start_daemon("daemon", "--sessions", "2", "--silence", "1s")
        content = {f"big{n}": random_bytes(4_000_000, n) for n in range(6)}
        self.persist("a", content)
        deaf = self.connect()
        view = client.look(deaf, identity("deaf"), "attach")
        deaf.send(Type.WANT, frames.encode_want(0, [True] * view.totals["units"], last=True))
        gone = select.poll()
        gone.register(deaf.peer, 0)  # nothing but the hang-up
        while not gone.poll(0):
            _, into = self.attach("b")
            self.assertEqual({os.fsdecode(path): entry[2]
                              for path, entry in read_tree(into).items()}, content)
        self.assertEqual(self.daemon.stop(), 0)
        ended = [line for line in self.daemon.log_lines("job=deaf") if "result=timeout" in line]
        self.assertEqual(len(ended), 1, self.daemon.read_log())

    def test_who_begins_a_persist_and_falls_silent_is_dropped(self):
        self.start_daemon("daemon", "--sessions", "1", "--silence", "100ms")
        holder = self.occupy()
        with self.assertRaises(Refused) as refused:
            holder.connection.expect(Type.COMMITTED)
        self.assertEqual(refused.exception.code, Code.TIMEOUT)
        holder.connection.close()
        self.persist("a", {"a": "1"})
        self.assert_clean_end(1)

    def test_beyond_the_connections_newcomers_wait_at_the_door(self):
        self.start_daemon("daemon", "--connections", "4")
        held = [self.occupy(f"holder{n}") for n in range(4)]
        inside = [upload.connection for upload in held]
        outside = socket.socket(socket.AF_UNIX)
        self.addCleanup(outside.close)
        outside.connect(str(self.daemon.socket))
        outside.sendall(encode_map(Type.HELLO, HELLO))
        # Who works is not put out: it goes on while the newcomer waits.
        self.commit(held[0], "held")
        self.assertEqual(select.select([outside], [], [], PATIENCE)[0], [outside])
        inside[1].close()
        self.assertEqual(select.select([outside], [], [], PATIENCE)[0], [outside])
        for connection in inside:
            connection.close()
        running = [self.start_persist(f"job{n}", self.tree(files_of(f"job{n}", 10)))
                   for n in range(20)]
        for process in running:
            self.outcome(process)
        self.assertLessEqual(self.status()["connections"], 4)
        outside.close()
        self.assert_clean_end(21)

    def test_f7_idle_connections_make_room_the_longest_idle_first(self):
        self.start_daemon("daemon", "--connections", "8")
        working = self.occupy()
        idle = [self.connect() for _ in range(7)]
        client.status(idle[0])  # not the longest any more
        for count in range(1, 4):
            self.persist("a", {"a": str(count)})
            self.assertTrue(select.select([idle[1].peer], [], [], PATIENCE)[0])
            gone = [n for n, connection in enumerate(idle)
                    if select.select([connection.peer], [], [], 0)[0]]
            self.assertIn(1, gone)
            self.assertNotIn(0, gone)
        self.commit(working, "held")
        self.assert_clean_end(4)

    def crawl(self, namespace):
        """A persist that says KEEPALIVE and nothing else, as long as it may."""
        return self.occupy(namespace, namespace=namespace)

    def ended_as_busy(self, upload):
        with self.assertRaises(Refused) as refused:
            upload.connection.expect(Type.COMMITTED)
        self.assertEqual(refused.exception.code, Code.BUSY)
        self.assertIn("moves too little", refused.exception.error["message"])

    def test_f4_one_namespace_never_holds_all_sessions(self):
        self.start_daemon("daemon", "--sessions", "8", "--min-rate", "0")
        crawling = [self.crawl("evil") for _ in range(7)]
        behind = [self.connect() for _ in range(20)]
        for number, connection in enumerate(behind):
            connection.send_map(Type.PERSIST, {**identity(f"evil{number}", namespace="evil"),
                                               "key": os.urandom(16)})
        self.persist("a", {"a": "1"})
        self.assertEqual(self.status()["waiting"], 20)
        for upload in crawling:
            upload.connection.close()

    def test_f4_who_crawls_is_ended_when_others_wait(self):
        self.start_daemon("daemon", "--sessions", "2", "--min-rate-over", "100ms")
        crawling = [self.crawl(f"evil{n}") for n in range(2)]
        self.assertEqual(self.outcome(self.start_persist("a", self.tree({"a": "1"})))["files"], 1)
        ended = [upload for number, upload in enumerate(crawling)
                 if [line for line in self.daemon.log_lines(f"job=evil{number} ")
                     if "result=busy" in line]]
        self.assertGreater(len(ended), 0)  # one place is enough
        for upload in ended:
            self.ended_as_busy(upload)
        self.assert_clean_end(1)

    def test_f4_while_nobody_waits_who_crawls_may_stay(self):
        self.start_daemon("daemon", "--sessions", "2", "--min-rate-over", "1ms")
        crawling = self.crawl("slow")
        began = self.status()["uptime_ms"]
        while self.status()["uptime_ms"] < began + 1000:
            crawling.connection.send_map(Type.KEEPALIVE)
        self.commit(crawling, "slow")
        self.assert_clean_end(1)


class Ending(ConcurrencyScenario):
    flags = ("--stop-timeout", "10m")  # longer than any test

    def crowd(self):
        """Four sessions that run and fill the daemon, requests behind them in two
        namespaces, idle connections, one that has not greeted."""
        self.start_daemon("daemon", "--sessions", "4")
        running = [self.occupy(f"job{n}", namespace=f"space{n % 2}") for n in range(4)]
        waiting = [self.connect() for _ in range(7)]
        for number, connection in enumerate(waiting):
            connection.send_map(Type.LOG, identity("", namespace=f"space{number % 2}"))
        idle = [self.connect() for _ in range(3)]
        stranger = socket.socket(socket.AF_UNIX)
        self.addCleanup(stranger.close)
        stranger.connect(str(self.daemon.socket))
        self.settle()
        return running, waiting, idle

    def assert_told_shutdown(self, connection):
        with self.assertRaises(Refused) as refused:
            connection.expect(Type.LOG_REPLY, Type.COMMITTED)
        self.assertEqual(refused.exception.code, Code.SHUTDOWN)

    def assert_hung_up(self, connection):
        with self.assertRaises(Lost):
            connection.receive()

    def test_sigterm_lets_all_that_runs_finish(self):
        running, waiting, idle = self.crowd()
        self.daemon.process.send_signal(signal.SIGTERM)
        for connection in waiting:
            self.assert_told_shutdown(connection)
            connection.close()
        for connection in idle:
            self.assert_hung_up(connection)
        for number, upload in enumerate(running):
            layer = self.commit(upload, f"content {number}")["layer"]
            self.assertEqual(layer["job"], f"job{number}")
        self.assertEqual(self.daemon.wait(), 0)
        self.daemon.start()
        self.assertEqual(self.status()["layers"], 4)
        self.assertEqual(self.status()["index_state"], "ready")
        self.assert_clean_end(4)

    def test_a_second_sigterm_interrupts_all_at_once(self):
        running, waiting, _ = self.crowd()
        self.daemon.process.send_signal(signal.SIGTERM)
        for connection in waiting:
            self.assert_told_shutdown(connection)
            connection.close()
        finished = self.commit(running.pop(), "content")
        self.daemon.process.send_signal(signal.SIGTERM)
        for upload in running:
            self.assert_told_shutdown(upload.connection)
            upload.connection.close()
        self.assertEqual(self.daemon.wait(), 0)
        self.daemon.start()
        log = self.baton("log", "--all", "--json", "--namespace", "space1").json["layers"]
        self.assertEqual([layer["layer"] for layer in log], [finished["layer"]["layer"]])
        self.assert_clean_end(1)

    def test_real_clients_end_with_7_or_are_done(self):
        self.start_daemon("daemon", "--sessions", "2")
        roots = {f"job{n}": self.tree(files_of(f"job{n}", 10)) for n in range(8)}
        running = {job: self.popen("persist", "--json", "--timeout", "0.1", "--root", root, ".",
                                   job=job) for job, root in roots.items()}
        self.assertEqual(self.daemon.stop(), 0)
        done = set()
        for job, process in running.items():
            _, err = process.communicate(timeout=PATIENCE)
            self.assertIn(process.returncode, (0, 7), err)
            done.update([job] if process.returncode == 0 else [])
        self.daemon.start()
        # One may have lost its patience while its layer was committed.
        self.assertGreaterEqual(self.status()["layers"], len(done))
        if done:
            log = self.baton("log", "--json").json["layers"]
            self.assertLessEqual(done, {layer["job"] for layer in log})


MIB = 1 << 20


@unittest.skipIf(MEMORY_FACTOR > 1 or b"__tsan_init" in BATOND.read_bytes(),
                 "sanitizers have memory of their own")
class Memory(ConcurrencyScenario):
    """The bounds of CONTRIBUTING.md, "The daemon's memory"."""

    USED = 13 * MIB
    REST = 10 * MIB  # where the unit index knows no more than 40,000 units
    PERSIST, UNIT = 4 * MIB, 120
    ATTACH, MENTION, LAYER = MIB, 4, 3 * MIB // 4

    def peak_during(self, processes):
        """The most that the daemon says of itself while these run."""
        asking, peak = self.connect(), 0
        while any(process.poll() is None for process in processes):
            peak = max(peak, client.status(asking)["rss_bytes"])
        return peak

    def anonymous(self):
        """Not by asking the daemon: it is at rest as long as nobody does."""
        with open(f"/proc/{self.daemon.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status
                        if line.startswith("RssAnon:"))

    def assert_comes_to_rest(self, bound):
        """F12. Some seconds after the last request it gives back what sessions left behind."""
        patience = time.monotonic() + PATIENCE
        while (now := self.anonymous()) > bound and time.monotonic() < patience:
            time.sleep(0.05)
        self.assertLess(now, bound)

    def test_8_persists_of_5000_files_at_once_and_the_rest_behind_them(self):
        roots = [self.tree({f"{n // 100}/{n}": f"{job} {n} ".encode() * (n % 97 + 1) +
                            random_bytes(n % 4001, job * 5000 + n) for n in range(5000)})
                 for job in range(8)]
        running = [self.start_persist(f"job{n}", root) for n, root in enumerate(roots)]
        peak = self.peak_during(running)
        for process in running:
            self.outcome(process)
        self.assertGreater(peak, 0)
        self.assertLess(peak, self.USED + 8 * (self.PERSIST + 5100 * self.UNIT))
        again = [self.start_persist(f"again{n}", root) for n, root in enumerate(roots)]
        self.assertLess(self.peak_during(again),
                        self.USED + 8 * (self.PERSIST + 5100 * self.UNIT) +
                        os.cpu_count() * (self.ATTACH + 16 * self.LAYER))
        for process in again:
            self.outcome(process)
        self.assert_comes_to_rest(self.REST)
        self.assert_clean_end(16)

    def test_4_attaches_of_16_layers_at_once(self):
        connection = self.connect()
        for job in range(16):
            tree = {b"job%d/%d" % (job, n): file(b"%d" % n) for n in range(2000)}
            client.persist(connection, identity(f"job{job}"), tree)
        looking = [self.connect() for _ in range(4)]
        for each in looking:  # up to ROWS_END: the daemon has all layers open
            client.look(each, identity("reader"))
        self.assertLess(client.status(connection)["rss_bytes"],
                        self.USED + 4 * (self.ATTACH + 16 * (self.LAYER + 2000 * self.MENTION)))
