"""Baton and what people use instead: how each stores a tree and gives it back.

Each contender keeps its store in a folder of its own on the same file system. Settings are
each tool's fairest for this work: the fastest compression that its manual recommends, no
encryption where that can be chosen, two threads where it has the choice.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess

NULL = subprocess.DEVNULL


def shell(command, **variables):
    environment = dict(os.environ, **{name: str(value) for name, value in variables.items()})
    subprocess.run(["sh", "-ec", command], check=True, stdout=NULL, stderr=subprocess.PIPE,
                   env=environment)


class Contender:
    """`store` from nothing, `again` into what store left, `restore` into an empty folder.

    begin() is called before each round and is not measured; end() after it.
    """

    name = ""
    needs = ()

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / self.name.split()[0]

    @classmethod
    def missing(cls):
        return [tool for tool in cls.needs if not shutil.which(tool)]

    def begin(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def stored_bytes(self):
        return sum(path.lstat().st_size for path in self.folder.rglob("*") if path.is_file())


class TarZstd(Contender):
    name = "tar|zstd -1 -T2"
    needs = ("tar", "zstd")

    def store(self, tree):
        shell('tar -C "$TREE" -cf - . | zstd -1 -T2 -q -o "$OUT"', TREE=tree,
              OUT=self.folder / "archive.tar.zst")

    def restore(self, target):
        target.mkdir()
        shell('zstd -dc -q "$IN" | tar -C "$TARGET" -xf -', IN=self.folder / "archive.tar.zst",
              TARGET=target)


class CopyArchive(Contender):
    name = "cp -a"
    needs = ("cp",)

    def store(self, tree):
        shell('cp -a "$TREE" "$OUT"', TREE=tree, OUT=self.folder / "copy")

    def restore(self, target):
        shell('cp -a "$IN" "$TARGET"', IN=self.folder / "copy", TARGET=target)


class Rsync(Contender):
    name = "rsync -a"
    needs = ("rsync",)

    def store(self, tree):
        shell('rsync -a "$TREE/" "$OUT/"', TREE=tree, OUT=self.folder / "copy")

    again = store

    def restore(self, target):
        shell('rsync -a "$IN/" "$TARGET/"', IN=self.folder / "copy", TARGET=target)

    restore_over = restore


class Xxhsum(Contender):
    """Not a store: reads and hashes everything, on two cores."""
    name = "xxhsum -P2"
    needs = ("xxhsum", "xargs")

    store = None

    def again(self, tree):
        shell('cd "$TREE" && find . -type f -print0 | xargs -0 -n 500 -P 2 xxhsum -H2 -q',
              TREE=tree)

    again_unrecorded = again

    restore = None


class Restic(Contender):
    name = "restic"
    needs = ("restic",)

    def _run(self, command, **variables):
        shell(f"restic -q --no-cache {command}", RESTIC_REPOSITORY=self.folder / "repository",
              RESTIC_PASSWORD="bench", GOMAXPROCS=2, **variables)

    def begin(self):
        super().begin()
        self._run("init")

    def store(self, tree):
        self._run('backup --compression fastest --force "$TREE"', TREE=tree) \
            if self._knows_fastest() else self._run('backup --force "$TREE"', TREE=tree)

    def again(self, tree):
        self.store(tree)

    def restore(self, target):
        self._run('restore latest --target "$TARGET"', TARGET=target)

    @staticmethod
    def _knows_fastest():
        done = subprocess.run(["restic", "backup", "--help"], stdout=subprocess.PIPE, check=False)
        return b"fastest" in done.stdout


class Borg(Contender):
    name = "borg"
    needs = ("borg",)

    def _run(self, command, **variables):
        shell(f"borg {command}", BORG_REPO=self.folder / "repository",
              BORG_BASE_DIR=self.folder / "base", BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
              BORG_RELOCATED_REPO_ACCESS_IS_OK="yes", **variables)

    def begin(self):
        super().begin()
        self._run("init --encryption none")
        self.count = 0

    def store(self, tree):
        self.count += 1
        self._run(f'create --compression lz4 --files-cache disabled ::a{self.count} "$TREE"',
                  TREE=tree)

    again = store

    def restore(self, target):
        target.mkdir()
        shell(f'cd "$TARGET" && borg extract ::a{self.count}',
              BORG_REPO=self.folder / "repository", BORG_BASE_DIR=self.folder / "base",
              BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes", TARGET=target)


class Casync(Contender):
    name = "casync"
    needs = ("casync",)

    def store(self, tree):
        shell('casync make --compression=zstd --without=privileged --with=2sec-time '
              '--store="$STORE" "$INDEX" "$TREE"', STORE=self.folder / "store.castr",
              INDEX=self.folder / "tree.caidx", TREE=tree)

    again = store

    def restore(self, target):
        shell('casync extract --store="$STORE" "$INDEX" "$TARGET"',
              STORE=self.folder / "store.castr", INDEX=self.folder / "tree.caidx", TARGET=target)


class Ostree(Contender):
    name = "ostree"
    needs = ("ostree",)

    def begin(self):
        super().begin()
        shell('ostree --repo="$REPO" init --mode=bare-user-only', REPO=self.folder / "repository")

    def store(self, tree):
        shell('ostree --repo="$REPO" commit -b tree --canonical-permissions "$TREE"',
              REPO=self.folder / "repository", TREE=tree)

    again = store

    def restore(self, target):
        shell('ostree --repo="$REPO" checkout --user-mode --force-copy tree "$TARGET"',
              REPO=self.folder / "repository", TARGET=target)


class Baton(Contender):
    name = "baton"

    def __init__(self, folder, build):
        super().__init__(folder)
        self.build = pathlib.Path(build).resolve()
        self.daemon, self.peak = None, {}

    def begin(self):
        super().begin()
        self.count = 0
        run = self.folder / "run"
        run.mkdir(mode=0o700)
        self.url = f"unix:{run}/s"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(run / "notify"))
        self.daemon = subprocess.Popen(
            [self.build / "daemon/batond", "--data", self.folder / "data", "--listen", self.url],
            stdout=NULL, stderr=NULL, env=dict(os.environ, NOTIFY_SOCKET=str(run / "notify")))
        assert b"READY" in notify.recv(100)
        notify.close()

    def end(self):
        if self.daemon:
            self._note_peak("daemon", self.daemon.pid)
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait()
            self.daemon = None
        super().end()

    def _note_peak(self, who, pid):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                self.peak[who] = max(self.peak.get(who, 0), int(line.split()[1]) * 1024)

    def _run(self, *arguments):
        subprocess.run([self.build / "client/baton", arguments[0], "--quiet", "--server", self.url,
                        "--workflow", f"w{self.count}", *arguments[1:]], check=True, stdout=NULL,
                       env=dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache")))

    def store(self, tree):
        self.count += 1
        self._run("persist", "--job", "build", "--root", tree, ".")

    again = store

    def again_unrecorded(self, tree):
        self.count += 1
        self._run("persist", "--no-stat-record", "--job", "build", "--root", tree, ".")

    def restore(self, target):
        self._run("attach", "--job", "use", target)

    restore_over = restore

    def stored_bytes(self):
        return sum(path.stat().st_size for path in (self.folder / "data/segments").iterdir())


OTHERS = (TarZstd, CopyArchive, Rsync, Xxhsum, Restic, Borg, Casync, Ostree)
