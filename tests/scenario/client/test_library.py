"""libbaton: what a program hands over is taken as it is, and never as words to be read."""

import json
import subprocess
import sys
import unittest

from harness import BUILD, PATIENCE, TOP, Scenario, contents, is_sanitized

LIBRARY = BUILD / "client/libbaton.so"
DRIVER = TOP / "tests/harness/library.py"


@unittest.skipUnless(LIBRARY.exists(), "the library was not built")
@unittest.skipIf(is_sanitized(), "Python has not the sanitizer that the library needs")
class Values(Scenario):
    def call(self, verb, status=0, **options):
        done = subprocess.run([sys.executable, DRIVER, LIBRARY, verb], encoding="utf-8",
                              input=json.dumps({"workflow": "w", **options}), check=True,
                              stdout=subprocess.PIPE, env=self.environment(), timeout=PATIENCE,
                              cwd=self.folder)
        got, _, sentence, said = json.loads(done.stdout)
        self.assertEqual(got, status, sentence)
        return said if status == 0 else sentence

    def test_paths_and_names_may_look_like_options_or_hold_anything(self):
        root = self.tree({"--json": "1", "-n": "2", "a=b": "3", "c\nd": "4", "out": "5"})
        for job in ("--job", "x=y", "none", "-h", "--"):
            made = self.call("persist", job=job, shard="--shard=1", root=str(root),
                             paths=["--json", "-n", "a=b", "c\nd"])
            self.assertEqual((made["job"], made["shard"], made["files"]), (job, "--shard=1", 4))
        got = self.call("attach", job="b", needs=["--job"], directory="--into",
                        more=[["--verify", None], ["--exclude", "--js*"], ["--exclude", "a=b"],
                              ["--if-empty", "ok"]])
        self.assertEqual([layer["job"] for layer in got["layers"]], ["--job"])
        self.assertEqual(contents(self.folder / "--into"), {"-n": "2", "c\nd": "4"})

    def test_an_empty_text_is_a_value(self):
        root = str(self.tree({"a": "1"}))
        for options, says in (({"job": ""}, "--job: it is empty"), ({"paths": [""]}, "empty"),
                              ({"root": ""}, "--root: it is empty"),
                              ({"more": [["--exclude", ""]]}, "--exclude: it is empty"),
                              ({"more": [["--if-empty", ""]]}, "--if-empty=: choose")):
            options = {"job": "a", "root": root, "paths": ["a"], **options}
            self.assertIn(says, self.call("persist", status=2, **options))
        self.call("persist", job="a", root=root, paths=["a"])
        got = self.call("attach", job="b", needs=[""], directory=str(self.missing()),
                        more=[["--if-empty", "ok"]])
        self.assertEqual(got["layers"], [])

    def test_what_a_command_line_would_refuse_is_refused(self):
        root = str(self.tree({"a": "1"}))
        for more, says in ((["--delete", None], "`baton persist` does not take it"),
                           (["--root=x", None], "there is no such option; did you mean --root?"),
                           (["root", "x"], "root: there is no such option"),
                           (["", "x"], "there is no such option"),
                           (["-n", None], "-n: there is no such option"),
                           (["--literal", "yes"], "--literal: it takes no value"),
                           (["--exclude", None], "--exclude: the value is missing"),
                           (["--help", None], "--help: only a command line takes it")):
            with self.subTest(more=more):
                self.assertIn(says, self.call("persist", status=2, job="a", root=root,
                                              paths=["a"], more=[more]))
        self.assertIn("which files?", self.call("persist", status=2, job="a", root=root))

    def test_a_name_with_a_newline_is_refused_as_a_name(self):
        self.assertIn("control characters", self.call("attach", status=2, job="a\nb",
                                                      directory=str(self.missing())))


if __name__ == "__main__":
    unittest.main()
