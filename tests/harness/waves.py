"""A line that is so long that everything on it goes in waves: what one side sends arrives only
when that side has nothing more to say. How many waves the daemon answers with is how many round
trips the client waits for, whatever the line.

That a side is silent is seen by waiting for a moment, so a busy machine may split a wave and
count too many, never too few: the least of several counts holds.
"""

import select
import socket
import threading

PATIENCE = 60
SILENT_S = 0.15


class Waves:
    """Listens at `port` for connections to the port of a daemon; `counts` has the round trips
    of each that has ended. Ends with end()."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.counts, self.stopping = [], False
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def end(self):
        self.stopping = True
        with socket.create_connection(("127.0.0.1", self.port)):
            self.thread.join()
        self.listener.close()

    def _serve(self):
        while not self.stopping:
            client, _ = self.listener.accept()
            with client:
                if not self.stopping:
                    with socket.create_connection(("127.0.0.1", self.target_port)) as daemon:
                        self.counts.append(_count(client, daemon))


def _count(client, daemon):
    count = 0
    while True:
        wave = _wave(client)
        if not wave:
            return count
        daemon.sendall(wave)
        if select.select([daemon, client], [], [], PATIENCE)[0] == [client]:
            continue  # the client had more to say: the same wave
        wave = _wave(daemon)
        if not wave:
            return count
        client.sendall(wave)
        count += 1


def _wave(source):
    """All that it sends until it is silent; empty: it has ended."""
    wave, patience = b"", PATIENCE
    while select.select([source], [], [], patience)[0]:
        part = source.recv(1 << 18)
        if not part:
            break
        wave, patience = wave + part, SILENT_S
    return wave
