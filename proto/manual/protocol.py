#!/usr/bin/python3
"""Makes baton-protocol(7) of proto/PROTOCOL.md: usage: protocol.py PROTOCOL.md VERSION > PAGE

Knows what that page uses: headings, paragraphs, tables, code blocks, lists, `code`,
**strong**, *emphasis* and links.
"""

import pathlib
import re
import sys

HEAD = """'\\" t
.TH BATON\\-PROTOCOL 7 "" "baton {version}"
.nh
.ad l
.SH NAME
baton\\-protocol \\- what baton and batond say to each other
.SH DESCRIPTION
"""


def escape(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")


def inline(text):
    """Code keeps every character; the rest may be strong, emphasised or a link."""
    parts = re.split(r"`([^`]*)`", text)
    for at, part in enumerate(parts):
        part = escape(part)
        if at % 2:
            part = f"\\fB{part}\\fR"
        else:
            part = re.sub(r"\*\*(.+?)\*\*", r"\\fB\1\\fR", part)
            part = re.sub(r"\*(.+?)\*", r"\\fI\1\\fR", part)
            part = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", part)
        parts[at] = part
    return "".join(parts)


def protect(text):
    return "\\&" + text if text.startswith((".", "\\(aq")) else text


def table(lines):
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            for line in lines]
    columns = len(rows[1])
    widths = " ".join(["lb"] * columns), " ".join(["l"] * (columns - 1) + ["lx"])
    out = [".TS", "tab(\t);", widths[0], widths[1] + "."]
    for number, row in enumerate(rows):
        if number != 1:
            cells = [inline(cell.replace("\\|", "|")) for cell in row]
            out.append("\t".join(f"T{{\n{protect(cell)}\nT}}" for cell in cells))
    return [*out, ".TE", ".PP"]


def code(lines):
    return [".PP", ".RS 2", ".nf", *(protect(escape(line)) for line in lines), ".fi", ".RE", ".PP"]


def blocks(lines):
    """(kind, lines) one after the other."""
    at = 0
    while at < len(lines):
        line, end = lines[at], at + 1
        if line.startswith("```"):
            while not lines[end].startswith("```"):
                end += 1
            yield "code", lines[at + 1:end]
            at = end + 1
            continue
        if line.startswith("#"):
            yield "heading", [line]
        elif line.startswith("|"):
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            yield "table", lines[at:end]
        elif match := re.match(r"(?:- |\d+\. )", line):
            while end < len(lines) and lines[end].startswith("  "):
                end += 1
            yield "item", [match[0].strip(), line[match.end():], *lines[at + 1:end]]
        elif line.strip():
            while end < len(lines) and lines[end].strip() and \
                    not re.match(r"[|#]|```|- |\d+\. ", lines[end]):
                end += 1
            yield "paragraph", lines[at:end]
        at = end


def render(kind, lines):
    if kind == "heading":
        level, title = lines[0].split(" ", 1)
        return [] if level == "#" else [f".{'SH' if level == '##' else 'SS'} \"{escape(title)}\""]
    if kind == "table":
        return table(lines)
    if kind == "code":
        return code(lines)
    if kind == "item":
        mark = "\\(bu" if lines[0] == "-" else lines[0]
        return [f".IP {mark} 4", protect(inline(" ".join(line.strip() for line in lines[1:])))]
    return [".PP", protect(inline(" ".join(lines)))]


def main():
    source, version = sys.argv[1:]
    lines = pathlib.Path(source).read_text(encoding="utf-8").splitlines()
    print(HEAD.format(version=version), end="")
    for kind, block in blocks(lines):
        for line in render(kind, block):
            print(line)
    print(".SH SEE ALSO\n.BR baton (1),\n.BR batond (8)")


if __name__ == "__main__":
    main()
