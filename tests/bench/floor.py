"""The least that a work costs on this machine: the parts that it cannot do without, each
measured alone by parts.c, on all the cores that are used.

It tells how much of a ratio is the machine's, the kernel's and the libraries', and how much
the program's: where the floor itself misses a target, another processor is needed; what
lies between the floor and the figure is the program's own.
"""

import shutil
import statistics
import subprocess

from duel import TITLES

REPETITIONS = 5
# Which parts a work cannot do without. Whatever arrives is hashed once more.
FLOORS = {
    "persist": ("read", "xxh128", "compress", "carry", "decompress", "xxh128", "sha256", "keep"),
    "again_unrecorded": ("read", "xxh128", "sha256"),
    "attach": ("carry", "decompress", "xxh128", "make"),
}


class NoFloor(Exception):
    """Why it could not be measured."""


def _once(program, tree, folder, cores):
    folder.mkdir()
    try:
        said = subprocess.run([program, tree, folder, str(cores)], check=True,
                              capture_output=True).stdout.decode()
    except subprocess.CalledProcessError as failed:
        raise NoFloor(failed.stderr.decode(errors="replace").strip()) from None
    finally:
        shutil.rmtree(folder)
    return {name: (float(seconds), int(size))
            for name, seconds, size in (line.split() for line in said.splitlines())}


def measure(program, tree, folder, cores):
    """Processor seconds and bytes of each part, and seconds of each work; medians."""
    runs = [_once(program, tree, folder, cores) for _ in range(REPETITIONS)]
    parts = {name: {"cpu_seconds": statistics.median(run[name][0] for run in runs),
                    "bytes": runs[0][name][1]} for name in runs[0]}
    works = {work: sum(parts[name]["cpu_seconds"] for name in names) / cores
             for work, names in FLOORS.items()}
    return {"parts": parts, "works": works}


def tell(title, found):
    print(f"\n{title}: what the parts cost, each alone, all cores busy")
    for name, part in found["parts"].items():
        rate = part["bytes"] / part["cpu_seconds"] / 1e9 if part["cpu_seconds"] else 0
        print(f"  {name:20}{part['cpu_seconds']:8.3f} s of processor   {rate:6.2f} GB/s")
    for work, seconds in found["works"].items():
        print(f"  at least: {TITLES[work]:44}{seconds:8.3f} s   ({' + '.join(FLOORS[work])})")
