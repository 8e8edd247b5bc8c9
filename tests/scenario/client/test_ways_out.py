"""Sentences say what is wrong and what would help, and advise nothing that is refused."""

import os
import re
import socket
import subprocess
import unittest

from harness import BATOND, PATIENCE, Scenario

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


class Advice(Scenario):
    def test_what_a_command_does_not_take_it_does_not_advise(self):
        self.persist("a", {"a": ""})
        for words, workflow in ((("ls",), "unknown"), (("cat", "a"), "unknown"),
                                (("ls", "--from", "b"), "w")):
            with self.subTest(words):
                sentence = self.refused(*words, workflow=workflow, status=3)
                self.assertNotIn("--if-empty", sentence)
        self.refused("attach", self.missing(), workflow="unknown", status=3, says="--if-empty=ok")

    def test_an_empty_glob_of_ls(self):
        for flags in ((), ("--literal",)):
            self.refused("ls", *flags, "", status=2,
                         says="a GLOB is empty; leave it out to list all of the view")

    def test_a_persist_tells_of_needs_that_nobody_knows(self):
        self.persist("a", {"a": ""})
        self.assertEqual(self.persist("b", {"b": ""}, "--needs", "a")["warnings"], [])
        got = self.persist("c", {"c": ""}, "--needs", "a,b", "--needs", "typo", "--needs", "a")
        self.assertEqual(got["warnings"], [
            "needs `a,b` and `typo`: the daemon never heard of that in this workflow (a comma does "
            "not separate names here; give --needs once for each)"])

    def test_a_glob_of_only_is_the_top_folders(self):
        self.persist("a", {"src/a.c": ""})
        self.refused("attach", "--only", "*.c", self.missing(), status=3,
                     says="'*.c' means the top folder alone, '**/*.c' any")

    def test_a_parent_that_comes_too_late(self):
        self.persist("a", {"a": ""})
        self.persist("a", {"a": ""}, workflow="v")
        self.refused("attach", "--retry-of", "v", self.missing(), status=2,
                     says=("begun without a parent", "leave it out, or name another --workflow"))

    def test_a_namespace_that_no_grant_covers(self):
        token = self.folder / "token"
        token.write_bytes(subprocess.run(
            [BATOND, "token", "create", "--namespace", "acme/web", "--data", self.daemon.data],
            capture_output=True, check=True, timeout=PATIENCE).stdout)
        self.daemon.flags = ("--listen", "tls://127.0.0.1:0")
        self.daemon.restart()
        server = re.findall(r"tls://127.0.0.1:\d+#\S+", self.daemon.read_log())[-1]
        reach = ("--server", server, "--token-file", token)
        self.refused("log", *reach, status=5, says="--namespace or BATON_NAMESPACE")
        self.refused("log", *reach, "--namespace", "acme/web", status=3)


class OtherPlaces(Scenario):
    def test_a_server_that_speaks_http(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            asking = self.popen("status", "--server", f"tcp://127.0.0.1:{server.getsockname()[1]}",
                                workflow="w")
            peer, _ = server.accept()
            with peer:
                peer.recv(1)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                _, err = asking.communicate()
        self.assertEqual(asking.returncode, 6)
        self.assertIn(b"answers in HTTP, and is another service", err)

    def test_a_port_that_is_none(self):
        for url in ("tcp://host:99999", "tls://host:65536", "tls://[::1]:70000"):
            self.refused("status", "--server", url, status=2, workflow=None,
                         says=(f"no port is {url.rsplit(':')[-1]}", "65535"))

    @unittest.skipUnless(os.geteuid() == 0, "takes root, to be another user")
    def test_a_socket_that_this_user_may_not_use(self):
        for path in (self.folder, self.daemon.folder, self.daemon.socket.parent):
            path.chmod(0o755)
        self.refused("status", status=5, workflow=None, wrapper=NOBODY, cwd="/",
                     says=("may not use its socket", "`socket_group`", "`socket_mode`"))

    def not_started(self, data, *wrapper, says):
        done = subprocess.run([*wrapper, BATOND, "--data", data, "--listen",
                               f"unix:{self.folder}/s"], capture_output=True, timeout=PATIENCE,
                              check=False, cwd="/")
        self.assertNotEqual(done.returncode, 0)
        for word in says:
            self.assertIn(word, done.stderr.decode())

    def test_a_directory_with_something_in_it_becomes_no_store(self):
        data = self.tree({"notes": "mine"})
        self.not_started(data, says=(f"`{data}`: it is no store, and not empty: `notes` lies there",
                                     "with --data"))
        self.assertEqual(os.listdir(data), ["notes"])

    def test_a_directory_with_what_a_file_system_and_tokens_put_there_becomes_one(self):
        data = self.folder / "daemon" / "data"
        (data / "lost+found").mkdir(parents=True)
        subprocess.run([BATOND, "token", "create", "--namespace", "x", "--data", data],
                       capture_output=True, check=True, timeout=PATIENCE)
        self.persist("a", {"a": ""})
        self.daemon.restart()

    @unittest.skipUnless(os.geteuid() == 0, "takes root, to be another user")
    def test_a_data_directory_of_another_user(self):
        self.folder.chmod(0o755)
        closed, other = self.tree({}), self.tree({})
        other.chmod(0o755)
        help_ = "run batond as the user whom it belongs to, or name another"
        for data, place in ((closed, closed), (other, other / "segments"),
                            (self.folder / "none", self.folder / "none")):
            self.not_started(data, *NOBODY, says=(f"`{place}`: cannot be", help_))

    def test_a_token_without_a_data_directory(self):
        done = subprocess.run([BATOND, "token", "create", "--namespace", "x", "--data",
                               self.folder / "none"], capture_output=True, timeout=PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"name that of the daemon with --data or --config", done.stderr)


if __name__ == "__main__":
    unittest.main()
