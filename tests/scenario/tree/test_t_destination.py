"""Rules T4 and T5: what an attach does to DIR, and that it does nothing outside of it."""

import os
import re

from harness import UNPRIVILEGED, Link, Scenario, contents, random_bytes, read_tree
from proxy import Cut, Hold

BIG = random_bytes(3_000_000)


class Appearing(Scenario):
    def held(self, into, *flags, at=1_500_000, **options):
        """An attach that has received a part of the bytes and gets no more."""
        hold = Hold("down", at)
        proxy = self.proxy(hold)
        return self.popen("attach", "--server", proxy.url, *flags, into, **options), hold

    def test_t4_a_missing_dir_appears_complete(self):
        self.persist("a", {"a": "first", "big": BIG, "z": "last"})
        into = self.missing()
        attach, hold = self.held(into)
        hold.wait()
        self.assertFalse(into.exists())
        hold.release()
        attach.communicate()
        self.assertEqual(set(read_tree(into)), {b"a", b"big", b"z"})
        self.assertEqual(os.listdir(into.parent), ["dir"])

    def test_t4_a_missing_dir_does_not_appear_when_the_attach_fails(self):
        self.persist("a", {"a": "first", "big": BIG, "z": "last"})
        into = self.missing()
        proxy = self.proxy(*[Cut("down", 1_500_000)] * 50)
        sentence = self.refused("attach", "--timeout", "0.5", "--server", proxy.url, into / "deep",
                                status=7)
        self.assertIn("is as it was", sentence)
        self.assertEqual(os.listdir(into.parent), [])

    def test_t4_parents_of_dir_are_made(self):
        self.persist("a", {"a": ""})
        into = self.missing() / "some" / "where"
        self.baton("attach", into)
        self.assertEqual(contents(into), {"a": ""})

    def test_t4_an_existing_dir_is_never_replaced(self):
        self.persist("a", {"a": "new", "d/b": "new"})
        into = self.tree({"a": "old", "other": "mine", "d/other": "mine"})
        into.chmod(0o711)
        before = into.stat().st_ino, (into / "d").stat().st_ino
        self.attach(into=into)
        self.assertEqual((into.stat().st_ino, (into / "d").stat().st_ino), before)
        self.assertEqual(into.stat().st_mode & 0o777, 0o711)
        self.assertEqual(contents(into), {"a": "new", "d/b": "new", "other": "mine",
                                          "d/other": "mine"})

    def test_t4_files_appear_whole_or_not_in_an_existing_dir(self):
        self.persist("a", {"a": "first", "big": BIG})
        into = self.tree({"big": "old", "other": ""})
        attach, hold = self.held(into)
        hold.wait()
        self.assertEqual((into / "big").read_bytes(), b"old")
        attach.kill()
        attach.wait()
        self.assertEqual((into / "big").read_bytes(), b"old")
        self.attach(into=into)
        self.assertEqual(set(read_tree(into)), {b"a", b"big", b"other"})
        self.assertEqual((into / "big").read_bytes(), BIG)

    def test_t4_equal_files_are_not_rewritten(self):
        self.persist("a", {"same": "x", "mode": ("x", 0o755), "bytes": "xy"})
        into = self.tree({"same": "x", "mode": ("x", 0o644), "bytes": "xz"})
        before = {name: (into / name).stat().st_ino for name in ("same", "mode", "bytes")}
        got, _ = self.attach(into=into)
        after = {name: (into / name).stat().st_ino for name in before}
        self.assertEqual([name for name in before if before[name] == after[name]], ["same"])
        self.assertEqual((got["unchanged_files"], got["written_files"]), (1, 2))
        self.assertEqual(self.attach(into=into)[0]["unchanged_files"], 3)

    def test_t4_files_that_change_are_made_anew_so_hard_links_stay_as_they_are(self):
        self.persist("a", {"x": "new"})
        into = self.tree({"x": "old"})
        outside = self.folder / "outside"
        os.link(into / "x", outside)
        self.attach(into=into)
        self.assertEqual(((into / "x").read_text(), outside.read_text()), ("new", "old"))


class CopingWith(Scenario):
    def test_t4_read_only_files_and_directories_are_coped_with(self):
        root = self.tree({"d/file": "new", "d/sub/new": "new"})
        self.baton("persist", "--root", root, "d/file", "d/sub/new", job="a")
        into = self.tree({"d/file": ("old", 0o400), "d/sub/x": ""})
        for name in ("d/sub", "d"):
            (into / name).chmod(0o555)
        self.baton("attach", "--only", "d/file", into, wrapper=UNPRIVILEGED)
        self.assertEqual((into / "d/file").read_text(), "new")
        self.baton("attach", into, wrapper=UNPRIVILEGED)
        self.assertEqual((into / "d/sub/new").read_text(), "new")

    def test_t4_directories_that_are_not_stored_keep_their_mode(self):
        root = self.tree({"d/file": "new"})
        self.baton("persist", "--root", root, "d/file", job="a")
        into = self.tree({"d/file": "old"})
        (into / "d").chmod(0o555)
        self.baton("attach", into, wrapper=UNPRIVILEGED)
        self.assertEqual(read_tree(into)[b"d"][1], 0o555)
        self.assertEqual(contents(into), {"d/file": "new"})

    def test_t4_read_only_directories_of_a_layer_can_be_attached_twice(self):
        root = self.tree({"d/file": "x"})
        (root / "d").chmod(0o555)
        self.baton("persist", "--root", root, ".", job="a")
        into = self.missing()
        for _ in range(2):
            self.baton("attach", into, wrapper=UNPRIVILEGED)
            self.assertEqual(read_tree(into)[b"d"][1], 0o555)

    def test_t4_a_link_where_a_directory_belongs_is_replaced(self):
        self.persist("a", {"d/file": "new"})
        outside = self.tree({"file": "mine"})
        into = self.tree({"d": Link(outside)})
        with self.nothing_changes(outside):
            self.attach(into=into)
        self.assertEqual(read_tree(into)[b"d"][0], "directory")

    def test_t4_a_directory_where_a_file_belongs_needs_delete_unless_empty(self):
        self.persist("a", {"x": "file", "y": "file"})
        into = self.tree({"x/inside": "mine", "y": None})
        with self.nothing_changes(into):
            self.refused("attach", into, status=9, says=("x`", "--delete"))
        self.attach(None, "--delete", into=into)
        self.assertEqual(contents(into), {"x": "file", "y": "file"})

    def test_t4_delete_removes_what_the_view_does_not_have(self):
        self.persist("a", {"keep/a": "a", "d": None})
        into = self.tree({"keep/a": "a", "keep/extra": "", "d/extra/deep": "", "extra": "",
                          "link": Link("keep")})
        self.attach(None, "--delete", into=into)
        self.assertEqual(set(read_tree(into)), {b"keep", b"keep/a", b"d"})

    def test_t4_delete_leaves_what_exclude_names(self):
        self.persist("a", {"keep/a": "a", ".git/config": "theirs", "old.log": "theirs"})
        into = self.tree({"keep/a": "a", ".git/config": "mine", "old.log": "mine",
                          "gone/x/old.log": "mine", "gone/x/y": "", "gone/z": "",
                          "all/gone": ""})
        excludes = ("--exclude", ".git", "--exclude", "*.log")
        listed = self.baton("attach", "--delete", "--dry-run", "-v", *excludes, into).out
        self.assertEqual(sorted(re.findall(rb"(?m)^delete (.*)", listed)),
                         [b"all", b"gone/x/y", b"gone/z"])
        self.attach(None, "--delete", *excludes, into=into)
        self.assertEqual(contents(into), {"keep/a": "a", ".git/config": "mine",
                                          "old.log": "mine", "gone/x/old.log": "mine"})

    def test_t4_delete_leaves_what_only_does_not_name(self):
        self.persist("a", {"out/a": "a", "src/a": "theirs"})
        into = self.tree({"out/extra": "", "out/d/extra": "", "src/mine": "", "x/mine": "",
                          "x/lib/y.so": "", "x/lib/dir.so/z": ""})
        self.attach(None, "--delete", "--only", "out", "--only", "**/*.so", into=into)
        self.assertEqual(set(read_tree(into)), {b"out", b"out/a", b"src", b"src/mine", b"x",
                                                b"x/mine", b"x/lib"})

    def test_t4_a_directory_with_something_excluded_is_not_replaced_by_a_file(self):
        self.persist("a", {"x": "file"})
        into = self.tree({"x/d/.git": "mine"})
        with self.nothing_changes(into):
            self.refused("attach", "--delete", "--exclude", ".git", into, status=9,
                         says=("x`", "--exclude"))
        self.attach(None, "--delete", "--exclude", "*.o", into=into)
        self.assertEqual(contents(into), {"x": "file"})

    def test_t4_delete_by_job_takes_no_filters(self):
        self.persist("a", {"x": "file"})
        self.refused("attach", "--delete", "--by-job", "--exclude", "x", self.missing(),
                     status=2, says=("--by-job", "--exclude"))


class Filtered(Scenario):
    """Folders that only lead to what a filter takes have the view's mode, too."""

    def persist_private(self, job="a"):
        root = self.tree({"t/private/key": "key", "t/public/page": "page", "u/x": ""})
        (root / "t/private").chmod(0o700)
        (root / "t").chmod(0o751)
        return self.baton("persist", "--json", "--root", root, ".", job=job).json

    def modes(self, into):
        return {path.decode(): entry[1] for path, entry in read_tree(into).items()
                if entry[0] == "directory"}

    def test_t2_folders_that_lead_to_what_only_takes_have_their_mode(self):
        self.persist_private()
        out = self.attach(None, "--only", "**/key")[1]
        self.assertEqual(self.modes(out), {"t": 0o751, "t/private": 0o700})
        out = self.attach(None, "--only", "t/*/key", "--by-job")[1]
        self.assertEqual(self.modes(out), {"a": 0o755, "a/t": 0o751, "a/t/private": 0o700})

    def test_t2_folders_of_several_layers_have_the_mode_that_the_whole_view_gives(self):
        self.persist_private()
        self.attach("b")
        root = self.tree({"t/private/other": ""})
        (root / "t/private").chmod(0o750)
        self.baton("persist", "--root", root, ".", job="b")
        whole = self.modes(self.attach()[1])
        self.assertEqual(whole["t/private"], 0o750)
        got = self.modes(self.attach(None, "--only", "**/key")[1])
        self.assertEqual(got, {name: whole[name] for name in ("t", "t/private")})

    def test_t2_a_folder_that_is_there_gets_the_mode_when_it_leads_to_a_match(self):
        self.persist_private()
        into = self.tree({"t/private/mine": "", "u/mine": ""})
        (into / "u").chmod(0o711)
        self.attach(None, "--only", "**/key", into=into)
        self.assertEqual(self.modes(into), {"t": 0o751, "t/private": 0o700, "u": 0o711})

    def test_t2_a_dry_run_and_the_attach_agree_and_ls_lists_what_was_asked_for(self):
        self.persist_private()
        only = ("--only", "**/key", "--only", "nothing/**/here")
        dry = self.attach(None, "--dry-run", *only)[0]["digest"]
        into = self.missing()
        for _ in range(2):
            self.assertEqual(self.attach(None, "--expect", dry, *only, into=into)[0]["files"], 1)
        self.assertEqual([entry["path"] for entry in
                          self.baton("ls", "--json", "**/key").json["entries"]], ["t/private/key"])


class Times(Scenario):
    def test_t4_times_are_kept_or_now(self):
        root = self.tree({"d/x": "1"})
        for name in ("d/x", "d"):
            os.utime(root / name, ns=(0, 1_000_000_001))
        self.baton("persist", "--root", root, ".", job="a")
        _, kept = self.attach(None, "--times=keep")
        _, now = self.attach(None, "--times=now")
        for name in ("d", "d/x"):
            self.assertEqual((kept / name).stat().st_mtime_ns, 1_000_000_001)
            self.assertGreaterEqual((now / name).stat().st_mtime_ns,
                                    (root / "d").stat().st_ctime_ns)

    def test_t4_times_now_is_one_instant_that_no_earlier_file_is_later_than(self):
        self.persist("a", {f"d{i % 7}/{i}": str(i) for i in range(600)} | {
            "big": BIG, "empty": "", "link": Link("empty")})
        for into in (self.missing(), self.tree({"d1/mine": "", "mine": ""})):
            earlier = self.tree({"checkout": ""}) / "checkout"
            self.attach(None, "--times=now", into=into)
            later = self.tree({"edit": ""}) / "edit"
            made = {path: entry[-1] for path, entry in read_tree(into, times=True).items()
                    if path not in (b"mine", b"d1/mine", b"d1") or not (into / "mine").exists()}
            self.assertEqual(len(set(made.values())), 1, made)
            instant = made[b"big"]
            self.assertLessEqual(earlier.stat().st_mtime_ns, instant)
            self.assertLessEqual(instant, later.stat().st_mtime_ns)

    def test_t4_directory_times_are_set_on_directories_that_this_attach_made(self):
        root = self.tree({"old/x": "1", "new/x": "1"})
        for name in ("old", "new"):
            os.utime(root / name, ns=(0, 1_000_000_001))
        self.baton("persist", "--root", root, ".", job="a")
        into = self.tree({"old/x": "1"})
        before = (into / "old").stat().st_mtime_ns
        self.attach(into=into)
        self.assertEqual((into / "old").stat().st_mtime_ns, before)
        self.assertEqual((into / "new").stat().st_mtime_ns, 1_000_000_001)


class Failing(Scenario):
    def fail(self, into):
        """An attach that loses its connection in the middle, again and again."""
        proxy = self.proxy(*[Cut("down", 1_500_000)] * 50)
        return self.refused("attach", "--timeout", "0.5", "--server", proxy.url, into, status=7)

    def test_t4_an_empty_dir_is_empty_again_after_a_failure(self):
        self.persist("a", {"a": "first", "d/b": "", "big": BIG})
        into = self.tree({})
        inode = into.stat().st_ino
        self.assertIn(str(into), self.fail(into))
        self.assertEqual((os.listdir(into), into.stat().st_ino), ([], inode))

    def test_t4_a_failure_says_what_state_dir_is_in_and_running_again_completes_it(self):
        self.persist("a", {"a": "first", "d/b": "", "big": BIG, "e": random_bytes(500_000, 1)})
        into = self.tree({"mine": ""})
        sentence = self.fail(into)
        self.assertTrue("is as it was" in sentence or "run the command again" in sentence, sentence)
        for name, entry in read_tree(into).items():
            self.assertIn(len(entry[2]), {b"mine": (0,), b"a": (5,), b"d/b": (0,), b"d": (0,),
                                          b"big": (3_000_000,), b"e": (500_000,)}[name])
        self.attach(into=into)
        self.assertEqual(set(read_tree(into)), {b"a", b"d", b"d/b", b"big", b"e", b"mine"})


class Sparse(Scenario):
    def test_t2_holes_stay_holes(self):
        root = self.tree({"small": bytes(100_000), "full": BIG})
        with open(root / "sparse", "wb") as file:
            file.truncate(300_000_000)
            for at in (0, 77_777_777, 299_000_000):
                os.pwrite(file.fileno(), b"data", at)
        self.baton("persist", "--root", root, ".", job="a")
        stored = read_tree(root)
        for into in (self.missing(), self.tree({"sparse": "old", "full": bytes(3_000_000)})):
            self.attach(into=into)
            self.assertTrue(read_tree(into) == stored)
            self.assertLessEqual((into / "sparse").stat().st_blocks * 512, 1_000_000)
            self.assertGreaterEqual((into / "full").stat().st_blocks * 512, 3_000_000)
            self.assertEqual(self.attach(into=into)[0]["unchanged_files"], 3)


class Outside(Scenario):
    def setUp(self):
        super().setUp()
        self.outside = self.tree({"file": "mine", "d/file": "mine"}, "outside")

    def attach_all(self, into=None, *flags):
        with self.nothing_changes(self.outside):
            return self.attach(None, *flags, into=into)[1]

    def test_t5_links_in_dir_are_never_followed(self):
        self.persist("a", {"file": "new", "d/file": "new", "gone/x": "new"})
        into = self.tree({"file": Link(self.outside / "file"), "d": Link(self.outside / "d"),
                          "gone": Link("nowhere")})
        self.attach_all(into)
        self.assertEqual(contents(into), {"file": "new", "d/file": "new", "gone/x": "new"})

    def test_t5_links_of_a_layer_are_never_followed(self):
        self.persist("a", {"d": Link(self.outside)})
        self.attach("b")
        self.persist("b", {"d/file": "new", "d/d/file": "new"})
        out = self.attach_all()
        self.assertEqual(contents(out), {"d/file": "new", "d/d/file": "new"})

    def test_t5_links_of_an_earlier_attach_are_never_followed(self):
        self.persist("a", {"d": Link(self.outside), "file": Link(self.outside / "file")})
        out = self.attach_all()
        self.persist("a", {"d/file": ("new", 0o777), "file": "new"}, "--attempt", "2")
        self.attach_all(out)
        self.assertEqual(contents(out), {"d/file": "new", "file": "new"})

    def test_t5_delete_removes_links_and_not_what_they_lead_to(self):
        self.persist("a", {"a": ""})
        into = self.tree({"a": "", "d": Link(self.outside), "sub/d": Link(self.outside)})
        self.attach_all(into, "--delete")
        self.assertEqual(set(read_tree(into)), {b"a"})

    def test_t5_a_mode_or_time_never_goes_through_a_link(self):
        self.persist("a", {"d": Link(self.outside), "file": Link(self.outside / "file")})
        for _ in range(2):
            self.attach_all()

    def test_t5_a_directory_that_becomes_a_link_in_the_middle_is_not_followed(self):
        self.persist("a", {"d/file": "new", "d/big": BIG, "d/sub/x": "new"})
        into = self.tree({"d/file": "old", "d/sub/x": "old"})
        hold = Hold("down", 1_500_000)
        proxy = self.proxy(hold)
        attach = self.popen("attach", "--server", proxy.url, into)
        hold.wait()
        (into / "d").rename(into / "moved")
        (into / "d").symlink_to(self.outside)
        with self.nothing_changes(self.outside):
            hold.release()
            _, err = attach.communicate()
        self.assertIn(attach.returncode, (0, 9), err)

    def test_t5_dir_and_root_may_be_reached_through_links(self):
        root = self.tree({"file": "new"})
        (self.folder / "way").symlink_to(root)
        self.baton("persist", "--root", self.folder / "way", "file", job="a")
        place = self.tree({})
        (self.folder / "there").symlink_to(place)
        self.attach(into=self.folder / "there")
        self.attach(into=self.folder / "there" / "below")
        self.assertEqual(contents(place), {"file": "new", "below/file": "new"})


STAGE = ".baton-0123456789ab"


class Stages(Scenario):
    """Folders where an attach makes things, and folders that are only called like them."""

    def test_t4_what_is_only_called_like_a_stage_is_somebodys(self):
        files = {f"{STAGE}/file": "mine", f".out{STAGE}/file": "mine too", "k": "k"}
        root = self.tree(files)
        for path in root.iterdir():
            if path.is_dir():
                path.chmod(0o700)
        self.baton("persist", "--root", root, ".", job="a")
        into = self.missing()
        for flags in ([], [], ["--delete"], ["--delete"]):
            self.attach(None, *flags, into=into)
            self.assertEqual(contents(into), files)
        out = self.folder / "out"
        beside = self.folder / f".out{STAGE}"
        beside.mkdir(mode=0o700)
        self.attach(into=out)
        self.assertTrue(beside.exists())

    def test_t4_what_a_killed_attach_left_is_removed_and_never_stored(self):
        self.persist("a", {"k": "k"})
        into = self.missing()
        self.attach(into=into)
        left = into / STAGE
        left.mkdir()
        (left / "half").write_text("half")
        left.chmod(0o1700)
        stored = self.baton("persist", "--json", "--root", into, ".", job="b").json
        self.assertEqual(stored["files"], 1)
        self.assertEqual(stored["skipped"], 1)
        self.assertIn(STAGE, stored["warnings"][0])
        (into / "k").unlink()
        self.attach(into=into)
        self.assertEqual(contents(into), {"k": "k"})

    def test_t4_a_read_only_dir_keeps_no_stage(self):
        self.persist("a", {"k": "k"})
        into = self.missing()
        into.mkdir(mode=0o555)
        self.attach(into=into, wrapper=UNPRIVILEGED)
        self.assertEqual(os.listdir(into), ["k"])
