"""Rules A4, A7, A8, A10 over HTTP: who is let in, and that nothing tells what others have."""

import base64

import client
from http_case import HttpScenario
from wire_case import SMALL, identity


class Tokens(HttpScenario):
    flags = (*HttpScenario.flags, "--tcp-token", "required")

    def setUp(self):
        super().setUp()
        self.layer = self.persist_tree({b"a": b"1"}, namespace="acme/web")
        self.other = self.persist_tree({b"a": b"2"}, namespace="acme/app", workflow="v")
        self.token = self.create("--namespace", "acme/web", "--verbs", "read")

    def ask(self, target, status, **heads):
        return self.get(target, status, way="tcp", **heads)

    def test_a4_each_form_in_which_clients_send_a_token(self):
        target = self.url("acme/web", "layers", self.layer, "files", "a")

        def basic(pair):
            return "Basic " + base64.b64encode(pair.encode()).decode()

        for heads in ({"Authorization": f"Bearer {self.token}"},
                      {"Authorization": f"bearer  {self.token}"},
                      {"Authorization": f"token {self.token}"},
                      {"Authorization": basic(f"{self.token}:")},
                      {"Authorization": basic(self.token)},
                      {"Authorization": basic(f"anybody:{self.token}")},
                      {"Circle_Token": self.token}, {"PRIVATE_TOKEN": self.token}):
            self.assertEqual(self.ask(target, 200, **heads).body, b"1")
        for heads, status in (({}, 401), ({"Authorization": "Bearer x"}, 401),
                              ({"Authorization": "Digest x"}, 400),
                              ({"Authorization": "Bearer"}, 400),
                              ({"Authorization": "Basic !!!!"}, 400),
                              ({"Authorization": "Basic QQ"}, 400),
                              ({"Authorization": basic("")}, 400),
                              ({"Circle_Token": "x" * 20000}, None)):
            answer = self.ask(target, status, **heads)
            self.assertGreaterEqual(answer.status, 400)
            self.assertNotIn(b"sha256", answer.body)

    def test_a7_what_others_have_looks_like_what_is_not_there(self):
        heads = {"Authorization": f"Bearer {self.token}"}
        for parts in (("workflows",), ("workflows", "{}"), ("workflows", "{}", "files", "a"),
                      ("layers", "{}"), ("layers", "{}", "files", "a"),
                      ("layers", "{}", "archive.zip")):
            answers = set()
            for namespace, name in (("acme/app", "v"), ("acme/none", "v"), ("acme/app", "none"),
                                    ("acme/app", self.other)):
                target = self.url(namespace, *(part.format(name) for part in parts))
                answer = self.ask(target, 403, **heads)
                answers.add(answer.body.replace(namespace.encode(), b"NS"))
            self.assertEqual(len(answers), 1, answers)

    def test_a7_only_granted_namespaces_are_listed(self):
        heads = {"Authorization": f"Bearer {self.token}"}
        listed = self.ask("/api/v1/namespaces", 200, **heads).json
        self.assertEqual([entry["name"] for entry in listed["namespaces"]], ["acme/web"])
        self.assertIsNone(listed["next"])

    def test_a8_a_grant_of_one_workflow_shows_that_one(self):
        bound = self.create("--namespace", "acme/web", "--verbs", "read", "--workflow", "w")
        heads = {"Authorization": f"Bearer {bound}"}
        self.ask(self.url("acme/web", "workflows", "w", "files", "a"), 200, **heads)
        for target in (self.url("acme/web", "workflows", "v"),
                       self.url("acme/web", "workflows"),
                       self.url("acme/web", "layers", self.layer)):
            self.ask(target, 403, **heads)

    def test_a4_a_revoked_token_ends_also_where_the_connection_stays(self):
        made = self.create_json("--namespace", "acme/web", "--verbs", "read")
        target = self.url("acme/web", "workflows", "w")
        connection = self.open_http("tcp")
        heads = {"Authorization": f"Bearer {made['token']}"}
        for revoked, status in ((False, 200), (True, 401)):
            if revoked:
                self.token_command("revoke", made["id"])
            connection.request("GET", target, headers=heads)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, status)

    def test_a4_another_token_on_the_same_connection_is_another_asker(self):
        connection = self.open_http("tcp")
        other = self.create("--namespace", "acme/app", "--verbs", "read")
        for token, status in ((self.token, 200), (other, 403), (self.token, 200), (None, 401)):
            connection.request("GET", self.url("acme/web", "workflows"),
                               headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, status)

    def test_a4_no_token_in_the_log(self):
        self.ask(self.url("acme/web", "workflows"), 200, Authorization=f"Bearer {self.token}")
        self.assertNotIn(self.token.split(".")[2], self.daemon.read_log())


class Tiers(HttpScenario):
    def test_a10_layers_of_untrusted_jobs_only_where_they_are_asked_for(self):
        token = self.create("--namespace", "default", "--tier", "untrusted")
        layer = client.persist(self.bearer(token), identity("build"), SMALL).layer["layer"]
        self.get(self.url("default", "workflows", "w"), 404)
        self.get(self.url("default", "layers", layer), 404)
        self.assertEqual(self.get(self.url("default", "workflows")).json["workflows"], [])
        shown = self.get(self.url("default", "layers", layer) + "?tier=untrusted").json
        self.assertEqual(shown["tier"], "untrusted")
        listed = self.get(self.url("default", "workflows") + "?tier=untrusted").json["workflows"]
        self.assertEqual([entry["tier"] for entry in listed], ["untrusted"])
        self.get(self.url("default", "workflows") + "?tier=none", 400)


class Browsers(HttpScenario):
    def test_a_site_whose_name_leads_to_loopback_reads_nothing(self):
        """DNS rebinding: the browser then sends the site's name in Host."""
        self.persist_tree({b"a": b"1"})
        target = self.url("default", "workflows")
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil"):
            self.get(target, 401, way="tcp", Host=host)
        for host in ("localhost", "127.0.0.1:1", "[::1]", "a.localhost"):
            self.get(target, 200, way="tcp", Host=host)
