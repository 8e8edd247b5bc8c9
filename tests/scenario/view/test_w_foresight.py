"""W7: a persist that already sees a conflict coming warns. It looks only at what its layer
and others have in common (daemon/workspace/overlap.h); here it is held against the view itself."""

import random

import client
from client import directory, file, symlink
from wire import Refused
from wire_case import WireScenario, identity

NAMES = (b"a", b"b", b"c")
BULK = 3000  # rows: several pieces of a manifest


def random_entry(dice):
    return dice.choice((file("1"), file("2"), file("1", 0o755), directory(), symlink(b"x")))


def random_tree(dice, tree):
    """Some entries put over those of a tree, which keeps to its rule: nothing is below a
    file or a link."""
    tree = dict(tree)
    for _ in range(dice.randint(0, 4)):
        path = b"/".join(dice.choice(NAMES) for _ in range(dice.randint(1, 3)))
        entry = random_entry(dice)
        for other in list(tree):
            above = path.startswith(other + b"/") and tree[other].type != client.DIRECTORY
            below = other.startswith(path + b"/") and entry.type != client.DIRECTORY
            if above or below:
                del tree[other]
        tree[path] = entry
    return tree


def bulk(dice):
    tree = {b"m/%04d" % number: file("same") for number in range(BULK)}
    for _ in range(dice.randint(0, 2)):
        number = dice.randrange(BULK)
        if dice.random() < 0.5:
            tree.pop(b"m/%04d" % number, None)
        tree[b"m/%04d" % dice.randrange(BULK)] = file(dice.choice(("same", "other")))
    return tree


class Foresight(WireScenario):
    def conflicts_of(self, layer):
        """Paths of the view of all layers of its run at which this one is in conflict."""
        who = identity(workflow=layer["workflow"], run=layer["run"])
        with self.connect() as connection:
            try:
                client.ls(connection, who, if_empty=True)
            except Refused as refused:
                self.assertLess(refused.error["conflict_count"], 20)
                return {each["path"] for each in refused.error["conflicts"]
                        if layer["layer"] in each["layers"]}
        return set()

    def begin_tree(self, dice, connection, who, large):
        """What a job has before it works: nothing, or what it attached of some jobs."""
        tree = bulk(dice) if large and dice.random() < 0.5 else {}
        if dice.random() < 0.6:
            some = [f"job{number}" for number in range(8) if dice.random() < 0.5]
            view = client.attach(connection, who, on_conflict="last", if_empty=True,
                                 **({"from": some, "stale": "keep"} if dice.random() < 0.4 else {}))
            if dice.random() < 0.7:
                tree = dict(view.tree)
        return tree

    def one_workspace(self, seed, large):
        dice = random.Random(seed)
        warned = 0
        for number in range(8):
            who = identity(f"job{dice.randrange(8)}", f"w{seed}", run=str(1 + number // 5))
            with self.connect() as connection:
                tree = random_tree(dice, self.begin_tree(dice, connection, who, large))
                done = client.persist(connection, who, tree)
            said = [text for text in done.warnings if "was also persisted by" in text]
            expected = self.conflicts_of(done.layer)
            self.assertEqual(bool(said), bool(expected), (seed, number, said, expected))
            if said:
                path = said[0].split("`")[1].encode()
                self.assertIn(path, expected, (seed, number))
            warned += len(said)
        return warned

    def test_w7_a_persist_warns_exactly_of_the_conflicts_of_its_layer(self):
        warned = [self.one_workspace(seed, False) for seed in range(60)]
        self.assertGreater(sum(warned), 60)

    def test_w7_also_where_most_is_equal(self):
        warned = [self.one_workspace(seed, True) for seed in range(1000, 1008)]
        self.assertGreater(sum(warned), 8)

    def put_one(self, path, content, workflow):
        """What a persist of one file warns of, beside a large layer: paths."""
        who = identity(path.hex(), workflow)
        return self.warned(self.put(who, {path: file(content)}))

    @staticmethod
    def warned(done):
        return [text.split("`")[1].encode() for text in done.warnings
                if "was also persisted by" in text]

    def test_w7_one_file_beside_many(self):
        """The small layer's path is looked up in the pieces of the large one."""
        names = [b"m/%04d" % number for number in range(BULK)]
        large = {name: file("same") for name in names}
        for workflow in ("large first", "small first"):
            if workflow == "large first":
                self.put(identity("large", workflow), large)
            for number in (0, 1, 700, 1500, 2222, BULK - 2, BULK - 1):
                path = names[number]
                self.assertEqual(self.put_one(path + b"x", "other", workflow), [])
                if workflow == "small first":
                    single = f"{workflow} {number}"
                    self.put_one(path, "other", single)
                    done = self.put(identity("large", single), large)
                    self.assertEqual(self.warned(done), [path])
                else:
                    self.assertEqual(self.put_one(path, "other", workflow), [path])
        self.assertEqual(self.put_one(b"m/1000/below", "x", "large first"), [b"m/1000"])
        self.assertEqual(self.put_one(names[3], "same", "large first"), [])
        self.assertEqual(self.put_one(b"a", "x", "large first"), [])
        self.assertEqual(self.put_one(b"z", "x", "large first"), [])
        self.assertEqual(self.put_one(b"m", "a file", "large first"), [b"m"])
