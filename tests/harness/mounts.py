"""Mounts for tests of file systems that are not like the one the tests run on. What cannot
be mounted here skips the test, with the reason."""

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
