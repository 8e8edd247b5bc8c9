"""Baton between two machines: namespaces joined by a line of 1 Gbit/s (tbf), and a relay on it
that adds some milliseconds each way (tests/harness/netns.py, relay.py).

Beside it, on the same line: `tar | zstd -1 | curl -T` to a plain HTTPS server, and back. Each
round begins with an empty store: a namespace of its own, and for a persist no record.
"""

import contextlib
import functools
import pathlib
import re
import select
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))
import netns  # noqa: E402
from ending import go_on  # noqa: E402
from relay import Delayed, Relay  # noqa: E402
from tell import progress, say  # noqa: E402

RATE, RATE_BYTES = "1gbit", 125_000_000
PORTS = {"baton": 7433, "curl": 7443}
SPAN_S = 1  # the busiest of these says how full the line was
OTHER = "tar|zstd -1 -T2|curl"
SETTINGS = (("curl --no-buffer -T -, Python's http.server", "TLS 1.3, no flush; no sshd is needed"),)
NoMachines = netns.NoMachines


class Two:
    """Two machines, what serves on one of them, and the lines between."""

    def __init__(self, folder, build, delays_ms):
        folder.mkdir()
        self.folder = folder
        self.ends = contextlib.ExitStack()
        with contextlib.ExitStack() as ends:
            line = netns.Line(folder, ("store", "job"),
                              (build / "client/baton", build / "daemon/batond",
                               pathlib.Path(__file__).with_name("plain_server.py")))
            ends.callback(line.end)
            self.line, self.store, self.job = line, line.machines["store"], line.machines["job"]
            line.limit("job", RATE)
            said = self._serve("exec batond --listen tls://0.0.0.0:7433", r"BATON_SERVER=\S+#(\S+)",
                               ends)
            self.pin = said[1]
            self.token = self.store.shell(
                "batond token create --namespace '**' --expires 1d").stdout.strip()
            self._serve("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                        "-subj /CN=store -keyout key -out certificate 2>/dev/null; mkdir kept\n"
                        f"exec /usr/bin/python3 /tmp/bin/plain_server.py {PORTS['curl']} "
                        "certificate key kept", "ready", ends)
            self.relays = {}
            for delay in filter(None, delays_ms):
                for name, port in PORTS.items():
                    ends.callback(self._relay(name, port, delay).end)
            self.ends = ends.pop_all()

    def end(self):
        self.ends.close()

    def _serve(self, script, ready, ends):
        path = self.folder / f"log-{len(list(self.folder.iterdir()))}"
        with open(path, "wb") as log:
            process = self.store.popen(script, log)
        ends.callback(process.wait)
        ends.callback(process.terminate)
        while not (said := re.search(ready, path.read_text(), re.M)):
            if process.poll() is not None:
                raise RuntimeError(path.read_text())
            select.select([], [], [], 0.01)
        return said

    def _relay(self, name, port, delay):
        at = (self.line.middle_address, port + delay)
        self.relays[name, delay] = at
        return Relay(self.line.middle.listen(at),
                     lambda: self.line.middle.connect((self.store.address, port)),
                     functools.partial(Delayed, seconds=delay / 1000))

    def place(self, name, delay):
        """host:port of a server, over a line so long."""
        host, port = self.relays.get((name, delay), (self.store.address, PORTS[name]))
        return f"{host}:{port}"

    def bring(self, tree, name):
        """A copy of the tree on the machine of the jobs."""
        self.job.run("mkdir", f"/tmp/{name}")
        with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run([*self.job.enter, "tar", "-C", f"/tmp/{name}", "-x"], stdin=tar.stdout,
                           check=True)
        self.job.run("chown", "-R", self.job.user, f"/tmp/{name}")

    def run(self, script, **variables):
        """(seconds, share of the line's rate in the busiest span, bytes that passed)."""
        meter = Meter(self.job)
        begin = time.monotonic()
        done = self.job.shell("set -e\n" + script, **variables)
        seconds = time.monotonic() - begin
        share, size = meter.end()
        if done.returncode:
            raise RuntimeError(f"{script}\n{done.stderr}")
        return seconds, share, size


class Meter:
    """Watches how many bytes pass the machine's end of the line, both ways."""

    def __init__(self, machine):
        self.path = pathlib.Path(f"/proc/{machine.holder.pid}/net/dev")
        self.seen, self.stopped = [self._look()], threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _look(self):
        line, = (line for line in self.path.read_text().splitlines() if "eth0:" in line)
        words = line.split(":")[1].split()
        return time.monotonic(), int(words[0]), int(words[8])

    def _watch(self):
        while not self.stopped.wait(0.05):
            self.seen.append(self._look())

    def end(self):
        self.stopped.set()
        self.thread.join()
        self.seen.append(self._look())
        size = sum(last - first for first, last in zip(self.seen[0][1:], self.seen[-1][1:]))
        return max(self._share(1), self._share(2)), size

    def _share(self, way):
        """Of the rate, the most that a span of SPAN_S or a little more had."""
        busiest, begin = 0, 0
        for now in self.seen[1:]:
            while now[0] - self.seen[begin + 1][0] >= SPAN_S:
                begin += 1
            spent = now[0] - self.seen[begin][0]
            if spent >= SPAN_S:
                busiest = max(busiest, (now[way] - self.seen[begin][way]) / spent / RATE_BYTES)
        return busiest


class Bout:
    """One round of one tree over one line, by Baton and by the other."""

    def __init__(self, two, tree, delay, number):
        self.two, self.tree, self.number = two, tree, number
        self.variables = {
            "BATON_SERVER": f"tls://{two.place('baton', delay)}#{two.pin}",
            "BATON_TOKEN": two.token, "BATON_NAMESPACE": f"n{number}", "BATON_WORKFLOW": "w",
            "XDG_CACHE_HOME": f"/tmp/home/cache-{number}"}
        self.url = f"https://{two.place('curl', delay)}/{number}"

    def persist_baton(self):
        return self.two.run(f"baton persist --quiet --job build --root /tmp/{self.tree} .",
                            **self.variables)

    def attach_baton(self):
        return self.two.run("baton attach --quiet --job use baton", **self.variables)

    def persist_other(self):
        return self.two.run(f"tar -C /tmp/{self.tree} -c . | zstd -q -1 -T2 | "
                            f"curl -sSfk -H Expect: -T - {self.url}")

    def attach_other(self):
        return self.two.run(f"mkdir other; curl -sSfk {self.url} | zstd -dq | tar -C other -x")

    def compare(self):
        self.two.job.run("diff", "-r", "--no-dereference", f"/tmp/{self.tree}", "/tmp/home/baton")

    def clean(self):
        self.two.job.run("sh", "-c", "rm -rf /tmp/home/*")
        self.two.store.run("sh", "-c", "rm -f /tmp/home/kept/*")

    def run(self):
        """{work: {who: (seconds, share, bytes)}}"""
        found = {}
        for work in ("persist", "attach"):
            who = ["baton", "other"]
            for name in who if self.number % 2 else reversed(who):
                go_on()
                found.setdefault(work, {})[name] = getattr(self, f"{work}_{name}")()
        self.compare()
        self.clean()
        return found


def measure(build, trees, folder, rounds, delays_ms):
    """trees: {title: path}. Returns {title: {line: {work: {who: [figures of each round]}}}}."""
    two = Two(folder, build, delays_ms)
    try:
        found, number = {}, 0
        for index, (title, tree) in enumerate(trees.items()):
            two.bring(tree, f"tree-{index}")
            for delay in delays_ms:
                say(f"the network, {title}, {line_name(delay)}")
                into = found.setdefault(title, {}).setdefault(line_name(delay), {})
                for turn in range(rounds + 1):  # the first is a warm-up
                    progress(f"round {turn} of {rounds}")
                    number += 1
                    bout = Bout(two, f"tree-{index}", delay, number).run()
                    for work, by_name in bout.items() if turn else ():
                        for name, figures in by_name.items():
                            into.setdefault(work, {}).setdefault(name, []).append(figures)
        return found
    finally:
        two.end()


def line_name(delay):
    return f"1 Gbit/s, +{delay} ms each way" if delay else "1 Gbit/s"


def rows(found):
    """(title, line, work, seconds of Baton, of the other, ratio, shares of the line of both,
    bytes of both); medians, the ratio that of the pairs."""
    for title, lines in found.items():
        for line, works in lines.items():
            for work, by_name in works.items():
                own, other = (list(zip(*by_name[name])) for name in ("baton", "other"))
                yield (title, line, work, *map(statistics.median, (own[0], other[0])),
                       statistics.median(map(lambda a, b: a / b, own[0], other[0])),
                       *map(statistics.median, (own[1], other[1], own[2], other[2])))


def tell(found):
    if found:
        print(f"\nthe network: {'':37}{'baton':>9}{OTHER:>23}   ratio   "
              "the line's busiest second, MB on it")
    for title, line, work, own, other, ratio, share, others, size, others_size in rows(found):
        print(f"  {title}, {line + ':':28}{work:8}{own:9.3f} s{other:20.3f} s   {ratio:5.2f}   "
              f"{share:4.0%} {others:4.0%}   {size / 1e6:7.1f} {others_size / 1e6:7.1f}")
