"""Persist, attach, ls, log and status by the Python client, alone and with the C client."""

import random
import unittest

import xxhash

from harness import BATON, Link, make_tree, read_tree
from wire import Code, Connection
from wire_case import SMALL, WireScenario, client, identity, manifest, small

needs_client = unittest.skipUnless(BATON.exists(), "the build has no client")


def many_files(count: int) -> dict[bytes, client.Entry]:
    rng = random.Random(11)
    return {b"packages/p%d/lib/module-%d.js" % (rng.randrange(300), number):
            client.file(b"%d" % (number % 50), time_ns=number) for number in range(count)}


class Persist(WireScenario):
    def test_w1_what_is_persisted_is_attached(self):
        tree = {**SMALL, b"empty": client.file(b""), b"hidden/.x": client.file(b"h", 0o400),
                b"bytes-\xff\n": client.file(bytes(range(256))),
                b"old": client.file(b"o", time_ns=-1), b"none": client.directory(0o700)}
        done = self.put(identity("build"), tree)
        view = self.get(identity("test", has_needs=True, needs=["build"]))
        self.assertEqual(view.tree, tree)
        self.assertEqual(view.digest, done.layer["digest"])
        self.assertEqual([layer["layer"] for layer in view.layers], [done.layer["layer"]])
        self.assertEqual((done.layer["files"], done.layer["directories"], done.layer["symlinks"]),
                         (6, 2, 1))
        self.assertEqual(done.layer["bytes"], sum(
            len(entry.data) for entry in tree.values() if entry.type == manifest.FILE))

    def test_w1_an_empty_tree_is_a_layer(self):
        done = self.put(identity("build"), {})
        self.assertEqual(done.layer["files"], 0)
        view = self.get(identity("test"))
        self.assertEqual((view.tree, view.digest), ({}, done.layer["digest"]))

    def test_section_7_the_digest_over_many_pieces_is_the_same_in_both_languages(self):
        tree = many_files(20000)
        done = self.put(identity("build"), tree)
        built = manifest.build(client.rows_of(tree))
        self.assertGreater(len(built.pieces), 10)
        self.assertEqual(done.layer["digest"], built.digest)
        view = self.get(identity("test"))
        self.assertEqual(view.digest, built.digest)
        self.assertEqual(view.tree, tree)

    def test_a_large_file_is_several_units(self):
        data = random.Random(3).randbytes(3 * 1024 * 1024 + 17)
        tree = {b"large": client.file(data), b"small": client.file(b"s")}
        self.put(identity("build"), tree)
        self.assertEqual(self.get(identity("test")).tree, tree)

    def test_a_root_too_large_for_commit_goes_ahead_as_root(self):
        unit = manifest.unit_of(b"x")
        paths = [b"%d" % number for number in range(1600000)]
        cutting = [path for path in paths if xxhash.xxh3_64_intdigest(path) & 511 == 0]
        rows = [manifest.Row(path, manifest.FILE, 0o644, 0, 340, (unit,) * 340)
                for path in cutting]
        built = manifest.build(rows)
        self.assertGreater(len(built.root), 256 * 1024 - 4096)
        upload = self.upload(identity("build"))
        upload.send(client.frames.CONTENT, [b"x"])
        client.send_pieces(upload, built)
        self.assertEqual(upload.commit(built.root)["layer"]["digest"], built.digest)
        view = client.ls(self.connect(), identity("test"))
        self.assertEqual(view.digest, built.digest)

    def test_section_2_one_connection_carries_several_requests(self):
        with Connection(self.daemon.url) as connection:
            client.persist(connection, identity("build"), SMALL)
            client.persist(connection, identity("build"), small("second"))
            self.assertEqual(len(client.log(connection, identity())), 2)
            self.assertEqual(client.attach(connection, identity("test")).tree, small("second"))
            client.ls(connection, identity("test"))
            self.assertEqual(client.status(connection)["layers"], 2)

    def test_w6_ls_teaches_nothing_and_attach_does(self):
        first = self.put(identity("a"), small("a"))
        client.ls(self.connect(), identity("b"))
        self.put(identity("b"), {b"b": client.file("b")})
        self.assertEqual(self.layers()[1]["after"], [])
        self.get(identity("c", workflow="w"))
        self.put(identity("c"), {b"c": client.file("c")})
        self.assertIn(first.layer["layer"], self.layers()[2]["after"])

    def test_w7_concurrent_changes_conflict_and_are_named(self):
        one = self.put(identity("a"), {b"same": client.file("1"), b"x/f": client.file("a")})
        two = self.put(identity("b"), {b"same": client.file("1"), b"x/f": client.file("b")})
        refused = self.assert_refused(Code.CONFLICT, self.get, identity("c"))
        self.assertEqual(refused.error["conflict_count"], 1)
        conflict = refused.error["conflicts"][0]
        self.assertEqual(conflict["path"], b"x/f")
        ids = {one.layer["layer"], two.layer["layer"]}
        self.assertEqual(set(conflict["layers"]), ids)
        marked = client.ls(self.connect(), identity("c"), on_conflict="mark")
        self.assertEqual(set(marked.conflicts), {b"x/f"})
        self.assertEqual(marked.totals["conflicts"], 1)
        self.assertEqual(self.get(identity("c"), prefer=["a"]).tree[b"x/f"].data, b"a")

    def test_w7_the_same_bytes_cut_in_two_ways_are_two_contents(self):
        data = bytes(range(256)) * 7000
        whole, half = [data], [data[:1000000], data[1000000:]]
        for job, parts in (("a", whole), ("b", half)):
            upload = self.upload(identity(job))
            units = tuple(map(manifest.unit_of, parts))
            built = manifest.build([manifest.Row(b"f", manifest.FILE, 0o644, 0, len(data), units)])
            lacking = upload.ask(units)
            upload.send(client.frames.CONTENT, [part for part in parts
                                                if manifest.unit_of(part) in lacking])
            client.send_pieces(upload, built)
            upload.commit(built.root)
        self.assert_refused(Code.CONFLICT, self.get, identity("c"))

    def test_w8_a_view_of_nothing_is_an_error(self):
        self.assert_refused(Code.NOT_FOUND, self.get, identity("c", workflow="nobody"))
        self.put(identity("a"), SMALL)
        self.assert_refused(Code.EMPTY, self.get, identity("c"), only=[b"no/such"])
        self.assertEqual(self.get(identity("c"), only=[b"no/such"], if_empty=True).tree, {})

    def test_section_6_1_filters_are_applied_by_the_daemon(self):
        self.put(identity("a"), {b"dist/a.js": client.file("a"), b"dist/a.map": client.file("m"),
                                 b"dist/deep/b.js": client.file("b"), b"src/c": client.file("c")})
        for only, exclude, expected in (([b"dist"], [b"*.map"], {b"dist/a.js", b"dist/deep/b.js"}),
                                        ([b"**/*.js"], [], {b"dist/a.js", b"dist/deep/b.js"}),
                                        ([b"dist/*.{js,map}"], [], {b"dist/a.js", b"dist/a.map"}),
                                        ([], [b"dist/"], {b"src/c"})):
            view = self.get(identity("c"), only=only, exclude=exclude)
            self.assertEqual(set(view.tree), expected, (only, exclude))

    def test_w5_needs_that_nobody_heard_of_are_listed(self):
        self.put(identity("a"), SMALL)
        view = self.get(identity("c", has_needs=True, needs=["a", "ghost"]))
        self.assertEqual(view.unknown_needs, ["ghost"])

    def test_section_9_status_gives_numbers(self):
        self.put(identity("a"), SMALL)
        status = client.status(self.connect())
        self.assertEqual((status["layers"], status["workflows"], status["namespaces"]), (1, 1, 1))
        self.assertGreater(status["rss_bytes"], 0)
        self.assertEqual(status["index_state"], "ready")

    def test_r1_r2_a_retry_inherits_and_replaces(self):
        self.put(identity("a", "one"), small("a"))
        kept = self.put(identity("b", "one"), {b"b": client.file("b")})
        retry = identity("a", "two", retry_of="one")
        done = self.put(retry, small("again"))
        self.put(identity("a", "one"), {b"later": client.file("later")})
        view = self.get(identity("c", "two"))
        self.assertEqual(view.tree, {**small("again"), b"b": client.file("b")})
        inherited = {layer["layer"]: layer.get("inherited", False) for layer in view.layers}
        self.assertEqual(inherited, {kept.layer["layer"]: True, done.layer["layer"]: False})
        self.assertEqual(len(done.replaces), 1)
        self.assertNotIn(b"again", self.get(identity("c", "one")).tree[b"marker"].data)

    def test_r3_the_parent_is_fixed_and_an_unknown_one_is_refused(self):
        self.put(identity("a", "one"), SMALL)
        self.assert_refused(Code.NOT_FOUND, self.put, identity("a", "two", retry_of="x"), SMALL)
        self.put(identity("a", "three"), SMALL)
        self.assert_refused(Code.IDENTITY, self.put, identity("a", "three", retry_of="one"), SMALL)
        done = self.put(identity("a", "four", retry_of="x", retry_detected=True), SMALL)
        self.assertEqual(done.layer["workflow"], "four")


@needs_client
class BothClients(WireScenario):
    def folder_of(self, files):
        root = self.folder / "source"
        make_tree(root, files)
        return root

    def test_t2_the_c_client_attaches_what_python_persisted(self):
        tree = {**SMALL, b"raw-\xff": client.file(bytes(range(256)) * 9000, 0o640)}
        done = self.put(identity("build"), tree)
        told, into = self.attach("test")
        self.assertEqual(told["digest"], "sha256:" + done.layer["digest"].hex())
        self.assertEqual(client.read_entries(into), tree)

    def test_t2_python_attaches_what_the_c_client_persisted(self):
        large = random.Random(5).randbytes(5 * 1024 * 1024)
        root = self.folder_of({"a": "alpha", "d/e": large, "d/empty": None, "l": Link("d/e"),
                               b"\xc3\x28": ("odd", 0o600)})
        told = self.baton("persist", "--json", "--root", root, ".", job="build").json
        view = self.get(identity("test"))
        self.assertEqual("sha256:" + view.digest.hex(), told["digest"])
        self.assertEqual(view.tree, client.read_entries(root))
        client.write_entries(self.folder / "copy", view.tree)
        self.assertEqual(read_tree(self.folder / "copy", times=True), read_tree(root, times=True))

    def test_section_7_both_clients_cut_many_rows_alike(self):
        root = self.folder_of({"p%d/module-%d.js" % (number % 211, number): str(number % 50)
                               for number in range(20000)})
        told = self.baton("persist", "--json", "--root", root, ".", job="build").json
        tree = client.read_entries(root)
        built = manifest.build(client.rows_of(tree))
        self.assertEqual(told["digest"], "sha256:" + built.digest.hex())
        done = self.put(identity("python"), tree)
        self.assertEqual((done.layer["digest"], done.sent_content, done.sent_pieces),
                         (built.digest, 0, 0))

    def test_ls_and_log_agree_between_the_clients(self):
        self.put(identity("build"), SMALL)
        listed = self.baton("ls", "--json", job="test").json["entries"]
        self.assertEqual(len(listed), len(SMALL))
        logged = self.baton("log", "--json").json["layers"]
        self.assertEqual([layer["layer"] for layer in logged],
                         [layer["layer"] for layer in self.layers()])


if __name__ == "__main__":
    unittest.main()
