"""Sockets that a service manager passes: they take the place of --listen."""

import os
import socket
import stat
import subprocess
import sys
import tempfile

from harness import BATOND, PATIENCE, Daemon, Scenario, contents

# Becomes the daemon with its descriptors from 3 on, as systemd does it.
BECOME = """
import fcntl, os, sys
count, pid, numbers, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in numbers.split(",")]
for place, number in enumerate(high):
    os.dup2(number, 3 + place)
os.environ.update(LISTEN_FDS=count, LISTEN_PID=pid or str(os.getpid()), LISTEN_FDNAMES="x")
os.execv(command[0], command)
"""


def become(sockets, count=None, pid=""):
    numbers = ",".join(str(passed.fileno()) for passed in sockets)
    return (sys.executable, "-c", BECOME, str(len(sockets) if count is None else count), pid,
            numbers)


class Passed(Scenario):
    def unix(self, path=None, listens=True, kind=socket.SOCK_STREAM):
        """A socket as systemd would have opened it, by default in a folder of its own."""
        path = path or os.path.join(tempfile.mkdtemp(prefix="s-", dir=self.folder), "s")
        passed = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(passed.close)
        passed.bind(path)
        if listens:
            passed.listen()
        return passed

    def tcp(self, host="127.0.0.1", family=socket.AF_INET):
        passed = socket.socket(family)
        self.addCleanup(passed.close)
        passed.bind((host, 0))
        passed.listen()
        return passed

    def start(self, *sockets, **options):
        daemon = Daemon(self.folder / "passed", wrapper=become(sockets, **options),
                        pass_fds=[passed.fileno() for passed in sockets])
        self.daemons.append(daemon)
        return daemon

    def assert_not_started(self, says, *sockets, status, flags=(), **options):
        data = self.folder / "none"
        done = subprocess.run([*become(sockets, **options), BATOND, "--data", data, *flags],
                              pass_fds=[passed.fileno() for passed in sockets],
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, status, done)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, done.stderr.decode() + done.stdout.decode())
        self.assertFalse(data.exists())

    def test_the_passed_sockets_are_listened_on_and_the_configured_ones_are_not(self):
        one, two = self.unix(), self.tcp()
        daemon = self.start(one, two)
        self.assertFalse(daemon.socket.exists())
        urls = f"unix:{one.getsockname()}", f"tcp://127.0.0.1:{two.getsockname()[1]}"
        root = self.tree({"a": "1"})
        self.baton("persist", "--server", urls[0], "--root", root, ".", job="a")
        _, out = self.attach("b", "--server", urls[1])
        self.assertEqual(contents(out), {"a": "1"})
        for url in urls:
            self.assertTrue(any(url in line for line in daemon.log_lines("listening")))

    def test_the_service_manager_decides_who_may_connect(self):
        """What is said of the socket has to be what is so, or the daemon does not start."""
        passed = self.unix()
        os.chmod(passed.getsockname(), 0o640)
        group = os.stat(passed.getsockname()).st_gid
        for flags, said in ((("--socket-mode", "0600"), "socket-mode"),
                            (("--socket-group", str(group + 1)), "socket-group")):
            self.assert_not_started(
                (f"{said} is said to be another", "mode 0640", f"group {group}", "SocketMode="),
                passed, flags=flags, status=2)
        daemon = Daemon(self.folder / "agreed", "--socket-mode", "0640",
                        "--socket-group", str(group), wrapper=become([passed]),
                        pass_fds=[passed.fileno()])
        self.daemons.append(daemon)
        self.assertEqual(os.stat(passed.getsockname()).st_mode & 0o7777, 0o640)

    def test_what_waits_in_a_passed_socket_before_the_start_is_answered(self):
        passed = self.unix()
        waiting = subprocess.Popen(
            self.command("status", "--json", "--server", f"unix:{passed.getsockname()}"),
            env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE)
        self.addCleanup(waiting.stdout.close)
        self.start(passed)
        self.assertIn(b'"protocol"', waiting.communicate(timeout=PATIENCE)[0])
        self.assertEqual(waiting.returncode, 0)

    def test_the_socket_stays_when_the_daemon_stops_and_serves_the_next_one(self):
        passed = self.unix()
        path = passed.getsockname()
        os.chmod(path, 0o660)
        daemon = self.start(passed)
        url = f"unix:{path}"
        self.baton("persist", "--server", url, "--root", self.tree({"a": "1"}), ".", job="a")
        self.assertEqual(daemon.stop(), 0)
        mode = os.stat(path).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o660)
        daemon.start()
        _, out = self.attach("b", "--server", url)
        self.assertEqual(contents(out), {"a": "1"})

    def test_variables_for_another_process_are_not_for_the_daemon(self):
        passed = self.unix()
        daemon = self.start(passed, pid="1")
        self.assertTrue(daemon.socket.exists())
        self.baton("status", "--server", daemon.url, workflow=None)

    def test_what_cannot_be_listened_on_is_refused_before_the_store_is_touched(self):
        for says, status, passed in (
                ("not a listening stream socket", 2, self.unix(listens=False)),
                ("not a listening stream socket", 2,
                 self.unix(listens=False, kind=socket.SOCK_DGRAM)),
                ("abstract", 5, self.unix(path=f"\0baton-{os.getpid()}"))):
            with self.subTest(says=says, passed=passed):
                self.assert_not_started(says, passed, status=status)
        self.assert_not_started("at most 16", self.unix(), count=17, status=2)

    def test_a_tcp_socket_has_to_be_on_a_loopback_address(self):
        everywhere = self.tcp("0.0.0.0")
        done = subprocess.run(
            [*become([everywhere]), BATOND, "--data", self.folder / "data"],
            pass_fds=[everywhere.fileno()], capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 5, done)
        self.assertIn(b"loopback", done.stderr + done.stdout)
