"""Rules T1 and T2: which paths a persist takes, and what is kept of them."""

import os
import socket

from harness import UNPRIVILEGED, Link, Scenario, contents, make_tree, read_tree

TREE = {"src/main.c": "main", "src/lib/a.c": "a", "src/lib/a.h": "h", "src/.hidden/x.c": "x",
        "build/out.o": "o", "build/deep/out.o": "o", "empty": None, "top.c": "top"}


class Choosing(Scenario):
    def setUp(self):
        super().setUp()
        self.root = self.tree(TREE)
        self.count = 0

    def stored(self, *arguments, **options):
        """The paths that a persist of `arguments` stores."""
        self.count += 1
        workflow = f"w{self.count}"
        options.setdefault("cwd", self.root)
        self.baton("persist", *arguments, job="a", workflow=workflow, **options)
        listed = self.baton("ls", "--json", workflow=workflow).json["entries"]
        return {entry["path"] for entry in listed}

    def refuse(self, *arguments, status, says, **options):
        options.setdefault("cwd", self.root)
        with self.nothing_changes():
            self.refused("persist", *arguments, job="a", status=status, says=says, **options)

    def test_t1_a_file_is_taken_alone_and_its_parents_are_not_stored(self):
        self.assertEqual(self.stored("src/lib/a.c"), {"src/lib/a.c"})

    def test_t1_a_directory_is_taken_whole(self):
        self.assertEqual(self.stored("src"), {"src", "src/main.c", "src/lib", "src/lib/a.c",
                                              "src/lib/a.h", "src/.hidden", "src/.hidden/x.c"})

    def test_t1_an_empty_directory_is_taken(self):
        self.assertEqual(self.stored("empty"), {"empty"})

    def test_t1_the_root_is_taken_without_itself(self):
        self.assertEqual(self.stored("."), self.stored("src", "build", "empty", "top.c"))

    def test_t1_globs(self):
        self.assertEqual(self.stored("*.c"), {"top.c"})
        self.assertEqual(self.stored("src/*/x.c"), {"src/.hidden/x.c"})
        self.assertEqual(self.stored("**/*.[ch]"), {"top.c", "src/main.c", "src/lib/a.c",
                                                    "src/lib/a.h", "src/.hidden/x.c"})
        self.assertEqual(self.stored("src/lib/a.{c,h}", "top.?"),
                         {"src/lib/a.c", "src/lib/a.h", "top.c"})
        self.assertEqual(self.stored("src/lib/*.[!c]"), {"src/lib/a.h"})
        self.assertEqual(self.stored("build/**/out.o"), {"build/out.o", "build/deep/out.o"})

    def test_t1_stored_paths_are_relative_to_the_root(self):
        self.assertEqual(self.stored("--root", self.root / "src", "lib/a.c", cwd="/"),
                         {"lib/a.c"})

    def test_t1_a_prefix_goes_in_front_with_job_and_shard(self):
        self.assertEqual(self.stored("--prefix", "out/{job}/{shard}", "--shard", "1/2", "top.c"),
                         {"out/a/1%2F2/top.c"})

    def test_t1_a_path_that_exists_as_written_is_literal(self):
        make_tree(self.root, {"[t]op.c": "", "top{1}": ""})
        self.assertEqual(self.stored("[t]op.c"), {"[t]op.c"})
        self.assertEqual(self.stored("top{1}"), {"top{1}"})
        self.assertEqual(self.stored("\\[t\\]op.c"), {"[t]op.c"})

    def test_t1_literal_says_so_for_all(self):
        self.assertEqual(self.stored("--literal", "top.c"), {"top.c"})
        self.refuse("--literal", "*.c", status=3, says="`*.c`")

    def test_t1_an_absolute_path_below_the_root_is_fine(self):
        self.assertEqual(self.stored(self.root / "src/lib/a.c"), {"src/lib/a.c"})

    def test_t1_each_path_must_match_something(self):
        self.refuse("top.c", "ghost", status=3, says="`ghost`")
        self.refuse("top.c", "*.ghost", status=3, says="`*.ghost`")
        self.assertEqual(self.stored("--if-empty=ok", "top.c", "ghost"), {"top.c"})

    def test_t1_excludes_prune_and_match_at_any_depth_without_a_slash(self):
        self.assertEqual(self.stored("--exclude", "*.o", "--exclude", "src", "build"),
                         {"build", "build/deep"})
        self.assertEqual(self.stored("--exclude", "lib", "--exclude", ".hidden", "src"),
                         {"src", "src/main.c"})
        self.assertEqual(self.stored("--exclude", "src/lib", "src/**/*.c"),
                         {"src/main.c", "src/.hidden/x.c"})

    def test_t1_what_an_exclude_prunes_is_not_read(self):
        locked = self.root / "locked"
        locked.mkdir()
        (locked / "file").write_text("")
        locked.chmod(0)
        self.assertNotIn("locked", self.stored("--exclude", "locked", ".", wrapper=UNPRIVILEGED))

    def test_t1_exclude_vcs(self):
        make_tree(self.root, {".git/config": "", "src/.svn/entries": "", ".github/kept": ""})
        stored = self.stored("--exclude-vcs", ".")
        self.assertFalse([path for path in stored if ".git/" in path or ".svn" in path])
        self.assertIn(".github/kept", stored)

    def test_t1_paths_from_a_file_and_from_standard_input(self):
        names = self.folder / "names"
        names.write_bytes(b"top.c\nsrc/lib/a.c\n")
        self.assertEqual(self.stored("--paths-from", names), {"top.c", "src/lib/a.c"})
        self.assertEqual(self.stored("--paths-from", "-", stdin=b"top.c\0src/lib\0"),
                         {"top.c", "src/lib", "src/lib/a.c", "src/lib/a.h"})

    def test_t1_a_symbolic_link_inside_a_path_is_an_error(self):
        make_tree(self.root, {"link": Link("src")})
        self.refuse("link/main.c", status=2, says=("`link/main.c`", "symbolic link"))
        self.assertEqual(self.stored("link"), {"link"})

    def test_t1_the_root_may_be_reached_through_a_link(self):
        make_tree(self.folder, {"way": Link(self.root)})
        self.assertEqual(self.stored("--root", self.folder / "way", "top.c"), {"top.c"})

    def test_t1_one_dialect_for_attach_and_ls_too(self):
        self.stored(".")
        _, out = self.attach(None, "--only", "**/*.{c,h}", "--exclude", "lib", workflow="w1")
        self.assertEqual(set(contents(out)), {"top.c", "src/main.c", "src/.hidden/x.c"})
        listed = self.baton("ls", "--json", "src/*/x.c", workflow="w1").json["entries"]
        self.assertEqual([entry["path"] for entry in listed], ["src/.hidden/x.c"])


class Keeping(Scenario):
    def through(self, root, *flags):
        """A tree persisted and attached."""
        result = self.baton("persist", "--json", "--root", root, *flags, ".", job="a").json
        _, out = self.attach()
        return result, out

    def test_t2_names_bytes_modes_times_links_and_empty_directories_are_kept(self):
        name = bytes(set(range(1, 256)) - {ord("/")})
        root = self.tree({name[:200]: "bytes", name[200:]: "more", ".hidden": "", "empty": None,
                          "deep/er/empty": None, "big": b"\0" * 3_000_000, "zero": "",
                          "locked": ("x", 0o400), "run": ("x", 0o755), "odd": ("x", 0o641),
                          "dangling": Link("nowhere"), "up": Link("../../outside"),
                          "absolute": Link("/etc/passwd"), "bytes link": Link(b"\xff\n\\")})
        for number, (folder, directories, files) in enumerate(os.walk(root, topdown=False)):
            for name in files + directories:
                os.utime(os.path.join(folder, name), ns=(0, 1_234_567_890_123_456_789 + number),
                         follow_symlinks=False)
        _, out = self.through(root)
        self.assertEqual(read_tree(out, times=True), read_tree(root, times=True))

    def test_t2_times_before_1970_and_far_ahead_are_kept(self):
        root = self.tree({"old": "", "new": ""})
        os.utime(root / "old", ns=(0, -1_500_000_001))
        os.utime(root / "new", ns=(0, 9_000_000_000_999_999_999))
        _, out = self.through(root)
        self.assertEqual(read_tree(out, times=True), read_tree(root, times=True))

    def test_t2_bits_beyond_0777_are_not_kept(self):
        root = self.tree({"setuid": ("x", 0o4755), "d": None})
        (root / "d").chmod(0o3777)
        _, out = self.through(root)
        self.assertEqual((read_tree(out)[b"setuid"][1], read_tree(out)[b"d"][1]), (0o755, 0o777))

    def test_t2_hard_links_become_files_that_are_stored_once(self):
        root = self.tree({"one": os.urandom(500_000)})
        os.link(root / "one", root / "two")
        result, out = self.through(root)
        self.assertLess(result["new_bytes"], 600_000)
        self.assertEqual((out / "one").stat().st_nlink, 1)
        self.assertEqual((out / "one").read_bytes(), (out / "two").read_bytes())

    def test_t2_fifos_and_sockets_are_skipped_with_a_warning(self):
        root = self.tree({"kept": ""})
        os.mkfifo(root / "fifo")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(root / "sock"))
        result, out = self.through(root)
        self.assertEqual(contents(out), {"kept": ""})
        self.assertEqual(result["skipped"], 2)
        for word in ("`fifo`", "`sock`"):
            self.assertTrue(any(word in warning for warning in result["warnings"]), result)

    def test_t2_devices_are_skipped_with_a_warning(self):
        root = self.tree({"kept": ""})
        try:
            os.mknod(root / "null", 0o20666, os.makedev(1, 3))
        except PermissionError:
            self.skipTest("making a device needs root")
        result, out = self.through(root)
        self.assertEqual((set(contents(out)), result["skipped"]), ({"kept"}, 1))

    def test_t2_parents_are_created_under_the_umask_and_existing_ones_left_alone(self):
        root = self.tree({"new/file": "", "old/file": ""})
        for name in ("new", "old"):
            (root / name).chmod(0o777)
        self.baton("persist", "--root", root, "new/file", "old/file", job="a")
        out = self.tree({"old": None})
        (out / "old").chmod(0o711)
        before = os.umask(0o027)
        self.addCleanup(os.umask, before)
        self.attach(into=out)
        os.umask(before)
        self.assertEqual((read_tree(out)[b"new"][1], read_tree(out)[b"old"][1]), (0o750, 0o711))

    def test_t2_deleting_does_not_travel(self):
        self.persist("a", {"x": "1", "y": "1"})
        _, out = self.attach("b")
        (out / "y").unlink()
        self.baton("persist", "--root", out, ".", job="b")
        self.assertEqual(contents(self.attach()[1]), {"x": "1", "y": "1"})
