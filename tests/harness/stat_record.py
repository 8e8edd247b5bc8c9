"""Reads stat records (client/record/record.h), written from that page alone; and waits until
files can be in one."""

import pathlib
import struct
import time

import xxhash

HEADER = struct.Struct("<4sBBHQQQQqII8s32sI32s32s32s5Q")
VERSION = 2
FILE, DIRECTORY, LINK = 1, 2, 3
CLOCK_REALTIME_COARSE = 5


class Entry:
    pass


class Record:
    def __init__(self, data):
        (magic, self.version, hashes, zero, checksum, length, self.device, self.inode,
         self.written_ns, count, path_len, self.layer, self.digest, flags, self.tag,
         self.view_digest, self.server, *self.totals) = HEADER.unpack_from(data)
        assert (magic, self.version, hashes, zero) == (b"BTSR", VERSION, 1, 0)
        assert flags in (0, 1)
        self.aligned = flags == 1
        assert length == len(data)
        assert checksum == xxhash.xxh3_64_intdigest(data[16:])
        self.data, self.at = data, HEADER.size
        self.path = self._take(path_len)
        self.entries, open_directories = {}, []
        for _ in range(count):
            ended = self._varint()
            if ended:
                del open_directories[-ended:]
            name, entry = self._entry()
            path = b"/".join([*open_directories[1:], name])
            self.entries[path] = entry
            if entry.type == DIRECTORY:
                open_directories.append(name)
        assert self.at == len(data)

    def _take(self, length):
        self.at += length
        return self.data[self.at - length:self.at]

    def _number(self, form):
        return struct.unpack("<" + form, self._take(struct.calcsize("<" + form)))[0]

    def _varint(self):
        value = shift = 0
        while True:
            byte = self._number("B")
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def _entry(self):
        entry = Entry()
        flags = self._number("B")
        entry.type, entry.age = flags & 3, flags >> 6
        entry.trusted, entry.in_base, entry.listed, entry.in_view = \
            (bool(flags & bit) for bit in (4, 8, 16, 32))
        name = self._take(self._number("B"))
        entry.mode = self._number("H")
        entry.units = []
        if entry.trusted:
            entry.inode, entry.seconds, entry.nanoseconds, entry.changed_ns = \
                struct.unpack("<QqIq", self._take(28))
        if entry.trusted and entry.type == FILE:
            entry.size = self._varint()
            for _ in range(self._varint()):
                entry.units.append((self._take(16), self._number("I"), self._take(32)))
        if entry.type == LINK:
            entry.target = self._take(self._number("H"))
        return name, entry


def folder(cache):
    return pathlib.Path(cache) / "baton"


def files(cache):
    """The records in a cache folder, also temporary ones."""
    return sorted(folder(cache).iterdir()) if folder(cache).is_dir() else []


def of(cache, root):
    """The record of a folder, or None."""
    info = pathlib.Path(root).stat()
    for path in files(cache):
        record = Record(path.read_bytes())
        if (record.device, record.inode) == (info.st_dev, info.st_ino):
            return record
    return None


def seal(data):
    """The bytes of a record with the checksum that they should have."""
    return data[:8] + struct.pack("<Q", xxhash.xxh3_64_intdigest(data[16:])) + data[16:]


def settle():
    """Until whatever was written so far has a change time that no later write can have."""
    start = time.clock_gettime_ns(time.CLOCK_REALTIME)
    grain = int(time.clock_getres(CLOCK_REALTIME_COARSE) * 1e9)
    while time.clock_gettime_ns(CLOCK_REALTIME_COARSE) - start <= 3 * grain:
        pass
