"""What belongs to another user, and file systems that keep no permissions: what is right
stays right, what cannot be had is a warning, and what makes it impossible is named."""

import os
import unittest

import mounts
from harness import Scenario, contents, random_bytes, read_tree
from proxy import Hold

THEM = 1234
# Root without what lets it change, and write to, what is another's.
LIKE_A_USER = ("setpriv", "--bounding-set=-fowner,-dac_override,-dac_read_search",
               "--inh-caps=-fowner,-dac_override,-dac_read_search")


@unittest.skipIf(os.geteuid() != 0, "only root can give files to another user")
class Foreign(Scenario):
    def theirs(self, *paths, mode=None):
        for path in paths:
            os.lchown(path, THEM, THEM)
            if mode is not None:
                path.chmod(mode)

    def warnings(self, into, *flags):
        got = self.attach(None, *flags, into=into, wrapper=LIKE_A_USER)[0]
        return got["warnings"]

    def stored(self, files, mode=0o755):
        root = self.tree(files)
        for path, folders, names in os.walk(root):
            os.chmod(path, mode)
        self.baton("persist", "--root", root, ".", job="a")

    def test_m4_folders_of_another_owner_keep_their_mode_with_a_warning(self):
        self.stored({"d/f": "new", "d/deep/g": "new"})
        into = self.tree({"d/mine": "", "d/deep/mine": ""})
        self.theirs(into, into / "d", into / "d/deep", mode=0o777)
        for _ in range(2):
            (warning,) = self.warnings(into)
            for part in ("d/deep`: its mode", f"belongs to user {THEM}", "and 1 more"):
                self.assertIn(part, warning)
        self.assertEqual(contents(into), {"d/f": "new", "d/deep/g": "new", "d/mine": "",
                                          "d/deep/mine": ""})
        self.assertEqual(read_tree(into)[b"d"][1], 0o777)

    def test_m4_a_folder_of_another_owner_that_has_all_of_it_already(self):
        self.stored({"d/f": "same"})
        into = self.tree({"d/f": "same"})
        self.theirs(into / "d", into / "d/f", mode=0o755)
        (into / "d/f").chmod(0o644)
        got = self.attach(into=into, wrapper=LIKE_A_USER)[0]
        self.assertEqual((got["unchanged_files"], got["written_files"]), (1, 0))
        (warning,) = got["warnings"]
        self.assertIn("d/f`: its time", warning)

    def test_m4_a_folder_that_cannot_be_written_to_is_named_with_its_owner(self):
        self.stored({"a": "a", "d/f": "new"})
        into = self.tree({"d/f": "old"})
        self.theirs(into / "d", mode=0o755)
        sentence = self.refused("attach", into, status=9, wrapper=LIKE_A_USER,
                                says=("d/f`", f"user {THEM}", "mended"))
        self.assertNotIn("run the command again", sentence)

    def test_m4_a_file_of_another_owner_is_replaced_but_not_in_a_sticky_folder(self):
        self.stored({"d/f": "new"}, mode=0o777)
        into = self.tree({"d/f": "old"})
        self.theirs(into / "d/f")
        self.theirs(into / "d", mode=0o777)
        self.warnings(into)
        self.assertEqual(contents(into), {"d/f": "new"})
        (into / "d/f").write_text("older")
        self.theirs(into / "d/f")
        (into / "d").chmod(0o1777)
        self.refused("attach", into, status=9, wrapper=LIKE_A_USER,
                     says=("d/f`", f"user {THEM}", "sticky"))
        self.assertEqual(contents(into), {"d/f": "older"})


class WithoutModes(Scenario):
    """File systems that give all files one mode, or refuse to change it."""

    def attach_twice(self, point, *flags):
        self.persist("a", {"f": "x", "run": ("x", 0o755), "ro": ("x", 0o444), "d/g": ""})
        for name in ("first", "."):
            into = point / name
            self.attach(None, *flags, into=into)
            (into / "extra").write_text("")
            again = self.attach(None, *flags, into=into)[0]
            self.assertEqual((again["unchanged_files"], again["written_files"]), (4, 0))
            self.assertEqual((into / "extra").exists(), "--delete" not in flags)
        return again

    def test_l6_one_mode_for_all(self):
        again = self.attach_twice(mounts.without_modes(self, "-p", "0777"), "--delete")
        self.assertIn("does not keep permissions", again["warnings"][0])

    def test_l6_the_stage_of_an_attach_that_lives_is_not_deleted(self):
        point = mounts.without_modes(self, "-p", "0777")
        self.persist("a", {"a": "a", "big": random_bytes(3_000_000)})
        self.persist("a", {"sub/b": "b"}, workflow="above")
        inner = point / "sub"
        inner.mkdir()
        (point / "extra").write_text("")
        hold = Hold("down", 1_500_000)
        held = self.popen("attach", "--quiet", "--server", self.proxy(hold).url, inner)
        hold.wait()
        stages = [name for name in os.listdir(inner) if ".baton-" in name]
        self.attach(None, "--delete", into=point, workflow="above")
        self.assertEqual([name for name in os.listdir(inner) if ".baton-" in name], stages)
        self.assertEqual(len(stages), 1)
        hold.release()
        _, err = held.communicate()
        self.assertEqual(held.returncode, 0, err)
        self.assertEqual(sorted(os.listdir(inner)), ["a", "b", "big"])

    def test_l6_changes_are_ignored(self):
        self.attach_twice(mounts.without_modes(self, "--chmod-ignore", "-p", "0755"))

    def test_l6_changes_are_refused(self):
        self.attach_twice(mounts.without_modes(self, "--chmod-deny"), "--delete")

    def test_l6_times_are_refused(self):
        point = mounts.without_modes(self, "--chmod-deny", "--chown-deny")
        self.attach_twice(point, "--times=now")

    def test_l6_a_conflict_that_comes_of_the_mode_alone_says_so(self):
        point = mounts.without_modes(self, "-p", "0777")
        self.persist("a", {"f": "x"})
        self.attach(into=point)
        got = self.baton("persist", "--json", "--root", point, ".", job="b").json
        self.assertIn("with another mode", got["warnings"][0])
        (point / "f").write_text("y")
        got = self.baton("persist", "--json", "--root", point, ".", job="c").json
        self.assertIn("with other content", got["warnings"][0])

    def test_l6_a_persist_tells_of_the_one_mode(self):
        point = mounts.without_modes(self, "-p", "0777")
        self.persist("a", {"f": "x", "run": ("#!/bin/sh\n", 0o755)})
        self.attach(into=point)
        expected = ("`f`, and 1 more: stored with mode 0777, which this file system seems to give "
                    "to all files; persist from one that keeps permissions")
        for flags in ((), ("--dry-run",)):
            got = self.baton("persist", "--json", "--root", point, *flags, ".", job="b").json
            self.assertIn(expected, got["warnings"])

    def test_l6_modes_that_fit_or_were_chosen_are_not_told(self):
        point = mounts.without_modes(self, "-p", "0755")
        (point / "run").write_text("#!/bin/sh\n")
        chosen = self.tree({"f": ("x", 0o777), "g": ("y", 0o777)})
        for root in (point, chosen):
            got = self.baton("persist", "--json", "--root", root, ".", job="b").json
            self.assertEqual(got["warnings"], [], root)
