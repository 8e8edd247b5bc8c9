"""Tags of views, and views whose rows the client has: PROTOCOL.md §6."""

import unittest

from wire import Code
from wire_case import SMALL, WireScenario, client, identity, small


class Held(WireScenario):
    def look(self, **options):
        return client.look(self.connect(), identity("b"), "attach", **options)

    def test_section_6_the_tag_of_one_layer_is_its_digest(self):
        digest = self.put(identity("a"), SMALL).layer["digest"]
        self.assertEqual(self.look().tag, digest)
        self.assertNotEqual(self.look(exclude=[b"none"]).tag, digest)
        self.assertNotEqual(self.look(by_job=True).tag, digest)

    def test_section_6_the_tag_of_a_merge_stays_and_tells_what_it_merges(self):
        self.put(identity("a"), SMALL)
        self.put(identity("c"), {b"c": client.file("c")})
        tags = [self.look(**options).tag for options in
                ({}, {}, {"only": [b"c"]}, {"exclude": [b"c"]}, {"prefer": ["a"]},
                 {"prefer": ["c"]}, {"on_conflict": "first"}, {"by_job": True})]
        self.assertEqual(tags[0], tags[1])
        self.assertEqual(len(set(tags)), len(tags) - 1)
        self.put(identity("c"), {b"c": client.file("c")})
        self.assertNotEqual(self.look().tag, tags[0])

    def test_section_6_what_is_held_is_sent_when_it_is_wanted(self):
        self.put(identity("a"), SMALL)
        tag = self.look().tag
        connection = self.connect()
        view = client.look(connection, identity("b"), "attach", holds=[bytes(32), tag])
        self.assertTrue(view.held)
        client.want_rows(connection, view)
        self.assertEqual({row.path for row in view.rows}, set(SMALL))
        client.fetch(connection, [True] * view.totals["units"])
        client.finish(connection, view)
        self.assertEqual(client.status(connection)["layers"], 1)

    def test_section_6_what_is_held_may_be_confirmed(self):
        view = self.put(identity("a"), SMALL).layer
        connection = self.connect()
        held = client.look(connection, identity("b"), "attach", holds=[view["digest"]])
        self.assertTrue(held.held)
        held.digest = view["digest"]
        client.finish(connection, held)
        self.put(identity("b"), small("b"))
        after = {layer["job"]: layer["after"] for layer in self.layers()}
        self.assertEqual(after["b"], [view["layer"]])

    def test_section_6_another_tag_is_not_held(self):
        digest = self.put(identity("a"), SMALL).layer["digest"]
        view = self.look(holds=[digest[::-1]])
        self.assertFalse(view.held)
        self.assertEqual(len(view.rows), len(SMALL))

    def test_section_6_rows_are_wanted_once_and_only_if_held(self):
        digest = self.put(identity("a"), SMALL).layer["digest"]
        for holds in ([], [digest]):
            def again(holds=holds):
                connection = self.connect()
                view = client.look(connection, identity("b"), "attach", holds=holds)
                if view.held:
                    client.want_rows(connection, view)
                client.want_rows(connection, view)
            self.assert_refused(Code.PROTOCOL, again)

    def test_section_6_no_units_of_rows_that_were_not_sent(self):
        digest = self.put(identity("a"), SMALL).layer["digest"]

        def fetch():
            connection = self.connect()
            client.look(connection, identity("b"), "attach", holds=[digest])
            client.fetch(connection, [True])
        self.assert_refused(Code.PROTOCOL, fetch)

    def test_growth_malformed_tags_are_refused(self):
        self.put(identity("a"), SMALL)
        for holds in ([b"short"], ["a" * 32], [bytes(32)] * 17, bytes(32)):
            self.assert_refused(Code.PROTOCOL, self.look, holds=holds)


if __name__ == "__main__":
    unittest.main()
