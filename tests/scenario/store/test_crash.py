"""Processes that die in the middle: kill -9 of the daemon and of clients."""

import os
import re
import select
import signal
import time

from harness import PATIENCE, NotStarted, Scenario, contents, random_bytes, read_tree
from proxy import Hold

FILES = {**{f"f{number}": random_bytes(300_000, number) for number in range(20)},
         "d/small": "x", "empty": None}
MOMENTS = (("up", 0), ("up", 100), ("up", 400), ("up", 2_000_000), ("up", 5_900_000),
           ("down", 0), ("down", 150), ("down", 300), ("down", 600))


class Crash(Scenario):
    def assert_sound(self):
        """No damage, and nothing in the segments that no layer vouches for."""
        self.daemon.stop()
        status, out, err = self.daemon.check("--read-data")
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("no damage", out)
        self.daemon.start()

    def layers(self, *flags):
        return self.baton("log", "--all", "--json", *flags).json["layers"]


class DaemonDies(Crash):
    def test_w1_kill_9_in_a_persist_leaves_all_or_nothing_and_the_client_completes_it(self):
        root = self.tree(FILES)
        self.persist("base", {"base": ""})
        for way, at in MOMENTS:
            with self.subTest(way=way, at=at):
                hold, namespace = Hold(way, at), f"--namespace={way}{at}"
                proxy = self.proxy(hold)
                persist = self.popen("persist", "--server", proxy.url, "--timeout", "30",
                                     namespace, "--root", root, ".", job="a")
                hold.wait()
                self.daemon.kill()
                self.daemon.start()
                before = self.baton("log", "--all", "--json", namespace, status=None)
                self.assertTrue(before.status == 3 or not before.json["layers"], before)
                hold.release()
                _, err = persist.communicate()
                self.assertEqual(persist.returncode, 0, err)
                self.assertEqual(len(self.layers(namespace)), 1)
                self.assertEqual(read_tree(self.attach(None, namespace)[1]), read_tree(root))
        self.assert_sound()

    def await_index(self):
        """Waits until the unit index, which each crash takes along, is rebuilt."""
        begun = time.monotonic()
        while self.status()["index_state"] != "ready":
            self.assertLess(time.monotonic() - begun, PATIENCE, self.daemon.read_log())
            select.select([], [], [], 0.01)

    def test_w1_a_store_of_60_000_files_starts_again_after_each_crash(self):
        """The rebuild of its index once overran its rows, at each start, for ever."""
        units, roots = 0, {}
        for job, count in (("a", 9_000), ("b", 16_000), ("c", 35_000)):
            roots[job] = self.tree({f"{number // 1000}/{job}{number}": f"{job}{number}"
                                    for number in range(count)})
            self.baton("persist", "--quiet", "--no-stat-record", "--root", roots[job], ".", job=job)
            units += count
            self.daemon.kill()
            self.daemon.start()
            self.await_index()
        for _ in range(2):
            self.daemon.kill()
            self.daemon.start()
            self.await_index()
            self.assertGreater(self.status()["units_indexed"], units)
        again = self.baton("persist", "--json", "--no-stat-record", "--root", roots["c"], ".",
                           job="again").json
        self.assertEqual(again["new_bytes"], 0)
        for job, root in roots.items():
            into = self.missing()
            self.baton("attach", "--quiet", "--no-stat-record", "--from", job, into, job="d")
            self.assertEqual(read_tree(into), read_tree(root))
        self.assert_sound()

    def test_w1_kill_9_while_segments_grow(self):
        root = self.tree({f"f{number}": random_bytes(1_000_000, number) for number in range(60)})
        before = self.persist("base", {"base": "kept"})
        clients = [self.popen("persist", "--timeout", "60", "--root", root, ".", job=f"job{number}")
                   for number in range(3)]
        while sum(segment.stat().st_size for segment in self.daemon.segments()) < 5_000_000:
            select.select([], [], [], 0.001)
        self.daemon.kill()
        self.daemon.start()
        for client in clients:
            _, err = client.communicate()
            self.assertEqual(client.returncode, 0, err)
        jobs = sorted(layer["job"] for layer in self.layers())
        self.assertEqual(jobs, ["base", "job0", "job1", "job2"])
        self.assertEqual(self.baton("cat", "base").out, b"kept")
        self.assertEqual(before["sequence"], 1)
        self.assert_sound()

    def test_kill_9_in_a_persist_gives_the_room_back(self):
        root = self.tree(FILES)
        self.persist("base", {"base": ""})
        self.daemon.restart()
        stored = sum(segment.stat().st_size for segment in self.daemon.segments())
        hold = Hold("up", 5_000_000)
        proxy = self.proxy(hold)
        persist = self.popen("persist", "--server", proxy.url, "--root", root, ".", job="a")
        hold.wait()
        persist.kill()
        self.daemon.kill()
        self.daemon.start()
        self.daemon.stop()
        self.assertLessEqual(sum(segment.stat().st_size for segment in self.daemon.segments()),
                             stored + 4096)
        self.daemon.start()

    def test_a_daemon_that_dies_and_stays_away_in_a_persist(self):
        root = self.tree(FILES)
        hold = Hold("up", 2_000_000)
        proxy = self.proxy(hold)
        persist = self.popen("persist", "--server", proxy.url, "--timeout", "1", "--root", root,
                             ".", job="a")
        hold.wait()
        self.daemon.kill()
        hold.release()
        _, err = persist.communicate()
        self.assertEqual(persist.returncode, 7, err)
        self.assertTrue(err.decode().splitlines()[-1].startswith("baton: "))
        self.daemon.start()
        self.assertEqual(self.status()["layers"], 0)

    def test_a_daemon_that_dies_and_stays_away_in_an_attach(self):
        self.persist("a", FILES)
        empty = self.tree({})
        for into in (self.missing(), empty):
            hold = Hold("down", 3_000_000)
            proxy = self.proxy(hold)
            attach = self.popen("attach", "--server", proxy.url, "--timeout", "1", into, job="b")
            hold.wait()
            self.daemon.kill()
            proxy.connections[0].close()  # with what was still under way
            hold.release()
            _, err = attach.communicate()
            self.assertEqual(attach.returncode, 7, err)
            self.assertIn(f"`{into}` is as it was", err.decode().splitlines()[-1])
            self.daemon.start()
            self.assertEqual(os.listdir(into.parent if into != empty else into), [])

    def test_kill_9_in_an_attach_and_the_client_completes_it(self):
        made = self.persist("a", FILES)
        into = self.missing()
        hold = Hold("down", 3_000_000)
        proxy = self.proxy(hold)
        attach = self.popen("attach", "--json", "--server", proxy.url, into, job="b")
        hold.wait()
        self.daemon.kill()
        self.daemon.start()
        hold.release()
        out, err = attach.communicate()
        self.assertEqual(attach.returncode, 0, err)
        self.assertIn(made["digest"].encode(), out)
        self.assertEqual(os.listdir(into.parent), ["dir"])

    def test_what_an_attach_taught_survives_kill_9(self):
        self.persist("a", {"x": "a"})
        self.attach("b")
        self.daemon.kill()
        self.daemon.start()
        self.persist("b", {"x": "b"})
        self.assertEqual(self.baton("cat", "x").out, b"b")

    def test_kill_9_at_the_start_again_and_again(self):
        self.persist("a", FILES)
        for _ in range(5):
            self.daemon.kill()
            self.daemon.start()
        self.assertEqual(len(self.layers()), 1)
        self.assert_sound()

    def test_reuse_comes_back_after_kill_9(self):
        self.persist("a", FILES)
        self.daemon.kill()
        self.daemon.start()
        while self.status()["index_state"] != "ready":
            select.select([], [], [], 0.01)
        again = self.persist("b", FILES)
        self.assertLess(again["new_bytes"], 10_000)


class TheCatalogueHasForgotten(Scenario):
    """Killed, and the end of the catalogue's log is gone: a layer that was acknowledged."""

    SAYS = "has forgotten what was acknowledged"

    def setUp(self):
        super().setUp()
        self.persist("a", {"x": "old"})
        self.daemon.restart()
        self.persist("b", {"y": "new"})
        self.persist("a", {"z": ""}, workflow="v")
        self.daemon.kill()
        log = self.daemon.data / "catalogue.db-wal"
        log.write_bytes(log.read_bytes()[:4000])
        self.daemon.start()

    def test_log_and_ls_warn_that_layers_may_be_missing(self):
        for verb in ("log", "ls"):
            with self.subTest(verb=verb):
                listed = self.baton(verb, "--json")
                self.assertEqual([layer["job"] for layer in listed.json["layers"]], ["a"])
                self.assertIn(self.SAYS, " ".join(listed.json["warnings"]))
                self.assertIn(self.SAYS.encode(), self.baton(verb).err)

    def test_a_sound_store_warns_of_nothing(self):
        other = self.start_daemon("sound")
        self.baton("persist", "--server", other.url, "--root", self.tree({"x": ""}), ".", job="a")
        listed = self.baton("log", "--json", "--server", other.url)
        self.assertEqual(listed.json["warnings"], [])
        self.assertEqual(self.baton("log", "--server", other.url).err, b"")

    def test_what_is_not_found_and_what_would_change_is_refused(self):
        self.refused("log", workflow="v", status=6, says=self.SAYS)
        self.refused("attach", self.missing(), job="c", status=6, says=self.SAYS)
        self.refused("persist", "--root", self.tree({"x": ""}), ".", job="c", status=6,
                     says=self.SAYS)


class TheCatalogueIsAMixture(Scenario):
    """SQLite takes any database and any log for one; older and newer are told apart."""

    def setUp(self):
        super().setUp()
        self.persist("a", {"a": "1"})
        self.files = [self.daemon.data / name for name in ("catalogue.db", "catalogue.db-wal")]

    def copies(self):
        return [path.read_bytes() if path.exists() else None for path in self.files]

    def put_back(self, copies):
        for path, copy in zip(self.files, copies):
            path.unlink(missing_ok=True)
            if copy is not None:
                path.write_bytes(copy)

    def assert_refused(self, says):
        before = self.copies()
        with self.assertRaisesRegex(NotStarted, says) as raised:
            self.daemon.start()
        self.assertEqual(raised.exception.status, 6)
        status, _, err = self.daemon.check()
        self.assertEqual(status, 6)
        self.assertRegex(err, says)
        self.assertEqual(self.copies(), before)
        return raised.exception.log

    def test_an_older_file_beside_its_log(self):
        self.daemon.kill()
        self.daemon.start()
        older = self.copies()[0]
        self.persist("b", {"b": "2"})
        self.daemon.kill()
        self.daemon.start()
        self.persist("c", {"c": "3"})
        self.daemon.kill()
        file, log = self.copies()
        self.put_back([older, log])
        said = self.assert_refused("catalogue.db`: is older than `catalogue.db-wal`")
        has, lacks = map(int, re.search(r"\((\d+) changes, not (\d+)\)", said).groups())
        self.assertEqual(lacks - has, 1)  # one change is enough
        self.put_back([file, log])
        self.daemon.start()
        self.assertEqual(contents(self.attach()[1]), {"a": "1", "b": "2", "c": "3"})

    def test_an_older_log_beside_its_file(self):
        self.daemon.kill()
        log = self.copies()[1]
        self.daemon.start()
        self.persist("b", {"b": "2"})
        self.daemon.stop()
        file = self.copies()[0]
        self.put_back([file, log])
        self.assert_refused("catalogue.db-wal`: is older than `catalogue.db`")
        self.put_back([file, None])
        self.daemon.start()
        self.assertEqual(contents(self.attach()[1]), {"a": "1", "b": "2"})


class AStoreWithoutItsFormat(Scenario):
    def test_it_is_damaged_and_not_absent(self):
        self.persist("a", {"x": ""})
        self.daemon.stop()
        format_file = self.daemon.data / "format"
        kept = format_file.read_bytes()
        format_file.unlink()
        status, _, err = self.daemon.check()
        self.assertEqual(status, 6, err)
        self.assertIn("format`: missing", err)
        (self.daemon.data / "catalogue.db").rename(self.folder / "catalogue.db")
        status, _, err = self.daemon.check()
        self.assertEqual(status, 3, err)
        (self.folder / "catalogue.db").rename(self.daemon.data / "catalogue.db")
        format_file.write_bytes(kept)
        self.daemon.start()


class ClientDies(Crash):
    def test_a_persist_that_is_killed_ends_its_session_and_leaves_nothing(self):
        root = self.tree(FILES)
        for way, at in MOMENTS:
            with self.subTest(way=way, at=at), self.nothing_changes():
                hold = Hold(way, at)
                proxy = self.proxy(hold)
                persist = self.popen("persist", "--server", proxy.url, "--root", root, ".",
                                     job="a", workflow=f"{way}{at}")
                hold.wait()
                persist.kill()
                persist.wait()
                hold.release()
                while self.status()["connections"] > 1:  # this one
                    select.select([], [], [], 0.001)
        self.assertEqual(self.status()["sessions"], 1)
        self.assert_sound()

    def test_an_attach_that_is_killed_leaves_no_dir_and_the_next_one_clears_up(self):
        self.persist("a", FILES)
        into = self.missing()
        for at in (500, 1_000_000, 5_000_000):
            hold = Hold("down", at)
            proxy = self.proxy(hold)
            attach = self.popen("attach", "--server", proxy.url, into, job="b")
            hold.wait()
            attach.kill()
            attach.wait()
            self.assertFalse(into.exists())
        self.attach(into=into)
        self.assertEqual(len(read_tree(into)), len(FILES) + 1)
        self.assertEqual(os.listdir(into.parent), ["dir"])

    def test_an_attach_that_is_stopped_for_a_while_goes_on(self):
        self.persist("a", FILES)
        hold = Hold("down", 1_000_000)
        proxy = self.proxy(hold)
        into = self.missing()
        attach = self.popen("attach", "--server", proxy.url, into)
        hold.wait()
        attach.send_signal(signal.SIGSTOP)
        os.waitpid(attach.pid, os.WUNTRACED)
        hold.release()
        self.persist("b", {"b": ""})
        attach.send_signal(signal.SIGCONT)
        attach.communicate()
        self.assertEqual(attach.returncode, 0)
        self.assertEqual(len(read_tree(into)), len(FILES) + 1)
