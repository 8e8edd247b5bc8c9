"""How quick small things are: one file of 4 KiB, beside what a durable write costs at least.

durable_write starts, writes 4 KiB to a new file, syncs it, renames it and syncs its
directory. A persist does the same work twice over (a segment, then the catalogue), and has a
daemon to talk to. Times begin before the process is started and end when it is gone. The
files to persist are made beforehand: one that is only just written makes the client wait for
the clock to move on, up to 8 ms.
"""

import os
import shutil
import time

SIZE = 4096


def run_timed(command, environment):
    """Seconds from before the start of a program to its end."""
    silence = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    begin = time.monotonic()
    pid = os.posix_spawn(command[0], [str(word) for word in command], environment,
                         file_actions=silence)
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - begin
    if status:
        raise RuntimeError(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return seconds


def measure(baton, durable_write, folder, repetitions):
    """Lists of seconds; the n-th figures belong together. folder is new, on the file system
    that is measured, and so is baton's store."""
    files, written = folder / "files", folder / "written"
    written.mkdir(parents=True)
    for number in range(repetitions + 1):
        (files / str(number)).mkdir(parents=True)
        (files / str(number) / "file").write_bytes(os.urandom(SIZE))
    baton.begin()
    time.sleep(0.05)  # until the files are older than the clock's grain
    seconds = {name: [] for name in ("durable_write", "persist", "attach", "ls")}
    try:
        for number in range(repetitions + 1):
            for name, spent in _once(baton, durable_write, folder, number):
                if number:  # the first is a warm-up
                    seconds[name].append(spent)
    finally:
        baton.end()
        shutil.rmtree(folder, ignore_errors=True)
    return seconds


def _once(baton, durable_write, folder, number):
    baton.count += 1
    pair = [
        ("durable_write", [durable_write, folder / "written" / str(number)]),
        ("persist", baton.command("persist", "--job", "build", "--root",
                                  folder / "files" / str(number), ".")),
    ]
    if number % 2:
        pair.reverse()
    for name, command in pair:
        yield name, run_timed(command, baton.environment())
    attach = baton.command("attach", "--job", "use", folder / "attached" / str(number))
    (folder / "attached").mkdir(exist_ok=True)
    yield "attach", run_timed(attach, baton.environment())
    yield "ls", run_timed(baton.command("ls"), baton.environment())
