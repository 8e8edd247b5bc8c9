"""Plots and tables of what curve_points.py measured."""

import subprocess

PLOTS = {
    "files": ("files in a tree", "seconds", ("first persist", "again, with record",
              "one changed file", "one changed file: last byte to acknowledgement", "attach",
              "attach over it")),
    "bytes": ("bytes of one file", "seconds", ("first persist", "attach")),
    "workspace": ("layers in a workspace, of jobs that saw nothing of each other", "seconds",
                  ("persist", "attach", "ls", "log")),
    "chain": ("layers in a workspace, each of a job that attached all before it", "seconds",
              ("persist", "attach", "ls", "log")),
    "store": ("layers in the store", "seconds", ("persist", "attach", "ls", "log",
                                                  "daemon start")),
    "clients": ("clients at once", "seconds", ("p50", "p99", "all")),
    "memory": ("files in a tree", "MiB", ("MiB client", "MiB daemon")),
}
BEGIN, END = "<!-- figures: written by curves --document -->", "<!-- end of figures -->"


def points_of(series):
    return sorted((int(number), value) for number, value in series.items())


def label(what):
    """Short enough to stand beside a plot."""
    return what.replace("one changed file: last byte to acknowledgement", "… last byte to answer")


def plot_script(name, series, path):
    title, unit, wanted = PLOTS[name]
    shown = [what for what in wanted if what in series]
    lines = ["set terminal svg size 960,420 font 'sans-serif,13' background 'white'",
             f"set output '{path}'", "set logscale xy", "set format x '%.0s%c'",
             "set format y '%g'", "set grid xtics ytics lc rgb '#cccccc'",
             "set key outside right center Left reverse",
             f"set xlabel '{title}'", f"set ylabel '{unit}'", "set tics nomirror", "set border 3"]
    for number, what in enumerate(shown):
        lines.append(f"$data{number} << END")
        lines += [f"{n} {value['median']} {value['least']} {value['most']}"
                  for n, value in points_of(series[what])]
        lines.append("END")
    first = points_of(series[shown[0]])
    n, value = first[-1][0], first[-1][1]["median"]
    least = min(value["least"] for what in shown for _, value in points_of(series[what]))
    lines += ["set samples 2", f"set yrange [{least / 2}:*]", f"set xrange [{first[0][0]}:{n}]",
              "plot " + ", ".join(
                  [f"$data{number} using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 "
                   f"title '{label(what)}'" for number, what in enumerate(shown)] +
                  [f"{value / n} * x with lines dt 2 lc rgb '#888888' title 'slope 1'"])]
    return "\n".join(lines) + "\n"


def tables(results):
    for name, curve in results.items():
        numbers = sorted({int(n) for series in curve["series"].values() for n in series})
        yield f"### {name}\n"
        if name in PLOTS:
            yield f"![{PLOTS[name][0]}](figures/{name}.svg)\n"
        yield "| | " + " | ".join(f"{n:,}" for n in numbers) + " |"
        yield "|---" * (len(numbers) + 1) + "|"
        for what, series in curve["series"].items():
            cells = [series.get(str(n)) for n in numbers]
            yield f"| {what} | " + " | ".join(
                f"{cell['median']:.3g} [{cell['least']:.3g}–{cell['most']:.3g}]" if cell else ""
                for cell in cells) + " |"
        yield ""
        for sentence in curve["left_out"]:
            yield f"Left out: {sentence}.\n"
        yield "Measured on " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value
                                         in curve["machine"].items()) + ".\n"


def write(results, folder):
    plotted = dict(results)
    if "files" in results:
        plotted["memory"] = results["files"]
    for name in PLOTS:
        if name in plotted and plotted[name]["series"]:
            path = folder / "figures" / f"{name}.svg"
            path.parent.mkdir(exist_ok=True)
            subprocess.run(["gnuplot"], input=plot_script(name, plotted[name]["series"], path),
                           text=True, check=True)
    page = folder / "CURVES.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n\n" + "\n".join(tables(results)) + "\n" + END + after)
