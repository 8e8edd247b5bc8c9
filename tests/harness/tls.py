"""TLS for the tests, by OpenSSL's own tools and Python's ssl: nothing here is the C programs'.

An Authority signs certificates, valid or not. A Front speaks TLS in a daemon's place and hands
what it gets to the daemon's socket, so that the client's side is tried against another program.
"""

import base64
import hashlib
import pathlib
import select
import socket
import ssl
import subprocess
import threading

PATIENCE = 60
ALPN = "baton/1"
CONFIG = """
[ca]
default_ca = this
[this]
new_certs_dir = {folder}
database = {folder}/index
serial = {folder}/serial
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def openssl(*words, stdin=b""):
    return subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True,
                          check=True, timeout=PATIENCE).stdout


def pin_of(certificate):
    """As PROTOCOL.md §1 says, of a PEM file's first certificate."""
    return _pin(openssl("x509", "-in", certificate, "-noout", "-pubkey"))


def pin_of_der(certificate):
    return _pin(openssl("x509", "-inform", "der", "-noout", "-pubkey", stdin=certificate))


def _pin(public):
    der = openssl("pkey", "-pubin", "-outform", "der", stdin=public)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


class Authority:
    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "config").write_text(CONFIG.format(folder=self.folder))
        self.certificate, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-days", 3650, "-keyout", self.key,
                "-out", self.certificate)

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1", start="20200101000000Z",
             end="20990101000000Z"):
        """(certificate, key), for these names and this time."""
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.request"
        certificate = self.folder / f"{name}.pem"
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-keyout", key,
                "-out", request)
        openssl("ca", "-batch", "-notext", "-config", self.folder / "config",
                "-cert", self.certificate, "-keyfile", self.key, "-in", request,
                "-out", certificate, "-startdate", start, "-enddate", end)
        return certificate, key


def server_context(certificate, key, alpn=ALPN, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if alpn:
        context.set_alpn_protocols([alpn])
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def client_context():
    """For a daemon whose certificate made itself; who uses it compares the pin."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN])
    return context


class Front:
    """Listens on a loopback port, takes one connection after another, and ends with end()."""

    def __init__(self, context, target):
        self.context, self.target = context, str(target)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.versions, self.failures, self.names = [], [], []
        self.stopping = False
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def end(self):
        self.stopping = True
        with socket.create_connection(("127.0.0.1", self.port)):
            self.thread.join()
        self.listener.close()

    def _serve(self):
        while not self.stopping:
            peer, _ = self.listener.accept()
            with peer:
                if not self.stopping:
                    self._take(peer)

    def _take(self, peer):
        peer.settimeout(PATIENCE)
        with self.context.wrap_socket(peer, server_side=True,
                                      do_handshake_on_connect=False) as secure:
            try:
                secure.do_handshake()
                self.versions.append(secure.version())
                with socket.socket(socket.AF_UNIX) as daemon:
                    daemon.connect(self.target)
                    self._relay(secure, daemon)
            except OSError as error:  # ssl.SSLError is one
                self.failures.append(str(error))
                self._hear_out(secure)

    @staticmethod
    def _hear_out(secure):
        """Closing at once would reset the connection, and the client not read the alert."""
        try:
            socket.socket.shutdown(secure, socket.SHUT_WR)
            while socket.socket.recv(secure, 4096):
                pass
        except OSError:
            pass

    @staticmethod
    def _relay(secure, daemon):
        while True:
            ready = [secure] if secure.pending() else \
                select.select([secure, daemon], [], [], PATIENCE)[0]
            for source, sink in ((secure, daemon), (daemon, secure)):
                if source in ready:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    sink.sendall(data)
