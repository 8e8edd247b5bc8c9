"""Rules K9, K10, K12: what the daemon keeps, over HTTP: names, ranges, tags, archives, pages."""

import hashlib
import io
import json
import os
import signal
import stat
import tarfile
import urllib.parse
import zipfile

import client
from http_case import HOSTILE_NAMES, OPENAPI, Description, HttpScenario, quote, unescape
from wire_case import identity

BIG = bytes(range(256)) * 4096 * 3 + os.urandom(3 << 20)  # several units


class Documented(HttpScenario):
    def test_k9_every_answer_is_as_the_document_says(self):
        document = self.get("/api/v1/openapi.json").json
        self.assertEqual(document, json.loads(OPENAPI.read_text()))
        says = Description(document)
        layer = self.persist_tree({b"a": b"1", b"d/b": b"2"})
        self.persist_tree({b"c": b"3"}, job="test")
        answers = {
            "/api/v1": ("About", "/api/v1"),
            "/api/v1/openapi.json": (None, "/api/v1/openapi.json"),
            "/api/v1/namespaces": ("Namespaces", "/api/v1/namespaces"),
            "/api/v1/namespaces/{namespace}/workflows":
                ("Workflows", self.url("default", "workflows")),
            "/api/v1/namespaces/{namespace}/workflows/{workflow}":
                ("Workflow", self.url("default", "workflows", "w")),
            "/api/v1/namespaces/{namespace}/workflows/{workflow}/files/{path}":
                ("Folder", self.url("default", "workflows", "w", "files", "")),
            "/api/v1/namespaces/{namespace}/workflows/{workflow}/archive.{format}":
                (None, self.url("default", "workflows", "w", "archive.zip")),
            "/api/v1/namespaces/{namespace}/layers/{layer}":
                ("Layer", self.url("default", "layers", layer)),
            "/api/v1/namespaces/{namespace}/layers/{layer}/files/{path}":
                ("Folder", self.url("default", "layers", layer, "files", "d", "")),
            "/api/v1/namespaces/{namespace}/layers/{layer}/archive.{format}":
                (None, self.url("default", "layers", layer, "archive.tar")),
        }
        self.assertEqual(set(answers), set(document["paths"]))
        for name, target in answers.values():
            answer = self.get(target)
            if name:
                says.check(name, answer.json)
        for target, status in ((self.url("default", "workflows", "none"), 404),
                               (self.url("default", "layers", "zz"), 400), ("/nothing", 404)):
            says.check("Error", self.get(target, status).json)

    def test_k9_the_socket_serves_both_protocols_and_loopback_http(self):
        self.persist_tree({b"a": b"1"})
        for way in ("unix", "tcp"):
            names = [entry["name"] for entry in
                     self.get("/api/v1/namespaces", way=way).json["namespaces"]]
            self.assertEqual(names, ["default"])
        self.baton("ls")

    def test_k9_only_reading(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = self.get("/api/v1", 405, method=method)
            self.assertEqual(answer.head["Allow"], "GET, HEAD")

    def test_a_client_does_not_take_the_http_address_for_the_daemons(self):
        self.daemon  # starts
        done = self.baton("ls", variables={"BATON_SERVER": f"http://127.0.0.1:{self.port}"},
                          status=2)
        self.assertIn(b"unix:, tcp:// or tls://", done.err)


class Files(HttpScenario):
    def test_k10_names_of_any_bytes_are_listed_and_fetched(self):
        """From the list alone: each name unescaped, encoded, fetched, and the bytes are its own."""
        files = {name: b"content of " + name for name in HOSTILE_NAMES}
        files.update({b"folder \xfe%/" + name: name * 3 for name in HOSTILE_NAMES})
        layer = self.persist_tree(files)
        for subject in (("layers", layer), ("workflows", "w")):
            for folder in (b"", b"folder \xfe%"):
                base = self.url("default", *subject, "files", *([folder] if folder else []), "")
                listing = self.get(base).json
                self.assertEqual(unescape(listing["path"]), folder)
                names = {unescape(entry["name"]) for entry in listing["entries"]
                         if entry["type"] == "file"}
                self.assertEqual(names, set(HOSTILE_NAMES))
                for name in names:
                    answer = self.get(base + quote(name))
                    path = folder + b"/" + name if folder else name
                    self.assertEqual(answer.body, files[path])
                    sent = answer.head["Content-Disposition"].split("filename*=UTF-8''")[1]
                    self.assertEqual(urllib.parse.unquote_to_bytes(sent), name)

    def test_k10_the_tag_is_the_sha_256_and_saves_the_second_download(self):
        layer = self.persist_tree({b"a": b"some bytes", b"empty": b"", b"big": BIG})
        base = self.url("default", "layers", layer, "files", "")
        for name, content in ((b"a", b"some bytes"), (b"empty", b"")):
            answer = self.get(base + quote(name))
            tag = f'"{hashlib.sha256(content).hexdigest()}"'
            self.assertEqual(answer.head["ETag"], tag)
            again = self.get(base + quote(name), 304, If_None_Match=f'"x", W/{tag}')
            self.assertEqual(again.body, b"")
            self.get(base + quote(name), 200, If_None_Match='"x"')
        tag = self.get(base + "big", method="HEAD").head["ETag"]
        self.assertTrue(tag.startswith('"u-'))
        self.get(base + "big", 304, If_None_Match=tag)

    def test_k10_head_says_what_get_would(self):
        layer = self.persist_tree({b"big": BIG, b"small": b"1"})
        for name in ("big", "small"):
            target = self.url("default", "layers", layer, "files", name)
            whole, head = self.get(target), self.get(target, method="HEAD")
            self.assertEqual(head.body, b"")
            for key in ("Content-Length", "ETag", "Content-Type", "Accept-Ranges"):
                self.assertEqual(whole.head[key], head.head[key])

    def test_k10_ranges(self):
        layer = self.persist_tree({b"big": BIG, b"small": b"0123456789"})
        base = self.url("default", "layers", layer, "files", "")
        for name, content in (("big", BIG), ("small", b"0123456789")):
            size = len(content)
            for first, last in ((0, 0), (0, size - 1), (3, 7), (size - 1, size - 1),
                                (size // 2 - 1, size // 2 + 1), (size // 3, size - 2)):
                answer = self.get(base + name, 206, Range=f"bytes={first}-{last}")
                self.assertEqual(answer.body, content[first:last + 1])
                self.assertEqual(answer.head["Content-Range"], f"bytes {first}-{last}/{size}")
            self.assertEqual(self.get(base + name, 206, Range="bytes=-3").body, content[-3:])
            beyond = self.get(base + name, 416, Range=f"bytes={size}-")
            self.assertEqual(beyond.head["Content-Range"], f"bytes */{size}")
            # A thousand ranges are not heeded: all of it, once.
            many = "bytes=" + ",".join(f"{i}-{i}" for i in range(1000))
            self.assertEqual(self.get(base + name, 200, Range=many).body, content)
            tag = self.get(base + name, method="HEAD").head["ETag"]
            self.assertEqual(self.get(base + name, 206, Range="bytes=0-1", If_Range=tag).body,
                             content[:2])
            self.assertEqual(self.get(base + name, 200, Range="bytes=0-1", If_Range='"x"').body,
                             content)

    def test_k10_links_and_folders_lead_on_inside_the_tree(self):
        tree = {b"d/in": client.symlink(b"../a b"), b"a b": client.file("x"),
                b"up": client.symlink(b"../out"), b"d/up": client.symlink(b"../../out"),
                b"abs": client.symlink(b"/etc/passwd"), b"e": client.directory(),
                b"d/c:d": client.symlink(b"c:d2"), b"d/c:d2": client.file("y")}
        layer = self.persist_over_wire(tree)
        base = self.url("default", "layers", layer, "files", "")
        self.assertEqual(self.get(base + "d", 302).head["Location"], "d/")
        self.assertEqual(self.get(base + "e", 302).head["Location"], "e/")
        self.assertEqual(self.get(base + "e/").json["entries"], [])
        for link, target, content in (("d/in", "a%20b", b"x"), ("d/c%3Ad", "d/c%3Ad2", b"y")):
            location = urllib.parse.urljoin(base + link, self.get(base + link, 302).head["Location"])
            self.assertEqual(location, base + target)
            self.assertEqual(self.get(location).body, content)
        for link in ("up", "d/up", "abs"):
            self.assertIn("outside", self.get(base + link, 404).json["error"]["message"])
        for target in ("none", "a%20b/", "a%20b/c", "d/none"):
            self.get(base + target, 404)

    def persist_over_wire(self, tree, job="build"):
        done = client.persist(self.connect(), identity(job), tree)
        return done.layer["layer"]

    def test_k11_content_cannot_run_as_the_daemons_page(self):
        layer = self.persist_tree({b"a.html": b"<script>1</script>", b"b.svg": b"<svg/>"})
        for name in ("a.html", "b.svg"):
            head = self.get(self.url("default", "layers", layer, "files", name)).head
            self.assertTrue(head["Content-Security-Policy"].startswith("sandbox"))
            self.assertNotIn("allow-same-origin", head["Content-Security-Policy"])
            self.assertEqual(head["X-Content-Type-Options"], "nosniff")


class Lists(HttpScenario):
    def pages(self, target, key, limit):
        entries, after, count = [], "", 0
        while after is not None:
            page = self.get(f"{target}?limit={limit}" + (f"&after={quote(after)}" if after else ""))
            self.assertLessEqual(len(page.json[key]), limit)
            entries += page.json[key]
            after, count = page.json["next"], count + 1
        return entries, count

    def test_k9_a_folder_comes_in_pages_and_what_lies_deeper_is_not_in_it(self):
        files = {b"d/%05d" % i: b"%d" % i for i in range(700)}
        files.update({b"d/sub/%05d/x" % i: b"%d" % i for i in range(700)})
        files.update({b"d/" + name: b"" for name in HOSTILE_NAMES})
        layer = self.persist_tree(files)
        for subject in (("layers", layer), ("workflows", "w")):
            target = self.url("default", *subject, "files", "d", "")
            whole = self.get(target).json["entries"]
            self.assertEqual(len(whole), 701 + len(HOSTILE_NAMES))
            for limit in (1, 699, 700, 701, 10000):
                if limit > 1:
                    entries, _ = self.pages(target, "entries", limit)
                    self.assertEqual(entries, whole)
            some, _ = self.pages(self.url("default", *subject, "files", "d", "sub", ""),
                                 "entries", 350)
            self.assertEqual(len(some), 700)
            self.assertTrue(all(entry["type"] == "directory" for entry in some))

    def test_k9_folders_that_have_no_row_are_there_all_the_same(self):
        tree = {b"x/y/z": client.file("1")}
        layer = client.persist(self.connect(), identity("build"), tree).layer["layer"]
        for subject in (("layers", layer), ("workflows", "w")):
            base = self.url("default", *subject, "files", "")
            self.assertEqual(self.get(base).json["entries"], [{"name": "x", "type": "directory"}])
            self.assertEqual(self.get(base + "x", 302).head["Location"], "x/")
            self.assertEqual(self.get(base + "x/y", 302).head["Location"], "y/")
            self.assertEqual([entry["name"] for entry in self.get(base + "x/y/").json["entries"]],
                             ["z"])

    def test_k9_limits_of_a_page(self):
        for limit, status in ((1, 200), (10000, 200), (0, 400), (10001, 400), ("x", 400), ("", 200)):
            self.get(f"/api/v1/namespaces?limit={limit}", status)
        self.get("/api/v1/namespaces?after=%", 400)

    def test_k9_workflows_newest_first_and_namespaces_by_name(self):
        for i in range(7):
            self.persist_tree({b"a": b"%d" % i}, workflow=f"w{i}", namespace=f"n/{i % 3}")
        namespaces, pages = self.pages("/api/v1/namespaces", "namespaces", 2)
        self.assertEqual([entry["name"] for entry in namespaces], ["n/0", "n/1", "n/2"])
        self.assertEqual(pages, 2)
        workflows, pages = self.pages(self.url("n/0", "workflows"), "workflows", 2)
        self.assertEqual([entry["workflow"] for entry in workflows], ["w6", "w3", "w0"])
        self.assertEqual([(entry["layers"], entry["jobs"], entry["bytes"]) for entry in workflows],
                         [(1, 1, 1)] * 3)
        self.assertEqual(self.get(self.url("none", "workflows")).json,
                         {"workflows": [], "next": None})

    def test_k9_a_workflow_shows_order_and_what_was_replaced(self):
        first = self.persist_tree({b"a": b"1"})
        self.baton("attach", self.folder / "out", job="test")
        second = self.persist_tree({b"b": b"2"}, job="test")
        layers = self.get(self.url("default", "workflows", "w")).json["layers"]
        self.assertEqual([(entry["layer"], entry["after"], entry["state"]) for entry in layers],
                         [(first, [], "visible"), (second, [first], "visible")])
        self.baton("persist", ".", "--attempt", "2", job="build",
                   cwd=self.folder / "tree-build-w")
        states = {entry["layer"]: entry["state"] for entry in
                  self.get(self.url("default", "workflows", "w")).json["layers"]}
        self.assertEqual(states[first], "replaced")


class Conflicts(HttpScenario):
    def test_w7_what_jobs_disagree_on_is_said_and_each_layer_has_its_own(self):
        one = self.persist_tree({b"same": b"1", b"d/other": b"1"})
        two = self.persist_tree({b"same": b"2"}, job="test")
        base = self.url("default", "workflows", "w")
        message = self.get(base + "/files/same", 409).json["error"]["message"]
        for word in ("build", "test", "same"):
            self.assertIn(word, message)
        entries = {entry["name"]: entry for entry in self.get(base + "/files/").json["entries"]}
        self.assertTrue(entries["same"]["conflict"])
        self.assertNotIn("conflict", entries["d"])
        for kind in ("zip", "tar"):
            self.get(f"{base}/archive.{kind}", 409)
            self.get(f"{base}/archive.{kind}?path=d")
        for layer, content in ((one, b"1"), (two, b"2")):
            self.assertEqual(self.get(self.url("default", "layers", layer, "files", "same")).body,
                             content)


class Archives(HttpScenario):
    TREE = {b"d": client.directory(0o700), b"d/run": client.file("#!/bin/sh\n", 0o755),
            b"d/l": client.symlink(b"../big"), b"empty": client.directory(),
            b"none": client.file(""), b"secret": client.file("x", 0o600)}

    def setUp(self):
        super().setUp()
        tree = dict(self.TREE)
        tree[b"big"] = client.file(BIG)
        tree.update({b"names/" + name: client.file(name) for name in HOSTILE_NAMES})
        tree[b"deep/" + b"/".join([b"y" * 200] * 4)] = client.file("long path")
        tree[b"long link"] = client.symlink(b"t" * 300)
        self.tree = tree
        done = client.persist(self.connect(), identity("build"), tree)
        self.layer = done.layer["layer"]
        self.base = self.url("default", "layers", self.layer)

    def check_tar(self, body, expected):
        found = {}
        with tarfile.open(fileobj=io.BytesIO(body), errors="surrogateescape") as archive:
            for member in archive:
                kind = "d" if member.isdir() else "l" if member.issym() else "f"
                content = (os.fsencode(member.linkname) if kind == "l" else
                           archive.extractfile(member).read() if kind == "f" else b"")
                found[os.fsencode(member.name)] = (kind, member.mode, content)
        self.assertEqual(found, expected)

    def check_zip(self, body, expected):
        found = {}
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            self.assertIsNone(archive.testzip())
            for member in archive.infolist():
                mode = member.external_attr >> 16
                kind = {stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFREG: "f"}[stat.S_IFMT(mode)]
                self.assertEqual(member.compress_type, zipfile.ZIP_STORED)
                raw = member.filename.encode("utf-8" if member.flag_bits & 0x800 else "cp437")
                found[raw.rstrip(b"/")] = (kind, stat.S_IMODE(mode), archive.read(member))
        self.assertEqual(found, expected)

    def expected(self, folder=b""):
        made = {}
        for path, entry in self.tree.items():
            if folder and not path.startswith(folder + b"/"):
                continue
            kind = {1: "f", 2: "d", 3: "l"}[entry.type]
            made[path[len(folder) + 1 if folder else 0:]] = (
                kind, entry.mode, entry.data)
        return made

    def test_k10_archives_hold_the_tree_with_modes_links_and_empty_folders(self):
        for kind, check in (("tar", self.check_tar), ("zip", self.check_zip)):
            for folder in (b"", b"d", b"names", b"empty"):
                query = f"?path={quote(folder)}%2F" if folder else ""
                first = self.get(f"{self.base}/archive.{kind}{query}")
                check(first.body, self.expected(folder))
                self.assertEqual(int(first.head["Content-Length"]), len(first.body))
                again = self.get(f"{self.url('default', 'workflows', 'w')}/archive.{kind}{query}")
                self.assertEqual(first.body, again.body)

    def test_k10_a_zip_has_sizes_and_sums_in_front(self):
        body = self.get(f"{self.base}/archive.zip").body
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for member in archive.infolist():
                head = body[member.header_offset:member.header_offset + 30]
                self.assertEqual(int.from_bytes(head[6:8], "little") & 8, 0)  # no descriptor
                self.assertEqual(int.from_bytes(head[14:18], "little"), member.CRC)
                self.assertEqual(int.from_bytes(head[22:26], "little"), member.file_size)

    def test_k10_more_entries_than_a_plain_zip_can_have(self):
        for count in (65534, 65535, 65536):
            tree = {b"%05d" % i: client.directory() for i in range(count)}
            layer = client.persist(self.connect(), identity(f"j{count}"), tree).layer["layer"]
            body = self.get(self.url("default", "layers", layer, "archive.zip")).body
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                self.assertEqual(len(archive.infolist()), count)

    def test_bad_folders_of_an_archive(self):
        for path, status in (("..", 400), ("a%2F..", 400), ("%", 400), ("none", 200)):
            self.get(f"{self.base}/archive.zip?path={path}", status)


class Stopping(HttpScenario):
    def test_a_download_that_runs_is_finished_when_the_daemon_is_told_to_stop(self):
        layer = self.persist_tree({b"big": BIG * 8})
        connection = self.open_http()
        connection.request("GET", self.url("default", "layers", layer, "files", "big"))
        response = connection.getresponse()
        begin = response.read(1 << 20)
        self.daemon.process.send_signal(signal.SIGTERM)
        self.daemon.await_log("stopping")
        self.assertEqual(begin + response.read(), BIG * 8)
        connection.close()
        self.assertEqual(self.daemon.stop(), 0)
