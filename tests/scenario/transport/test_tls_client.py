"""Rule A1 from the client's side: whom it trusts, and what it says where it does not."""

import socket
import ssl
import threading
import unittest

import tls
from harness import Scenario, contents


class Client(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = tls.Authority(self.folder)

    def front(self, certificate, **options):
        front = tls.Front(tls.server_context(*certificate, **options), self.daemon.socket)
        self.addCleanup(front.end)
        return front

    def ask(self, url, *flags, **options):
        return self.baton("status", "--server", url, *flags, workflow=None, **options)

    def refuse(self, url, *flags, status, says, **options):
        return self.refused("status", "--server", url, *flags, workflow=None, status=status,
                            says=says, **options)


class Trust(Client):
    def test_a_pin_alone_decides(self):
        certificate = self.authority.sign("other.example", "DNS:other.example",
                                          end="20200201000000Z")
        front = self.front(certificate)
        pin = tls.pin_of(certificate[0])
        url = f"tls://127.0.0.1:{front.port}#{pin}"
        self.assertIn(b"batond", self.ask(url).out)
        self.assertEqual(front.versions, ["TLSv1.3"])
        wrong = pin[:-1] + ("A" if pin[-1] != "A" else "Q")
        sentence = self.refuse(f"tls://127.0.0.1:{front.port}#{wrong}", status=5,
                               says=(pin, wrong, "BATON_SERVER="))
        self.assertNotIn("#", sentence.split(": ")[1])

    def test_without_a_pin_host_and_authority_decide(self):
        front = self.front(self.authority.sign("daemon"))
        for host in ("127.0.0.1", "localhost"):
            self.ask(f"tls://{host}:{front.port}", "--ca", self.authority.certificate)
        self.ask(f"tls://localhost:{front.port}",
                 variables={"BATON_CA": str(self.authority.certificate)})
        self.refuse(f"tls://localhost:{front.port}", status=5, says=("#pin", "--ca"))
        # Where OpenSSL's own variables say what the system trusts.
        self.ask(f"tls://localhost:{front.port}",
                 variables={"SSL_CERT_FILE": str(self.authority.certificate)})
        other = tls.Authority(self.folder, "stranger")
        self.refuse(f"tls://localhost:{front.port}", "--ca", other.certificate, status=5,
                    says=("vouches", "--ca"))

    def test_a_certificate_itself_can_be_the_authority(self):
        certificate = self.authority.sign("daemon")
        front = self.front(certificate)
        self.ask(f"tls://localhost:{front.port}", "--ca", certificate[0])

    def test_a_certificate_of_another_host_is_refused(self):
        front = self.front(self.authority.sign("daemon", "DNS:elsewhere.example"))
        for host in ("localhost", "127.0.0.1"):
            self.refuse(f"tls://{host}:{front.port}", "--ca", self.authority.certificate,
                        status=5, says=(f"the host {host}", "#pin"))

    def test_a_wrong_time_names_certificate_and_clock(self):
        for name, dates, says in (("late", {"end": "20210203040506Z"}, "was valid until 2021-02-03 04:05 UTC"),
                                  ("early", {"start": "20980203040506Z"}, "is valid from 2098-02-03 04:05 UTC")):
            front = self.front(self.authority.sign(name, **dates))
            self.refuse(f"tls://localhost:{front.port}", "--ca", self.authority.certificate,
                        status=5, says=(says, "this machine's clock says 20", "set the clock"))

    def test_a_file_that_holds_no_certificates_is_named(self):
        front = self.front(self.authority.sign("daemon"))
        nothing = self.folder / "nothing"
        nothing.write_text("nothing\n")
        for flags, says in ((["--ca", nothing], str(nothing)),
                            (["--ca", self.folder / "gone"], "No such file"),
                            (["--certificate", nothing], str(nothing)),
                            (["--certificate", self.authority.certificate, "--key", nothing], str(nothing))):
            self.refuse(f"tls://localhost:{front.port}", *flags, status=9, says=says)
        self.refuse(f"tls://localhost:{front.port}", "--key", self.authority.key, status=2,
                    says="--certificate")


class ClientCertificate(Client):
    def test_a_demanded_certificate_is_shown_or_asked_for(self):
        daemon = self.authority.sign("daemon")
        front = self.front(daemon, client_ca=self.authority.certificate)
        url = f"tls://localhost:{front.port}#{tls.pin_of(daemon[0])}"
        certificate, key = self.authority.sign("job-7")
        self.ask(url, "--certificate", certificate, "--key", key)
        both = self.folder / "both.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        self.ask(url, variables={"BATON_CERTIFICATE": str(both)})
        self.refuse(url, status=5, says=("demands", "--certificate"))
        stranger = tls.Authority(self.folder, "stranger").sign("job-8")
        self.refuse(url, "--certificate", stranger[0], "--key", stranger[1], status=5,
                    says="client-ca")


class Something(Client):
    """What else may listen there."""

    def speak(self, answer):
        """A server that says this to each connection and closes it."""
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(4096)
                    peer.sendall(answer)
        thread = threading.Thread(target=serve)
        thread.start()

        def end():
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            listener.close()
        self.addCleanup(end)
        return f"tls://localhost:{listener.getsockname()[1]}"

    def test_a_plain_server_is_told_apart(self):
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.example ESMTP\r\n",
                       b"\x30\x00\x00\x00\x03\x00\x01\x00" + bytes(48)):
            self.refuse(self.speak(answer), status=6, says=("no TLS", "tcp://"))

    def test_a_plain_daemon_is_told_apart(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.start_daemon("tcp", "--listen", f"tcp://127.0.0.1:{port}")
        self.refuse(f"tls://localhost:{port}", status=6, says=("no TLS", "tcp://"))

    def test_old_tls_is_refused(self):
        context = tls.server_context(*self.authority.sign("daemon"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        front = tls.Front(context, self.daemon.socket)
        self.addCleanup(front.end)
        self.refuse(f"tls://localhost:{front.port}", status=6, says=("TLS 1.2", "TLS 1.3"))

    def test_tls_without_baton_is_told_apart(self):
        certificate = self.authority.sign("daemon")
        for alpn in (None, "http/1.1"):
            front = self.front(certificate, alpn=alpn)
            self.refuse(f"tls://localhost:{front.port}#{tls.pin_of(certificate[0])}", status=6,
                        says=("no batond", "baton/1"))


class Work(Client):
    def test_persist_and_attach_over_tls(self):
        """Small and large: many records, and both ways at a time."""
        certificate = self.authority.sign("daemon")
        front = self.front(certificate)
        url = f"tls://localhost:{front.port}#{tls.pin_of(certificate[0])}"
        files = {f"d/{n}": f"{n}" * 100 for n in range(300)} | {"large": "0123456789" * 200_000}
        self.persist("a", files, "--server", url)
        _, out = self.attach("b", "--server", url)
        self.assertEqual(contents(out), contents(self.tree(files)))
        self.assertEqual(front.failures, [])


if __name__ == "__main__":
    unittest.main()
