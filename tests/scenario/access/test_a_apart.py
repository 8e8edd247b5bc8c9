"""Rules A7 and A10 as people meet them: what a token of one namespace is told of another, in
every command, and what a trusted job sees of a fork's."""

import re
import unittest

from harness import contents
from token_case import TokenScenario
from wire_case import SMALL, identity


class Apart(TokenScenario):
    """The client comes by TCP: a Unix socket asks for no token."""

    flags = ("--listen", "tls://127.0.0.1:0")

    def setUp(self):
        super().setUp()
        self.url = re.search(r"^BATON_SERVER=(.*)$", self.daemon.read_log(), re.M)[1]
        self.work = self.tree({"a": "alpha\n"})

    def environment(self, variables=None):
        return super().environment({"BATON_SERVER": self.url, **(variables or {})})


class Namespaces(Apart):
    def test_a7_every_command_says_the_same_whether_the_namespace_exists(self):
        layer = self.put(identity("a", namespace="acme/is"), SMALL).layer["layer"]
        token = {"BATON_TOKEN": self.create("--namespace", "acme/web", "--subject", "ci")}
        commands = [("persist", "a"), ("attach", "out"), ("attach", "out", "--dry-run"),
                    ("attach", "out", "--tier", "untrusted"),
                    ("attach", "out", "--from-workflow", "w"), ("attach", "out", "--retry-of", "w"),
                    ("ls",), ("ls", "--layer", layer), ("ls", "--layer", "0" * 16),
                    ("log",), ("log", "--all"), ("log", "--from-workflow", "w"),
                    ("cat", "a.txt"), ("cat", "a.txt", "--layer", layer),
                    ("diff", "w", "w2"), ("diff", layer, "w")]
        commands += [(*words, "--json") for words in commands if words[0] != "cat"]
        for words in commands:
            with self.subTest(words):
                job = None if words[0] == "diff" else "a"
                heard = [self.baton(*words, "--namespace", f"acme/{name}", job=job, cwd=self.work,
                                    variables=token, status=5) for name in ("is", "no")]
                is_, no = (done.out + b"\0" + done.err for done in heard)
                self.assertEqual(is_.replace(b"acme/is", b"acme/no"), no)
                self.assertIn(b"(ci) may not " + (b"write" if words[0] == "persist" else b"read"),
                              no)
                self.assertFalse((self.work / "out").exists())


class Tiers(Apart):
    def setUp(self):
        super().setUp()
        self.trusted, self.fork = ({"BATON_TOKEN": self.create(
            "--namespace", "acme/web", "--subject", subject, "--tier", tier)}
            for subject, tier in (("main", "trusted"), ("fork", "untrusted")))

    def built(self, content, variables, **options):
        return self.persist("build", {"dist/app": content}, "--namespace", "acme/web",
                            variables=variables, **options)

    def deploy(self, variables, *flags):
        """(content of dist/app, what was said)."""
        into = self.missing()
        done = self.baton("attach", *flags, "--namespace", "acme/web", into, job="deploy",
                          variables=variables)
        return contents(into)["dist/app"], done.err.decode()

    def test_a10_a_trusted_deploy_has_what_the_trusted_job_made(self):
        """Whoever of the two was last: the fork uses the very job name."""
        for content in ("good", "good too"):
            self.built(content, self.trusted, workflow="w")
            evil = self.built("evil", self.fork, workflow="w")
            found, said = self.deploy(self.trusted)
            self.assertEqual(found, content)
            self.assertIn("what untrusted jobs persisted is left out", said)
            self.assertIn(evil["layer"], said)
            self.assertIn("--tier=untrusted", said)

    def test_a10_what_a_fork_alone_made_is_not_deployed(self):
        self.built("evil", self.fork)
        into = self.missing()
        self.refused("attach", "--namespace", "acme/web", into, job="deploy", status=3,
                     variables=self.trusted,
                     says=("of untrusted jobs were left out", "--tier=untrusted"))
        self.assertFalse(into.exists())

    def test_a10_who_asks_for_it_has_it(self):
        self.built("evil", self.fork)
        self.assertEqual(self.deploy(self.trusted, "--tier", "untrusted")[0], "evil")
        self.assertEqual(self.deploy(self.fork)[0], "evil")


if __name__ == "__main__":
    unittest.main()
