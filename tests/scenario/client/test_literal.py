"""--literal: names are taken as they are written by each command that takes globs."""

import os

from harness import Scenario, contents, make_tree, read_tree

# Each is also a pattern, or begins like an option; beside each lies what the pattern matches.
ODD = ("a[b]", "*", "?", "{x,y}", "back\\slash", "-dash", "--only", "\\x41", "d[e]/f*", "[!a]",
       "trailing\\\\")
DECOYS = ("ab", "x", "y", "z", "A", "backslash", "dash", "de/ff")


class Literal(Scenario):
    def setUp(self):
        super().setUp()
        self.root = self.tree({name: name for name in ODD + DECOYS})
        self.baton("persist", "--root", self.root, ".", job="a")

    def listed(self, *arguments, **options):
        listed = self.baton("ls", "--json", *arguments, **options).json["entries"]
        return {entry["path"].replace("\\\\", "\\") for entry in listed
                if entry["type"] == "file"}

    def test_literal_persist(self):
        for number, name in enumerate(ODD):
            with self.subTest(name):
                workflow = f"p{number}"
                self.baton("persist", "--root", self.root, "--literal", "--", name, job="a",
                           workflow=workflow)
                self.assertEqual(contents(self.attach(workflow=workflow)[1]), {name: name})

    def test_literal_persist_from_a_list(self):
        self.baton("persist", "--root", self.root, "--literal", "--paths-from", "-", job="a",
                   workflow="p", stdin="\0".join(ODD).encode())
        self.assertEqual(set(contents(self.attach(workflow="p")[1])), set(ODD))

    def test_literal_ls_of_globs_and_only(self):
        for name in ODD:
            with self.subTest(name):
                self.assertEqual(self.listed("--literal", "--", name), {name})
                self.assertEqual(self.listed("--literal", f"--only={name}"), {name})
        self.assertEqual(self.listed("--literal", "--", *ODD), set(ODD))
        self.assertGreater(len(self.listed("*")), 10)
        self.assertEqual(self.listed("a[b]"), {"ab"})

    def test_literal_attach(self):
        for name in ODD:
            with self.subTest(name):
                _, out = self.attach(None, "--literal", f"--only={name}")
                self.assertEqual(contents(out), {name: name})

    def test_literal_attach_of_a_folder_takes_what_is_in_it(self):
        for name in ("d[e]", "d[e]/", "./d[e]"):
            _, out = self.attach(None, "--literal", "--only", name)
            self.assertEqual(contents(out), {"d[e]/f*": "d[e]/f*"})

    def test_literal_attach_into_a_folder_and_delete_there(self):
        """The client's own filter says the same as the daemon's."""
        into = self.tree({"a[b]": "old", "ab": "mine", "*": "old"})
        self.baton("attach", "--literal", "--only", "a[b]", "--delete", into)
        self.assertEqual(contents(into), {"a[b]": "a[b]", "ab": "mine", "*": "old"})

    def test_literal_leaves_exclude_a_glob(self):
        self.assertEqual(self.listed("--literal", "--exclude", "?", "--", "*", "a[b]"), {"a[b]"})

    def test_literal_diff(self):
        (self.root / "a[b]").write_text("changed")
        (self.root / "ab").write_text("changed")
        self.baton("persist", "--root", self.root, ".", job="a", workflow="other")
        self.assertEqual(self.differing("--only", "a[b]"), ["ab"])
        self.assertEqual(self.differing("--literal", "--only", "a[b]"), ["a[b]"])

    def differing(self, *flags):
        entries = self.baton("diff", "--json", *flags, "w", "other").json["entries"]
        return [entry["path"] for entry in entries]

    def test_literal_cat_does_not_take_the_path_as_ls_prints_it(self):
        for name in ODD:
            with self.subTest(name):
                self.assertEqual(self.baton("cat", "--literal", "--", name).out.decode(), name)
        self.refused("cat", "\\x41", status=2, says=("`\\x41`", "--literal"))
        self.assertEqual(self.baton("cat", "A").out, b"A")

    def test_literal_names_that_are_not_there_are_named_as_written(self):
        self.refused("ls", "--literal", "[x]", status=3, says="`[x]`")
        self.refused("persist", "--root", self.root, "--literal", "[x]", job="a", status=3,
                     says="`[x]`")
        self.refused("cat", "--literal", "[x]", status=3, says="`[x]`")

    def test_literal_bytes_that_are_not_utf8(self):
        name = b"\xff[*]"
        make_tree(self.root, {name: "bytes"})
        self.baton("persist", "--root", self.root, ".", job="a", workflow="bytes")
        _, out = self.attach(None, "--literal", b"--only=" + name, workflow="bytes")
        self.assertEqual(set(read_tree(out)), {name})
        self.assertEqual(os.fsencode(next(iter(contents(out)))), name)
