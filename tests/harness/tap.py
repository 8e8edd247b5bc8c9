"""What passes an interface, as somebody on the line would see it: a packet socket, and the bytes
of each TCP connection put together from its segments.
"""

import os
import select
import socket
import struct
import threading

ETH_P_ALL, ETH_P_IP, IPPROTO_TCP = 3, 0x0800, 6
SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33
ROOM = 256 << 20  # for what this process has not read yet
FRAME_LEN_MAX = 1 << 17
SYN = 2


class Tap:
    """Listens from here on, in `namespace` (netns.py), on the interface of that name."""

    def __init__(self, namespace, interface):
        self.frames = []
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        self.socket.bind((interface, 0))
        self.socket.setblocking(False)
        self.wake_reader, self.wake = os.pipe()
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        while True:
            stopped = self.wake_reader in select.select([self.socket, self.wake_reader], [], [])[0]
            self._take_all()
            if stopped:
                return

    def _take_all(self):
        try:
            while True:
                self.frames.append(self.socket.recv(FRAME_LEN_MAX))
        except BlockingIOError:
            pass

    def end(self):
        """Listens no more. Returns the streams as {(address, port, address, port): bytes}."""
        os.write(self.wake, b"x")
        self.thread.join()
        _, missed = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.socket.close()
        os.close(self.wake)
        os.close(self.wake_reader)
        assert missed == 0, f"{missed} frames passed that the tap has not seen"
        return streams(self.frames)


def streams(frames):
    found, begins = {}, {}
    for frame in frames:
        segment = _segment(frame)
        if segment is None:
            continue
        flow, sequence, flags, payload = segment
        if flags & SYN:
            begins[flow] = sequence + 1
        elif payload and flow in begins:
            at = (sequence - begins[flow]) & 0xffffffff
            stream = found.setdefault(flow, bytearray())
            if len(stream) < at:
                stream.extend(bytes(at - len(stream)))
            stream[at:at + len(payload)] = payload
    return {flow: bytes(stream) for flow, stream in found.items()}


def _segment(frame):
    """(flow, sequence number, flags, payload) of a TCP segment over IPv4; else None."""
    if len(frame) < 34 or struct.unpack_from("!H", frame, 12)[0] != ETH_P_IP \
            or frame[23] != IPPROTO_TCP:
        return None
    tcp = 14 + 4 * (frame[14] & 15)
    end = 14 + struct.unpack_from("!H", frame, 16)[0]
    source, target = (socket.inet_ntoa(frame[at:at + 4]) for at in (26, 30))
    source_port, target_port, sequence = struct.unpack_from("!HHI", frame, tcp)
    payload = frame[tcp + 4 * (frame[tcp + 12] >> 4):end]
    return (source, source_port, target, target_port), sequence, frame[tcp + 13], payload
