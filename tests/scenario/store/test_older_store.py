"""A store that an earlier batond left behind: format 2, as it was written then."""

import shutil
import tarfile

from harness import TOP, Scenario, contents, open_catalogue, read_tree

GOLDEN = TOP / "tests" / "golden" / "store_2.tar.xz"
# What the views of its workflows show: `new` retries the job of `old` that made the report.
VIEWS = {
    "old": {"a": "one\n", "d/b": "two\n", "report": "report\n"},
    "new": {"a": "again\n", "d/b": "two\n", "c": "three\n"},
    "gone": {"a": "gone\n", "d/b": "two\n", "c": "three\n"},
}


class OlderStore(Scenario):
    def unpack(self):
        """The golden store becomes that of the daemon, which is stopped."""
        data = self.daemon.data
        self.daemon.stop()
        shutil.rmtree(data)
        data.mkdir(mode=0o700)
        with tarfile.open(GOLDEN) as golden:
            golden.extractall(data)
        return data

    def test_w1_a_check_reads_a_store_of_format_2_and_changes_nothing(self):
        data = self.unpack()
        before = read_tree(data)
        status, out, err = self.daemon.check("--read-data")
        self.assertEqual(status, 0, out + err)
        self.assertEqual(read_tree(data), before)
        self.daemon.start()

    def test_w1_a_start_converts_a_store_of_format_2_and_loses_nothing(self):
        data = self.unpack()
        self.daemon.start()
        self.assertEqual((data / "format").read_text(), "batond store 3\n")
        for workflow, files in VIEWS.items():
            with self.subTest(workflow=workflow):
                self.assertEqual(contents(self.attach("look", workflow=workflow)[1]), files)
        self.assertGreater(self.persist("more", {"m": "more"}, workflow="old")["new_bytes"], 0)
        self.daemon.stop()
        status, out, err = self.daemon.check("--read-data")
        self.assertEqual(status, 0, out + err)
        with open_catalogue(data / "catalogue.db") as database:
            self.assertEqual(database.execute("PRAGMA user_version").fetchone(), (4,))
        self.daemon.start()
