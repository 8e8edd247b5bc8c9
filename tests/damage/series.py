"""Many cases, one behind the other or side by side, and the table of how they ended."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
import pathlib
import pprint
import tempfile
import traceback

import damages
import rules
import store
import trial
from harness import remove_tree, scratch_parent


@contextlib.contextmanager
def stores_made(names=tuple(store.MAKERS)):
    """({name: store}, a folder for cases); both go in the end."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="damage-", dir=scratch_parent()))
    try:
        stores = damages.Stores({name: store.MAKERS[name](folder / name) for name in names})
        for one in stores.values():
            trial.learn(one, folder)
        yield stores, folder
    finally:
        remove_tree(folder)


def one_case(stores, folder, seed, number):
    """(case, outcome, faults)"""
    case, record = trial.run(stores, seed, number, folder)
    return case, *rules.verdict(case, stores[case.store], record)


def numbers_of(stores, seed, only, first, count):
    """The first `count` cases whose name has `only` in it."""
    numbers, number = [], first
    while len(numbers) < count:
        kind, action, *_ = damages.choose(stores, seed, number)
        if only in f"{kind}: {action}":
            numbers.append(number)
        elif number - first > 1000 * (count + 1):
            raise SystemExit(f"no damage has {only} in its name")
        number += 1
    return numbers


def repeat_command(seed, number):
    return f"./build.sh damage 1 {seed} --case {number}"


def describe(case, faults):
    lines = [f"FAULT {case.name}", f"  {case.text}"]
    lines += [f"  {fault}" for fault in faults]
    return "\n".join([*lines, f"  again: {repeat_command(case.seed, case.number)}"])


def show(stores, folder, seed, number):
    case, record = trial.run(stores, seed, number, folder)
    outcome, faults = rules.verdict(case, stores[case.store], record)
    pprint.pprint(case, width=100)
    pprint.pprint(record, width=100)
    print(describe(case, faults) if faults else outcome)
    return 1 if faults else 0


# ---- side by side ----------------------------------------------------------------------

SHARED = None  # (stores, folder, seed) of the processes that work, which were forked


def work(number):
    stores, folder, seed = SHARED
    try:
        return one_case(stores, folder, seed, number)
    except Exception:  # of this tool: told with its case
        print(f"case {number} of seed {seed}:\n{traceback.format_exc()}", flush=True)
        raise


def run(stores, folder, seed, numbers, jobs):
    global SHARED
    SHARED = (stores, folder, seed)
    table, broken_rules = collections.defaultdict(collections.Counter), collections.Counter()
    faults = 0
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for case, outcome, broken in pool.map(work, numbers, chunksize=4):
            table[case.kind, case.action][outcome] += 1
            if broken:
                faults += 1
                broken_rules.update({fault.partition(":")[0] for fault in broken})
                print(describe(case, broken), flush=True)
    print_table(table)
    for rule, count in broken_rules.most_common():
        print(f"{count:6} cases: {rule}")
    print(f"{sum(map(sum_of, table.values()))} cases of seed {seed}, {faults} faults")
    return 1 if faults else 0


def sum_of(counts):
    return sum(counts.values())


# ---- the table -------------------------------------------------------------------------


def print_table(table):
    print(f"{'file':18}{'damage':34}" + "".join(f"{name:>11}" for name in rules.OUTCOMES))
    total = collections.Counter()
    for (kind, action), counts in sorted(table.items()):
        print(f"{kind:18}{action:34}" + row_of(counts))
        total += counts
    print(f"{'':52}" + row_of(total))


def row_of(counts):
    return "".join(f"{counts.get(name) or '.':>11}" for name in rules.OUTCOMES)
