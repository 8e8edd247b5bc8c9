#!/usr/bin/python3
"""Makes a shell's completion: usage: complete.py bash|zsh|fish baton|batond PROGRAM"""

import dataclasses
import re
import sys

import help_text


@dataclasses.dataclass
class Program:
    name: str
    source: str  # the command that says what it takes
    commands: list
    common: list  # the options of every command, and without one
    bare: list = dataclasses.field(default_factory=list)  # those without a command only


BASH = """# Completion of {program} for bash; made from what `{source}` says.

_{program}_options() {{ # of a command
	echo {common}
	case $1 in
{own}
	esac
}}

_{program}() {{
	local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
	local command= word
	for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
		case "$command${{command:+ }}$word" in
		{names}) command=$command${{command:+ }}$word ;;
		esac
	done
	[ "$current" != = ] || current=
	[ "$previous" != = ] || previous=${{COMP_WORDS[COMP_CWORD - 2]}}
	COMPREPLY=()
	case $previous in
{values}
	esac
	if [[ $current == -* ]]; then
		COMPREPLY=($(compgen -W "$(_{program}_options "$command")" -- "$current"))
		return
	fi
	case $command in
{offered}
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}}

complete -o filenames -F _{program} {program}
"""

ZSH = """#compdef {program}
# Completion of {program} for zsh; made from what `{source}` says.

_{program}() {{
	local context state state_descr line
	typeset -A opt_args
	local -a commands common bare own
	commands=(
{commands}
	)
	common=(
{common}
	)
	bare=(
{bare}
	)
	_arguments -C $bare $common '1:command:->command' '*::argument:->argument' && return
	case $state in
	command)
		_describe command commands
		;;
	argument)
		case $words[1] in
{own}
		esac
		;;
	esac
}}

_{program} "$@"
"""


def spellings(options):
    return " ".join(filter(None, (word for option in options
                                  for word in (option.flag,
                                               option.letter and f"-{option.letter}"))))


def names_a_file(option):
    return option.argument.split("|")[0] in ("FILE", "DIR")


def nested(program):
    """(words, command) of the commands of commands."""
    return [(f"{command.name} {inner.name}", inner) for command in program.commands
            for inner in command.commands]


def takers(program):
    """Every option once."""
    every = [*program.commands, *(inner for _, inner in nested(program))]
    known = {option.flag: option for command in every for option in command.options}
    return list(known.values()) + program.bare + program.common


def bash_values(option):
    if option.choices:
        return f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$current"))'
    return 'COMPREPLY=($(compgen -f -- "$current"))' if names_a_file(option) else ":"


def bash(program):
    own = [(command.name, command.options) for command in program.commands]
    own += [(quoted(words), inner.options) for words, inner in nested(program)]
    values = "\n".join(f"\t{option.flag}) {bash_values(option)}; return ;;"
                       for option in takers(program) if option.argument)
    names = [command.name for command in program.commands]
    offered = [("'' | help", names)]
    offered += [(f"{command.name} | '{command.name} help'",
                 [inner.name for inner in command.commands])
                for command in program.commands if command.commands]
    return BASH.format(program=program.name, source=program.source,
                       common=spellings(program.common), values=values,
                       own="\n".join(f"\t{name or quoted(name)}) echo {spellings(options)} ;;"
                                     for name, options in [("", program.bare), *own] if options),
                       names=" | ".join([*names, *(quoted(words) for words, _ in nested(program))]),
                       offered="\n".join(f"\t{at}) COMPREPLY=($(compgen -W \"{' '.join(words)}\" "
                                         '-- "$current")) ;;' for at, words in offered))


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh_option(option):
    text = re.sub(r"([\[\]])", r"\\\1", option.text)
    value = ""
    if option.choices:
        value = f":{option.flag[2:]}:({' '.join(option.choices)})"
    elif option.argument:
        value = f":{option.argument.split('|')[0]}:{'_files' if names_a_file(option) else ' '}"
    rest = f"{'=' if option.argument else ''}[{text}]{value}"
    if option.letter:
        both = f"(-{option.letter} {option.flag})"
        return f"{quoted(both)}{{-{option.letter},{option.flag}}}{quoted(rest)}"
    return quoted(("*" if "repeatable" in option.text else "") + option.flag + rest)


def zsh_arguments(command):
    if command.commands:
        said = {inner.name: inner.summary.replace(":", "\\:") for inner in command.commands}
        names = " ".join(f"{name}\\:{quoted(text)}" for name, text in said.items())
        return quoted(f"1:command:(({names}))") + " '*:argument: '"
    if command.name == "help":
        return "'*:command:{ _describe command commands }'"
    return "'*:path:_files'" if command.arguments else ""


def zsh_own(command):
    """With those of its own commands, each once: what comes first may be either."""
    known = {option.flag: option for inner in command.commands for option in inner.options}
    return command.options + list(known.values())


def zsh(program):
    def lines(options, indent):
        return "\n".join("\t" * indent + zsh_option(option) for option in options)
    own = "\n".join(f"\t\t{command.name})\n\t\t\town=(\n{lines(zsh_own(command), 4)}\n\t\t\t)\n"
                    f"\t\t\t_arguments -s $own $common {zsh_arguments(command)}\n\t\t\t;;"
                    for command in program.commands)
    return ZSH.format(program=program.name, source=program.source, own=own,
                      common=lines(program.common, 2), bare=lines(program.bare, 2),
                      commands="\n".join(f"\t\t{quoted(f'{command.name}:{command.summary}')}"
                                         for command in program.commands))


def fish_option(program, option, condition):
    words = [f"complete -c {program.name}", condition, f"-l {option.flag[2:]}"]
    if option.letter:
        words.append(f"-s {option.letter}")
    if option.choices:
        words.append(f"-x -a {quoted(' '.join(option.choices))}")
    elif option.argument:
        words.append("-r -F" if names_a_file(option) else "-x")
    text = option.text.replace("\\", "\\\\").replace("'", "\\'")
    return " ".join(filter(None, [*words, f"-d '{text}'"]))


def fish(program):
    begin = f"complete -c {program.name} -n"
    names = " ".join(command.name for command in program.commands)
    lines = [f"# Completion of {program.name} for fish; made from what `{program.source}` says.", ""]
    for command in program.commands:
        text = command.summary.replace("'", "\\'")
        lines.append(f"{begin} '__fish_use_subcommand' -f -a {command.name} -d '{text}'")
    if "help" in names:
        lines.append(f"{begin} '__fish_seen_subcommand_from help' -f -a '{names}'")
    for command in program.commands:
        condition = f"-n '__fish_seen_subcommand_from {command.name}'"
        lines += [fish_option(program, option, condition) for option in command.options]
        inner_names = " ".join(inner.name for inner in command.commands)
        for inner in command.commands:
            text = inner.summary.replace("'", "\\'")
            lines.append(f"{begin} '__fish_seen_subcommand_from {command.name}; and not "
                         f"__fish_seen_subcommand_from {inner_names}' -f -a {inner.name} -d '{text}'")
            condition = (f"-n '__fish_seen_subcommand_from {command.name}; and "
                         f"__fish_seen_subcommand_from {inner.name}'")
            lines += [fish_option(program, option, condition) for option in inner.options]
    lines += [fish_option(program, option, "-n '__fish_use_subcommand'") for option in program.bare]
    return "\n".join(lines + [fish_option(program, option, "") for option in program.common]) + "\n"


def read(name, path):
    commands, common = help_text.read(path, name)
    flags = {option.flag for option in common}
    for command in commands:
        for inner in command.commands:  # without those of every command
            inner.options = [option for option in inner.options if option.flag not in flags]
    bare = [option for command in commands if not command.name for option in command.options]
    return Program(name, f"{name} help", [command for command in commands if command.name],
                   common, bare)


def main():
    shell, name, path = sys.argv[1:]
    print({"bash": bash, "zsh": zsh, "fish": fish}[shell](read(name, path)), end="")


if __name__ == "__main__":
    main()
