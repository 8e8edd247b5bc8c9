"""What bad input gets: one sentence, the right exit status, and nothing changed."""

import contextlib
import os
import signal
import socket
import subprocess

from harness import UNPRIVILEGED, Scenario, contents, make_tree, random_bytes, read_tree
from proxy import Hold

BIG = random_bytes(3_000_000)


class BadSources(Scenario):
    def refuse(self, *arguments, status, says, **options):
        with self.nothing_changes():
            return self.refused("persist", *arguments, job="a", status=status, says=says, **options)

    def test_a_path_outside_the_root(self):
        root = self.tree({"in/a": "", "out/b": ""})
        for path in ("../out/b", "a/../../out/b", root / "out/b", "/etc/passwd"):
            self.refuse("--root", root / "in", path, status=2, says=f"`{path}`")

    def test_an_empty_path(self):
        self.refuse("", status=2, says="empty")

    def test_a_root_that_does_not_exist_or_is_a_file(self):
        root = self.tree({"file": ""})
        self.refuse("--root", root / "ghost", ".", status=9, says=f"{root}/ghost")
        self.refuse("--root", root / "file", ".", status=9, says=f"{root}/file")

    def test_a_glob_that_matches_nothing(self):
        root = self.tree({"a": ""})
        self.refuse("--root", root, "*.ghost", status=3, says=("`*.ghost`", "--if-empty"))

    def test_an_empty_tree(self):
        self.refuse("--root", self.tree({}), ".", status=3, says="--if-empty")

    def test_a_glob_that_is_none(self):
        root = self.tree({"a": ""})
        for glob in ("[a", "{a", "**a[z-a]"):
            self.refuse("--root", root, glob, status=2, says=f"`{glob}`")

    def test_a_list_that_cannot_be_read(self):
        self.refuse("--paths-from", "ghost", status=9, says="`ghost`")

    def test_an_unreadable_file_and_an_unreadable_directory(self):
        root = self.tree({"locked": ("", 0)})
        self.refuse("--root", root, ".", status=9, says="`locked`", wrapper=UNPRIVILEGED)
        root = self.tree({"d/x": ""})
        (root / "d").chmod(0)
        self.refuse("--root", root, ".", status=9, says="`d`", wrapper=UNPRIVILEGED)

    def test_a_file_that_cannot_hold_a_manifest_row(self):
        root = self.tree({"huge": ""})
        os.truncate(root / "huge", 1 << 50)
        self.refuse("--root", root, "huge", status=8, says="`huge`")


class OddNames(Scenario):
    def test_a_name_that_is_not_utf_8_is_kept_and_escaped(self):
        name = b"caf\xe9\n\\x"
        root = self.tree({name: "x", b"d\xff/y": "y"})
        self.baton("persist", "--root", root, ".", job="a")
        self.assertEqual(read_tree(self.attach()[1]).keys(), {name, b"d\xff", b"d\xff/y"})
        result = self.baton("ls", "--json")
        result.out.decode()
        paths = [entry["path"] for entry in result.json["entries"]]
        self.assertEqual(paths, ["caf\\xe9\\x0a\\\\x", "d\\xff", "d\\xff/y"])
        self.assertEqual(self.baton("ls").out.count(b"\n"), 3)
        self.assertEqual(self.baton("cat", b"caf\xe9\n\\x").out, b"x")
        for path, expected in zip(paths, (b"x", None, b"y")):  # as ls printed it
            shown = self.baton("ls", "--json", path).json["entries"]
            self.assertIn(path, [entry["path"] for entry in shown])
            if expected:
                self.assertEqual(self.baton("cat", path).out, expected)
        self.refused("cat", "d\\xff", status=2, says="a directory")
        self.assertEqual(read_tree(self.attach(None, "--only", "caf\\xe9*")[1]).keys(), {name})

    def test_a_name_that_looks_escaped_is_told_from_one_that_is(self):
        self.persist("a", {rb"A\x41": "is", rb"A\\x41": "other"})
        self.assertEqual(self.baton("cat", rb"A\x41").out, b"is")
        self.assertEqual(self.baton("cat", rb"A\\\\x41").out, b"other")
        self.refused("cat", rb"A\\x41", status=2, says="another one")
        self.persist("a", {"A": "", rb"A\x41": "is"}, workflow="v")
        self.assertEqual(self.baton("cat", rb"A\\x41", workflow="v").out, b"is")
        self.refused("cat", rb"A\x42", workflow="v", status=3, says=rb"`A\x42`".decode())

    def test_a_sentence_about_such_a_name_is_one_line(self):
        root = self.tree({b"\xff\n\x1b[31m": ("", 0)})
        with self.nothing_changes():
            sentence = self.refused("persist", "--json", "--root", root, ".", job="a", status=9,
                                    wrapper=UNPRIVILEGED)
        self.assertIn("`\\xff\\x0a\\x1b[31m`", sentence)

    def test_a_name_of_255_bytes(self):
        root = self.tree({b"n" * 255: "x", b"\xf0" * 255 + b"/" + b"m" * 255: "y"})
        self.baton("persist", "--root", root, ".", job="a")
        self.assertEqual(read_tree(self.attach()[1]), read_tree(root))

    def deep(self, root, levels):
        """Makes directories of 200 bytes inside each other; a file in the last."""
        fd = os.open(root, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir(b"d" * 200, dir_fd=fd)
            fd, above = os.open(b"d" * 200, os.O_RDONLY, dir_fd=fd), fd
            os.close(above)
        with open(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=fd), "w") as file:
            file.write("deep")
        os.close(fd)

    def test_a_path_deeper_than_path_max(self):
        root = self.tree({})
        self.deep(root, 40)
        self.baton("persist", "--root", root, ".", job="a")
        out = self.attach()[1]
        got = {path: entry[2] for path, entry in read_tree(out).items()}
        self.assertEqual(len(got), 41)
        self.assertEqual(got[b"/".join([b"d" * 200] * 40 + [b"file"])], b"deep")
        self.attach(None, "--delete", into=out)
        make_tree(out, {"extra": ""})
        self.persist("a", {"x": ""}, "--attempt", "2")
        self.attach(None, "--delete", into=out)
        self.assertEqual(set(read_tree(out)), {b"x"})

    def test_a_path_beyond_the_limit_is_refused(self):
        root = self.tree({})
        self.deep(root, 170)
        with self.nothing_changes():
            self.refused("persist", "--root", root, ".", job="a", status=8, says="32768")

    def test_a_prefix_that_makes_paths_too_long_is_refused(self):
        root = self.tree({})
        self.deep(root, 100)
        with self.nothing_changes():
            self.refused("persist", "--root", root, "--prefix", "/".join(["p" * 200] * 70), ".",
                         job="a", status=8)


class BadDestinations(Scenario):
    def setUp(self):
        super().setUp()
        self.persist("a", {"d/x": "new", "big": BIG})

    def refuse(self, into, *flags, says=None, **options):
        with self.nothing_changes(self.place):
            return self.refused("attach", *flags, into, status=9,
                                says=(f"{into}",) if says is None else says, **options)

    def test_a_destination_that_is_a_file_or_below_one(self):
        self.place = self.tree({"file": "mine"})
        self.refuse(self.place / "file")
        self.refuse(self.place / "file" / "below")

    def test_a_destination_that_is_a_link_to_nowhere(self):
        self.place = self.tree({})
        (self.place / "link").symlink_to("nowhere")
        self.refuse(self.place / "link")

    def test_a_read_only_parent_of_a_missing_destination(self):
        self.place = self.tree({})
        self.place.chmod(0o555)
        self.refuse(self.place / "dir", wrapper=UNPRIVILEGED)

    def test_a_read_only_file_system(self):
        self.place = self.tree({})
        mount(self, self.place, "size=1m,ro")
        self.refuse(self.place / "dir")
        self.refuse(self.place, says=str(self.place))

    def test_a_full_disk_under_a_missing_destination(self):
        self.place = self.tree({})
        mount(self, self.place, "size=1m")
        with self.nothing_changes(self.place):
            self.refused("attach", self.place / "dir", status=8, says=str(self.place / "dir"))

    def test_a_full_disk_under_an_existing_destination(self):
        self.place = self.tree({})
        mount(self, self.place, "size=1m")
        make_tree(self.place, {"dir/big": "old", "dir/mine": ""})
        sentence = self.refused("attach", self.place / "dir", status=8)
        self.assertIn(str(self.place / "dir"), sentence)
        left = contents(self.place / "dir")
        self.assertEqual((left["big"], left["mine"], left.get("d/x", "new")), ("old", "", "new"))
        self.assertLessEqual(set(os.listdir(self.place / "dir")), {"big", "mine", "d"})


    def test_a_file_beyond_the_limit_of_the_process(self):
        self.place = self.tree({})
        limited = ("prlimit", "--fsize=1048576")
        for into in (self.place / "dir", self.place):
            self.refuse(into, says=("/big`", "1.0 MiB (ulimit -f)"), wrapper=limited)
        root, cache = self.tree({"out": BIG}), self.tree({})
        for limit in (0, 20):  # too little for a stat record
            self.baton("persist", "--root", root, ".", job="b",
                       wrapper=("prlimit", f"--fsize={limit}"),
                       variables={"XDG_CACHE_HOME": str(cache)})
        self.assertEqual(list((cache / "baton").iterdir()), [])


def mount(test, folder, options):
    """A small file system of its own at a folder, until the test ends."""
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False,
            stderr=subprocess.DEVNULL).returncode != 0:
        test.skipTest("mounting a small file system needs root")
    test.addCleanup(subprocess.run, ["umount", "-l", str(folder)], check=True)


class AFullStore(Scenario):
    def test_a_full_disk_under_the_store(self):
        place = self.folder / "daemon" / "data"
        place.mkdir(parents=True)
        mount(self, place, "size=4m,mode=700")
        first = self.persist("a", {"a": "fits"})
        root = self.tree({"big": random_bytes(8_000_000)})
        for _ in range(3):  # what a failed one had written is given back
            with self.nothing_changes():
                self.refused("persist", "--root", root, ".", job="b", status=8,
                             says=("the daemon at ", "No space left on device"))
        self.assertEqual(contents(self.attach()[1]), {"a": "fits"})
        self.persist("c", {"c": random_bytes(1_000_000).hex()[:1_000_000]})
        self.daemon.kill()
        self.daemon.start()
        log = self.baton("log", "--json").json["layers"]
        self.assertEqual([layer["job"] for layer in log], ["a", "c"])
        self.assertEqual(log[0]["layer"], first["layer"])
        subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
        self.baton("persist", "--root", root, ".", job="b")

    def fill(self, place):
        filler = place / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        return filler

    def test_a_daemon_that_is_started_on_a_full_disk_serves_what_it_holds(self):
        place = self.folder / "daemon" / "data"
        place.mkdir(parents=True)
        mount(self, place, "size=4m,mode=700")
        for number in range(5):
            self.persist(f"a{number}", {"a": f"fits {number}"}, workflow=f"w{number}")
        for stop in (self.daemon.kill, self.daemon.stop, self.daemon.stop):
            stop()
            for derived in ("units.db", "stamp"):  # is to be made anew
                (place / derived).unlink(missing_ok=True)
            filler = self.fill(place)
            self.daemon.start()
            for number in range(5):
                into = self.attach(None, workflow=f"w{number}")[1]
                self.assertEqual(contents(into), {"a": f"fits {number}"})
            root = self.tree({"big": random_bytes(5_000_000)})
            self.refused("persist", "--root", root, ".", job="b", status=8,
                         says="the daemon at ")
            self.assertEqual(self.daemon.stop(), 0)
            status, out, err = self.daemon.check("--read-data")
            self.assertEqual((status, err), (0, ""), out)
            self.daemon.start()
            filler.unlink()
            self.persist("b", {"b": "with room again"}, workflow=f"after {stop.__name__}")

    def test_a_full_disk_under_the_store_fails_an_attach_that_teaches(self):
        place = self.folder / "daemon" / "data"
        place.mkdir(parents=True)
        mount(self, place, "size=4m,mode=700")
        self.persist("a", {"a": "fits"})
        filler = self.fill(place)
        into = self.missing()
        self.refused("attach", into, job="b", status=8,
                     says=(f"the daemon at {self.daemon.url}: `{place}/", "no room"))
        self.assertFalse(into.exists())
        self.assertEqual(contents(self.attach()[1]), {"a": "fits"})
        self.assertEqual(self.baton("cat", "a", job="b").out, b"fits")
        filler.unlink()
        self.assertEqual(contents(self.attach("b", into=into)[1]), {"a": "fits"})


class BadIdentities(Scenario):
    def test_an_unknown_workflow(self):
        for verb in (["attach", self.missing()], ["ls"], ["log"], ["cat", "x"]):
            with self.nothing_changes():
                self.refused(*verb, workflow="ghost", status=3, says="`ghost`")

    def test_a_retry_of_an_unknown_workflow(self):
        with self.nothing_changes():
            self.refused("attach", "--retry-of", "ghost", self.missing(), job="a", status=3,
                         says=("`ghost`", "--retry-of none"))

    def test_two_parents_for_one_workflow(self):
        for parent in ("p1", "p2"):
            self.persist("a", {"a": parent}, workflow=parent)
        self.attach("b", "--retry-of", "p1")
        with self.nothing_changes():
            self.refused("attach", "--retry-of", "p2", self.missing(), job="b", status=2,
                         says=("`p1`", "p2"))
        self.assertEqual(contents(self.attach()[1]), {"a": "p1"})

    def test_two_executions_with_one_identity(self):
        self.persist("a", {"x": "1"}, "--execution", "one")
        root = self.tree({"x": "2"})
        with self.nothing_changes():
            self.refused("persist", "--root", root, ".", "--execution", "two", job="a", status=2,
                         says="--shard")


class NoDaemon(Scenario):
    def test_no_daemon_at_the_address(self):
        root = self.tree({"a": ""})
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for url in (f"unix:{self.folder}/nobody", f"tcp://127.0.0.1:{port}"):
            for verb in (["persist", "--root", root, "."], ["attach", self.missing()], ["ls"],
                         ["log"], ["status"]):
                with self.subTest(verb=verb[0], url=url):
                    self.refused(*verb, "--server", url, "--timeout", "0.05", job="a", status=7,
                                 says=(url, "--server"))

    def test_somebody_else_at_the_address(self):
        other = socket.socket(socket.AF_UNIX)
        self.addCleanup(other.close)
        path = self.folder / "other"
        other.bind(str(path))
        other.listen()
        self.refused("status", "--server", f"unix:{path}", "--timeout", "0.1", status=7,
                     says=str(path))

    def test_a_file_at_the_address(self):
        path = self.tree({"file": ""}) / "file"
        self.refused("status", "--server", f"unix:{path}", "--timeout", "0.1", status=7,
                     says=str(path))


class Interrupts(Scenario):
    """Ctrl-C at moments that cannot be missed: the proxy holds the line there."""

    def interrupt(self, hold, *arguments, number=signal.SIGINT, **options):
        proxy = self.proxy(hold)
        process = self.popen(*arguments, "--server", proxy.url, **options)
        hold.wait()
        process.send_signal(number)
        _, err = process.communicate()
        self.assertEqual(process.returncode, -number, err)
        hold.release()
        return err.decode()

    def interrupt_told(self, *arguments, **options):
        """Who has something to clean up says that it was interrupted, not whom it waited for."""
        err = self.interrupt(*arguments, **options)
        self.assertRegex(err, r"\Abaton: interrupted.*\n\Z")

    def test_a_persist_that_is_interrupted_leaves_nothing(self):
        root = self.tree({"big": BIG, "small": ""})
        for way, at in (("up", 0), ("up", 30), ("up", 1_000_000), ("up", 2_500_000), ("down", 0),
                        ("down", 100), ("down", 200)):
            with self.subTest(way=way, at=at), self.nothing_changes(root):
                self.interrupt_told(Hold(way, at), "persist", "--namespace", f"{way}{at}",
                                    "--root", root, ".", job="a")

    def test_an_attach_that_is_interrupted_leaves_dir_as_it_was(self):
        self.persist("a", {"big": BIG, "small": "", "d/e": "x"})
        empty, full = self.tree({}), self.tree({"small": "mine", "other": ""})
        for way, at in (("up", 0), ("up", 30), ("down", 0), ("down", 400), ("down", 1_000_000),
                        ("down", 2_900_000)):
            for number in (signal.SIGINT, signal.SIGTERM):
                into = self.missing()
                with self.subTest(way=way, at=at, number=number), \
                        self.nothing_changes(empty, into.parent):
                    for place in (into, empty):
                        self.interrupt_told(Hold(way, at), "attach", place, number=number)
                self.interrupt_told(Hold(way, at), "attach", full, number=number)
                self.assertIn((full / "small").read_text(), ("mine", ""))
                self.assertLessEqual(set(os.listdir(full)), {"small", "other", "d", "big"})
        self.attach(into=full)
        self.assertEqual((full / "big").read_bytes(), BIG)

    def test_other_verbs_die_by_the_signal_too(self):
        self.persist("a", {"big": BIG})
        for verb in (["ls"], ["log"], ["cat", "big"], ["status"], ["diff", "w", "w"]):
            with self.subTest(verb=verb[0]):
                self.interrupt(Hold("down", 20), *verb)
