#!/usr/bin/python3
"""Fills a man page: usage: page.py TEMPLATE PROGRAM VERSION > PAGE

A line `@commands@`, `@options COMMAND@`, `@options@` (without a command), `@common@` or
`@keys@` (of a configuration file) is replaced by what PROGRAM's own help says.
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
    if not re.match(r"[a-z]+:", text):  # unix:/path
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


def usage(program, command):
    arguments = f" \\fI{escape(command.arguments)}\\fR" if command.arguments else ""
    return (f".TP\n\\fB{f'{program} {command.name}'.rstrip()}\\fR [\\fIOPTION\\fR...]{arguments}\n"
            f"{sentence(command.summary)}")


def fill(program, name):
    commands, common = help_text.read(program, name)
    fillings = {"commands": "\n".join(usage(name, command) for command in commands),
                "common": "\n".join(map(item, common))}
    for command in commands:
        fillings[f"options {command.name}".rstrip()] = "\n".join(map(item, command.options))
        if not command.name:
            keys = [option for option in command.options + common
                    if option.argument and option.flag != "--config"]
            fillings["keys"] = "\n".join(item(option, option.flag[2:], " = ") for option in keys)
    return fillings


def main():
    template, program, version = sys.argv[1:]
    fillings = fill(program, pathlib.Path(program).name)
    text = pathlib.Path(template).read_text(encoding="utf-8").replace("@version@", version)
    print(re.sub(r"(?m)^@([a-z ]+)@$", lambda match: fillings[match[1]], text), end="")


if __name__ == "__main__":
    main()
