"""Damage to every file of a store, a hundred kinds of it (tests/damage/README.md).

Each test is one kind of file; `./build.sh damage` does the same thousands of times.
"""

import copy
import sys
import unittest

from harness import TOP

sys.path.insert(0, str(TOP / "tests/damage"))

import damages  # noqa: E402
import rules  # noqa: E402
import series  # noqa: E402
import trial  # noqa: E402

SEED = 9


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = series.stores_made()
        cls.stores, cls.folder = made.__enter__()
        cls.addClassCleanup(made.__exit__, None, None, None)
        cls.numbers = {}
        for number in range(len(cls.stores.classes)):
            kind, action, *_ = damages.choose(cls.stores, SEED, number)
            cls.numbers[kind, action] = number

    def hold(self, *kinds):
        """Every damage to these kinds of files ends as it may."""
        chosen = [number for (kind, _), number in self.numbers.items() if kind in kinds]
        self.assertTrue(chosen, self.numbers)
        for number in chosen:
            case, _, faults = series.one_case(self.stores, self.folder, SEED, number)
            with self.subTest(case=case.name):
                self.assertFalse(faults, "\n" + series.describe(case, faults))

    def test_segments(self):
        self.hold("segment")

    def test_the_unit_index(self):
        self.hold("units.db")

    def test_format_lock_and_marks(self):
        self.hold("format", "lock", "clean", "stamp", "damaged", "scrub", "nothing")

    def test_the_catalogue(self):
        self.hold("catalogue.db")

    def test_the_catalogues_log(self):
        self.hold("catalogue.db-wal")

    def test_files_that_are_older_than_others(self):
        self.hold("older together")

    def test_no_kind_of_file_is_left_out(self):
        self.assertLessEqual({kind for kind, _ in self.numbers},
                             {"segment", "units.db", "format", "lock", "clean", "stamp", "damaged",
                              "scrub", "nothing", "catalogue.db", "catalogue.db-wal", "older together"})


class TheToolItself(unittest.TestCase):
    """A rule that nothing can break proves nothing: here each is broken."""

    @classmethod
    def setUpClass(cls):
        made = series.stores_made(["stopped"])
        cls.stores, cls.folder = made.__enter__()
        cls.addClassCleanup(made.__exit__, None, None, None)
        cls.store = cls.stores["stopped"]
        # Seen once without a damage; the tests change what was seen.
        with trial.room_of(cls.folder, "sound") as folder:
            cls.case = damages.Case(0, 0, "stopped", "nothing", "nothing", touched=frozenset())
            trial.copy_of(cls.store, folder)
            cls.record = trial.Trial(cls.store, cls.case, folder).run()

    def judge(self, change=lambda record: None, store=None, **case):
        seen = copy.deepcopy(self.record)
        change(seen)
        return rules.verdict(damages.dataclasses.replace(self.case, **case), store or self.store,
                             seen)

    def assert_fault(self, rule, change, **case):
        outcome, faults = self.judge(change, **case)
        self.assertEqual(outcome, "FAULT")
        self.assertTrue(any(fault.startswith(rule + ":") for fault in faults), faults)

    def test_a_sound_store_breaks_no_rule(self):
        self.assertEqual(self.judge(), ("harmless", []))

    def test_a_model_that_knows_other_bytes_is_noticed(self):
        views = [damages.dataclasses.replace(view, fingerprint="of another tree")
                 for view in self.store.views]
        doctored = damages.dataclasses.replace(self.store, views=views,
                                               listings={"status": {"layers": 1}})
        with trial.room_of(self.folder, "doctored") as folder:
            trial.copy_of(doctored, folder)
            record = trial.Trial(doctored, self.case, folder).run()
        _, faults = rules.verdict(self.case, doctored, record)
        rules_broken = [fault.partition(":")[0] for fault in faults]
        self.assertEqual(rules_broken.count("a wrong byte"), len(views) + 3)  # restarted, too
        self.assertIn("a wrong listing", rules_broken)

    def test_a_store_that_lost_a_layer_is_noticed(self):
        with trial.room_of(self.folder, "lost") as folder:
            trial.copy_of(self.store, folder)
            store = damages.dataclasses.replace(self.store, views=self.store.views + [
                damages.dataclasses.replace(self.store.views[0], workflow="gone")])
            record = trial.Trial(store, self.case, folder).run()
        self.assertIn("acknowledged, and said to be unknown",
                      [fault.partition(":")[0] for fault in rules.verdict(self.case, store,
                                                                          record)[1]])

    def test_a_segment_that_is_cut_under_the_daemon_is_noticed(self):
        with trial.room_of(self.folder, "cut") as folder:
            trial.copy_of(self.store, folder)
            one = trial.Trial(self.store, self.case, folder)
            before = one.vouched_bytes()
            path = next((folder / "data" / "segments").iterdir())
            path.write_bytes(path.read_bytes()[:-1])
            one.compare_vouched(before)
        self.assertEqual(len(one.record.lost), 1)

    def test_statuses(self):
        damaged = "baton: segment `x`: damaged"
        for rule, status in (("hangs", None), ("ended by a signal", -11), ("exit 1, a bug", 1),
                             ("not exit 6", 9), ("acknowledged, and said to be unknown", 3)):
            with self.subTest(rule=rule):
                def change(record, status=status):
                    record.attaches[0].status = status
                    record.attaches[0].sentence = damaged
                self.assert_fault(rule, change, touched=damages.ANY, kind="segment")

    def test_what_fails_has_to_be_touched_and_named(self):
        def change(record):
            record.attaches[0].status = 6
            record.attaches[0].sentence = "baton: segment `x`: damaged"
        self.assert_fault("fails, and is not touched", change)
        self.assert_fault("check says undamaged, and it fails", change)
        self.assert_fault("check does not name a layer that fails", change)
        named = self.record.attaches[0].layers

        def told(record):
            change(record)
            record.check_before.status = 6
            record.check_before.out = f"damaged: segment `x`; touches {' '.join(named)}"
        self.assertEqual(self.judge(told, kind="segment", touched=named), ("contained", []))
        self.assert_fault("no damage, and not served", told)

    def test_an_older_view_has_to_say_so(self):
        def older(record, warned=False):
            record.attaches[-1].right, record.attaches[-1].warned = False, warned
            record.check_before.status, record.check_before.out = 6, "damaged: `catalogue.db`"
        self.assert_fault("a wrong byte", older, touched=damages.ANY)
        says_so = self.judge(lambda record: older(record, True), touched=damages.ANY,
                             kind="catalogue.db")
        self.assertEqual(says_so, ("contained", []))
        self.assert_fault("a wrong byte", lambda record: older(record, True))

    def test_a_sentence_that_names_nothing(self):
        def change(record):
            record.attaches[0].status, record.attaches[0].sentence = 6, "baton: damaged"
        self.assert_fault("names nothing", change)

    def test_what_is_acknowledged_after_the_damage(self):
        def refuse(record):
            record.kept[0].status = record.restarted[0].status = 6
        self.assert_fault("acknowledged, and cannot be attached", refuse)
        self.assert_fault("gone after a restart", refuse)

        def met(record):
            record.met.append(trial.Answer("attach", 6, "baton: segment `x`: damaged"))
        self.assert_fault("acknowledged, and cannot be attached", met)

        def no_persist(record):
            record.persists[0].status = 6
        self.assert_fault("a persist is refused", no_persist)

    def test_the_directory(self):
        self.assert_fault("cut or deleted", lambda record: record.lost.append("x.seg is deleted"))
        self.assert_fault("check changed the directory",
                          lambda record: record.checks_after[0].changed.append("lock"))

    def test_a_start_that_is_refused(self):
        def refuse(record):
            record.start.status, record.start.log = 6, "batond: `data/units.db`: damaged store"
        self.assert_fault("start refused for what is not in the way of it", refuse)

        def cannot_again(record):
            record.restart.status, record.restart.log = 6, "batond: catalogue `x`"
        self.assert_fault("starts once, and not again", cannot_again)

    def test_a_case_is_the_same_again(self):
        def one():
            folder = self.folder / "again"
            case = damages.inflict(self.stores, 3, 17, folder)
            state = {name: (folder / name).read_bytes() for name in trial.files_of(folder)}
            return case, state
        self.assertEqual(one(), one())


if __name__ == "__main__":
    unittest.main()
