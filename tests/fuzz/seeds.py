#!/usr/bin/python3
"""What fuzzing begins with: inputs made from the golden files, which are always of today's
formats, and a few that a person would write.

usage: tests/fuzz/seeds.py FILE TARGET    writes them as replay.c reads them
"""

import pathlib
import struct
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = TOP / "tests" / "golden"
sys.path.insert(0, str(TOP / "tests" / "harness"))

import wire  # noqa: E402


def golden(name):
    """The examples of a message: each is what stands between two comments."""
    examples, digits = [], ""
    for line in (GOLDEN / "messages" / f"{name}.hex").read_text().splitlines() + ["#"]:
        if line.startswith("#"):
            if digits:
                examples.append(bytes.fromhex(digits))
            digits = ""
        else:
            digits += line.strip()
    return examples


def golden_manifest(word):
    return [bytes.fromhex(line.split()[1])
            for line in (GOLDEN / "manifest.hex").read_text().splitlines()
            if line.split()[0] == word]


def framed(kind, payload):
    critical = 0 if kind == wire.Type.KEEPALIVE else wire.CRITICAL
    return wire.HEADER.pack(len(payload), kind, critical, 0) + payload


def messages(kinds):
    return [(kind, example) for kind in kinds for example in golden(kind.name)]


def message():
    control = [kind for kind in wire.Type if kind not in wire.BULK]
    return [struct.pack("<H", kind) + payload for kind, payload in messages(control)]


def link():
    every = [framed(kind, payload) for kind, payload in messages(wire.Type)]
    return [b"\0\1" + one for one in every] + [b"\7\1" + b"".join(every), b"\0\0" + every[0]]


def view():
    rows, end = golden("ROWS")[0], golden("ROWS_END")[-1]
    return [framed(wire.Type.VIEW, example) + framed(wire.Type.ROWS, rows) +
            framed(wire.Type.ROWS_END, end) for example in golden("VIEW")]


def manifest():
    rows = golden("ROWS")[0][12:]  # behind its header
    return [b"\0" + piece for piece in golden_manifest("piece")] + \
        [b"\1\1" + struct.pack("<H", len(rows)) + rows]


def frames():
    return golden("FRAME")


def segment():
    """A header, an index of one frame's head, a footer."""
    heads = [struct.pack("<Q", 64) + frame[:72 + 52] for frame in frames()]
    return [b"BATONSEG" + b"\1" + bytes(55) + head + bytes(48) for head in heads]


def segment_reader():
    return [b"BATONSEG" + b"\1" + bytes(55) + frame for frame in frames()]


def record():
    header = b"BTSR\2\1" + bytes(42) + struct.pack("<II", 3, 0) + bytes(180)
    entries = b"\0\2\0\xed\1" + b"\0\3\1a\xff\1\1\0b" + b"\0\2\1b\xed\1"
    return [header + entries]


def session():
    """A persist of all units, one that asks first, an attach that wants something, a log."""
    identity = b"\0\0\0\0\0"
    tree = b"\xff" + b"\2\3" * 8
    persist = b"\0\0" + identity + b"\1" + tree
    attach = b"\2\0" + identity + b"\0\0\0" + tree
    whole = persist + b"\2\0\3\4\0"
    return [whole, whole + b"\0\1" + identity + b"\2" + tree + b"\1\0\2\0\3\5\0",
            whole + attach + b"\x08\1\0\xff\x09\0", whole + b"\4\0" + identity + b"\1" + tree +
            b"\0\5\0" + tree + b"\0"]


def placement():
    segments = b"\1" + bytes(range(16))
    return [b"\0\1\1P" + segments + b"\1\0\x40\0\0\x40",
            b"\1\1\1B" + segments + b"\1\0\x40\x40\1\0"]


WRITTEN = {
    "address": [b"unix:/run/batond/batond.sock", b"tcp://[::1]:7433",
                b"tls://ci-store#" + b"k" * 43, b"tls://host:0"],
    "claims": [
        b'{"iss":"batond","jti":"0123456789abcdef","sub":"ci","iat":1,"nbf":1,'
        b'"exp":1900000000,"baton":{"namespaces":["acme/*"],"verbs":"read,write",'
        b'"workflow":"1","job":"build","tier":"trusted"}}',
        b'{"iss":"https://ci.example","aud":["baton"],"exp":1900000000,"nbf":1,'
        b'"repository":"acme/web","run_id":17,"attempt":"1","job":"a","owner":"acme",'
        b'"event":"push","sub":"repo"}'],
    "config": [
        b"# a comment\nlisten = unix:/a, tls://0.0.0.0\nsessions = 16\nsilence = 5m\n"
        b"socket_mode = 0660\nmin-rate = 16K\n[user ci]\nnamespace = acme/*, acme/**\n"
        b"verbs = read, write\ntier = untrusted\njob = build\nworkflow = 1\n",
        b"[issuer github]\naudience = https://ci\nrequire = repository_owner=acme, "
        b"ref_protected=true\nnamespace = {repository}\nkeys = https://ci/keys\n"],
    "damage": [b"0123456789abcdef0123456789abcdef 0000000000000040\n" * 2],
    "glob": [b"a/**/b\0a/c/b", b"{a,b{c,d}}/[!x-z]*\0bc/yy", rb"\x41\*?" b"\0A*z", b".\0a"],
    "http": [b"/api/v1/namespaces/acme%2Fweb/workflows/w/files/a%20b/\0bytes=1-5",
             b"/api/v1/namespaces/n/layers/00000000000000a1/archive.zip\0W/\"a\", \"b\"",
             b"/api/v1\0localhost:80", b"/api/v1/openapi.json\0[::1]:7433"],
    "id_set": [b"\1" + bytes([5, 0, 0, 0, 0, 0, 0, 0]) + b"\1\2\x80\1"],
    "options": [b"persist\0out\0--job\0build\0--workflow=1\0-n\0--exclude\0*.o",
                b"attach\0dir\0--only=a,b\0--from\0x\0--expect\0sha256:" + b"0" * 64,
                b"ls\0--on-conflict=last\0--prefer\0a\0--timeout\0" b"5s\0--\0-x"],
    "path": [b"a/b/c", b"./a//b/../c/", b"/abs", b"%2F.."],
    "secret": [b"\7\4secret-token--secret-t", b"\3\0abcdabcabcdabcd"],
    "stamp": [b"\0" + (b"BATONMRK\1\0\0\0" + bytes(28)) * 2],
    "commit_frame": [b"\1\1\x08" + bytes(8) + b"\2\x08" + bytes(8) + b"\5\1x"],
    "text": [b"a\\b\xff\n\x7f", "ü\u0085€😀".encode(), b"\xed\xa0\x80\xf4\x90\x80\x80"],
    "catalogue": [b"\0" + bytes([3, 1, 0x82, 5, 6]), b"\1" + bytes([9, 3, 2, 255, 255])],
    "vault": [
        b'\0{"tokens":[{"id":"0123456789abcdee","subject":"s","expires":1900000000,'
        b'"revoked":false}]}',
        b'\1{"keys":[{"kid":"k","kty":"EC","crv":"P-256","x":"f83OJ3D2","y":"x_FEzRu9","d":"jps"},'
        b'{"kid":"old","kty":"EC","until":1900000000}]}',
        b'\2{"keys":[{"kid":"k","kty":"RSA","n":"AQAB","e":"AQAB","use":"sig"}]}'],
    "token": [
        b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        b"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djx"
        b"La8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"],
}

MADE = {
    "frame": frames,
    "link": link,
    "manifest": manifest,
    "message": message,
    "placement": placement,
    "record": record,
    "greeting": lambda: golden("HELLO") + [b"GET / HTTP/1.1\r\n"],
    "root": lambda: golden_manifest("root"),
    "segment": segment,
    "segment_reader": segment_reader,
    "session": session,
    "units": lambda: golden("UNITS"),
    "view": view,
}


def seeds(target):
    return MADE[target]() if target in MADE else WRITTEN.get(target, [])


def text(inputs):
    """As replay.c reads them, lines of at most 96 digits."""
    lines = []
    for one in inputs:
        digits = one.hex() or "."
        lines += [digits[at:at + 96] for at in range(0, len(digits), 96)] + [""]
    return "\n".join(lines)


def main():
    path, target = sys.argv[1:]
    pathlib.Path(path).write_text(text(seeds(target)))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
