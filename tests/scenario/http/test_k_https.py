"""Rules K9, A1 to A3: HTTP from other machines, over TLS with the daemon's certificate, and with
a token alone."""

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess

from harness import BATOND, PATIENCE
from http_case import Answer, HttpScenario

BIG = os.urandom(24 << 20)


class Https(HttpScenario):
    flags = ("--listen", "https://127.0.0.1:0", "--hello", "2s")

    def setUp(self):
        super().setUp()
        self.layer = self.persist_tree({b"a": b"1", b"big": BIG}, namespace="acme/web")
        self.token = self.create("--namespace", "acme/web", "--verbs", "read")
        self.port_of_tls = int(re.findall(r"listening: https://127\.0\.0\.1:(\d+)",
                                          self.daemon.read_log())[-1])

    def context(self, version=None):
        context = ssl.create_default_context(
            cafile=str(self.daemon.data / "access" / "certificate.pem"))
        context.check_hostname = False
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def open_https(self, context=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port_of_tls, timeout=PATIENCE,
                                                 context=context or self.context())
        self.addCleanup(connection.close)
        return connection

    def ask(self, target, status, context=None, **heads):
        connection = self.open_https(context)
        connection.request("GET", target, headers=heads)
        answer = Answer(connection.getresponse())
        self.assertEqual(answer.status, status, answer)
        return answer

    @property
    def bearer_head(self):
        return {"Authorization": f"Bearer {self.token}"}

    def test_k9_the_daemons_own_certificate_and_a_token(self):
        base = self.url("acme/web", "layers", self.layer, "files", "")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            answer = self.ask(base + "a", 200, self.context(version), **self.bearer_head)
            self.assertEqual(answer.body, b"1")
        self.assertEqual(self.ask(base + "big", 200, **self.bearer_head).body, BIG)

    def test_a1_without_a_token_nobody_is_let_in(self):
        for target in ("/api/v1", "/api/v1/namespaces", self.url("acme/web", "workflows")):
            answer = self.ask(target, 401)
            self.assertIn("Bearer", answer.head["WWW-Authenticate"])
        self.ask(self.url("acme/web", "workflows"), 401, Authorization="Bearer x.y.z")

    def test_a3_what_does_not_speak_tls_is_cut_off(self):
        for data in (b"GET /api/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n", os.urandom(2000), b""):
            with socket.create_connection(("127.0.0.1", self.port_of_tls), PATIENCE) as plain:
                plain.sendall(data)
                received = b""
                try:
                    while chunk := plain.recv(4096):
                        received += chunk
                except ConnectionResetError:
                    pass
                self.assertNotIn(b"HTTP/1.1 200", received)
        self.ask("/api/v1", 200, **self.bearer_head)

    def test_a3_old_versions_are_refused(self):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port_of_tls}", "-tls1_1",
             "-cipher", "DEFAULT@SECLEVEL=0"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"Cipher is (NONE)", done.stdout)

    def test_a2_a_new_certificate_counts_for_new_connections(self):
        """What runs keeps what it began with."""
        base = self.url("acme/web", "layers", self.layer, "files", "")
        running = self.open_https()
        running.request("GET", base + "big", headers=self.bearer_head)
        response = running.getresponse()
        begin = response.read(1 << 20)
        before = self.ask("/api/v1", 200, **self.bearer_head)
        access = self.daemon.data / "access"
        for name in ("certificate.pem", "key.pem"):
            (access / name).unlink()
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.await_log("reload")
        context = self.context()  # trusts the new one alone
        self.assertEqual(self.ask("/api/v1", 200, context, **self.bearer_head).body, before.body)
        self.assertEqual(begin + response.read(), BIG)

    def test_a3_certificates_of_clients_are_for_the_other_protocol(self):
        done = subprocess.run(
            [BATOND, "--data", self.folder / "other", "--listen", "https://127.0.0.1:0",
             "--client-ca", self.daemon.data / "access" / "certificate.pem"],
            capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"tls:// alone", done.stderr)
