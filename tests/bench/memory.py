"""The most anonymous memory that client and daemon had at once, step by step.

RssAnon of /proc/PID/status is sampled every few milliseconds while a client runs, in a round
of its own whose times do not count. It leaves out pages of files (programs, libraries, a
mapped store), which the kernel can take back, and the kernel counts it to some 64 pages per
thread. What lies between two samples is not seen.
"""

import shutil
import subprocess
import time

EVERY = 0.003  # seconds


def rss_anon(pid):
    """In bytes; 0 for a process that has just ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def watched(baton, peaks):
    """A way to run a client that notes in peaks what it and the daemon have."""
    def run(command, **settings):
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              **settings) as client:
            running = True
            while running:  # once at least: a client may have ended before the first look
                running = client.poll() is None
                for who, pid in (("client", client.pid), ("daemon", baton.daemon.pid)):
                    peaks[who] = max(peaks.get(who, 0), rss_anon(pid))
                time.sleep(EVERY)
        if client.returncode:
            raise subprocess.CalledProcessError(client.returncode, command)
    return run


def measure(baton, tree, target):
    """Peaks of each step over a tree, with one daemon that runs through all of them."""
    steps = (("persist, empty store", baton.store, tree),
             ("persist again, with stat record", baton.again, tree),
             ("persist again, everything read", baton.again_unrecorded, tree),
             ("attach into an empty directory", baton.restore, target),
             ("attach over an unchanged tree", baton.restore_over, target))
    found, plain = {}, baton.run
    baton.begin()
    try:
        for title, step, argument in steps:
            found[title] = {}
            baton.run = watched(baton, found[title])
            step(argument)
    finally:
        baton.run = plain
        baton.end()
        shutil.rmtree(target, ignore_errors=True)
    return found
