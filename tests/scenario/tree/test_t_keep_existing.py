"""attach --keep-existing: what is in DIR is left as it is, what is missing is put."""

import os

from harness import Link, Scenario, contents, read_tree


class KeepExisting(Scenario):
    FILES = {"a": "theirs", "b": "theirs", "d/x": "theirs", "d/y": "theirs", "same": "same",
             "link": Link("a"), "new-link": Link("b"), "was-link": "theirs"}
    MINE = {"a": "mine", "d/x": ("mine", 0o600), "d/mine": "mine", "same": ("same", 0o600),
            "link": Link("elsewhere"), "was-link": Link("dangling"), "extra": "mine"}

    def setUp(self):
        super().setUp()
        self.persist("a", self.FILES)

    def assert_kept(self, into, before, *gone):
        after = read_tree(into, times=True)
        for path, entry in before.items():
            if path not in gone and entry[0] != "directory":
                self.assertEqual(after[path], entry)
        for path in (b"b", b"d/y"):
            self.assertEqual(after[path][2], b"theirs")
        self.assertEqual(after[b"new-link"][2], b"b")

    def test_what_exists_is_left_and_what_is_missing_is_put(self):
        for flags in ((), ("--verify",), ("--times=now",), ("--no-stat-record",)):
            into = self.tree(self.MINE)
            (into / "d").chmod(0o711)
            before = read_tree(into, times=True)
            got = self.attach(None, "--keep-existing", *flags, into=into)[0]
            self.assertEqual((got["written_files"], got["unchanged_files"], got["kept_existing"]),
                             (2, 0, 5), flags)
            self.assert_kept(into, before)
            self.assertEqual(read_tree(into)[b"d"][1], 0o711)
            again = self.baton("attach", "--keep-existing", *flags, into).out
            self.assertIn(b"0 written, 2 unchanged, kept 5 existing", again)
            self.assert_kept(into, before)

    def test_equal_files_are_unchanged_and_keep_their_time(self):
        into = self.tree({"same": "same"})
        os.utime(into / "same", ns=(0, 1_000_000_001))
        got = self.attach(None, "--keep-existing", into=into)[0]
        self.assertEqual((got["unchanged_files"], got["kept_existing"]), (1, 0))
        self.assertEqual((into / "same").stat().st_mtime_ns, 1_000_000_001)

    def test_the_next_attach_without_it_puts_the_view(self):
        into = self.tree(self.MINE)
        whole = self.attach()[1]
        self.attach(None, "--keep-existing", into=into)
        self.attach(None, "--delete", into=into)
        self.assertEqual(read_tree(into), read_tree(whole))

    def test_delete_removes_what_the_view_does_not_have(self):
        into = self.tree(self.MINE)
        before = read_tree(into, times=True)
        self.attach(None, "--keep-existing", "--delete", into=into)
        self.assert_kept(into, before, b"extra", b"d/mine")
        self.assertFalse((into / "extra").exists() or (into / "d/mine").exists())

    def test_a_file_or_link_where_a_folder_belongs_is_neither_replaced_nor_passed_over(self):
        for mine in ({"d": "mine"}, {"d": Link("elsewhere")}):
            into = self.tree({**mine, "other": ""})
            with self.nothing_changes(into):
                self.refused("attach", "--keep-existing", into, status=9,
                             says=("d`", "--keep-existing", "move it away"))

    def test_a_folder_where_a_file_belongs_is_neither_replaced_nor_passed_over(self):
        for mine in ({"a": None}, {"a/mine": ""}):
            into = self.tree(mine)
            with self.nothing_changes(into):
                self.refused("attach", "--keep-existing", "--delete", into, status=9,
                             says=("a`", "--keep-existing"))

    def test_a_dry_run_says_what_would_be_kept(self):
        into = self.tree(self.MINE)
        with self.nothing_changes(into):
            out = self.baton("attach", "--keep-existing", "-n", "-v", into).out.decode()
        for line in ("keep   a\n", "write  b\n", "keep   link\n", "write  new-link\n"):
            self.assertIn(line, out)
        self.assertNotIn("delete extra", out)

    def test_a_job_that_keeps_its_own_persists_it_as_a_change(self):
        into = self.tree({"a": "mine"})
        self.attach("b", "--keep-existing", into=into)
        self.baton("persist", "--root", into, "a", job="b")
        self.assertEqual(contents(self.attach("c")[1])["a"], "mine")
