"""Mounts for tests of file systems that are not like the one the tests run on. What cannot
be mounted here skips the test, with the reason."""

import contextlib
import ctypes
import functools
import os
import shutil
import subprocess


def _run(test, *command):
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        test.skipTest(f"{command[0]}: {done.stderr.decode(errors='replace').strip()}")


def _need(test, *programs):
    if os.geteuid() != 0:
        test.skipTest("only root may mount")
    for program in programs:
        if not shutil.which(program):
            test.skipTest(f"{program} is not installed")


def _unmount_later(test, point):
    test.addCleanup(subprocess.run, ["umount", "-l", point], check=False)


def bind(test, source, point, *options):
    """Mounts a folder or file on another; options as for `mount -o remount,bind`."""
    _need(test, "mount")
    _run(test, "mount", "--bind", source, point)
    _unmount_later(test, point)
    if options:
        _run(test, "mount", "-o", ",".join(("remount", "bind", *options)), point)


def ignoring_case(test, *options):
    """A folder on a file system that takes A and a for one, and lists small letters; options
    as windows_names, which refuses what Windows does."""
    _need(test, "lowntfs-3g", "mkntfs")
    if not os.path.exists("/dev/fuse"):
        test.skipTest("there is no /dev/fuse")
    image, point = test.folder / "ntfs", test.folder / "ignoring-case"
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    point.mkdir()
    _run(test, "mkntfs", "-q", "-F", image)
    _run(test, "lowntfs-3g", "-o", ",".join(("ignore_case", "permissions", *options)), image, point)
    _unmount_later(test, point)
    return point


def without_modes(test, *options):
    """A folder on a file system that gives all files one mode, or as bindfs's options say."""
    _need(test, "bindfs")
    if not os.path.exists("/dev/fuse"):
        test.skipTest("there is no /dev/fuse")
    below, point = test.folder / "with-modes", test.folder / "without-modes"
    below.mkdir()
    point.mkdir()
    _run(test, "bindfs", *options, below, point)
    _unmount_later(test, point)
    return point


CLONE_NEWNS = 0x20000


@functools.cache
def _why_not_alone():
    """From now on nobody else has what this process mounts. A namespace that another test makes
    would have a copy, and a file system with a copy stays as it is when it is unmounted here.
    Gives why that cannot be had, or nothing: a container may forbid it, and in a chroot `/` is no
    mount point."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(CLONE_NEWNS) != 0:
        return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
    done = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False)
    return "" if done.returncode == 0 else done.stderr.decode(errors="replace").splitlines()[0]


class Disk:
    """An image with a file system on it, mounted at `point`."""

    def __init__(self, test, image, point):
        self.test, self.image, self.point = test, image, point

    def mount_again(self):
        for command in (["umount", self.point], ["mount", "-o", "loop", self.image, self.point]):
            subprocess.run(command, check=True)


def _make(test, kind, image, mib):
    if mib:
        with open(image, "wb") as file:
            file.truncate(mib << 20)
    options = {"ext4": ("-q", "-F", "-m", "0"), "xfs": ("-q", "-f")}[kind]
    _run(test, f"mkfs.{kind}", *options, image)


@contextlib.contextmanager
def _logging_disk(test, program, log, mib):
    """The file of a FUSE file system that logs what is written and flushed."""
    point = test.folder / "disk"
    point.mkdir()
    process = subprocess.Popen([program, log, str(mib << 20), point])
    try:
        while not (point / "disk").exists():
            if process.poll() is not None:
                test.skipTest(f"{program.name} cannot mount here")
        yield point / "disk"
    finally:
        subprocess.run(["umount", point], check=False)
        process.wait()


@contextlib.contextmanager
def mounted_image(test, kind, mib, logged=None, image=None):
    """A Disk of so many MiB, made as ext4 or xfs; or an image that is there. `logged`: the program
    (tests/fault/block_log.c) and the log of one that remembers."""
    _need(test, "mount", f"mkfs.{kind}")
    if why := _why_not_alone():
        test.skipTest(why)
    with contextlib.ExitStack() as stack:
        if logged:
            disk = stack.enter_context(_logging_disk(test, *logged, mib))
            _make(test, kind, disk, None)
        elif image:
            disk = image
        else:
            disk = test.folder / f"{kind}.image"
            _make(test, kind, disk, mib)
        point = test.folder / "mounted"
        point.mkdir(exist_ok=True)
        if image:
            subprocess.run(["mount", "-o", "loop", image, point], check=True)
        else:
            _run(test, "mount", "-o", "loop", disk, point)
        try:
            yield Disk(test, disk, point)
        finally:
            subprocess.run(["umount", point], check=False)
