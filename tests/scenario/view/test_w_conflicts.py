"""Rule W7: where concurrent layers disagree, and what decides."""

import hashlib
import os
import re

from harness import Link, Scenario, contents, read_tree


class Conflicts(Scenario):
    def disagree(self, files=("x",), jobs=("a", "b")):
        return [self.persist(job, {file: job for file in files}) for job in jobs]

    def assert_conflict(self, *flags, says=(), **options):
        into = self.missing()
        with self.nothing_changes(into.parent):
            return self.refused("attach", *flags, into, status=4, says=says, **options)

    def assert_seen(self, expected, *flags):
        got, out = self.attach(None, *flags)
        self.assertEqual(contents(out), expected)
        return got


class TheError(Conflicts):
    def test_w7_a_conflict_names_path_jobs_layers_and_ways_out(self):
        a, b = self.disagree()
        self.assert_conflict(says=("`x`", "`a`", "`b`", a["layer"], b["layer"], "--prefer",
                                   "--on-conflict", "--from", "--by-job"))

    def test_w7_json_lists_the_conflicts(self):
        a, b = self.disagree(["x", "d/y"])
        result = self.baton("attach", "--json", self.missing(), status=4)
        error = result.json["error"]
        self.assertEqual(error["exit"], 4)
        self.assertEqual(error["conflicts"],
                         [{"path": path, "layers": [a["layer"], b["layer"]]}
                          for path in ("d/y", "x")])

    def test_w7_the_first_20_are_listed_by_directory_and_the_rest_counted(self):
        self.disagree([f"{folder}/{number:02}" for folder in "pq" for number in range(15)])
        result = self.baton("attach", self.missing(), status=4)
        lines = result.err.decode().splitlines()
        listed = [line for line in lines if line.startswith("    ")]
        self.assertEqual(len(listed), 20)
        self.assertEqual([line for line in lines if line.startswith("  in ")],
                         ["  in p:", "  in q:"])
        self.assertIn("  and 10 more", lines)

    def test_l1_a_conflict_of_many_names_whole_ones_and_how_many_more(self):
        """Names of many bytes each, so that whatever room there is ends inside of one."""
        layers = [self.persist("jöb" * 20, {"x": str(n)}, "--shard", f"shärd {n:02}")["layer"]
                  for n in range(1, 31)]
        result = self.baton("attach", "--json", self.missing(), job="r", status=4)
        message = result.json["error"]["message"]
        named = re.findall(r"`jöb[^`]*` as layer ([0-9a-f]{16})\b", message)
        self.assertEqual(named, layers[:len(named)])
        self.assertGreater(len(named), 1)
        self.assertIn(f" and {30 - len(named)} more", message)
        self.assertEqual(re.sub(r"`jöb[^`]*` as layer [0-9a-f]{16},? ?", "", message)
                         .count("layer"), 0)
        self.assertEqual(result.json["error"]["conflicts"][0]["layers"], layers)
        for line in result.err.decode().splitlines():
            for word in re.findall(r"[0-9a-f]{4,}", line):
                self.assertIn(word, layers)

    def test_l1_a_path_that_is_too_long_for_a_sentence_is_cut_between_characters(self):
        path = "/".join(["ä" * 100] * 3) + "x"
        self.disagree([path])
        self.assert_conflict(says=("ä…", "äx`"))
        warning, = self.persist("c", {path: "c"})["warnings"]
        self.assertIn("ä…", warning)

    def test_w7_ls_marks_conflicts_and_exits_4(self):
        self.disagree()
        self.persist("c", {"fine": ""})
        result = self.baton("ls", status=4)
        lines = result.out.decode().splitlines()
        self.assertTrue(any("x" in line and "(conflict)" in line for line in lines), result)
        self.assertFalse(any("fine" in line and "(conflict)" in line for line in lines), result)

    def test_w7_a_persist_that_sees_a_conflict_coming_warns(self):
        self.persist("a", {"x": "a"})
        made = self.persist("b", {"x": "b"})
        self.assertTrue(any("`x`" in w and "`a`" in w for w in made["warnings"]), made)
        self.assertEqual(self.persist("c", {"y": "c"})["warnings"], [])

    def test_w7_conflicts_of_others_do_not_hide_the_one_that_is_coming(self):
        self.disagree([f"others/{number}" for number in range(40)])
        self.persist("c", {"x": "c"})
        made = self.persist("d", {"x": "d"})
        self.assertTrue(any("`x`" in w and "`c`" in w for w in made["warnings"]), made)


class WhatDecides(Conflicts):
    def test_w7_prefer_takes_the_job_and_leaves_other_conflicts(self):
        self.disagree()
        self.assert_seen({"x": "b"}, "--prefer", "b")
        self.assert_seen({"x": "a"}, "--prefer", "a", "--prefer", "b")
        self.assert_conflict("--prefer", "c")

    def test_w7_prefer_takes_a_shard_and_the_error_says_so(self):
        for shard in ("1/2", "2/2"):
            self.persist("s", {"x": shard}, "--shard", shard)
        sentence = self.assert_conflict(says=("`s 1/2`", "`s 2/2`", "--prefer JOB/SHARD"))
        self.assertNotIn("--from", sentence)
        got = self.assert_seen({"x": "2/2"}, "--prefer", "s/2/2")
        self.assertEqual(got["warnings"], [])
        self.assert_conflict("--prefer", "s")
        mistyped = self.baton("attach", "--prefer", "s/3/3", self.missing(), status=4)
        self.assertIn(b"warning: --prefer `s/3/3`: the daemon never heard of", mistyped.err)

    def test_w7_on_conflict_takes_the_first_or_last_in_order(self):
        self.disagree()
        self.assert_seen({"x": "a"}, "--on-conflict", "first")
        self.assert_seen({"x": "b"}, "--on-conflict=last")
        _, out = self.attach("c", "--needs", "b", "--needs", "a", "--on-conflict", "first")
        self.assertEqual(contents(out), {"x": "b"})

    def test_w7_from_resolves_it(self):
        self.disagree()
        self.assert_seen({"x": "a"}, "--from", "a")

    def test_w7_by_job_cannot_conflict(self):
        self.disagree(jobs=("a", "b", "with/slash"))
        self.persist("s", {"x": "s1"}, "--shard", "1/2")
        self.persist("s", {"x": "s2"}, "--shard", "2/2")
        self.assert_seen({"a/x": "a", "b/x": "b", "with%2Fslash/x": "with/slash",
                          "s/1%2F2/x": "s1", "s/2%2F2/x": "s2"}, "--by-job")

    def test_w7_by_job_a_job_and_its_shards_have_folders_of_their_own(self):
        self.persist("s", {"1/x": "job", "%/x": "job"})
        self.persist("t", {"1/x": "alone"})
        self.assert_seen({"s/1/x": "job", "s/%/x": "job", "t/1/x": "alone"}, "--by-job")
        for shard in ("1", "%", ""):
            self.persist("s", {"x": f"shard {shard}"}, *(["--shard", shard] if shard else []))
        self.assert_seen({"s/1/x": "shard 1", "s/%25/x": "shard %", "s/%/x": "shard ",
                          "s/%/1/x": "job", "s/%/%/x": "job", "t/1/x": "alone"}, "--by-job")

    def test_w7_by_job_shortens_a_name_too_long_for_a_directory(self):
        """255 bytes fit, one more does not; names that differ only at their end stay two."""
        fitting, long = "/" * 64 + "a" * 63, "/" * 64 + "a" * 64
        for name in (fitting, long, long[:-1] + "b"):
            self.persist(name, {"x": name})
        names = {name: name.replace("/", "%2F") for name in (fitting, long, long[:-1] + "b")}
        self.assertEqual([len(text) for text in names.values()], [255, 256, 256])
        shortened = {name: text if len(text) < 256 else
                     f"{text[:222]}~{hashlib.sha256(text.encode()).hexdigest()[:32]}"
                     for name, text in names.items()}
        self.assert_seen({f"{text}/x": name for name, text in shortened.items()}, "--by-job")

    def test_w7_only_paths_inside_the_filters_count(self):
        self.disagree(["in/x", "out/x"])
        self.persist("c", {"in/c": "c"})
        self.assert_conflict("--only", "in/**")
        self.assert_seen({"in/c": "c"}, "--only", "in/c")
        self.assert_seen({"in/c": "c"}, "--exclude", "x")


class WhatConflicts(Conflicts):
    def test_w7_equal_entries_are_no_conflict_and_keep_the_earliest_time(self):
        for job, time in (("a", 2_000_000_000), ("b", 1_000_000_000), ("c", 3_000_000_000)):
            root = self.tree({"x": "same"})
            os.utime(root / "x", ns=(0, time))
            self.baton("persist", "--root", root, ".", job=job)
        _, out = self.attach()
        self.assertEqual((out / "x").stat().st_mtime_ns, 1_000_000_000)

    def test_w7_other_bits_of_the_mode_are_a_conflict(self):
        self.persist("a", {"x": ("same", 0o644)})
        self.persist("b", {"x": ("same", 0o755)})
        self.assert_conflict(says="the same content with different modes at `x`")
        self.persist("c", {"x": ("other", 0o755)})
        self.assert_conflict(says="different content at `x`")

    def test_w7_another_type_is_a_conflict(self):
        self.persist("a", {"x": "target"})
        self.persist("b", {"x": Link("target")})
        self.assert_conflict(says="`x`")

    def test_w7_links_with_other_targets_are_a_conflict(self):
        self.persist("a", {"x": Link("one")})
        self.persist("b", {"x": Link("two")})
        self.assert_conflict(says="`x`")

    def test_w7_directories_never_conflict_and_the_last_gives_the_mode(self):
        for job, mode in (("a", 0o700), ("b", 0o750)):
            root = self.tree({"d": None, f"d/{job}": ""})
            (root / "d").chmod(mode)
            self.baton("persist", "--root", root, ".", job=job)
        _, out = self.attach()
        self.assertEqual(read_tree(out)[b"d"][1], 0o750)
        self.assertEqual(contents(out), {"d/a": "", "d/b": ""})

    def test_w7_a_directory_against_a_file_conflicts_when_concurrent(self):
        self.persist("a", {"x/inside": "a"})
        self.persist("b", {"x": "b"})
        self.assert_conflict(says="`x`")
        self.assert_seen({"x/inside": "a"}, "--prefer", "a")
        self.assert_seen({"x": "b"}, "--prefer", "b")

    def test_w7_a_later_file_replaces_a_directory_and_all_below_it(self):
        self.persist("a", {"x/inside": "a", "x/deep/er": "a"})
        self.attach("b")
        self.persist("b", {"x": "b"})
        self.assert_seen({"x": "b"})

    def test_w7_a_later_directory_replaces_a_file(self):
        self.persist("a", {"x": "a"})
        self.attach("b")
        self.persist("b", {"x/inside": "b"})
        self.assert_seen({"x/inside": "b"})


class Unchanged(Conflicts):
    def test_w7_an_unchanged_entry_yields_to_a_changed_one(self):
        self.persist("a", {"x": "1"})
        self.attach("b")
        self.attach("c")
        self.persist("b", {"x": "2"})
        made = self.persist("c", {"x": "1", "c": ""})
        self.assertEqual(made["warnings"], [])
        self.assert_seen({"x": "2", "c": ""})

    def test_w7_an_unchanged_entry_conflicts_with_nothing_but_its_origin_does(self):
        a = self.persist("a", {"x": "1"})
        self.attach("c")
        c = self.persist("c", {"x": "1"})
        d = self.persist("d", {"x": "3"})
        sentence = self.assert_conflict(says=("`x`", a["layer"], d["layer"]))
        self.assertNotIn(c["layer"], sentence)

    def test_w7_an_entry_with_a_changed_mode_is_changed(self):
        self.persist("a", {"x": ("1", 0o644)})
        self.attach("c")
        self.persist("c", {"x": ("1", 0o600)})
        _, out = self.attach()
        self.assertEqual(read_tree(out)[b"x"][1], 0o600)

    def test_w7_an_entry_whose_time_alone_changed_is_unchanged(self):
        self.persist("a", {"x": "1"})
        self.attach("b")
        self.attach("c")
        self.persist("b", {"x": "2"})
        root = self.tree({"x": "1"})
        os.utime(root / "x", ns=(0, 5_000_000_000))
        self.baton("persist", "--root", root, ".", job="c")
        self.assert_seen({"x": "2"})

    def test_w7_two_changes_of_one_base_conflict(self):
        self.persist("a", {"x": "1"})
        for job in "bc":
            self.attach(job)
        for job in "bc":
            self.persist(job, {"x": job})
        self.assert_conflict(says=("`b`", "`c`"))
        self.attach("d", "--prefer", "b")
        self.persist("d", {"x": "merged"})
        self.assert_seen({"x": "merged"})
