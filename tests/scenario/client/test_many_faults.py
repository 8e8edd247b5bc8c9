"""Fault L2: what is wrong with several paths is told of all of them, not of one per try."""

from harness import UNPRIVILEGED, Scenario, make_tree


class ManyFaults(Scenario):
    def setUp(self):
        super().setUp()
        self.root = self.tree({"ok": "1"})
        self.root.chmod(0o755)

    def fail(self, *flags, status=9, **options):
        """The lines of a persist that fails, without "baton: " and indentation."""
        options.setdefault("wrapper", UNPRIVILEGED)
        with self.nothing_changes():
            result = self.baton("persist", "--root", self.root, *(flags or (".",)), job="a",
                                status=status, **options)
        first, *others = result.err.decode().splitlines()
        self.assertTrue(first.startswith("baton: "), result)
        self.assertTrue(all(line.startswith("  ") for line in others), result)
        return [first.removeprefix("baton: ")] + [line.strip() for line in others]

    def lock(self, *names):
        for name in names:
            (self.root / name).chmod(0)

    def test_l2_one_is_one_sentence(self):
        make_tree(self.root, {"secret": "x"})
        self.lock("secret")
        self.assertEqual(self.fail(), ["`secret`: cannot be read: Permission denied"])

    def test_l2_files_and_folders_are_named_together_and_in_order(self):
        make_tree(self.root, {"a/secret": "x", "b": "", "cache/x": "", "d/e/x": "", "z": "z"})
        self.lock("a/secret", "cache", "d/e", "z")
        each = [f"`{name}`: cannot be read: Permission denied"
                for name in ("a/secret", "cache", "d/e", "z")]
        self.assertEqual(self.fail(), [each[0] + " (and 3 more)", *each])
        self.assertEqual(self.fail("--dry-run", "."), [each[0] + " (and 3 more)", *each])

    def test_l2_20_are_named_and_the_21st_is_counted(self):
        for count, last in ((20, "`f19`: cannot be read: Permission denied"), (21, "and 1 more")):
            make_tree(self.root, {f"f{i:02}": "x" for i in range(count)})
            self.lock(*(f"f{i:02}" for i in range(count)))
            lines = self.fail()
            self.assertEqual((len(lines) - 1, lines[-1]), (count, last))
            for i in range(count):
                (self.root / f"f{i:02}").unlink()

    def test_l2_of_many_files_on_several_threads(self):
        make_tree(self.root, {f"d{i % 7}/f{i:04}": str(i) * 50 for i in range(1400)})
        self.lock(*(f"d{i % 7}/f{i:04}" for i in range(0, 1400, 2)))
        lines = self.fail()
        self.assertIn("(and 699 more)", lines[0])
        self.assertEqual(lines[1], "`d0/f0000`: cannot be read: Permission denied")
        self.assertEqual((len(lines), lines[-1]), (22, "and 680 more"))

    def test_l2_json(self):
        make_tree(self.root, {"a": "", "b": ""})
        self.lock("a", "b")
        error = self.baton("persist", "--json", "--root", self.root, ".", job="a", status=9,
                           wrapper=UNPRIVILEGED).json["error"]
        self.assertEqual(error["fault_count"], 2)
        self.assertEqual(error["faults"], [f"`{name}`: cannot be read: Permission denied"
                                           for name in "ab"])

    def test_l2_after_they_are_mended_the_persist_succeeds_also_with_a_stat_record(self):
        make_tree(self.root, {"a": "1", "b/c": "2"})
        self.baton("persist", "--root", self.root, ".", job="a")
        self.lock("a", "b")
        self.assertEqual(len(self.fail()), 3)
        (self.root / "a").chmod(0o644)
        (self.root / "b").chmod(0o755)
        self.baton("persist", "--root", self.root, ".", job="a", wrapper=UNPRIVILEGED)

    def test_l2_paths_that_match_nothing_are_named_together(self):
        for flags in ((), ("--dry-run",)):
            for names in (("ghost", "spirit"), ("*.a", "*.b")):
                lines = self.fail(*flags, names[0], "ok", names[1], status=3)
                self.assertEqual(len(lines), 3)
                self.assertIn("(and 1 more)", lines[0])
                for name, line in zip(names, lines[1:]):
                    self.assertTrue(line.startswith(f"`{name}`: matched nothing"), line)

    def test_l2_with_if_empty_warn_too(self):
        result = self.baton("persist", "--json", "--root", self.root, "--if-empty", "warn", "ok",
                            *(f"x{i}" for i in range(21)), job="a").json
        self.assertEqual(len(result["warnings"]), 21)
        self.assertEqual(result["warnings"][-1], "and 1 more PATHs matched nothing")

    def test_l2_links_that_cannot_be_followed(self):
        for name in "ab":
            (self.root / name).symlink_to("nowhere")
        lines = self.fail("--follow", "a", "b", "ok")
        self.assertEqual([line[:3] for line in lines], ["`a`", "`a`", "`b`"])
