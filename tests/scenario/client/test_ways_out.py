"""Sentences say what is wrong and what would help, and advise nothing that is refused."""

from harness import Scenario


class Advice(Scenario):
    def test_what_a_command_does_not_take_it_does_not_advise(self):
        self.persist("a", {"a": ""})
        for words, workflow in ((("ls",), "unknown"), (("cat", "a"), "unknown"),
                                (("ls", "--from", "b"), "w")):
            with self.subTest(words):
                sentence = self.refused(*words, workflow=workflow, status=3)
                self.assertNotIn("--if-empty", sentence)
        self.refused("attach", self.missing(), workflow="unknown", status=3, says="--if-empty=ok")

    def test_an_empty_glob_of_ls(self):
        for flags in ((), ("--literal",)):
            self.refused("ls", *flags, "", status=2,
                         says="a GLOB is empty; leave it out to list all of the view")

    def test_a_persist_tells_of_needs_that_nobody_knows(self):
        self.persist("a", {"a": ""})
        self.assertEqual(self.persist("b", {"b": ""}, "--needs", "a")["warnings"], [])
        got = self.persist("c", {"c": ""}, "--needs", "a,b", "--needs", "typo", "--needs", "a")
        self.assertEqual(got["warnings"], [
            "needs `a,b` and `typo`: the daemon never heard of that in this workflow (a comma does "
            "not separate names here; give --needs once for each)"])
