"""What a request needs and cannot be had is refused with `busy`, and the others go on (F13)."""

import os
import resource
import unittest

import client
from harness import PATIENCE, Scenario, is_sanitized, random_bytes, read_tree
from wire import Connection

MIB = 1 << 20
CLIENTS = 24


@unittest.skipIf(is_sanitized(), "sanitizers need address space of their own")
class Memory(Scenario):
    def limit_memory(self, more):
        """The daemon gets so much more address space than it has."""
        pid = self.daemon.process.pid
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            size = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limit = resource.RLIM_INFINITY if more is None else size + more
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

    def end_all(self, running):
        """{who: whether it is done}; all others were told to try again."""
        done = {}
        for who, process in running.items():
            _, err = process.communicate(timeout=PATIENCE * 2)
            self.assertIn(process.returncode, (0, 7), (err, self.daemon.read_log()[-3000:]))
            done[who] = process.returncode == 0
        self.assertIsNone(self.daemon.process.poll(), self.daemon.read_log()[-3000:])
        return done

    def test_clients_at_once_are_served_or_told_busy_and_what_is_acknowledged_is_whole(self):
        roots = {f"job{n}": self.tree({"large": random_bytes(3 * MIB, n), "small": str(n)})
                 for n in range(CLIENTS)}
        for more, patience in ((MIB // 4, 0.3), (3 * MIB, 0.3), (20 * MIB, 0.5), (60 * MIB, 1),
                               (240 * MIB, PATIENCE)):
            workflow = f"w{more}"
            if self.daemons:
                self.daemon.restart()
            self.limit_memory(more)
            done = self.end_all({job: self.popen(
                "persist", "--timeout", patience, "--root", root, ".", job=job, workflow=workflow)
                for job, root in roots.items()})
            kept = [job for job in roots if done[job]]
            places = {job: self.missing() for job in kept}
            attached = self.end_all({job: self.popen(
                "attach", "--timeout", patience, "--from", job, places[job], workflow=workflow)
                for job in kept})
            self.limit_memory(None)
            for job in kept:
                if not attached[job]:
                    self.attach(None, "--from", job, into=places[job], workflow=workflow)
                self.assertEqual(read_tree(places[job], times=True),
                                 read_tree(roots[job], times=True))
        self.assertEqual(len(kept), CLIENTS)
        self.assertNotIn("out of memory:", self.daemon.read_log())


class Descriptors(Scenario):
    def limit_descriptors(self, more):
        pid = self.daemon.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        limit = hard if more is None else len(os.listdir(f"/proc/{pid}/fd")) + more
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))

    def test_what_cannot_be_opened_now_is_told_busy_and_no_damage(self):
        self.persist("a", {"a": "1"})
        self.daemon.restart()
        with Connection(self.daemon.url) as connection:
            client.status(connection)  # so that there is a worker
            self.limit_descriptors(1)  # for the client's connection; none for a segment
            self.refused("attach", "--timeout", "0.2", self.missing(), status=7,
                         says=("Too many open files", "try again"))
            self.limit_descriptors(None)
            self.attach()


if __name__ == "__main__":
    unittest.main()
