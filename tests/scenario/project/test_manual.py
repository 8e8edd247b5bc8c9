"""The man pages and the completions say what `baton help` and `batond help` say."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import BATON, BATOND, BUILD, TOP, clean_environment

VERBS = ("persist", "attach", "ls", "log", "diff", "cat", "status", "whereami", "version", "help")
DAEMON_VERBS = ("", "check", "rebuild", "backup", "restore", "metrics", "gc", "token", "version", "help")
MADE = BUILD.resolve() / "proto/manual"


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8",
                          **options).stdout


def words(text):
    """Without layout, quotes and the capital that a sentence begins with."""
    return re.sub(r"\s+", " ", text.replace("`", "").replace("‐", "-")).strip().lower()


def page(name):
    environment = dict(clean_environment(), MANWIDTH="200", LC_ALL="C.UTF-8", MANROFFOPT="-ww")
    done = subprocess.run(["man", "--no-hyphenation", "-l", MADE / name], env=environment,
                          capture_output=True, check=True, encoding="utf-8")
    return done.stdout, done.stderr


def sections(text):
    """{heading: body} of a formatted page."""
    parts = re.split(r"(?m)^(\S.*)$", text)
    return dict(zip(parts[1::2], parts[2::2]))


def help_options(text):
    """{flag: (letter, argument, variable, text)} of a part of `baton help`."""
    found = re.finditer(r"(?m)^  (?:-(.), )?(--\S+)(?: (\S+))?(?:  \((\w+)\))?\n((?: {10}.*\n)+)",
                        text)
    return {match[2]: (match[1], match[3], match[4], words(match[5])) for match in found}


def page_flags(text):
    return set(re.findall(r"(?m)^ {7}(?:-., )?(--[a-z-]+)", text))


@unittest.skipUnless(shutil.which("man"), "man is not installed")
class Pages(unittest.TestCase):
    def assert_described(self, options, body):
        self.assertEqual(page_flags(body), set(options))
        flat = words(body)
        for flag, (letter, argument, variable, text) in options.items():
            head = (f"-{letter}, " if letter else "") + flag + (f" {argument}" if argument else "")
            ends = f" environment: {variable.lower()}." if variable else ""
            self.assertIn(words(f"{head} {text.rstrip('.')}"), flat)
            self.assertRegex(flat, re.escape(words(text.rstrip("."))) + r"\.?" + re.escape(ends))

    def assert_options_of(self, program, verbs, found):
        name = pathlib.Path(program).name
        text = run(program, "help")
        for verb in verbs:
            own = run(program, "help", verb) if verb else text
            title = f"options of {name} {verb}".rstrip()
            own = own.partition(f"{title}:\n")[2].partition("\n\n")[0]
            self.assertEqual(bool(own), title.upper() in found, verb)
            if own:
                self.assert_described(help_options(own + "\n"), found[title.upper()])
        common = text.partition("\noptions of every command")[2]
        self.assert_described(help_options(common), found["OPTIONS OF EVERY COMMAND"])

    def assert_commands(self, program, verbs, found):
        text = run(program, "help")
        usages = re.findall(r"(?m)^  (\w+(?: \w+)?) (\[OPTION.*)\n +(.*(?:\n {10}.*)*)", text)
        self.assertEqual([usage.partition(" ")[2] for usage, _, _ in usages], list(verbs))
        for usage, arguments, summary in usages:
            self.assertIn(words(f"{usage} {arguments} {summary}"), words(found["COMMANDS"]))

    def test_baton_1_has_the_options_of_each_command_and_no_others(self):
        self.assert_options_of(BATON, VERBS, sections(page("baton.1")[0]))

    def test_baton_1_has_the_commands_and_the_exit_statuses(self):
        found = sections(page("baton.1")[0])
        text = run(BATON, "help")
        self.assert_commands(BATON, VERBS, found)
        statuses = re.findall(r"(?m)^  (\d)  (.*)", text.partition("\nexit status:")[2])
        self.assertEqual(len(statuses), 10)
        for status, meaning in statuses:
            self.assertRegex(words(found["EXIT STATUS"]),
                             rf"\b{status} {re.escape(meaning.lower().split(': try')[0])}")

    def test_batond_8_and_batond_conf_5_have_the_options_of_batond(self):
        found = sections(page("batond.8")[0])
        self.assert_commands(BATOND, DAEMON_VERBS, found)
        self.assert_options_of(BATOND, DAEMON_VERBS, found)
        keys = words(sections(page("batond.conf.5")[0])["KEYS"])
        rows = help_options(run(BATOND, "help").partition("\noptions of batond:")[2])
        self.assertGreater(len(rows), 10)
        for flag, (_, argument, _, meaning) in rows.items():
            key = words(f"{flag[2:]} = {argument} {meaning.rstrip('.')}")
            self.assertEqual(key in keys, bool(argument) and flag != "--config", flag)
        self.assertIn("--read-data", found["CHECK"])
        self.assertIn("--mark", found["CHECK"])

    def test_baton_protocol_7_is_the_whole_of_the_protocol_page(self):
        flat = re.sub(r"\W+", "", page("baton-protocol.7")[0])
        source = (TOP / "proto/PROTOCOL.md").read_text(encoding="utf-8")
        headings = re.findall(r"(?m)^## (.*)", source)
        codes = re.findall(r"\| (\d+) \| ([a-z-]+) \| (\d) (?=\|)", source)
        self.assertGreater(len(headings) + len(codes), 30)
        for text in headings + ["".join(row) for row in codes]:
            self.assertIn(re.sub(r"\W+", "", text), flat)
        for paragraph in re.findall(r"(?m)^(?:[A-Z][a-zA-Z ,;:]+\n)+", source):
            self.assertTrue(re.sub(r"\W+", "", paragraph) in flat, paragraph)

    def test_the_formatter_has_nothing_to_complain_about(self):
        for name in ("baton.1", "batond.8", "batond.conf.5", "baton-protocol.7"):
            complaints = [line for line in page(name)[1].splitlines()
                          if "will not fit on one page" not in line]
            self.assertEqual(complaints, [], name)


def flags_of(program, verb, *words):
    """What may be written behind the program and the verb, letters too. words: between them."""
    text = run(program, *words, "help", verb) if verb else run(program, *words, "help")
    return set(re.findall(r"(?<= )(--?[A-Za-z-]+)(?=[, \n])",
                          "\n".join(line for line in text.splitlines(True)
                                    if re.match(r"  -", line))))


# What may be written behind a program and each of its commands; "": behind none of them.
TAKEN = {"baton": {verb: flags_of(BATON, verb) for verb in VERBS},
         "batond": {verb: flags_of(BATOND, verb) for verb in DAEMON_VERBS}}

TOKEN_VERBS = ("create", "list", "revoke", "rotate", "help")
TOKEN_TAKEN = {verb: flags_of(BATOND, verb, "token") | TAKEN["batond"]["token"]
               for verb in TOKEN_VERBS}


def each_line():
    """(program, words, the options that may follow)"""
    for program, commands in TAKEN.items():
        for command, flags in commands.items():
            yield program, [command] if command else [], flags


class Completions(unittest.TestCase):
    def bash(self, program, *line):
        script = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_$1"; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        return set(run("bash", "-c", script, MADE / program, program, *line).split())

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_bash_offers_the_commands_their_options_and_choices(self):
        for program, line, flags in each_line():
            self.assertEqual(self.bash(program, *line, "-"), flags, (program, line))
        self.assertEqual(self.bash("baton", ""), set(VERBS))
        self.assertEqual(self.bash("baton", "help", "st"), {"status"})
        self.assertEqual(self.bash("baton", "persist", "--if-empty", ""), {"error", "warn", "ok"})
        self.assertEqual(self.bash("baton", "persist", "--if-empty", "=", "w"), {"warn"})
        self.assertEqual(self.bash("baton", "attach", "--job", ""), set())
        self.assertEqual(self.bash("batond", ""), {"check", "rebuild", "backup", "restore", "metrics", "gc", "token", "version",
                          "help"})
        self.assertEqual(self.bash("batond", "--log-level", ""),
                         {"error", "warning", "info", "debug"})

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_bash_offers_what_batond_token_takes(self):
        self.assertEqual(self.bash("batond", "token", ""), set(TOKEN_VERBS))
        self.assertEqual(self.bash("batond", "token", "help", "cr"), {"create"})
        for verb, flags in TOKEN_TAKEN.items():
            self.assertEqual(self.bash("batond", "token", verb, "-"), flags, verb)
        self.assertEqual(self.bash("batond", "token", "create", "--tier", ""),
                         {"trusted", "untrusted"})
        self.assertNotIn("--tier", self.bash("batond", "check", "create", "-"))

    def fish(self, program, *line):
        script = f"source {MADE}/{program}.fish; complete -C '{' '.join([program, *line])}'"
        environment = dict(os.environ, XDG_CONFIG_HOME="/nonexistent", XDG_DATA_HOME="/nonexistent")
        done = subprocess.run(["fish", "--private", "--no-config", "-c", script], env=environment,
                              capture_output=True, check=True, encoding="utf-8")
        return {row.split("\t")[0] for row in done.stdout.splitlines()}

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_offers_the_commands_their_options_and_choices(self):
        for program, line, flags in each_line():
            self.assertEqual({flag for flag in self.fish(program, *line, "--")
                              if flag.startswith("--")},
                             {flag for flag in flags if flag.startswith("--")}, (program, line))
        self.assertEqual(self.fish("baton", ""), set(VERBS))
        self.assertEqual(self.fish("baton", "attach", "--stale", ""), {"drop", "keep"})
        self.assertEqual(self.fish("batond", ""), {"check", "rebuild", "backup", "restore", "metrics", "gc", "token", "version",
                          "help"})
        self.assertEqual(self.fish("batond", "--log-format", ""), {"text", "json"})

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_offers_what_batond_token_takes(self):
        self.assertEqual(self.fish("batond", "token", ""), set(TOKEN_VERBS))
        for verb, flags in TOKEN_TAKEN.items():
            self.assertEqual({flag for flag in self.fish("batond", "token", verb, "--")
                              if flag.startswith("--")},
                             {flag for flag in flags if flag.startswith("--")}, verb)

    def zsh(self, program, command):
        """The options that the function gives to zsh's own _arguments: in its first call, or
        in its second for a command."""
        script = ('_arguments() { state=argument; words=($command); print -l -- "$@"; '
                  'print -- ----; return 1 }; '
                  'compdef() { }; command=$2; source "$1"; true')
        text = run("zsh", "-f", "-c", script, "zsh", MADE / f"_{program}", command or "")
        call = text.split("\n----\n")[1 if command else 0]
        return set(re.findall(r"(?m)^\*?(?:\([^)]*\))?(--?[A-Za-z-]+)", call)) - {"-s", "-C", "-"}

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_is_given_the_options_of_each_command(self):
        for program, line, flags in each_line():
            if line == ["token"]:  # its own commands' options may come before these
                flags = flags.union(*TOKEN_TAKEN.values())
            self.assertEqual(self.zsh(program, line[0] if line else None), flags, (program, line))

    def test_all_three_name_every_option_and_command(self):
        for program, line, flags in each_line():
            for name in (program, f"_{program}", f"{program}.fish"):
                text = (MADE / name).read_text(encoding="utf-8")
                for word in line:
                    self.assertIn(word, text)
                for flag in flags:
                    self.assertIn(flag.lstrip("-") if name.endswith("fish") else flag, text)


if __name__ == "__main__":
    unittest.main()
