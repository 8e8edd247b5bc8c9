"""The curves: for each a function that yields points (n, {series: value}).

Seconds unless the series' name says MiB. A point is yielded once for each repetition.
"""

import os
import pathlib
import random
import shutil
import statistics
import subprocess
import threading
import time

import client
from curve_daemon import Bench, MIB, Relay, machine, room, sampled
from client import file
from wire import Connection

FILES = (1_000, 10_000, 100_000, 1_000_000)
BYTES = tuple(10**exponent for exponent in (7, 8, 9, 10))
LAYERS = (1, 10, 100, 300, 1_000)
STORED = (1, 10, 100, 1_000, 10_000, 100_000)
CLIENTS = (1, 10, 100, 1_000)
FILE_COST = 5_300  # bytes of tmpfs: a page, an inode, a name
REPETITIONS = 3
QUICK_REPETITIONS = 9  # of what takes milliseconds


def measure(name, scratch, limit):
    points, left_out = {}, []
    for number, values in CURVES[name](scratch, limit, left_out):
        for series, value in values.items():
            points.setdefault(series, {}).setdefault(str(number), []).append(value)
        print(f"{name} {number:,}: " + ", ".join(
            f"{series} {value:.4g}" for series, value in values.items()), flush=True)
    for sentence in left_out:
        print(f"{name}: left out: {sentence}", flush=True)
    summary = {series: {number: {"median": statistics.median(values), "least": min(values),
                                 "most": max(values), "times": len(values)}
                        for number, values in by_number.items()}
               for series, by_number in points.items()}
    return {"machine": machine(scratch), "series": summary, "left_out": left_out}


def reachable(numbers, limit, cost, scratch, left_out, what):
    """The numbers up to the limit for which there is room; a sentence for each other."""
    for number in numbers:
        free = room(scratch)
        if number > limit:
            left_out.append(f"{number:,} {what} (--limit)")
        elif number * cost > free:
            left_out.append(f"{number:,} {what}: {number * cost / 2**30:.1f} GiB of room and "
                            f"memory are needed, {free / 2**30:.1f} are there")
        else:
            yield number


# ---- files -----------------------------------------------------------------------------


def make_files(root, count):
    """Short files of different lengths, a thousand in each directory."""
    root.mkdir()
    for number in range(0, count, 1000):
        folder = root / f"directory{number // 1000:04}"
        folder.mkdir()
        fd = os.open(folder, os.O_RDONLY)
        for each in range(number, min(number + 1000, count)):
            at = os.open(f"module{each}.js", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
            os.write(at, b"exports.number = %d;\n" % each * (1 + each % 7))
            os.close(at)
        os.close(fd)


def files(scratch, limit, left_out):
    """One tree, with several daemons, one for each repetition."""
    for count in reachable(FILES, limit, 2 * FILE_COST, scratch, left_out, "files"):
        root = scratch / "tree"
        make_files(root, count)
        for number in range(REPETITIONS):
            with Bench(scratch) as bench:
                yield count, files_once(bench, root, number)
        shutil.rmtree(root)


def files_once(bench, root, number):
    values = {}

    def note(what, job, command, *arguments):
        seconds, memory, processor = sampled(bench, command, "--job", job, *arguments)
        values[what] = seconds
        values[f"{what}: daemon's processor time"] = processor
        for who, size in memory.items():
            values[f"MiB {who}"] = max(values.get(f"MiB {who}", 0), size / MIB)

    here = ("--root", root, ".")
    note("first persist", "build", "persist", *here)
    note("again, with record", "again", "persist", *here)
    (root / "directory0000" / "module500.js").write_text(f"changed {number}")
    with Relay(bench) as relay:
        note("one changed file", "change", "persist", "--server", relay.url, *here)
        values["one changed file: last byte to acknowledgement"] = relay.wait()
    (root / "directory0000" / "module501.js").write_text(f"changed {number}")
    with Relay(bench) as relay:
        note("one changed file, no record", "change2", "persist", "--server", relay.url,
             "--no-stat-record", *here)
        values["one changed file, no record: last byte to acknowledgement"] = relay.wait()
    target = bench.folder / "target"
    note("attach", "deploy", "attach", "--from", "build", target)
    note("attach over it", "deploy", "attach", "--from", "build", target)
    return values


# ---- bytes -----------------------------------------------------------------------------


def make_bytes(path, size):
    """A file that zstd makes about ten times smaller, and of which no part repeats: 100
    random bytes in each 1,000, the rest a run of them. Incompressible bytes would need
    the whole size again in the store, which decides how far the curve can go."""
    noise = random.Random(size)
    with open(path, "wb") as out:
        while size > 0:
            block = b"".join(part * 10 for part in
                             (noise.randbytes(100) for _ in range(min(1000, size // 1000 + 1))))
            out.write(block[:size])
            size -= len(block)


def bytes_(scratch, limit, left_out):
    for size in reachable(BYTES, limit, 1.3, scratch, left_out, "bytes"):
        for _ in range(REPETITIONS):
            root = scratch / "tree"
            root.mkdir()
            make_bytes(root / "large.bin", size)
            with Bench(scratch) as bench:
                persist = sampled(bench, "persist", "--job", "build", "--root", root, ".")
                shutil.rmtree(root)
                attach = sampled(bench, "attach", bench.folder / "target")
            memory = {who: max(persist[1][who], attach[1][who]) for who in persist[1]}
            yield size, {"first persist": persist[0], "attach": attach[0],
                         "first persist: daemon's processor time": persist[2],
                         **{f"MiB {who}": value / MIB for who, value in memory.items()}}


# ---- layers in a workspace, layers in the store ----------------------------------------


def small_things(bench, workflow, root, number):
    """What a person or a job does with a workspace, once each."""
    words = ("--workflow", workflow)
    return {"ls": bench.timed("ls", *words), "log": bench.timed("log", *words),
            "attach": bench.timed("attach", *words, bench.folder / f"out{number}"),
            "persist": bench.timed("persist", *words, "--job", "probe", "--root", root, ".")}


def add_layer(connection, number, chained):
    identity = {"workflow": "w", "job": f"job{number}"}
    if chained:  # sees all layers, fetches nothing
        view = client.look(connection, identity, "attach", only=[b"nothing"], if_empty=True)
        client.finish(connection, view)
    client.persist(connection, identity, {b"file%d" % number: file(f"content {number}")})


def layers(scratch, limit, left_out, chained):
    """Jobs of one small file each; chained: each attaches all before it."""
    with Bench(scratch) as bench, Connection(bench.url) as connection:
        made = 0
        root = bench.folder / "probe"
        for count in reachable(LAYERS, limit, 1, scratch, left_out, "layers"):
            for number in range(made, count):
                add_layer(connection, number, chained)
            made = count
            for number in range(QUICK_REPETITIONS):
                root.mkdir()
                (root / "probe").write_text(f"{count} {number}")
                values = small_things(bench, "w", root, f"{count}-{number}")
                values["MiB daemon"] = bench.memory() / MIB
                shutil.rmtree(root)
                yield count, values


def workspace(scratch, limit, left_out):
    return layers(scratch, limit, left_out, False)


def chain(scratch, limit, left_out):
    return layers(scratch, limit, left_out, True)


def store(scratch, limit, left_out):
    fill = pathlib.Path(os.environ["BATON_BUILD"]) / "tests/bench/fill_store"
    for count in reachable(STORED, limit, 2_000, scratch, left_out, "layers"):
        data = scratch / "filled"
        subprocess.run([fill, data, str(count), "10"], check=True)
        with Bench(scratch, data) as bench:
            root = bench.folder / "probe"
            root.mkdir()
            for number in range(QUICK_REPETITIONS):
                (root / "probe").write_text(f"{number}" * 4096)
                values = small_things(bench, "filled0", root, number)
                bench.stop()
                values["daemon start"] = bench.start()
                values["MiB daemon"] = bench.memory() / MIB
                yield count, values
        shutil.rmtree(data)


# ---- clients ---------------------------------------------------------------------------


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def formula_mib(clients, files_each):
    """CONTRIBUTING.md, The daemon's memory: of persists, with the merges at their ends."""
    running = min(clients, 64)
    return (1 + 12 + clients * 4 / 1024 + running * (4 + files_each * 120 / MIB)
            + os.cpu_count() * (1 + clients * 30 / 1024))


def crowd(bench, clients, root):
    """So many processes at once, each of which persists and then looks at what is there.
    Seconds of each; the most memory that the daemon had."""
    seconds, peak, done = [], 0, threading.Event()

    def one(number):
        begin = time.monotonic()
        job = ("--workflow", f"crowd{number % 10}", "--job", f"job{number}")
        bench.run("persist", *job, "--timeout", "600", "--root", root, "--prefix", "{job}", ".")
        seconds.append(time.monotonic() - begin)

    def watch():
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, bench.memory())

    threads = [threading.Thread(target=one, args=[number]) for number in range(clients)]
    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.monotonic() - begin
    done.set()
    watcher.join()
    if len(seconds) != clients:
        raise AssertionError(f"{clients - len(seconds)} of {clients} clients failed")
    return seconds, elapsed, peak


def clients(scratch, limit, left_out):
    root = scratch / "tree"
    make_files(root, 20)
    for count in reachable(CLIENTS, limit, 10 * MIB, scratch, left_out, "clients"):
        for _ in range(REPETITIONS):
            with Bench(scratch) as bench:
                seconds, elapsed, peak = crowd(bench, count, root)
            yield count, {"p50": percentile(seconds, 0.5), "p99": percentile(seconds, 0.99),
                          "all": elapsed, "each": elapsed / count, "MiB daemon": peak / MIB,
                          "MiB formula": formula_mib(count, 20)}
    shutil.rmtree(root)


def fairness(scratch, limit, left_out):
    """Small persists one behind the other, alone (0) and beside large persists (1, 4)."""
    large, small = scratch / "large", scratch / "small"
    make_files(large, 50_000)
    make_files(small, 20)
    for beside in (0, 1, 4):
        for _ in range(REPETITIONS):
            with Bench(scratch) as bench:
                yield beside, fairness_once(bench, beside, large, small)
    shutil.rmtree(large)
    shutil.rmtree(small)


def fairness_once(bench, beside, large, small):
    over, count = threading.Event(), [0]

    def keep_busy(name):
        while not over.is_set():
            bench.run("persist", "--no-stat-record", "--workflow", f"{name}-{count[0]}",
                      "--job", "large", "--root", large, ".")
            count[0] += 1

    crowd_ = [threading.Thread(target=keep_busy, args=[f"large{n}"]) for n in range(beside)]
    for thread in crowd_:
        thread.start()
    seconds = [bench.timed("persist", "--workflow", "small", "--job", f"job{number}", "--prefix",
                           "{job}", "--root", small, ".") for number in range(100)]
    over.set()
    for thread in crowd_:
        thread.join()
    return {"p50": percentile(seconds, 0.5), "p99": percentile(seconds, 0.99)}


CURVES = {"files": files, "bytes": bytes_, "workspace": workspace, "chain": chain,
          "store": store, "clients": clients, "fairness": fairness}
