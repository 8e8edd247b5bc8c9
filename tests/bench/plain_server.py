#!/usr/bin/python3
"""A plain HTTPS server, TLS 1.3: PUT keeps a body as a file, GET gives it back.

usage: plain_server.py PORT CERTIFICATE KEY FOLDER

Says `ready` when it listens. What it keeps is not flushed.
"""

import http.server
import pathlib
import ssl
import sys

PIECE = 1 << 18


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = PIECE

    def log_message(self, *_):
        pass

    @property
    def file(self):
        return self.server.folder / pathlib.PurePath(self.path).name

    def do_PUT(self):
        with open(self.file, "wb") as file:
            for length in self._pieces():
                while length:
                    data = self.rfile.read(min(length, PIECE))
                    file.write(data)
                    length -= len(data)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _pieces(self):
        """The lengths of what follows: one, or those of the chunks."""
        if "Content-Length" in self.headers:
            yield int(self.headers["Content-Length"])
            return
        while length := int(self.rfile.readline().split(b";")[0], 16):
            yield length
            self.rfile.readline()
        self.rfile.readline()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(self.file.stat().st_size))
        self.end_headers()
        with open(self.file, "rb") as file:
            while data := file.read(PIECE):
                self.wfile.write(data)


def main():
    port, certificate, key, folder = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(port)), Handler)
    server.folder = pathlib.Path(folder)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
