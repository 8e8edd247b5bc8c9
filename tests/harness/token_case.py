"""What the test_a_* scenarios share: `batond token`, and connections that show a token."""

import json
import subprocess

from harness import BATOND, PATIENCE
from wire import Code, Connection
from wire_case import WireScenario


class TokenScenario(WireScenario):
    def token_command(self, *words, status=0):
        done = subprocess.run([BATOND, "token", *words, "--data", self.daemon.data],
                              capture_output=True, timeout=PATIENCE, check=False, text=True)
        self.assertEqual(done.returncode, status, done)
        return done

    def create(self, *words):
        return self.token_command("create", *words).stdout.strip()

    def create_json(self, *words):
        return json.loads(self.token_command("create", "--json", *words).stdout)

    def bearer(self, token):
        connection = Connection(self.daemon.url, token=token)
        self.addCleanup(connection.close)
        return connection

    def denied(self, action, *arguments, **options):
        refused = self.assert_refused(Code.DENIED, action, *arguments, **options)
        self.assertEqual(refused.error["exit"], 5)
        return refused.message
