"""The same persist again, and sessions beside each other: W1, W2 and §5."""

import dataclasses
import os
import threading
import unittest

from wire import Code, Lost, Refused, Type, encode
from wire_case import (SMALL, WireScenario, client, conversation, frames, identity, manifest, say,
                       small, unit_of)

KEY = bytes(range(16))
WORKFLOW = "cut-00000"


class Again(WireScenario):
    def test_w2_the_same_key_gives_the_same_layer(self):
        first = self.put(identity("a"), SMALL, key=KEY)
        second = self.put(identity("a"), SMALL, key=KEY, again=True)
        self.assertTrue(second.again)
        self.assertEqual(second.layer["layer"], first.layer["layer"])
        self.assertEqual(len(self.layers()), 1)

    def test_w2_the_key_belongs_to_its_execution(self):
        self.put(identity("a"), SMALL, key=KEY)
        self.put(identity("b"), SMALL, key=KEY)
        self.put(identity("a", attempt="2"), SMALL, key=KEY)
        self.put(identity("a", workflow="other"), SMALL, key=KEY)
        self.assertEqual((len(self.layers()), len(self.layers("other"))), (3, 1))

    def test_w2_another_key_makes_another_layer(self):
        self.put(identity("a"), SMALL, key=KEY)
        second = self.put(identity("a"), SMALL, key=KEY[::-1])
        self.assertEqual(second.layer["sequence"], 2)

    def test_w2_the_same_key_with_another_tree_is_seen_by_the_client(self):
        self.put(identity("a"), SMALL, key=KEY)
        connection = self.connect()
        upload = client.Upload(connection, identity("a"), KEY, again=True)
        self.assertNotEqual(upload.ready["committed"]["digest"],
                            manifest.build(client.rows_of(small("b"))).digest)
        self.assertEqual(client.status(connection)["layers"], 1)

    def test_w2_the_key_survives_a_restart_of_the_daemon(self):
        first = self.put(identity("a"), SMALL, key=KEY)
        self.daemon.kill()
        self.daemon.start()
        second = self.put(identity("a"), SMALL, key=KEY, again=True)
        self.assertEqual(second.layer, first.layer)

    def test_w2_a_connection_lost_at_every_byte_leaves_one_layer(self):
        sent, _ = conversation(self.daemon.url, identity("a", WORKFLOW), SMALL, KEY)
        self.assertEqual(sent.count(WORKFLOW.encode()), 1)
        for cut in range(len(sent) + 1):
            workflow = f"cut+{cut:05}"
            part = sent.replace(WORKFLOW.encode(), workflow.encode())[:cut]
            with self.subTest(cut=cut):
                say(self.daemon.url, part)
                done = self.put(identity("a", workflow), SMALL, key=KEY, again=True)
                layers = self.layers(workflow)
                self.assertEqual([layer["layer"] for layer in layers], [done.layer["layer"]])
        self.assertEqual(self.get(identity("b", workflow)).tree, SMALL)

    def test_w2_a_connection_lost_between_commit_and_committed_leaves_one_layer(self):
        for number in range(30):
            who = identity("a", f"lost-{number}")
            upload = self.upload(who, KEY)
            client.send_content(upload, SMALL)
            built = manifest.build(client.rows_of(SMALL))
            client.send_pieces(upload, built)
            upload.finish()
            upload.connection.send_map(Type.COMMIT, {"root": built.root})
            upload.connection.close()
            done = self.put(who, SMALL, key=KEY, again=True)
            self.assertEqual([layer["layer"] for layer in self.layers(who["workflow"])],
                             [done.layer["layer"]])

    def test_w2_a_newer_session_ends_the_older_one(self):
        older = self.upload(identity("a"), KEY)
        done = self.put(identity("a"), SMALL, key=KEY, again=True)
        with self.assertRaises(Refused) as caught:
            older.connection.expect(Type.COMMITTED)
        self.assertEqual(caught.exception.code, Code.SUPERSEDED)
        self.assertEqual([layer["layer"] for layer in self.layers()], [done.layer["layer"]])

    def test_w2_sessions_with_one_key_at_once_make_one_layer(self):
        outcomes = []

        def one() -> None:
            try:
                outcomes.append(self.put(identity("a"), SMALL, key=KEY).layer["layer"])
            except Refused as refused:
                outcomes.append(refused.code)
            except Lost:
                outcomes.append("lost")

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        layers = self.layers()
        self.assertEqual(len(layers), 1, outcomes)
        self.assertLessEqual(set(outcomes), {layers[0]["layer"], Code.SUPERSEDED})
        self.assertIn(layers[0]["layer"], outcomes)


class Rivals(WireScenario):
    """H2: persists that call themselves one execution, at the same time, with other content
    at one path: which of them counts is chance, and is not passed over in silence."""

    def beside(self, one, other, before=None, **who):
        """The warnings of a persist of `one`, during which `other` begins and ends."""
        if before:
            self.put(identity("a", **who), before)
        upload = self.upload(identity("a", **who))
        self.assertEqual(self.put(identity("a", **who), other).warnings, [])
        client.send_content(upload, one)
        built = manifest.build(client.rows_of(one))
        client.send_pieces(upload, built)
        return upload.commit(built.root).get("warnings", [])

    def test_w3_other_content_at_the_same_time_is_a_warning_with_the_path(self):
        for number, who in enumerate(({}, {"execution": "e"}, {"shard": "1/2"})):
            [said] = self.beside(small("1"), small("2"), workflow=f"w{number}", **who)
            for part in ("`a", "`marker`", "at the same time", "chance"):
                self.assertIn(part, said)

    def test_w3_equal_content_other_paths_and_other_times_are_none(self):
        later = {path: dataclasses.replace(entry, time_ns=entry.time_ns + 1)
                 for path, entry in SMALL.items()}
        for number, other in enumerate((SMALL, later, {b"x": client.file("1")},
                                        {b"d": client.directory(0o700)})):
            self.assertEqual(self.beside(SMALL, other, workflow=f"w{number}"), [])

    def test_w3_one_after_the_other_is_none(self):
        for tree in (small("1"), small("2"), small("3")):
            self.assertEqual(self.put(identity("a"), tree).warnings, [])
        self.assertEqual(self.beside(small("4"), {b"x": client.file("")}, small("5")), [])

    def test_w3_another_execution_at_the_same_time_is_none_of_these(self):
        upload = self.upload(identity("a", shard="1"))
        self.put(identity("a", shard="2"), {b"y": client.file("2")})
        tree = {b"x": client.file("1")}
        client.send_content(upload, tree)
        built = manifest.build(client.rows_of(tree))
        client.send_pieces(upload, built)
        self.assertEqual(upload.commit(built.root).get("warnings", []), [])


class SideBySide(WireScenario):
    """H2: an attempt that began before an earlier one had ended may be another job."""

    def persist(self, attempt, content):
        return self.put(identity("a", attempt=attempt), {b"x": client.file(content)}).warnings

    def test_w4_what_an_earlier_attempt_persisted_meanwhile_is_told(self):
        self.put(identity("up"), {b"up": client.file("")})
        self.get(identity("a", attempt="4"))
        self.get(identity("a", attempt="5"))
        self.assertEqual(self.persist("4", "four"), [])
        [said] = self.persist("5", "five")
        for part in ("`a (attempt 5)` replaces", "`a (attempt 4)`", "both were running",
                     "two jobs of one name"):
            self.assertIn(part, said)

    def test_w4_a_retry_that_began_afterwards_and_equal_content_are_not(self):
        self.put(identity("up"), {b"up": client.file("")})
        self.assertEqual(self.persist("1", "one"), [])
        self.get(identity("a", attempt="2"))
        self.get(identity("a", attempt="3"))
        self.assertEqual(self.persist("2", "two"), [])
        self.assertEqual(self.persist("3", "two"), [])


class Beside(WireScenario):
    def test_w1_nothing_uncommitted_is_offered_or_seen(self):
        unit = unit_of(b"alpha\n")
        first = self.upload(identity("a"))
        client.send_content(first, SMALL)
        first.finish()
        second = self.upload(identity("b"))
        self.assertEqual(second.ask([unit]), [unit])
        self.assert_refused(Code.NOT_FOUND, self.get, identity("c"))
        built = manifest.build(client.rows_of(SMALL))
        client.send_pieces(first, built)
        first.commit(built.root)
        self.assertEqual(second.ask([unit]), [])
        self.assertEqual(self.get(identity("c")).tree, SMALL)

    def test_w1_what_an_unfinished_persist_sent_is_never_offered(self):
        first = self.upload(identity("a"))
        client.send_content(first, SMALL)
        first.finish()
        first.connection.close()
        unit = unit_of(b"alpha\n")
        self.assertEqual(self.upload(identity("b")).ask([unit]), [unit])

    def test_a_second_persist_of_the_same_content_sends_none(self):
        first = self.put(identity("a"), SMALL)
        second = self.put(identity("b"), SMALL)
        self.assertEqual((first.sent_content, second.sent_content), (11, 0))
        self.assertEqual((second.sent_pieces, second.new_bytes), (0, 0))
        renamed = {b"moved/" + path: entry for path, entry in SMALL.items()}
        third = self.put(identity("c"), renamed)
        self.assertEqual(third.sent_content, 0)
        self.assertEqual(third.new_bytes, 0)

    def test_nothing_is_shared_across_namespaces(self):
        self.put(identity("a", namespace="one"), SMALL)
        second = self.put(identity("a", namespace="two"), SMALL)
        self.assertEqual(second.sent_content, 11)
        self.assertGreater(second.sent_pieces, 0)
        self.assert_refused(Code.NOT_FOUND, self.get, identity("b", namespace="three"))

    def test_section_5_a_client_may_send_all_before_it_reads(self):
        upload = self.upload(identity("a"))
        window = upload.connection.ask_window
        units = [b"%032d" % number for number in range(window // 2)]
        stream = bytearray()
        for at in range(0, len(units), 1024):
            part = units[at : at + 1024]
            stream += encode(Type.ASK, frames.encode_ask([unit_of(data) for data in part]))
            stream += encode(Type.UNITS, frames.encode_units(frames.CONTENT, part))
        upload.connection.send_bytes(bytes(stream))
        tree = {b"%d" % number: client.file(data) for number, data in enumerate(units)}
        asked, stored = [], []
        for _ in range(len(units) // 1024 * 2):
            message = upload.connection.expect(Type.OFFER, Type.STORED)
            if message.type == Type.OFFER:
                asked += frames.decode_offer(message.payload, 1024)
            else:
                stored += frames.decode_stored(message.payload, 1024)
        self.assertEqual(asked, [[]] * len(units))
        self.assertEqual(stored, [unit_of(data).sha256 for data in units])
        built = manifest.build(client.rows_of(tree))
        client.send_pieces(upload, built)
        self.assertEqual(upload.commit(built.root)["layer"]["files"], len(units))

    def test_section_5_large_frames_before_any_reading(self):
        upload = self.upload(identity("a"))
        for number in range(24):
            data = number.to_bytes(4, "little") + os.urandom(2 * 1024 * 1024 - 4)
            upload.connection.send(Type.UNITS, frames.encode_units(frames.CONTENT, [data]))
        for number in range(24):
            frames.decode_stored(upload.connection.expect(Type.STORED).payload, 1)

    def test_section_5_beyond_the_window_is_refused(self):
        upload = self.upload(identity("a"))
        units = [b"%032d" % number for number in range(4096)]
        upload.send(frames.CONTENT, units)
        upload.finish()
        payload = frames.encode_ask([unit_of(data) for data in units])
        built = manifest.build(client.rows_of(
            {b"%d" % number: client.file(data) for number, data in enumerate(units)}))
        client.send_pieces(upload, built)
        upload.commit(built.root)
        asking = self.upload(identity("b"))
        with self.assertRaises((Refused, Lost)) as caught:
            for _ in range(400):
                asking.connection.send(Type.ASK, payload)
            for _ in range(400):
                asking.connection.expect(Type.OFFER)
        if isinstance(caught.exception, Refused):
            self.assertEqual(caught.exception.code, Code.PROTOCOL)
        self.assert_serves()


class Base(WireScenario):
    def tree(self, count: int, changed: bytes = b"") -> dict[bytes, client.Entry]:
        tree = {b"p/file-%05d" % number: client.file(b"%d" % (number % 9))
                for number in range(count)}
        return {**tree, **({changed: client.file("changed")} if changed else {})}

    def test_section_5_pieces_of_the_base_are_named_not_sent(self):
        first = self.put(identity("a"), self.tree(12000))
        upload = self.upload(identity("a"), base=first.layer["layer"])
        built = manifest.build(client.rows_of(self.tree(12000, b"p/file-06000")))
        known = set(manifest.root_pieces(upload.ready["base_root"]))
        pieces = {unit_of(data): data for data in built.pieces}
        new = [data for unit, data in pieces.items() if unit not in known]
        self.assertLess(len(new), 3)
        upload.send(frames.CONTENT, [b"changed"])
        upload.send(frames.PIECE, new)
        done = upload.commit(built.root)
        self.assertEqual(done["layer"]["digest"], built.digest)
        self.assertEqual(self.get(identity("b")).digest, built.digest)

    def test_section_5_units_that_stand_in_pieces_of_the_base_may_be_cited(self):
        first = self.put(identity("a"), SMALL)
        upload = self.upload(identity("a"), base=first.layer["layer"])
        built = manifest.build(client.rows_of({b"copy": client.file("alpha\n")}))
        upload.send(frames.PIECE, built.pieces)
        self.assertEqual(upload.commit(built.root)["layer"]["digest"], built.digest)

    def test_w4_what_a_layer_replaces_is_only_what_left_through_it(self):
        self.put(identity("a"), SMALL)
        first = self.put(identity("b"), SMALL)
        upload = self.upload(identity("b", attempt="2"))
        again = self.put(identity("a", attempt="2"), SMALL)
        self.assertEqual(len(again.replaces), 1)
        client.send_content(upload, SMALL)
        built = manifest.build(client.rows_of(SMALL))
        client.send_pieces(upload, built)
        done = upload.commit(built.root)
        self.assertEqual(done["replaces"], [first.layer["layer"]])

    def test_section_3_an_error_of_the_client_ends_its_request(self):
        upload = self.upload(identity("a"))
        upload.connection.send_map(Type.ERROR, {"code": Code.DAMAGED, "message": "no more"})
        self.assertRaises(Lost, upload.connection.receive)
        line = self.daemon.log_lines("no more")[0]
        self.assertIn(" info persist ", line)
        self.assertIn("result=lost", line)

    def test_a_base_of_another_namespace_cannot_be_read(self):
        first = self.put(identity("a", namespace="one"), SMALL)
        upload = self.upload(identity("a", namespace="two"), base=first.layer["layer"])
        self.assertNotIn("base_root", upload.ready)
        built = manifest.build(client.rows_of(SMALL))
        self.assert_refused(Code.DENIED, upload.commit, built.root)

    def test_a_base_that_nobody_has_is_only_a_saving_lost(self):
        done = self.put(identity("a"), SMALL, base="0123456789abcdef")
        self.assertEqual(done.layer["files"], 2)


if __name__ == "__main__":
    unittest.main()
