"""Copies of a store and what it tells of itself (L10, L11, L13), with real processes."""

import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import BATOND, PATIENCE, NotStarted, Scenario, random_bytes, read_tree

SERVICE = pathlib.Path(__file__).resolve().parents[3] / "daemon/service"
SYSTEM_PYTHON = "/usr/bin/python3"
FILES = {"a/b": random_bytes(200_000, 1), "c": "small", "empty": None}


class Copies(Scenario):
    def batond(self, *arguments, status=0):
        done = subprocess.run([BATOND, *arguments], capture_output=True, timeout=PATIENCE * 5,
                              check=False)
        self.assertEqual(done.returncode, status, done)
        return done.stdout.decode() + done.stderr.decode()

    def put(self, job, files, **more):
        return self.baton("persist", "--json", "--root", self.tree(files), ".", job=job,
                          **more).json

    def see(self, job, workflow="w"):
        """What a job gets: the answer, and each file's bytes."""
        target = self.folder / f"see-{len(list(self.folder.iterdir()))}"
        answer = self.baton("attach", "--json", target, job=job, workflow=workflow).json
        return answer["digest"], read_tree(target)


class Backup(Copies):
    def back_up(self):
        return self.batond("backup", "--data", self.daemon.data, "--listen", self.daemon.url,
                           self.folder / "backup")

    def test_l10_a_backup_of_a_running_daemon_gives_every_job_the_same(self):
        self.put("build", FILES)
        self.put("test", {"t": "1"})
        before = self.see("look")
        self.assertIn("2 layers in", self.back_up())
        self.assertIn(" 0 bytes copied", self.back_up())
        self.put("late", {"l": random_bytes(50_000, 2)})
        self.assertIn("3 layers in", self.back_up())
        restored = self.folder / "restored/data"
        restored.parent.mkdir()
        self.batond("restore", "--data", restored, self.folder / "backup")
        self.assertIn("no damage", self.batond("check", "--read-data", "--data", restored))
        latest = self.see("look2")
        self.daemon.stop()
        shutil.rmtree(self.daemon.data)
        restored.rename(self.daemon.data)
        self.daemon.start()
        self.assertEqual(self.see("look3"), latest)
        self.assertNotEqual(before, latest)

    def test_l10_without_a_daemon_the_same_command_does_it(self):
        self.put("build", FILES)
        self.daemon.stop()
        self.assertIn("1 layers in", self.back_up())
        self.daemon.start()
        self.assertIn(" 0 bytes copied", self.back_up())

    def test_l10_what_is_refused_is_said(self):
        self.put("build", FILES)
        data = self.daemon.data
        listen = "--listen", self.daemon.url
        (self.folder / "mine/file").mkdir(parents=True)
        self.assertIn("no backup", self.batond("backup", "--data", data, *listen,
                                               self.folder / "mine", status=5))
        self.back_up()
        self.assertIn("batond uses", self.batond("restore", "--data", data,
                                                 self.folder / "backup", status=7))
        self.daemon.stop()
        self.assertIn("is not empty", self.batond("restore", "--data", data,
                                                  self.folder / "backup", status=5))
        self.assertIn("no finished backup", self.batond("restore", "--data",
                                                        self.folder / "new",
                                                        self.folder / "mine", status=3))
        self.daemon.start()


class Rebuild(Copies):
    def test_l13_without_its_catalogue_a_store_gives_every_job_the_same(self):
        self.put("build", FILES)
        self.see("test")
        self.put("test", {"t": "1"})
        self.put("build", {"again": "2"}, workflow="w2", variables={"BATON_RETRY_OF": "w"})
        seen = [self.see("look"), self.see("look", "w2")]
        self.daemon.stop()
        for name in "catalogue.db", "catalogue.db-wal":
            (self.daemon.data / name).unlink(missing_ok=True)
        with self.assertRaises(NotStarted) as caught:
            self.daemon.start()
        self.assertIn("batond rebuild", str(caught.exception))
        told = self.batond("rebuild", "--data", self.daemon.data)
        self.assertIn("3 layers of 2 workflows in 1 namespaces", told)
        self.assertIn("lost: what jobs attached after their last persist", told)
        self.assertIn("no damage", self.batond("check", "--read-data", "--data",
                                               self.daemon.data))
        self.daemon.start()
        self.assertEqual([self.see("look"), self.see("look", "w2")], seen)
        self.put("build", {"more": "3"}, workflow="w3")


class Scrub(Copies):
    flags = "--scrub", "1s"

    def test_l9_damage_is_found_by_itself_and_told(self):
        self.put("build", FILES)
        self.daemon.await_log("all that is stored has been read; 0 frames")
        self.daemon.stop()
        segment, = (self.daemon.data / "segments").iterdir()
        bytes_ = bytearray(segment.read_bytes())
        bytes_[3000] ^= 1
        segment.write_bytes(bytes_)
        self.daemon.start()
        self.daemon.await_log("nothing in it is reused any more")
        self.daemon.await_log("1 frames were found damaged")
        page = parse(self.batond("metrics", "--listen", self.daemon.url))
        found = page["batond_scrub_damaged_frames_total"][1]
        self.assertEqual(list(found.values()), [1])
        self.assertEqual(list(page["batond_damaged_frames"][1].values()), [1])
        status = self.status()
        self.assertEqual(status["damaged_frames"], 1)
        self.assertGreater(status["scrubbed_ms"], status["started_ms"])
        self.assertIn("damaged     1 frames", self.baton("status", workflow=None).out.decode())
        self.assertTrue((self.daemon.data / "damaged").exists())
        self.assertTrue((self.daemon.data / "scrub").exists())


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = NAME.replace(":", "") + r'="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([0-9.]+)")


def parse(text):
    """Families of the text format, strictly: {name: (type, {(sample, labels): value})}."""
    families, name, last = {}, None, ""
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in families and len(line.split(" ")) > 3, line
            last = "help"
        elif line.startswith("# TYPE "):
            _, _, typed, kind = line.split(" ")
            assert (last, typed) == ("help", name) and kind in ("counter", "gauge",
                                                                "histogram"), line
            families[name] = kind, {}
            last = "type"
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            sample, labels, value = found.groups()
            kind, samples = families[name]
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            assert any(sample == name + suffix for suffix in suffixes), line
            assert kind != "counter" or name.endswith("_total"), line
            assert (sample, labels) not in samples, line
            samples[sample, labels] = float(value)
    return families


class Metrics(Copies):
    def page(self):
        return self.batond("metrics", "--listen", self.daemon.url)

    def families(self):
        return parse(self.page())

    def test_l11_what_happened_is_counted(self):
        self.put("build", FILES)
        self.put("build2", FILES)
        self.see("look")
        self.baton("attach", self.folder / "no", workflow="nobody", job="j", status=None)
        families = self.families()
        requests = families["batond_requests_total"][1]
        self.assertEqual(requests["batond_requests_total", 'verb="persist",result="ok"'], 2)
        self.assertGreaterEqual(sum(requests.values()), 3)
        content = families["batond_content_bytes_total"][1]
        new = families["batond_new_content_bytes_total"][1]
        persist = 'verb="persist"'
        self.assertEqual(content["batond_content_bytes_total", persist], 2 * 200_005)
        self.assertEqual(new["batond_new_content_bytes_total", persist], 200_005)
        self.assertEqual(families["batond_layers"][1]["batond_layers", None], 2)
        self.assertGreater(families["batond_stored_bytes"][1]["batond_stored_bytes", None],
                           200_000)
        share = families["batond_namespace_stored_bytes"][1]
        self.assertEqual(list(share), [("batond_namespace_stored_bytes",
                                        'namespace="default",tier="trusted"')])
        for name, (kind, samples) in families.items():
            if kind == "histogram":
                self.assert_histogram(name, samples)

    def test_l11_l7_what_removal_does_is_counted(self):
        self.put("build", FILES)
        self.daemon.stop()
        with self.daemon.catalogue() as database, database:
            database.execute("UPDATE workflows SET expired_ms = 5, expired_running_ms = 0")
            database.execute("INSERT OR REPLACE INTO settings VALUES ('running_ms', 86400000)")
        self.daemon.start()
        self.batond("gc", "--data", self.daemon.data)
        self.daemon.await_log("1 layers given up")
        families = self.families()
        for name, value in (("layers", 1), ("segments", 1)):
            name = f"batond_removal_{name}_total"
            self.assertEqual(families[name][1][name, None], value)
        name = "batond_removal_freed_bytes_total"
        self.assertGreater(families[name][1][name, None], 200_000)
        self.assertEqual(families["batond_removal_stopped"][1]["batond_removal_stopped", None], 0)

    def assert_histogram(self, name, samples):
        verbs = {labels for sample, labels in samples if sample == name + "_count"}
        self.assertIn('verb="persist"', verbs)
        for verb in verbs:
            buckets = [(math.inf if "+Inf" in labels else
                        float(re.search('le="([^"]*)"', labels)[1]), value)
                       for (sample, labels), value in samples.items()
                       if sample == name + "_bucket" and labels.startswith(verb + ",")]
            self.assertEqual(buckets, sorted(buckets))
            self.assertEqual([v for _, v in buckets], sorted(v for _, v in buckets))
            self.assertEqual(buckets[-1], (math.inf, samples[name + "_count", verb]))

    def test_l11_the_parser_of_prometheus_takes_it(self):
        check = ("import sys; from prometheus_client.parser import "
                 "text_string_to_metric_families as parse; "
                 "print(sum(len(f.samples) for f in parse(sys.stdin.read())))")
        self.put("build", FILES)
        page = self.page()
        done = subprocess.run([SYSTEM_PYTHON, "-c", check], input=page.encode(),
                              capture_output=True, check=False, timeout=PATIENCE)
        if b"No module named" in done.stderr:
            self.skipTest("python3-prometheus-client is not there")
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(int(done.stdout), sum(not line.startswith("#")
                                               for line in page.splitlines()))

    def test_l11_dashboard_and_alerts_use_metrics_that_there_are(self):
        self.put("build", FILES)
        self.see("look")
        families = self.families()
        known = {sample for _, samples in families.values() for sample, _ in samples}
        panels = json.loads((SERVICE / "batond-dashboard.json").read_text())["panels"]
        asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
        alerts = (SERVICE / "batond-alerts.yml").read_text()
        asked += re.findall(r"^ +expr: (.*)$", alerts, re.M)
        used = {name for expr in asked for name in re.findall(r"\b(?:batond|process)_\w+", expr)}
        self.assertEqual(used - known, set())
        self.assertGreater(len(used), 15)
        self.assertGreater(alerts.count("alert:"), 5)

    def test_l11_l10_are_for_who_may_do_everything(self):
        if os.geteuid() != 0:
            self.skipTest("root is narrowed by a section of its own")
        config = self.folder / "conf"
        config.write_text("[user root]\nnamespace = acme/*\nverbs = read, write\n")
        daemon = self.start_daemon("narrow", "--config", config)
        self.assertIn("admin", self.batond("metrics", "--listen", daemon.url, status=5))
        self.assertIn("admin", self.batond("backup", "--data", daemon.data, "--listen",
                                           daemon.url, self.folder / "backup", status=5))
        self.assertFalse((self.folder / "backup").exists())


if __name__ == "__main__":
    unittest.main()
