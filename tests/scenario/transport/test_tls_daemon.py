"""Rules A1 to A3 from the daemon's side: what it listens on, what it is known by, and what it
bears from those who have not shown who they are. The clients are Python's and OpenSSL's."""

import contextlib
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import unittest

import client
import tls
from harness import NotStarted, Scenario, is_sanitized
from token_case import TokenScenario
from wire import (HELLO, Code, Connection, Link, Lost, Refused, Type, encode, encode_map, open_socket,
                  open_tls)

LOCAL = "tls://127.0.0.1:0"
STRANGERS_MARK, STRANGERS_MAX = 128, 1024
HANDSHAKE_LEN_MAX = 16384


class Secured(Scenario):
    """A daemon that listens on a port, too; `url` is what it says that clients need."""

    more = ()

    def setUp(self):
        super().setUp()
        self.url = self.said_url()

    @property
    def flags(self):
        return ("--listen", LOCAL, *self.more)

    def said_url(self, daemon=None):
        return re.findall(r"^BATON_SERVER=(.*)$", (daemon or self.daemon).read_log(), re.M)[-1]

    @property
    def port(self):
        return int(self.url.partition("#")[0].rpartition(":")[2])

    def plain(self, source=""):
        """A connection without TLS; ends with the test."""
        peer = socket.create_connection(("127.0.0.1", self.port), 60,
                                        (source, 0) if source else None)
        self.addCleanup(peer.close)
        return peer

    def refusals(self):
        return [line for line in self.daemon.read_log().splitlines() if " refused" in line]

    def await_refusal(self, says, count=1):
        """The one line of the log, which is all that it says of this peer."""
        self.daemon.await_log(says, count)
        line = [line for line in self.refusals() if says in line][-1]
        self.assertTrue(line.isprintable(), line)
        return line


class Listening(Secured):
    def test_a1_less_than_tls_and_a_token_is_refused_at_the_start(self):
        for url, says in (("tcp://0.0.0.0:0", "TLS and a token, or nothing"),
                          ("tcp://[::]:0", "tls://"),
                          (f"tls://127.0.0.1:0#{'A' * 43}", "for clients")):
            with self.assertRaises(NotStarted) as caught:
                self.start_daemon("less", "--listen", url)
            self.assertIn(says, caught.exception.log)
            self.assertIn(caught.exception.status, (2, 5))

    def test_a1_tls_needs_a_token_on_loopback_too(self):
        with self.assertRaises(Refused) as caught:
            Connection(self.url)
        self.assertEqual(caught.exception.code, Code.DENIED)
        self.assertIn("token", self.await_refusal("denied"))
        self.refused("status", "--server", self.url, workflow=None, status=5, says="token")

    def test_a2_the_certificate_makes_itself_once(self):
        folder = self.daemon.data / "access"
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        for name in ("certificate.pem", "key.pem"):
            self.assertEqual(stat.S_IMODE((folder / name).stat().st_mode), 0o600)
        self.assertEqual(self.url.partition("#")[2], tls.pin_of(folder / "certificate.pem"))
        self.daemon.restart()
        self.assertEqual(self.said_url().partition("#")[2], self.url.partition("#")[2])
        text = tls.openssl("x509", "-in", folder / "certificate.pem", "-noout", "-text").decode()
        for part in ("9999", "CA:FALSE", "prime256v1", "DNS:"):
            self.assertIn(part, text)

    def test_a2_the_line_names_this_machine_where_the_listener_has_no_name(self):
        self.start_daemon("everywhere", "--listen", "tls://0.0.0.0:0")
        self.assertRegex(self.said_url(self.daemons[1]),
                         rf"^tls://{re.escape(socket.gethostname())}:\d+#[-\w]{{43}}$")

    def test_a2_a_certificate_without_its_key_is_damage(self):
        self.daemon.stop()
        (self.daemon.data / "access" / "key.pem").unlink()
        with self.assertRaises(NotStarted) as caught:
            self.daemon.start()
        self.assertIn("no key.pem; put it back, or remove both", caught.exception.log)
        self.assertEqual(caught.exception.status, 6)
        self.daemons.clear()

    def test_a2_a_key_without_its_certificate_is_made_anew(self):
        """Power that was cut while both were made: nobody has seen that key's pin."""
        self.daemon.stop()
        (self.daemon.data / "access" / "certificate.pem").unlink()
        self.daemon.start()
        self.assertNotEqual(self.said_url().partition("#")[2], self.url.partition("#")[2])


class Configured(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = tls.Authority(self.folder)
        self.certificate, self.key = self.folder / "daemon.pem", self.folder / "daemon.key"
        self.use(self.authority.sign("first"))

    def use(self, pair):
        for source, target in zip(pair, (self.certificate, self.key)):
            aside = target.with_suffix(".new")
            aside.write_bytes(source.read_bytes())
            aside.chmod(0o600)
            aside.rename(target)

    def serve(self, *flags):
        daemon = self.start_daemon("daemon", "--listen", LOCAL, "--certificate", self.certificate,
                                   "--certificate-key", self.key, *flags)
        return re.findall(r"^BATON_SERVER=(.*)$", daemon.read_log(), re.M)[-1]

    def test_a1_the_name_and_the_authority_decide_without_a_pin(self):
        url = self.serve().partition("#")[0]
        self.refused("status", "--server", url, "--ca", self.authority.certificate, workflow=None,
                     status=5, says="token")
        self.refused("status", "--server", url, workflow=None, status=5, says="vouches")

    def test_a2_sighup_shows_new_connections_the_new_certificate(self):
        url = self.serve()
        place, _, first = url.partition("#")
        with open_tls(url) as old, Link(old) as link:
            self.use(self.authority.sign("second"))
            self.daemon.process.send_signal(signal.SIGHUP)
            second = tls.pin_of(self.certificate)
            self.daemon.await_log(f"with the pin {second}")
            self.assertNotEqual(second, first)
            open_tls(f"{place}#{second}").close()
            # One that began before goes on with what it began with.
            link.send_map(Type.HELLO, HELLO)
            with self.assertRaises(Refused) as caught:
                link.expect_map(Type.WELCOME)
            self.assertEqual(caught.exception.code, Code.DENIED)

    def test_a2_what_cannot_be_read_is_refused_and_the_old_one_stays(self):
        url = self.serve()
        for number, (text, says) in enumerate((("nothing\n", "has not a certificate in PEM"),
                                               (None, "No such file"))):
            self.certificate.unlink()
            if text:
                self.certificate.write_text(text)
            self.daemon.process.send_signal(signal.SIGHUP)
            self.daemon.await_log("what was in use stays in use", number + 1)
            self.assertIn(says, self.daemon.log_lines("stays in use")[-1])
            open_tls(url).close()
            self.certificate.write_text("nothing\n")

    def test_a2_a_wrong_configuration_is_refused_at_sighup_too(self):
        config = self.folder / "batond.conf"
        config.write_text(f"certificate = {self.certificate}\ncertificate-key = {self.key}\n")
        daemon = self.start_daemon("daemon", "--listen", LOCAL, "--config", config)
        config.write_text("no-such-key = 1\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.await_log("no-such-key")
        config.write_text(f"certificate = {self.certificate}\ncertificate-key = {self.key}\n")
        self.use(self.authority.sign("second"))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.await_log(f"with the pin {tls.pin_of(self.certificate)}")

    def test_a_key_that_is_no_secret_is_refused(self):
        self.key.chmod(0o644)
        with self.assertRaises(NotStarted) as caught:
            self.serve()
        self.assertIn("anyone can read or write this key", caught.exception.log)
        self.key.chmod(0o640)
        self.serve()

    def test_a_key_with_a_passphrase_is_refused_without_asking(self):
        text = tls.openssl("pkey", "-in", self.key, "-aes128", "-passout", "pass:x")
        self.key.write_bytes(text)
        with self.assertRaises(NotStarted) as caught:
            self.serve()
        self.assertIn(str(self.key), caught.exception.log)

    def test_a1_a_certificate_of_the_client_can_be_demanded(self):
        url = self.serve("--client-ca", self.authority.certificate)
        refuse = ("status", "--server", url)
        self.refused(*refuse, workflow=None, status=5, says=("demands", "--certificate"))
        self.daemon.await_log("shows no certificate")
        stranger = tls.Authority(self.folder, "stranger").sign("job")
        self.refused(*refuse, "--certificate", stranger[0], "--key", stranger[1], workflow=None,
                     status=5, says="client-ca")
        self.daemon.await_log("the client's certificate is refused: ")
        certificate, key = self.authority.sign("job")
        self.refused(*refuse, "--certificate", certificate, "--key", key, workflow=None, status=5,
                     says="token")


class Probes(Secured):
    """Each gets a refusal that it understands, and one line in the log."""

    def openssl_client(self, *flags):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", *flags],
                              input=b"", capture_output=True, timeout=60, check=False)

    def assert_one_line(self, says):
        self.await_refusal(says)
        self.assertEqual(len(self.refusals()), 1, self.refusals())

    def test_openssl_s_client(self):
        done = self.openssl_client()
        self.assertIn(b"alert no application protocol", done.stderr)
        self.assert_one_line("does not ask for baton/1")

    def test_another_protocol(self):
        self.assertIn(b"alert no application protocol", self.openssl_client("-alpn", "h2").stderr)
        self.assert_one_line("does not ask for baton/1")

    def test_old_tls(self):
        self.assertIn(b"alert protocol version", self.openssl_client("-tls1_2").stderr)
        self.assert_one_line("TLS 1.2 or older")

    def test_plain_http(self):
        peer = self.plain()
        peer.sendall(b"GET /\x1b[31m HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertRegex(peer.recv(4096), rb"^HTTP/1\.1 400 [^\0]*baton")
        self.assert_one_line("an HTTP client")

    def test_garbage(self):
        peer = self.plain()
        peer.sendall(b"SSH-2.0-\x1b[2Jx\r\n" + bytes(range(256)) * 8)
        peer.recv(4096)
        self.assert_one_line("neither TLS nor a Baton client")

    def test_what_scanners_send(self):
        """Probes of other services, as port scanners send them: each is sent away with nothing but
        an alert or an end, and one line that shows nothing of what it sent."""
        probes = {
            "nothing but lines": b"\r\n\r\n", "help": b"HELP\r\n", "rtsp": b"OPTIONS / RTSP/1.0\r\n\r\n",
            "sip": b"OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm\r\n\r\n",
            "dns": b"\0\x1e\0\6\1\0\0\1\0\0\0\0\0\0\7version\4bind\0\0\x10\0\3",
            "smb": b"\0\0\0\xa4\xffSMBr\0\0\0\0\x08\1\x40" + bytes(150),
            "x11": b"l\0\x0b\0\0\0\0\0\0\0\0\0", "ldap": b"0\x0c\2\1\1`\7\2\1\2\4\0\x80\0",
            "rdp": b"\3\0\0\x0b\6\xe0\0\0\0\0\0", "socks": b"\5\4\0\1\2\x80",
            "ssl 2": b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + bytes(37),
            "redis": b"*1\r\n$4\r\nINFO\r\n", "terminal": b"\x1b]0;x\x07\x1b[2J\xff\xfe\r\n",
        }
        for name, probe in probes.items():
            with self.subTest(name):
                before = len(self.refusals())
                peer = self.plain()
                peer.sendall(probe)
                peer.shutdown(socket.SHUT_WR)
                answer = b""
                while part := peer.recv(4096):
                    answer += part
                self.assertIn(answer[:1], (b"", b"\x15", b"H"))  # an alert, or HTTP's 400
                while len(self.refusals()) == before:
                    pass
                [line] = self.refusals()[before:]
                self.assertTrue(line.isprintable(), line)
                self.assertRegex(line, r"^\S+ (warning|info) refused [ -~]*tls 127\.0\.0\.1:\d+")
        with self.assertRaises(Refused):
            Connection(self.url)

    def test_a_plain_baton(self):
        self.refused("status", "--server", f"tcp://127.0.0.1:{self.port}", workflow=None, status=6,
                     says=("speaks TLS", "tls://"))
        self.assert_one_line("this port speaks TLS")

    def test_one_that_leaves(self):
        self.plain().close()
        self.assert_one_line("the connection ended in the TLS handshake")

    def test_a_client_with_another_pin(self):
        place, _, pin = self.url.partition("#")
        other = ("A" if pin[0] != "A" else "B") + pin[1:]
        self.refused("status", "--server", f"{place}#{other}", workflow=None, status=5,
                     says="the daemon's key has the pin")
        self.assert_one_line("does not accept this daemon's certificate")


class Mutations(Secured):
    more = ("--hello", "60s", "--address-connections", "60000")

    def client_hello(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        peer = tls.client_context().wrap_bio(incoming, outgoing)
        with self.assertRaises(ssl.SSLWantReadError):
            peer.do_handshake()
        return outgoing.read()

    def say(self, data):
        with socket.create_connection(("127.0.0.1", self.port)) as peer, \
                contextlib.suppress(OSError):  # it may have been dropped
            peer.sendall(data)

    def test_a_client_hello_with_any_byte_changed_harms_nobody(self):
        """Each has one refusal or none (a random number may be any), and the daemon goes on."""
        whole = self.client_hello()
        for at in range(0, len(whole), 3):
            for value in (whole[at] ^ 0xff, 0):
                self.say(whole[:at] + bytes([value]) + whole[at + 1:])
        for at in range(1, len(whole), 40):
            self.say(whole[:at])
        with self.assertRaises(Refused):
            retried(lambda: Connection(self.url))
        for line in self.refusals():
            self.assertTrue(line.isprintable(), line)
        self.status()


class HalfOpen(Secured):
    """The time is one that a handshake on a busy machine does not need."""

    more = ("--hello", "3s")

    def test_a3_a_handshake_has_its_time_and_no_more(self):
        whole = hello_record(HANDSHAKE_LEN_MAX - 5)
        peers = [self.plain() for _ in range(3)]
        for peer, part in zip(peers, (b"", whole[:3], whole)):
            peer.sendall(part)
        for peer in peers:
            self.assertEqual(peer.recv(10), b"")
        self.await_refusal("no TLS handshake within 3 s", 3)
        self.assertEqual(len(self.refusals()), 3)

    def test_a3_a_handshake_has_its_bytes_and_no_more(self):
        peer = self.plain()
        peer.sendall(hello_record(HANDSHAKE_LEN_MAX - 5) + b"\x16")
        peer.recv(10)
        self.await_refusal("the TLS handshake has more than 16384 bytes")

    def test_a3_a_hello_shares_the_time_of_the_handshake(self):
        with open_tls(self.url) as peer, Link(peer) as link:
            with self.assertRaises(Refused) as caught:
                link.expect_map(Type.WELCOME)
            self.assertEqual(caught.exception.code, Code.TIMEOUT)
        self.await_refusal("no HELLO within 3 s")


def hello_record(length):
    """The beginning of a ClientHello that never ends, in one record of so many bytes."""
    body = b"\x01" + (65536).to_bytes(3, "big")
    return b"\x16\x03\x01" + length.to_bytes(2, "big") + body.ljust(length, b"\0")


class Shares(Secured):
    more = ("--address-connections", "3", "--hello", "60s")

    def gets_in(self, source):
        try:
            open_tls(self.url, source=source).close()
        except OSError:
            return False
        return True

    def test_a3_one_address_has_its_share(self):
        held = [self.plain() for _ in range(3)]
        beyond = self.plain()
        self.assertEqual(beyond.recv(1), b"")
        self.daemon.await_log("--address-connections")
        # Addresses share a bound by chance, one in 4096: not all of these.
        self.assertTrue(any(self.gets_in(f"127.0.0.{number}") for number in range(2, 6)))
        held[0].close()
        self.await_refusal("ended in the TLS handshake")
        with open_tls(self.url):
            pass


class Flood(Secured):
    more = ("--address-connections", "60000", "--hello", "60s", "--connections", "2000")

    def test_a3_strangers_are_bounded_and_known_ones_served(self):
        """Far more than the daemon takes, half-open for as long as it lets them; who got in
        before works on, and a new one gets in in the end."""
        with contextlib.ExitStack() as stack:
            for number in range(STRANGERS_MAX + 400):
                source = f"127.0.{1 + number % 200}.1"
                stack.enter_context(socket.create_connection(("127.0.0.1", self.port),
                                                             source_address=(source, 0)))
            self.daemon.await_log("that have not shown a token")
            told = [int(number) for number in
                    re.findall(r"shown a token \((\d+)\)", self.daemon.read_log())]
            self.assertLessEqual(max(told), STRANGERS_MAX)
            self.assertGreater(max(told), STRANGERS_MARK)
            self.status()
        with self.assertRaises(Refused):
            retried(lambda: Connection(self.url))

    def test_a3_one_address_alone_keeps_nobody_out(self):
        with contextlib.ExitStack() as stack:
            for _ in range(400):
                stack.enter_context(socket.create_connection(("127.0.0.1", self.port),
                                                             source_address=("127.0.0.2", 0)))
            self.daemon.await_log("that have not shown a token")
            for number in range(3, 23):
                open_tls(self.url, source=f"127.0.0.{number}").close()


def retried(attempt):
    """A stranger may be dropped; the next try may not."""
    while True:
        try:
            return attempt()
        except (OSError, Lost):
            pass


class Work(Secured, TokenScenario):
    def setUp(self):
        super().setUp()
        self.token = self.create("--namespace", "default", "--verbs", "read,write,admin")

    def connect(self):
        return Connection(self.url, token=self.token)

    def test_the_independent_client_persists_and_attaches(self):
        """Many records, and messages larger than one."""
        tree = {b"d": client.directory(), b"large": client.file(bytes(range(256)) * 20000)}
        tree |= {b"d/%d" % number: client.file(b"%d" % number * 50) for number in range(300)}
        identity = {"workflow": "w", "job": "a"}
        with self.connect() as connection:
            client.persist(connection, identity, tree)
            self.assertEqual(client.attach(connection, {**identity, "job": "b"}).tree, tree)

    def test_what_one_record_brings_is_served_to_its_end(self):
        """A HELLO and three requests at once: what TLS has decrypted poll() does not know of."""
        peer = open_tls(self.url)
        with peer, Link(peer) as link:
            hello = encode_map(Type.HELLO, {**HELLO, "token": self.token.encode()})
            keepalive = encode_map(Type.KEEPALIVE)
            link.send_bytes(hello + (keepalive + encode_map(Type.STATUS)) * 3 + keepalive)
            link.expect(Type.WELCOME)
            for _ in range(3):
                self.assertEqual(link.expect_map(Type.STATUS_REPLY)["version"], 1)

    def test_a_record_for_each_byte_is_as_good(self):
        peer = open_tls(self.url)
        with peer, Link(peer) as link:
            for byte in encode_map(Type.HELLO, {**HELLO, "token": self.token.encode()}) \
                    + encode_map(Type.STATUS):
                link.send_bytes(bytes([byte]))
            link.expect(Type.WELCOME)
            self.assertEqual(link.expect_map(Type.STATUS_REPLY)["version"], 1)

    def test_a_refusal_arrives_although_more_was_sent_than_read(self):
        with self.connect() as connection:
            connection.send_map(Type.PERSIST, {"workflow": "w", "job": "a", "key": bytes(16)})
            connection.expect(Type.READY)
            connection.send(Type.UNITS, b"\0" * 100)
            with contextlib.suppress(Exception):
                for _ in range(20):
                    connection.send(Type.UNITS, b"\0" * (1 << 20))
            with self.assertRaises(Refused) as caught:
                connection.expect(Type.COMMITTED)
            self.assertEqual(caught.exception.code, Code.PROTOCOL)

    def test_a_connection_that_ends_without_a_word_of_tls_is_just_ended(self):
        peer = open_tls(self.url)
        link = Link(peer)
        link.send_map(Type.HELLO, {**HELLO, "token": self.token.encode()})
        link.expect(Type.WELCOME)
        peer.shutdown(socket.SHUT_RDWR)
        peer.close()
        with self.connect() as connection:
            client.status(connection)


if __name__ == "__main__":
    unittest.main()
