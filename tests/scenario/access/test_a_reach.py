"""Rules A7 and A8: what a token reaches by another way than by asking for it: the parent that it
gives a workflow, what an attach leaves behind, what a persist is told; and rule A4: how long a
request runs on."""

import os
import unittest

import client
from token_case import TokenScenario
from wire import Code, Type
from wire_case import SMALL, identity, manifest, unit_of

EMPTY_ROOT = b"BTRT\1\1\0\0\0"
BOUND = ("--namespace", "default", "--workflow", "w2")


def parents(connection, workflow):
    return {layer["workflow"] for layer in client.log(connection, identity(workflow=workflow))}


class Parents(TokenScenario):
    """Who may have which workflow as the parent of its own."""

    def setUp(self):
        super().setUp()
        self.put(identity("a", "w1"), SMALL)

    def actions(self, token, who):
        return (lambda: client.persist(self.bearer(token), who, SMALL),
                lambda: client.attach(self.bearer(token), who, if_empty=True),
                lambda: client.look(self.bearer(token), who, if_empty=True),
                lambda: client.log(self.bearer(token), who))

    def test_a8_a_grant_of_a_workflow_chooses_no_parent(self):
        for tier in ("trusted", "untrusted"):
            token = self.create(*BOUND, "--tier", tier)
            told = {}
            for parent in ("w1", "w9"):
                who = identity("b", "w2", retry_of=parent)
                told[parent] = [self.denied(action) for action in self.actions(token, who)]
            self.assertIn("not bound to a workflow", told["w1"][0])
            self.assertEqual([sentence.replace("w1", "w9") for sentence in told["w1"]],
                             told["w9"], "whether the parent exists is not told")
        self.assert_refused(Code.NOT_FOUND, client.log, self.connect(), identity(workflow="w2"))

    def test_a8_who_does_not_read_a_workflow_does_not_inherit_from_it(self):
        token = self.create("--namespace", "default", "--verbs", "write")
        for parent in ("w1", "w9"):
            self.denied(client.persist, self.bearer(token),
                        identity("b", "w2", retry_of=parent), SMALL)

    def test_a8_a_parent_that_was_detected_is_left_out_with_a_warning(self):
        token = self.create(*BOUND)
        for parent in ("w1", "w9"):
            who = identity("b", "w2", retry_of=parent, retry_detected=True)
            view = client.attach(self.bearer(token), who, if_empty=True)
            self.assertEqual(view.layers, [])
            self.assertIn("no grant reads", "".join(view.warnings))
        client.persist(self.bearer(token), who, SMALL)
        self.assertEqual(parents(self.connect(), "w2"), {"w2"})

    def test_a8_a_grant_of_a_workflow_reads_what_it_inherits(self):
        self.put(identity("a", "w2", retry_of="w1"), {b"x": client.file("x")})
        token = self.create(*BOUND)
        for who in (identity("b", "w2", retry_of="w1"), identity("b", "w2")):
            view = client.attach(self.bearer(token), who)
            self.assertIn(b"x", view.tree)
        self.assertEqual(parents(self.bearer(token), "w2"), {"w2"})
        client.persist(self.bearer(token), identity("c", "w2", retry_of="w1"), SMALL)

    def test_a8_a_fixed_parent_is_told_and_another_is_not_looked_up(self):
        self.put(identity("a", "w2", retry_of="w1"), SMALL)
        self.put(identity("a", "w3"), SMALL)
        token = self.create(*BOUND)
        told = [self.assert_refused(Code.IDENTITY, client.attach, self.bearer(token),
                                    identity("b", "w2", retry_of=parent)).message
                for parent in ("w3", "w9")]
        self.assertEqual(told[0].replace("w3", "w9"), told[1])

    def test_a8_an_untrusted_job_follows_the_trusted_workflow_of_its_name(self):
        self.put(identity("a", "w2", retry_of="w1"), SMALL)
        self.put(identity("a", "w3"), SMALL)
        token = self.create(*BOUND, "--tier", "untrusted")
        self.denied(client.attach, self.bearer(token), identity("b", "w2", retry_of="w3"))
        client.attach(self.bearer(token), identity("b", "w2", retry_of="w1"))

    def test_a10_a_trusted_job_does_not_follow_an_untrusted_workflow(self):
        untrusted = self.create("--namespace", "default", "--tier", "untrusted")
        client.persist(self.bearer(untrusted), identity("a", "w2", retry_of="w1"), SMALL)
        self.denied(client.attach, self.bearer(self.create(*BOUND)),
                    identity("b", "w2", retry_of="w1"), tier="untrusted")

    def test_a8_a_grant_that_reads_both_workflows_retries(self):
        token = self.create("--namespace", "default")
        view = client.attach(self.bearer(token), identity("b", "w2", retry_of="w1"))
        self.assertEqual([layer["workflow"] for layer in view.layers], ["w1"])

    def test_a7_the_log_says_which_parent_and_layer_were_asked_for(self):
        made = self.create_json(*BOUND)
        self.denied(client.log, self.bearer(made["token"]), identity(workflow="w2", retry_of="w1"))
        self.denied(client.look, self.bearer(made["token"]), identity(workflow="w2"),
                    layer="0123456789abcdef")
        self.daemon.await_log(made["id"], 2)
        told = "\n".join(self.daemon.log_lines(made["id"]))
        self.assertRegex(told, r'retry_of="?w1')
        self.assertRegex(told, r'from_layer="?0123456789abcdef')


class Traces(TokenScenario):
    """An attach without the verb `write` leaves nothing behind."""

    def setUp(self):
        super().setUp()
        self.put(identity("a", "w1"), SMALL)
        self.reads = self.create("--namespace", "default", "--verbs", "read")

    def test_a8_who_only_reads_begins_no_workflow_and_fixes_no_parent(self):
        view = client.attach(self.bearer(self.reads), identity("b", "w2", retry_of="w1"))
        self.assertEqual([layer["workflow"] for layer in view.layers], ["w1"])
        self.put(identity("b", "w2", retry_none=True), SMALL)
        self.assertEqual(parents(self.connect(), "w2"), {"w2"})

    def test_a8_who_only_reads_takes_no_jobs_execution(self):
        client.attach(self.bearer(self.reads), identity("b", "w1", execution="other"))
        self.put(identity("b", "w1", execution="real"), SMALL)

    def test_a8_who_only_reads_changes_no_needs(self):
        self.put(identity("b", "w1", has_needs=True, needs=["a"]), {b"a.txt": client.file("b")})
        client.attach(self.bearer(self.reads), identity("b", "w1", has_needs=True),
                      if_empty=True)
        view = client.attach(self.connect(), identity(workflow="w1"))  # not a conflict: b is later
        self.assertEqual(view.tree[b"a.txt"].data, b"b")

    def test_a8_a_grant_of_a_job_leaves_nothing_as_nobody(self):
        token = self.create("--namespace", "default", "--job", "lint")
        client.attach(self.bearer(token), identity(None, "w2", retry_of="w1"))
        self.put(identity("b", "w2", retry_none=True), SMALL)

    def test_a8_an_attach_with_the_verb_write_is_recorded(self):
        """The other side: what the tests above look at does change."""
        writes = self.create("--namespace", "default")
        client.attach(self.bearer(writes), identity("b", "w1", execution="first"))
        self.assert_refused(Code.IDENTITY, self.put, identity("b", "w1", execution="other"),
                            SMALL)
        client.attach(self.bearer(writes), identity("b", "w2", retry_of="w1"))
        self.assert_refused(Code.IDENTITY, self.put, identity("b", "w2", retry_none=True), SMALL)


class LeftOut(TokenScenario):
    def test_a10_of_many_untrusted_layers_only_the_number_is_told(self):
        """Who may persist as often as it likes does not make each trusted view load all that."""
        self.put(identity("a"), SMALL)
        untrusted = self.create("--namespace", "default", "--tier", "untrusted")
        connection = self.bearer(untrusted)
        for count, listed in ((200, True), (201, False)):
            while self.persisted < count:
                self.persisted += 1
                client.persist(connection, identity(f"j{self.persisted}"), {})
            self.assertEqual(self.told(Type.ATTACH, Type.VIEW, purpose="look"), (count, listed))
            self.assertEqual(self.told(Type.LOG, Type.LOG_REPLY), (count, listed))

    persisted = 0

    def told(self, ask, answer, **words):
        connection = self.connect()
        connection.send_map(ask, {**identity(), **words})
        part = connection.expect_map(answer)
        return part["left_out_count"], len(part.get("left_out", [])) > 0


class WhileItRuns(TokenScenario):
    def test_a4_a_revoked_token_commits_nothing(self):
        made = self.create_json("--namespace", "default")
        for revoke in (False, True):
            upload = client.Upload(self.bearer(made["token"]), identity("a"), os.urandom(16))
            if revoke:
                self.token_command("revoke", made["id"])
                self.assertIn("was revoked", self.denied(upload.commit, EMPTY_ROOT))
            else:
                upload.commit(EMPTY_ROOT)
        self.assertEqual(len(client.log(self.connect(), identity(), all=True)), 1)

    def test_a4_a_revoked_token_is_sent_no_more_content(self):
        self.put(identity("a"), SMALL)
        made = self.create_json("--namespace", "default")
        connection = self.bearer(made["token"])
        view = client.look(connection, identity("b"), "attach")
        wanted = [True] * view.totals["units"]
        client.fetch(connection, wanted)
        self.token_command("revoke", made["id"])
        self.assertIn("was revoked", self.denied(client.fetch, connection, wanted))

    def test_a7_who_only_writes_hears_nothing_of_others_content(self):
        self.put(identity("a"), {b"f": client.file("secret")})
        for verbs, warned in (("write", False), ("read,write", True)):
            token = self.create("--namespace", "default", "--verbs", verbs)
            done = client.persist(self.bearer(token), identity(f"guess {verbs}"),
                                  {b"f": client.file(verbs)})
            self.assertEqual("f" in "".join(done.warnings), warned, done.warnings)


class Offers(TokenScenario):
    """A7: by asking which units are stored (ASK) nobody finds out what his grant does not read."""

    SHARED, SECRET = b"shared", b"secret"

    def offered(self, token, workflow, *contents):
        """Which of them are offered to a persist of that workflow."""
        upload = client.Upload(self.bearer(token), identity("guess", workflow), os.urandom(16))
        lacking = upload.ask(unit_of(data) for data in contents)
        upload.connection.close()
        return [data for data in contents if unit_of(data) not in lacking]

    def setUp(self):
        super().setUp()
        # In one frame, so that the one is found beside the other.
        self.put(identity("a", "w1"), {b"f": client.file("shared"), b"g": client.file("secret")})

    def test_a7_a_grant_of_a_workflow_is_offered_what_it_reads(self):
        bound = self.create(*BOUND)
        self.assertEqual(self.offered(bound, "w2", self.SHARED, self.SECRET), [])
        self.put(identity("b", "w2"), {b"f": client.file("shared")})  # no grant binds that one
        self.assertEqual(self.offered(bound, "w2", self.SHARED, self.SECRET), [self.SHARED])
        self.assertEqual(self.offered(bound, "w2", self.SECRET, self.SHARED), [self.SHARED])

    def test_a7_pieces_are_content_too(self):
        [piece] = manifest.build(client.rows_of({b"f": client.file("shared"),
                                                 b"g": client.file("secret")})).pieces
        self.assertEqual(self.offered(self.create(*BOUND), "w2", piece), [])
        self.put(identity("b", "w2"), {b"f": client.file("shared"), b"g": client.file("secret")})
        self.assertEqual(self.offered(self.create(*BOUND), "w2", piece), [piece])

    def test_a8_what_a_workflow_inherits_is_offered_to_its_grant(self):
        client.attach(self.connect(), identity("b", "w2", retry_of="w1"), if_empty=True)
        self.assertEqual(self.offered(self.create(*BOUND), "w2", self.SHARED, self.SECRET),
                         [self.SHARED, self.SECRET])

    def test_a7_who_only_writes_is_offered_nothing(self):
        token = self.create("--namespace", "default", "--verbs", "write")
        self.assertEqual(self.offered(token, "w1", self.SHARED), [])

    def test_a7_what_a_session_sent_itself_it_may_cite_again(self):
        token = self.create("--namespace", "default", "--verbs", "write")
        tree = {b"one": client.file("own"), b"two": client.file("own")}
        for _ in range(2):
            self.assertEqual(client.persist(self.bearer(token), identity("a"), tree).sent_content,
                             2 * len("own") // 2)

    def test_who_reads_the_namespace_is_offered_all_of_it(self):
        self.assertEqual(self.offered(self.create("--namespace", "default"), "w9", self.SECRET),
                         [self.SECRET])

    def test_the_configuration_may_let_bound_grants_reuse_all(self):
        self.daemon.stop()
        self.daemon.flags = ("--reuse", "namespace")
        self.daemon.start()
        self.assertEqual(self.offered(self.create(*BOUND), "w2", self.SECRET), [self.SECRET])


if __name__ == "__main__":
    unittest.main()
