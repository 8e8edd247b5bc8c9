"""The command line: options and their variables, output, exit statuses."""

import json
import os
import pty
import signal
import subprocess
import time

from harness import (BATON, PATIENCE, UNPRIVILEGED, Link, Scenario, contents, end_process,
                     random_bytes)
from proxy import Hold

PERSIST_KEYS = {"layer", "digest", "workflow", "run", "job", "shard", "attempt", "sequence",
                "files", "directories", "symlinks", "bytes", "new_bytes", "sent_bytes",
                "replaces", "skipped", "warnings", "elapsed_ms"}
ATTACH_KEYS = {"digest", "layers", "stale", "unknown_needs", "files", "bytes", "received_bytes",
               "written_files", "unchanged_files", "warnings", "elapsed_ms"}
LAYER_KEYS = {"layer", "workflow", "run", "job", "shard", "attempt", "sequence"}
VERBS = ("persist", "attach", "ls", "log", "diff", "cat", "status", "whereami", "version", "help")


class Usage(Scenario):
    def test_help_names_every_command_and_each_explains_itself(self):
        text = self.baton("help", workflow=None).out.decode()
        for verb in VERBS:
            self.assertIn(f"baton {verb}", text)
            self.assertIn(f"baton {verb}", self.baton("help", verb, workflow=None).out.decode())
            self.assertIn(f"baton {verb}", self.baton(verb, "--help", workflow=None).out.decode())

    def test_version(self):
        self.assertRegex(self.baton("version", workflow=None).out, rb"^baton \d+\.\d+\.\d+")
        self.assertIn("version", self.baton("version", "--json", workflow=None).json)

    def test_wrong_usage_is_exit_2_with_the_way_out(self):
        for arguments, says in (
                ([], "help"), (["presist"], "persist"),
                (["persist", "--no-such", "."], "--no-such"),
                (["persist"], "PATH"), (["persist", "--rot", "x", "."], "--root"),
                (["attach", "a", "b"], "b"), (["attach", ""], "DIR"), (["cat"], "PATH"), (["diff", "w"], "LAYER"),
                (["attach", "--on-conflict=middle", "x"], "first"),
                (["attach", "--if-empty", "never", "x"], "error, warn or ok"),
                (["attach", "--expect", "abc", "x"], "sha256"),
                (["attach", "--layer", "xyz", "x"], "xyz"),
                (["attach", "--root", "x"], "--root"), (["persist", "--delete", "."], "--delete"),
                (["ls", "--timeout", "soon"], "soon"), (["ls", "--server", "http://x"], "http://x"),
                (["ls", "--server", "tls://x#y"], "pin"), (["ls", "--job", ""], "--job"),
                (["ls", "--job", "a\nb"], "--job"), (["ls", "--job", "j" * 256], "256"),
                (["ls", "--job"], "--job"), (["persist", "--prefix", "../x", "."], "--prefix"),
                (["persist", "--exclude", "[", "."], "`[`")):
            with self.subTest(arguments=arguments):
                command = arguments if not arguments else [arguments[0], "--workflow", "w",
                                                           *arguments[1:]]
                self.refused(*command, workflow=None, status=2, says=says,
                             variables={"BATON_JOB": "j"})

    def test_a_workflow_is_required_and_a_persist_needs_a_job(self):
        root = self.tree({"a": ""})
        self.refused("persist", "--root", root, ".", workflow=None, job="a", status=2,
                     says=("--workflow", "BATON_WORKFLOW"))
        self.refused("persist", "--root", root, ".", status=2, says=("--job", "BATON_JOB"))
        self.refused("attach", self.missing(), workflow=None, status=2, says="--workflow")

    def test_an_option_ends_at_two_dashes_and_may_hold_its_value(self):
        root = self.tree({"--odd": "x"})
        self.baton("persist", f"--root={root}", "--job=a", "--", "--odd")
        self.assertEqual(contents(self.attach()[1]), {"--odd": "x"})


class Environment(Scenario):
    def test_variables_give_the_identity(self):
        root = self.tree({"a": ""})
        made = self.baton("persist", "--json", "--root", root, ".", workflow=None, variables={
            "BATON_NAMESPACE": "n", "BATON_WORKFLOW": "v", "BATON_RUN": "3", "BATON_JOB": "j",
            "BATON_SHARD": "1/2", "BATON_ATTEMPT": "4", "BATON_EXECUTION": "e"}).json
        self.assertEqual({key: made[key] for key in ("workflow", "run", "job", "shard", "attempt")},
                         {"workflow": "v", "run": "3", "job": "j", "shard": "1/2", "attempt": "4"})
        self.baton("ls", "--run", "3", workflow="v", variables={"BATON_NAMESPACE": "n"})

    def test_an_option_beats_its_variable(self):
        made = self.persist("option", {"a": ""}, variables={"BATON_JOB": "variable",
                                                            "BATON_WORKFLOW": "variable"})
        self.assertEqual((made["job"], made["workflow"]), ("option", "w"))

    def test_needs_are_separated_by_commas_or_one_per_line(self):
        for job in ("a", "b", "a,b"):
            self.persist(job, {job: ""})
        for needs, expected in (("a,b", {"a", "b"}), ("a, b ,", {"a", "b"}), ("a", {"a"}),
                                ("a,b\n", {"a,b"}), ("a\nb\n", {"a", "b"})):
            with self.subTest(needs=needs):
                _, out = self.attach("z", variables={"BATON_NEEDS": needs})
                self.assertEqual(set(contents(out)), expected)

    def test_needs_of_the_command_line_replace_the_variable(self):
        for job in "ab":
            self.persist(job, {job: ""})
        _, out = self.attach("z", "--needs", "a", variables={"BATON_NEEDS": "b"})
        self.assertEqual(set(contents(out)), {"a"})

    def test_the_timeout_may_come_from_its_variable(self):
        self.refused("ls", "--server", "unix:/nowhere/at/all", status=7, says="/nowhere/at/all",
                     variables={"BATON_TIMEOUT": "0.01"})

    def test_whereami_says_where_each_value_was_found(self):
        found = self.baton("whereami", "--json", "--run", "2", workflow=None,
                           variables={"BATON_JOB": "j", "BATON_NEEDS": "a,b"}).json
        self.assertEqual((found["job"]["value"], found["job"]["origin"]), ("j", "BATON_JOB"))
        self.assertEqual((found["run"]["value"], found["run"]["origin"]), ("2", "--run"))
        self.assertIsNone(found["workflow"]["value"])
        for key in ("namespace", "shard", "attempt", "needs", "parent"):
            self.assertIn(key, found)
        text = self.baton("whereami", variables={"BATON_JOB": "j"}).out.decode()
        self.assertRegex(text, r"job +j +from BATON_JOB")
        self.assertRegex(text, r"workflow +w +from --workflow")

    def test_namespaces_share_nothing(self):
        self.persist("a", {"a": os.urandom(100_000)}, "--namespace", "one")
        self.refused("attach", "--namespace", "two", self.missing(), status=3, says="unknown")
        first = self.persist("a", {"a": b"x" * 90_000}, "--namespace", "one")
        second = self.persist("a", {"a": b"x" * 90_000}, "--namespace", "two")
        self.assertEqual(first["new_bytes"], second["new_bytes"])


class Output(Scenario):
    def test_json_has_its_keys_and_nothing_else_is_on_standard_output(self):
        made = self.persist("a", {"d/x": "12345", "e": None})
        self.assertLessEqual(PERSIST_KEYS, made.keys())
        self.assertEqual((made["files"], made["directories"], made["bytes"]), (1, 2, 5))
        self.assertRegex(made["digest"], r"^sha256:[0-9a-f]{64}$")
        self.attach("b")
        self.persist("b", {"y": ""})
        got, _ = self.attach()
        self.assertLessEqual(ATTACH_KEYS, got.keys())
        for layer in got["layers"]:
            self.assertLessEqual(LAYER_KEYS, layer.keys())
        for verb, key in (("ls", "entries"), ("log", "layers")):
            result = self.baton(verb, "--json")
            self.assertIsInstance(result.json[key], list)
            self.assertEqual(result.out.count(b"\n"), 1)

    def test_json_gives_the_error_too(self):
        root = self.tree({"a": ""})
        for arguments, status in ((["attach", "--json", self.missing()], 3),
                                  (["persist", "--json", "--root", root, "ghost"], 3),
                                  (["ls", "--json", "--bogus"], 2),
                                  (["persist", "--json", "--root", root / "ghost", "."], 9)):
            self.refused(*arguments, status=status, variables={"BATON_JOB": "j"})

    def test_people_read_a_summary_and_the_layers_in_order(self):
        root = self.tree({"a": "12345"})
        line = self.baton("persist", "--root", root, ".", job="first").out.decode()
        self.assertRegex(line, r"^persisted 1 file, 5 B as layer [0-9a-f]{16} .* in .* s\n$")
        self.persist("second", {"b": ""})
        text = self.baton("attach", self.missing()).out.decode()
        self.assertIn("attached 2 files, 5 B", text)
        self.assertLess(text.index("first"), text.index("second"))

    def test_verbose_names_each_path(self):
        self.persist("a", {"d/x": "1"})
        into = self.missing()
        lines = self.baton("attach", "-v", into).out.decode().splitlines()
        self.assertEqual(lines[:2], ["write  d", "write  d/x"])
        self.assertEqual(self.baton("attach", "-v", into).out.decode().splitlines()[0], "keep   d/x")

    def test_names_cannot_command_the_terminal(self):
        self.persist("a", {"\x1b[31m\x9bm": ""})
        into = self.missing() / "\x1b[2J\x9b"
        for arguments in (["ls"], ["attach", "-v", "-n", into], ["attach", "-v", into]):
            out = self.baton(*arguments).out
            self.assertIn(rb"\x1b[31m\xc2\x9bm", out)
            self.assertNotIn(b"\x1b", out)
            self.assertNotIn(b"\xc2\x9b", out)

    def test_quiet_says_nothing_but_errors_and_what_was_asked_for(self):
        root = self.tree({"a": "12345"})
        for arguments in (["persist", "--quiet", "--root", root, "."],
                          ["attach", "--quiet", self.missing()]):
            result = self.baton(*arguments, job="a")
            self.assertEqual((result.out, result.err), (b"", b""))
        self.assertIn(b"a", self.baton("ls", "--quiet").out)
        self.refused("attach", "--quiet", self.missing(), workflow="ghost", status=3)

    def test_the_progress_of_a_persist_knows_how_many_bytes_there_are(self):
        root = self.tree({"large": random_bytes(8 << 20), "d/small": "x", "d/link": Link("x")})
        proxy = self.proxy(Hold("up", 1_000_000))
        ours, theirs = pty.openpty()
        command = [BATON, "persist", "--workflow", "w", "--job", "a", "--server", proxy.url,
                   "--root", root, "."]
        process = subprocess.Popen(command, env=self.environment({"TERM": "xterm"}),
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        self.addCleanup(os.close, ours)
        self.addCleanup(end_process, process)
        os.close(theirs)
        drawn = b""
        while b" of 8.0 MiB (" not in drawn:
            drawn += os.read(ours, 4096)
        self.assertIn(b" of 2 files, ", drawn)

    def test_a_dry_run_of_a_persist_fails_as_the_persist_does(self):
        root = self.tree({"a": "1", "secret": ("x", 0)})
        os.mkfifo(root / "pipe")
        for flags, status in ((["nothing*"], 3), (["--exclude=*", "."], 3), (["pipe"], 3),
                              (["--if-empty=ok", "nothing*"], 0), (["secret"], 9), (["a"], 0)):
            for dry in ([], ["-n"]):
                self.baton("persist", *dry, "--root", root, *flags, job="a", status=status,
                           wrapper=UNPRIVILEGED)
        for dry in ([], ["-n"]):
            err = self.baton("persist", *dry, "--root", root, "--if-empty=warn", "nothing*",
                             job="a").err.decode()
            self.assertIn("`nothing*`: matched nothing", err)
            self.assertIn("the layer is empty", err)

    def test_a_dry_run_changes_nothing(self):
        root = self.tree({"a": "12345"})
        with self.nothing_changes():
            text = self.baton("persist", "-n", "-v", "--root", root, ".", job="a").out.decode()
            self.assertIn("a\n", text)
        self.persist("a", {"a": "1", "new": ""})
        into = self.tree({"a": "old", "extra": ""})
        with self.nothing_changes(into):
            text = self.baton("attach", "--dry-run", "-v", "--delete", into).out.decode()
        self.assertRegex(text, r"write +a\n(.*\n)*write +new\n(.*\n)*delete +extra\n")

    def test_output_that_cannot_be_written_is_not_a_success(self):
        self.persist("a", {"a": ""})
        with open("/dev/full", "wb") as full:
            done = subprocess.run(self.command("ls", "--workflow", "w"), stdout=full,
                                  stderr=subprocess.PIPE, env=self.environment(), check=False)
        self.assertEqual(done.returncode, 8)
        self.assertIn(b"standard output", done.stderr)

    def test_a_reader_that_goes_away_is_no_failure_and_no_signal(self):
        self.persist("a", {f"file-{number}": "" for number in range(5000)})
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(self.command("ls", "--workflow", "w"), stdout=writer,
                              stderr=subprocess.PIPE, env=self.environment(), check=False)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_closed_standard_streams_are_coped_with(self):
        root = self.tree({"a": "1"})
        command = self.command("persist", "--workflow", "w", "--job", "a", "--root", root, ".")
        shell = " ".join(f"'{word}'" for word in command) + " <&- >&- 2>&-"
        subprocess.run(["sh", "-c", shell], env=self.environment(), check=True, timeout=PATIENCE)
        self.assertEqual(contents(self.attach()[1]), {"a": "1"})


class Verbs(Scenario):
    def test_ls_shows_the_merged_tree_and_who_made_each_path(self):
        self.persist("a", {"d/x": "1", "y": "1"})
        self.attach("b")
        self.persist("b", {"y": "22"})
        listed = {entry["path"]: entry for entry in self.baton("ls", "--json").json["entries"]}
        self.assertEqual({path: entry["job"] for path, entry in listed.items()},
                         {"d": "a", "d/x": "a", "y": "b"})
        self.assertEqual((listed["y"]["size"], listed["y"]["type"], listed["d"]["type"]),
                         (2, "file", "directory"))

    def test_cat_writes_one_file_of_the_view(self):
        data = os.urandom(3_000_000)
        self.persist("a", {"d/[x]": data, "empty": ""})
        self.assertEqual(self.baton("cat", "d/[x]").out, data)
        self.assertEqual(self.baton("cat", "empty").out, b"")
        self.refused("cat", "d", status=2, says="`d`")
        self.refused("cat", "ghost", status=3, says="`ghost`")

    def test_diff_names_what_differs_between_layers_and_workflows(self):
        first = self.persist("a", {"same": "", "changed": "1", "gone": ""})
        second = self.persist("a", {"same": "", "changed": "2", "new": ""}, workflow="v")
        for one, other in ((first["layer"], second["layer"]), ("w", "v")):
            entries = self.baton("diff", "--json", one, other).json["entries"]
            self.assertEqual({entry["path"]: entry["change"] for entry in entries},
                             {"changed": "changed", "gone": "removed", "new": "added"})
        self.refused("diff", "w", "ghost", status=3, says="`ghost`")
        self.persist("a", {}, "--if-empty=ok", workflow="nothing")
        for flags in ([], ["--exclude", "*"]):
            entries = self.baton("diff", "--json", *flags, "nothing", "nothing").json["entries"]
            self.assertEqual(entries, [])

    def test_diff_of_two_workflows_needs_no_third(self):
        self.persist("a", {"x": "1"}, workflow="first")
        self.persist("a", {"x": "1", "y": ""}, workflow="second")
        out = self.baton("diff", "first", "second", workflow=None).out
        self.assertTrue(out.startswith(b"+ y\n"), out)

    def test_a_layer_can_be_attached_alone_by_the_beginning_of_its_id(self):
        first = self.persist("a", {"x": "1"})
        self.persist("a", {"x": "2"}, "--attempt", "2")
        got, out = self.attach(None, "--layer", first["layer"][:10])
        self.assertEqual((contents(out), got["digest"]), ({"x": "1"}, first["digest"]))
        self.refused("attach", "--layer", "0" * 16, self.missing(), status=3, says="0" * 16)

    def test_log_lists_layers_in_order(self):
        made = [self.persist(job, {job: ""})["layer"] for job in "abc"]
        self.assertEqual([layer["layer"] for layer in self.baton("log", "--json").json["layers"]],
                         made)
        text = self.baton("log").out.decode()
        self.assertEqual([line.split()[1] for line in text.splitlines()], ["a", "b", "c"])
        self.refused("log", workflow="ghost", status=3, says="`ghost`")

    def test_status_tells_of_the_daemon(self):
        self.persist("a", {"a": "1"})
        status = self.status()
        self.assertEqual((status["pid"], status["layers"], status["workflows"], status["protocol"]),
                         (self.daemon.process.pid, 1, 1, 1))
        text = self.baton("status", workflow=None).out.decode()
        self.assertIn(self.daemon.url, text)


class Signals(Scenario):
    def assert_dies_by(self, number, process):
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, -number, err)
        return err.decode()

    def test_a_client_that_waits_for_the_daemon_dies_by_the_signal(self):
        self.daemon.freeze()
        self.addCleanup(self.daemon.thaw)
        root = self.tree({"a": ""})
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = self.popen("persist", "--root", root, ".", job="a")
            process.send_signal(number)
            self.assertIn(self.assert_dies_by(number, process), ("", *self.sentences()))

    def sentences(self):
        """A signal before there is something to clean up is not told of."""
        for where in ("in the exchange with the daemon at", "while connecting to"):
            yield f"baton: interrupted {where} {self.daemon.url}\n"

    def test_a_client_that_reads_its_list_dies_by_the_signal(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        process = self.popen("persist", "--paths-from", fifo, job="a")
        with open(fifo, "wb"):  # returns when the client has it open
            process.send_signal(signal.SIGINT)
            self.assertEqual(self.assert_dies_by(signal.SIGINT, process),
                             f"baton: interrupted while reading --paths-from `{fifo}`\n")

    def test_a_client_whose_reader_does_not_read_dies_by_the_signal(self):
        self.persist("a", {"big": "x" * 4_000_000})
        process = self.popen("cat", "big")
        os.read(process.stdout.fileno(), 1)  # now the pipe is being filled
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_who_lists_paths_to_nobody_dies_by_a_second_signal(self):
        self.persist("a", {f"{number:0200}": "" for number in range(1000)})
        process = self.popen("attach", "-v", self.missing())
        os.read(process.stdout.fileno(), 1)  # now the pipe is being filled
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_an_ignored_interrupt_stays_ignored(self):
        root = self.tree({"a": "1"})
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        process = subprocess.Popen(
            ["sh", "-c", 'trap "" INT; exec "$@"', "sh",
             *self.command("persist", "--json", "--workflow", "w", "--job", "a", "--root", root,
                           "--paths-from", fifo)],
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(end_process, process)
        with open(fifo, "wb") as names:
            process.send_signal(signal.SIGINT)
            names.write(b"a\n")
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(json.loads(out)["files"], 1)


class ClosedStreams(Scenario):
    def run_closed(self, redirection, *arguments):
        command = ["sh", "-c", f'exec "$@" {redirection}', "sh",
                   *self.command(*arguments, "--workflow", "w")]
        return subprocess.run(command, cwd=self.folder, env=self.environment(),
                              capture_output=True, check=False)

    def test_what_cannot_be_said_on_a_closed_output_is_an_error(self):
        self.persist("a", {"f": "content"})
        for arguments in (("cat", "f"), ("ls", "--json"), ("log",)):
            done = self.run_closed(">&-", *arguments)
            self.assertEqual(done.returncode, 9, done)
            self.assertIn(b"cannot be written", done.stderr)

    def test_a_closed_input_is_named_when_it_is_read(self):
        done = self.run_closed("<&-", "persist", "--job", "a", "--paths-from", "-")
        self.assertEqual(done.returncode, 9, done)
        self.assertIn(b"--paths-from", done.stderr)
