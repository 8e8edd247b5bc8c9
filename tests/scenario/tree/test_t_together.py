"""Several attaches into one folder at the same time: one writes after the other, so that all
of them succeed, and what they leave is what some order of them would."""

import fcntl
import os
import signal

from harness import UNPRIVILEGED, Link, Scenario, contents, random_bytes, read_tree
from proxy import Hold


def files_of(version):
    return {**{f"d{i % 20}/e/{i}": f"{version} {i}" for i in range(400)},
            "link": Link("d1"), "top": version, **{f"only-{version}/{i}": version for i in range(200)}}


class Together(Scenario):
    def start(self, count, into, *flags, job="t"):
        return [self.popen("attach", "--quiet", *flags, into, job=f"{job}{i}")
                for i in range(count)]

    def assert_ended(self, attaches):
        for attach in attaches:
            _, err = attach.communicate()
            self.assertEqual((attach.returncode, err), (0, b""))

    def both_views(self):
        self.persist("a", files_of("a"))
        self.persist("b", files_of("b"))

    def test_m5_one_view_into_a_missing_dir_and_into_an_empty_one(self):
        self.persist("a", files_of("a"))
        whole = read_tree(self.attach()[1])
        for into in (self.missing(), self.tree({}), self.tree({"mine": ""})):
            self.assert_ended(self.start(5, into))
            got = read_tree(into)
            got.pop(b"mine", None)
            self.assertEqual(got, whole)

    def test_m5_different_views(self):
        """What both have is of the one that wrote last, all of it."""
        self.both_views()
        a, b = ({name: content for name, content in files_of(version).items() if name != "link"}
                for version in "ab")
        for into in (self.tree({}), self.missing()):
            for _ in range(2):
                self.assert_ended(self.start(3, into, "--from", "a") +
                                  self.start(3, into, "--from", "b", job="u"))
                self.assertIn(contents(into), ({**a, **b}, {**b, **a}))

    def test_m5_one_of_them_deletes_what_only_others_have(self):
        self.both_views()
        into = self.tree({"extra/x": ""})
        self.assert_ended(self.start(3, into, "--from", "a") +
                          self.start(2, into, "--from", "a", "--delete", job="u"))
        self.assertEqual(set(contents(into)), set(files_of("a")) - {"link"})

    def test_m5_different_views_that_delete_each_others_files(self):
        self.both_views()
        whole = [read_tree(self.attach(None, "--from", version)[1]) for version in "ab"]
        for into in (self.tree({}), self.missing()):
            for _ in range(3):
                self.assert_ended(self.start(3, into, "--from", "a", "--delete") +
                                  self.start(3, into, "--from", "b", "--delete", job="u"))
                self.assertIn(read_tree(into), whole)

    def hold(self, into):
        """The lock of a folder, as an attach holds it, or flock(1)."""
        fd = os.open(into, os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, fd)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    def test_m5_who_waits_for_another_attach_says_so_and_goes_on_when_it_ends(self):
        self.persist("a", {"a": "a"})
        into = self.tree({".baton-0123456789ab": None})
        held = self.hold(into), self.hold(into / ".baton-0123456789ab")
        waiting = self.popen("attach", "--timeout", "1", into)
        line = waiting.stderr.readline().decode()
        self.assertEqual(line, f"baton: `{into}`: waiting for another attach into it\n")
        fcntl.flock(held[0], fcntl.LOCK_UN)
        self.assertEqual((waiting.wait(), contents(into)), (0, {"a": "a"}))

    def test_m5_a_lock_that_no_attach_holds_is_not_waited_for_without_end(self):
        """As of `flock DIR baton attach DIR`."""
        self.persist("a", {"a": "a"})
        into = self.tree({})
        self.hold(into)
        self.refused("attach", "--timeout", "0.2", into, status=9,
                     says=(f"`{into}`", "holds its lock (flock)", "--timeout", "is as it was"))

    def test_m5_who_only_looks_waits_for_nobody(self):
        self.persist("a", {"a": "a"})
        into = self.attach()[1]
        self.hold(into)
        self.attach(None, "--dry-run", "--timeout", "0.2", into=into)

    def test_m5_read_only_folders_that_each_of_them_opens_and_closes(self):
        for version in ("1", "2"):
            root = self.tree({f"d{i % 9}/e/{i}": f"{version} {i}" for i in range(300)})
            for folder in sorted(root.rglob("*"), reverse=True):
                if folder.is_dir():
                    folder.chmod(0o555)
            self.baton("persist", "--root", root, ".", "--attempt", version, job="a")
            if version == "1":
                into = self.attach()[1]
        into.chmod(0o555)
        attaches = [self.popen("attach", "--quiet", into, job=f"t{i}", wrapper=UNPRIVILEGED)
                    for i in range(5)]
        self.assert_ended(attaches)
        self.assertEqual({entry[2][:1] for entry in read_tree(into).values()
                          if entry[0] == "file"}, {b"2"})
        self.assertEqual({entry[1] for entry in read_tree(into).values()
                          if entry[0] == "directory"}, {0o555})

    def test_m5_one_is_killed(self):
        self.persist("a", {**files_of("a"), "zz": random_bytes(3_000_000)})
        for number in (signal.SIGKILL, signal.SIGTERM):
            into = self.tree({})
            hold = Hold("down", 1_500_000)
            held = self.popen("attach", "--quiet", "--server", self.proxy(hold).url, into)
            hold.wait()
            attaches = self.start(3, into)
            held.send_signal(number)
            held.wait()
            self.assert_ended(attaches)
            self.attach(None, "--delete", into=into)  # the killed one's stage, too
            self.assertTrue(read_tree(into) == read_tree(self.attach()[1]))
