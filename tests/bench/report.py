"""What the benchmark prints: each work with every tool, then the targets and what was reached.

A ratio is Baton's time divided by the other's, taken pair by pair; the median of these is
printed, with the least and the greatest. Below 1, Baton was faster.
"""

import statistics

from duel import TITLES

# Which tree, work, beside whom, and the ratio that is to be reached.
RATIO_TARGETS = (
    ("tree", "persist", "tar|zstd -1 -T2", 0.95),
    ("tree", "again_unrecorded", "xxhsum -P2", 1.7),
    ("tree", "again", "rsync -a", 0.3),
    ("tree", "changed", "restic", 0.2),
    ("tree", "changed_unrecorded", "restic", 0.25),
    ("tree", "attach", "cp -a", 0.35),
    ("tree", "attach", "tar|zstd -1 -T2", 0.55),
    ("tree", "attach_over", "rsync -a", 0.25),
    ("large", "persist", "tar|zstd -1 -T2", 1.15),
    ("large", "attach", "tar|zstd -1 -T2", 0.6),
)
STORED_TARGETS = (("tree", "persist", "tar|zstd -1 -T2", 1.0),)
MEMORY_TARGETS = {"client": 64 << 20, "daemon": 96 << 20}
SMALL_TARGETS = {"persist": ("durable_write", 2.0), "attach": 0.005, "ls": 0.005}


def summary(values):
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def ratios(pairs):
    return summary([own / other for own, other in pairs])


def spread(found, form="{:.3f}"):
    return (form + " [" + form + "–" + form + "]").format(
        found["median"], found["least"], found["greatest"])


def tell_part(figures):
    """Every tool of one part, fastest first."""
    title = f"{figures['title']}, {figures['page_cache']} page cache"
    for key, by_tool in figures["pairs"].items():
        print(f"\n{title}: {TITLES[key]}\n"
              f"  {'':18}{'seconds':>24}   {'baton beside it':>22}   ratio pair by pair")
        rows = sorted(by_tool.items(), key=lambda row: statistics.median(o for _, o in row[1]))
        for tool, pairs in rows:
            print(f"  {tool:18}{spread(summary([other for _, other in pairs])):>24}   "
                  f"{spread(summary([own for own, _ in pairs])):>22}   {spread(ratios(pairs))}")
    for key, by_tool in figures["stored_bytes"].items():
        if by_tool:
            print(f"\n{title}: bytes in the store, after: {TITLES[key]}")
        for tool, size in sorted(by_tool.items(), key=lambda item: item[1]):
            print(f"  {tool:20}{size / 1e6:10.1f} MB")
    for tool, reasons in figures["left_out"].items():
        for what, why in reasons.items():
            print(f"\n{title}: left out: {tool}, {TITLES.get(what, what)}: {why}")


def tell_small(figures):
    for place, found in figures.items():
        print(f"\none file of 4 KiB, {place}, process start included, milliseconds")
        for what, values in found["seconds"].items():
            print(f"  {what:18}{spread(summary([1e3 * value for value in values])):>24}")


def tell_memory(figures):
    if figures:
        print("\nanonymous memory (RssAnon), the most that was sampled, MiB")
    for work, peaks in figures.items():
        print(f"  {work:44}" + "".join(f"{who} {size / 2**20:6.1f}   "
                                       for who, size in peaks.items()))


# ---- the targets ----------------------------------------------------------------------------

def _ratio_rows(kind, figures, floors):
    for of, key, tool, limit in RATIO_TARGETS:
        pairs = figures["pairs"].get(key, {}).get(tool)
        if of == kind and pairs:
            row = {"work": f"{figures['title']}: {TITLES[key]}", "beside": tool,
                   "baton": statistics.median(own for own, _ in pairs), "unit": "s",
                   "other": statistics.median(other for _, other in pairs),
                   "ratio": ratios(pairs), "target": limit}
            if key in floors:
                row["floor"] = floors[key] / row["other"]
            yield row
    for of, key, tool, limit in STORED_TARGETS:
        stored = figures["stored_bytes"][key]
        if of == kind and tool in stored:
            ratio = stored["baton"] / stored[tool]
            yield {"work": f"{figures['title']}: stored bytes", "beside": tool, "unit": "MB",
                   "baton": stored["baton"] / 1e6, "other": stored[tool] / 1e6,
                   "ratio": summary([ratio]), "target": limit}


def _absolute(work, baton, limit, unit):
    return {"work": work, "beside": f"{limit:g} {unit}", "baton": baton, "other": limit,
            "unit": unit, "ratio": summary([baton / limit]), "target": 1.0}


def _small_rows(figures):
    other, limit = SMALL_TARGETS["persist"]
    for place, found in figures.items():
        seconds = found["seconds"]
        pairs = list(zip(seconds["persist"], seconds[other]))
        yield {"work": f"one file of 4 KiB, {place}: persist", "beside": other, "unit": "ms",
               "baton": 1e3 * statistics.median(seconds["persist"]),
               "other": 1e3 * statistics.median(seconds[other]), "ratio": ratios(pairs),
               "target": limit}
        for what in ("attach", "ls"):
            yield _absolute(f"one file of 4 KiB, {place}: {what}",
                            1e3 * statistics.median(seconds[what]), 1e3 * SMALL_TARGETS[what],
                            "ms")


def targets(result):
    """What is to be reached and what was, of the parts that were measured (warm)."""
    rows = []
    for part in result["parts"]:
        if part["page_cache"] == "warm":
            floors = result.get("floor", {}).get(part["kind"], {}).get("works", {})
            rows += _ratio_rows(part["kind"], part, floors)
    rows += _small_rows(result["small"])
    for who, limit in MEMORY_TARGETS.items():
        peaks = [peaks[who] for peaks in result["memory"].values()]
        if peaks:
            rows.append(_absolute(f"memory of the {who}", max(peaks) / 2**20, limit / 2**20, "MiB"))
    for row in rows:
        row["met"] = row["ratio"]["median"] <= row["target"]
    return rows


def tell_targets(rows):
    if rows:
        print(f"\n{'work':66}{'baton':>12}  {'beside':34}{'ratio':22}{'target':>8}"
              f"{'floor':>8}")
    for row in rows:
        unit = row["unit"]
        beside = row["beside"] if row["target"] == 1.0 and row["beside"].endswith(unit) else \
            f"{row['beside']} {row['other']:.3g} {unit}"
        print(f"{row['work']:66}{row['baton']:9.3g} {unit:2}  {beside:34}"
              f"{spread(row['ratio'], '{:.2f}'):22}{'≤ ' + format(row['target'], 'g'):>8}"
              f"{format(row['floor'], '.2f') if 'floor' in row else '':>8}  "
              f"{'met' if row['met'] else 'MISSED'}")
