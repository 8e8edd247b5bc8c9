"""Fault M1: a PATH that is a symbolic link, as bazel-bin and a Nix result are."""

import os

from harness import Link, Scenario, contents, make_tree, read_tree


class Links(Scenario):
    def setUp(self):
        super().setUp()
        make_tree(self.folder, {
            "cache/out/app": ("binary", 0o755), "cache/out/lib/a.so": "a",
            "cache/out/inner": Link("lib"), "cache/out/away": Link("../other"),
            "cache/other/x": "x", "cache/one.txt": "one",
            "ws/bazel-bin": Link("../cache/out"), "ws/twice": Link("bazel-bin"),
            "ws/file": Link("../cache/one.txt"), "ws/src/a.c": "a", "ws/src/up": Link("../.."),
            "ws/in": Link("src"), "ws/gone": Link("nowhere"), "ws/ring": Link("gnir"),
            "ws/gnir": Link("ring"), "ws/bin/tool": Link("../src/a.c"),
        })
        os.symlink(self.folder / "cache/out", self.folder / "ws/absolute")
        self.root = self.folder / "ws"
        self.count = 0

    def go(self, *arguments, **options):
        """Persists from the root: the persist's JSON, and what an attach of it makes."""
        self.count += 1
        workflow = f"w{self.count}"
        result = self.baton("persist", "--json", *arguments, job="a", workflow=workflow,
                            cwd=self.root, **options).json
        return result, read_tree(self.attach(workflow=workflow)[1])

    def followed(self, *arguments):
        """What an attach makes of a persist with --follow, which has nothing to warn of."""
        result, tree = self.go("--follow", *arguments)
        self.assertEqual(result["warnings"], [])
        return tree

    def out_as(self, name):
        """What cache/out is under a name."""
        tree = {os.fsencode(name) + b"/" + path: entry
                for path, entry in read_tree(self.folder / "cache/out").items()}
        return {os.fsencode(name): ("directory", 0o755, b""), **tree}

    # ---- without --follow ----------------------------------------------------------------

    def test_m1_a_path_that_is_a_link_is_stored_as_one_with_a_warning_that_names_the_way_out(self):
        for path, target in (("bazel-bin", "../cache/out"), ("file", "../cache/one.txt"),
                             ("twice", "bazel-bin"), ("in", "src"), ("./bin/tool", "../src/a.c"),
                             ("absolute", str(self.folder / "cache/out")),
                             ("bazel-*", "../cache/out")):
            with self.subTest(path):
                result, tree = self.go(path)
                self.assertEqual(len(result["warnings"]), 1, result)
                for word in (f"`{target}`", "only the link is stored", "--follow"):
                    self.assertIn(word, result["warnings"][0])
                self.assertEqual({entry[0] for path, entry in tree.items() if path != b"bin"},
                                 {"link"})

    def test_m1_a_dry_run_warns_of_it_too(self):
        out = self.baton("persist", "--dry-run", "--json", "bazel-bin", cwd=self.root).json
        self.assertIn("--follow", out["warnings"][0])

    def test_m1_many_links_give_one_warning(self):
        result, _ = self.go("*", "--exclude", "r*", "--exclude", "g*")
        self.assertEqual(len(result["warnings"]), 1, result)
        self.assertIn("`absolute`", result["warnings"][0])
        self.assertIn("(and 2 more)", result["warnings"][0])

    def test_m1_a_link_that_leads_nowhere_or_in_a_circle_is_stored_with_a_warning(self):
        for path, target, more in (("gone", "nowhere", ""), ("ring", "gnir", ""),
                                   ("g*", "ring", " (and 1 more)")):
            for flags in ((), ("--dry-run",)):
                with self.subTest(path, flags=flags):
                    result = self.baton("persist", "--json", *flags, path, job="a",
                                        workflow=path[0], cwd=self.root).json
                    [said] = result["warnings"]
                    self.assertIn("only the link is stored, and nothing is where it leads to, "
                                  f"`{target}`{more}", said)

    def test_m1_a_link_out_of_the_tree_that_a_glob_means_is_told(self):
        [said] = self.go("**/up")[0]["warnings"]
        self.assertIn("`src/up`: only the link is stored, not what it leads to, `../..`", said)

    def test_m1_no_warning_where_what_the_link_leads_to_is_stored_too(self):
        for paths in (("in", "src"), ("in", "src/a.c", "src"), ("bin/tool", "src/*.c"), ("src",),
                      (".", "in")):
            with self.subTest(paths):
                self.assertEqual(self.go(*paths)[0]["warnings"], [])

    def test_m1_with_a_slash_behind_it_the_sentence_is_about_the_link(self):
        for path in ("bazel-bin/", "bazel-bin/.", "bazel-bin//", "bazel-bin/app", "bazel-bin/*",
                     "bazel-bin/lib/", f"{self.root}/bazel-bin/"):
            with self.subTest(path):
                sentence = self.refused("persist", path, job="a", status=2, cwd=self.root,
                                        says=("`bazel-bin` is a symbolic link", "`../cache/out`",
                                              "--follow"))
                self.assertNotIn("--if-empty", sentence)

    # ---- with it -------------------------------------------------------------------------

    def test_m1_follow_takes_what_the_link_leads_to_under_its_name(self):
        for path in ("bazel-bin", "bazel-bin/", "bazel-bin/.", str(self.root / "bazel-bin"),
                     "bazel-*", "bazel-*/"):
            with self.subTest(path):
                self.assertEqual(self.followed(path), self.out_as("bazel-bin"))
        self.assertEqual(self.followed("absolute"), self.out_as("absolute"))

    def test_m1_follow_a_link_to_a_link_and_one_to_a_file(self):
        self.assertEqual(self.followed("twice"), self.out_as("twice"))
        self.assertEqual(self.followed("file"), {b"file": ("file", 0o644, b"one")})

    def test_m1_follow_a_link_inside_a_path(self):
        self.assertEqual(self.followed("bazel-bin/app"),
                         {b"bazel-bin": ("directory", 0o755, b""),
                          b"bazel-bin/app": ("file", 0o755, b"binary")})
        self.assertEqual(set(self.followed("twice/l*")),
                         {b"twice", b"twice/lib", b"twice/lib/a.so"})
        self.assertEqual(self.followed("bazel-bin/inner/a.so")[b"bazel-bin/inner/a.so"],
                         ("file", 0o644, b"a"))

    def test_m1_follow_leaves_links_inside_a_tree_alone(self):
        tree = self.followed("src", "bazel-bin")
        self.assertEqual(tree[b"src/up"], ("link", 0o777, b"../.."))
        self.assertEqual(tree[b"bazel-bin/away"], ("link", 0o777, b"../other"))
        tree = self.followed("cache/ou*", "--root", "..")
        self.assertEqual(tree[b"cache/out/inner"], ("link", 0o777, b"lib"))

    def test_m1_follow_a_named_link_also_where_its_folder_is_taken(self):
        tree = self.followed(".", "bazel-bin", "--exclude", "absolute")
        self.assertEqual(tree[b"bazel-bin/app"], ("file", 0o755, b"binary"))
        self.assertEqual(tree[b"twice"], ("link", 0o777, b"bazel-bin"))

    def test_m1_follow_below_a_root_and_with_a_prefix(self):
        _, tree = self.go("-L", "--root", "src", "--prefix", "p", "up/cache/one.txt")
        self.assertEqual(tree[b"p/up/cache/one.txt"], ("file", 0o644, b"one"))

    def test_m1_follow_of_a_cycle_ends(self):
        tree = self.followed("src/up/ws/src/up/ws/src")
        self.assertIn(b"src/up/ws/src/up/ws/src/a.c", tree)
        self.assertEqual(tree[b"src/up/ws/src/up/ws/src/up"][0], "link")
        make_tree(self.root, {"self": Link(".")})
        tree = self.followed("**/self", "--exclude", "bazel*")
        self.assertEqual(tree[b"self/self"], ("link", 0o777, b"."))

    def test_m1_follow_of_what_leads_nowhere_names_link_and_target(self):
        for path, target in (("gone", "nowhere"), ("ring", "gnir"), ("go?e", "nowhere")):
            with self.subTest(path):
                self.refused("persist", "--follow", path, job="a", status=9, cwd=self.root,
                             says=(f"to `{target}`", "cannot be followed", "--exclude",
                                   "store the link without --follow"))
        self.refused("persist", "--follow", "ring/x", job="a", status=2, cwd=self.root,
                     says=("`ring/x`", "circle"))
        self.go("--follow", "src", "gone", "--exclude", "gone", "--if-empty", "ok")

    def test_m1_follow_skips_what_is_no_file(self):
        os.mkfifo(self.folder / "cache/fifo")
        make_tree(self.root, {"pipe": Link("../cache/fifo")})
        result, _ = self.go("--follow", "src/a.c", "pipe")
        self.assertEqual(result["warnings"], ["`pipe`: skipped, because it is a FIFO"])

    def test_m1_follow_dry_run_counts_it(self):
        out = self.baton("persist", "--dry-run", "--json", "--follow", "bazel-bin", "file",
                         cwd=self.root).json
        self.assertEqual((out["files"], out["directories"], out["symlinks"], out["bytes"]),
                         (3, 2, 2, 10))

    # ---- again ---------------------------------------------------------------------------


    def test_m1_follow_again_with_a_stat_record(self):
        first, tree = self.go("--follow", "bazel-bin", "src")
        second, again = self.go("--follow", "bazel-bin", "src")
        self.assertEqual(again, tree)
        self.assertEqual(second["digest"], first["digest"])

    def test_m1_a_link_that_leads_elsewhere_now_is_noticed(self):
        make_tree(self.folder, {"cache/new/app": ("newer!", 0o755)})
        for _ in range(2):
            self.go("--follow", ".", "bazel-bin", "file")
        (self.root / "bazel-bin").unlink()
        (self.root / "bazel-bin").symlink_to("../cache/new")
        (self.folder / "cache/one.txt").write_text("two")
        _, tree = self.go("--follow", ".", "bazel-bin", "file")
        self.assertEqual(tree[b"bazel-bin/app"], ("file", 0o755, b"newer!"))
        self.assertNotIn(b"bazel-bin/lib", tree)
        self.assertEqual(tree[b"file"], ("file", 0o644, b"two"))

    def test_m1_a_link_of_which_only_the_middle_moves_is_noticed(self):
        make_tree(self.folder, {"cache/new/app": ("newer!", 0o755)})
        for _ in range(2):
            self.go("--follow", "twice")
        (self.root / "bazel-bin").unlink()
        (self.root / "bazel-bin").symlink_to("../cache/new")
        self.assertEqual(self.followed("twice")[b"twice/app"], ("file", 0o755, b"newer!"))

    def test_m1_with_and_without_follow_in_turn(self):
        for _ in range(2):
            self.assertEqual(self.go(".")[1][b"bazel-bin"][0], "link")
            self.assertEqual(self.followed(".", "bazel-bin", "in")[b"in/a.c"][2], b"a")

    def test_m1_an_attach_does_not_take_the_link_for_the_folder(self):
        self.baton("persist", "--follow", "bazel-bin", job="a", cwd=self.root)
        self.baton("attach", job="b", cwd=self.root, status=None)
        self.assertEqual(contents(self.folder / "cache/out"), {"app": "binary", "lib/a.so": "a"})
