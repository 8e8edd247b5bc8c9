"""What can be checked about the sources without running them."""

import re
import unittest

from harness import TOP


def sources(*folders):
    for folder in folders or ("proto", "client", "daemon", "tests"):
        yield from sorted((TOP / folder).rglob("*.[ch]"))


class Lint(unittest.TestCase):
    def test_the_life_of_one_chunk_names_functions_that_exist(self):
        text = (TOP / "CONTRIBUTING.md").read_text()
        named = re.findall(r"`([a-z_/]+\.c):([a-z_]+)`", text)
        self.assertGreater(len(named), 15)
        for file, function in named:
            with self.subTest(file=file, function=function):
                source = (TOP / file).read_text()
                found = re.search(rf"(?m)^[a-z].*\b{function}\(", source)
                self.assertTrue(found, f"{file} has no {function}")

    def assert_tests_are_there(self, named):
        files = [path for path in (TOP / "tests").rglob("test_*") if path.suffix in (".c", ".py")]
        there = {path.stem for path in files}
        for path in files:
            there |= set(re.findall(r"(?:def |static void )(\w+)\(", path.read_text()))
            there |= set(re.findall(r"static void (\w+)\(\s*void", path.read_text()))
        self.assertEqual(named - there, set())

    def test_the_threats_name_tests_that_exist(self):
        text = (TOP / "daemon/access/THREATS.md").read_text()
        named = set(re.findall(r"`((?:test|a10|a11|dedup)_\w+)`", text))
        self.assertGreater(len(named), 40)
        self.assert_tests_are_there(named)

    def test_l12_each_promise_names_tests_that_exist(self):
        text = (TOP / "daemon/store/PROMISES.md").read_text()
        rows = re.findall(r"(?m)^\| \*\*.*\|$", text)
        self.assertGreater(len(rows), 10)
        for row in rows:
            named = set(re.findall(r"`(\w+)`", row.rpartition(" | ")[2]))
            with self.subTest(promise=row.split("**")[1]):
                self.assertGreater(len(named), 1)
                self.assert_tests_are_there(named)

    def test_the_daemon_names_no_option_of_the_client(self):
        """Another front end has other words: the daemon gives advice by name (advice.h)."""
        table = (TOP / "client/options/option_table.c").read_text()
        options = set(re.findall(r'"(--[a-z-]+)"', table))
        self.assertGreater(len(options), 20)
        own = {"config.c", "main.c", "token_options.c"}  # the daemon's own command line
        for path in sources("daemon"):
            strings = re.findall(r'"(?:[^"\\\n]|\\.)*"', path.read_text())
            for string in strings if path.name not in own else ():
                named = options & set(re.findall(r"--[a-z-]+", string))
                self.assertFalse(named, f"{path}: {string}")

    def test_unit_tests_lie_where_what_they_test_lies(self):
        for path in sorted((TOP / "tests/unit").rglob("test_*.c")):
            folder = path.parent.relative_to(TOP / "tests/unit")
            self.assertGreater(len(folder.parts), 1, path)
            self.assertTrue(list((TOP / folder).glob("*.c")), path)

    def test_nothing_is_left_for_later(self):
        for path in sources():
            self.assertNotRegex(path.read_text(), r"\b(TODO|FIXME|XXX|HACK)\b", path)

    def test_m13_client_and_proto_start_threads_in_one_place(self):
        makers = {str(path.relative_to(TOP)) for path in sources("client", "proto")
                  if "pthread_create" in path.read_text()}
        self.assertEqual(makers, {"proto/machine/thread.c"})

    def test_sizeof_has_its_parentheses(self):
        for path in sources():
            if path.suffix in (".c", ".h"):
                self.assertFalse(re.search(r"\bsizeof [^(]", path.read_text()), path)

    def test_lines_are_short(self):
        for path in sources():
            if "clang-format off" in path.read_text():
                continue  # a table
            for number, line in enumerate(path.read_text().splitlines(), 1):
                self.assertLessEqual(len(line.expandtabs(8)), 100, f"{path}:{number}")

    def test_headers_are_guarded(self):
        for path in sources("proto", "client", "daemon"):
            if path.suffix == ".h":
                self.assertRegex(path.read_text(), r"#ifndef BATON_[A-Z0-9_]+_H", path)

    def test_error_codes_of_the_protocol_are_those_of_the_source(self):
        rows = re.findall(r"X\(\w+, *\"([a-z-]+)\", *(\d+), *(\d)",
                          re.sub(r"\\\n\s*", "", (TOP / "proto/base/error.h").read_text()))
        page = (TOP / "proto/PROTOCOL.md").read_text()
        self.assertGreater(len(rows), 20)
        for name, number, status in rows:
            self.assertRegex(page, rf"\| {number} \| {name} \| {status} \|")

    def test_message_types_of_the_protocol_are_those_of_the_source(self):
        rows = re.findall(r"MSG_([A-Z_]+) = (\d+)", (TOP / "proto/message/message.h").read_text())
        page = (TOP / "proto/PROTOCOL.md").read_text()
        for name, number in rows:
            self.assertRegex(page, rf"\| {number} \| {name} \|")


if __name__ == "__main__":
    unittest.main()
