"""What the test_wire_* scenarios share: connections of the Python client to a real daemon."""

import os
import socket
from typing import Any

import client
import frames
import manifest
from harness import is_sanitized, Scenario
from manifest import unit_of
from wire import HELLO, Connection, Link, Lost, Message, Refused, Type, encode_map, open_socket

SMALL = {b"a.txt": client.file("alpha\n"), b"d": client.directory(),
         b"d/b.txt": client.file("beta\n", 0o755), b"d/l": client.symlink(b"../a.txt")}


# A sanitizer keeps freed memory for a while and shadows all of it.
MEMORY_FACTOR = 8 if is_sanitized() else 1


def identity(job: str | None = None, workflow: str = "w", **more: Any) -> dict[str, Any]:
    return {"workflow": workflow, **({} if job is None else {"job": job}), **more}


def small(marker: str) -> dict[bytes, client.Entry]:
    """A tree that no other marker gives."""
    return {**SMALL, b"marker": client.file(marker)}


class WireScenario(Scenario):
    def setUp(self) -> None:
        super().setUp()
        self.start_daemon()

    def connect(self) -> Connection:
        connection = Connection(self.daemon.url)
        self.addCleanup(connection.close)
        return connection

    def raw(self) -> Link:
        """A connection that has not greeted."""
        link = Link(open_socket(self.daemon.url))
        self.addCleanup(link.close)
        return link

    def upload(self, who: dict[str, Any], key: bytes | None = None, **options: Any
               ) -> client.Upload:
        """A persist up to READY, on a connection of its own."""
        return client.Upload(self.connect(), who, key or os.urandom(16), **options)

    def put(self, who: dict[str, Any], tree: dict[bytes, client.Entry], **options: Any
            ) -> client.Persisted:
        with Connection(self.daemon.url) as connection:
            return client.persist(connection, who, tree, **options)

    def get(self, who: dict[str, Any], **filters: Any) -> client.View:
        with Connection(self.daemon.url) as connection:
            return client.attach(connection, who, **filters)

    def layers(self, workflow: str = "w", **options: Any) -> list[dict[str, Any]]:
        with Connection(self.daemon.url) as connection:
            return client.log(connection, identity(workflow=workflow, **options), all=True)

    def assert_refused(self, code: int, action, *arguments: Any, **options: Any) -> Refused:
        """The action ends with this ERROR; the daemon still answers others."""
        try:
            result = action(*arguments, **options)
        except Refused as refused:
            self.assertEqual(refused.code, code, refused)
            self.assertNotEqual(refused.message, "")
            self.assert_serves()
            return refused
        raise AssertionError(f"not refused with {code}: {result!r}")

    def assert_serves(self) -> None:
        with Connection(self.daemon.url) as connection:
            self.assertEqual(client.status(connection)["version"], 1)

    def assert_ends(self, link: Link, code: int | None) -> list[Message]:
        """The peer sends ERROR `code` (None: nothing is asked) and closes."""
        messages = link.drain()
        errors = [message.map["code"] for message in messages if message.type == Type.ERROR]
        if code is not None:
            self.assertEqual(errors, [code], messages)
        return messages


def conversation(url: str, who: dict[str, Any], tree: dict[bytes, client.Entry],
                 key: bytes) -> tuple[bytes, bytes]:
    """What client and daemon say in a whole persist."""
    with Connection(url) as connection:
        client.persist(connection, who, tree, key)
        return bytes(connection.sent), bytes(connection.received)


def say(url: str, data: bytes) -> None:
    """Sends bytes and drops the connection without reading."""
    link = Link(open_socket(url))
    try:
        link.send_bytes(data)
    except Lost:
        pass
    link.close()


def say_and_listen(url: str, data: bytes) -> bytes:
    """Sends bytes, says that no more come, and reads until the peer closes."""
    link = Link(open_socket(url))
    try:
        link.send_bytes(data)
        link.peer.shutdown(socket.SHUT_WR)
    except (Lost, OSError):
        pass
    link.drain()
    link.close()
    return bytes(link.received)


def hello(**changes: Any) -> bytes:
    return encode_map(Type.HELLO, {**HELLO, **changes})


__all__ = ["MEMORY_FACTOR", "SMALL", "WireScenario", "client", "conversation", "frames", "hello",
           "identity", "manifest", "say", "say_and_listen", "small", "unit_of"]
