"""The Debian packages: what is in them, and their life in a Debian that systemd runs."""

import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import BUILD, TOP

HERE = TOP / "tests/harness"
SUITE = "bookworm"
LATER = "999"  # a version
BOOT_TIME = 300  # seconds until a boot that hangs is a failure

# What happens to the packages, in order; the first step that fails ends it.
LIFE = r"""#!/bin/sh
exec >/root/result 2>&1
echo BOOTED
set -ex
user() { setpriv --reuid nobody --regid nogroup "$@"; }

dpkg -i /root/old/*.deb
systemctl is-active batond.socket batond.service
systemctl is-enabled batond.socket batond.service
systemctl show batond.service -p Type,User,SubState
test "$(stat -c '%U %a' /var/lib/batond)" = 'batond 700'
test "$(stat -c '%U %G %a' /run/batond/batond.sock)" = 'batond batond 660'

mkdir /tmp/root && echo kept >/tmp/root/file && cd /tmp
baton persist --workflow w --job a --root root .
user --clear-groups baton status && exit 1 || test $? = 5
user --groups batond baton status

systemctl stop batond.service
systemctl is-active batond.service && exit 1
baton attach --workflow w activated
cmp root/file activated/file
systemctl is-active batond.service

echo 'retention = 30d' >>/etc/batond/batond.conf
before=$(systemctl show -P MainPID batond.service)
dpkg -i /root/new/*.deb
test "$(dpkg-query -W -f '${Version}' batond)" = 999
test "$(systemctl show -P MainPID batond.service)" != "$before"
grep retention /etc/batond/batond.conf
baton attach --workflow w upgraded
cmp root/file upgraded/file

dpkg -r batond
test ! -e /run/batond/batond.sock
systemctl is-active batond.socket && exit 1
test -e /var/lib/batond/catalogue.db
dpkg -i /root/new/batond_*.deb
baton attach --workflow w again
cmp root/file again/file

dpkg --purge batond
test ! -e /var/lib/batond
test ! -e /etc/batond
test ! -e /run/batond/batond.sock
test -z "$(find /etc/systemd /var/lib/systemd -name 'batond*')"
echo LIVED
"""

UNIT = """[Unit]
After=basic.target dbus.service
[Service]
Type=oneshot
ExecStart=-/bin/sh /root/life
ExecStopPost=/bin/systemctl --force --force poweroff
"""


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
                          check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout[-8000:]}")
    return done.stdout


def build():
    """[file] of the packages; what is compiled in the build folder is kept for next time."""
    made = run(TOP / "build.sh", "deb", BUILD.resolve() / "deb",
               env=dict(os.environ, BATON_NO_INSTALL="1"))
    return [pathlib.Path(file) for file in made.splitlines()]


@functools.cache
def packages():
    """{name: file}"""
    return {file.name.split("_")[0]: file for file in build()}


def later(package, folder):
    """Makes the same package of a later version in a folder."""
    parts = folder / "parts"
    run("dpkg-deb", "--raw-extract", package, parts)
    control = parts / "DEBIAN/control"
    control.write_text(control.read_text().replace(field(package, "Version"), LATER))
    run("dpkg-deb", "--root-owner-group", "--build", parts, folder)
    shutil.rmtree(parts)


def field(package, name):
    return run("dpkg-deb", "--field", package, name).strip()


def files(package):
    """{path: mode and owner}"""
    rows = [line.split(None, 5) for line in run("dpkg-deb", "--contents", package).splitlines()]
    return {row[5].split(" -> ")[0][1:]: " ".join(row[:2]) for row in rows
            if not row[5].endswith("/")}


def debian():
    """A tar archive of a small Debian with what the packages need; made once for each list of
    these."""
    needed = {"systemd-sysv", "dbus"}
    for package in packages().values():
        needed |= {name.split()[0] for name in field(package, "Depends").split(",") if name}
    needed -= {"libbaton0"}
    digest = hashlib.sha256(" ".join(sorted(needed)).encode()).hexdigest()
    archive = BUILD.resolve() / f"debian-{digest[:8]}.tar"
    if not archive.exists():
        unfinished = archive.with_suffix(".part.tar")
        try:
            run("mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(sorted(needed))}",
                SUITE, unfinished)
        except AssertionError as failure:
            raise unittest.SkipTest(
                f"mmdebstrap failed: {str(failure).splitlines()[-1]}") from failure
        unfinished.rename(archive)
    return archive


@unittest.skipUnless(shutil.which("dpkg-buildpackage"), "dpkg-dev is not installed")
@unittest.skipUnless(shutil.which("dh"), "debhelper is not installed")
@unittest.skipIf(b"san_init" in (BUILD / "client/baton").read_bytes(),
                 "the plain build tests the packages")
class Package(unittest.TestCase):
    def test_each_file_is_in_the_package_where_one_looks_for_it(self):
        made = packages()
        self.assertEqual(set(made), {"baton", "batond", "libbaton0", "libbaton-dev"})
        for name, expected in (
                ("baton", ("/usr/bin/baton", "/usr/share/man/man1/baton.1.gz",
                           "/usr/share/man/man7/baton-protocol.7.gz",
                           "/usr/share/bash-completion/completions/baton",
                           "/usr/share/zsh/vendor-completions/_baton",
                           "/usr/share/fish/vendor_completions.d/baton.fish")),
                ("batond", ("/usr/sbin/batond", "/usr/share/man/man8/batond.8.gz",
                            "/usr/share/man/man5/batond.conf.5.gz", "/etc/batond/batond.conf",
                            "/usr/share/bash-completion/completions/batond",
                            "/usr/share/zsh/vendor-completions/_batond",
                            "/usr/share/fish/vendor_completions.d/batond.fish",
                            "/usr/lib/systemd/system/batond.service",
                            "/usr/lib/systemd/system/batond.socket",
                            "/usr/share/baton/batond-dashboard.json",
                            "/usr/share/baton/batond-alerts.yml"))):
            found = files(made[name])
            documents = {f"/usr/share/doc/{name}/{file}" for file in ("copyright", "changelog.gz")}
            self.assertEqual(set(found), set(expected) | documents)
            for path, about in found.items():
                mode = "-rwxr-xr-x" if "bin/" in path else "-rw-r--r--"
                self.assertEqual(about, f"{mode} root/root", path)

    def test_dependencies_are_those_of_the_programs(self):
        made = packages()
        self.assertEqual(field(made["baton"], "Depends"), "")  # all is inside
        for name in ("batond", "libbaton0"):
            depends = field(made[name], "Depends")
            self.assertIn("libzstd1", depends)
            self.assertIn("libc6", depends)
            self.assertEqual("libuv1" in depends, name == "batond")
            self.assertEqual("libsqlite3-0" in depends, name == "batond")
        self.assertIn("adduser", field(made["batond"], "Depends"))
        self.assertEqual(run("dpkg-deb", "--info", made["batond"], "conffiles"),
                         "/etc/batond/batond.conf\n")

    def test_their_version_and_needs_are_those_that_the_build_has(self):
        version = run(BUILD / "client/baton", "version").split()[1]
        for package in packages().values():
            self.assertEqual(field(package, "Version"), version)
        needed = re.search(r'(?s)build_packages="(.*?)"', (TOP / "build.sh").read_text())[1]
        listed = re.search(r"(?s)Build-Depends: (.*?)\n\S", (TOP / "debian/control").read_text())[1]
        essential = {"gcc", "libc6-dev"}  # build-essential, of which Debian says nothing
        self.assertEqual(set(needed.split()) - essential,
                         set(re.split(r",\s+", listed)) - {"debhelper-compat (= 13)", "python3"})

    def test_the_same_sources_give_the_same_packages(self):
        first = {file: file.read_bytes() for file in packages().values()}
        build()
        for file, content in first.items():
            self.assertTrue(content == file.read_bytes(), file)

    @unittest.skipUnless(shutil.which("mmdebstrap"), "mmdebstrap is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "only root may boot a Debian of its own")
    def test_they_install_start_upgrade_and_purge_under_systemd(self):
        root = pathlib.Path(tempfile.mkdtemp(prefix="debian-", dir=BUILD.resolve()))
        self.addCleanup(run, "rm", "-rf", "--one-file-system", root)
        run("tar", "-xf", debian(), "-C", root)
        for folder in ("old", "new"):
            (root / "root" / folder).mkdir()
        for file in packages().values():
            shutil.copy(file, root / "root/old")
            later(file, root / "root/new")
        (root / "root/life").write_text(LIFE)
        (root / "etc/systemd/system/life.service").write_text(UNIT)
        wants = root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "life.service").symlink_to("../life.service")
        boot = subprocess.run([HERE / "boot.sh", root], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=BOOT_TIME, check=False)
        result = root / "root/result"
        text = result.read_text() if result.exists() else ""
        if not text.startswith("BOOTED"):
            said = boot.stdout.decode(errors="replace").strip().splitlines()
            self.skipTest(f"systemd does not boot here: {' '.join(said[-1:])}")
        self.assertTrue(text.endswith("LIVED\n"), text[-6000:])
        self.assertTrue(re.search(r"(?m)^Type=notify$", text) and "SubState=running" in text)

    @unittest.skipUnless(shutil.which("mmdebstrap"), "mmdebstrap is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "only root may chroot")
    def test_they_install_and_purge_where_no_systemd_runs(self):
        root = pathlib.Path(tempfile.mkdtemp(prefix="debian-", dir=BUILD.resolve()))
        self.addCleanup(run, "rm", "-rf", "--one-file-system", root)
        run("tar", "-xf", debian(), "-C", root)
        for file in packages().values():
            shutil.copy(file, root / "root")
        run("chroot", root, "sh", "-c", "dpkg -i /root/*.deb")
        self.assertIn("baton ", run("chroot", root, "baton", "version"))
        enabled = root / "etc/systemd/system/sockets.target.wants/batond.socket"
        self.assertTrue(enabled.is_symlink())
        run("chroot", root, "dpkg", "--purge", "batond")
        self.assertFalse(enabled.is_symlink())
        self.assertFalse((root / "var/lib/batond").exists())


if __name__ == "__main__":
    unittest.main()
