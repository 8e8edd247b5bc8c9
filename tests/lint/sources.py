"""What the lint has to know of C: functions, struct tags, includes and names used.

It reads this project's own layout and no other: a function's brace stands alone in the first
column, and so does the one that ends it.
"""

import pathlib
import re

FOLDERS = ("client", "daemon", "proto")

# Comments and literals, of which only the line breaks are kept.
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
INCLUDE = re.compile(r'(?m)^#include "([^"]+)"')
BODY = re.compile(r"(?ms)^([A-Za-z_][^;{}=#]*\)[^;{}=#()]*)\n\{\n.*?^\}")
MACRO = re.compile(r"(?m)^#define (?:.*\\\n)*.*")
NAME = re.compile(r"\b([a-z_]\w*)\(")  # in capitals it would be a macro
TAG = re.compile(r"\bstruct\s+([A-Za-z_]\w*)\s*\{")
WORD = re.compile(r"(?<![.\w])(?<!->)[A-Za-z_]\w*")


class Function:
    def __init__(self, name, public, first, lines):
        self.name, self.public, self.first, self.lines = name, public, first, lines


class Source:
    """One .c or .h file. `name` is its path from the top, `stem` the same without its ending:
    walk.c and walk.h are one module."""

    def __init__(self, name, text):
        self.name = name
        self.stem = name.rsplit(".", 1)[0]
        self.folder = name.rsplit("/", 1)[0]
        self.lines = text.count("\n")
        self.includes = INCLUDE.findall(text)
        code = NOT_CODE.sub(lambda found: "\n" * found[0].count("\n"), text)
        self.tags = TAG.findall(code)
        self.declared = set(NAME.findall(code))
        self.functions = list(functions(code))
        self.names = set(WORD.findall(code))
        # A header that declares a function does not use it: only its inline ones and macros do.
        if name.endswith(".h"):
            code = "\n".join([body[0] for body in BODY.finditer(code)] + MACRO.findall(code))
        self.words = set(WORD.findall(code))

    def public(self):
        return [function.name for function in self.functions if function.public]


def functions(code):
    for body in BODY.finditer(code):
        head = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", body[1])
        name = NAME.search(head)
        if name:
            first = code.count("\n", 0, body.start()) + 1
            yield Function(name[1], not re.search(r"\bstatic\b", head), first,
                           body[0].count("\n") + 1)


def read(top):
    """Every source of the programs below `top`, by name."""
    paths = [path for folder in FOLDERS for path in (pathlib.Path(top) / folder).rglob("*.[ch]")]
    names = sorted(path.relative_to(top).as_posix() for path in paths)
    return {name: Source(name, (pathlib.Path(top) / name).read_text()) for name in names}
