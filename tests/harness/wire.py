"""Messages on a connection: PROTOCOL.md §1 to §3, §8 and §9.

Nothing here or in manifest.py, frames.py and client.py is taken from the C programs: the
four follow the page, and so prove that it is enough.
"""

from __future__ import annotations

import enum
import socket
import ssl
import struct
from typing import Any, Iterable, NamedTuple

import msgpack

import tls

PROTOCOL_VERSION = 1
CONTROL_LEN_MAX = 256 * 1024
BULK_LEN_MAX = 3 * 1024 * 1024
HELLO_LEN_MAX = 20 * 1024
TOKEN_LEN_MAX = 16 * 1024
CRITICAL = 1
HEADER = struct.Struct("<IHBB")
PATIENCE = 60  # seconds of silence after which a peer is taken for dead; never waited for


class Type(enum.IntEnum):
    HELLO = 1
    WELCOME = 2
    ERROR = 3
    KEEPALIVE = 4
    PERSIST = 16
    READY = 17
    ASK = 18
    OFFER = 19
    UNITS = 20
    STORED = 21
    ROOT = 22
    COMMIT = 23
    COMMITTED = 24
    ATTACH = 32
    VIEW = 33
    ROWS = 34
    ROWS_END = 35
    WANT = 36
    FRAME = 37
    FRAMES_END = 38
    ATTACHED = 39
    RECORDED = 40
    WANT_ROWS = 41
    LOG = 48
    LOG_REPLY = 49
    STATUS = 50
    STATUS_REPLY = 51
    METRICS = 70
    METRICS_REPLY = 71
    BACKUP = 72
    BACKUP_REPLY = 73


BULK = frozenset({Type.ASK, Type.OFFER, Type.UNITS, Type.STORED, Type.ROOT, Type.ROWS,
                  Type.WANT, Type.FRAME})


class Code(enum.IntEnum):
    INTERNAL = 1
    USAGE = 2
    IDENTITY = 3
    NOT_FOUND = 4
    EMPTY = 5
    STALE = 6
    CONFLICT = 7
    DENIED = 8
    DAMAGED = 9
    UNEXPECTED = 10
    PROTOCOL = 11
    VERSION = 12
    UNREACHABLE = 13
    LOST = 14
    TIMEOUT = 15
    BUSY = 16
    SHUTDOWN = 17
    SUPERSEDED = 18
    READ_ONLY = 19
    NO_ROOM = 20
    LIMIT = 21
    NO_MEMORY = 22
    LOCAL = 23
    CHANGED = 24
    INTERRUPTED = 25
    QUOTA = 26


class Refused(Exception):
    """The peer sent ERROR."""

    def __init__(self, error: dict[str, Any]):
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.error = error
        self.code = error.get("code", 0)
        self.message = error.get("message", "")


class Lost(Exception):
    """The connection ended, between messages or in the middle of one."""


class Malformed(Exception):
    """The peer broke a rule of the page."""


class Message(NamedTuple):
    type: int
    flags: int
    payload: bytes

    @property
    def map(self) -> dict[str, Any]:
        return unpack_map(self.payload)


def pack_map(values: dict[str, Any]) -> bytes:
    return msgpack.packb(values, use_bin_type=True)


def unpack_map(payload: bytes) -> dict[str, Any]:
    try:
        values = msgpack.unpackb(payload, raw=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise Malformed(f"a control message that is not msgpack: {error}") from error
    if not isinstance(values, dict):
        raise Malformed("a control message that is not a map")
    for key in values:
        if not isinstance(key, str):
            raise Malformed("a key that is not a string")
        if key.startswith("!"):
            raise Malformed(f"a critical key that is not known: {key}")
    return values


def encode(type_: int, payload: bytes = b"", flags: int | None = None) -> bytes:
    """A whole message. Without flags it is critical where the table of §9 says so."""
    if flags is None:
        flags = 0 if type_ == Type.KEEPALIVE else CRITICAL
    return HEADER.pack(len(payload), type_, flags, 0) + payload


def encode_map(type_: int, values: dict[str, Any] | None = None) -> bytes:
    return encode(type_, pack_map(values or {}))


def split_messages(stream: bytes) -> list[bytes]:
    """Cuts what one side sent into its messages; a part of one at the end stays as it is."""
    messages = []
    while stream:
        length = HEADER.size + (HEADER.unpack_from(stream)[0] if len(stream) >= 8 else 0)
        messages.append(stream[:length])
        stream = stream[length:]
    return messages


def open_socket(url: str) -> socket.socket:
    if url.startswith("unix:"):
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(url.removeprefix("unix:"))  # waits where the backlog is full
        except OSError:
            peer.close()
            raise
        peer.settimeout(PATIENCE)
        return peer
    if url.startswith("tls://"):
        return open_tls(url)
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), PATIENCE)


def open_tls(url: str, context: ssl.SSLContext | None = None,
             source: str = "") -> ssl.SSLSocket:
    """TLS as §1 has it, with the pin deciding. source: the address to come from."""
    place, _, pin = url.removeprefix("tls://").partition("#")
    host, _, port = place.rpartition(":")
    plain = socket.create_connection((host.strip("[]"), int(port)), PATIENCE,
                                     (source, 0) if source else None)
    peer = (context or tls.client_context()).wrap_socket(plain)
    found = tls.pin_of_der(peer.getpeercert(binary_form=True))
    if peer.selected_alpn_protocol() != tls.ALPN or pin and pin != found:
        peer.close()
        raise Malformed(f"ALPN {peer.selected_alpn_protocol()}, pin {found}")
    return peer


class Link:
    """Messages over a socket that it owns. `sent` and `received` keep all bytes."""

    def __init__(self, peer: socket.socket):
        self.peer = peer
        self.sent = bytearray()
        self.received = bytearray()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.peer.close()

    def send_bytes(self, data: bytes) -> None:
        """Raises Lost if the peer is gone."""
        self.sent += data
        try:
            self.peer.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError) as error:
            raise Lost("the connection was closed while sending") from error

    def send(self, type_: int, payload: bytes = b"", flags: int | None = None) -> None:
        self.send_bytes(encode(type_, payload, flags))

    def send_map(self, type_: int, values: dict[str, Any] | None = None) -> None:
        self.send_bytes(encode_map(type_, values))

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self.peer.recv(min(count - len(data), 1 << 18))
            except (ConnectionResetError, ssl.SSLError):
                part = b""
            if not part:
                raise Lost(f"the connection ended {count - len(data)} bytes too early")
            data += part
        self.received += data
        return bytes(data)

    def receive(self) -> Message:
        """The next message, whatever it is."""
        length, type_, flags, zero = HEADER.unpack(self._read(HEADER.size))
        if zero:
            raise Malformed("the last byte of a header is not zero")
        if length > (BULK_LEN_MAX if type_ in BULK else CONTROL_LEN_MAX):
            raise Malformed(f"a message of type {type_} with {length} bytes")
        return Message(type_, flags, self._read(length))

    def expect(self, *types: int) -> Message:
        """The next message of these types. KEEPALIVE and what is not known and not critical
        are passed over; ERROR raises Refused."""
        while True:
            message = self.receive()
            if message.type in types:
                return message
            if message.type == Type.ERROR:
                raise Refused(message.map)
            known = message.type in Type.__members__.values()
            if message.type != Type.KEEPALIVE and (known or message.flags & CRITICAL):
                raise Malformed(f"type {message.type} where one of {types} belongs")

    def expect_map(self, type_: int) -> dict[str, Any]:
        return self.expect(type_).map

    def drain(self) -> list[Message]:
        """All messages until the peer closes."""
        messages = []
        try:
            while True:
                messages.append(self.receive())
        except Lost:
            return messages


HELLO: dict[str, Any] = {
    "versions": [PROTOCOL_VERSION],
    "software": "baton-python 1",
    "features": [],
    "hashes": ["xxh3-128", "sha256"],
    "codecs": ["zstd"],
}


class Connection(Link):
    """A greeted connection to a daemon."""

    def __init__(self, url: str, hello: dict[str, Any] | None = None, token: str = ""):
        super().__init__(open_socket(url))
        try:
            shown = {"token": token.encode()} if token else {}
            self.send_map(Type.HELLO, {**(HELLO if hello is None else hello), **shown})
            self.welcome = self.expect_map(Type.WELCOME)
            self.ask_window: int = self.welcome.get("ask_window", 0)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Connection:
        return self


def batches(items: Iterable[Any], count: int) -> Iterable[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == count:
            yield batch
            batch = []
    if batch:
        yield batch
