"""Damaged bytes: found by who attaches, taken again by the next persist, whole again for all."""

import shutil
import socket

import client
from frames import FRAME_HEADER, PIECE
from harness import Scenario, random_bytes, read_tree
from wire import Code, Connection, Type

FILES = {f"d{number % 3}/f{number:02}": random_bytes(300_000, number) for number in range(40)}
IDENTITY = {"workflow": "w1", "job": "liar"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Healing(Scenario):
    def flip(self, *shares):
        """One bit at each of these shares of the only segment."""
        segment, = self.daemon.segments()
        size = segment.stat().st_size
        with open(segment, "r+b") as file:
            for share in shares:
                file.seek(int(size * share))
                byte = file.read(1)[0]
                file.seek(int(size * share))
                file.write(bytes([byte ^ 8]))

    def assert_whole(self, *workflows):
        for workflow in workflows:
            _, into = self.attach("z", workflow=workflow)
            tree = read_tree(into)
            self.assertEqual({path.decode(): entry[2] for path, entry in tree.items()
                              if entry[0] == "file"}, FILES)
            shutil.rmtree(into)

    def assert_check(self, status, word):
        self.daemon.stop()
        got, out, err = self.daemon.check("--read-data")
        self.assertEqual(got, status, out + err)
        self.assertIn(word, out)
        self.daemon.start()

    def heal(self, url, *flips):
        """The work of one run that fails, and of the next one, which builds all anew."""
        self.persist("a", FILES, workflow="w1")
        self.flip(*flips)
        self.refused("attach", "--server", url, self.missing(), workflow="w1", job="b", status=6)
        self.daemon.await_log("nothing in that frame is offered", len(flips))
        again = self.persist("a", FILES, "--no-stat-record", workflow="w2")
        self.assertGreater(again["new_bytes"], 0)
        self.assertLess(again["new_bytes"], 3_000_000)

    def test_w8_what_an_attach_found_damaged_is_taken_again_and_heals_all(self):
        self.heal(self.daemon.url, 0.2, 0.8)
        self.assert_whole("w2", "w1")
        self.assert_check(0, "no damage but 2 healed")
        self.assert_whole("w2", "w1")
        self.daemon.kill()
        self.daemon.start()
        self.assert_whole("w1")
        self.assertEqual(self.persist("a", FILES, workflow="w3")["new_bytes"], 0)

    def test_w8_a_client_that_leaves_in_the_middle_says_why_by_tcp_too(self):
        url = f"tcp://127.0.0.1:{free_port()}"
        self.start_daemon("daemon", "--listen", url)
        self.heal(url, 0.1)
        self.assert_whole("w1")

    def flip_in_a_piece(self):
        segment, = self.daemon.segments()
        data = bytearray(segment.read_bytes())
        at = next(at for at in range(len(data)) if data[at:at + 4] == b"BTFR"
                  and FRAME_HEADER.unpack_from(data, at)[2] == PIECE)
        units = FRAME_HEADER.unpack_from(data, at)[6]
        data[at + FRAME_HEADER.size + 8 + 52 * units] ^= 1  # the first byte of the payload
        segment.write_bytes(data)

    def test_w8_the_persist_that_meets_a_damaged_piece_sends_it_anew(self):
        """It is offered as long as nobody has read it; the commit that cites it does."""
        root = self.tree(FILES)
        self.baton("persist", "--root", root, ".", job="a", workflow="w1")
        self.flip_in_a_piece()
        again = self.baton("persist", "--no-stat-record", "--root", root, ".", job="a",
                           workflow="w2")
        self.assertIn(b"trying again", again.err)
        third = self.baton("persist", "--json", "--root", root, ".", job="a", workflow="w3")
        self.assertEqual(third.json["new_bytes"], 0)
        self.assert_whole("w1", "w2", "w3")
        self.assert_check(0, "no damage but 1 healed")

    def test_check_tells_damage_from_what_is_healed(self):
        self.persist("a", FILES, workflow="w1")
        self.flip(0.5)
        self.assert_check(6, "damaged: ")
        self.baton("attach", self.missing(), workflow="w1", job="b", status=6)
        self.daemon.await_log("nothing in that frame is offered", 1)
        self.assert_check(6, "damaged: ")
        self.persist("a", FILES, workflow="w2")
        self.assert_check(0, "healed: ")

    def data(self):
        """All bytes in the data directory."""
        return {path.relative_to(self.daemon.data): path.read_bytes()
                for path in sorted(self.daemon.data.rglob("*")) if path.is_file()}

    def check_stopped(self, *options):
        """A check, and what it changed."""
        before = self.data()
        status, out, err = self.daemon.check(*options)
        after = self.data()
        return status, out + err, {str(path) for path in before.keys() | after.keys()
                                   if before.get(path) != after.get(path)}

    def test_w8_what_check_marks_is_taken_again_and_heals_all(self):
        self.persist("a", FILES, workflow="w1")
        self.daemon.stop()
        self.flip(0.2, 0.8)
        status, out, changed = self.check_stopped("--read-data")
        self.assertEqual((status, changed), (6, set()), out)
        self.assertIn("2 damaged; `batond check --read-data --mark` keeps them", out)
        status, out, changed = self.check_stopped("--read-data", "--mark")
        self.assertEqual((status, changed), (6, {"damaged"}), out)
        self.assertIn("2 frames marked", out)
        self.assertEqual(len((self.daemon.data / "damaged").read_bytes()), 2 * 50)
        status, out, changed = self.check_stopped("--read-data", "--mark")
        self.assertEqual((status, changed), (6, set()), out)
        self.assertRegex(out, "2 damaged\n")
        self.daemon.start()
        again = self.persist("a", FILES, "--no-stat-record", workflow="w2")
        self.assertGreater(again["new_bytes"], 0)
        self.assert_whole("w1", "w2")
        self.assert_check(0, "no damage but 2 healed\n")
        self.assert_whole("w1", "w2")

    def test_w8_what_check_found_and_did_not_mark_is_still_offered(self):
        """So the advice at its end is worth something."""
        self.persist("a", FILES, workflow="w1")
        self.daemon.stop()
        self.flip(0.2)
        self.check_stopped("--read-data")
        self.daemon.start()
        again = self.persist("a", FILES, "--no-stat-record", workflow="w2")
        self.assertEqual(again["new_bytes"], 0)

    def test_check_marks_nothing_beside_a_daemon_nor_where_all_is_sound(self):
        self.persist("a", FILES, workflow="w1")
        status, _, err = self.daemon.check("--mark")
        self.assertEqual(status, 7, err)
        self.daemon.stop()
        status, out, changed = self.check_stopped("--read-data", "--mark")
        self.assertEqual((status, changed), (0, set()), out)
        self.assertRegex(out, "no damage\n")

    def test_nobody_marks_a_sound_frame(self):
        self.persist("a", FILES, workflow="w1")
        for frame in (0, 1, 2, 30, 31, 10**9, 2**64 - 1):
            with Connection(self.daemon.url) as connection:
                view = client.look(connection, IDENTITY, "attach")
                client.fetch(connection, [True] * view.totals["units"])
                connection.send_map(Type.ERROR, {"code": Code.DAMAGED, "frame": frame,
                                                 "message": "I say so"})
                connection.drain()
        self.assertEqual(self.daemon.log_lines("nothing in that frame is offered"), [])
        self.assertFalse((self.daemon.data / "damaged").exists())
        self.assertEqual(self.persist("a", FILES, workflow="w2")["new_bytes"], 0)
