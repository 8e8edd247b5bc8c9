"""Rules A4, A7, A8 and A9: tokens of the daemon's own, what they let their bearer do, and what
they do not. The tokens that nobody should have made are in test_a_hostile_tokens.py."""

import contextlib
import json
import os
import re
import socket
import stat
import subprocess
import time
import unittest

import client
from harness import BATOND, PATIENCE, is_sanitized
from token_case import TokenScenario
from wire import HELLO, Code, Connection, Refused, Type
from wire_case import SMALL, identity


class TokenCommand(TokenScenario):
    def test_a4_create_prints_the_token_alone_and_keeps_nothing_of_it(self):
        done = self.token_command("create", "--namespace", "acme/web", "--subject", "ci")
        self.assertRegex(done.stdout, r"\A[\w-]+\.[\w-]+\.[\w-]+\n\Z")
        self.assertIn("acme/web: read,write", done.stderr)
        self.assertNotIn(done.stdout.strip(), done.stderr)
        signature = done.stdout.strip().split(".")[2]
        for path in self.daemon.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(signature.encode(), path.read_bytes(), path)
        self.assertEqual(self.bearer(done.stdout.strip()).welcome["tier"], "trusted")

    def test_a4_the_files_are_the_owners_alone(self):
        self.create("--namespace", "a")
        folder = self.daemon.data / "access"
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        for path in folder.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)

    @unittest.skipUnless(os.geteuid() == 0, "only root makes files for others")
    def test_a4_what_root_makes_belongs_to_the_daemons_user(self):
        os.chown(self.daemon.data, 12345, 12345)
        self.create("--namespace", "a")
        for path in (self.daemon.data / "access", *(self.daemon.data / "access").iterdir()):
            self.assertEqual((path.stat().st_uid, path.stat().st_gid), (12345, 12345), path)

    def test_a4_the_list_has_id_subject_and_expiry_and_no_token(self):
        made = self.create_json("--namespace", "acme/web", "--subject", "ci", "--expires", "30d")
        listed = self.token_command("list").stdout
        self.assertIn(made["id"], listed)
        self.assertIn("ci", listed)
        self.assertNotIn(made["token"].split(".")[2], listed)
        entry, = json.loads(self.token_command("list", "--json").stdout)["tokens"]
        self.assertEqual(entry, {"id": made["id"], "subject": "ci", "expires": made["expires"],
                                 "revoked": False, "state": "valid"})
        self.assertLess(abs(made["expires"] - time.time() - 30 * 86400), PATIENCE)

    def test_a4_the_list_has_what_is_still_taken_after_it_expired(self):
        """For the minute that clocks may differ by."""
        made = self.create_json("--namespace", "acme/web", "--expires", "1h")
        ledger = self.daemon.data / "access" / "tokens.json"
        for expires, states in ((int(time.time()) - 5, ["expiring"]), (int(time.time()) - 61, [])):
            ledger.write_text(json.dumps({"tokens": [{
                "id": made["id"], "subject": "s", "expires": expires, "revoked": False}]}))
            listed = json.loads(self.token_command("list", "--json").stdout)["tokens"]
            self.assertEqual([token["state"] for token in listed], states)
            self.assertEqual("expiring" in self.token_command("list").stdout, bool(states))

    def test_a4_without_any_token_the_list_is_empty(self):
        self.assertEqual(self.token_command("list").stdout, "")
        self.assertEqual(json.loads(self.token_command("list", "--json").stdout), {"tokens": []})
        done = subprocess.run([BATOND, "token", "list", "--data", self.folder / "none"],
                              capture_output=True, timeout=PATIENCE, check=False, text=True)
        self.assertEqual(done.returncode, 3, done)
        self.assertIn(str(self.folder / "none"), done.stderr)

    def test_a4_words_that_are_wrong_are_exit_2_with_a_sentence(self):
        for words, says in (
                (("create",), "--namespace"),
                (("create", "--namespace", "a/**/b"), "`**`"),
                (("create", "--namespace", "a", "--verbs", "rea"), "`rea` is no verb"),
                (("create", "--namespace", "a", "--tier", "good"), "choose trusted or untrusted"),
                (("create", "--namespace", "a", "--expires", "0"), "1s to 3650d"),
                (("create", "--namespace", "a", "--expires", "999ms"), "1s to 3650d"),
                (("create", "--namespace", "a", "--expires", "3651d"), "1s to 3650d"),
                (("create", "--namespace", "a", "--expires", "never"), "not a time"),
                (("create", "--namespace", "a", "--subject", "a\nb"), "control"),
                (("create", "--namspace", "a"), "did you mean --namespace"),
                (("crate",), "did you mean `batond token create`"),
                (("list", "--job", "x"), "`batond token list` does not take it"),
                (("revoke",), "batond token revoke ID"),
                (("rotate", "x"), "one argument too many")):
            with self.subTest(words):
                done = self.token_command(*words, status=2)
                self.assertIn(says, done.stderr)
                self.assertRegex(done.stderr, r"\Abatond: [^\n]+[^.\n]\n\Z")
                self.assertEqual(done.stdout, "")
        self.token_command("create", "--namespace", "a", "--expires", "1s")
        self.token_command("create", "--namespace", "a", "--expires", "3650d")

    def test_a4_help_says_every_option(self):
        text = self.token_command("help", "create").stdout
        for option in ("--namespace", "--verbs", "--workflow", "--job", "--tier", "--expires",
                       "--subject", "--json", "--data", "--config"):
            self.assertIn(option, text)

    def test_a4_a_damaged_list_is_refused_and_left_alone(self):
        self.create("--namespace", "a")
        for name in ("keys.json", "tokens.json"):
            path = self.daemon.data / "access" / name
            whole = path.read_bytes()
            for damaged in (b"", b"{", whole[:-5], b"[]", b'{"keys":[{}],"tokens":[{}]}'):
                path.write_bytes(damaged)
                done = self.token_command("create", "--namespace", "b", status=6)
                self.assertIn(name, done.stderr)
                self.assertEqual(path.read_bytes(), damaged)
            path.write_bytes(whole)
        self.create("--namespace", "a")

    def test_a4_a_key_that_others_can_read_signs_nothing(self):
        token = self.create("--namespace", "a")
        (self.daemon.data / "access" / "keys.json").chmod(0o640)
        done = self.token_command("create", "--namespace", "b", status=5)
        self.assertIn("chmod 600", done.stderr)
        self.denied(self.bearer, token)


class OwnTokens(TokenScenario):
    def test_a4_a_running_daemon_sees_revoke_with_the_next_request(self):
        self.put(identity("a"), SMALL)
        made = self.create_json("--namespace", "default")
        connection = self.bearer(made["token"])
        client.log(connection, identity(), all=True)
        self.token_command("revoke", made["id"])
        self.assertIn("was revoked", self.denied(client.log, connection, identity(), all=True))
        self.assertIn("was revoked", self.denied(self.bearer, made["token"]))
        listed = self.token_command("list").stdout
        self.assertRegex(listed, rf"{made['id']}.*revoked")

    def test_a4_a_token_that_is_not_in_the_list_is_refused(self):
        token = self.create("--namespace", "default")
        (self.daemon.data / "access" / "tokens.json").write_text('{"tokens": []}')
        self.assertIn("no such token", self.denied(self.bearer, token))

    def test_a4_revoke_of_what_is_not_there_is_exit_3(self):
        self.token_command("rotate")
        done = self.token_command("revoke", "0123456789abcdef", status=3)
        self.assertIn("token list", done.stderr)

    def test_a4_rotate_lets_old_tokens_live_until_they_expire(self):
        before = self.create("--namespace", "a", "--expires", "1h")
        self.token_command("rotate")
        after = self.create("--namespace", "a")
        self.assertNotEqual(before.split(".")[0], after.split(".")[0])  # another key id
        self.bearer(before)
        self.bearer(after)
        keys = json.loads((self.daemon.data / "access" / "keys.json").read_text())["keys"]
        self.assertIn("d", keys[0])
        self.assertNotIn("d", keys[1], "an old key signs nothing, so its secret is gone")

    def test_a4_rotate_drops_keys_whose_last_token_has_expired(self):
        self.token_command("rotate")  # there is no token at all
        self.token_command("rotate")
        self.token_command("rotate")
        keys = json.loads((self.daemon.data / "access" / "keys.json").read_text())["keys"]
        self.assertEqual(len(keys), 1)

    def test_a4_a_token_works_after_the_daemon_was_restarted(self):
        token = self.create("--namespace", "default")
        self.daemon.restart()
        self.bearer(token)

    def test_a4_two_commands_at_once_lose_no_token(self):
        running = [subprocess.Popen([BATOND, "token", "create", "--namespace", f"n{number}",
                                     "--data", self.daemon.data], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL) for number in range(12)]
        tokens = [process.communicate(timeout=PATIENCE)[0].decode().strip()
                  for process in running]
        self.assertEqual(len(json.loads(self.token_command("list", "--json").stdout)["tokens"]),
                         12)
        for token in tokens:
            self.bearer(token)

    def test_a4_welcome_says_who_and_what(self):
        made = self.create_json("--namespace", "acme/*", "--namespace", "docs", "--verbs", "read",
                                "--tier", "untrusted", "--subject", "fork", "--job", "lint")
        welcome = self.bearer(made["token"]).welcome
        self.assertEqual(welcome["principal"], f"token {made['id']} (fork)")
        self.assertEqual(welcome["tier"], "untrusted")
        self.assertEqual(welcome["grants"], ["acme/*, docs: read, job lint"])

    def test_a4_a_token_of_16_kib_is_read_and_one_byte_more_is_not(self):
        for length, code in ((16384, Code.DENIED), (16385, Code.PROTOCOL)):
            token = "a" * length
            refused = self.assert_refused(code, self.bearer, token)
            self.assertNotIn(token[:64], refused.message)


class Grants(TokenScenario):
    def tree_of(self, namespace, workflow="w"):
        self.put(identity("a", workflow, namespace=namespace), SMALL)

    def test_a7_every_request_outside_the_grant_is_denied_with_a_sentence(self):
        self.tree_of("acme/app")
        token = self.create("--namespace", "acme/web", "--subject", "ci")
        for verb, action, who in (
                ("write", client.persist, identity("a", namespace="acme/app")),
                ("read", client.attach, identity("a", namespace="acme/app")),
                ("read", client.log, identity(namespace="acme/app"))):
            with self.subTest(verb):
                arguments = (SMALL,) if action is client.persist else ()
                sentence = self.denied(action, self.bearer(token), who, *arguments)
                self.assertRegex(sentence, rf"token \w+ \(ci\) may not {verb} this in namespace "
                                           r"`acme/app`: its grant is `acme/web: read,write`")

    def test_a7_answers_are_the_same_whether_the_other_namespace_exists(self):
        self.tree_of("acme/is")
        token = self.create("--namespace", "acme/web")
        heard = {}
        for name in ("is", "no"):
            for type_, who in self.requests(f"acme/{name}"):
                connection = self.bearer(token)
                connection.received.clear()
                connection.send_map(type_, who)
                connection.drain()
                heard.setdefault(name, []).append(bytes(connection.received))
        self.assertEqual([answer.replace(b"acme/is", b"acme/no") for answer in heard["is"]],
                         heard["no"])

    def requests(self, namespace):
        who = identity("a", namespace=namespace)
        return [(Type.PERSIST, {**who, "key": b"k" * 16}), (Type.ATTACH, who),
                (Type.ATTACH, {**who, "purpose": "look", "from_workflow": "w"}),
                (Type.ATTACH, {**who, "layer": "0123"}), (Type.LOG, who),
                (Type.LOG, {**who, "from_workflow": "w"})]

    def test_a7_a_denied_request_touches_no_file_of_the_store(self):
        """So that not even its time tells: the daemon is watched while it denies."""
        self.tree_of("acme/is")
        token = self.create("--namespace", "acme/web")
        self.denied(client.log, self.bearer(token), identity(namespace="acme/is"))
        trace = self.folder / "trace"
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-y", "-o", trace, "-p",
                                   str(self.daemon.process.pid)],
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.terminate)
        begun = time.monotonic()
        while not trace.exists() or not trace.read_bytes():  # it has begun
            self.assertLess(time.monotonic() - begun, PATIENCE)
            Connection(self.daemon.url).close()
        for name in ("acme/is", "acme/no"):
            for type_, who in self.requests(name):
                connection = self.bearer(token)
                connection.send_map(type_, who)
                connection.drain()
        tracer.terminate()
        tracer.wait()
        seen = trace.read_text()
        self.assertIn("tokens.json", seen)  # the watcher does see files
        for name in ("catalogue.db", "units.db", ".seg", "stamp"):
            self.assertNotIn(name, seen)

    def test_a7_verbs_are_kept_apart(self):
        self.put(identity("a"), SMALL)
        reads = self.create("--namespace", "default", "--verbs", "read")
        writes = self.create("--namespace", "default", "--verbs", "write")
        self.assertIn("may not write", self.denied(client.persist, self.bearer(reads),
                                                   identity("b"), SMALL))
        client.attach(self.bearer(reads), identity("b"))
        client.persist(self.bearer(writes), identity("b"), SMALL)
        for action in (client.attach, client.log):
            self.assertIn("may not read", self.denied(action, self.bearer(writes), identity("c")))

    def test_a7_who_may_only_write_is_given_no_base(self):
        layer = self.put(identity("a"), SMALL).layer["layer"]
        for verbs, given in (("write", False), ("read,write", True)):
            token = self.create("--namespace", "default", "--verbs", verbs)
            upload = client.Upload(self.bearer(token), identity("b"), os.urandom(16), base=layer)
            self.assertEqual("base_root" in upload.ready, given, verbs)

    def test_a8_a_grant_of_a_workflow_writes_and_reads_that_workflow(self):
        self.put(identity("a", "other"), SMALL)
        token = self.create("--namespace", "default", "--workflow", "w")
        client.persist(self.bearer(token), identity("a"), SMALL)
        client.attach(self.bearer(token), identity("b"))
        for workflow in ("other", "w2", "none"):
            self.denied(client.persist, self.bearer(token), identity("a", workflow), SMALL)
            self.denied(client.attach, self.bearer(token), identity("b", workflow))
            self.denied(client.attach, self.bearer(token), identity("b"), from_workflow=workflow)
            self.denied(client.log, self.bearer(token), identity(), from_workflow=workflow)

    def test_a8_a_grant_of_a_workflow_names_no_layer_of_another(self):
        layer = self.put(identity("a", "other"), SMALL).layer["layer"]
        self.put(identity("a"), {b"x": client.file("x")})
        token = self.create("--namespace", "default", "--workflow", "w")
        sentences = {self.denied(client.look, self.bearer(token), identity("b"), layer=name)
                     for name in (layer, "f" * 16)}
        self.assertEqual(len(sentences), 1, "whether the layer exists is not told")
        upload = client.Upload(self.bearer(token), identity("b"), b"k" * 16, base=layer)
        self.assertNotIn("base_root", upload.ready)

    def test_a8_a_grant_of_a_job_persists_as_that_job_alone(self):
        self.put(identity("a"), SMALL)
        token = self.create("--namespace", "default", "--job", "build")
        client.persist(self.bearer(token), identity("build"), SMALL)
        self.denied(client.persist, self.bearer(token), identity("deploy"), SMALL)
        self.denied(client.attach, self.bearer(token), identity("deploy"))  # is recorded
        client.look(self.bearer(token), identity("deploy"))
        client.attach(self.bearer(token), identity())
        client.log(self.bearer(token), identity())

    def test_a7_status_tells_the_figures_to_who_administers_all(self):
        self.put(identity("a"), SMALL)
        for words, limited in ((("--namespace", "**", "--verbs", "admin"), False),
                               (("--namespace", "acme/**", "--verbs", "read,write,admin"), True),
                               (("--namespace", "**", "--verbs", "read,write"), True),
                               (("--namespace", "**", "--verbs", "admin", "--job", "a"), True)):
            reply = client.status(self.bearer(self.create(*words)))
            self.assertEqual(reply.get("limited", False), limited, words)
            self.assertEqual("layers" in reply and "data" in reply, not limited, words)

    def test_a7_each_request_is_one_line_with_principal_grant_and_answer(self):
        self.put(identity("a"), SMALL)
        made = self.create_json("--namespace", "default", "--verbs", "read", "--subject", "ci")
        client.log(self.bearer(made["token"]), identity())
        self.denied(client.persist, self.bearer(made["token"]), identity("a"), SMALL)
        self.daemon.await_log(made["id"], 2)
        told = self.daemon.log_lines(made["id"])
        self.assertEqual(len(told), 2, told)
        for line, verb, result in zip(told, ("log", "persist"), ("ok", "denied")):
            self.assertRegex(line, rf"\b{verb}\b")
            self.assertIn(f"token {made['id']} (ci)", line)
            self.assertIn("default: read", line)
            self.assertRegex(line, rf"result=\"?{result}")

    def test_a7_no_part_of_a_token_is_logged_or_told(self):
        token = self.create("--namespace", "default")
        header, claims, signature = token.split(".")
        self.bearer(token)
        for bad in (token[:-5], f"{header}.{claims}.", f"{header}.{claims}", f"x{token}",
                    f"{header}.{claims}.{signature[::-1]}"):
            refused = self.assert_refused(Code.DENIED, self.bearer, bad)
            for part in (header, claims, signature, signature[::-1][:20]):
                self.assertNotIn(part, refused.message)
        log = self.daemon.read_log()
        for part in (header, claims, signature[:20]):
            self.assertNotIn(part, log)


class Memory(TokenScenario):
    """What is freed can be read by whoever finds a way to read the daemon's memory later."""

    flags = ("--listen", "tls://127.0.0.1:0")

    def holds(self, secret):
        """Whether the daemon has it anywhere."""
        where = f"/proc/{self.daemon.process.pid}"
        with open(f"{where}/maps", encoding="ascii") as maps, open(f"{where}/mem", "rb", 0) as mem:
            for line in maps:
                if " rw" not in line:
                    continue
                start, end = (int(word, 16) for word in line.split()[0].split("-"))
                mem.seek(start)
                with contextlib.suppress(OSError):  # [vvar] and the like
                    if secret in mem.read(end - start):
                        return True
        return False

    @unittest.skipIf(is_sanitized(), "a sanitizer keeps what is freed, and has too much memory")
    def test_a6_no_signature_of_a_token_stays_in_memory(self):
        url = re.findall(r"^BATON_SERVER=(.*)$", self.daemon.read_log(), re.M)[-1]
        token = self.create("--namespace", "default")
        signature = token.rpartition(".")[2]
        wrong = token[:-20] + "A" * 20
        for place in (url, self.daemon.url):
            Connection(place, token=token).close()
            self.assert_refused(Code.DENIED, Connection, place, token=wrong)
        self.assertTrue(self.holds(self.daemon.url[:20].encode()), "it would not be found")
        for secret in (signature, wrong.rpartition(".")[2]):
            self.assertFalse(self.holds(secret[-30:].encode()))
            self.assertFalse(self.holds(secret[:30].encode()))


class Loopback(TokenScenario):
    def test_a1_loopback_asks_for_no_token_unless_it_is_told_to(self):
        for words, asks in (((), False), (("--tcp-token", "optional"), False),
                            (("--tcp-token", "required"), True)):
            port = free_port()
            daemon = self.start_daemon(f"d{port}", "--listen", f"tcp://127.0.0.1:{port}", *words)
            try:
                with Connection(f"tcp://127.0.0.1:{port}") as connection:
                    welcome = connection.welcome
                self.assertFalse(asks, welcome)
                self.assertEqual(welcome["principal"], "loopback")
                self.assertEqual(welcome["grants"], ["**: read,write,admin"])
            except Refused as refused:
                self.assertTrue(asks)
                self.assertEqual(refused.code, Code.DENIED)
                self.assertIn("wants a token", refused.message)
            Connection(daemon.url).close()  # the Unix socket asks for none in any case


class UnixPeers(TokenScenario):
    def test_a9_the_user_id_stands_for_a_token(self):
        welcome = self.connect().welcome
        self.assertEqual(welcome["principal"], f"unix uid {os.geteuid()}")
        self.assertEqual(welcome["grants"], ["**: read,write,admin"])
        self.assertEqual(welcome["tier"], "trusted")

    def test_a9_a_token_decides_even_where_none_is_needed(self):
        token = self.create("--namespace", "acme/web")
        self.assertRegex(self.bearer(token).welcome["principal"], r"^token ")
        self.denied(client.log, self.bearer(token), identity())

    def test_a3_a_connection_that_goes_while_its_token_is_checked_harms_nobody(self):
        token = self.create("--namespace", "default")
        for _ in range(50):
            link = self.raw()
            link.send_map(Type.HELLO, {**HELLO, "token": token.encode()})
            link.close()
        self.bearer(token)
        self.assert_serves()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


if __name__ == "__main__":
    unittest.main()
