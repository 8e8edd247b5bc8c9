"""What `baton help` and `batond help` say, as data: the man pages and the completions are made
from it, so that they cannot say anything else."""

import dataclasses
import re
import subprocess


@dataclasses.dataclass
class Option:
    flag: str
    letter: str = ""
    argument: str = ""
    variable: str = ""
    text: str = ""

    @property
    def choices(self):
        """["error", "warn", "ok"] of "error|warn|ok"; nothing for FILE|-."""
        words = self.argument.split("|")
        return words if len(words) > 1 and all(word.islower() for word in words) else []


@dataclasses.dataclass
class Command:
    name: str  # "": what the program does without one
    arguments: str
    summary: str
    options: list  # its own, without those of every command
    commands: list = dataclasses.field(default_factory=list)  # of `batond token`, say


def run(program, *arguments):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, check=True,
                          encoding="utf-8").stdout


def read_options(text):
    """The options of one section of the help."""
    options = []
    for line in text.splitlines():
        if match := re.fullmatch(r"  (?:-(\w), )?(--[a-z-]+)(?: (\S+))?(?:  \((\w+)\))?", line):
            letter, flag, argument, variable = (part or "" for part in match.groups())
            options.append(Option(flag, letter, argument, variable))
        elif options and line.startswith(" " * 10):
            options[-1].text = f"{options[-1].text} {line.strip()}".strip()
        elif line:
            raise ValueError(f"not a line of an option: {line!r}")
    return options


def read_commands(name, text):
    commands = []
    for line in text.splitlines():
        if match := re.fullmatch(rf"  {name}(?: (\w+))? \[OPTION\.\.\.\] ?(.*)", line):
            commands.append(Command(match[1] or "", match[2], "", []))
        elif commands and line.startswith(" " * 10):
            commands[-1].summary = f"{commands[-1].summary} {line.strip()}".strip()
    return commands


def section(text, heading):
    """The lines behind a heading, up to an empty one."""
    match = re.search(rf"(?m)^{heading}.*\n((?:.+\n)*)", text)
    return match[1] if match else ""


def read(program, name, *words):
    """(its commands, the options of every command); words: those behind the program's name."""
    text = run(program, *words, "help")
    commands = read_commands(name, section(text, "commands:"))
    for command in commands:
        own = run(program, *words, "help", command.name) if command.name else text
        heading = f"options of {name} {command.name}".rstrip()
        command.options = read_options(section(own, f"{heading}:"))
        if command.arguments.endswith("|help"):
            command.commands = read_nested(program, f"{name} {command.name}", *words, command.name)
    return commands, read_options(section(text, "options of every command"))


def read_nested(program, name, *words):
    """The commands of a command, each with all that it takes."""
    commands, common = read(program, name, *words)
    for command in commands:
        command.options += common
    return commands
