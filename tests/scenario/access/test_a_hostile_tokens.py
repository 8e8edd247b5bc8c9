"""Rules A4 and A5: tokens that nobody should have made. Each is refused with one sentence, the
daemon goes on, and nothing of the token is told or logged."""

import json
import time
import unittest

import jose
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from harness import is_sanitized
from jose import Key, b64, hmac_signed, seal, unsigned
from token_case import TokenScenario
from wire import HELLO, Code, Type

DAY = 86400


class OwnKey(TokenScenario):
    """Whoever has the daemon's own key signs what he likes; without it, nobody does."""

    def setUp(self):
        super().setUp()
        self.made = self.create_json("--namespace", "default", "--expires", "1d")
        keys = json.loads((self.daemon.data / "access" / "keys.json").read_text())["keys"]
        self.key = Key.of_jwk(keys[0])
        self.claims = json.loads(jose.unb64(self.made["token"].split(".")[1]))

    def changed(self, **claims):
        merged = {**self.claims, **claims}
        return {name: value for name, value in merged.items() if value is not None}

    def refuse(self, cases, code=Code.DENIED, says=""):
        for name, token in cases.items():
            with self.subTest(name):
                refused = self.assert_refused(code, self.bearer, token)
                self.assertRegex(refused.message, r"\A[^\n]+[^.\n]\Z")
                self.assertIn(says, refused.message)
                for part in token.split("."):
                    if len(part) > 20:
                        self.assertNotIn(part, refused.message)
                        self.assertNotIn(part, self.daemon.read_log())
        self.bearer(self.made["token"])

    def test_what_the_test_signs_like_the_daemon_is_accepted(self):
        self.bearer(self.key.sign(self.claims))

    def test_algorithms(self):
        public = self.key.private.public_key()
        numbers = public.public_numbers()
        pem = public.public_bytes(serialization.Encoding.PEM,
                                  serialization.PublicFormat.SubjectPublicKeyInfo)
        point = numbers.x.to_bytes(32, "big")
        known = {"kid": self.key.key_id}
        self.refuse({
            "none": unsigned(self.claims, **known),
            "none with a signature": seal({"alg": "none", **known}, self.claims, lambda _: b"x"),
            "HMAC with the public key": hmac_signed(self.claims, pem, **known),
            "HMAC with the point": hmac_signed(self.claims, point, **known),
            "HMAC with nothing": hmac_signed(self.claims, b"", **known),
        }, says="it is not signed with one of RS256")
        self.refuse({
            "None": unsigned(self.claims, "None", **known),
            "NONE": unsigned(self.claims, "NONE", **known),
            "no algorithm": seal(known, self.claims, lambda _: b"x"),
            "a number": seal({"alg": 256, **known}, self.claims, lambda _: b"x"),
            "another hash": self.key.sign(self.claims, alg="ES384"),
            "RSA for an EC key": seal({"alg": "RS256", **known}, self.claims,
                                      lambda _: b"x" * 256),
            "encrypted": seal({"alg": "dir", "enc": "A256GCM", **known}, self.claims,
                              lambda _: b""),
        })

    def test_signatures(self):
        good = self.key.sign(self.claims)
        header, claims, signature = good.split(".")
        raw = jose.unb64(signature)
        more = self.changed(baton={**self.claims["baton"], "namespaces": ["**"]})
        other = Key(self.key.key_id)
        self.refuse({
            "another claim": f"{header}.{b64(json.dumps(more).encode())}.{signature}",
            "another key": other.sign(self.claims),
            "an unknown key": Key("0123456789abcdef").sign(self.claims),
            "no key id": self.key.sign(self.claims, kid=None),
            "empty": f"{header}.{claims}.",
            "zeros": f"{header}.{claims}.{b64(bytes(64))}",
            "one bit": f"{header}.{claims}.{b64(bytes([raw[0] ^ 1]) + raw[1:])}",
            "cut": f"{header}.{claims}.{b64(raw[:-1])}",
            "longer": f"{header}.{claims}.{b64(raw + b'x')}",
            "huge": f"{header}.{claims}.{b64(raw * 100)}",
            "as DER": seal({"alg": "ES256", "kid": self.key.key_id}, self.claims,
                           lambda data: self.der(data)),
        })

    def der(self, data):
        return self.key.private.sign(data, ec.ECDSA(hashes.SHA256()))

    def test_headers_name_no_key_but_the_daemons_own(self):
        mine = Key("mine")
        jwk = mine.jwk()
        paths = ("../../keys.json", "/etc/passwd", "http://127.0.0.1:1/keys", "' OR 1=1 --", "",
                 "a" * 4000, "%s%n", "\u0000", {"a": 1}, ["x"], None, 7)
        self.refuse({
            **{f"kid {path!r:.40}": mine.sign(self.claims, kid=path) for path in paths},
            "jwk": mine.sign(self.claims, kid=self.key.key_id, jwk=jwk),
            "jku": mine.sign(self.claims, kid=self.key.key_id, jku="http://127.0.0.1:1/keys"),
            "x5u": mine.sign(self.claims, kid=self.key.key_id, x5u="http://127.0.0.1:1/c"),
            "x5c": mine.sign(self.claims, kid=self.key.key_id, x5c=["AAAA"]),
            "crit": self.key.sign(self.claims, crit=["b64"], b64=False),
            "crit of nothing": self.key.sign(self.claims, crit=[]),
        })

    def test_times(self):
        now = int(time.time())
        far = 600  # more than the tolerance and what a slow test takes
        self.refuse({
            "expired": self.key.sign(self.changed(exp=now - far)),
            "not yet": self.key.sign(self.changed(nbf=now + far)),
            "never": self.key.sign(self.changed(exp=None)),
            "a text": self.key.sign(self.changed(exp=str(now + DAY))),
            "negative": self.key.sign(self.changed(exp=-1)),
            "nothing": self.key.sign(self.changed(exp=None, nbf=None)),
            "a list": self.key.sign(self.changed(exp=[now + DAY])),
            "infinite": self.key.sign(json.dumps(self.claims).replace(
                str(self.claims["exp"]), "1e999").encode()),
            "not a number": self.key.sign(json.dumps(self.claims).replace(
                str(self.claims["exp"]), "NaN").encode()),
        })

    def test_claims_that_the_daemon_would_never_have_written(self):
        grant = self.claims["baton"]
        self.refuse({
            "no grant": self.key.sign(self.changed(baton=None)),
            "a grant of another kind": self.key.sign(self.changed(baton="**")),
            "no namespace": self.key.sign(self.changed(baton={**grant, "namespaces": []})),
            "no list": self.key.sign(self.changed(baton={**grant, "namespaces": "**"})),
            "a bad pattern": self.key.sign(self.changed(baton={**grant, "namespaces": ["**/a"]})),
            "a number": self.key.sign(self.changed(baton={**grant, "namespaces": [7]})),
            "65 patterns": self.key.sign(self.changed(baton={**grant, "namespaces": ["a"] * 65})),
            "a bad verb": self.key.sign(self.changed(baton={**grant, "verbs": "all"})),
            "no verb": self.key.sign(self.changed(baton={**grant, "verbs": ""})),
            "a bad tier": self.key.sign(self.changed(baton={**grant, "tier": "best"})),
            "a bad workflow": self.key.sign(self.changed(baton={**grant, "workflow": {}})),
            "an empty job": self.key.sign(self.changed(baton={**grant, "job": ""})),
            "no id": self.key.sign(self.changed(jti=None)),
            "a short id": self.key.sign(self.changed(jti="a")),
            "another's id": self.key.sign(self.changed(jti="0123456789abcdef")),
            "another issuer": self.key.sign(self.changed(iss="https://evil.example")),
            "no issuer": self.key.sign(self.changed(iss=None)),
            "an issuer with control bytes": self.key.sign(self.changed(iss="a\x1b[31m")),
        })
        self.assertNotIn("\x1b", self.daemon.read_log())

    def test_json_that_is_none_or_says_things_twice(self):
        text = json.dumps(self.claims)
        deep = 1900  # a token has no room for more objects
        self.refuse({
            "twice": self.key.sign((text[:-1] + ', "exp": 1}').encode()),
            "twice, and the last is good": self.key.sign(('{"sub": "x", ' + text[1:]).encode()),
            "twice the same": self.key.sign(('{"iss": "batond", ' + text[1:]).encode()),
            "twice the grant": self.key.sign((text[:-1] + ', "baton": {}}').encode()),
            "a list": self.key.sign([self.claims]),
            "a text": self.key.sign(b'"x"'),
            "nothing": self.key.sign(b""),
            "not JSON": self.key.sign(b"{"),
            "more behind it": self.key.sign(text.encode() + b"{}"),
            "not UTF-8": self.key.sign(b'{"sub": "\xff"}'),
            "a NUL": self.key.sign(b'{"sub": "a\\u0000b"}'),
            "half a pair": self.key.sign(b'{"sub": "\\ud800"}'),
            "deep lists": self.key.sign(b"[" * 2047 + b"]" * 2047),
            "deeper lists": self.key.sign(b"[" * 5500 + b"]" * 5500),
            "deep objects": self.key.sign(b'{"a":' * deep + b"1" + b"}" * deep),
            "a huge number": self.key.sign(b'{"exp": ' + b"9" * 5000 + b"}"),
            "a deep header": seal(b'{"a":' * 2000 + b"1" + b"}" * 2000, self.claims,
                                  lambda _: b"x"),
            "a header that is a list": seal(b'["alg"]', self.claims, lambda _: b"x"),
            "a header that is nothing": seal(b"", self.claims, lambda _: b"x"),
        })

    def test_texts_that_are_no_token(self):
        good = self.made["token"]
        self.refuse({
            "one part": "a" * 100,
            "two parts": good.rpartition(".")[0],
            "four parts": good + ".aaaa",
            "dots": "..",
            "empty parts": ".a.",
            "blanks": good + " ",
            "a newline": good + "\n",
            "padding": good + "==",
            "standard base64": good.replace("-", "+").replace("_", "/") + "+",
            "a NUL": good[:-1] + "\0",
            "not ASCII": good[:-1] + "é",
            "16 KiB of dots": "." * 16384,
            "16 KiB of header": "a" * 16380 + ".a.a",
        })

    def test_a_token_that_is_no_bin_ends_the_connection(self):
        for value in ("text", 7, ["x"], {"a": b"x"}, None):
            with self.subTest(repr(value)):
                link = self.raw()
                link.send_map(Type.HELLO, {**HELLO, "token": value})
                self.assert_ends(link, Code.PROTOCOL)

    @unittest.skipIf(is_sanitized(), "a sanitizer's shadow hides what is measured")
    def test_a3_refused_tokens_leave_no_memory_behind(self):
        token = Key(self.key.key_id).sign(self.claims)
        rounds = []
        for _ in range(3):
            for _ in range(200):
                self.assert_ends(self.showing(token), Code.DENIED)
            rounds.append(self.status()["rss_bytes"])
        self.assertLess(rounds[2] - rounds[1], 512 * 1024, rounds)

    def showing(self, token):
        link = self.raw()
        link.send_map(Type.HELLO, {**HELLO, "token": token.encode()})
        return link


if __name__ == "__main__":
    unittest.main()
