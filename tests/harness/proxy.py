"""Stands between a client and a daemon, and does something at a chosen byte.

A plan is a list with one entry for each connection, in order; None, and what comes after
the list, goes through untouched. With it a test has its moment without waiting for one:

    Cut("up", 1000)    both sides lose the connection after 1000 bytes to the daemon
    Hold("down", 0)    nothing more goes that way until release(); `held` is then set
    Flip("down", 500)  the byte at 500 arrives inverted
"""

import os
import socket
import threading

from relay import Relay

PATIENCE = 60
PIECE = 65536


class Cut:
    def __init__(self, way, at):
        self.way, self.at = way, at

    def act(self, connection):
        connection.close()

    def end(self):
        pass


class Hold(Cut):
    def __init__(self, way, at):
        super().__init__(way, at)
        self.held, self.released = threading.Event(), threading.Event()

    def act(self, _connection):
        self.held.set()
        self.released.wait(PATIENCE)

    def wait(self):
        assert self.held.wait(PATIENCE), f"the connection ended before byte {self.at} {self.way}"

    def release(self):
        self.released.set()

    end = release


class Flip(Cut):
    def act(self, connection):
        connection.flip = self.way


class Connection:
    """Two sockets and a thread for each way; counts what went through."""

    def __init__(self, client, daemon, step):
        self.sockets = {"up": (client, daemon), "down": (daemon, client)}
        self.step, self.flip = step, None
        self.bytes = {"up": 0, "down": 0}
        self.threads = [threading.Thread(target=self.forward, args=(way,)) for way in self.bytes]

    def start(self):
        for thread in self.threads:
            thread.start()

    def forward(self, way):
        source, sink = self.sockets[way]
        step = self.step if self.step and self.step.way == way else None
        try:
            while True:
                if step and self.bytes[way] == step.at:
                    step, due = None, step
                    due.act(self)
                data = source.recv(min(PIECE, step.at - self.bytes[way]) if step else PIECE)
                if not data:
                    break
                if self.flip == way:
                    data, self.flip = bytes([data[0] ^ 0xff]) + data[1:], None
                # Counted before it arrives, so that who has seen it finds it counted.
                self.bytes[way] += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()

    def close(self):
        for end in self.sockets["up"]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def end(self):
        if self.step:
            self.step.end()
        self.close()
        for thread in self.threads:
            thread.join()
        for end in self.sockets["up"]:
            end.close()


class Proxy(Relay):
    """Listens at `url`; to be ended with end()."""

    def __init__(self, folder, target, *plan):
        self.path, self.target, self.plan = os.path.join(folder, "proxy"), str(target), list(plan)
        self.url = f"unix:{self.path}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.path)
        listener.listen(64)
        super().__init__(listener, self._connect, self._pair)

    def _connect(self):
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            daemon.connect(self.target)
        except OSError:
            daemon.close()
            raise
        return daemon

    def _pair(self, client, daemon):
        number = len(self.connections)
        return Connection(client, daemon, self.plan[number] if number < len(self.plan) else None)

    def end(self):
        super().end()
        os.unlink(self.path)
