"""Calls libbaton: usage: library.py LIBRARY persist|attach < OPTIONS

OPTIONS: JSON, the members of struct baton_options by their names; `more` as pairs. Prints
[status, error name, sentence, what --json would have printed or null].
"""

import ctypes
import json
import os
import sys

TEXT = ctypes.c_char_p
TEXTS = ctypes.POINTER(TEXT)


class More(ctypes.Structure):
    _fields_ = [("flag", TEXT), ("value", TEXT)]


class Options(ctypes.Structure):
    _fields_ = [*((name, TEXT) for name in ("server", "name_space", "workflow", "run", "job",
                                            "shard", "attempt", "retry_of")),
                ("needs", TEXTS), ("root", TEXT), ("paths", TEXTS), ("directory", TEXT),
                ("more", ctypes.POINTER(More))]


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("name", ctypes.c_char * 16),
                ("sentence", ctypes.c_char * 1024)]


def as_c(value):
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        pairs = [More(*map(as_c, pair)) for pair in value]
        return (More * (len(pairs) + 1))(*pairs)
    if isinstance(value, list):
        return (TEXT * (len(value) + 1))(*map(as_c, value))
    return os.fsencode(value) if value is not None else None


def main():
    library = ctypes.CDLL(sys.argv[1])
    options = Options()
    kept = {name: as_c(value) for name, value in json.load(sys.stdin).items()}
    for name, value in kept.items():
        kind = dict(Options._fields_)[name]
        setattr(options, name, value if kind is TEXT else ctypes.cast(value, kind))
    said, error = TEXT(), Error()
    status = getattr(library, f"baton_{sys.argv[2]}")(
        ctypes.byref(options), ctypes.byref(said), ctypes.byref(error))
    assert status == error.status
    print(json.dumps([status, error.name.decode(), error.sentence.decode(),
                      said.value and json.loads(said.value)]))


if __name__ == "__main__":
    main()
