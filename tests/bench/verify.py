"""Whether a tool gave back the tree that it was given."""

import hashlib
import os
import stat


def scan(root):
    """Each path below root: type, mode, time, and the digest of what it holds."""
    found = {}
    for folder, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFLNK:
                content = os.readlink(path)
            elif kind == stat.S_IFREG:
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).digest()
            else:
                content = None
            found[os.path.relpath(path, root)] = (kind, content, status.st_mode & 0o777,
                                                  status.st_mtime_ns)
    return found


def difference(wanted, root, keeps, more_is_fine=False):
    """What the first path is that root has otherwise, "" for none.

    wanted is what scan() found. keeps is what the tool promises beside names and bytes:
    "modes" or only which files are "executable", "times" or only their "seconds".
    """
    found = scan(root)
    if not more_is_fine and (extra := found.keys() - wanted.keys()):
        return f"{min(extra)} was not in the tree"
    for path, (kind, content, mode, time_ns) in wanted.items():
        if path not in found:
            return f"{path} is missing"
        got_kind, got_content, got_mode, got_time_ns = found[path]
        if (kind, content) != (got_kind, got_content):
            return f"{path} is not what it was"
        if kind != stat.S_IFREG:
            continue
        if "modes" in keeps and mode != got_mode:
            return f"{path} has mode {got_mode:o} instead of {mode:o}"
        if "executable" in keeps and (mode ^ got_mode) & 0o100:
            return f"{path} has mode {got_mode:o} instead of {mode:o}"
        if "times" in keeps and time_ns != got_time_ns:
            return f"{path} has another time"
        if "seconds" in keeps and time_ns // 10**9 != got_time_ns // 10**9:
            return f"{path} has another time"
    return ""


def count(scanned):
    kinds = [entry[0] for entry in scanned.values()]
    return {"files": kinds.count(stat.S_IFREG), "directories": kinds.count(stat.S_IFDIR),
            "symlinks": kinds.count(stat.S_IFLNK)}
