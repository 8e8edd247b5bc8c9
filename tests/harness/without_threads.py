"""Runs a program that can start no thread: `without_threads.py PROGRAM ARGUMENT...`

A seccomp filter answers clone3() with EPERM, as container runtimes do that are older than that
system call; glibc falls back to clone() only for ENOSYS.
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
CLONE3 = 435  # the same everywhere


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def refuse_clone3():
    steps = [(LOAD, 0, 0, 0), (JUMP_EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, REFUSE | errno.EPERM),
             (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(steps), code)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
                 (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_clone3()
    os.execv(sys.argv[1], sys.argv[1:])
