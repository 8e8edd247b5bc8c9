"""examples/ with a daemon on another machine: each CI system says who its job is, and there is no
secret. The shell lines of the examples run as they stand, against what stands in for the system:
an endpoint that gives tokens, an agent, a variable; and the daemon's three lines of
configuration are those of examples/README.md."""

import http.server
import re
import shutil
import subprocess
import threading
import time
import unittest
import urllib.parse

import yaml

from ci_environments import BUILDKITE, CIRCLECI, GITHUB, GITLAB
from harness import BATON, TOP, Scenario, clean_environment, make_tree
from jose import Key
from key_server import KeyServer

EXAMPLES = TOP / "examples"
README = (EXAMPLES / "README.md").read_text()
AUDIENCE = "https://ci-store"
CLAIMS = {
    "github": {"repository": "acme/web", "repository_owner": "acme", "run_id": "17",
               "event_name": "push", "ref": "refs/heads/main"},
    "gitlab": {"namespace_path": "acme", "project_path": "acme/web", "pipeline_id": "500",
               "pipeline_source": "push", "ref_path": "refs/heads/main"},
    "buildkite": {"organization_slug": "acme", "pipeline_slug": "web", "build_branch": "main"},
    "circleci": {"oidc.circleci.com/vcs-origin": "github.com/acme/web"},
}


def load(path):
    class Loader(yaml.SafeLoader):
        pass
    Loader.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node))
    return yaml.load((EXAMPLES / path).read_text(), Loader)


def configuration(name):
    """What README.md says of this issuer."""
    row = next(line for line in README.splitlines() if f"`[issuer {name}]`" in line)
    return re.findall(r"`((?:\[|audience|require)[^`]*)`", row)


class Endpoint:
    """GitHub's: gives a token for an audience to whoever shows the job's own bearer."""

    def __init__(self, bearer, sign):
        endpoint = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                good = self.headers.get("Authorization") == f"bearer {bearer}"
                endpoint.asked.append(query)
                body = b'{"count":9,"value":"%s"}' % sign(query["audience"][0]).encode()
                self.send_response(200 if good else 401)
                self.end_headers()
                self.wfile.write(body if good else b"")

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token?api-version=2.0"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Identity(Scenario):
    def serve(self, name):
        """A daemon with the lines of README.md, and `url` for the test's own issuer."""
        self.name, self.key = name, Key("k")
        self.issuer = KeyServer(self.key)
        self.addCleanup(self.issuer.end)
        lines = configuration(name)
        self.assertEqual(len(lines), 3, lines)
        config = self.folder / "batond.conf"
        config.write_text("\n".join([*lines, f"url = {self.issuer.url}", ""]))
        self.audience = lines[1].partition("= ")[2]
        daemon = self.start_daemon("daemon", "--listen", "tls://127.0.0.1:0", "--config", config)
        self.server = re.findall(r"^BATON_SERVER=(.*)$", daemon.read_log(), re.M)[-1]
        make_tree(self.folder, {"work/out/app": "app"})

    def token(self, audience):
        now = int(time.time())
        return self.key.sign({"iss": self.issuer.url, "aud": audience, "sub": f"{self.name} job",
                              "iat": now, "nbf": now - 5, "exp": now + 300, **CLAIMS[self.name]})

    def run_lines(self, script, variables, status=0):
        """In bash, as the CI systems do. Nothing of a token may be said."""
        environment = {**clean_environment(), "XDG_CACHE_HOME": str(self.folder / "cache"),
                       "PATH": f"{self.folder}/bin:{BATON.resolve().parent}:"
                               + clean_environment()["PATH"],
                       "BATON_SERVER": self.server, **variables}
        done = subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=self.folder / "work",
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, status, done)
        self.assertNotIn("eyJ", done.stdout + done.stderr)
        return done.stdout + done.stderr

    def assert_came_back(self, folder="back"):
        self.assertEqual((self.folder / "work" / folder / "out" / "app").read_text(), "app")

    def assert_log(self, namespace, count=2):
        lines = [line for line in self.daemon.log_lines(f"principal=\"{self.name} ")
                 if f"namespace={namespace}" in line and "result=ok" in line]
        self.assertEqual(len(lines), count, self.daemon.read_log())


@unittest.skipUnless(shutil.which("curl"), "curl is not installed")
class GitHub(Identity):
    def step(self, action, inputs, variables, **options):
        [step] = load(f"github/{action}/action.yml")["runs"]["steps"]
        environment = {name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}",
                                    lambda match: inputs.get(match[1], ""), value)
                       for name, value in step["env"].items()}
        return self.run_lines(step["run"], {**variables, **environment}, **options)

    def test_a5_a_job_gets_in_with_a_token_for_each_step(self):
        self.serve("github")
        endpoint = Endpoint("of the job", self.token)
        self.addCleanup(endpoint.end)
        workflow = load("github/workflow.yml")
        self.assertEqual(workflow["permissions"]["id-token"], "write")
        self.assertEqual(set(workflow["env"]), {"BATON_SERVER", "BATON_AUDIENCE"})
        job = {**GITHUB, "GITHUB_REPOSITORY": "acme/web", "BATON_AUDIENCE": AUDIENCE,
               "GITHUB_JOB": "build", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of the job",
               "ACTIONS_ID_TOKEN_REQUEST_URL": endpoint.url}
        self.step("persist", {"paths": "out", "root": "."}, job)
        self.step("attach", {"at": "back"}, {**job, "GITHUB_JOB": "test", "BATON_EXECUTION": "f"})
        self.assert_came_back()
        self.assert_log("acme/web")
        self.assertEqual(endpoint.asked, [{"api-version": ["2.0"], "audience": [AUDIENCE]}] * 2)

    def test_a5_without_the_permission_the_sentence_says_so(self):
        self.serve("github")
        said = self.step("persist", {"paths": "out", "root": "."},
                         {**GITHUB, "GITHUB_JOB": "build", "BATON_AUDIENCE": AUDIENCE,
                          "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}, status=1)
        self.assertIn("permissions: id-token: write", said)


class GitLab(Identity):
    def test_a5_a_job_gets_in_with_the_token_of_its_variable(self):
        self.serve("gitlab")
        template = load("gitlab/baton.gitlab-ci.yml")[".baton"]
        usage = load("gitlab/.gitlab-ci.yml")
        [(name, wanted)] = usage["default"]["id_tokens"].items()
        self.assertEqual(wanted, {"aud": "$BATON_AUDIENCE"})
        # {host} is that of the issuer.
        job = {**GITLAB, "CI_PROJECT_PATH": "acme/web", "CI_SERVER_HOST": "127.0.0.1",
               "BATON_AUDIENCE": AUDIENCE, "BATON_PATHS": "out", "BATON_AT": "back",
               name: self.token(AUDIENCE)}
        job |= {key: value.replace("$CI_PROJECT_PATH", "acme/web")
                for key, value in usage["variables"].items()}
        for number, step in enumerate(("persist", "attach")):
            self.run_lines("\n".join(template[step]), {
                **job, "CI_JOB_NAME": step, "CI_JOB_GROUP_NAME": step, "CI_JOB_ID": str(number)})
        self.assert_came_back()
        self.assert_log("acme/web")


class Buildkite(Identity):
    AGENT = """\
#!/bin/bash
[ "$*" = "oidc request-token --audience $AUDIENCE" ] || exit 9
echo asked >> "$ASKED"
cat "$GIVEN"
"""

    def test_a5_a_job_gets_in_with_a_token_for_each_hook(self):
        self.serve("buildkite")
        make_tree(self.folder, {"bin/buildkite-agent": (self.AGENT, 0o755),
                                "given": self.token(AUDIENCE)})
        job = {**BUILDKITE, "BATON_AUDIENCE": AUDIENCE, "AUDIENCE": AUDIENCE,
               "GIVEN": str(self.folder / "given"), "ASKED": str(self.folder / "asked"),
               "BUILDKITE_ORGANIZATION_SLUG": "acme", "BUILDKITE_PIPELINE_SLUG": "web"}
        self.run_lines(str(EXAMPLES / "buildkite/hooks/post-command"), {
            **job, "BUILDKITE_STEP_KEY": "build", "BUILDKITE_PLUGIN_BATON_PERSIST": "out"})
        self.run_lines(str(EXAMPLES / "buildkite/hooks/pre-command"), {
            **job, "BUILDKITE_STEP_KEY": "test", "BUILDKITE_JOB_ID": "j-2",
            "BUILDKITE_PLUGIN_BATON_ATTACH": "back"})
        self.assert_came_back()
        self.assert_log("acme/web")
        self.assertEqual((self.folder / "asked").read_text(), "asked\n" * 2)


class CircleCI(Identity):
    def test_a5_a_job_gets_in_with_what_circleci_sets(self):
        self.serve("circleci")
        commands = load("circleci/orb.yml")["commands"]
        lines = {name: command["steps"][0]["run"]["command"] for name, command in commands.items()}
        job = {**CIRCLECI, "CIRCLE_OIDC_TOKEN_V2": self.token(self.audience),
               "BATON_NAMESPACE": "github.com/acme/web"}
        self.run_lines(lines["persist_to_workspace"], {
            **job, "CIRCLE_JOB": "build", "PERSIST_ROOT": ".", "PERSIST_PATHS": "out"})
        self.run_lines(lines["attach_workspace"], {
            **job, "CIRCLE_JOB": "test", "CIRCLE_WORKFLOW_JOB_ID": "wj-2", "ATTACH_AT": "back"})
        self.assert_came_back()
        self.assert_log("github.com/acme/web")


if __name__ == "__main__":
    unittest.main()
