"""batond itself: listening, its log, its configuration, its end, `batond check`."""

import grp
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import unittest

from harness import BATOND, PATIENCE, Scenario, contents, is_sanitized, open_catalogue, random_bytes
from proxy import Hold
from wire import HELLO, Code, Connection, Link, Lost, Refused, Type, encode_map, open_socket

BIG = random_bytes(3_000_000)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class DaemonScenario(Scenario):
    def batond(self, *arguments, status, says=()):
        """Runs a batond that must end by itself; its last line says why."""
        done = subprocess.run([BATOND, *arguments], capture_output=True, timeout=PATIENCE,
                              env=dict(os.environ, NOTIFY_SOCKET=""), check=False)
        self.assertEqual(done.returncode, status, done)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, done.stderr.decode(), done)
        return done


class Starting(DaemonScenario):
    def test_a_second_daemon_on_the_same_data_is_refused(self):
        self.persist("a", {"a": "1"})
        self.batond("--data", self.daemon.data, "--listen", f"unix:{self.folder}/second/sock",
                    status=7, says=str(self.daemon.data))
        self.assertEqual(contents(self.attach()[1]), {"a": "1"})

    def test_a_second_daemon_on_the_same_socket_is_refused(self):
        self.persist("a", {"a": "1"})
        self.batond("--data", self.folder / "other", "--listen", self.daemon.url, status=7,
                    says="another daemon listens")
        self.assertEqual(contents(self.attach()[1]), {"a": "1"})

    def test_a_socket_left_behind_is_replaced(self):
        self.daemon.kill()
        self.assertTrue(self.daemon.socket.exists())
        self.daemon.start()
        self.status()

    def test_a_file_in_place_of_the_socket_is_not_removed(self):
        file = self.tree({"file": "mine"}) / "file"
        self.batond("--data", self.folder / "data", "--listen", f"unix:{file}", status=9,
                    says="not a socket")
        self.assertEqual(file.read_text(), "mine")

    def test_tcp_that_is_not_loopback_is_refused(self):
        for host in ("0.0.0.0", "[::]", "192.0.2.1"):
            self.batond("--data", self.folder / "data", "--listen", f"tcp://{host}:0", status=5,
                        says="loopback")

    def test_tcp_on_loopback_serves(self):
        url = f"tcp://127.0.0.1:{free_port()}"
        self.start_daemon("daemon", "--listen", url)
        root = self.tree({"big": BIG})
        self.baton("persist", "--server", url, "--root", root, ".", job="a")
        into = self.missing()
        self.baton("attach", "--server", url, into)
        self.assertEqual((into / "big").read_bytes(), BIG)

    def test_parents_of_the_data_are_made_and_private(self):
        data = self.folder / "a" / "b" / "data"
        self.batond("--data", f"{data}//", "--listen", "tcp://192.0.2.1:0", status=5)
        for path in (data, *data.parents[:2]):
            self.assertEqual(path.stat().st_mode & 0o777, 0o700)
        file = self.tree({"file": ""}) / "file"
        self.batond("--data", file / "data", status=9, says=f"`{file}")

    def test_a_socket_path_that_is_too_long_says_so(self):
        path = self.folder / ("long" * 30) / "sock"
        self.batond("--data", self.folder / "data", "--listen", f"unix:{path}", status=2,
                    says="at most 107")

    def test_others_can_neither_read_the_store_nor_replace_the_socket(self):
        self.persist("a", {"a": ""})
        for path in (self.daemon.data, *self.daemon.data.rglob("*")):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        open_folder = self.tree({})
        open_folder.chmod(0o777)
        self.batond("--data", self.folder / "other", "--listen", f"unix:{open_folder}/sock",
                    status=5, says="others can write")

    @unittest.skipUnless(os.geteuid() == 0, "takes root, to be other users")
    def test_the_group_of_the_socket_may_connect_and_nobody_else(self):
        self.folder.chmod(0o755)
        group = grp.getgrgid(12)
        file = self.folder / "batond.conf"
        file.write_text(f"socket_group = {group.gr_name}\nsocket_mode = 0660\n")
        daemon = self.start_daemon("daemon", "--config", file)
        self.assertEqual((daemon.socket.stat().st_gid, daemon.socket.stat().st_mode & 0o7777),
                         (group.gr_gid, 0o660))
        daemon.folder.chmod(0o755)
        connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        for number, may in ((group.gr_gid, True), (65534, False)):
            done = subprocess.run(
                ["setpriv", "--reuid", "65534", "--regid", str(number), "--clear-groups",
                 "/usr/bin/python3", "-c", connect, daemon.socket],
                capture_output=True, cwd="/", timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode == 0, b"PermissionError" in done.stderr),
                             (may, not may), done)

    def without_threads(self, error):
        """Wraps a program so that clone3() is answered as some sandboxes do."""
        return ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clone3",
                "-e", f"inject=clone3:error={error}")

    @unittest.skipIf(is_sanitized(), "sanitizers cannot be traced")
    def test_m13_a_sandbox_that_forbids_threads_is_named_before_anything_is_made(self):
        data = self.folder / "data"
        for error, status, says in (("EPERM", 5, ("sandbox", "clone3", "seccomp")),
                                    ("EAGAIN", 8, ("no thread can be started",))):
            done = subprocess.run(
                [*self.without_threads(error), BATOND, "--data", data,
                 "--listen", f"unix:{self.folder}/s"],
                capture_output=True, timeout=PATIENCE, check=False)
            self.assertEqual(done.returncode, status, done)
            for word in says:
                self.assertIn(word, done.stderr.decode())
            self.assertFalse(data.exists())

    @unittest.skipIf(is_sanitized(), "sanitizers cannot be traced")
    def test_m13_where_clone3_is_not_there_clone_does(self):
        self.start_daemon("daemon", wrapper=self.without_threads("ENOSYS"))
        self.persist("a", {"a": "1"})
        self.assertEqual(contents(self.attach()[1]), {"a": "1"})

    def test_m13_the_threads_that_verify_tokens_are_there_before_the_first_token(self):
        daemon = self.start_daemon()
        self.assertEqual(self.status()["sessions"], 1)  # a worker is there
        task = f"/proc/{daemon.process.pid}/task"
        before = len(os.listdir(task))
        self.baton("status", workflow=None, status=None,
                   variables={"BATON_TOKEN": "eyJhbGciOiJub25lIn0.e30.c2ln"})
        self.assertEqual(len(os.listdir(task)), before)

    def test_a_store_of_a_newer_version_is_refused(self):
        self.daemon.stop()
        (self.daemon.data / "format").write_text("batond store 4\n")
        self.batond("--data", self.daemon.data, "--listen", self.daemon.url, status=6,
                    says="batond store")
        (self.daemon.data / "format").write_text("batond store 3\n")
        self.daemon.start()

    def test_segments_without_their_catalogue_are_not_deleted(self):
        self.persist("a", {"a": BIG})
        for lost in (lambda path: path.write_bytes(b""), lambda path: path.unlink()):
            self.daemon.stop()
            catalogue = self.daemon.data / "catalogue.db"
            kept = catalogue.read_bytes()
            lost(catalogue)
            before = self.daemon.segments()
            for verb in ([], ["check"]):
                self.batond(*verb, "--data", self.daemon.data, status=6,
                            says=(f"`{catalogue}`: missing", "--data"))
            self.assertEqual(self.daemon.segments(), before)
            catalogue.write_bytes(kept)
            self.daemon.start()
            self.assertEqual((self.attach()[1] / "a").read_bytes(), BIG)

    def changed_catalogue(self, script):
        """The daemon's data, with a catalogue that SQL has changed, in a folder of its own."""
        self.daemon.stop()
        data = self.missing()
        shutil.copytree(self.daemon.data, data)
        self.daemon.start()
        with open_catalogue(data / "catalogue.db") as database:
            database.executescript(script)
        return data

    def test_a_catalogue_of_another_schema_is_refused(self):
        self.persist("a", {"a": "1"})
        for script, says in (
                ("PRAGMA user_version=1", "has schema 1, this batond knows 4; an older"),
                ("PRAGMA user_version=5", "has schema 5, this batond knows 4; a newer"),
                ("PRAGMA user_version=-1", "an older"),
                ("ALTER TABLE workflows DROP COLUMN created_ms",
                 "not made with `CREATE TABLE workflows (…)`"),
                ("DROP TABLE inherited_layers", "`CREATE TABLE inherited_layers (…)`"),
                ("DROP INDEX executions_own",
                 "`CREATE UNIQUE INDEX executions_own ON executions (…)`"),
                ("ALTER TABLE layers ADD COLUMN extra", "`CREATE TABLE layers (…)`"),
                ("CREATE TABLE zoo (x)", "has tables that this batond knows not")):
            with self.subTest(script=script):
                data = self.changed_catalogue(script)
                for verb in ([], ["check"]):
                    done = self.batond(*verb, "--data", data, *([] if verb else
                                       ["--listen", f"unix:{self.folder}/other/sock"]),
                                       status=6, says=(f"`{data}`: its catalogue", says,
                                                       "--data"))
                    self.assertEqual(len(done.stderr.splitlines()), 1, done)


class Descriptors(DaemonScenario):
    def test_more_namespaces_than_descriptors(self):
        """A namespace that was written once holds none; what appends to it opens it again."""
        daemon = self.start_daemon("few", wrapper=("prlimit", "--nofile=64:64"))
        root = self.tree({"f": "x"})
        for number in range(100):
            namespace = f"--namespace=n{number}"
            self.baton("persist", "--server", daemon.url, namespace, "--root", root, ".", job="a")
        for number in range(0, 100, 7):
            namespace = f"--namespace=n{number}"
            self.baton("persist", "--server", daemon.url, namespace, "--root", root, ".", job="b")
            into = self.missing()
            self.baton("attach", "--server", daemon.url, namespace, into, job="c")
            self.assertEqual(contents(into), {"f": "x"})
        self.assertEqual(len(daemon.segments()), 100)
        self.assertEqual(daemon.stop(), 0)
        status, out, err = daemon.check("--read-data")
        self.assertEqual((status, err), (0, ""), out)

    def test_the_soft_limit_is_raised_to_the_hard_one(self):
        daemon = self.start_daemon("raised", wrapper=("prlimit", "--nofile=64:500"))
        self.assertEqual(resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE), (500, 500))


class Configuration(DaemonScenario):
    def test_the_file_gives_what_the_flags_do_not(self):
        file = self.folder / "batond.conf"
        second = self.folder / "run2" / "sock"
        file.write_text(f"# a comment\nlog-format = json\n  retention=0 # never\n\n"
                        f"listen = unix:{second}\n")
        daemon = self.start_daemon("daemon", "--config", file)
        self.assertFalse(second.exists())  # the flag replaced it
        for line in daemon.read_log().splitlines():
            json.loads(line)

    def test_wrong_configuration_is_refused_with_file_and_line(self):
        file = self.folder / "batond.conf"
        for text, says in (("data\n", ":1:"), ("\nbogus = 1\n", ":2: bogus"),
                           ("\33[2J = 1\n", ":1: ?[2J: there is no such key"),
                           ("sessions = many\n", ":1: sessions=many: not a number"),
                           ("retention = 5 weeks\n", ":1: retention=5 weeks: not a time"),
                           ("log-level = loud\n", ":1: log-level=loud: choose error, warning,"),
                           ("log-format = xml\n", ":1: log-format=xml: choose text or json")):
            file.write_text(text)
            self.batond("--config", file, "--data", self.folder / "data", status=2,
                        says=(str(file), says))
        self.batond("--config", self.folder / "ghost", status=9, says="ghost")

    def test_wrong_flags_are_refused(self):
        for flags, says in ((["--bogus", "1"], "bogus"), (["--sessions", "0"], "--sessions"),
                            (["--data"], "--data"), (["serve"], "serve"),
                            (["--listen", "http://x"], "http://x")):
            self.batond("--data", self.folder / "data", *flags, status=2, says=says)

    def test_help_and_version(self):
        self.assertIn(b"--listen", self.batond("--help", status=0).stdout)
        self.assertRegex(self.batond("--version", status=0).stdout, rb"^batond \d+\.\d+\.\d+")


class Log(DaemonScenario):
    VERBS = ["attach", "attach", "log", "look", "persist", "status"]

    def use(self):
        """The line about a request is written when its client has its answer and may be gone:
        it can come behind that of the next request, and behind `stopping`."""
        self.persist("a", {"a": "1"})
        self.attach("b")
        self.baton("ls")
        self.baton("log")
        self.status()
        self.refused("attach", self.missing(), workflow="gh ost\"", status=3)
        self.daemon.stop()

    def test_text_has_one_line_for_each_request(self):
        self.use()
        lines = [line.split(" ", 3) for line in self.daemon.read_log().splitlines()]
        for time, level, _, _ in lines:
            self.assertRegex(time, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(level, ("info", "warning", "error"))
        events = [verb.rstrip(":") for _, _, verb, _ in lines]
        self.assertEqual((events.count("stopping"), events[-1]), (1, "stopped"))
        requests = [(verb.rstrip(":"), text) for _, _, verb, text in lines if "result=" in text]
        self.assertEqual(sorted(verb for verb, _ in requests), self.VERBS)
        persist, = [text for verb, text in requests if verb == "persist"]
        for word in ("workflow=w", "job=a", "layer=", "files=1", "bytes=1", "result=ok", "ms="):
            self.assertIn(word, persist)
        refused, = [text for _, text in requests if "result=ok" not in text]
        self.assertIn("result=not-found", refused)

    def test_json_has_one_object_for_each_request(self):
        self.start_daemon("daemon", "--log-format", "json")
        self.use()
        events = [json.loads(line) for line in self.daemon.read_log().splitlines()]
        requests = [event for event in events if "result" in event]
        self.assertEqual(sorted(event["event"] for event in requests), self.VERBS)
        persist, = [event for event in requests if event["event"] == "persist"]
        self.assertEqual((persist["job"], persist["files"], persist["result"]), ("a", 1, "ok"))
        refused, = [event for event in requests if event["result"] != "ok"]
        self.assertEqual((refused["result"], refused["workflow"]), ("not-found", "gh ost\""))

    def test_the_level_leaves_lines_out(self):
        self.start_daemon("daemon", "--log-level", "error")
        self.use()
        self.daemon.restart()
        self.assertEqual(self.daemon.read_log(), "")


class OtherPeers(DaemonScenario):
    def talk(self, data, family=socket.AF_UNIX, address=None):
        """Sends bytes; what comes back until the daemon hangs up."""
        with socket.socket(family) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(address or str(self.daemon.socket))
            peer.sendall(data)
            received = b""
            while piece := peer.recv(65536):
                received += piece
        return received

    def test_an_http_client_gets_an_http_answer(self):
        port = free_port()
        self.start_daemon("daemon", "--listen", f"tcp://127.0.0.1:{port}")
        for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /x HTTP/1.0\r\n\r\n"):
            with self.nothing_changes():
                answer = self.talk(request, socket.AF_INET, ("127.0.0.1", port))
            self.assertRegex(answer, rb"^HTTP/1\.1 400 .*\r\n")
            self.assertIn(b"batond", answer)

    def test_rubbish_is_refused_and_the_daemon_goes_on(self):
        for rubbish in (b"\xff" * 100, b"\0" * 8, b"SSH-2.0-OpenSSH\r\n", random_bytes(5000),
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)):
            with self.nothing_changes():
                self.talk(rubbish)
        self.assertTrue(self.daemon.log_lines("refused"))

    def test_a_peer_that_sends_and_sends_has_the_daemon_not_for_itself(self):
        """KEEPALIVEs without end; a small message, so that the socket is never empty."""
        flood = encode_map(Type.KEEPALIVE) * 4096
        script = ("import socket, sys\n"
                  "peer = socket.socket(socket.AF_UNIX)\n"
                  "peer.connect(sys.argv[1])\n"
                  "peer.sendall(bytes.fromhex(sys.argv[2]))\n"
                  "flood = bytes.fromhex(sys.stdin.read())\n"
                  "print(flush=True)\n"
                  "while True:\n"
                  "    peer.sendall(flood)\n")
        with subprocess.Popen(
                ["/usr/bin/python3", "-c", script, self.daemon.socket,
                 encode_map(Type.HELLO, HELLO).hex()], text=True, stderr=subprocess.DEVNULL,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peer:
            try:
                peer.stdin.write(flood.hex())
                peer.stdin.close()
                peer.stdout.readline()
                for _ in range(20):
                    self.baton("status", "--timeout", "5")
            finally:
                peer.kill()

    def test_peers_that_say_nothing_do_not_keep_others_out(self):
        idle = [socket.socket(socket.AF_UNIX) for _ in range(200)]
        for peer in idle:
            self.addCleanup(peer.close)
            peer.connect(str(self.daemon.socket))
        self.persist("a", {"a": "1"})
        self.assertGreaterEqual(self.status()["connections"], 200)

    def test_beyond_its_sessions_a_request_waits_and_is_then_told_busy(self):
        self.start_daemon("daemon", "--sessions", "1", "--queue-wait", "100ms")
        root = self.tree({"big": BIG})
        hold = Hold("up", 1_000_000)
        persist = self.popen("persist", "--server", self.proxy(hold).url, "--root", root, ".",
                             job="a")
        hold.wait()
        self.refused("status", workflow=None, status=7, says="busy")
        hold.release()
        persist.communicate()
        self.assertEqual(persist.returncode, 0)
        self.status()

    def test_a_client_that_is_busy_without_a_word_is_not_given_up(self):
        """A file of zeros is one unit again and again: hashed, and nothing to say of it."""
        self.start_daemon("daemon", "--silence", "600ms")  # 400 of them for a busy machine
        root = self.tree({"small": "x"})
        with open(root / "zeros", "wb") as file:
            file.truncate(3 << 29)
        result = self.baton("persist", "--json", "--root", root, ".", job="a").json
        self.assertEqual(result["bytes"], (3 << 29) + 1)
        self.assertNotIn("timeout", self.daemon.read_log())

    def test_a_peer_that_does_not_greet_in_time_is_told_so(self):
        """However it spends its time; who has greeted has longer."""
        self.start_daemon("daemon", "--hello", "200ms")
        with Connection(self.daemon.url) as greeted:
            for begin in (b"", encode_map(Type.HELLO, HELLO)[:-1]):
                with Link(open_socket(self.daemon.url)) as link:
                    link.send_bytes(begin)
                    with self.assertRaisesRegex(Refused, "no HELLO within 0.2 s") as refused:
                        link.expect(Type.WELCOME)
                    self.assertEqual(refused.exception.code, Code.TIMEOUT)
                    with self.assertRaises(Lost):
                        link.receive()
            greeted.send_map(Type.STATUS, {})
            self.assertEqual(greeted.expect_map(Type.STATUS_REPLY)["version"], 1)

    def test_a_peer_that_falls_silent_in_a_request_is_told_so(self):
        self.start_daemon("daemon", "--silence", "100ms")
        with Connection(self.daemon.url) as connection:
            connection.send_map(Type.PERSIST, {"workflow": "w", "job": "a", "key": bytes(16)})
            connection.expect_map(Type.READY)
            with self.assertRaisesRegex(Refused, "heard nothing from this client"):
                connection.expect_map(Type.COMMITTED)


class Stopping(DaemonScenario):
    def running_persist(self, *flags):
        """With a --timeout its patience while it is held is bounded, too: only for one that is
        to fail."""
        root = self.tree({"big": BIG})
        hold = Hold("up", 1_000_000)
        proxy = self.proxy(hold)
        persist = self.popen("persist", "--server", proxy.url, *flags, "--root", root, ".",
                             job="a")
        hold.wait()
        return persist, hold

    def wait_for_log(self, word):
        """The daemon writes its log by itself; looks until the word is there."""
        while not self.daemon.log_lines(word):
            self.assertIsNone(self.daemon.process.poll(), self.daemon.read_log())

    def test_sigterm_without_sessions_ends_at_once_and_clean(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.persist("a", {"a": ""})
            self.assertEqual(self.daemon.stop(number), 0)
            self.assertFalse(self.daemon.socket.exists())
            self.assertTrue((self.daemon.data / "clean").exists())
            self.daemon.start()
            self.assertFalse((self.daemon.data / "clean").exists())

    def test_sigterm_lets_running_sessions_finish(self):
        persist, hold = self.running_persist()
        self.daemon.process.send_signal(signal.SIGTERM)
        self.wait_for_log("stopping")
        self.refused("status", "--timeout", "0.05", workflow=None, status=7)
        hold.release()
        _, err = persist.communicate()
        self.assertEqual(persist.returncode, 0, err)
        self.assertEqual(self.daemon.wait(), 0)
        self.daemon.start()
        self.assertEqual(self.status()["layers"], 1)

    def test_a_second_sigterm_interrupts_them(self):
        persist, hold = self.running_persist("--timeout", "1")
        self.daemon.process.send_signal(signal.SIGTERM)
        self.wait_for_log("stopping")
        self.daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(), 0)
        hold.release()
        _, err = persist.communicate()
        self.assertEqual(persist.returncode, 7, err)
        self.daemon.start()
        self.assertEqual(self.status()["layers"], 0)

    def test_after_the_stop_timeout_they_are_interrupted(self):
        self.start_daemon("daemon", "--stop-timeout", "50ms")
        persist, hold = self.running_persist("--timeout", "1")
        self.assertEqual(self.daemon.stop(), 0)
        hold.release()
        persist.communicate()
        self.assertEqual(persist.returncode, 7)

    def test_a_request_that_waits_is_told_of_the_end(self):
        self.start_daemon("daemon", "--sessions", "1")
        persist, hold = self.running_persist()
        with Connection(self.daemon.url) as waiting:
            waiting.send_map(Type.STATUS, {})
            Connection(self.daemon.url).close()  # its greeting came behind that request
            self.daemon.process.send_signal(signal.SIGTERM)
            with self.assertRaisesRegex(Refused, "shutting down"):
                waiting.expect_map(Type.STATUS_REPLY)
        self.assertIn("request=status", self.daemon.log_lines("shutting down")[0])
        hold.release()
        persist.communicate()
        self.assertEqual((persist.returncode, self.daemon.wait()), (0, 0))
        self.daemon.start()

    def test_a_catalogue_that_cannot_be_written_ends_it(self):
        """Also where it is not a commit that finds out."""
        self.persist("a", {"a": "1"})
        size = (4096, resource.RLIM_INFINITY)
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_FSIZE, size)
        self.refused("attach", self.missing(), "--timeout", "0.2", job="b", status=7,
                     says="a write or sync has failed")
        self.assertEqual(self.daemon.wait(), 1)
        self.daemon.start()
        self.assertEqual(contents(self.attach("b")[1]), {"a": "1"})

    def test_idle_connections_do_not_hold_it_up(self):
        peers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for peer in peers:
            self.addCleanup(peer.close)
            peer.connect(str(self.daemon.socket))
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start()

    def test_a_clean_stop_needs_no_rebuilding(self):
        self.persist("a", {"a": BIG})
        self.daemon.restart()
        self.assertEqual(self.status()["index_state"], "ready")
        self.assertEqual(self.persist("b", {"b": BIG})["new_bytes"] < 5000, True)


class Retention(DaemonScenario):
    def test_workflows_without_contact_expire(self):
        for workflow in ("old", "w"):
            self.persist("a", {"a": ""}, workflow=workflow)
        self.daemon.expire("old")
        self.assertTrue(self.daemon.log_lines("1 workflow expired"))
        self.refused("log", workflow="old", status=3, says="expired")
        self.assertEqual(contents(self.attach()[1]), {"a": ""})

    def test_with_a_retention_of_0_nothing_expires(self):
        self.start_daemon("daemon", "--retention", "0")
        self.persist("a", {"a": "1"})
        self.daemon.expire("w")
        self.assertEqual(contents(self.attach()[1]), {"a": "1"})


class Check(DaemonScenario):
    def test_a_sound_store_passes(self):
        self.persist("a", {"a": BIG, "b": "small"})
        self.daemon.stop()
        for flags in ([], ["--read-data"]):
            status, out, err = self.daemon.check(*flags)
            self.assertEqual((status, err), (0, ""))
            self.assertRegex(out, r"^1 layers, .*no damage\n$")
        self.daemon.start()

    def test_damage_is_named_with_the_layers_it_touches(self):
        made = self.persist("a", {"a": BIG})
        self.persist("b", {"b": "sound"}, workflow="other")
        self.daemon.stop()
        segment = max(self.daemon.segments(), key=lambda path: path.stat().st_size)
        stored = bytearray(segment.read_bytes())
        stored[stored.index(BIG[1_000_000:1_000_064])] ^= 1
        segment.write_bytes(stored)
        status, out, err = self.daemon.check("--read-data")
        self.assertEqual(status, 6, out)
        self.assertIn(made["layer"], out)
        self.assertRegex(err, r"^batond: .*damaged\n$")
        self.assertTrue(re.search(r"^damaged: .*" + segment.name, out, re.MULTILINE), out)
        self.daemon.start()

    def test_a_running_daemon_is_left_alone(self):
        self.persist("a", {"a": ""})
        self.batond("check", "--data", self.daemon.data, status=7, says=str(self.daemon.data))
        self.status()

    def test_a_missing_store_is_not_made(self):
        self.batond("check", "--data", self.folder / "ghost", status=3, says="ghost")
        self.assertFalse((self.folder / "ghost").exists())
