"""Real trees go through and come out the same, path by path."""

import hashlib
import os
import shutil
import stat
import subprocess
import unittest

from harness import BUILD, TOP, Scenario

PACKAGES = ("react-scripts", "typescript", "@angular/cli")
QUICK = os.environ.get("BATON_QUICK") == "1"
NPM_PATIENCE = 400  # seconds


def describe(root):
    """{path: (type and mode, time in ns, size, SHA-256 or target)} of all below root."""
    entries = {}
    for folder, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            content = b""
            if stat.S_ISLNK(info.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
            entries[os.path.relpath(path, root)] = (
                stat.filemode(info.st_mode), info.st_mtime_ns,
                0 if stat.S_ISDIR(info.st_mode) else info.st_size, content)
    return entries


class RealTree(Scenario):
    def assert_travels(self, root):
        """Persists, attaches, attaches over it, persists again what came out."""
        before = describe(root)
        made = self.baton("persist", "--json", "--root", root, ".", job="a").json
        self.assertEqual(made["skipped"], 0)
        got, out = self.attach(None, "--verify")
        self.assertEqual(got["digest"], made["digest"])
        self.assert_same(describe(out), before)
        again, _ = self.attach(None, "--delete", into=out)
        self.assertEqual((again["written_files"], again["unchanged_files"]), (0, made["files"]))
        self.assert_same(describe(out), before)
        second = self.baton("persist", "--json", "--root", out, ".", job="b").json
        self.assertEqual((second["digest"], second["new_bytes"]), (made["digest"], 0))
        return made

    def assert_same(self, got, expected):
        for path in expected.keys() | got.keys():
            self.assertEqual(got.get(path), expected.get(path), path)

    def test_the_source_and_build_tree_of_this_project(self):
        tree = self.tree({})
        for name, source in (("source", TOP), ("build", BUILD)):
            shutil.copytree(source, tree / name, symlinks=True,
                            ignore=shutil.ignore_patterns("build*") if name == "source" else None)
        (tree / "empty").mkdir()
        self.assertGreater(self.assert_travels(tree)["files"], 200)

    @unittest.skipIf(QUICK, "BATON_QUICK=1")
    def test_a_node_modules_tree_of_20_000_files(self):
        if not shutil.which("npm"):
            self.skipTest("npm is not installed")
        tree = self.tree({"package.json": "{}"})
        try:
            subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund",
                            "--cache", self.folder / "cache", *PACKAGES], cwd=tree, check=True,
                           capture_output=True, timeout=NPM_PATIENCE)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failure:
            self.skipTest(f"npm could not install: {failure}")
        self.assertGreaterEqual(self.assert_travels(tree)["files"], 20_000)
