"""What is done to a store, and which layers that may touch.

A damage is chosen by (seed, number) from classes (kind of file, what is done), which are gone
through in a shuffled order, round by round: some hundred cases have each of them once.
Everything is chosen by its place among what is there (the third segment, a byte in its second
frame), not by name: ids are random, and a store that is made again gets the same damage.
"""

import dataclasses
import functools
import itertools
import random
import shutil

import layout

SECTOR, BLOCK = 512, 4096
ANY = None  # as what a damage touches: any layer


@dataclasses.dataclass
class Case:
    seed: int
    number: int
    store: str
    kind: str    # of file
    action: str
    text: str = ""            # exactly what was done
    touched: frozenset = ANY  # ids of the layers that may fail
    changed: bool = True      # False: the damaged files are what they were

    @property
    def name(self):
        return f"{self.store}: {self.kind}: {self.action}"


def kind_of(name):
    return "segment" if name.endswith(".seg") else name


# ---- what can be done ------------------------------------------------------------------


class Hand:
    """Changes the files of a copy of a store and notes what it did."""

    def __init__(self, store, folder, chosen):
        self.store, self.folder, self.random = store, folder, chosen
        self.text, self.touched, self.changed = [], set(), False

    def files(self, kind):
        if kind != "segment":
            return [kind]
        return [f"segments/{name}" for name in self.store.places.files.values()
                if (self.folder / "segments" / name).exists()]

    def pick(self, kind):
        return self.random.choice(self.files(kind))

    def read(self, name):
        return (self.store.data / name).read_bytes()

    def write(self, name, data, text, spans=ANY):
        """`spans`: what of a segment changed; ANY: its length or all of it."""
        path = self.folder / name
        before = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
            path.chmod(0o600)
        self.text.append(f"{name}: {text}")
        if data != before:
            self.changed = True
            self.touch(name, data, spans)

    def touch(self, name, data, spans):
        if self.touched is ANY or kind_of(name) in HARMLESS:
            return
        if kind_of(name) != "segment":
            self.touched = ANY
            return
        places = self.store.places
        segment = next(id_ for id_, file in places.files.items() if name.endswith(file))
        vouched = places.vouched[segment]
        if data is not None and data[:vouched] == self.read(name)[:vouched]:
            return
        if spans is ANY or any(start < layout.SEGMENT_HEADER_LEN for start, _ in spans):
            self.touched |= {layer for layer, named in places.segments.items() if segment in named}
            return
        for frame in layout.frames_of(self.read(name)):
            if frame.end <= vouched and any(start < frame.end and end > frame.offset
                                            for start, end in spans):
                self.touched |= {layer for layer, needed in places.frames.items()
                                 if (segment, frame.offset) in needed}

    # ---- actions

    def nothing(self):
        pass

    def flip(self, kind, field):
        candidates = [(name, span) for name in self.files(kind)
                      for span in layout.fields(name, self.read(name),
                                                self.store.reserved()).get(field, ())]
        name, (start, end) = self.random.choice(candidates)
        at, bit = self.random.randrange(start, end), self.random.randrange(8)
        data = bytearray(self.read(name))
        data[at] ^= 1 << bit
        self.write(name, bytes(data), f"bit {bit} of byte {at} flipped ({field})", [(at, at + 1)])

    def cut(self, kind, how):
        name = self.pick(kind)
        data = self.read(name)
        length = {"to 0": 0, "at a sector": self.random.randrange(0, len(data), SECTOR),
                  "anywhere": self.random.randrange(len(data)),
                  "by its end": len(data) - 1 - self.random.randrange(min(64, len(data)))}[how]
        self.write(name, data[:length], f"cut from {len(data)} to {length} bytes")

    def cut_frames(self, kind):
        """The log loses its last frames, as if they had never been written."""
        data = self.read(kind)
        starts = [start for start, _ in layout.fields(kind, data)["frame header"]]
        length = self.random.choice(starts)
        self.write(kind, data[:length], f"cut from {len(data)} to {length} bytes, before a frame")

    def grow(self, kind):
        name = self.pick(kind)
        count = self.random.choice((1, 47, SECTOR, BLOCK, 10_000))
        self.write(name, self.read(name) + self.random.randbytes(count),
                   f"{count} random bytes behind its end", [])

    def zero(self, kind):
        name = self.pick(kind)
        data = self.read(name)
        at = self.random.randrange(0, len(data), SECTOR)
        end = min(at + SECTOR, len(data))
        self.write(name, data[:at] + bytes(end - at) + data[end:], f"sector at {at} zeroed",
                   [(at, end)])

    def swap(self, kind, other):
        one, two = self.pick(kind), self.pick(other)
        first, second = bytearray(self.read(one)), bytearray(self.read(two))
        second = first if one == two else second
        at = self.random.randrange(0, max(1, len(first) - BLOCK), SECTOR)
        to = self.random.randrange(0, max(1, len(second) - BLOCK), SECTOR)
        if one == two and abs(at - to) < BLOCK:
            to = (at + BLOCK) % max(1, len(first) - BLOCK)
        length = min(BLOCK, len(first) - at, len(second) - to)
        first[at:at + length], second[to:to + length] = second[to:to + length], first[at:at + length]
        text = f"{length} bytes at {at} swapped with those at {to} of {two}"
        spans = [(at, at + length)]
        if one == two:
            spans += [(to, to + length)]
        else:
            self.write(two, bytes(second), f"see {one}", [(to, to + length)])
        self.write(one, bytes(first), text, spans)

    def invent(self, kind):
        """A file that an undamaged store has not got."""
        count = self.random.choice((1, 49, 50, 5000))
        self.write(kind, self.random.randbytes(count), f"{count} random bytes")

    def mark(self, kind):
        """Marks of frames that are sound (FORMAT.md §8)."""
        marks = [f"{segment} {frame.offset:016x}\n"
                 for segment, name in self.store.places.files.items()
                 for frame in layout.frames_of(self.read(f"segments/{name}"))
                 if self.random.random() < 0.5]
        self.write(kind, "".join(marks).encode(), f"{len(marks)} marks of sound frames")

    def delete(self, kind):
        name = self.pick(kind)
        self.write(name, None, "deleted")

    def older(self, *kinds):
        """Each is what it was at the same earlier time, if it was there; else it is gone."""
        name_of = {kind: self.pick(kind) for kind in kinds}
        snapshots = [snapshot for snapshot in self.store.snapshots
                     if any(self.differs(snapshot, name) for name in name_of.values())]
        snapshot = self.random.choice(snapshots or self.store.snapshots)
        for kind, name in name_of.items():
            path = snapshot / name
            old = path.read_bytes() if path.exists() else None
            if old is None and kind == "segment":
                continue
            self.write(name, old, f"as it was in {snapshot.name}" if path.exists()
                       else f"not there, as in {snapshot.name}")

    def differs(self, snapshot, name):
        path, now = snapshot / name, self.folder / name
        return path.exists() and (not now.exists() or path.read_bytes() != now.read_bytes())


# Whatever happens to these, every layer is there: they are derived, or only marks.
HARMLESS = ("units.db", "units.db-wal", "clean", "lock", "stamp", "damaged")


# ---- which damages there are -----------------------------------------------------------

WIDE_WEIGHT = 0.15  # of the store whose cases take long, beside 1 for each other one
WIDE_ACTIONS = ("deleted", "cut anywhere", "swap inside", "flip in cells", "flip in table",
                "flip in content payload", "flip in piece payload")


def is_large(store, kind):
    return any((store.data / name).stat().st_size >= 3 * BLOCK for name in store.files
               if kind_of(name) == kind)


def actions_on(store, kind):
    """[(action, what does it)] for a kind of file that is there."""
    names = [name for name in store.files if kind_of(name) == kind]
    found = {field for name in names
             for field in layout.fields(name, (store.data / name).read_bytes(), store.reserved())}
    actions = [(f"flip in {field}", ("flip", kind, field)) for field in sorted(found)]
    actions += [("appended to", ("grow", kind)), ("deleted", ("delete", kind)),
                ("cut to 0", ("cut", kind, "to 0")), ("cut anywhere", ("cut", kind, "anywhere"))]
    if kind == "catalogue.db-wal":
        actions.append(("cut before a frame", ("cut_frames", kind)))
    if not is_large(store, kind):
        return actions
    actions += [("cut at a sector", ("cut", kind, "at a sector")),
                ("cut by its end", ("cut", kind, "by its end")),
                ("sector zeroed", ("zero", kind)), ("swap inside", ("swap", kind, kind))]
    return actions + [(f"swap with {other}", ("swap", kind, other))
                      for other in ("segment", "units.db", "catalogue.db", "catalogue.db-wal")
                      if other != kind and (other == "segment" or other in store.files)]


def older_kinds(store):
    """Kinds of files that were once other than they are, or were there and are not."""
    kinds = set()
    for snapshot in store.snapshots:
        for path in (path for path in snapshot.rglob("*") if path.is_file()):
            name = str(path.relative_to(snapshot))
            now = store.data / name
            if not now.exists() or now.read_bytes() != path.read_bytes():
                kinds.add(kind_of(name))
    return sorted(kinds - {"lock"})


def older_actions(store):
    """[(kind, action, what does it)]: one file as it was beside newer others, two, all."""
    kinds = older_kinds(store)
    for kind in kinds:
        yield kind, "older copy", ("older", kind)
    for pair in itertools.combinations(kinds, 2):
        yield "older together", " and ".join(pair), ("older", *pair)
    yield ("older together", "all but the segments",
           ("older", *(kind for kind in kinds if kind != "segment")))


def classes_of(store):
    """[(kind, action, what does it)]"""
    kinds = sorted({kind_of(name) for name in store.files})
    found = [(kind, action, call) for kind in kinds for action, call in actions_on(store, kind)]
    found += older_actions(store)
    if store.name == "wide":
        found = [one for one in found if one[1] in WIDE_ACTIONS and one[0] not in ("format", "lock")]
    return [("nothing", "nothing", ("nothing",)), *found,
            ("damaged", "made up", ("invent", "damaged")),
            ("damaged", "marks what is sound", ("mark", "damaged"))]


class Stores(dict):
    """{name: store}"""

    @functools.cached_property
    def classes(self):
        """{(kind, action): [(store, what does it)]}, in an order that is the same each time."""
        classes = {}
        for store in self.values():
            for kind, action, call in classes_of(store):
                classes.setdefault((kind, action), []).append((store.name, call))
        return dict(sorted(classes.items()))


def choose(stores, seed, number):
    """(kind, action, store, what does it): each class comes once in a round."""
    round_, place = divmod(number, len(stores.classes))
    order = list(stores.classes)
    random.Random(f"{seed} round {round_}").shuffle(order)
    ways = stores.classes[order[place]]
    weights = [WIDE_WEIGHT if store == "wide" else 1 for store, _ in ways]
    (way,) = random.Random(f"{seed} {number}").choices(ways, weights)
    return *order[place], *way


def inflict(stores, seed, number, folder):
    """Copies a store to `folder` and damages it."""
    kind, action, name, (verb, *arguments) = choose(stores, seed, number)
    store, case = stores[name], Case(seed, number, name, kind, action)
    for attempt in range(20):  # until something has changed: zeroes are swapped with zeroes
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(store.data, folder)
        hand = Hand(store, folder, random.Random(f"{seed} {number} {attempt}"))
        getattr(hand, verb)(*arguments)
        if hand.changed or verb == "nothing":
            break
    case.text, case.changed = "; ".join(hand.text), hand.changed
    case.touched = ANY if hand.touched is ANY else frozenset(hand.touched)
    return case
