"""What people use instead of Baton: how each tool stores a tree and gives it back.

Each keeps its store in a folder of its own on the same file system, and gets the settings
that are fairest for this work; `settings` says which and why, and the benchmark prints it.
Common to all: no encryption where that can be chosen, only the metadata that Baton keeps
(names, bytes, modes, times, symbolic links), each tool's own idea of when to flush, and as
many threads as the benchmark has cores, where the tool takes a number.
"""

import os
import pathlib
import shutil
import subprocess


def run(command, **settings):
    """Runs a program, or text for a shell, and fails with what it said."""
    if isinstance(command, str):
        command = ["sh", "-ec", command]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, **settings)


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    lines = done.stdout.decode(errors="replace").splitlines()
    return " ".join(line.strip() for line in lines[:1]) or "unknown"


def size_of(folder):
    return sum(path.lstat().st_size for path in pathlib.Path(folder).rglob("*")
               if path.is_file() and not path.is_symlink())


class Contender:
    """A tool with a store in `folder`. What it cannot do is None:

    store            a tree into the empty store
    again            into what store() left, with the tool's own record of what it has seen
    again_unrecorded the same, but everything is read
    restore          the latest tree into an empty folder
    restore_over     the latest tree over what an earlier restore() left

    begin() comes before all of it and end() after; neither is measured. save() keeps the
    state of the store and reset() goes back to it, so that one change can be stored twice.
    """

    name = ""
    needs = ()
    settings = ()  # (what, why)
    keeps = frozenset({"modes", "times"})
    store = again = again_unrecorded = restore = restore_over = None

    def __init__(self, scratch):
        self.folder = pathlib.Path(scratch) / "stores" / type(self).__name__.lower()
        self.saved = self.folder.with_suffix(".saved")

    @classmethod
    def missing(cls):
        return [tool for tool in cls.needs if not shutil.which(tool)]

    @classmethod
    def version(cls):
        return first_line(cls.needs[0], "--version")

    def begin(self):
        self.end()
        self.folder.mkdir(parents=True)

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.saved, ignore_errors=True)

    def save(self):
        run(["cp", "-a", self.folder, self.saved])

    def reset(self):
        shutil.rmtree(self.folder)
        run(["cp", "-a", self.saved, self.folder])

    def stored_bytes(self):
        """By what it is called in the result."""
        return {self.name: size_of(self.folder)}

    def root_of(self, target, tree):
        """Where in target restore() puts what lay in tree."""
        del tree
        return target


class TarZstd(Contender):
    name = "tar|zstd -1 -T2"
    needs = ("zstd", "tar")
    settings = (
        ("zstd -1", "the fastest level that does not give up ratio; Baton's frames use it too"),
        ("-T2", "the two cores that everybody has"),
        ("to a file", "no daemon, no digests, no flush: a bound, not a rival"),
        ("tar's default format", "it keeps times to the second, which costs less"))
    keeps = frozenset({"modes", "seconds"})

    def store(self, tree):
        run(f'tar -C "{tree}" -cf - . | zstd -1 -T2 -q -o "{self.folder}/archive.tar.zst"')

    def restore(self, target):
        target.mkdir()
        run(f'zstd -dc -q "{self.folder}/archive.tar.zst" | tar -C "{target}" -xpf -')


class CopyArchive(Contender):
    name = "cp -a"
    needs = ("cp",)
    settings = (("-a", "keeps what Baton keeps; where the file system can share blocks "
                       "(XFS, btrfs), cp does so, and the comparison means nothing"),)

    def store(self, tree):
        run(["cp", "-a", tree, self.folder / "copy"])

    def restore(self, target):
        run(["cp", "-a", self.folder / "copy", target])


class Rsync(Contender):
    name = "rsync -a"
    needs = ("rsync",)
    settings = (
        ("-a, --delete when storing", "the copy is then the tree, as a layer is"),
        ("no --delete when restoring", "an attach does not delete either"),
        ("size and time decide", "rsync's own record is the copy; unrecorded is --checksum"),
        ("whole files", "its default when both sides are local"))

    def store(self, tree):
        run(["rsync", "-a", "--delete", f"{tree}/", f"{self.folder}/copy/"])

    again = store

    def again_unrecorded(self, tree):
        run(["rsync", "-a", "--delete", "--checksum", f"{tree}/", f"{self.folder}/copy/"])

    def restore(self, target):
        run(["rsync", "-a", f"{self.folder}/copy/", f"{target}/"])

    restore_over = restore


class Xxhsum(Contender):
    name = "xxhsum -P2"
    needs = ("xxhsum", "xargs")
    settings = (
        ("-H2", "XXH3-128, the fastest digest that is worth the name; Baton uses it too"),
        ("xargs -P 2 -n 500", "two processes that each get long lists"),
        ("not a store", "the bound of whoever reads everything"))

    def again_unrecorded(self, tree):
        run(f'cd "{tree}" && find . -type f -print0 | xargs -0 -n 500 -P 2 xxhsum -H2 -q')


class Restic(Contender):
    name = "restic"
    needs = ("restic",)
    settings = (
        ("--compression auto, or fastest where restic knows it",
         "the fastest that still compresses; off would store four times as much"),
        ("parent snapshot", "again and after a change use the last snapshot as restic does by "
                            "itself; unrecorded is --force, which reads everything"),
        ("--no-cache", "its cache holds copies of metadata that a local repository has at hand; "
                       "a first persist took 15 s without it and 18 s with it"),
        ("a password", "this version cannot do without; opening a repository costs half a "
                       "second of key derivation, in each of its figures"))

    def _run(self, *arguments):
        run(["restic", "-q", "--no-cache", *arguments],
            env=dict(os.environ, RESTIC_REPOSITORY=str(self.folder / "repository"),
                     RESTIC_PASSWORD="bench"))

    @classmethod
    def version(cls):
        return first_line("restic", "version")

    def begin(self):
        super().begin()
        described = subprocess.run(["restic", "help", "backup"], stdout=subprocess.PIPE,
                                   check=False)
        self.compression = "fastest" if b"fastest" in described.stdout else "auto"
        self._run("init")

    def store(self, tree, *flags):
        self._run("backup", "--host", "bench", "--compression", self.compression, *flags, tree)

    again = store

    def again_unrecorded(self, tree):
        self.store(tree, "--force")

    def restore(self, target):
        self._run("restore", "latest", "--target", target)

    restore_over = restore

    def root_of(self, target, tree):
        return target / tree.relative_to("/")


class Borg(Contender):
    name = "borg"
    needs = ("borg",)
    settings = (
        ("--compression lz4", "its fastest, and its default"),
        ("--encryption none", "no key, no tag for each chunk"),
        ("--noctime --nobirthtime --noflags --noacls --noxattrs --numeric-ids",
         "Baton does not keep these either"),
        ("files cache", "on (ctime, size, inode: its default) for the first persist, again and "
                        "after a change; unrecorded is --files-cache disabled"))

    def _run(self, *arguments, **settings):
        run(["borg", *arguments], **settings, env=dict(
            os.environ, BORG_REPO=str(self.folder / "repository"),
            BORG_BASE_DIR=str(self.folder / "base"),
            BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes"))

    def begin(self):
        super().begin()
        self._run("init", "--encryption", "none")
        self.count = 0

    def store(self, tree, *flags):
        self.count += 1
        self._run("create", "--compression", "lz4", "--noctime", "--nobirthtime", "--noflags",
                  "--noacls", "--noxattrs", "--numeric-ids", *flags, f"::a{self.count}", ".",
                  cwd=tree)

    again = store

    def again_unrecorded(self, tree):
        self.store(tree, "--files-cache", "disabled")

    def restore(self, target):
        target.mkdir(exist_ok=True)
        self._run("extract", "--noflags", "--noacls", "--noxattrs", f"::a{self.count}", cwd=target)

    restore_over = restore

    def stored_bytes(self):
        return {self.name: size_of(self.folder / "repository")}


class Casync(Contender):
    name = "casync"
    needs = ("casync",)
    settings = (
        ("--compression=zstd", "the fastest that it has; the level cannot be chosen"),
        ("--digest=sha256", "faster than its default where the processor has instructions for it"),
        ("--with=unix --with=nsec-time --without=privileged", "what Baton keeps, and no owners"),
        ("--cache", "its record of what it has seen, written by the first persist, used again "
                    "and after a change; unrecorded goes without"),
        ("--seed-output=no", "an extract over a tree took 4 s like this, and 59 s by default, "
                             "when it first looks for chunks in what lies there"))

    def _run(self, verb, *arguments):
        run(["casync", verb, "--with=unix", "--with=nsec-time", "--without=privileged",
             "--digest=sha256", f"--store={self.folder}/store.castr", *arguments])

    def again_unrecorded(self, tree, *flags):
        self._run("make", "--compression=zstd", *flags, f"{self.folder}/tree.caidx", tree)

    def store(self, tree):
        (self.folder / "cache").mkdir(exist_ok=True)
        self.again_unrecorded(tree, f"--cache={self.folder}/cache")

    again = store

    def restore(self, target):
        self._run("extract", "--seed-output=no", f"{self.folder}/tree.caidx", target)

    restore_over = restore

    def stored_bytes(self):
        chunks = size_of(self.folder / "store.castr")
        return {self.name: chunks + (self.folder / "tree.caidx").stat().st_size}


class Ostree(Contender):
    name = "ostree"
    needs = ("ostree",)
    settings = (
        ("--mode=bare-user-only", "files lie in the repository as they are: nothing to compress "
                                  "or decompress, its fastest"),
        ("--canonical-permissions --no-xattrs", "less to keep; it keeps no times at all"),
        ("checkout --user-mode --force-copy", "copies, which a job may write into, as it may into "
                                              "what an attach made"),
        ("no record", "--link-checkout-speedup knows only files that are links into the store"))
    keeps = frozenset({"executable"})

    @classmethod
    def version(cls):
        return first_line("sh", "-c", "ostree --version | grep -w Version")

    def _run(self, verb, *arguments):
        run(["ostree", f"--repo={self.folder}/repository", verb, *arguments])

    def begin(self):
        super().begin()
        self._run("init", "--mode=bare-user-only")

    def again_unrecorded(self, tree, *flags):
        self._run("commit", "-b", "tree", "--canonical-permissions", "--no-xattrs", *flags,
                  str(tree))

    store = again_unrecorded

    def restore(self, target):
        self._run("checkout", "--user-mode", "--force-copy", "tree", str(target))

    def restore_over(self, target):
        self._run("checkout", "--user-mode", "--force-copy", "--union", "tree", str(target))


class OstreeLinks(Ostree):
    name = "ostree -H"
    settings = (("checkout --require-hardlinks",
                 "files of the target are the store's own: whoever writes into one damages every "
                 "other checkout. Its fastest, and not what an attach gives"),)
    again_unrecorded = restore_over = None
    store = Ostree.store

    def restore(self, target):
        self._run("checkout", "--user-mode", "--require-hardlinks", "tree", str(target))


OTHERS = (TarZstd, CopyArchive, Rsync, Xxhsum, Restic, Borg, Casync, Ostree, OstreeLinks)
