"""Machines for tests: each with a network, mounts, a host name and a user of its own.

A Line joins them by veth pairs and a bridge in a namespace between them, where a tap (tap.py)
or a relay (relay.py) can stand. A machine sees the host's files read-only, but for /tmp, which is
its own: programs are in /tmp/bin, its user's home is /tmp/home. Everything ends with the process
that began it, whichever way that ends: each namespace lives as long as a `cat` that reads from it.

Where this cannot be had, Line() raises NoMachines, which skips a test, with the reason.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
import unittest

PATIENCE = 60
CLONE_NEWNET = 0x40000000
NEEDED = ("unshare", "nsenter", "setpriv", "ip", "tc", "mount", "hostname")
GATE = 254  # the host number of the bridge itself
FIRST_USER = 41000
INHERITED = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")

PREPARE = """
set -e
umask 022
name=$1 folder=$2 user=$3
shift 3
hostname "$name"
mount -t tmpfs -o mode=1777 "$name" "$folder"
cd "$folder"
mkdir bin home
chown "$user:$user" home
cp -- "$@" bin
cat >hosts
mount --bind hosts /etc/hosts
mount --move . /tmp
for place in /var/tmp /dev/shm; do
	[ ! -d "$place" ] || mount -t tmpfs -o ro none "$place"
done
mount -o remount,bind,ro /
"""


class NoMachines(unittest.SkipTest):
    """Why there are none."""


class Namespace:
    """What `unshare WORDS` gives, held by a process; `enter` leads a command there."""

    def __init__(self, *words):
        self.holder = subprocess.Popen(
            ["unshare", *words, "sh", "-c", "echo; exec cat >/dev/null"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"\n":
            raise NoMachines(f"no namespaces: {self._end().strip()}")
        kinds = [word for word in words if word in ("--net", "--mount", "--uts")]
        self.enter = ["nsenter", "--target", str(self.holder.pid), *kinds]

    def _end(self):
        _, said = self.holder.communicate(timeout=PATIENCE)
        return said.decode(errors="replace")

    end = _end

    def run(self, *words, stdin=b""):
        done = subprocess.run([*self.enter, *map(str, words)], input=stdin, capture_output=True,
                              timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise NoMachines(
                f"no namespaces: {words[0]}: {done.stderr.decode(errors='replace').strip()}")

    def socket(self, *arguments):
        """A socket of this network, for this process."""
        made = []

        def make():
            libc = ctypes.CDLL(None, use_errno=True)
            fd = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if libc.setns(fd, CLONE_NEWNET) == 0:  # of this thread alone
                    made.append(socket.socket(*arguments))
            finally:
                os.close(fd)
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def connect(self, address):
        peer = self.socket(socket.AF_INET, socket.SOCK_STREAM)
        peer.connect(address)
        return peer

    def listen(self, address):
        listener = self.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(64)
        return listener


class Machine(Namespace):
    """Its commands are run by /bin/sh as its user, in its home."""

    def __init__(self, folder, name, number, hosts, programs):
        super().__init__("--net", "--mount", "--uts", "--propagation", "private")
        self.name, self.address, self.user = name, f"10.77.0.{number}", FIRST_USER + number
        self.run("sh", "-c", PREPARE, "sh", name, folder, self.user, *programs,
                 stdin=hosts.encode())
        self.run("ip", "link", "set", "lo", "up")

    def command(self, script):
        """With an umask that a shell has, whatever the tests were started with."""
        user = str(self.user)
        return [*self.enter, "setpriv", "--reuid", user, "--regid", user, "--clear-groups",
                "--pdeathsig", "TERM", "sh", "-c", "umask 022; cd /tmp/home\n" + script]

    def environment(self, variables):
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {**inherited, "HOME": "/tmp/home", "TMPDIR": "/tmp",
                "PATH": "/tmp/bin:" + os.environ["PATH"], **variables}

    def shell(self, script, **variables):
        """Runs it; returns what ended, with its output as text."""
        return subprocess.run(self.command(script), env=self.environment(variables),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE * 5, check=False)

    def popen(self, script, output, **variables):
        return subprocess.Popen(self.command(script), env=self.environment(variables),
                                stdin=subprocess.DEVNULL, stdout=output, stderr=output)


class Line:
    """Machines by their names, joined. `middle` is the namespace with the bridge; the machine's
    end there has the machine's name. Each machine has these programs."""

    def __init__(self, folder, names, programs):
        if os.geteuid() != 0:
            raise NoMachines("only root makes machines with users of their own")
        for program in NEEDED:
            if not shutil.which(program):
                raise NoMachines(f"{program} is not installed")
        self.namespaces, self.machines = [], {}
        self.middle_address = f"10.77.0.{GATE}"
        try:
            self._make(folder, names, [path.resolve() for path in programs])
        except BaseException:
            self.end()
            raise

    def _make(self, folder, names, programs):
        self.middle = self._keep(Namespace("--net"))
        self.middle.run("ip", "link", "add", "name", "bridge", "type", "bridge")
        self.middle.run("ip", "address", "add", f"{self.middle_address}/24", "dev", "bridge")
        for link in ("lo", "bridge"):
            self.middle.run("ip", "link", "set", link, "up")
        hosts = "127.0.0.1 localhost\n" + "".join(
            f"10.77.0.{number} {name}\n" for number, name in enumerate(names, 1))
        for number, name in enumerate(names, 1):
            place = folder / name
            place.mkdir()
            machine = self._keep(Machine(place, name, number, hosts, programs))
            self.machines[name] = machine
            self._join(machine)

    def _keep(self, namespace):
        self.namespaces.append(namespace)
        return namespace

    def _join(self, machine):
        self.middle.run("ip", "link", "add", "name", machine.name, "type", "veth", "peer", "name",
                        "eth0", "netns", machine.holder.pid)
        self.middle.run("ip", "link", "set", machine.name, "master", "bridge", "up")
        machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "eth0")
        machine.run("ip", "link", "set", "eth0", "up")

    def limit(self, name, rate):
        """The machine's line carries so much (as tc writes it), each way."""
        words = ("root", "tbf", "rate", rate, "burst", "256kb", "latency", "50ms")
        self.machines[name].run("tc", "qdisc", "replace", "dev", "eth0", *words)
        self.middle.run("tc", "qdisc", "replace", "dev", name, *words)

    def end(self):
        for namespace in reversed(self.namespaces):
            namespace.end()
