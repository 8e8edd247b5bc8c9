"""What lies where after an installation, libbaton, and the static client."""

import os
import re
import shlex
import shutil
import subprocess
import unittest

from harness import BATOND, BUILD, PATIENCE, TOP, Scenario, contents, is_sanitized

STATIC_MAX = 6 << 20  # bytes


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout[-8000:]}")
    return done.stdout


def build_beside(name, *options, target="all"):
    """A build of another kind in the build folder, kept for the next time."""
    build = BUILD.resolve() / name
    if not (build / "build.ninja").exists():
        shutil.rmtree(build, ignore_errors=True)
        run("meson", "setup", build, TOP, *options)
    run("ninja", "-C", build, target)
    return build


def listing(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


class Installed(Scenario):
    def install(self):
        target = self.folder / "target"
        run("meson", "install", "-C", BUILD.resolve(), "--no-rebuild", "--destdir", target)
        prefix, = target.glob("usr/local")
        return target, prefix

    @unittest.skipIf(is_sanitized(), "a sanitizer is a library")
    def test_the_client_loads_no_libraries(self):
        _, prefix = self.install()
        self.assertNotIn("(NEEDED)", run("readelf", "--dynamic", prefix / "bin/baton"))

    def test_everything_is_where_it_is_looked_for(self):
        _, prefix = self.install()
        found = listing(prefix)
        for path in ("bin/baton", "sbin/batond", "share/man/man1/baton.1",
                     "share/man/man8/batond.8", "share/man/man5/batond.conf.5",
                     "share/man/man7/baton-protocol.7", "share/bash-completion/completions/baton",
                     "share/bash-completion/completions/batond",
                     "share/zsh/site-functions/_baton", "share/zsh/site-functions/_batond",
                     "share/fish/vendor_completions.d/baton.fish",
                     "share/fish/vendor_completions.d/batond.fish", "include/baton.h",
                     "lib/systemd/system/batond.service", "lib/systemd/system/batond.socket",
                     "lib/sysusers.d/batond.conf", "etc/batond/batond.conf"):
            self.assertIn(path, found)
        self.assertTrue(any(path.endswith("pkgconfig/baton.pc") for path in found))
        self.assertFalse([path for path in found if path.endswith(".a") or "/test" in path])
        unit = (prefix / "lib/systemd/system/batond.service").read_text()
        self.assertIn("ExecStart=/usr/local/sbin/batond --config "
                      "/usr/local/etc/batond/batond.conf\n", unit)

    def test_build_sh_installs_where_it_is_told(self):
        run("./build.sh", "install", cwd=TOP, env=dict(
            os.environ, PREFIX="/opt/b", DESTDIR=str(self.folder / "staged"),
            BATON_NO_INSTALL="1"))
        prefix = self.folder / "staged/opt/b"
        self.assertLessEqual({"bin/baton", "sbin/batond"}, listing(prefix))
        self.assertIn("ExecStart=/opt/b/sbin/batond ",
                      (prefix / "lib/systemd/system/batond.service").read_text())

    def test_a_changed_configuration_is_not_overwritten(self):
        _, prefix = self.install()
        config = prefix / "etc/batond/batond.conf"
        config.write_text("data = /srv/batond\n")
        self.install()
        self.assertEqual(config.read_text(), "data = /srv/batond\n")

    def test_the_installed_configuration_is_understood(self):
        text = (TOP / "daemon/service/batond.conf").read_text()
        text = re.sub(r"(?m)^#(?=\S+ = )", "", text)  # the commented keys as well
        # A group that every machine has.
        text = re.sub(r"(?m)^(socket-group =) .*", rf"\1 {os.getgid()}", text)
        config = self.folder / "batond.conf"
        config.write_text(text)
        self.assertGreater(text.count(" = "), 3)
        self.assertIn("commands:", run(BUILD / "daemon/batond", "--config", config, "--help"))

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_the_service_is_exposed_to_little(self):
        _, prefix = self.install()
        text = run("systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager",
                   prefix / "lib/systemd/system/batond.service")
        self.assertRegex(text, r"Overall exposure level")

    def test_libbaton_s_example_is_built_with_pkg_config_and_runs(self):
        if is_sanitized():
            self.skipTest("the example is not built with the sanitizer that the library has")
        target, prefix = self.install()
        libraries = next(prefix.glob("lib*/**/baton.pc")).parents[1]
        environment = dict(self.environment(), PKG_CONFIG_SYSROOT_DIR=str(target),
                           PKG_CONFIG_PATH=str(libraries / "pkgconfig"),
                           LD_LIBRARY_PATH=str(libraries), BATON_WORKFLOW="w")
        flags = run("pkg-config", "--cflags", "--libs", "baton", env=environment).split()
        example = self.folder / "example"
        run(*shlex.split(os.environ.get("CC", "cc")), "-Wall", "-Wextra", "-Werror",
            TOP / "examples/libbaton.c", "-o", example, *flags, env=environment)
        self.tree({"given": "by the library"}, name="root")
        out = self.folder / "out"

        def call(*arguments):
            return subprocess.run([example, *arguments], env=environment, capture_output=True,
                                  cwd=self.folder / "root", timeout=PATIENCE, check=False)
        gave = call("build", "give", "given")
        self.assertEqual((gave.returncode, gave.stderr), (0, b""), gave)
        self.assertIn(b'"files":1', gave.stdout.replace(b" ", b""))
        took = call("test", "take", out, "build")
        self.assertEqual((took.returncode, took.stderr), (0, b""), took)
        self.assertEqual(contents(out), {"given": "by the library"})
        refused = call("build", "give", "ghost")
        self.assertEqual(refused.returncode, 3, refused)
        self.assertIn(b"persist failed (empty): ", refused.stderr)
        self.assertIn(b"`ghost`", refused.stderr)
        self.assertLessEqual(len((TOP / "examples/libbaton.c").read_text().splitlines()), 60)

    def test_libbaton_shows_no_names_but_its_own(self):
        shown = run("nm", "--dynamic", "--defined-only", BUILD / "client/libbaton.so")
        names = {line.split()[-1] for line in shown.splitlines()}
        header = set(re.findall(r"\b(baton_\w+)\(", (TOP / "client/baton.h").read_text()))
        self.assertEqual({name for name in names if not name.startswith("__")}, header)


class Static(Scenario):
    def static(self):
        if is_sanitized():
            self.skipTest("a static program has no sanitizer; the plain build tests it")
        build = build_beside("static", "-Dstatic=true", "-Doptimization=s", "-Db_pie=false")
        return build / "client/baton"

    def test_it_is_small_and_needs_no_libraries(self):
        program = self.static()
        self.assertLess(program.stat().st_size, STATIC_MAX)
        headers = run("readelf", "--program-headers", program)
        self.assertNotIn("INTERP", headers)
        self.assertNotIn("DYNAMIC", headers)

    def test_it_persists_and_attaches_as_the_other_one_does(self):
        program = self.static()
        root = self.tree({"a": "1", "big": os.urandom(3_000_000)})
        environment = dict(self.environment(), BATON_WORKFLOW="w")
        run(program, "persist", "--job", "a", "--root", root, ".", env=environment)
        got, out = self.attach("b", "--verify")
        again = self.missing()
        run(program, "attach", "--job", "c", "--verify", "--expect", got["digest"], again,
            env=environment)
        for folder in (out, again):
            run("diff", "-r", root, folder)

    def test_it_looks_hosts_up_by_itself(self):
        program = self.static()
        for host, says in (("127.0.0.1", "cannot be reached"), ("localhost", "cannot be reached"),
                           ("[::1]", "cannot be reached"),
                           ("no.such.name.invalid", "cannot be resolved")):
            done = subprocess.run([program, "status", "--server", f"tcp://{host}:1"],
                                  capture_output=True, timeout=PATIENCE, check=False,
                                  env=self.environment({"BATON_TIMEOUT": "5"}))
            self.assertEqual(done.returncode, 7, done)
            self.assertIn(says, done.stderr.decode())

    @unittest.skipUnless(os.geteuid() == 0, "only root may chroot")
    def test_it_runs_where_there_is_nothing_else(self):
        jail = self.folder / "jail"
        jail.mkdir()
        shutil.copy(self.static(), jail / "baton")
        (jail / "kept").write_text("x")
        daemon = self.start_daemon("jail/d", "--listen", "tls://127.0.0.1:0")
        environment = {"BATON_SERVER": "unix:/d/run/batond.sock", "BATON_WORKFLOW": "w",
                       "PATH": os.environ["PATH"]}

        def call(*arguments):
            return run("chroot", jail, "/baton", *arguments, env=environment)
        self.assertIn("baton ", call("version"))
        call("persist", "--job", "a", "--root", "/", "kept")
        call("attach", "--job", "b", "/out")
        self.assertEqual((jail / "out/kept").read_text(), "x")
        self.assertTrue(daemon.socket.exists())
        # Over TLS too: what it trusts is the pin.
        environment["BATON_SERVER"] = re.findall(r"^BATON_SERVER=(.*)$", daemon.read_log(), re.M)[0]
        create = [BATOND, "token", "create", "--data", daemon.data, "--namespace", "default"]
        environment["BATON_TOKEN"] = subprocess.run(create, capture_output=True, text=True,
                                                    check=True).stdout.strip()
        call("persist", "--job", "c", "--root", "/", "kept")
        call("attach", "--job", "d", "/again")
        self.assertEqual((jail / "again/kept").read_text(), "x")
        self.assertFalse((jail / "etc").exists() or (jail / "dev").exists())


if __name__ == "__main__":
    unittest.main()
