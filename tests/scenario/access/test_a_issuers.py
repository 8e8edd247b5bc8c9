"""Rule A5: identity tokens of CI systems, signed by keys that the test made and a server of its
own publishes."""

import json
import os
import signal
import subprocess
import threading
import time
import unittest

from cryptography.hazmat.primitives.asymmetric import ec

import client
from harness import BATOND, PATIENCE, is_sanitized
from jose import Key, hmac_signed, unsigned
from key_server import KeyServer
from token_case import TokenScenario
from wire import Code, Refused
from wire_case import SMALL, identity

AUDIENCE = "https://ci-store"

GITHUB = {"repository": "acme/web", "repository_owner": "acme", "run_id": "17",
          "event_name": "push", "ref": "refs/heads/main", "ref_protected": "true",
          "sub": "repo:acme/web:ref:refs/heads/main"}
GITLAB = {"namespace_path": "acme", "project_path": "acme/web", "pipeline_id": "455",
          "pipeline_source": "push", "ref_path": "refs/heads/main", "ref_protected": "true",
          "sub": "project_path:acme/web:ref_type:branch:ref:main"}
CIRCLECI = {"oidc.circleci.com/project-id": "p-1", "oidc.circleci.com/vcs-origin":
            "github.com/acme/web", "oidc.circleci.com/vcs-ref": "refs/heads/main",
            "sub": "org/o/project/p-1/user/u"}
BUILDKITE = {"organization_slug": "acme", "pipeline_slug": "web", "build_number": 5,
             "build_branch": "main", "build_tag": None, "step_key": None,
             "sub": "organization:acme:pipeline:web:ref:refs/heads/main:commit:9f:step:build"}


RSA = Key("k1", None)  # as the CI systems have it; making one takes time


class IssuerScenario(TokenScenario):
    """Each test writes its configuration with configure()."""

    def setUp(self):
        super().setUp()
        self.daemon.stop()
        self.key = RSA
        self.server = KeyServer(self.key)
        self.addCleanup(self.server.end)
        self.file = self.folder / "batond.conf"

    def configure(self, *sections, starts=True):
        """Sections as (head, {key: value}); keys of the issuer that every one needs."""
        text = ""
        for head, lines in sections:
            own = {"url": self.server.url, "audience": AUDIENCE} if "issuer" in head else {}
            lines = {name: value for name, value in {**own, **lines}.items() if value is not None}
            text += f"[{head}]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())
        self.file.write_text(text)
        self.daemon.flags = ("--config", self.file)
        if starts:
            self.daemon.start()

    def claims(self, base, **changes):
        now = int(time.time())
        merged = {"iss": self.server.url, "aud": AUDIENCE, "iat": now, "nbf": now - 5,
                  "exp": now + 600, **base, **changes}
        return {name: value for name, value in merged.items() if value != "absent"}

    def token(self, base=GITHUB, key=None, **changes):
        return (key or self.key).sign(self.claims(base, **changes))

    def welcome(self, token):
        """Of a connection with it: as a client does, tries again while the daemon is busy."""
        begun = time.monotonic()
        while True:
            try:
                return self.bearer(token).welcome
            except Refused as refused:
                if refused.code != Code.BUSY or time.monotonic() - begun > PATIENCE:
                    raise
                time.sleep(0.02)

    def refuse(self, token, says=()):
        begun = time.monotonic()
        while True:
            refused = self.assert_refused_any(token)
            if refused.code != Code.BUSY or time.monotonic() - begun > PATIENCE:
                break
            time.sleep(0.02)
        self.assertEqual(refused.code, Code.DENIED, refused)
        self.assertRegex(refused.message, r"\A[^\n]+[^.\n]\Z")
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, refused.message)
        return refused

    def assert_refused_any(self, token):
        try:
            welcome = self.bearer(token).welcome
        except Refused as refused:
            return refused
        raise AssertionError(f"not refused: {welcome}")

    def start_refused(self, says):
        done = subprocess.run([BATOND, "--config", self.file, "--data", self.folder / "other",
                               "--listen", f"unix:{self.folder}/other.sock"],
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn(says, done.stderr.decode())
        self.assertIn(str(self.file), done.stderr.decode())

    def reload(self, says):
        count = len(self.daemon.log_lines("reload"))
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.await_log("reload", count + 1)
        self.assertIn(says, self.daemon.log_lines("reload")[-1])


class Presets(IssuerScenario):
    """Each with three lines, and `url` for the test's own server."""

    def check(self, preset, require, claims, namespace, workflow, *untrusted):
        """`untrusted`: a claim and a value that makes a job so."""
        self.configure((f"issuer {preset}", {"require": require}))
        welcome = self.welcome(self.token(claims))
        bound = f", workflow {workflow}" if workflow else ""
        self.assertEqual(welcome["grants"], [f"{namespace}: read,write{bound}"])
        self.assertEqual(welcome["tier"], "trusted")
        self.assertEqual(welcome["principal"], f"{preset} {claims['sub']}")
        for name, value in untrusted:
            with self.subTest(preset, **{name: value}):
                self.assertEqual(self.welcome(self.token(claims, **{name: value}))["tier"],
                                 "untrusted")

    def test_a5_github(self):
        self.check("github", "repository_owner=acme", GITHUB, "acme/web", "acme/web/17",
                   *(("event_name", f"pull_request{event}")
                     for event in ("", "_review", "_review_comment", "_target")),
                   ("ref", "refs/pull/7/merge"), ("ref", "refs/pull/7/head"))
        for claims in ({"event_name": "workflow_dispatch"}, {"ref": "refs/heads/pull/7"}):
            self.assertEqual(self.welcome(self.token(**claims))["tier"], "trusted")
        self.refuse(self.token(repository_owner="evil", repository="evil/web"),
                    ("repository_owner=acme", "`evil`"))

    def test_a5_gitlab(self):
        self.check("gitlab", "namespace_path=acme", GITLAB, "acme/web", "127.0.0.1/455",
                   ("pipeline_source", "merge_request_event"),
                   ("pipeline_source", "external_pull_request_event"),
                   ("pipeline_source", "parent_pipeline"),
                   ("ref_path", "refs/merge-requests/7/head"))
        for claims in ({"pipeline_source": "schedule"}, {"ref_path": "refs/tags/v1"}):
            self.assertEqual(self.welcome(self.token(GITLAB, **claims))["tier"], "trusted")

    def test_a5_circleci(self):
        self.check("circleci", "oidc.circleci.com/vcs-origin=github.com/acme/web", CIRCLECI,
                   "github.com/acme/web", None)
        self.refuse(self.token({**CIRCLECI, "oidc.circleci.com/vcs-origin":
                                "github.com/evil/web"}), "vcs-origin")

    def test_a5_circleci_jobs_whose_repository_is_not_required_are_untrusted(self):
        """A fork's build runs in the project of what it was forked from."""
        origin = "oidc.circleci.com/project-id=p-1, oidc.circleci.com/vcs-origin="
        for require in ("oidc.circleci.com/project-id=p-1", origin + "**",
                        origin + "github.com/**", origin + "github.com/*/web",
                        origin + "github.com/acme/*"):
            with self.subTest(require):
                self.configure(("issuer circleci", {"require": require}))
                self.assertEqual(self.welcome(self.token(CIRCLECI))["tier"], "untrusted")
                self.daemon.stop()

    def test_a5_circleci_has_an_issuer_for_each_organization(self):
        self.configure(("issuer circleci", {
            "url": None, "audience": "11-22", "keys": "/none",
            "require": "oidc.circleci.com/org-id=11-22"}), starts=False)
        done = subprocess.run([BATOND, "--config", self.file, "--data", self.folder / "o",
                               "--listen", f"unix:{self.folder}/o.sock"],
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertIn(b"/none", done.stderr)  # all else was read

    def test_a5_buildkite(self):
        self.check("buildkite", "organization_slug=acme", BUILDKITE, "acme/web", None,
                   ("build_branch", "evil:main"), ("build_branch", "evil:a/b"),
                   ("build_branch", "refs/pull/7/head"))
        self.assertEqual(self.welcome(self.token(BUILDKITE, build_branch="feature/a"))["tier"],
                         "trusted")

    def test_a5_a_job_of_which_nobody_can_tell_that_it_is_no_forks_is_untrusted(self):
        unreadable = ("absent", None, "", ["main"], "evil:" + "x" * 251, "evil:\u0085x",
                      "evil:\x7fx")
        for preset, require, claims, name in (
                ("buildkite", "organization_slug=acme", BUILDKITE, "build_branch"),
                ("github", "repository_owner=acme", GITHUB, "event_name"),
                ("gitlab", "namespace_path=acme", GITLAB, "pipeline_source")):
            self.configure((f"issuer {preset}", {"require": require}))
            self.assertEqual(self.welcome(self.token(claims))["tier"], "trusted")
            for value in unreadable:
                with self.subTest(preset, value=value):
                    self.assertEqual(self.welcome(self.token(claims, **{name: value}))["tier"],
                                     "untrusted")
            self.daemon.stop()

    def test_a5_an_issuer_that_everybody_can_get_a_token_of_is_refused_at_start(self):
        for preset, requires in {
                "github": ("", "ref_protected=true", "repository_owner=*", "repository=**",
                           "repository_owner=ac*", "event_name=push", "aud=x",
                           "job_workflow_ref=acme/shared/.github/workflows/**",
                           "sub=job_workflow_ref:acme/shared/**", "sub=environment:production"),
                "gitlab": ("", "ref_protected=true", "namespace_path=*", "user_login=alice",
                           "user_id=7"),
                "circleci": ("", "oidc.circleci.com/ssh-rerun=false"),
                "buildkite": ("", "pipeline_slug=web", "build_branch=main"),
                "own": ("", "iss=x", "exp=1", "x=*")}.items():
            for require in requires:
                with self.subTest(preset, require=require):
                    self.configure((f"issuer {preset}", {"require": require, "namespace": "a"}),
                                   starts=False)
                    self.start_refused("everybody can get a token of that issuer")

    def test_a5_a_wrong_section_is_refused_at_start_with_its_line(self):
        narrow = {"require": "repository_owner=acme"}
        for head, lines, says in (
                ("issuer github", {**narrow, "audience": None}, "needs `audience`"),
                ("issuer github", {**narrow, "requrie": "x=y"}, "did you mean `require`?"),
                ("issuer github", {**narrow, "namespace": "{repository"}, "expected `{claim}`"),
                ("issuer github", {**narrow, "namespace": "a/**/b"}, "`**`"),
                ("issuer github", {**narrow, "namespace": "{repository}/../x"}, "`..`"),
                ("issuer github", {**narrow, "keys": "http://example.org/keys"}, "https://"),
                ("issuer github", {**narrow, "keys": "file:///etc/passwd"}, "https://"),
                ("issuer github", {**narrow, "keys": "http://localhost:80@127.0.0.2:1/k"},
                 "without a user"),
                ("issuer github", {**narrow, "algorithms": "HS256"}, "RS256"),
                ("issuer github", {**narrow, "algorithms": "none"}, "RS256"),
                ("issuer github", {**narrow, "verbs": "all"}, "`all` is no verb"),
                ("issuer github", {**narrow, "tier": "x"}, "trusted or untrusted"),
                ("issuer github", {"require": "acme"}, "claim=value"),
                ("issuer github", {**narrow, "preset": "jenkins"}, "there are presets for"),
                ("issuer GitHub", narrow, "a-z"),
                ("issuer " + "a" * 33, {"require": "a=b", "namespace": "x"}, "up to 32"),
                ("issuer " + "a" * 32, {"require": "a=b"}, "needs `namespace`"),
                ("issuer own", {"require": "a=b"}, "needs `namespace`"),
                ("issuer own", {"require": "a=b", "namespace": "x", "url": "batond"},
                 "daemon's own name"),
                ("issuer own", {"require": "a=b", "namespace": "x", "url": None}, "needs `url`"),
                ("isuer github", narrow, "there are issuer, user, group and namespace"),
                ("issuer", narrow, "[kind name]"),
                ("user no-such-user", {}, "no such user"),
                ("group no-such-group", {}, "no such group"),
                ("user 1", {"verbs": "x"}, "no verb"),
                ("user 1", {"audience": "x"}, "no such key")):
            with self.subTest(head, **lines):
                self.configure((head, lines), starts=False)
                self.start_refused(says)


class Tokens(IssuerScenario):
    def setUp(self):
        super().setUp()
        self.configure(("issuer github", {"require": "repository_owner=acme"}))
        self.welcome(self.token())

    def test_a5_a_job_persists_into_its_run_alone(self):
        token = self.token()
        client.persist(self.bearer(token), identity("a", "acme/web/17", namespace="acme/web"),
                       SMALL)
        for who in (identity("a", "acme/web/18", namespace="acme/web"),
                    identity("a", "acme/web/17", namespace="acme/app")):
            self.denied(client.persist, self.bearer(token), who, SMALL)

    def test_a5_a_name_with_a_star_in_it_is_a_name(self):
        welcome = self.welcome(self.token(repository="acme/*", run_id="1"))
        self.assertEqual(welcome["grants"], ["acme/*: read,write, workflow acme/*/1"])
        token = self.token(repository="acme/*", run_id="1")
        self.denied(client.log, self.bearer(token), identity(workflow="acme/*/1",
                                                             namespace="acme/web"))

    def test_a5_what_a_token_claims_makes_no_namespace_with_dots(self):
        for repository in ("..", "acme/..", "acme/../other", "acme/./web"):
            self.refuse(self.token(repository=repository), "`.` or `..`")
        self.welcome(self.token(repository="acme/..web"))

    def test_a5_times_audience_issuer(self):
        now = int(time.time())
        for says, changes in (
                ("expired at", {"exp": now - 600}),
                ("does not say when it expires", {"exp": "absent"}),
                ("is valid from", {"nbf": now + 600}),
                ("not for the audience `https://ci-store`", {"aud": "https://github.com/acme"}),
                ("not for the audience", {"aud": "absent"}),
                ("not for the audience", {"aud": []}),
                ("not for the audience", {"aud": ["https://ci-store/"]}),
                ("not for the audience", {"aud": {"https://ci-store": 1}}),
                ("trusts no issuer", {"iss": self.server.url + "/"}),
                ("trusts no issuer", {"iss": "https://token.actions.githubusercontent.com"}),
                ("trusts no issuer", {"iss": [self.server.url]}),
                ("trusts no issuer", {"iss": "absent"}),
                ("claim a `run_id`", {"run_id": "absent"}),
                ("claim a `repository`", {"repository": ["acme/web"]}),
                ("more than 255 bytes", {"run_id": "1" * 250}),
                ("claim a `run_id`", {"run_id": "1" * 256}),
                ("repository_owner=acme", {"repository_owner": "absent"}),
                ("repository_owner=acme", {"repository_owner": "acme\x1b[31m"}),
                ("repository_owner=acme", {"repository_owner": "acme/x"}),
                ("repository_owner=acme", {"repository_owner": "ACME"})):
            with self.subTest(says, **changes):
                self.refuse(self.token(**changes), says)
        self.welcome(self.token(aud=["x", AUDIENCE]))
        self.welcome(self.token(nbf="absent", iat="absent"))
        self.assertNotIn("\x1b", self.daemon.read_log())

    def test_a5_algorithms_and_keys(self):
        claims = self.claims(GITHUB)
        public = json.dumps(self.key.jwk()).encode()
        elliptic = Key("k1")
        for name, token in {
                "none": unsigned(claims, kid="k1"),
                "HMAC with the key that is published": hmac_signed(claims, public, kid="k1"),
                "another key of that name": Key("k1", None).sign(claims),
                "an EC key of that name": elliptic.sign(claims),
                "what another says to verify by": self.token(
                    key=Key("evil", None), repository="acme/web"),
                "changed": self.token()[:-8] + "AAAAAAAA"}.items():
            with self.subTest(name):
                self.refuse(token)
        for algorithm in ("RS384", "RS512", "PS256", "PS384", "PS512"):
            self.refuse(self.key.sign(claims, alg=algorithm))  # the key says it is for RS256
        self.welcome(self.token())


class Keys(IssuerScenario):
    NARROW = {"require": "repository_owner=acme"}

    def test_a5_each_algorithm_with_its_key(self):
        keys = {"RS256": Key("rsa", None), "ES256": Key("p256"),
                "ES384": Key("p384", ec.SECP384R1()), "ES512": Key("p521", ec.SECP521R1())}
        self.server.keys = [key.jwk(alg=None) for key in keys.values()]
        self.configure(("issuer github", self.NARROW))
        for algorithm, key in keys.items():
            self.welcome(key.sign(self.claims(GITHUB), alg=algorithm))
        for algorithm in ("RS384", "RS512", "PS256", "PS384", "PS512"):
            self.welcome(keys["RS256"].sign(self.claims(GITHUB), alg=algorithm))
        self.refuse(keys["ES256"].sign(self.claims(GITHUB), alg="ES512"))

    def test_a5_algorithms_can_be_fewer(self):
        self.server.keys = [self.key.jwk(alg=None)]
        self.configure(("issuer github", {**self.NARROW, "algorithms": "PS256, ES256"}))
        self.refuse(self.token(), "not to be signed with RS256")
        self.welcome(self.key.sign(self.claims(GITHUB), alg="PS256"))

    def test_a5_keys_that_are_no_good_verify_nothing(self):
        short = Key("short", None, 1024)
        enc = Key("enc", None)
        self.server.keys = [self.key, short, enc.jwk(use="enc"), {"kid": "empty"},
                            {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
                            {"kty": "RSA", "kid": "bad", "n": "AA", "e": "AQAB"},
                            {"kty": "RSA", "kid": 7},
                            {"kty": "EC", "kid": "half", "crv": "P-256", "x": "AA"}]
        self.configure(("issuer github", self.NARROW))
        self.welcome(self.token())
        self.refuse(self.token(key=short), "too short")
        self.refuse(self.token(key=enc))
        for kid in ("empty", "oct", "bad", "half"):
            self.refuse(self.key.sign(self.claims(GITHUB), kid=kid))
        self.refuse(hmac_signed(self.claims(GITHUB), b"secret", kid="oct"))

    def test_a5_a_token_without_key_id_is_of_the_only_key(self):
        self.configure(("issuer github", self.NARROW))
        token = self.key.sign(self.claims(GITHUB), kid=None)
        self.welcome(token)
        self.daemon.stop()
        self.server.keys.append(Key("k2", None))
        (self.daemon.data / "access" / "issuer-github.json").unlink()
        self.daemon.start()
        self.refuse(token, "no key that signed it")

    def test_a5_an_unknown_key_fetches_them_again_at_most_once_a_minute(self):
        self.configure(("issuer github", self.NARROW))
        self.welcome(self.token())
        fresh = Key("k2", None)
        self.server.keys = [fresh]
        for _ in range(30):
            self.refuse(self.token(key=fresh), "published no key that signed it")
        self.assertEqual(self.server.requests.count("/keys"), 1)
        self.daemon.restart()  # kept keys are fresh: nothing is fetched for them …
        self.welcome(self.token())
        self.assertEqual(self.server.requests.count("/keys"), 1)
        self.welcome(self.token(key=fresh))  # … but for one that is not there
        self.assertEqual(self.server.requests.count("/keys"), 2)

    def kept(self):
        return self.daemon.data / "access" / "issuer-github.json"

    def age(self, seconds):
        """As if the keys had been fetched so long ago; the daemon does not run."""
        kept = json.loads(self.kept().read_text())
        kept["fetched"] -= seconds
        self.kept().write_text(json.dumps(kept))

    def test_a5_kept_keys_serve_for_24_hours_while_the_issuer_is_away(self):
        self.configure(("issuer github", self.NARROW))
        self.welcome(self.token())
        self.daemon.stop()
        self.server.end()
        self.age(86400 - 2 * PATIENCE)
        self.daemon.start()
        self.bearer(self.token())  # at once
        self.daemon.stop()
        self.age(2 * PATIENCE)
        self.daemon.start()
        self.assertEqual(self.assert_refused_any(self.token()).code, Code.BUSY)

    def fetched_at(self, seconds):
        """As if the keys had been fetched at that time; the daemon does not run."""
        kept = json.loads(self.kept().read_text())
        kept["fetched"] = seconds
        self.kept().write_text(json.dumps(kept))

    def test_a5_keys_of_the_future_are_fetched_again_and_serve_no_longer_than_others(self):
        """A clock that was ahead wrote down when they were fetched."""
        self.configure(("issuer github", self.NARROW))
        self.welcome(self.token())
        self.daemon.stop()
        self.fetched_at(int(time.time()) + 3600)
        self.daemon.start()
        self.assertTrue(self.server.await_requests("/keys", 2, PATIENCE))
        self.daemon.stop()
        self.server.end()
        now = int(time.time())
        for fetched, serve in ((now + 3600, True), (now + 86400 - 2 * PATIENCE, True),
                               (now + 86400 + 20 * PATIENCE, False), (2 ** 63 - 1, False),
                               (-1, False), (-2 ** 63, False)):
            with self.subTest(fetched=fetched):
                self.fetched_at(fetched)
                self.daemon.start()
                if serve:
                    self.bearer(self.token())
                else:
                    self.assertEqual(self.assert_refused_any(self.token()).code, Code.BUSY)
                self.daemon.stop()

    def test_a5_while_keys_cannot_be_had_the_daemon_is_busy_and_says_why(self):
        self.server.answer = lambda handler: handler.send_json({}, 503) or True
        self.configure(("issuer github", self.NARROW))
        self.assertTrue(self.server.await_requests("/.well-known/openid-configuration", 1,
                                                   PATIENCE))
        begun = time.monotonic()
        while True:
            refused = self.assert_refused_any(self.token())
            self.assertEqual(refused.code, Code.BUSY)
            self.assertEqual(refused.error["retry_ms"], 1000)
            if "503" in refused.message:
                break
            self.assertIn("being fetched", refused.message)
            self.assertLess(time.monotonic() - begun, PATIENCE)
        self.assertIn("once a minute", refused.message)

    def test_a5_answers_that_are_no_keys_are_refused(self):
        endless = b'{"keys": [' + b'{"kty": "RSA"},' * 40000
        answers = {
            "redirect": lambda handler: (handler.send_response(302), handler.send_header(
                "Location", "/keys"), handler.send_header("Content-Length", "0"),
                                         handler.end_headers()),
            "no JSON": lambda handler: handler.send_json(b"<html>"),
            "a list": lambda handler: handler.send_json([1]),
            "another's": lambda handler: handler.send_json(
                {"issuer": "https://evil.example", "jwks_uri": self.server.url + "/keys"}),
            "a file": lambda handler: handler.send_json(
                {"issuer": self.server.url, "jwks_uri": "file:///etc/passwd"}),
            "in clear": lambda handler: handler.send_json(
                {"issuer": self.server.url, "jwks_uri": "http://example.org/keys"}),
            "too long": lambda handler: handler.send_json(endless + b"1]}"),
            "too deep": lambda handler: handler.send_json(b"[" * 100000),
        }
        for name, answer in answers.items():
            with self.subTest(name):
                self.server.answer = lambda handler, answer=answer: answer(handler) or True
                self.configure(("issuer github", self.NARROW))
                refused = self.assert_refused_any(self.token())
                begun = time.monotonic()
                while "cannot be fetched" not in refused.message:
                    self.assertLess(time.monotonic() - begun, PATIENCE)
                    refused = self.assert_refused_any(self.token())
                self.assertEqual(refused.code, Code.BUSY)
                self.daemon.stop()
        self.assertFalse(self.kept().exists())

    def test_a5_keys_may_have_256_kib_and_no_byte_more(self):
        text = json.dumps({"keys": [self.key.jwk()]}).encode()
        for more, taken in ((0, True), (1, False)):
            body = text + b" " * (256 * 1024 - len(text) + more)
            self.server.answer = lambda handler, body=body: handler.send_json(body) or True
            self.configure(("issuer github", {**self.NARROW, "keys": self.server.url + "/k"}))
            self.assertTrue(self.server.await_requests("/k", 1, PATIENCE))
            if taken:
                self.welcome(self.token())
            else:
                begun = time.monotonic()
                while "cannot be fetched" not in self.assert_refused_any(self.token()).message:
                    self.assertLess(time.monotonic() - begun, PATIENCE)
            self.daemon.stop()
            self.kept().unlink(missing_ok=True)

    def test_a5_a_proxy_of_the_environment_is_not_for_this_machine(self):
        """It would be asked in clear for the keys that decide who may come."""
        self.daemon.environment = {"http_proxy": "http://127.0.0.1:9"}  # nobody listens there
        self.configure(("issuer github", self.NARROW))
        self.welcome(self.token())

    def test_a5_a_slow_key_server_holds_up_nobody(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.server.answer = lambda handler: go.wait(PATIENCE) and False
        self.configure(("issuer github", self.NARROW))
        own = self.create("--namespace", "default")
        for _ in range(20):
            self.assertEqual(self.assert_refused_any(self.token()).code, Code.BUSY)
            self.bearer(own)
        self.daemon.stop()  # does not wait for it either

    def test_a5_keys_can_be_a_file(self):
        path = self.folder / "keys.json"
        path.write_text(json.dumps({"keys": [self.key.jwk()]}))
        self.configure(("issuer github", {**self.NARROW, "keys": path}))
        self.welcome(self.token())
        self.assertEqual(self.server.requests, [])
        path.write_text("{")
        self.daemon.stop()
        self.start_refused_file(path)

    def start_refused_file(self, path):
        done = subprocess.run([BATOND, "--config", self.file, "--data", self.folder / "other",
                               "--listen", f"unix:{self.folder}/other.sock"],
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 9, done)
        self.assertIn(str(path), done.stderr.decode())

    def test_a5_two_sections_of_one_issuer_are_tried_in_turn(self):
        self.configure(
            ("issuer main", {"preset": "github", "verbs": "read,write",
                             "require": "repository_owner=acme, ref=refs/heads/main"}),
            ("issuer others", {"preset": "github", "verbs": "read",
                               "require": "repository_owner=acme"}))
        self.assertEqual(self.welcome(self.token())["principal"],
                         "main repo:acme/web:ref:refs/heads/main")
        other = self.welcome(self.token(ref="refs/heads/x"))
        self.assertEqual(other["grants"], ["acme/web: read, workflow acme/web/17"])
        self.refuse(self.token(repository_owner="evil"), "issuer others has to say")


class Reload(IssuerScenario):
    NARROW = {"require": "repository_owner=acme"}

    def test_a5_sighup_reads_the_sections_again(self):
        self.configure(("issuer github", self.NARROW))
        self.welcome(self.token())
        held = self.bearer(self.token())
        self.configure(("issuer github", {"require": "repository_owner=other"}), starts=False)
        self.reload("was read again")
        self.refuse(self.token(), "repository_owner=other")
        refused = self.assert_refused(Code.BUSY, client.log, held,
                                      identity(workflow="acme/web/17", namespace="acme/web"))
        self.assertIn("read again", refused.message)

    def test_a5_a_wrong_configuration_is_refused_and_the_old_one_stays(self):
        self.configure(("issuer github", self.NARROW))
        self.welcome(self.token())
        for lines in ({"require": ""}, {**self.NARROW, "verbs": "x"}):
            self.configure(("issuer github", lines), starts=False)
            self.reload("what was in use stays in use")
            self.bearer(self.token())

    @unittest.skipIf(is_sanitized(), "a sanitizer's shadow hides what is measured")
    def test_a5_reading_again_leaves_nothing_behind(self):
        self.configure(("issuer github", self.NARROW))
        self.welcome(self.token())
        sizes = []
        for _ in range(3):
            for _ in range(10):
                self.reload("was read again")
            sizes.append(self.status()["rss_bytes"])
            threads = len(os.listdir(f"/proc/{self.daemon.process.pid}/task"))
        self.assertLess(sizes[2] - sizes[1], 1 << 20, sizes)
        self.assertLess(threads, 16)


@unittest.skipUnless(os.geteuid() == 0, "only root can be others")
class Users(IssuerScenario):
    """Rule A9, with users and groups that need no entry: numbers."""

    def as_user(self, user, group, groups=()):
        done = subprocess.run(
            ["setpriv", f"--reuid={user}", f"--regid={group}",
             f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups",
             *self.command("status", "--json")], env=self.environment(), capture_output=True,
            timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done)
        told = json.loads(done.stdout)
        self.assertEqual(told["principal"], f"unix uid {user}")
        return told["grants"], told["tier"]

    def start(self, *sections):
        self.configure(*sections, starts=False)
        self.daemon.flags = (*self.daemon.flags, "--socket-mode", "0666")
        self.folder.chmod(0o755)
        self.daemon.folder.chmod(0o755)
        (self.daemon.folder / "run").mkdir(exist_ok=True)
        (self.daemon.folder / "run").chmod(0o755)
        self.daemon.start()

    ALL = ["**: read,write,admin"]

    def test_a9_without_sections_everybody_may_do_everything(self):
        self.start()
        self.assertEqual(self.as_user(54321, 54321), (self.ALL, "trusted"))
        self.assertEqual(self.as_user(0, 0), (self.ALL, "trusted"))

    def test_a9_sections_narrow_users_and_groups(self):
        self.start(("user 54321", {"namespace": "acme/*, docs", "verbs": "read"}),
                   ("group 777", {"namespace": "g7", "tier": "untrusted"}),
                   ("group 888", {"namespace": "g8", "verbs": "write", "job": "build"}),
                   ("user *", {"namespace": "public", "verbs": "read"}))
        self.assertEqual(self.as_user(54321, 777), (["acme/*, docs: read"], "trusted"))
        self.assertEqual(self.as_user(54322, 777), (["g7: read,write,admin"], "untrusted"))
        self.assertEqual(self.as_user(54322, 1, (888,)), (["g8: write, job build"], "trusted"))
        self.assertEqual(self.as_user(54322, 888, (1, 2, 777)),
                         (["g7: read,write,admin", "g8: write, job build"], "untrusted"))
        self.assertEqual(self.as_user(54322, 1), (["public: read"], "trusted"))
        self.assertEqual(self.as_user(0, 777), (self.ALL, "trusted"))

    def test_a9_welcome_names_16_grants_and_all_count(self):
        sections = [(f"group {700 + number}", {"namespace": f"g{number}"}) for number in range(17)]
        self.start(*sections)
        grants, _ = self.as_user(54322, 1, [700 + number for number in range(16)])
        self.assertEqual(len(grants), 16)
        grants, _ = self.as_user(54322, 1, [700 + number for number in range(17)])
        self.assertEqual(len(grants), 16)

    def test_a9_root_is_narrowed_by_a_section_of_its_own_alone(self):
        self.start(("user root", {"namespace": "a", "verbs": "read"}))
        self.assertEqual(self.as_user(0, 0), (["a: read"], "trusted"))
        self.assertEqual(self.as_user(54321, 54321), (self.ALL, "trusted"))

    def test_a9_what_a_section_does_not_cover_is_exit_5(self):
        self.start(("user root", {"namespace": "acme/web", "verbs": "read"}))
        self.refused("persist", ".", "--namespace", "acme/web", job="a", status=5,
                     says=("unix uid 0 may not write", "acme/web: read"))
        self.refused("log", "--namespace", "acme/app", status=5, says="acme/web: read")


if __name__ == "__main__":
    unittest.main()
