"""Rules R1 to R5: workflows that retry another, and reading another workflow."""

from harness import Scenario, contents, random_bytes


class Retry(Scenario):
    def assert_seen(self, expected, *flags, workflow="w2", **options):
        got, out = self.attach(None, *flags, workflow=workflow, **options)
        self.assertEqual(contents(out), expected)
        return got

    def retry(self, *flags, workflow="w2", of="w", **options):
        """The first contact of a retry."""
        return self.attach("probe", "--retry-of", of, *flags, workflow=workflow, **options)


class Inheriting(Retry):
    def test_r1_a_retry_inherits_what_is_visible(self):
        self.persist("a", {"gone": ""})
        self.persist("a", {"a": "1"}, "--attempt", "2")
        self.persist("b", {"b": "1"})
        self.assert_seen({"a": "1", "b": "1"}, "--retry-of", "w")
        self.assert_seen({"a": "1", "b": "1"})

    def test_r1_the_first_contact_may_be_a_persist(self):
        self.persist("a", {"a": "1"})
        self.persist("b", {"b": "2"}, "--retry-of", "w", workflow="w2")
        self.assert_seen({"a": "1", "b": "2"})

    def test_r1_layers_are_inherited_with_their_order(self):
        self.persist("a", {"x": "a"})
        self.attach("b")
        self.persist("b", {"x": "b"})
        self.assert_seen({"x": "b"}, "--retry-of", "w")

    def test_r1_concurrent_layers_conflict_in_the_retry_too(self):
        self.persist("a", {"x": "a"})
        self.persist("b", {"x": "b"})
        self.refused("attach", "--retry-of", "w", self.missing(), workflow="w2", status=4)

    def test_r1_what_the_parent_adds_later_is_not_seen(self):
        self.persist("a", {"a": "1"})
        self.retry()
        self.persist("late", {"late": ""})
        self.persist("a", {"a": "2"}, "--attempt", "2")
        self.assert_seen({"a": "1"})

    def test_r1_the_parent_never_changes(self):
        self.persist("a", {"a": "1"})
        before = self.baton("log", "--all", "--json").json
        self.retry()
        self.persist("a", {"a": "2"}, workflow="w2")
        self.persist("b", {"b": "2"}, workflow="w2")
        self.assertEqual(self.baton("log", "--all", "--json").json, before)
        self.assert_seen({"a": "1"}, workflow="w")

    def test_r1_retries_of_retries_work_the_same_way(self):
        self.persist("a", {"a": "1"})
        self.persist("b", {"b": "1"})
        self.retry()
        self.persist("b", {"b": "2"}, workflow="w2")
        self.retry(workflow="w3", of="w2")
        self.persist("c", {"c": "3"}, workflow="w3")
        self.assert_seen({"a": "1", "b": "2", "c": "3"}, workflow="w3")

    def test_r1_retry_of_none_overrides_the_environment(self):
        self.persist("a", {"a": "1"})
        self.persist("b", {"b": "2"}, "--retry-of", "none", workflow="w2",
                     variables={"BATON_RETRY_OF": "w"})
        self.assert_seen({"b": "2"})

    def test_r1_the_environment_names_the_parent(self):
        self.persist("a", {"a": "1"})
        self.assert_seen({"a": "1"}, variables={"BATON_RETRY_OF": "w"})

    def test_r1_layers_of_every_run_of_the_parent_are_inherited(self):
        self.persist("a", {"a": "1"}, "--run", "1")
        self.persist("b", {"b": "2"}, "--run", "2")
        self.assert_seen({"a": "1", "b": "2"}, "--retry-of", "w")


class ReplacingTheInherited(Retry):
    def test_r2_a_job_of_the_retry_replaces_its_inherited_layers(self):
        self.persist("a", {"a": "1", "gone": ""}, "--run", "7", "--attempt", "9")
        self.persist("b", {"b": "1"})
        self.retry()
        self.persist("a", {"a": "2"}, workflow="w2")
        self.assert_seen({"a": "2", "b": "1"})

    def test_r2_another_shard_is_not_replaced_but_another_total_is(self):
        for index in ("1/2", "2/2"):
            self.persist("a", {index[0]: "old"}, "--shard", index)
        self.retry()
        self.persist("a", {"1": "new"}, "--shard", "1/2", workflow="w2")
        self.assert_seen({"1": "new", "2": "old"})
        self.persist("a", {"1": "third"}, "--shard", "1/3", "--attempt", "2", workflow="w2")
        self.assert_seen({"1": "third"})

    def test_r2_what_was_built_on_a_replaced_inherited_layer_is_stale(self):
        self.persist("a", {"a": "1"})
        self.attach("b")
        self.persist("b", {"b": "1"})
        self.retry()
        self.persist("a", {"a": "2"}, workflow="w2")
        got = self.assert_seen({"a": "2"})
        self.assertEqual([layer["job"] for layer in got["stale"]], ["b"])
        self.assertIn("inherited", " ".join(got["warnings"]))


class TheParent(Retry):
    def refuse(self, *flags, status, says, variables=None, workflow="w2"):
        root = self.tree({"a": ""})
        for verb in (["persist", "--root", root, "."], ["attach", self.missing()]):
            with self.nothing_changes():
                self.refused(*verb, *flags, job="a", status=status, says=says,
                             workflow=workflow, variables=variables)

    def test_r3_naming_a_parent_later_is_refused(self):
        self.persist("a", {"a": ""})
        self.persist("a", {"a": ""}, workflow="w2")
        self.refuse("--retry-of", "w", status=2, says=("`w2`", "w", "too late"))

    def test_r3_naming_another_parent_is_refused(self):
        self.persist("a", {"a": ""})
        self.persist("a", {"a": ""}, workflow="other")
        self.retry()
        self.refuse("--retry-of", "other", status=2, says=("`w2`", "`w`", "other"))
        self.refuse("--retry-of", "none", status=2, says=("`w2`", "`w`"))
        self.retry()  # the same again is fine

    def test_r3_an_unknown_parent_is_refused(self):
        self.refuse("--retry-of", "ghost", status=3, says=("`ghost`", "unknown"))
        self.refuse(status=3, says="`ghost`", variables={"BATON_RETRY_OF": "ghost"})

    def test_r3_an_expired_parent_is_refused(self):
        self.persist("a", {"a": ""})
        self.daemon.expire("w")
        self.refuse("--retry-of", "w", status=3, says=("`w`", "expired on 2"))

    def test_r3_a_workflow_cannot_retry_itself(self):
        self.refuse("--retry-of", "w2", status=2, says="itself")


class ADetectedParent(Retry):
    """Buildkite says which build a build was rebuilt from."""

    def variables(self, parent):
        return {"BUILDKITE": "true", "BUILDKITE_BUILD_ID": "w2", "BUILDKITE_RETRY_COUNT": "0",
                "BUILDKITE_STEP_ID": "step", "BUILDKITE_REBUILT_FROM_BUILD_ID": parent}

    def test_r3_a_detected_parent_is_inherited_from(self):
        self.persist("a", {"a": "1"})
        self.assert_seen({"a": "1"}, variables=self.variables("w"))

    def test_r3_a_detected_parent_that_is_unknown_gives_a_note_and_a_fresh_start(self):
        made = self.persist("a", {"a": "2"}, workflow="w2", variables=self.variables("ghost"))
        self.assertTrue(any("`ghost`" in warning for warning in made["warnings"]), made)
        self.assert_seen({"a": "2"})

    def test_r3_a_detected_parent_that_expired_gives_a_note_and_a_fresh_start(self):
        self.persist("a", {"a": "1"})
        self.daemon.expire("w")
        made = self.persist("a", {"a": "2"}, workflow="w2", variables=self.variables("w"))
        self.assertTrue(any("expired on 2" in warning for warning in made["warnings"]), made)
        self.assert_seen({"a": "2"})

    def test_r1_retry_of_none_overrides_what_was_detected(self):
        self.persist("a", {"a": "1"})
        self.persist("b", {"b": "2"}, "--retry-of", "none", workflow="w2",
                     variables=self.variables("w"))
        self.assert_seen({"b": "2"})


class Sharing(Retry):
    def test_r4_inheriting_copies_no_bytes(self):
        self.persist("a", {"a": random_bytes(2_000_000)})
        stored = self.status()["stored_bytes"]
        self.retry()
        self.assertEqual(self.status()["stored_bytes"], stored)

    def test_r4_what_is_inherited_outlives_the_parent_with_its_order(self):
        self.persist("a", {"x": "a", "big": random_bytes(500_000)})
        self.attach("b")
        self.persist("b", {"x": "b"})
        self.retry()
        self.daemon.expire("w")
        self.refused("attach", self.missing(), status=3, says="expired")
        self.daemon.restart()
        _, out = self.attach(workflow="w2")
        self.assertEqual((out / "x").read_text(), "b")
        self.assertEqual((out / "big").read_bytes(), random_bytes(500_000))

    def test_r4_a_grandchild_outlives_both(self):
        self.persist("a", {"a": "1"})
        self.retry()
        self.retry(workflow="w3", of="w2")
        self.daemon.expire("w")
        self.daemon.expire("w2")
        self.assert_seen({"a": "1"}, workflow="w3")


class AnotherWorkflow(Retry):
    def test_r5_from_workflow_reads_another_workflow(self):
        self.persist("a", {"a": "one"})
        self.assert_seen({"a": "one"}, "--from-workflow", "w", workflow="shipping")
        listed = self.baton("ls", "--json", "--from-workflow", "w", workflow="shipping").json
        self.assertEqual([entry["path"] for entry in listed["entries"]], ["a"])
        log = self.baton("log", "--json", "--from-workflow", "w", workflow="shipping").json
        self.assertEqual([layer["job"] for layer in log["layers"]], ["a"])
        shown = self.baton("cat", "--from-workflow", "w", "a", workflow="shipping")
        self.assertEqual(shown.out, b"one")

    def test_r5_reading_records_nothing_there(self):
        self.persist("a", {"x": "1"})
        before = self.baton("log", "--all", "--json").json
        self.attach("b", "--from-workflow", "w", workflow="w")
        self.attach("b", "--from-workflow", "w", workflow="shipping")
        self.assertEqual(self.baton("log", "--all", "--json").json, before)
        self.persist("b", {"x": "2"})
        self.refused("attach", self.missing(), status=4)

    def test_r5_an_attach_prints_the_digest_and_expect_holds_it_to_that(self):
        self.persist("a", {"a": "1"})
        got = self.assert_seen({"a": "1"}, workflow="w")
        into = self.missing()
        text = self.baton("attach", self.missing()).out.decode()
        self.assertIn(got["digest"], text)
        self.baton("attach", "--expect", got["digest"], into)
        self.persist("a", {"a": "2"}, "--attempt", "2")
        into = self.missing()
        with self.nothing_changes(into.parent):
            self.refused("attach", "--expect", got["digest"], into, status=6, says=got["digest"])

    def test_r5_an_unknown_workflow_is_not_there(self):
        self.persist("a", {"a": ""})
        for verb in (["attach", self.missing()], ["ls"], ["log"], ["cat", "a"]):
            self.refused(*verb, "--from-workflow", "ghost", status=3, says="`ghost`")

    def test_r5_an_expired_workflow_is_not_there(self):
        self.persist("a", {"a": ""})
        self.daemon.expire("w")
        self.refused("attach", "--from-workflow", "w", self.missing(), workflow="v", status=3,
                     says="expired on 2")
