"""Where the benchmark works: file systems, and a disk of its own for a cold page cache."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from ending import end_children, held_back


def file_system(folder):
    """The kernel's name for what folder lies on: tmpfs, ext4, overlay …"""
    done = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", str(folder)],
                          stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split()[-1]  # of several mounts, the one on top


def is_memory(folder):
    return file_system(folder) in ("tmpfs", "ramfs")


@contextlib.contextmanager
def scratch_folder(parent):
    folder = None
    try:
        with held_back():
            folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-bench-", dir=parent))
        yield folder
    except BaseException:
        end_children()  # whoever still writes would put back what is being removed
        raise
    finally:
        with held_back():
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


class NoDisk(Exception):
    """Why there can be no measurement with a cold page cache."""


@contextlib.contextmanager
def disk(scratch, parent, size):
    """A folder whose page cache can be dropped: scratch itself, unless that is memory; then
    an ext4 of `size` bytes in a sparse file below parent, mounted for as long as needed."""
    if os.geteuid() != 0:
        raise NoDisk("only root can drop the page cache")
    if not is_memory(scratch):
        yield scratch
        return
    if is_memory(parent):
        raise NoDisk(f"{scratch} and {parent} are both memory, which has no cold cache; "
                     "name a folder on a disk with --disk")
    if shutil.disk_usage(parent).free < size:
        raise NoDisk(f"{size >> 30} GiB are needed in {parent}")
    with scratch_folder(parent) as folder:
        image, mounted = folder / "ext4.image", folder / "mounted"
        mounted.mkdir()
        with open(image, "wb") as file:
            file.truncate(size)
        for command in (["mkfs.ext4", "-q", "-F", "-m", "0", "-E",
                         "lazy_itable_init=0,lazy_journal_init=0", image],
                        ["mount", "-o", "loop", image, mounted]):
            try:
                subprocess.run(command, check=True, stderr=subprocess.PIPE)
            except FileNotFoundError:
                raise NoDisk(f"{command[0]} is not installed") from None
            except subprocess.CalledProcessError as failed:
                said = failed.stderr.decode(errors="replace").strip()
                raise NoDisk(f"{command[0]}: {said}") from None
        try:
            yield mounted
        except BaseException:
            end_children()  # or it cannot be unmounted
            raise
        finally:
            subprocess.run(["umount", mounted], check=True)
