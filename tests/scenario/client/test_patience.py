"""Fault M12: a command waits for a daemon that starts later, as --timeout says it does."""

from harness import Scenario


class Patience(Scenario):
    def setUp(self):
        super().setUp()
        self.persist("a", {"f": "x"})
        self.daemon.stop()
        self.runtime = self.folder / "runtime"

    def wait_for_sentence(self, process):
        """What it says while it waits, after a second."""
        line = process.stderr.readline().decode()
        self.assertIn("trying again for ", line)
        self.assertIn("nobody listens there", line)
        return line

    def end(self, process):
        out, err = process.communicate()
        self.assertEqual(process.returncode, 0, (out, err))

    def test_m12_each_command_that_needs_a_daemon_waits_for_one(self):
        root = self.tree({"g": ""})
        waiting = [self.popen("persist", "--root", root, ".", job="b"),
                   self.popen("attach", self.missing()), self.popen("ls"), self.popen("log"),
                   self.popen("cat", "f"), self.popen("diff", "w", "w")]
        for process in waiting:
            self.wait_for_sentence(process)
        self.daemon.start()
        for process in waiting:
            self.end(process)

    def test_m12_a_usual_place_counts_where_its_folder_is(self):
        own = self.start_daemon("own")
        self.persist("a", {"f": "x"}, variables={"BATON_SERVER": own.url})
        own.stop()
        (self.runtime / "batond").mkdir(parents=True, mode=0o700)
        own.url = f"unix:{self.runtime}/batond/batond.sock"
        variables = {"XDG_RUNTIME_DIR": str(self.runtime), "BATON_SERVER": ""}
        waiting = self.popen("ls", variables=variables)
        self.assertIn(own.url, self.wait_for_sentence(waiting))
        own.start()
        self.end(waiting)

    def test_m12_where_no_daemon_is_to_be_expected_none_is_waited_for(self):
        self.runtime.mkdir(mode=0o700)
        result = self.baton("ls", status=7, variables={"XDG_RUNTIME_DIR": str(self.runtime),
                                                       "BATON_SERVER": ""})
        self.assertNotIn(b"trying again", result.err)
        self.assertNotIn(b"tried for", result.err)

    def test_m12_status_tells_at_once_and_waits_where_it_is_told_to(self):
        result = self.baton("status", workflow=None, status=7)
        self.assertNotIn(b"trying again", result.err)
        self.assertNotIn(b"tried for", result.err)
        waiting = self.popen("status", "--timeout", "30")
        self.wait_for_sentence(waiting)
        self.daemon.start()
        self.end(waiting)

    def test_m12_whereami_needs_no_daemon(self):
        self.baton("whereami")

    def test_m12_nobody_ever(self):
        """One sentence, exit 7; how long it was tried is in it. Both sides of the second
        after which it is said."""
        self.refused("ls", "--timeout", "1.5", status=7, says=("nobody listens there",
                                                              "start one with", "(tried for "))
        result = self.baton("ls", "--timeout", "0.5", status=7)
        self.assertNotIn(b"trying again", result.err)
        self.assertNotIn(b"tried for", result.err)
        quiet = self.baton("ls", "--quiet", "--timeout", "1.5", status=7)
        self.assertNotIn(b"trying again", quiet.err)
