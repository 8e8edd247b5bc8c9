"""Counts that do not depend on how fast a machine is, and the baseline they are held to.

The baseline, tests/golden/counts.json, is {kind: {what: count}}. A count that differs by
more than TOLERANCE fails, in both directions: one that became smaller leaves room for the
next that grows unseen, and may mean that the work is no longer done.
"""

import collections
import json
import os
import pathlib

BASELINE = pathlib.Path(__file__).resolve().parents[1] / "golden" / "counts.json"
ACCEPT = "BATON_GOLDEN_WRITE=1 tests/run build --only test_guard"
TOLERANCE = 0.10
# What a start may cost more or less on another machine; the work costs much more.
SLACK = {"bytes": 256, "system calls": 20, "instructions": 500_000}


def _verdict(kind, before, now):
    if before is None or now is None:
        return "NOT IN THE BASELINE" if before is None else "NOT COUNTED ANY MORE"
    if abs(now - before) <= max(before * TOLERANCE, SLACK[kind]):
        return ""
    return "WORSE" if now > before else "better: tighten the baseline"


def _row(what, before, now, files, verdict):
    percent = f"{100 * (now - before) / before:+.1f} %" if before and now is not None else ""
    each = f"{now / files:.2f}" if now is not None else ""
    return f"  {what:44} {before!s:>12} {now!s:>12} {percent:>10} {each:>12}  {verdict}"


def check(kind, counts, files):
    """None, or what to tell of counts that are not those of the baseline."""
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if os.environ.get("BATON_GOLDEN_WRITE"):
        baseline[kind] = counts
        BASELINE.write_text(json.dumps(baseline, indent=1, sort_keys=True) + "\n")
        return None
    before = baseline.get(kind, {})
    rows = [(what, before.get(what), counts.get(what)) for what in sorted({*before, *counts})]
    verdicts = [_verdict(kind, *row[1:]) for row in rows]
    if not any(verdicts):
        return None
    heads = ("baseline", "now", "change", "per file")
    return "\n".join([
        f"{kind} changed by more than {TOLERANCE:.0%}:",
        f"  {'':44} {heads[0]:>12} {heads[1]:>12} {heads[2]:>10} {heads[3]:>12}",
        *(_row(*row, files, verdict) for row, verdict in zip(rows, verdicts)),
        f"If that is meant, `{ACCEPT}` makes it the baseline; say why in the commit."])


# ---- system calls ------------------------------------------------------------------------

STRACE = ("strace", "-f", "-qq", "-c", "--summary-columns=calls,name",
          "-e", "trace=%file,%desc,%network")
# How often these are made is a matter of who is faster: waiting, and receiving what has
# come so far. Memory and threads (mmap is among descriptors) follow the number of cores.
UNSTEADY = {"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "recvmsg",
            "recvfrom", "mmap"}


def system_calls(summary):
    """The calls that a process and its threads made, from what STRACE wrote."""
    counts = {}
    for line in pathlib.Path(summary).read_text().splitlines():
        words = line.split()
        if len(words) == 2 and words[0].isdigit() and words[1] not in {"total", *UNSTEADY}:
            counts[words[1]] = int(words[0])
    return counts


# ---- instructions ------------------------------------------------------------------------

CALLGRIND = ("valgrind", "--quiet", "--tool=callgrind", "--fair-sched=yes", "--dump-line=no",
             "--compress-strings=no", "--compress-pos=no")
# What is counted, by the beginning of the name of the program or library. Not the dynamic
# linker, whose share is that of starting.
OBJECTS = {"baton": "own code", "libzstd": "zstd", "libcrypto": "SHA-256", "libxxhash": "XXH3",
           "libsqlite3": "SQLite", "libc.": "C library"}
# OpenSSL's, which the client has inside it.
SHA256_CODE = ("SHA256_", "sha256_block_data_order")


class Profile:
    """What callgrind wrote of one process, read from a file as CALLGRIND makes it."""

    def __init__(self, path):
        self.instructions = collections.Counter()  # by what OBJECTS says
        self.calls = collections.Counter()  # by name of the function called
        share, within, called, is_callee = None, None, None, False
        for line in pathlib.Path(path).read_text(errors="replace").splitlines():
            if line.startswith("ob="):
                share = self._share(line[3:])
            elif line.startswith("fn="):
                within = "SHA-256" if line[3:].startswith(SHA256_CODE) else share
            elif line.startswith("cfn="):
                called = line[4:]
            elif line.startswith("calls="):
                self.calls[called] += int(line[6:].split()[0])
                is_callee = True
            elif line[:1].isdigit() and not is_callee:
                self.instructions[within] += int(line.split()[1])
            elif line[:1].isdigit():
                is_callee = False  # its cost is counted where it is itself
        del self.instructions[None]

    @staticmethod
    def _share(path):
        name = os.path.basename(path)
        return next((share for begin, share in OBJECTS.items() if name.startswith(begin)), None)
