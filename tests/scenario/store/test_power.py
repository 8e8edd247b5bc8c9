"""Power that goes below a mixed load (tests/fault/crash_load.h), on real file systems: ext4 and xfs
that are shut down, and a disk that remembers each write and flush (tests/fault/block_log.c), from
which images are cut. $BATON_POWER_CUTS says how many there are of each; a few where it does not."""

import fcntl
import os
import random
import shutil
import struct
import subprocess
import unittest

from harness import BUILD, Scenario
from mounts import mounted_image

LOAD, BLOCK_LOG = BUILD / "tests/fault/store_load", BUILD / "tests/fault/block_log"
CUTS = int(os.environ.get("BATON_POWER_CUTS", "3"))
EVENT = struct.Struct("<IIQq")  # kind, key, position, layer
SENT, ACKED, FAILED = 2, 3, 4
SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32): EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN
FLUSH_THE_LOG, NO_FLUSH = 1, 2


class PowerCase(Scenario):
    def setUp(self):
        super().setUp()
        if not LOAD.exists():
            self.skipTest("store_load is not built")
        self.events = self.folder / "events"
        self.events.write_bytes(b"")

    def note(self, events):
        with open(self.events, "ab") as file:
            file.writelines(EVENT.pack(*event) for event in events)

    def verify(self, point, position=0):
        done = subprocess.run([LOAD, "verify", point / "data", self.events, str(position)],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


class TheFileSystemIsShutDown(PowerCase):
    """What the load hears within the call is left out: the kernel lets a sync that begins before
    it return without having reached the disk, with whatever program."""

    def cut(self, point, round_number, how):
        """One round; gives how many persists were acknowledged before."""
        load = subprocess.Popen([LOAD, "run", point / "data", str(round_number), "0", self.events],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        wanted, events = 5 + self.random.randrange(40), []
        while len(events) < wanted:
            events.append(EVENT.unpack(load.stdout.read(EVENT.size)))
            self.assertNotEqual(events[-1][0], FAILED)
        folder = os.open(point, os.O_RDONLY)
        fcntl.ioctl(folder, SHUTDOWN, struct.pack("=I", how))
        os.close(folder)
        load.kill()
        rest = load.stdout.read()
        load.stdout.close()
        load.wait()
        late = [EVENT.unpack_from(rest, at) for at in range(0, len(rest) - EVENT.size + 1,
                                                             EVENT.size)]
        self.note(event for event in events if event[0] in (SENT, ACKED))
        acked = {event[1] for event in events if event[0] == ACKED}
        self.note((SENT, event[1], 0, 0) for event in late
                  if event[0] in (SENT, ACKED) and event[1] not in acked)
        return len(acked)

    def shut_down(self, kind, mib):
        self.random = random.Random(kind)
        acked = 0
        with mounted_image(self, kind, mib) as disk:
            for number in range(1, CUTS + 1):
                acked += self.cut(disk.point, number,
                                  NO_FLUSH if number % 3 else FLUSH_THE_LOG)
                disk.mount_again()
                self.verify(disk.point)
        self.assertGreater(acked, 0)
        print(f"{kind}: {CUTS} cuts, {acked} acknowledged before")

    def test_w1_ext4(self):
        self.shut_down("ext4", 64)

    def test_w1_xfs(self):
        self.shut_down("xfs", 320)


class TheDiskRemembers(PowerCase):
    """ext4 on a disk that loses what was not flushed."""

    SIZE = 24 << 20

    def record(self, log):
        """The positions of the file system's first mount, and of each acknowledgement."""
        with mounted_image(self, "ext4", self.SIZE >> 20, logged=(BLOCK_LOG, log)) as disk:
            os.sync()
            begun = len(self.entries(log))
            done = subprocess.run([LOAD, "run", disk.point / "data", "1", "6", self.events, log],
                                  stdout=subprocess.PIPE, check=True)
        events = list(EVENT.iter_unpack(done.stdout))
        self.assertNotIn(FAILED, [event[0] for event in events])
        self.note(event for event in events if event[0] in (SENT, ACKED))
        return begun, [event[2] for event in events if event[0] == ACKED]

    def entries(self, log):
        """(offset, bytes); of a flush (None, b"")."""
        data = log.read_bytes()
        count, at, entries = struct.unpack_from("<Q", data)[0], 8, []
        for _ in range(count):
            offset, length = struct.unpack_from("<QI", data, at)
            entries.append((None if offset == 2**64 - 1 else offset, data[at + 12:at + 12 + length]))
            at += 12 + length
        return entries

    def survivors(self, pending):
        """What of the writes since the last flush is there: all, none, any, torn."""
        way = self.random.randrange(4)
        self.is_torn = self.is_torn or (way == 3 and bool(pending))
        for offset, data in pending:
            size = self.random.choice((512, 4096))
            for at in range(0, len(data), size if way == 3 else max(len(data), 1)):
                piece = data[at:at + size] if way == 3 else data
                if way == 0 or (way >= 2 and self.random.randrange(2)):
                    yield offset + at, piece

    def cut(self, entries, position):
        image, pending, self.is_torn = bytearray(self.SIZE), [], False
        for offset, data in entries[:position]:
            if offset is not None:
                pending.append((offset, data))
                continue
            for at, piece in pending:
                image[at:at + len(piece)] = piece
            pending = []
        for at, piece in self.survivors(pending):
            image[at:at + len(piece)] = piece
        return image

    def test_w1_every_flush_and_what_lies_between(self):
        if not BLOCK_LOG.exists() or not os.path.exists("/dev/fuse"):
            self.skipTest("there is no FUSE, or no libfuse3 to build with")
        log = self.folder / "log"
        self.random = random.Random(1)
        begun, acks = self.record(log)
        entries, refused = self.entries(log), 0
        for _ in range(4 * CUTS):
            position = self.random.randrange(begun, len(entries) + 1)
            image = self.folder / "image"
            image.write_bytes(self.cut(entries, position))
            try:
                with mounted_image(self, "ext4", None, image=image) as disk:
                    self.verify(disk.point, position)
            except subprocess.CalledProcessError:  # of mount: ext4's own blocks have sums
                self.assertTrue(self.is_torn, position)
                refused += 1
        self.assertLess(refused, CUTS)
        print(f"{len(entries)} writes and flushes, {len(acks)} acknowledged, {4 * CUTS} cuts, "
              f"{refused} that ext4 refused")


if __name__ == "__main__":
    unittest.main()
