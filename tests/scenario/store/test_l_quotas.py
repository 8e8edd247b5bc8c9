"""Quotas of a namespace and tier (L3): exact at once, whoever persists beside whom."""

import re
import signal
import subprocess
import unittest

from harness import BATOND, Scenario, contents, random_bytes, read_tree

CLIENTS = 16


class Quotas(Scenario):
    def configure(self, *lines):
        file = self.folder / "batond.conf"
        file.write_text("\n".join(lines) + "\n")
        return file

    def begin(self, *lines, listen=None):
        flags = ["--listen", listen] if listen else []
        return self.start_daemon("daemon", "--config", str(self.configure(*lines)), *flags)

    def reload(self, *lines):
        self.configure(*lines)
        count = len(self.daemon.log_lines("reload"))
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.await_log("reload", count + 1)

    def stored(self):
        return sum(path.stat().st_size for path in self.daemon.segments())

    def persist_at_once(self, trees):
        """Each in a workflow of its own; which of them were acknowledged."""
        processes = [self.popen("persist", "--json", "--root", tree, ".", workflow=f"w{n}", job="j")
                     for n, tree in enumerate(trees)]
        done = [(process.communicate(), process.returncode) for process in processes]
        for (_, err), status in done:
            self.assertIn(status, (0, 8), err)
            if status == 8:
                self.assertIn(b"namespace `default`: its quota is ", err)
        return [n for n, (_, status) in enumerate(done) if status == 0]

    def test_l3_who_passes_the_quota_of_bytes_is_told_quota_use_and_what_ends_first(self):
        self.begin("[namespace **]", "quota = 300K", "retention = 20d")
        self.persist("j", {"a": random_bytes(200_000)}, workflow="first")
        self.persist("j", {"a": "small"}, workflow="second")
        before = self.stored()
        says = self.refused("persist", "--root", self.tree({"b": random_bytes(150_000, 1)}), ".",
                            workflow="third", job="j", status=8,
                            says=("namespace `default`: its quota is 307200 bytes; ",
                                  "workflow `first` ends first, in 19 days"))
        self.assertRegex(says, r"; (\d+) are stored or being written, and this needs (\d+) more")
        used, more = map(int, re.findall(r"(\d+) are stored.* needs (\d+) more", says)[0])
        self.assertGreaterEqual(used, before)
        self.assertGreater(used + more, 307200)
        self.assertEqual(self.stored(), before)
        self.assertEqual(contents(self.attach(workflow="second")[1]), {"a": "small"})

    def test_l3_those_who_persist_at_once_keep_the_quota_of_bytes_together(self):
        self.begin("[namespace **]", "quota = 2M")
        trees = [self.tree({"a": random_bytes(400_000, n)}) for n in range(CLIENTS)]
        made = self.persist_at_once(trees)
        self.assertLessEqual(len(made), 5)
        self.assertLessEqual(self.stored(), 2 << 20)
        for n in made:
            self.assertEqual(read_tree(self.attach(workflow=f"w{n}")[1]), read_tree(trees[n]))
        while len(made) < 5:  # what the others wrote is given back
            self.persist("j", {"a": random_bytes(400_000, 100 + len(made))},
                         workflow=f"x{len(made)}")
            made.append(None)
        self.refused("persist", "--root", self.tree({"a": random_bytes(400_000, 200)}), ".",
                     workflow="y", job="j", status=8)

    def test_l3_those_who_persist_at_once_keep_the_quota_of_layers_together(self):
        self.begin("[namespace **]", "layers = 5")
        trees = [self.tree({"a": str(n)}) for n in range(CLIENTS)]
        self.assertEqual(len(self.persist_at_once(trees)), 5)
        self.assertEqual(self.status()["layers"], 5)
        self.daemon.restart()
        self.refused("persist", "--root", trees[0], ".", workflow="y", job="j", status=8,
                     says="its quota is 5 layers; it has 5, and 0 are being persisted")

    def test_l3_a_place_of_a_persist_that_failed_is_free_again(self):
        self.begin("[namespace **]", "layers = 1", "quota = 100K")
        self.refused("persist", "--root", self.tree({"a": random_bytes(200_000)}), ".", job="j",
                     status=8, says="its quota is 102400 bytes")
        made = self.persist("j", {"a": "1"})
        self.refused("persist", "--root", self.tree({"a": "2"}), ".", job="j", status=8,
                     says="its quota is 1 layers; it has 1")
        self.assertEqual(self.attach()[0]["layers"][0]["layer"], made["layer"])

    def test_l3_sighup_changes_a_quota(self):
        self.begin("[namespace **]", "layers = 1")
        self.persist("j", {"a": "1"})
        tree = self.tree({"a": "2"})
        self.refused("persist", "--root", tree, ".", job="j", status=8, says="1 layers")
        self.reload("[namespace **]", "layers = 2", "quota = 1K")
        self.refused("persist", "--root", tree, ".", job="j", status=8, says="1024 bytes")
        self.reload("[namespace **]", "layers = 2", "quota = 1M")
        self.baton("persist", "--root", tree, ".", job="j")
        self.refused("persist", "--root", tree, ".", job="j", status=8, says="2 layers")

    def test_l3_a_namespace_has_its_own_quota(self):
        self.begin("[namespace small]", "layers = 1")
        for namespace in ("small", "large", "large"):
            self.persist("j", {"a": "1"}, "--namespace", namespace)
        self.refused("persist", "--namespace", "small", "--root", self.tree({"a": "2"}), ".",
                     job="j", status=8, says="namespace `small`: its quota is 1 layers")

    def test_l3_each_tier_has_its_own_quota_and_fills_no_other(self):
        self.begin("[namespace **]", "tier = untrusted", "layers = 1", "[namespace **]",
                   "layers = 3", listen="tls://127.0.0.1:0")
        token = subprocess.run([BATOND, "token", "create", "--data", self.daemon.data,
                                "--namespace", "default", "--verbs", "read,write", "--tier",
                                "untrusted"], capture_output=True, check=True, text=True)
        url = re.search(r"^BATON_SERVER=(.*)$", self.daemon.read_log(), re.M)[1]
        forked = {"BATON_TOKEN": token.stdout.strip(), "BATON_SERVER": url}
        self.persist("j", {"a": "1"}, variables=forked)
        self.refused("persist", "--root", self.tree({"a": "2"}), ".", job="j", status=8,
                     says="namespace `default` (untrusted): its quota is 1 layers",
                     variables=forked)
        for n in range(3):
            self.persist("j", {"a": str(n)})
        self.refused("persist", "--root", self.tree({"a": "2"}), ".", job="j", status=8,
                     says="namespace `default`: its quota is 3 layers")


if __name__ == "__main__":
    unittest.main()
