#!/usr/bin/python3
"""Makes a shell's completion of baton: usage: complete.py bash|zsh|fish PROGRAM"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import help_text

BASH = """# Completion of baton for bash; made from what `baton help` says.

_baton_options() {{ # of a command
	echo {common}
	case $1 in
{own}
	esac
}}

_baton() {{
	local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
	local command= word
	for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
		case $word in
		{names}) command=$word && break ;;
		esac
	done
	[ "$current" != = ] || current=
	[ "$previous" != = ] || previous=${{COMP_WORDS[COMP_CWORD - 2]}}
	COMPREPLY=()
	case $previous in
{values}
	esac
	if [[ $current == -* ]]; then
		COMPREPLY=($(compgen -W "$(_baton_options "$command")" -- "$current"))
	elif [ -z "$command" ] || [ "$command" = help ]; then
		COMPREPLY=($(compgen -W "{words}" -- "$current"))
	else
		COMPREPLY=($(compgen -f -- "$current"))
	fi
}}

complete -o filenames -F _baton baton
"""

ZSH = """#compdef baton
# Completion of baton for zsh; made from what `baton help` says.

_baton() {{
	local context state state_descr line
	typeset -A opt_args
	local -a commands common own
	commands=(
{commands}
	)
	common=(
{common}
	)
	_arguments -C $common '1:command:->command' '*::argument:->argument' && return
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

_baton "$@"
"""


def spellings(options):
    return " ".join(filter(None, (word for option in options
                                  for word in (option.flag,
                                               option.letter and f"-{option.letter}"))))


def names_a_file(option):
    return option.argument.split("|")[0] in ("FILE", "DIR")


def takers(commands, common):
    """Every option once."""
    known = {option.flag: option for command in commands for option in command.options}
    return list(known.values()) + common


def bash_values(option):
    if option.choices:
        return f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$current"))'
    return 'COMPREPLY=($(compgen -f -- "$current"))' if names_a_file(option) else ":"


def bash(commands, common):
    own = "\n".join(f"\t{command.name}) echo {spellings(command.options)} ;;"
                    for command in commands if command.options)
    values = "\n".join(f"\t{option.flag}) {bash_values(option)}; return ;;"
                       for option in takers(commands, common) if option.argument)
    names = [command.name for command in commands]
    return BASH.format(common=spellings(common), own=own, values=values,
                       names=" | ".join(names), words=" ".join(names))


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
    if command.name == "help":
        return "'*:command:{ _describe command commands }'"
    return "'*:path:_files'" if command.arguments else ""


def zsh(commands, common):
    def lines(options, indent):
        return "\n".join("\t" * indent + zsh_option(option) for option in options)
    own = "\n".join(f"\t\t{command.name})\n\t\t\town=(\n{lines(command.options, 4)}\n\t\t\t)\n"
                    f"\t\t\t_arguments -s $own $common {zsh_arguments(command)}\n\t\t\t;;"
                    for command in commands)
    return ZSH.format(own=own, common=lines(common, 2), commands="\n".join(
        f"\t\t{quoted(f'{command.name}:{command.summary}')}" for command in commands))


def fish_option(option, condition):
    words = ["complete -c baton", condition, f"-l {option.flag[2:]}"]
    if option.letter:
        words.append(f"-s {option.letter}")
    if option.choices:
        words.append(f"-x -a {quoted(' '.join(option.choices))}")
    elif option.argument:
        words.append("-r -F" if names_a_file(option) else "-x")
    text = option.text.replace("\\", "\\\\").replace("'", "\\'")
    return " ".join(filter(None, [*words, f"-d '{text}'"]))


def fish(commands, common):
    names = " ".join(command.name for command in commands)
    lines = ["# Completion of baton for fish; made from what `baton help` says.", ""]
    for command in commands:
        text = command.summary.replace("'", "\\'")
        lines.append(f"complete -c baton -n '__fish_use_subcommand' -f -a {command.name} "
                     f"-d '{text}'")
    lines.append(f"complete -c baton -n '__fish_seen_subcommand_from help' -f -a '{names}'")
    for command in commands:
        condition = f"-n '__fish_seen_subcommand_from {command.name}'"
        lines += [fish_option(option, condition) for option in command.options]
    return "\n".join(lines + [fish_option(option, "") for option in common]) + "\n"


def main():
    shell, program = sys.argv[1:]
    print({"bash": bash, "zsh": zsh, "fish": fish}[shell](*help_text.baton(program)), end="")


if __name__ == "__main__":
    main()
