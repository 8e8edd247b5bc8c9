"""A daemon that says what a test tells it to, to the real client: PROTOCOL.md §2 and §6."""

from __future__ import annotations

import pathlib
import socket
import threading
from typing import Any, Callable, Iterable, Sequence

import client
import frames
from manifest import FILE, DIRECTORY, SYMLINK, Row
from wire import Link, Lost, Malformed, PATIENCE, Refused, Type, encode_map

WELCOME: dict[str, Any] = {
    "version": 1, "software": "fake 1", "features": [], "hashes": ["xxh3-128", "sha256"],
    "codecs": ["zstd"], "ask_window": 16384, "keepalive_ms": 5000,
}
LAYER: dict[str, Any] = {
    "layer": "00000000000000a1", "workflow": "w", "run": "1", "job": "build", "attempt": "1",
    "sequence": 1, "digest": bytes(32), "files": 1, "created_ms": 1_700_000_000_000,
}
Script = Callable[[Link], None]


class FakeDaemon:
    """Accepts connections on a Unix socket and runs the script on each, one at a time."""

    def __init__(self, folder: pathlib.Path, script: Script):
        self.socket = folder / "fake.sock"
        self.url = f"unix:{self.socket}"
        self.script = script
        self.connections = 0
        self.failures: list[BaseException] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            peer.settimeout(PATIENCE)
            with Link(peer) as link:
                try:
                    self.script(link)
                except (Lost, Malformed):
                    pass  # the client went away, as it may
                except Refused as refused:
                    if not refused.error.get("frame"):  # one that it found damaged
                        self.failures.append(refused)
                except BaseException as failure:  # told to the test by its own thread
                    self.failures.append(failure)


def greet(link: Link, **changes: Any) -> None:
    link.expect(Type.HELLO)
    link.send_map(Type.WELCOME, {**WELCOME, **changes})


def totals(rows: Iterable[Row]) -> dict[str, int]:
    counted = list(rows)
    return {"files": sum(row.type == FILE for row in counted),
            "directories": sum(row.type == DIRECTORY for row in counted),
            "symlinks": sum(row.type == SYMLINK for row in counted),
            "bytes": sum(row.size for row in counted),
            "units": sum(len(row.units) for row in counted)}


def answer_wants(link: Link, contents: Sequence[bytes]) -> None:
    """FRAMEs for each round of WANT, RECORDED for ATTACHED."""
    while True:
        message = link.expect(Type.WANT, Type.ATTACHED)
        if message.type == Type.ATTACHED:
            link.send_map(Type.RECORDED)
            link.drain()
            return
        if message.payload[0]:
            for frame in contents:
                link.send(Type.FRAME, frame)
            link.send_map(Type.FRAMES_END)


def view(rows: Sequence[bytes], end: dict[str, int], contents: Sequence[bytes] = (),
         layers: Sequence[dict[str, Any]] = (LAYER,)) -> Script:
    """Serves one attach: ROWS payloads, the keys of ROWS_END, frames."""

    def script(link: Link) -> None:
        greet(link)
        link.expect(Type.ATTACH)
        link.send_map(Type.VIEW, {"layers": list(layers)})
        for payload in rows:
            link.send(Type.ROWS, payload)
        link.send_map(Type.ROWS_END, end)
        answer_wants(link, contents)

    return script


def view_of(tree: dict[bytes, client.Entry], contents: Sequence[bytes] | None = None) -> Script:
    """Serves a tree honestly, with other frames if some are given."""
    rows = sorted(client.rows_of(tree), key=lambda row: row.key)
    parts = [part for row in rows if row.type == FILE
             for part in client.chunks(tree[row.path].data)]
    if contents is None:
        contents = [frames.encode_frame(group) for group in frames.group(dict.fromkeys(parts))]
    return view([frames.encode_rows(rows)], totals(rows), contents)


def encode_welcome() -> bytes:
    return encode_map(Type.WELCOME, WELCOME)


def encode_view() -> bytes:
    return encode_map(Type.VIEW, {"layers": [LAYER]})


def encode_rows_end(rows: Iterable[Row]) -> bytes:
    return encode_map(Type.ROWS_END, totals(rows))


def say(stream: bytes) -> Script:
    """Says all of it, whatever the client says, and then only listens."""

    def script(link: Link) -> None:
        link.send_bytes(stream)
        link.peer.shutdown(socket.SHUT_WR)
        _listen(link)

    return script


def _listen(link: Link) -> None:
    try:
        while link.peer.recv(1 << 16):
            pass
    except OSError:
        pass

