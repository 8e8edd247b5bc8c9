"""The web server of an issuer: its OpenID configuration and its keys, counted as they are
asked for."""

import http.server
import json
import threading


class KeyServer:
    """`keys` may be changed at any time; `answer` makes it misbehave: called with the request
    handler, it says whether it has answered in its own way."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.answer = None
        self.requests = []
        self.asked = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with outer.asked:
                    outer.requests.append(self.path)
                    outer.asked.notify_all()
                if outer.answer and outer.answer(self):
                    return
                document = outer.documents().get(self.path)
                self.send_json(document, 200 if document else 404)

            def send_json(self, document, status=200):
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                """A daemon that stops, or has heard enough, hangs up."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def documents(self):
        return {"/.well-known/openid-configuration": {"issuer": self.url,
                                                      "jwks_uri": self.url + "/keys"},
                "/keys": {"keys": [key if isinstance(key, dict) else key.jwk()
                                   for key in self.keys]}}

    def await_requests(self, path, count, patience):
        with self.asked:
            return self.asked.wait_for(lambda: self.requests.count(path) >= count, patience)

    def end(self):
        if not self.thread.is_alive():
            return
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
