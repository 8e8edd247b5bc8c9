"""What the HTTP scenarios share: a daemon that serves HTTP, requests to it, and the names that
hurt. Requests go through Python's http.client, raw ones through a socket."""

import http.client
import json
import os
import pathlib
import re
import socket
import urllib.parse

import jsonschema

from harness import PATIENCE
from token_case import TokenScenario

OPENAPI = pathlib.Path(__file__).parents[2] / "daemon" / "http" / "openapi.json"

# Names that some layer of URLs, JSON, heads or archives has a meaning for.
HOSTILE_NAMES = (
    b"plain.txt", b"with space", b"plus+plus", b"per%cent", b"%41", b"%2e%2e", b"quote\"d",
    b"it's", b"ha#sh", b"quest?ion", b"am&p;er", b"semi;colon", b"back\\slash", b"new\nline",
    b"car\rriage", b"tab\there", b"\xff\xfe\x80", b"caf\xc3\xa9", "日本語".encode(), b"~tilde",
    b"-dash", b"<script>alert(1)<", b"a:b", b"\x01\x1b[31m", b".hidden", b"...", b"CON", b"a=b",
    b"\\xff", b"trailing.", b" lead", b"x" * 255)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the daemon's own socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self.path))


class Answer:
    def __init__(self, response):
        self.status, self.head = response.status, response.headers
        try:
            self.body, self.broken = response.read(), False
        except (http.client.IncompleteRead, ConnectionResetError) as cut:
            self.body, self.broken = getattr(cut, "partial", b""), True

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.head)}\n{self.body[:2000]!r}"


def quote(name):
    return urllib.parse.quote(name, safe="")


def unescape(text):
    """The bytes of a name as JSON has it (README, "What an attach gives")."""
    raw = text.encode()
    return re.sub(rb"\\(\\|x[0-9a-f]{2})",
                  lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)]), raw)


class HttpScenario(TokenScenario):
    """self.get() asks as this user over the Unix socket; with way="tcp" over loopback."""

    flags = ("--listen", "http://127.0.0.1:0")

    @property
    def port(self):
        return int(re.findall(r"listening: http://127\.0\.0\.1:(\d+)", self.daemon.read_log())[-1])

    def open_http(self, way="unix"):
        connection = (UnixConnection(self.daemon.socket) if way == "unix" else
                      http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE))
        self.addCleanup(connection.close)
        return connection

    def get(self, target, status=200, method="GET", way="unix", **heads):
        connection = self.open_http(way)
        connection.request(method, target, headers={
            key.replace("_", "-"): value for key, value in heads.items()})
        answer = Answer(connection.getresponse())
        if status is not None:
            self.assertEqual(answer.status, status, (target, answer))
        return answer

    def raw(self, data, way="tcp"):
        """Sends bytes as they are and reads until the end of the connection."""
        family = socket.AF_UNIX if way == "unix" else socket.AF_INET
        with socket.socket(family) as plain:
            plain.settimeout(PATIENCE)
            plain.connect(str(self.daemon.socket) if way == "unix" else ("127.0.0.1", self.port))
            received = b""
            try:
                plain.sendall(data)
                plain.shutdown(socket.SHUT_WR)
                while chunk := plain.recv(65536):
                    received += chunk
            except OSError:  # it was cut off
                pass
            return received

    def anonymous_bytes(self):
        """Memory of the daemon that is no file's."""
        with open(f"/proc/{self.daemon.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) << 10 for line in status
                        if line.startswith("RssAnon:"))

    def url(self, *parts):
        return "/api/v1/namespaces/" + "/".join(quote(part) for part in parts)

    def persist_tree(self, files, job="build", workflow="w", namespace="default", mode=0o644):
        """files: bytes by name. Returns the layer's id."""
        root = self.folder / f"tree-{job}-{workflow}"
        for name, content in files.items():
            path = os.path.join(os.fsencode(root), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, mode)
        return self.baton("persist", "--json", "--namespace", namespace, ".", job=job,
                          workflow=workflow, cwd=root).json["layer"]


def _closed(schema):
    """JSON Schema of what OpenAPI 3.0 calls one: `nullable` is a type of its own there."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


class Description:
    """The OpenAPI document, to hold answers against."""

    def __init__(self, document):
        self.document = document
        self.schemas = _closed(document["components"])

    def check(self, name, value):
        schema = {"$ref": f"#/components/schemas/{name}", "components": self.schemas}
        jsonschema.validate(value, schema)
