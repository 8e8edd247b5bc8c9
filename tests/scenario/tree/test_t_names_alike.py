"""A file system that takes two names for one: nothing is lost, and the sentence names both.
The unit tests of client/destination try more of it, on a file system that is made up."""

import os

import mounts
from harness import Link, Scenario, contents


class NamesOfWindows(Scenario):
    def test_t4_a_name_that_windows_refuses_is_told_with_the_way_out(self):
        mount = mounts.ignoring_case(self, "windows_names")
        for number, name in enumerate(("a:b", "what?", "dot.", "q\"q", "tab\tx")):
            workflow = f"w{number}"
            self.persist("a", {f"d/{name}": "x", "d/fine": ""}, workflow=workflow)
            for into in (mount / f"new{number}", mount):
                sentence = self.refused("attach", into, workflow=workflow, status=9)
                self.assertIn("takes no such name: as on Windows", sentence)
                self.assertIn("leave it out with --exclude", sentence)
                self.baton("attach", "--exclude", "d/[!f]*", into, workflow=workflow)


class IgnoringCase(Scenario):
    def setUp(self):
        super().setUp()
        self.mount = mounts.ignoring_case(self)

    def assert_refused(self, into, *names, flags=()):
        before = contents(into) if into.exists() else None
        sentence = self.refused("attach", *flags, into, status=9,
                                says=("one name on this file system", "is as it was", *names))
        self.assertEqual(contents(into) if into.exists() else None, before, sentence)

    def test_h4_files_whose_names_differ_in_case(self):
        self.persist("a", {"README": "upper", "readme": "lowerlower", "x": "x"})
        for name, files in (("missing", None), ("empty", {}), ("full", {"mine": "mine"})):
            into = self.mount / name
            if files is not None:
                into.mkdir()
                for path, content in files.items():
                    (into / path).write_text(content)
            for flags in ((), ("--verify",), ("--delete",)):
                self.assert_refused(into, f"{into}/README", f"{into}/readme", flags=flags)

    def test_h4_folders_and_links_whose_names_differ_in_case(self):
        self.persist("a", {"Lib/a": "a", "lib/b": "b"})
        self.assert_refused(self.mount / "dir", "/Lib", "/lib")
        self.persist("a", {"Lib/a": "a", "lib": Link("Lib")}, "--attempt", "2")
        self.assert_refused(self.mount / "dir", "/Lib", "/lib")

    def test_h4_a_name_of_another_view_is_told(self):
        """This file system lists README as readme: what it was called nobody knows."""
        self.persist("a", {"README": "first"})
        self.persist("a", {"Readme": "another"}, workflow="other")
        into = self.mount / "dir"
        self.assertEqual(self.attach(into=into)[0]["warnings"], [])
        warnings = self.attach(into=into, workflow="other")[0]["warnings"]
        self.assertEqual(warnings, [
            f"`{into}/Readme`: replaces what may have been put there under another name, which "
            "this file system does not tell"])

    def test_h4_an_attach_again_keeps_replaces_and_deletes_its_own(self):
        self.persist("a", {"README": "first", "Src/Main.c": "same"})
        into = self.mount / "dir"
        self.attach(into=into)
        self.assertEqual(self.attach(into=into)[0]["unchanged_files"], 2)
        self.persist("a", {"README": "second", "Src/Main.c": "same"}, "--attempt", "2")
        (into / "extra").write_text("")
        got = self.attach(None, "--delete", "--verify", into=into)[0]
        self.assertEqual((got["written_files"], got["unchanged_files"]), (1, 1))
        self.assertEqual(contents(into), {"readme": "second", "src/main.c": "same"})
        self.assertEqual(len(os.listdir(into)), 2)
