"""How the benchmark ends before its time: everything is unwound, and nothing outlives it.

A program that is killed leaves what it started itself: of `tar | zstd` in a shell, tar and
zstd, which go on writing to a folder that is being removed. So this process inherits whoever
loses its parent, and ends them all before a scratch folder goes.
"""

import contextlib
import ctypes
import os
import pathlib
import signal

PR_SET_CHILD_SUBREAPER = 36


class Interrupted(BaseException):
    """Unwinds everything, so that daemons end, the scratch folder goes and the JSON is kept."""


_interrupted_by = []  # the number of the signal, once there was one


def _interrupt(number, _):
    """Once: a second signal must not interrupt the cleaning up."""
    if not _interrupted_by:
        _interrupted_by.append(number)
        raise Interrupted(number)


def go_on():
    """To be called now and then: what is raised in a finaliser, Python drops."""
    if _interrupted_by:
        raise Interrupted(*_interrupted_by)


def prepare():
    """Signals raise Interrupted from here on; but for those that are ignored already."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


@contextlib.contextmanager
def held_back():
    """No signal between making a thing and noting that it is there."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _children():
    """Process ids, of the dead too that nobody has waited for."""
    tasks = pathlib.Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text(encoding="ascii").split()]


def end_children():
    """Kills and waits until there are none: each that dies leaves its own children to us."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)


def end_by(interrupted):
    """Ends this process by the signal that interrupted it, for whoever waits for it."""
    signal.signal(interrupted.args[0], signal.SIG_DFL)
    os.kill(os.getpid(), interrupted.args[0])
