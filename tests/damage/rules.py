"""What must never be seen, whatever was damaged; and how a case ended.

verdict(case, store, record) gives (outcome, [faults]); a fault names the rule it breaks.
Nothing here looks at a disk or a clock.
"""

import re

from damages import ANY

DAMAGED = 6
# What a change of the store may be answered with while damage is known: damaged, or refused
# (7: the store is read-only).
PERSIST_REFUSED = (6, 7)
# A daemon does not start on a store whose catalogue or format cannot be read at all.
START_REFUSED = ("catalogue.db", "catalogue.db-wal", "format", "older together")
BAD_WORDS = ("Sanitizer", "runtime error:", "claim", "ssertion", "stack smashing")
OUTCOMES = ("harmless", "derived", "told", "contained", "read-only", "refused", "FAULT")


class Judge:
    def __init__(self, case, store, record):
        self.case, self.store, self.record = case, store, record
        self.faults = []

    def fault(self, rule, detail):
        self.faults.append(f"{rule}: {detail}")

    @property
    def damage_known(self):
        """Also where each layer has another copy of what it needs, which check tells with exit 0
        (FORMAT.md §7): the attach that meets the damaged one first fails all the same. A machine
        that is so busy that the index is not rebuilt yet after a start stores some units twice."""
        before = self.record.check_before
        return before.status == DAMAGED or "healed: " in before.out

    # ---- of every program that ran

    def ended_well(self, what, status, text):
        """Whether it ended by itself, with a status that is no bug."""
        if status is None or status == "hangs":
            self.fault("hangs", what)
        elif status < 0:
            self.fault("ended by a signal", f"{what}: signal {-status}: {text[-300:]}")
        elif status == 1:
            self.fault("exit 1, a bug", f"{what}: {text[-300:]}")
        elif any(word in text for word in BAD_WORDS):
            self.fault("aborted or sanitized", f"{what}: {text[-600:]}")

    def answers(self):
        record = self.record
        return [*record.listings, *record.attaches, *record.persists, *record.met, *record.kept,
                *record.again, *record.restarted]

    def clients(self):
        for told in self.answers():
            self.ended_well(told.what, told.status, told.sentence)
            if told.status == 0 and not told.right and not self.is_excused(told):
                rule = "a wrong byte" if told.what.startswith("attach") else "a wrong listing"
                self.fault(rule, told.what)
            if told.status not in (0, 3) and not names_something(told.sentence):
                self.fault("names nothing", f"{told.what}: {told.sentence}")

    def is_excused(self, told):
        """A store that has forgotten something serves what it knows, and says so each time."""
        return told.warned and not told.by_id and self.damage_known and self.case.touched is ANY

    # ---- the daemon

    def daemon(self):
        record = self.record
        for what, start in (("start", record.start), ("second start", record.restart)):
            if start is None:
                continue
            if start.status is None:
                self.ran(what, start)
            else:
                self.refused(what, start)

    def ran(self, what, start):
        if start.ended == -9 and what == "start":  # by the trial
            start_status = 0
        else:
            start_status = start.ended
        self.ended_well(f"daemon after the {what}", start_status, start.log)
        known = (0, DAMAGED) if self.case.touched is ANY else (0,)
        if start_status not in known:
            self.fault("the daemon ended otherwise", f"{what}: {start_status}: {start.log[-300:]}")

    def refused(self, what, start):
        self.ended_well(what, start.status, start.log)
        if what == "second start" and self.record.start.status is None:
            self.fault("starts once, and not again", start.log[-400:])
        if start.status != DAMAGED:
            self.fault("start refused otherwise", f"exit {start.status}: {start.log[-300:]}")
        if not self.may_refuse_start():
            self.fault("start refused for what is not in the way of it", start.log[-300:])
        if not names_something(start.log):
            self.fault("names nothing", f"{what}: {start.log[-300:]}")
        if self.record.check_before.status == 0:
            self.fault("check says undamaged, and it does not start", start.log[-300:])

    def may_refuse_start(self):
        words = f"{self.case.kind} {self.case.action}"
        return self.case.touched is ANY and any(kind in words for kind in START_REFUSED)

    # ---- what is acknowledged

    def attaches(self):
        for told in self.record.attaches:
            if told.status == 0:
                continue
            self.failing(told)
            if told.status == DAMAGED and not self.is_named(told):
                self.fault("check does not name a layer that fails", f"{told.what}: {told.sentence}")
        for told in self.record.listings:
            if told.status != 0:
                self.failing(told)
        for told in self.record.again:  # right again, or as it was
            if told.status not in (0, DAMAGED):
                self.fault("not exit 6", f"{told.what}, again: exit {told.status}: {told.sentence}")

    def failing(self, told):
        if told.status == 3:
            self.fault("acknowledged, and said to be unknown", f"{told.what}: {told.sentence}")
        elif told.status != DAMAGED:
            self.fault("not exit 6", f"{told.what}: exit {told.status}: {told.sentence}")
        if self.case.touched is not ANY and not told.layers & self.case.touched:
            self.fault("fails, and is not touched", f"{told.what}: {told.sentence}")
        if not self.damage_known:
            self.fault("check says undamaged, and it fails", f"{told.what}: {told.sentence}")

    def is_named(self, told):
        before = self.record.check_before
        text = before.out + before.err
        return any(layer in text for layer in told.layers) or bool(
            re.search(r"catalogue|format", text))

    def kept(self):
        """What was acknowledged after the damage is there, now and after a restart. Only what
        nobody had met may be met first; where no segment is damaged there is nothing to meet."""
        for told in self.record.met:
            if self.case.touched == frozenset() or not self.damage_known:
                self.fault("acknowledged, and cannot be attached", f"{told.what}: {told.sentence}")
        for told in self.record.kept:
            if told.status != 0:
                self.fault("acknowledged, and cannot be attached", f"{told.what}: {told.sentence}")
        for told in self.record.restarted:
            if told.status != 0:
                self.fault("gone after a restart", f"{told.what}: {told.sentence}")

    def persists(self):
        for told in self.record.persists:
            if told.status == 0:
                continue
            if told.status not in PERSIST_REFUSED or not self.damage_known:
                self.fault("a persist is refused", f"exit {told.status}: {told.sentence}")
            elif self.case.touched is not ANY:
                self.fault("a persist is refused, though the catalogue is sound",
                           f"exit {told.status}: {told.sentence}")

    # ---- the directory

    def directory(self):
        for what in self.record.lost:
            self.fault("cut or deleted", what)
        for check in (self.record.check_before, *self.record.checks_after):
            self.ended_well(check.what, check.status, check.out[-300:] + check.err)
            if check.changed:
                self.fault("check changed the directory", f"{check.what}: {check.changed}")
            if check.status not in (0, DAMAGED):
                self.fault("check ended otherwise", f"exit {check.status}: {check.err[-300:]}")
            if check.status == DAMAGED and not names_something(check.out + check.err):
                self.fault("names nothing", f"{check.what}: {check.err}")

    def torn(self):
        """A torn tail is no damage, and what is derived is none."""
        case = self.case
        harmless = case.kind == "nothing" or (
            case.action == "appended to" and case.kind in ("segment", "catalogue.db-wal"))
        if (harmless or case.touched == frozenset()) and self.outcome() in ("refused", "contained",
                                                                            "read-only"):
            self.fault("no damage, and not served", self.record.start.log[-300:])
        if harmless and self.damage_known:
            self.fault("no damage, and check says so", self.record.check_before.out)

    # ---- all of it

    def outcome(self):
        record = self.record
        if record.start.status is not None:
            return "refused"
        if any(told.status != 0 or not told.right
               for told in (*record.attaches, *record.listings)):
            return "contained"
        if any(told.status != 0 for told in record.persists):
            return "read-only"
        if self.damage_known:
            return "told"
        rebuilt = self.case.store == "stopped" and "index is rebuilt" in record.start.log
        return "derived" if rebuilt else "harmless"

    def verdict(self):
        for rule in (self.clients, self.daemon, self.attaches, self.kept, self.persists,
                     self.directory, self.torn):
            rule()
        return ("FAULT" if self.faults else self.outcome()), self.faults


def names_something(sentence):
    """Whether it says what is damaged, and not only that something is."""
    return bool(re.search(r"segment|catalogue|layer|workflow|format|frame|piece|unit|root|placement"
                          r"|store", sentence) and re.search(r"`|\b[0-9a-f]{16}\b", sentence))


def verdict(case, store, record):
    return Judge(case, store, record).verdict()
