"""Stands between a client and a daemon, on whatever sockets it is given, and makes a line
of it that is long: Delayed holds all bytes for a while, LockStep counts how often it is crossed.
"""

import collections
import fcntl
import os
import pathlib
import select
import socket
import struct
import termios
import threading
import time

PATIENCE = 60
PIECE = 1 << 18
UNDER_WAY_MAX = 32 << 20  # bytes that a Delayed holds, each way


class Relay:
    """Takes connections from `listener`, which it owns; for each there is `connect()`, the way
    to the daemon, and `pair(client, daemon)`, which owns both and begins with start(). To be
    ended with end()."""

    def __init__(self, listener, connect, pair=None):
        self.listener, self.connect = listener, connect
        self.pair = pair or Delayed
        self.connections = []
        self.wake_reader, self.wake = os.pipe()
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def _accept(self):
        while self.listener in select.select([self.listener, self.wake_reader], [], [])[0]:
            client, _ = self.listener.accept()
            try:
                daemon = self.connect()
            except OSError:
                client.close()
                continue
            # It is known before anything goes over it: who has seen its effect finds it.
            self.connections.append(self.pair(client, daemon))
            self.connections[-1].start()

    def end(self):
        os.write(self.wake, b"x")
        self.thread.join()
        for connection in self.connections:
            connection.end()
        self.listener.close()
        os.close(self.wake)
        os.close(self.wake_reader)


def without_nagle(peer):
    if peer.family != socket.AF_UNIX:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Way:
    """What goes from one socket to another, each byte `seconds` after it came."""

    def __init__(self, source, sink, seconds):
        self.source, self.sink, self.seconds = source, sink, seconds
        self.under_way, self.held = collections.deque(), 0
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=work) for work in (self._take, self._give)]

    def _take(self):
        data = b"first"
        while data:
            try:
                data = self.source.recv(PIECE)
            except OSError:
                data = b""
            with self.changed:
                self.under_way.append((time.monotonic() + self.seconds, data))
                self.held += len(data)
                self.changed.notify_all()
                self.changed.wait_for(lambda: self.held < UNDER_WAY_MAX)

    def _give(self):
        """What comes after the sink is gone is taken all the same, up to the end."""
        while data := self._next():
            try:
                self.sink.sendall(data)
            except OSError:
                hang_up(self.source)
        try:
            self.sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _next(self):
        with self.changed:
            self.changed.wait_for(lambda: self.under_way)
            due, data = self.under_way.popleft()
            self.held -= len(data)
            self.changed.notify_all()
        time.sleep(max(0, due - time.monotonic()))
        return data


class Delayed:
    """Adds `seconds` each way, and changes nothing else."""

    def __init__(self, client, daemon, seconds=0):
        self.ends = (client, daemon)
        for end in self.ends:
            without_nagle(end)
        self.ways = [Way(client, daemon, seconds), Way(daemon, client, seconds)]

    def start(self):
        for way in self.ways:
            for thread in way.threads:
                thread.start()

    def end(self):
        for end in self.ends:
            hang_up(end)
        for way in self.ways:
            for thread in way.threads:
                thread.join()
        for end in self.ends:
            end.close()


def hang_up(peer):
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class LockStep:
    """A line that is longer than any work: what either side says is carried over only when
    both have nothing left to do but wait, all of it at once. So a crossing is one trip of
    the longest line, and their number does not depend on how busy the machine is.

    `processes` has the ids of both sides; the client's may be added after it has begun.
    crossings: for each the bytes that went (up, down).
    """

    def __init__(self, client, daemon, processes):
        self.ends, self.processes = (client, daemon), processes
        self.held = {client: bytearray(), daemon: bytearray()}
        self.open = {client, daemon}
        self.crossings = []
        for end in self.ends:
            without_nagle(end)
            end.setblocking(False)
        self.thread = threading.Thread(target=self._run)

    def start(self):
        self.thread.start()

    def _run(self):
        while len(self.open) == 2:
            if self._read() or not self._all_wait() or self._read():
                continue
            if any(self.held.values()):
                self._cross()
            else:
                select.select([*self.open], [], [], 0.001)
        for end in self.ends:
            hang_up(end)

    def _read(self):
        """Whether there was anything to read, the end included."""
        found = False
        for end in tuple(self.open):
            try:
                data = end.recv(PIECE)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            found = True
            self.held[end] += data
            if not data:
                self.open.discard(end)
        return found

    def _all_wait(self):
        if len(self.processes) < 2 or any(map(unsent, self.ends)):
            return False
        before = asleep(self.processes)
        return before is not None and asleep(self.processes) == before

    def _cross(self):
        client, daemon = self.ends
        self.crossings.append((len(self.held[client]), len(self.held[daemon])))
        for source, sink in ((client, daemon), (daemon, client)):
            data, self.held[source] = self.held[source], bytearray()
            sink.setblocking(True)
            try:
                sink.sendall(data)
            except OSError:
                self.open.discard(sink)
            sink.setblocking(False)

    def end(self):
        for end in self.ends:
            hang_up(end)
        self.thread.join()
        for end in self.ends:
            end.close()


def unsent(peer):
    """Bytes that the other side's kernel has not taken."""
    try:
        return struct.unpack("i", fcntl.ioctl(peer, termios.TIOCOUTQ, bytes(4)))[0]
    except OSError:
        return 0


def asleep(processes):
    """How often each thread of these processes has gone to sleep, if all of them do; else None.
    If two answers are the same, none was awake between them."""
    counts = {}
    for process in processes:
        for task in pathlib.Path(f"/proc/{process}/task").glob("*"):
            try:
                facts = dict(line.split(":\t", 1) for line in
                             (task / "status").read_text().splitlines() if ":\t" in line)
            except (FileNotFoundError, ProcessLookupError):
                continue
            if facts["State"][0] not in "SZX":
                return None
            counts[task.name] = (facts.get("voluntary_ctxt_switches"),
                                 facts.get("nonvoluntary_ctxt_switches"))
    return counts
