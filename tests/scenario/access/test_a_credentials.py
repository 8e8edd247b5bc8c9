"""Rule A6: the client and its token: where it is taken from, where it is never sent, that
nothing shows it, and that no layer holds it."""

import base64
import json
import os
import socket
import threading
import unittest

from harness import PATIENCE
from token_case import TokenScenario


class TcpClient(TokenScenario):
    """The client comes by TCP: a Unix socket asks for no token."""

    def setUp(self):
        super().setUp()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.daemon.stop()
        self.daemon.flags = ("--listen", f"tcp://127.0.0.1:{self.port}", "--tcp-token",
                             "required")
        self.daemon.start()
        self.url = f"tcp://127.0.0.1:{self.port}"
        self.work = self.folder / "work"
        self.work.mkdir()
        (self.work / "a").write_text("alpha\n")

    def environment(self, variables=None):
        return super().environment({"BATON_SERVER": self.url, **(variables or {})})

    def token_file(self, token, name="token"):
        path = self.folder / name
        path.write_text(token + "\n")
        return path


class ClientTokens(TcpClient):
    def test_a6_without_a_token_the_sentence_says_how_to_give_one(self):
        for words in (("persist", "a"), ("attach", "out"), ("ls",), ("log",), ("status",)):
            self.refused(*words, status=5, job="a", cwd=self.work,
                         says=("wants a token", "--token-file", "BATON_TOKEN",
                               "`batond token create`"))

    def test_a6_each_source_of_a_token_is_used_in_its_order(self):
        good, bad = self.create("--namespace", "default"), "no.such.token"
        file_of_good = str(self.token_file(good))
        file_of_bad = str(self.token_file(bad, "bad"))
        for words, variables in (
                (("--token-file", file_of_good), {"BATON_TOKEN": bad}),
                ((), {"BATON_TOKEN_FILE": file_of_good, "BATON_TOKEN": bad}),
                (("--token-file", file_of_good), {"BATON_TOKEN_FILE": file_of_bad}),
                ((), {"BATON_TOKEN": good, "CIRCLE_OIDC_TOKEN_V2": bad}),
                ((), {"CIRCLE_OIDC_TOKEN_V2": good})):
            self.baton("status", *words, workflow=None, variables=variables)
        self.refused("status", workflow=None, variables={"BATON_TOKEN": bad,
                                                         "CIRCLE_OIDC_TOKEN_V2": good},
                     status=5, says="the token is refused")

    def test_a6_a_token_file_is_read_again_for_each_connection(self):
        """Tokens of CI systems live for minutes; who renews one writes the file anew."""
        path = self.token_file(self.create("--namespace", "default"))
        variables = {"BATON_TOKEN_FILE": str(path)}
        self.baton("persist", "a", job="a", cwd=self.work, variables=variables)
        for made in json.loads(self.token_command("list", "--json").stdout)["tokens"]:
            self.token_command("revoke", made["id"])
        self.refused("log", variables=variables, status=5, says="was revoked")
        self.token_file(self.create("--namespace", "default"))
        self.baton("log", variables=variables)

    def test_a6_a_file_without_a_token_is_named(self):
        empty = self.folder / "empty"
        empty.write_text("\n")
        self.refused("status", "--token-file", empty, workflow=None, status=2,
                     says=(str(empty), "holds no token"))
        self.refused("status", "--token-file", self.folder / "none", workflow=None, status=9,
                     says=str(self.folder / "none"))

    def test_a7_a_grant_that_is_too_small_is_exit_5_in_every_command(self):
        variables = {"BATON_TOKEN": self.create("--namespace", "acme/web", "--subject", "ci")}
        for words in (("persist", "a"), ("attach", "out"), ("ls",), ("log",), ("cat", "a"),
                      ("diff", "w", "w2"), ("attach", "out", "--dry-run")):
            with self.subTest(words):
                verb = "write" if words[0] == "persist" else "read"
                self.refused(*words, "--namespace", "acme/app", status=5, job="a", cwd=self.work,
                             variables=variables,
                             says=("(ci) may not " + verb, "`acme/app`", "acme/web: read,write"))
        self.baton("persist", "a", "--namespace", "acme/web", job="a", cwd=self.work,
                   variables=variables)

    def test_a7_status_says_who_one_is(self):
        made = self.create_json("--namespace", "acme/web", "--subject", "ci")
        variables = {"BATON_TOKEN": made["token"]}
        text = self.baton("status", workflow=None, variables=variables).out.decode()
        self.assertIn(f"token {made['id']} (ci), trusted", text)
        self.assertIn("acme/web: read,write", text)
        self.assertNotIn("layers", text)
        told = self.baton("status", "--json", workflow=None, variables=variables).json
        self.assertEqual(told["principal"], f"token {made['id']} (ci)")
        self.assertEqual(told["grants"], ["acme/web: read,write"])
        self.assertTrue(told["limited"])
        self.assertNotIn("layers", told)

    def test_a6_nothing_shows_the_token(self):
        token = self.create("--namespace", "default")
        variables = {"BATON_TOKEN": token, "XDG_CACHE_HOME": str(self.folder / "cache")}
        said = []
        for words in (("persist", "-v", "a"), ("persist", "--json", "a"), ("attach", "-v", "out"),
                      ("attach", "--json", "out"), ("ls", "-v"), ("log", "--json"), ("cat", "a"),
                      ("status",), ("status", "--json"), ("whereami",), ("whereami", "--json"),
                      ("attach", "none", "--workflow", "none"),
                      ("persist", "a", "--namespace", "no\nne"), ("help", "persist")):
            done = self.baton(*words, job="a", cwd=self.work, variables=variables, status=None)
            said += [done.out, done.err]
        said.append(self.daemon.read_log().encode())
        for path in self.folder.rglob("*"):
            if path.is_file():
                said.append(path.read_bytes())
        self.assertGreater(len(said), 40)
        for part in token.split("."):
            for text in said:
                self.assertNotIn(part.encode(), text)
                self.assertNotIn(base64.b64encode(part.encode())[:60], text)

    @unittest.skipUnless(os.path.exists("/proc/self/cmdline"), "there is no /proc")
    def test_a6_a_token_is_no_argument(self):
        self.refused("status", "--token", "a.b.c", workflow=None, status=2, says="--token")

    def test_a6_a_token_is_never_sent_in_clear_to_another_machine(self):
        """Another machine: an address of this one that is not a loopback address."""
        address = own_address()
        if not address:
            self.skipTest("this machine has no address but loopback")
        heard = bytearray()
        with socket.create_server((address, 0)) as server:
            def listen():
                try:
                    while True:
                        with server.accept()[0] as peer:
                            while part := peer.recv(4096):
                                heard.extend(part)
                except OSError:
                    pass
            thread = threading.Thread(target=listen)
            thread.start()
            def ask(**variables):
                self.refused("status", "--server", f"tcp://{address}:{server.getsockname()[1]}",
                             workflow=None, status=2, variables=variables,
                             says=("nothing is sent there in clear", "tls://"))
            ask(BATON_TOKEN="a.b.c")
            ask()  # nor a file, or who one is
            server.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)
        self.assertEqual(bytes(heard), b"")

    def test_a6_on_a_unix_socket_no_token_is_read_or_sent(self):
        told = self.baton("status", "--json", "--server", f"unix:{self.daemon.socket}",
                          workflow=None, variables={"BATON_TOKEN": "not a token"}).json
        self.assertEqual(told["principal"], f"unix uid {os.geteuid()}")


class PersistedTokens(TcpClient):
    def persisted(self, content, status, *words, name="env"):
        token = self.create("--namespace", "default")
        path = self.work / name
        path.write_bytes(content(token.encode()))
        variables = {"BATON_TOKEN": token}
        if status == 0:
            return self.baton("persist", *words, ".", job="a", cwd=self.work, variables=variables)
        return self.refused("persist", *words, ".", job="a", cwd=self.work, status=status,
                            variables=variables,
                            says=(f"`{name}`", "holds the token", "--allow-token"))

    def test_a6_a_file_with_the_own_token_is_refused_with_its_name(self):
        cases = {
            "alone": lambda token: token,
            "a line": lambda token: b"BATON_TOKEN=" + token + b"\n",
            "at the end of 1 MiB": lambda token: bytes((1 << 20) - len(token)) + token,
            "in the middle of 9 MiB": lambda token: os.urandom(5 << 20) + token +
            os.urandom(4 << 20),
            "at the end of 9 MiB": lambda token: os.urandom(9 << 20) + token,
        }
        for name, content in cases.items():
            with self.subTest(name):
                sentence = self.persisted(content, 5)
                self.assertNotIn("eyJ", sentence)
        log = self.baton("log", "--json", variables={
            "BATON_TOKEN": self.create("--namespace", "default")})
        self.assertEqual(log.json["layers"], [])

    def test_a6_it_is_found_where_a_window_of_reading_ends(self):
        """A large file is read in parts of 2 MiB: the token lies across each border."""
        for before in range((2 << 20) - 700, (2 << 20) + 100, 97):
            self.persisted(lambda token, before=before: bytes(before) + token + bytes(1 << 20), 5)

    def test_a6_no_name_and_no_link_holds_it(self):
        """Nor does the sentence."""
        token = self.create("--namespace", "default")
        (self.work / "d").mkdir()
        for path, target, says in (("link", token, "`link`: the target"),
                                   (f"d/x{token[-64:]}", "to", "a name in `./d/`"),
                                   (token[-64:], "to", "a name in `./`")):
            (self.work / path).symlink_to(target)
            words = ("persist", "d", "link") if path == "link" else ("persist", ".")
            said = self.refused(*words, job="a", cwd=self.work, status=5,
                                variables={"BATON_TOKEN": token}, says=(says, "--allow-token"))
            self.assertNotIn(token[-64:], said)
            self.baton(*words, "--allow-token", job="a", cwd=self.work,
                       variables={"BATON_TOKEN": token})
            (self.work / path).unlink()
            (self.work / path).symlink_to(token[:-65])  # the last 64 bytes are looked for
            if path == "link":
                self.baton("persist", ".", job="a", cwd=self.work,
                           variables={"BATON_TOKEN": token})
            (self.work / path).unlink()

    def test_a6_allow_token_says_otherwise(self):
        self.persisted(lambda token: b"x" + token, 0, "--allow-token")

    def test_a6_what_is_like_a_token_is_persisted(self):
        self.persisted(lambda token: token[:-1] + b"\n" + token[1:-1], 0)
        self.persisted(lambda token: token[:-64] + b" " + token[-63:], 0)

    def test_a6_a_recorded_file_is_not_read_and_a_fresh_one_is(self):
        token = self.create("--namespace", "default")
        variables = {"BATON_TOKEN": token}
        (self.work / "env").write_text("nothing\n")
        self.baton("persist", ".", job="a", cwd=self.work, variables=variables)
        (self.work / "env").write_text(token)
        self.refused("persist", ".", job="a", cwd=self.work, variables=variables, status=5,
                     says="`env`")


def own_address():
    """An address of this machine that is not a loopback one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


if __name__ == "__main__":
    unittest.main()
