"""The planted bugs (tests/sabotage): that they can be planted, and are in no program of ours."""

import json
import pathlib
import re
import subprocess
import sys
import unittest

from harness import BUILD

TOP = pathlib.Path(__file__).resolve().parents[3]
SABOTAGE = TOP / "tests" / "sabotage"
sys.path.insert(0, str(SABOTAGE))
from bugs import BUGS, MARK  # noqa: E402


class PlantedBugs(unittest.TestCase):
    def test_there_are_enough_and_each_names_its_tests(self):
        self.assertGreaterEqual(len(BUGS), 25)
        scenarios = {path.name for path in (TOP / "tests/scenario").rglob("test_*.py")}
        units = "".join(path.read_text() for path in (TOP / "tests").rglob("meson.build"))
        for name, bug in BUGS.items():
            for test in bug.tests:
                with self.subTest(bug=name, test=test):
                    self.assertTrue(test in scenarios or f"'{test}'" in units)

    def test_each_can_be_planted_in_the_sources_as_they_are(self):
        for name, bug in BUGS.items():
            with self.subTest(bug=name):
                source = (TOP / bug.file).read_text()
                self.assertEqual(source.count(bug.before), 1, "the source has moved on: mend "
                                 f"tests/sabotage/bugs.py\n{bug.file}:\n{bug.before}")

    def test_each_stands_in_the_table_of_the_readme(self):
        readme = (SABOTAGE / "README.md").read_text()
        self.assertEqual(sorted(BUGS), sorted(re.findall(r"^\| `([a-z0-9-]+)` \|", readme, re.M)))

    def test_no_program_of_this_build_has_one(self):
        options = subprocess.run(["meson", "introspect", "--buildoptions", str(BUILD)], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
        values = {option["name"]: option["value"] for option in json.loads(options)}
        self.assertEqual(values["sabotage"], "")
        for program in ("client/baton", "daemon/batond", "client/libbaton.so"):
            with self.subTest(program=program):
                self.assertNotIn(MARK.encode(), (BUILD / program).read_bytes())

    def test_the_sources_know_nothing_of_them(self):
        for folder in ("client", "daemon", "proto"):
            for path in (TOP / folder).rglob("*.[ch]"):
                self.assertNotRegex(path.read_text().lower(), "sabotage")
