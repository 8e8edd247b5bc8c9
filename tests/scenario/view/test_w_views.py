"""Rules W5, W6 and W8: what an attach sees, in which order, and what when that is nothing."""

from harness import Scenario, contents, random_bytes
from proxy import Cut, Hold


class Views(Scenario):
    def assert_seen(self, expected, job=None, *flags, **options):
        got, out = self.attach(job, *flags, **options)
        self.assertEqual(set(contents(out)), set(expected))
        return got

    def jobs_of(self, got):
        return [layer["job"] for layer in got["layers"]]


class WhatAnAttachSees(Views):
    def test_w5_needs_are_followed_upstream_through_the_needs_they_gave(self):
        self.persist("a", {"a": ""}, "--needs", "")
        self.persist("b", {"b": ""}, "--needs", "a")
        self.persist("c", {"c": ""}, "--needs", "b")
        self.persist("other", {"other": ""}, "--needs", "")
        self.assert_seen({"a", "b", "c"}, "d", "--needs", "c")
        self.assert_seen({"a"}, "e", "--needs", "a")

    def test_w5_needs_are_followed_through_attaches_where_none_were_given(self):
        self.persist("a", {"a": ""})
        self.persist("other", {"other": ""})
        self.attach("b", "--from", "a")
        self.persist("b", {"b": ""})
        self.assert_seen({"a", "b"}, "c", "--needs", "b")

    def test_w5_needs_that_are_given_and_empty_see_nothing(self):
        self.persist("a", {"a": ""})
        self.refused("attach", "--needs", "", self.missing(), job="b", status=3)

    def test_w5_without_needs_every_visible_layer_is_seen(self):
        self.persist("a", {"a": ""})
        self.persist("b", {"b": ""})
        self.assert_seen({"a", "b"}, "c")
        self.assert_seen({"a", "b"})

    def test_w5_layers_of_the_own_job_are_not_seen_but_of_the_own_execution(self):
        self.persist("a", {"base": ""})
        self.persist("b", {"first": ""}, "--attempt", "1")
        self.persist("b", {"shard": ""}, "--shard", "2/2")
        self.assert_seen({"base"}, "b", "--attempt", "2")
        self.assert_seen({"base", "first"}, "b", "--attempt", "1")

    def test_w5_layers_that_come_after_the_own_job_are_not_seen(self):
        self.persist("a", {"a": ""})
        self.attach("b")
        self.persist("b", {"b": ""})
        self.attach("c")
        self.persist("c", {"c": ""})
        self.persist("free", {"free": ""})
        self.assert_seen({"free"}, "a", "--attempt", "2")
        self.assert_seen({"a", "free"}, "b", "--attempt", "2")

    def test_w5_layers_of_later_runs_are_not_seen(self):
        self.persist("a", {"one": ""}, "--run", "1")
        self.persist("b", {"two": ""}, "--run", "2")
        self.assert_seen({"one"}, "c", "--run", "1")
        self.assert_seen({"one", "two"}, "c", "--run", "2")

    def test_w5_a_job_of_an_earlier_run_is_seen_until_its_own_run_again_commits(self):
        self.persist("a", {"one": ""}, "--run", "1")
        self.persist("a", {"two": ""}, "--run", "2")
        self.assert_seen({"one"}, "c", "--run", "1")
        self.assert_seen({"two"}, "c", "--run", "2")

    def test_w5_from_narrows_the_view_and_may_name_any_job(self):
        for job in "abc":
            self.persist(job, {job: ""})
        self.assert_seen({"a", "c"}, "d", "--from", "a", "--from", "c")
        self.assert_seen({"b"}, "d", "--needs", "a", "--from", "b")

    def test_w5_a_need_never_heard_of_is_a_warning_and_listed(self):
        self.persist("a", {"a": ""})
        got = self.assert_seen({"a"}, "b", "--needs", "a", "--needs", "ghost")
        self.assertEqual(got["unknown_needs"], ["ghost"])
        self.assertTrue(any("`ghost`" in warning for warning in got["warnings"]))

    def test_w5_a_name_never_heard_of_in_from_or_prefer_is_a_warning(self):
        self.persist("a", {"a": ""})
        for option in ("--from", "--prefer"):
            got = self.assert_seen({"a"}, "b", option, "a", option, "ghost", option, "host")
            self.assertEqual(got["warnings"], [f"{option} `ghost` and `host`: the daemon never "
                                               "heard of that in this workflow"])
            self.assertEqual(self.assert_seen({"a"}, "b", option, "a")["warnings"], [])

    def test_w5_a_need_never_heard_of_is_part_of_the_sentence_for_nothing(self):
        self.persist("a", {"a": ""})
        self.refused("attach", "--needs", "ghost", self.missing(), job="b", status=3,
                     says="`ghost`")

    def test_w5_the_view_is_fixed_when_the_daemon_answers(self):
        self.persist("a", {"big": random_bytes(3_000_000), "x": "1"})
        hold = Hold("down", 1_500_000)
        proxy = self.proxy(hold)
        into = self.missing()
        attach = self.popen("attach", "--server", proxy.url, into, job="b")
        hold.wait()
        self.persist("later", {"later": ""})
        self.persist("a", {"x": "2"}, "--attempt", "2")
        hold.release()
        attach.communicate()
        self.assertEqual(attach.returncode, 0)
        self.assertEqual({path.name for path in into.iterdir()}, {"big", "x"})
        self.assertEqual((into / "x").read_text(), "1")


class Order(Views):
    def assert_x(self, expected, *flags):
        _, out = self.attach(None, *flags)
        self.assertEqual(contents(out)["x"], expected)

    def test_w6_what_was_attached_comes_before_what_was_persisted(self):
        self.persist("b", {"b": ""})  # so that names and times say otherwise
        self.persist("z", {"x": "z"})
        self.attach("b", "--attempt", "2")
        self.persist("b", {"x": "b"}, "--attempt", "2")
        self.assert_x("b")

    def test_w6_the_order_is_transitive(self):
        self.persist("a", {"x": "a"})
        self.attach("b", "--from", "a")
        self.persist("b", {"b": ""})
        self.attach("c", "--from", "b")
        self.persist("c", {"x": "c"})
        self.assert_x("c")

    def test_w6_a_declared_need_orders_what_was_not_attached(self):
        self.persist("b", {"x": "b"}, "--needs", "a")
        self.persist("a", {"x": "a"}, "--needs", "")
        self.assert_x("b")

    def test_w6_an_observed_attach_beats_a_declared_need(self):
        self.persist("a", {"y": ""})
        self.attach("b", "--needs", "a")
        self.persist("b", {"x": "b"}, "--needs", "a")
        self.persist("a", {"x": "a"})
        self.refused("attach", self.missing(), status=4, says="`x`")

    def test_w6_three_jobs_of_which_one_attached_nothing(self):
        a = self.persist("a", {"x": "a"})
        self.attach("b")
        b = self.persist("b", {"x": "b"})
        c = self.persist("c", {"x": "c"})
        self.assert_x("b", "--from", "a", "--from", "b")
        sentence = self.refused("attach", self.missing(), status=4, says=("`x`", "`b`", "`c`"))
        self.assertIn(b["layer"], sentence)
        self.assertIn(c["layer"], sentence)
        self.assertNotIn(a["layer"], sentence)

    def test_w6_looking_and_failing_teach_nothing(self):
        self.persist("a", {"x": "a"})
        file = self.tree({"file": ""}) / "file"
        self.baton("ls", job="b")
        self.baton("cat", "x", job="b")
        self.baton("attach", "-n", self.missing(), job="b")
        self.refused("attach", file, job="b", status=9)
        self.refused("attach", "--expect", "sha256:" + "0" * 64, self.missing(), job="b", status=6)
        self.baton("attach", self.missing())  # anonymous
        self.persist("b", {"x": "b"})
        self.refused("attach", self.missing(), status=4)

    def test_w6_an_attach_that_is_killed_teaches_nothing(self):
        self.persist("a", {"x": "a", "big": random_bytes(3_000_000)})
        hold = Hold("down", 1_500_000)
        proxy = self.proxy(hold)
        attach = self.popen("attach", "--server", proxy.url, self.missing(), job="b")
        hold.wait()
        attach.kill()
        attach.wait()
        self.persist("b", {"x": "b"})
        self.refused("attach", self.missing(), status=4)

    def test_w6_an_attach_whose_last_word_is_lost_is_recorded_by_another_try(self):
        self.persist("a", {"x": "a"})
        proxy = self.proxy()
        self.baton("attach", "--server", proxy.url, self.missing(), job="p")
        proxy = self.proxy(Cut("up", proxy.connections[0].bytes["up"] - 1))
        self.baton("attach", "--server", proxy.url, self.missing(), job="b")
        self.assertEqual(len(proxy.connections), 2)
        self.persist("b", {"x": "b"})
        self.assert_x("b")

    def test_w6_concurrent_layers_are_listed_by_need_job_shard_and_sequence(self):
        self.persist("z", {"z1": ""})
        self.persist("b", {"b10": ""}, "--shard", "10/10")
        self.persist("b", {"b2": ""}, "--shard", "2/10")
        self.persist("a", {"a1": ""})
        self.persist("a", {"a2": ""})
        names = [(layer["job"], layer["shard"], layer["sequence"])
                 for layer in self.assert_seen({"z1", "b10", "b2", "a1", "a2"})["layers"]]
        self.assertEqual(names, [("a", "", 1), ("a", "", 2), ("b", "2/10", 1), ("b", "10/10", 1),
                                 ("z", "", 1)])
        got, _ = self.attach("c", "--needs", "z", "--needs", "b", "--needs", "a")
        self.assertEqual(self.jobs_of(got), ["z", "b", "b", "a", "a"])

    def test_w6_log_says_what_each_layer_came_after(self):
        a = self.persist("a", {"a": ""})
        self.attach("b")
        b = self.persist("b", {"b": ""})
        layers = {layer["layer"]: layer for layer in self.baton("log", "--json").json["layers"]}
        self.assertEqual(layers[b["layer"]]["after"], [a["layer"]])
        self.assertEqual(layers[a["layer"]]["after"], [])


class Nothing(Views):
    def assert_refused(self, *flags, says, **options):
        into = self.missing()
        with self.nothing_changes(into.parent):
            self.refused("attach", *flags, into, status=3, says=says, **options)
        for choice in ("ok", "warn"):
            got, out = self.attach(None, f"--if-empty={choice}", *flags, **options)
            self.assertEqual(contents(out), {})
            self.assertEqual(bool(got["warnings"]), choice == "warn")

    def test_w8_an_unknown_workflow_is_an_error(self):
        self.assert_refused(says="workflow `ghost` is unknown", workflow="ghost")

    def test_w8_no_visible_layer_is_an_error(self):
        self.persist("a", {"a": ""})
        self.assert_refused("--from", "b", says="from `b`; the daemon never heard of `b`")

    def test_l1_of_many_needs_that_nobody_heard_of_the_first_few_are_named(self):
        needs = [f"need-{n:03}-" + "ü" * 40 for n in range(300)]
        flags = [word for need in needs for word in ("--needs", need)]
        self.persist("a", {"a": ""})
        sentence = self.refused("attach", *flags, "--from", "b", self.missing(), status=3,
                                says=f"never heard of the job `{needs[0]}`, ")
        named = [need for need in needs if f"`{need}`" in sentence]
        self.assertEqual(sentence.count("need-"), len(named))
        self.assertIn(f" and {300 - len(named)} more", sentence)

    def test_an_unknown_name_with_a_comma_may_be_meant_as_a_list(self):
        for job in ("a", "b", "x,y"):
            self.persist(job, {job: ""})
        hint = "a comma does not separate names here; give %s once for each"
        for flag in ("--needs", "--from"):
            self.refused("attach", flag, "a,b", self.missing(), status=3,
                         says=("`a,b`", hint % flag))
        for flags in (["--needs", "a,b", "--needs", "a"], ["--from", "a,b", "--from", "a"],
                      ["--prefer", "a,b"]):
            warnings = self.attach(None, *flags)[0]["warnings"]
            self.assertEqual(len(warnings), 1)
            self.assertIn("`a,b`", warnings[0])
            self.assertIn(hint % flags[0], warnings[0])
        for flags in (["--needs", "x,y"], ["--needs", "ghost", "--needs", "a"]):
            self.assertNotIn("comma", str(self.attach(None, *flags)[0]["warnings"]))

    def test_w8_a_filter_that_matches_nothing_is_an_error(self):
        self.persist("a", {"a": ""})
        self.assert_refused("--only", "ghost/**", says="--only")
        self.assert_refused("--exclude", "*", says="--exclude")

    def test_w8_ls_names_the_glob_that_matches_nothing(self):
        self.persist("a", {"a": ""})
        for globs, says in ((["ghost"], "`ghost`: nothing"),
                            (["ghost", "host"], "`ghost` and the others: nothing")):
            sentence = self.refused("ls", *globs, status=3, says=says)
            self.assertNotIn("--only", sentence)

    def test_w8_an_expired_workflow_is_an_error_with_its_date(self):
        self.persist("a", {"a": ""})
        self.daemon.expire("w")
        self.refused("attach", self.missing(), status=3, says=("`w` expired on 2",))
        root = self.tree({"a": ""})
        self.refused("persist", "--root", root, ".", job="a", status=3, says="expired on 2")

    def test_w8_another_workflow_that_is_unknown_or_expired_is_an_error_too(self):
        self.assert_refused("--from-workflow", "ghost", says="`ghost`: unknown")
        self.persist("a", {"a": ""}, workflow="old")
        self.daemon.expire("old")
        self.assert_refused("--from-workflow", "old", says="`old` expired on 2")
        self.assert_refused(says="`old` expired on 2", workflow="old")

    def test_w8_a_view_of_only_empty_layers_succeeds_with_a_warning(self):
        self.baton("persist", "--if-empty=ok", "nothing*", job="a", cwd=self.tree({}))
        got, out = self.attach()
        self.assertEqual(contents(out), {})
        self.assertTrue(got["warnings"])

    def test_w8_a_layer_that_is_missing_is_fatal(self):
        self.persist("a", {"a": random_bytes(100_000)})
        self.persist("b", {"b": "b"})
        self.daemon.stop()
        for segment in self.daemon.segments():
            segment.unlink()
        self.daemon.start()
        into = self.missing()
        self.refused("attach", into, status=6)
        self.assertFalse(into.exists())

    def test_w8_a_layer_that_is_damaged_is_fatal(self):
        self.persist("a", {"a": random_bytes(100_000)})
        self.persist("b", {"b": "b"})
        self.daemon.stop()
        for segment in self.daemon.segments():
            segment.write_bytes(segment.read_bytes()[:1000])
        self.daemon.start()
        into = self.missing()
        self.refused("attach", into, status=6)
        self.assertFalse(into.exists())
