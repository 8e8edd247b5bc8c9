"""Rule W9: what was built on something that was replaced."""

from harness import Scenario, contents


class Stale(Scenario):
    def build(self, job, base, *flags, content=None):
        """Attaches `base` alone and persists a file named after the job."""
        self.attach(job, "--from", base, *flags)
        return self.persist(job, {job: content or job}, *flags)

    def replace_a(self, content="2"):
        return self.persist("a", {"a": content}, "--attempt", "2")

    def assert_seen(self, expected, *flags):
        got, out = self.attach(None, *flags)
        self.assertEqual(contents(out), expected)
        return got


class Leaving(Stale):
    def test_w9_a_layer_whose_base_was_replaced_leaves_the_view_with_a_warning(self):
        self.persist("a", {"a": "1"})
        b = self.build("b", "a")
        self.replace_a()
        got = self.assert_seen({"a": "2"})
        self.assertEqual([layer["layer"] for layer in got["stale"]], [b["layer"]])
        self.assertTrue(any("`b`" in warning and "stale" in warning and "`a`" in warning
                            for warning in got["warnings"]), got)

    def test_w9_what_was_built_on_a_stale_layer_is_stale(self):
        self.persist("a", {"a": "1"})
        self.build("b", "a")
        self.build("c", "b")
        self.replace_a()
        got = self.assert_seen({"a": "2"})
        self.assertEqual([layer["job"] for layer in got["stale"]], ["b", "c"])

    def test_w9_equal_content_makes_nothing_stale(self):
        self.persist("a", {"a": "1"})
        self.build("b", "a")
        self.replace_a("1")
        got = self.assert_seen({"a": "1", "b": "b"})
        self.assertEqual((got["stale"], got["warnings"]), ([], []))

    def test_w9_a_declared_need_alone_makes_nothing_stale(self):
        self.persist("a", {"a": "1"})
        self.persist("b", {"b": "b"}, "--needs", "a")
        self.replace_a()
        self.assert_seen({"a": "2", "b": "b"})

    def test_w9_a_layer_that_is_built_again_is_fresh(self):
        self.persist("a", {"a": "1"})
        self.build("b", "a")
        self.replace_a()
        self.build("b", "a", "--attempt", "2", content="fresh")
        got = self.assert_seen({"a": "2", "b": "fresh"})
        self.assertEqual(got["stale"], [])

    def test_w9_log_all_says_why(self):
        self.persist("a", {"a": "1"})
        b = self.build("b", "a")
        self.replace_a()
        layers = self.baton("log", "--all", "--json").json["layers"]
        stale = [layer for layer in layers if layer["state"] == "stale"]
        self.assertEqual([layer["layer"] for layer in stale], [b["layer"]])
        self.assertIn("`a`", stale[0]["reason"])


class Naming(Stale):
    def test_w9_naming_a_stale_job_is_an_error_with_that_sentence(self):
        self.persist("a", {"a": "1"})
        self.build("b", "a")
        self.replace_a()
        for flag in ("--needs", "--from"):
            into = self.missing()
            with self.nothing_changes(into.parent):
                self.refused("attach", flag, "b", into, job="d", status=3,
                             says=("`b`", "stale", "`a`"))

    def test_w9_stale_keep_brings_them_back(self):
        self.persist("a", {"a": "1"})
        self.build("b", "a")
        self.replace_a()
        self.assert_seen({"a": "2", "b": "b"}, "--stale=keep")
        self.assert_seen({"b": "b"}, "--stale=keep", "--from", "b")

    def test_w9_what_is_kept_is_concurrent_with_what_replaced_its_base(self):
        self.persist("a", {"x": "1"})
        self.attach("b")
        self.persist("b", {"x": "b"})
        self.persist("a", {"x": "2"}, "--attempt", "2")
        self.refused("attach", "--stale=keep", self.missing(), status=4, says=("`a", "`b`"))
