"""Rules W1 to W4: what one persist makes, and which persist replaces which."""

import os

from harness import Scenario, contents, random_bytes
from proxy import Cut, Hold

BULK = {f"f{number}": random_bytes(300_000, number) for number in range(12)}


class AllOrNothing(Scenario):
    def test_w1_nobody_sees_a_persist_before_it_is_acknowledged(self):
        root = self.tree(BULK)
        hold = Hold("up", 2_000_000)
        proxy = self.proxy(hold)
        persist = self.popen("persist", "--server", proxy.url, "--root", root, ".", job="a")
        hold.wait()
        self.refused("attach", self.missing(), status=3)
        self.assertEqual(self.baton("log", "--all", "--json").json["layers"], [])
        hold.release()
        persist.communicate()
        self.assertEqual(persist.returncode, 0)
        _, out = self.attach()
        self.assertEqual(len(contents_of(out)), len(BULK))

    def test_w1_a_persist_that_breaks_off_leaves_nothing(self):
        root = self.tree(BULK)
        hold = Hold("up", 2_000_000)
        proxy = self.proxy(hold)
        persist = self.popen("persist", "--server", proxy.url, "--root", root, ".", job="a")
        hold.wait()
        persist.kill()
        persist.wait()
        self.refused("attach", self.missing(), status=3)
        self.assertEqual(self.status()["layers"], 0)

    def test_w1_an_acknowledged_layer_survives_kill_9(self):
        made = self.persist("a", BULK)
        self.daemon.kill()
        self.daemon.start()
        got, out = self.attach()
        self.assertEqual(got["digest"], made["digest"])
        self.assertEqual(contents_of(out), {name.encode(): data for name, data in BULK.items()})


def contents_of(root):
    return {name: (root / os.fsdecode(name)).read_bytes() for name in map(os.fsencode,
            os.listdir(root))}


class TheSamePersistAgain(Scenario):
    def persist_through(self, proxy, root, namespace):
        return self.baton("persist", "--json", "--server", proxy.url, "--namespace", namespace,
                          "--root", root, ".", job="a").json

    def layers(self, namespace):
        return self.baton("log", "--all", "--json", "--namespace", namespace).json["layers"]

    def assert_one_layer(self, root, plan, namespace):
        made = self.persist_through(self.proxy(*plan), root, namespace)
        layers = self.layers(namespace)
        self.assertEqual([layer["layer"] for layer in layers], [made["layer"]])
        self.assertEqual(made["digest"], self.digest)
        self.assertEqual(made["files"], len(BULK))

    def test_w2_a_connection_lost_at_any_byte_gives_one_layer(self):
        root = self.tree(BULK)
        proxy = self.proxy()
        self.digest = self.persist_through(proxy, root, "whole")["digest"]
        total = proxy.connections[0].bytes
        for way in ("up", "down"):
            for at in sorted({0, 1, 7, 8, *(total[way] * part // 7 for part in range(1, 7)),
                              total[way] - 200, total[way] - 1}):
                with self.subTest(way=way, at=at):
                    self.assert_one_layer(root, [Cut(way, at)], f"{way}-{at}")

    def test_w2_an_acknowledgement_that_is_lost_is_asked_for_and_nothing_is_sent_again(self):
        root = self.tree(BULK)
        proxy = self.proxy()
        self.digest = self.persist_through(proxy, root, "whole")["digest"]
        proxy = self.proxy(Cut("down", proxy.connections[0].bytes["down"] - 1))
        self.persist_through(proxy, root, "lost")
        self.assertEqual(len(self.layers("lost")), 1)
        self.assertLess(proxy.connections[-1].bytes["up"], 2000)

    def test_w2_several_connections_lost_in_a_row_give_one_layer(self):
        root = self.tree(BULK)
        proxy = self.proxy()
        self.digest = self.persist_through(proxy, root, "whole")["digest"]
        up = proxy.connections[0].bytes["up"]
        self.assert_one_layer(root, [Cut("up", up // 2), Cut("down", 40), Cut("up", up // 3)],
                              "often")


class SeveralPersists(Scenario):
    def test_w3_a_later_persist_of_one_execution_wins_and_all_are_visible(self):
        self.persist("a", {"x": "1", "one": "1"})
        made = self.persist("a", {"x": "2", "two": "2"})
        got, out = self.attach()
        self.assertEqual(contents(out), {"x": "2", "one": "1", "two": "2"})
        self.assertEqual([layer["sequence"] for layer in got["layers"]], [1, 2])
        self.assertEqual(made["sequence"], 2)
        self.assertEqual(made["replaces"], [])


class Replacing(Scenario):
    def assert_seen(self, expected, *flags):
        _, out = self.attach(None, *flags)
        self.assertEqual(contents(out), expected)

    def test_w4_a_later_attempt_replaces_an_earlier_one(self):
        first = self.persist("a", {"x": "1", "gone": ""})
        second = self.persist("a", {"x": "2"}, "--attempt", "2")
        self.assertEqual(second["replaces"], [first["layer"]])
        self.assert_seen({"x": "2"})

    def test_w4_a_later_run_replaces_whatever_the_attempt(self):
        self.persist("a", {"x": "1"}, "--attempt", "7")
        self.persist("a", {"x": "2"}, "--run", "2", "--attempt", "1")
        self.assert_seen({"x": "2"}, "--run", "2")

    def test_w4_attempts_that_are_numbers_are_ordered_as_numbers(self):
        self.persist("a", {"x": "10"}, "--attempt", "10")
        self.persist("a", {"x": "9"}, "--attempt", "9")
        self.assert_seen({"x": "10"})

    def test_w4_runs_that_are_numbers_are_ordered_as_numbers_at_any_length(self):
        self.persist("a", {"x": "long"}, "--run", "123456789012345678901234567890")
        self.persist("a", {"x": "short"}, "--run", "99")
        self.assert_seen({"x": "long"}, "--run", "123456789012345678901234567890")

    def test_w4_other_attempts_are_ordered_by_when_they_were_first_heard_of(self):
        self.persist("a", {"x": "zebra"}, "--attempt", "zebra")
        self.persist("a", {"x": "ant"}, "--attempt", "ant")
        self.persist("a", {"y": "late"}, "--attempt", "zebra")
        self.assert_seen({"x": "ant"})

    def test_w4_another_job_and_another_shard_are_not_replaced(self):
        self.persist("a", {"a": ""}, "--shard", "1/2")
        self.persist("a", {"b": ""}, "--shard", "2/2", "--attempt", "2")
        self.persist("b", {"c": ""}, "--attempt", "3")
        self.assert_seen({"a": "", "b": "", "c": ""})

    def test_w4_shards_of_another_total_are_replaced(self):
        for index in ("1/2", "2/2"):
            self.persist("a", {f"old-{index[0]}": ""}, "--shard", index)
        made = self.persist("a", {"new-1": ""}, "--shard", "1/3", "--attempt", "2")
        self.assertEqual(len(made["replaces"]), 2)
        self.assert_seen({"new-1": ""})

    def test_w4_labels_that_are_no_numbered_shards_replace_only_themselves(self):
        self.persist("a", {"linux": ""}, "--shard", "linux")
        self.persist("a", {"mac": ""}, "--shard", "mac", "--attempt", "2")
        self.assert_seen({"linux": "", "mac": ""})

    def test_w4_an_empty_layer_replaces_too(self):
        self.persist("a", {"x": "1"})
        self.persist("b", {"y": "1"})
        for choice in ("ok", "warn"):
            root = self.tree({})
            made = self.baton("persist", "--json", "--root", root, "--attempt", "2",
                              f"--if-empty={choice}", "nothing/*", job="a")
            self.assertEqual(made.json["files"], 0)
            self.assertEqual(bool(made.json["warnings"]), choice == "warn")
        self.assert_seen({"y": "1"})

    def test_w4_a_layer_that_commits_late_stays_out_of_view_and_warns(self):
        self.persist("a", {"x": "2"}, "--attempt", "2")
        late = self.persist("a", {"x": "1", "late": ""}, "--attempt", "1")
        self.assertTrue(late["warnings"])
        self.assert_seen({"x": "2"})

    def test_w4_all_stay_in_the_history(self):
        first = self.persist("a", {"x": "1"})
        second = self.persist("a", {"x": "2"}, "--attempt", "2")
        late = self.persist("a", {"x": "late"})
        self.assertEqual([layer["layer"] for layer in self.baton("log", "--json").json["layers"]],
                         [second["layer"]])
        states = {layer["layer"]: layer["state"]
                  for layer in self.baton("log", "--all", "--json").json["layers"]}
        self.assertEqual(states, {first["layer"]: "replaced", second["layer"]: "visible",
                                  late["layer"]: "late"})

    def test_w4_two_executions_with_one_identity_are_refused(self):
        self.persist("a", {"x": "1"}, "--execution", "one")
        self.persist("a", {"y": "1"}, "--execution", "one")
        root = self.tree({"x": "2"})
        for verb in (["persist", "--root", root, "."], ["attach", self.missing()]):
            with self.nothing_changes():
                self.refused(*verb, "--execution", "two", job="a", status=2,
                             says=("two executions call themselves `a`",
                                   "a matrix? give each leg its --shard"))
        self.persist("a", {"z": "1"}, "--execution", "two", "--shard", "other")
