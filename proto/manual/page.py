#!/usr/bin/python3
"""Fills a man page: usage: page.py TEMPLATE PROGRAM VERSION > PAGE

A line `@commands@`, `@options COMMAND@`, `@common@` (baton), `@options@` or `@keys@`
(batond) is replaced by what PROGRAM's own help says.
"""

import pathlib
import re
import sys

import help_text


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "\\[u2026]")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return re.sub(r"(?m)^(['.])", r"\\&\1", text)


def sentence(text):
    text = text[:1].upper() + text[1:]
    return escape(text if text.endswith((".", "…")) else text + ".")


def item(option, name=None, value=" "):
    head = f"\\fB\\-{option.letter}\\fR, " if option.letter else ""
    head += f"\\fB{escape(name or option.flag)}\\fR"
    if option.argument:
        shape = "fB" if option.choices else "fI"
        head += f"{value}\\{shape}{escape(option.argument)}\\fR"
    lines = [".TP", head, sentence(option.text)]
    if option.variable:
        lines.append(f"Environment: \\fB{option.variable}\\fR.")
    return "\n".join(lines)


def usage(command):
    arguments = f" \\fI{escape(command.arguments)}\\fR" if command.arguments else ""
    return (f".TP\n\\fBbaton {command.name}\\fR [\\fIOPTION\\fR...]{arguments}\n"
            f"{sentence(command.summary)}")


def fillings_of_baton(program):
    commands, common = help_text.baton(program)
    fillings = {"commands": "\n".join(map(usage, commands)),
                "common": "\n".join(map(item, common))}
    for command in commands:
        fillings[f"options {command.name}"] = "\n".join(map(item, command.options))
    return fillings


def fillings_of_batond(program):
    options = help_text.batond(program)
    keys = [option for option in options if option.argument and option.flag != "--config"]
    return {"options": "\n".join(map(item, options)),
            "keys": "\n".join(item(option, option.flag[2:], " = ") for option in keys)}


def main():
    template, program, version = sys.argv[1:]
    daemon = pathlib.Path(program).name == "batond"
    fillings = (fillings_of_batond if daemon else fillings_of_baton)(program)
    text = pathlib.Path(template).read_text(encoding="utf-8").replace("@version@", version)
    print(re.sub(r"(?m)^@([a-z ]+)@$", lambda match: fillings[match[1]], text), end="")


if __name__ == "__main__":
    main()
