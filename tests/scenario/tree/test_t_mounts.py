"""What is mounted inside DIR: a volume is not DIR's to delete, or to write past."""

import os

import mounts
from harness import Scenario, contents, read_tree


class Mounted(Scenario):
    def volume(self, into, at, *options):
        """A folder with a file in it, mounted at this path below a DIR."""
        volume = self.tree({"deep/data": "mine", "data": "mine"})
        (into / at).mkdir(parents=True, exist_ok=True)
        mounts.bind(self, volume, into / at, *options)
        return volume

    def warnings(self, into, *flags):
        return self.attach(None, *flags, into=into)[0]["warnings"]

    def test_l4_delete_leaves_a_volume_and_says_so(self):
        self.persist("a", {"x": "x"})
        into = self.tree({"x": "old", "extra": ""})
        volume = self.volume(into, "my volume")
        with self.nothing_changes(volume):
            for _ in range(2):
                (warning,) = self.warnings(into, "--delete")
                self.assertIn("my volume`: something is mounted there", warning)
        self.assertEqual(sorted(os.listdir(into)), ["my volume", "x"])

    def test_l4_delete_leaves_a_volume_deep_in_a_folder_that_goes(self):
        self.persist("a", {"x": "x", "d/y": "y"})
        into = self.tree({"extra/a/gone": "", "extra/gone": "", "d/more/gone": ""})
        volumes = [self.volume(into, at) for at in ("extra/a/b/volume", "d/more/volume")]
        listed = self.baton("attach", "--delete", "--dry-run", "-v", into).out.decode()
        self.assertNotIn("volume", listed)
        with self.nothing_changes(*volumes):
            self.assertEqual(len(self.warnings(into, "--delete")), 2)
        self.assertEqual({path.decode() for path in read_tree(into) if b"volume" not in path},
                         {"x", "d", "d/y", "d/more", "extra", "extra/a", "extra/a/b"})

    def test_l4_filters_and_volumes(self):
        self.persist("a", {"x": "x"})
        into = self.tree({"e/keep.log": "", "e/gone": ""})
        volume = self.volume(into, "e/volume")
        with self.nothing_changes(volume):
            self.assertEqual(len(self.warnings(into, "--delete", "--exclude", "*.log")), 1)
            self.assertEqual(sorted(os.listdir(into / "e")), ["keep.log", "volume"])
            self.assertEqual(self.warnings(into, "--delete", "--exclude", "volume"), [])
            self.assertEqual(os.listdir(into / "e"), ["volume"])

    def test_l4_a_mounted_file_is_left(self):
        self.persist("a", {"x": "x"})
        into = self.tree({"resolv.conf": ""})
        mounts.bind(self, self.tree({"f": "mine"}) / "f", into / "resolv.conf")
        self.assertEqual(len(self.warnings(into, "--delete")), 1)
        self.assertEqual(contents(into), {"x": "x", "resolv.conf": "mine"})

    def test_l4_a_volume_where_a_file_belongs_is_said_to_be_one(self):
        self.persist("a", {"x": "file", "y": "file"})
        into = self.tree({"y/in/it": ""})
        volumes = self.volume(into, "x"), self.volume(into, "y/in/volume")
        with self.nothing_changes(*volumes):
            self.refused("attach", "--delete", into, status=9, says=("x`", "mounted"))
            self.refused("attach", "--delete", "--only", "y", into, status=9,
                         says=("y`", "mounted"))

    def test_m4_a_read_only_volume_is_no_failure_where_nothing_is_to_be_written(self):
        self.persist("a", {"v/data": "mine", "v/deep/data": "mine", "x": "x"})
        into = self.tree({"old": ""})
        volume = self.volume(into, "v", "ro")
        with self.nothing_changes(volume):
            self.attach(None, "--delete", into=into)
        self.assertEqual(sorted(os.listdir(into)), ["v", "x"])
        (volume / "data").write_text("other")
        with self.nothing_changes(volume):
            self.refused("attach", into, status=9, says=("/v`", "Read-only file system"))

    def test_m4_a_mounted_file_that_would_be_replaced_is_said_to_be_one(self):
        self.persist("a", {"x": "theirs", "y": "y"})
        into = self.tree({"x": ""})
        mounts.bind(self, self.tree({"f": "mine"}) / "f", into / "x")
        self.refused("attach", into, status=9, says=("x`: something is mounted there", "as it was"))
        self.assertEqual((into / "x").read_text(), "mine")
