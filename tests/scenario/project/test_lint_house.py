"""The rules of the house (tests/lint): that the sources keep them, and that each can be broken.
The made-up trees have two folders, `daemon` above `daemon/store`, and `proto` below both."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import TOP

LINT = TOP / "tests/lint"
FOLDERS = "daemon\ndaemon/store\nproto\n"


def function(name, lines=4, head="int", body="\treturn 0;\n"):
    """A function of so many lines, its braces and its head included."""
    body += "\t;\n" * (lines - 3 - body.count("\n"))
    return f"{head} {name}(void)\n{{\n{body}}}\n"


class MadeUp(unittest.TestCase):
    def check(self, files, exceptions="", folders=FOLDERS, option=()):
        """What the lint says of a tree of these files; the keys of its lines."""
        with tempfile.TemporaryDirectory() as top:
            everything = {"daemon/main.c": "", "daemon/store/store.h": "", "proto/base.h": "",
                          "tests/lint/folders": folders, "tests/lint/exceptions": exceptions}
            for name, text in (everything | files).items():
                path = pathlib.Path(top) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run([sys.executable, "-B", LINT / "run", *option, top], text=True,
                                  stdout=subprocess.PIPE)
            self.exceptions = (pathlib.Path(top) / "tests/lint/exceptions").read_text()
        lines = done.stdout.splitlines()
        self.assertEqual(done.returncode, 1 if lines else 0)
        return [line.split(": ")[0] for line in lines]

    def test_a_tree_that_keeps_the_rules_is_fine(self):
        self.assertEqual(self.check({
            "daemon/main.c": '#include "daemon/store/store.h"\n#include "proto/base.h"\n' +
                             function("main", body="\treturn store_open();\n"),
            "daemon/store/store.h": "int store_open(void);\n",
            "daemon/store/store.c": function("store_open")}), [])

    def test_an_include_that_points_up(self):
        self.assertEqual(self.check({"daemon/store/a.c": '#include "daemon/log.h"\n',
                                     "daemon/log.h": ""}), ["up daemon/store/a.c daemon/log.h"])

    def test_an_include_of_another_program(self):
        self.assertEqual(self.check({"client/a.c": '#include "daemon/log.h"\n',
                                     "daemon/log.h": ""}, folders="client\n" + FOLDERS),
                         ["up client/a.c daemon/log.h"])
        self.assertEqual(self.check({"proto/a.c": '#include "daemon/log.h"\n',
                                     "daemon/log.h": ""}), ["up proto/a.c daemon/log.h"])

    def test_a_call_that_points_up_through_a_header_further_down(self):
        self.assertEqual(self.check({
            "daemon/store/a.h": "int tell(void);\nint ask(void);\n",
            "daemon/store/a.c": function("ask", body="\treturn tell();\n"),
            "daemon/tell.c": function("tell"),
            "daemon/main.c": function("main", body="\treturn ask();\n")}),
            ["call daemon/store/a.c tell"])

    def test_a_circle_of_modules(self):
        files = {"daemon/a.c": function("one", body="\treturn two();\n"),
                 "daemon/b.c": function("two", body="\treturn three();\n"),
                 "daemon/c.c": function("three", body="\treturn one();\n"),
                 "daemon/d.c": function("main", body="\treturn one();\n")}
        self.assertEqual(self.check(files), ["circle daemon/a daemon/b daemon/c"])
        files["daemon/c.c"] = function("three")
        self.assertEqual(self.check(files), [])

    def test_a_circle_of_headers(self):
        self.assertEqual(self.check({"daemon/a.h": '#include "daemon/b.h"\n',
                                     "daemon/b.h": '#include "daemon/a.h"\n'}),
                         ["circle daemon/a.h daemon/b.h"])

    def test_what_a_comment_or_a_text_names_is_not_used(self):
        body = '\tputs("two() \\" two");\n\treturn \'"\'; /* two()\n\t* two() */ // two()\n'
        self.assertEqual(self.check({
            "daemon/a.c": function("one", 7, body=body),
            "daemon/b.c": function("two", body="\treturn one();\n"),
            "daemon/c.c": function("main", body="\treturn two();\n")}), [])

    def test_a_function_of_61_lines(self):
        self.assertEqual(self.check({"daemon/a.c": function("long_one", 60, "static int")}), [])
        self.assertEqual(self.check({"daemon/a.c": function("long_one", 61, "static int")}),
                         ["long long_one"])

    def test_a_file_of_501_lines(self):
        self.assertEqual(self.check({"daemon/a.c": "\n" * 500}), [])
        self.assertEqual(self.check({"daemon/a.c": "\n" * 501}), ["large daemon/a.c"])

    def test_a_tag_with_two_definitions(self):
        self.assertEqual(self.check({"daemon/a.c": "struct worker {\n\tint id;\n};\n",
                                     "daemon/b.c": "struct worker *first;\n"}), [])
        self.assertEqual(self.check({"daemon/a.c": "struct worker {\n\tint id;\n};\n",
                                     "daemon/b.c": "struct worker {\n\tint at;\n};\n"}),
                         ["twice worker"])

    def test_a_public_function_that_nobody_uses(self):
        alone = {"daemon/a.h": "int one(void);\n", "daemon/a.c": function("one")}
        self.assertEqual(self.check(alone), ["unused one"])
        used_here = {"daemon/a.c": function("one") + function("two", head="static int",
                                                              body="\treturn one();\n")}
        self.assertEqual(self.check(used_here), ["unused one"])
        by_macro = alone | {"daemon/b.h": "#define ONE \\\n\tone()\n"}
        self.assertEqual(self.check(by_macro), [])
        by_pointer = alone | {"daemon/b.c": "int (*const first)(void) = one;\n"}
        self.assertEqual(self.check(by_pointer), [])

    def test_two_programs_may_have_two_functions_of_one_name(self):
        files = {"daemon/a.c": function("one"), "daemon/b.c": function("main", body="\tone();\n"),
                 "client/a.c": function("one")}
        self.assertEqual(self.check(files, folders="client\n" + FOLDERS), ["unused one"])

    def test_a_library_outside_of_the_folder_that_stands_for_it(self):
        inside = {"daemon/store/database/a.c": "#include <sqlite3.h>\n"}
        folders = FOLDERS.replace("proto\n", "daemon/store/database\nproto\n")
        self.assertEqual(self.check(inside, folders=folders), [])
        for name, text in (("daemon/store/a.c", "#include <sqlite3.h>\n"),
                           ("daemon/store/a.h", "struct a {\n\tsqlite3_stmt *all;\n};\n"),
                           ("daemon/a.c", "static int code = sqlite3_errcode(NULL);\n")):
            self.assertEqual(self.check({name: text}), [f"library {name} sqlite3"])
        self.assertEqual(self.check({"daemon/a.c": '/* sqlite3_step */\n'}), [])

    def test_a_folder_of_25_files(self):
        files = {f"daemon/{number}.h": "" for number in range(23)} | {"daemon/meson.build": ""}
        self.assertEqual(self.check(files), [])  # and main.c
        self.assertEqual(self.check(files | {"daemon/one.h": ""}), ["crowded daemon"])

    def test_a_folder_that_is_not_listed_and_one_that_is_gone(self):
        self.assertEqual(self.check({"daemon/new/a.c": ""}), ["folder daemon/new"])
        self.assertEqual(self.check({}, folders=FOLDERS + "proto/gone\n"), ["folder proto/gone"])

    def test_an_exception_holds_for_its_own_finding_only(self):
        two = {"daemon/a.c": function("one") + function("two")}
        self.assertEqual(self.check(two, "unused one # why\n"), ["unused two"])

    def test_an_exception_that_no_longer_applies(self):
        self.assertEqual(self.check({}, "unused one\n"), ["unused one"])

    def test_an_exception_that_stands_twice(self):
        self.assertEqual(self.check({"daemon/a.c": function("one")}, "unused one\n" * 2),
                         ["unused one"])

    def test_shrinking_deletes_what_no_longer_applies_and_adds_nothing(self):
        before = "# why\nunused one\nunused two\nunused one\n"
        two = {"daemon/a.c": function("one") + function("three")}
        self.assertEqual(self.check(two, before, option=["--shrink"]), ["unused three"])
        self.assertEqual(self.exceptions, "# why\nunused one\n")


class House(unittest.TestCase):
    def test_the_sources_keep_the_rules(self):
        done = subprocess.run([LINT / "run"], text=True, stdout=subprocess.PIPE)
        self.assertEqual((done.stdout, done.returncode), ("", 0))


if __name__ == "__main__":
    unittest.main()
