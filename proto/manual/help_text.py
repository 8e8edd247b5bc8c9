"""What `baton help` and `batond --help` say, as data: the man pages and the completions are
made from it, so that they cannot say anything else."""

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
        """["error", "warn", "ok"] of "error|warn|ok", ["text", "json"] of a text like "text
        (default) or json"; nothing for FILE|-."""
        words = self.argument.split("|")
        text = self.text.replace(" (default)", "")
        if len(words) == 1 and re.fullmatch(r"(\w+, )*\w+ or \w+", text):
            words = re.split(", | or ", text)
        return words if len(words) > 1 and all(word.islower() for word in words) else []


@dataclasses.dataclass
class Command:
    name: str
    arguments: str
    summary: str
    options: list  # its own, without those of every command


def run(program, *arguments):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, check=True,
                          encoding="utf-8").stdout


def read_options(text):
    """The options of one section of `baton help`."""
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


def read_commands(text):
    commands = []
    for line in text.splitlines():
        if match := re.fullmatch(r"  baton (\w+) \[OPTION\.\.\.\] ?(.*)", line):
            commands.append(Command(match[1], match[2], "", []))
        elif commands and line.startswith(" " * 10):
            commands[-1].summary = f"{commands[-1].summary} {line.strip()}".strip()
    return commands


def section(text, heading):
    """The lines behind a heading, up to an empty one."""
    match = re.search(rf"(?m)^{heading}.*\n((?:.+\n)*)", text)
    return match[1] if match else ""


def baton(program):
    """(its commands, the options of every command)"""
    text = run(program, "help")
    commands = read_commands(section(text, "commands:"))
    for command in commands:
        own = section(run(program, "help", command.name), f"options of baton {command.name}:")
        command.options = read_options(own)
    return commands, read_options(section(text, "options of every command"))


def batond_check(program):
    """The command `batond check`, with the options that only it has."""
    text = " ".join(run(program, "--help").split())
    summary = re.search(r"batond check (verifies [^,]*),", text)[1]
    options = [Option(flag, text=does)
               for flag, does in re.findall(r"; (--[a-z-]+) ([^;.]*)", text)]
    return Command("check", "", summary, options)


def batond(program):
    """The options of batond; `batond check` has --data, and some of its own."""
    options, usage = [], run(program, "--help")
    for line in usage.splitlines():
        if match := re.fullmatch(r"  (--[a-z-]+) (\S+) +(.*)", line):
            options.append(Option(match[1], argument=match[2], text=match[3]))
        elif options and line.startswith(" " * 24):
            options[-1].text += " " + line.strip()
        elif match := re.fullmatch(r"  (--[a-z-]+(?:, --[a-z-]+)*)", line):
            options += [Option(flag, text=f"show {of}")
                        for flag, of in zip(match[1].split(", "), ("the version", "this help"))]
    return options
