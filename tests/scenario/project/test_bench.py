"""The benchmark: that it runs, that its JSON has what its README promises, and that it does
not take a tool's word for what it restored. No time is looked at.
"""

import json
import os
import shutil
import signal
import subprocess
import unittest

from harness import BUILD, PATIENCE, TOP, Link, Scenario, clean_environment

BENCH = TOP / "tests/bench/run"
TOOLS = {"tar|zstd -1 -T2": ("tar", "zstd"), "cp -a": ("cp",), "rsync -a": ("rsync",)}


class Bench(Scenario):
    def setUp(self):
        super().setUp()
        self.before = self.tree({"a/file": b"one\n" * 500, "a/other": b"two", "b/gone": b"three",
                                 "link": Link("a/file"), "empty": None})
        self.after = self.folder / "after"
        shutil.copytree(self.before, self.after, symlinks=True)
        (self.after / "a/file").write_bytes(b"another\n" * 400)
        (self.after / "b/gone").unlink()
        (self.after / "b/gone").mkdir()
        (self.after / "b/gone/new").write_bytes(b"four")
        self.json = self.folder / "result.json"

    def command(self, *arguments):
        return [BENCH, BUILD.resolve(), self.before, self.after, "--only", "tar,cp,rsync",
                "--scratch", self.folder, "--disk", self.folder, "--json", self.json, *arguments]

    def bench(self, *arguments, path=()):
        environment = clean_environment()
        environment["PATH"] = os.pathsep.join([*map(str, path), environment["PATH"]])
        done = subprocess.run(self.command(*arguments), env=environment, capture_output=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(sorted(self.folder.glob("baton-bench-*")), [], "scratch was left")
        return json.loads(self.json.read_text()), done.stdout.decode()

    def test_its_result_has_what_it_promises(self):
        present = {tool for tool, needs in TOOLS.items() if all(map(shutil.which, needs))}
        result, told = self.bench("--rounds", "2", "--repetitions", "3",
                                  "--part", "tree,floor,small,memory")
        self.assertTrue(result["complete"])
        for fact in ("processor", "cores", "kernel", "scratch", "date"):
            self.assertTrue(result["machine"][fact], fact)
        self.assertEqual(set(result["tools"]), {"baton"} | present)
        for name, tool in result["tools"].items():
            self.assertTrue(tool["version"] and tool["settings"], name)
        part, = result["parts"]
        self.assertEqual(part["tree"],
                         {"files": 3, "directories": 3, "symlinks": 1, "bytes": 2000 + 3 + 5})
        self.assertEqual(part["left_out"], {})
        self.assertEqual(set(part["pairs"]["persist"]), present)
        self.assertEqual(set(part["pairs"]["attach"]), present)
        for key, by_tool in part["pairs"].items():
            for tool, pairs in by_tool.items():
                self.assertEqual([len(pair) for pair in pairs], [2, 2], (key, tool))
        if "rsync -a" in present:
            self.assertEqual(set(part["pairs"]), {
                "persist", "again_unrecorded", "again", "attach", "attach_over",
                "changed_unrecorded", "changed", "attach_changed"})
            self.assertEqual(part["verified"]["baton"], ["attach", "attach_over", "attach_changed"])
        floor = result["floor"]["tree"]
        self.assertEqual(set(floor["works"]), {"persist", "again_unrecorded", "attach"})
        for name in ("read", "xxh128", "sha256", "make"):
            self.assertEqual(floor["parts"][name]["bytes"], 2000 + 3 + 5, name)
        for name, part in floor["parts"].items():
            self.assertGreater(part["cpu_seconds"], 0, name)
            self.assertGreater(part["bytes"], 0, name)
            self.assertIn(name, told)
        self.assertTrue(all("floor" in row for row in result["targets"]
                            if "everything read" in row["work"]))
        small, = result["small"].values()
        self.assertEqual({name: len(values) for name, values in small["seconds"].items()},
                         {"durable_write": 3, "persist": 3, "attach": 3, "ls": 3})
        for work, peaks in result["memory"].items():
            self.assertEqual(set(peaks), {"client", "daemon"}, work)
        for row in result["targets"]:
            self.assertEqual(row["met"], row["ratio"]["median"] <= row["target"], row)
            self.assertIn(row["work"], told)

    def test_a_tool_that_gives_back_another_tree_is_left_out(self):
        liar = self.folder / "bin/cp"
        liar.parent.mkdir()
        liar.write_text(f'#!/bin/sh\n{shutil.which("cp")} "$@" || exit\n'
                        'for last; do :; done\n'
                        'case "$last" in *target-copy*) rm "$last/a/other" ;; esac\n')
        liar.chmod(0o755)
        result, told = self.bench("--rounds", "1", "--part", "tree", path=[liar.parent])
        reason = "it gave another tree: a/other is missing"
        self.assertEqual(result["parts"][0]["left_out"], {"cp -a": {"everything": reason}})
        self.assertIn(reason, told)
        for key, by_tool in result["parts"][0]["pairs"].items():
            self.assertNotIn("cp -a", by_tool, key)

    def test_the_network_has_its_table(self):
        trees = self.folder / "trees"
        for name in ("noise", "one"):
            (trees / name).mkdir(parents=True)
            (trees / name / "file").write_bytes(os.urandom(5000))
        result, told = self.bench("--rounds", "1", "--part", "network", "--delays", "1",
                                  "--trees", trees)
        if result["skipped"]:
            self.skipTest(*result["skipped"])
        self.assertEqual(set(result["network"]), {"tree", "noise", "a file of 4 KiB"})
        for title, lines in result["network"].items():
            self.assertIn(f"{title}, 1 Gbit/s, +1 ms each way", told)
            for work in ("persist", "attach"):
                for name in ("baton", "other"):
                    (seconds, share, size), = lines["1 Gbit/s, +1 ms each way"][work][name]
                    self.assertGreater(seconds, 0.002, "the relay adds this much")
                    self.assertLessEqual(share, 1.1)
                    self.assertGreater(size, 5000 if title == "noise" else 0)

    def test_an_interrupted_run_keeps_what_it_has(self):
        bench = subprocess.Popen(self.command("--rounds", "100000", "--part", "tree"),
                                 env=clean_environment(), stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        self.addCleanup(bench.stdout.close)
        for line in bench.stdout:
            if b"round 1 of" in line:
                break
        bench.send_signal(signal.SIGTERM)
        bench.stdout.read()
        self.assertEqual(bench.wait(PATIENCE), -signal.SIGTERM)
        result = json.loads(self.json.read_text())
        self.assertFalse(result["complete"])
        self.assertTrue(all(result["parts"][0]["pairs"]["persist"].values()))
        self.assertEqual(sorted(self.folder.glob("baton-bench-*")), [], "scratch was left")


if __name__ == "__main__":
    unittest.main()
