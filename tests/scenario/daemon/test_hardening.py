"""What the compiler and the linker are told makes a fault harder to use; and a data directory
that others can write to is no data directory."""

import json
import shutil
import subprocess
import unittest

from harness import BATON, BATOND, BUILD, Scenario, is_sanitized

FLAGS = ("-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3", "-O3")


def readelf(what, path):
    return subprocess.run(["readelf", "-W", what, path], capture_output=True, encoding="utf-8",
                          check=True).stdout


@unittest.skipIf(is_sanitized(), "a build with a sanitizer is no release")
@unittest.skipUnless(shutil.which("readelf"), "readelf is not installed")
class Release(unittest.TestCase):
    programs = (BATON, BATOND)

    def setUp(self):
        commands = json.loads((BUILD / "compile_commands.json").read_text())
        self.commands = [entry["command"] for entry in commands]
        if "-O3" not in self.commands[0]:
            self.skipTest("this build is no release")

    def test_programs_lie_at_random_addresses(self):
        for program in self.programs:
            self.assertRegex(readelf("-h", program), r"Type: +DYN", program)
            self.assertIn("PIE", readelf("-d", program), program)

    def test_addresses_of_functions_are_fixed_at_the_start_and_then_read_only(self):
        for program in self.programs:
            self.assertIn("GNU_RELRO", readelf("-l", program), program)
            self.assertRegex(readelf("-d", program), r"BIND_NOW|FLAGS_1.*NOW", program)

    def test_the_stack_is_no_program_and_nothing_is_written_and_run(self):
        for program in self.programs:
            headers = readelf("-l", program)
            self.assertRegex(headers, r"GNU_STACK .* RW +0x", program)
            self.assertNotRegex(headers, r"LOAD .* RWE", program)

    def test_own_code_is_compiled_with_all_of_it(self):
        for command in self.commands:
            for flag in FLAGS:
                self.assertIn(f" {flag} ", command)

    def test_calls_that_know_their_room_are_checked(self):
        self.assertRegex(readelf("--dyn-syms", BATOND), r"__mem\w+_chk")

    def test_where_a_call_may_lead_is_marked(self):
        if "x86" not in readelf("-h", BATOND).lower():
            self.skipTest("the marks are those of x86 processors")
        marked = 0
        for path in BUILD.glob("daemon/**/*.c.o"):
            notes = readelf("-n", path)
            self.assertRegex(notes, r"x86 feature: IBT, SHSTK", path)
            marked += 1
        self.assertGreater(marked, 50)


class DataDirectory(Scenario):
    def test_one_that_others_can_write_to_is_refused(self):
        for mode in (0o720, 0o702, 0o777, 0o1777):
            data = self.folder / f"data-{mode:o}"
            data.mkdir()
            data.chmod(mode)
            done = subprocess.run([BATOND, "--data", data, "--listen",
                                   f"unix:{self.folder}/run/s"],
                                  capture_output=True, encoding="utf-8", check=False)
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn(f"mode {mode:04o}", done.stderr)
            self.assertIn("chmod go-w", done.stderr)
            self.assertEqual(list(data.iterdir()), [])

    def test_one_that_others_can_read_is_taken(self):
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.data.chmod(0o755)
        self.daemon.start()
        self.persist("a", {"a": "1"})
