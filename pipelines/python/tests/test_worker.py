"""A real worker process, spoken to as PROTOCOL.md says."""

from __future__ import annotations

import os
import unittest
from pathlib import Path

import numpy as np

from .server import Server

STYLIZE = Path(__file__).parent / "fixtures" / "stylize.py"


class Worker(unittest.TestCase):
    def start(self, **load) -> Server:
        server = Server(STYLIZE, **load)
        self.addCleanup(server.close)
        return server

    def ready(self, **load) -> Server:
        return self.start(**load).ready()

    def test_hello_says_what_the_class_is(self) -> None:
        hello = self.start().hello

        self.assertEqual((hello["protocol"], hello["name"], hello["version"]), (1, "stylize", "1.2.3"))
        self.assertEqual((hello["layouts"], hello["max_batch"]), (["RGB", "I420", "NV12"], 8))
        self.assertEqual(hello["parameters"]["strength"]["maximum"], 255)

    def test_loading_moves_and_standard_output_is_no_message(self) -> None:
        server = self.ready()

        self.assertEqual(server.loading, ["loading weights 40%"])
        server.send(type="stop")
        self.assertIn("on standard output", server.output())

    def test_a_failed_setup_is_told_and_ends_the_worker(self) -> None:
        server = self.start(parameters={"weights": "missing"})

        server.receive("loading")
        self.assertIn("RuntimeError: no weights here", server.receive("fatal")["message"])
        server.output()
        self.assertEqual(server.process.returncode, 1)

    def test_every_layout_comes_and_goes_in_place(self) -> None:
        server = self.ready()
        for number, layout in enumerate(("RGB", "I420", "NV12")):
            with self.subTest(layout):
                # Rows with a gap, odd sizes: as decoders give them.
                server.session(number, layout, 33, 17, stride_more=5)
                server.parameters(number, 1, strength=7)
                for plane in server.planes(number, 0):
                    plane[...] = np.arange(plane.size, dtype=np.uint64).reshape(plane.shape) % 200
                server.frame(number, 0)

                self.assertEqual(server.done()["status"], "frame")
                for source, target in zip(server.planes(number, 0), server.planes(number, 1), strict=True):
                    np.testing.assert_array_equal(target, source + 7)

    def test_an_answer_names_frame_slot_version_and_time(self) -> None:
        server = self.ready()
        server.session(3, "RGB", 16, 8)
        server.parameters(3, 41, strength=2)
        server.frame(3, 12, source=2, target=3, version=41)

        done = server.done()
        self.assertGreaterEqual(done.pop("compute_us"), 0)
        self.assertEqual(
            done,
            {
                "type": "done",
                "session": 3,
                "seq": 12,
                "slot": 3,
                "status": "frame",
                "version": 41,
                "batch": 1,
            },
        )

    def test_parameters_hold_from_the_frame_behind_them(self) -> None:
        server = self.ready()
        server.session(0, "RGB", 16, 8)
        server.planes(0, 0)[0][...] = 10
        seen = []
        for version, strength in ((1, 1), (2, 50), (3, 100)):
            server.parameters(0, version, strength=strength)
            server.frame(0, version, version=version)
            answer = server.done()
            seen.append((answer["version"], int(server.planes(0, 1)[0][0, 0, 0])))

        self.assertEqual(seen, [(1, 11), (2, 60), (3, 110)])

    def test_frames_of_several_sessions_are_one_batch(self) -> None:
        server = self.ready(batch_wait_us=5_000_000)
        for number in range(3):
            server.session(number, "RGB", 16, 8)
            server.parameters(number, 1, strength=number + 1)
        for number in range(3):
            server.frame(number, 5)

        answers = [server.done() for _ in range(3)]

        self.assertEqual(
            [(answer["session"], answer["batch"]) for answer in answers], [(0, 3), (1, 3), (2, 3)]
        )
        self.assertEqual([int(server.planes(number, 1)[0][0, 0, 0]) for number in range(3)], [1, 2, 3])

    def test_one_session_never_waits_for_others(self) -> None:
        server = self.ready(batch_wait_us=10_000_000)
        server.session(0, "RGB", 16, 8)
        server.frame(0, 0)

        # Within the limit of the test's socket; the wait alone would be half of it.
        self.assertEqual(server.done()["batch"], 1)

    def test_a_message_behind_a_waiting_frame_keeps_its_place(self) -> None:
        server = self.ready(batch_wait_us=5_000_000)
        for number in range(2):
            server.session(number, "RGB", 16, 8)
            server.parameters(number, 1, strength=1)
        server.frame(0, 0)
        server.parameters(0, 2, strength=99)
        answer = server.done()

        self.assertEqual((answer["version"], int(server.planes(0, 1)[0][0, 0, 0])), (1, 1))
        server.frame(0, 1, version=2)
        server.frame(1, 1)
        server.done(), server.done()
        self.assertEqual(int(server.planes(0, 1)[0][0, 0, 0]), 99)

    def test_a_frame_that_raises_is_an_error_and_the_worker_lives(self) -> None:
        server = self.ready()
        server.session(0, "RGB", 16, 8)
        server.parameters(0, 1, do="raise")
        server.frame(0, 0)
        answer = server.done()

        self.assertEqual(answer["status"], "error")
        self.assertIn("ValueError: asked to raise ? (stylize.py:", answer["message"])
        server.parameters(0, 2, do="work")
        server.frame(0, 1, version=2)
        self.assertEqual(server.done()["status"], "frame")

    def test_a_fault_in_a_batch_hurts_its_own_session_alone(self) -> None:
        server = self.ready(batch_wait_us=5_000_000)
        for number, do in enumerate(("work", "raise", "work")):
            server.session(number, "RGB", 16, 8)
            server.parameters(number, 1, do=do)
        for number in range(3):
            server.frame(number, 0)

        answers = {answer["session"]: answer["status"] for answer in (server.done() for _ in range(3))}

        self.assertEqual(answers, {0: "frame", 1: "error", 2: "frame"})

    def test_every_ending_of_a_frame_has_its_status(self) -> None:
        server = self.ready()
        server.session(0, "RGB", 16, 8)
        wanted = {"skip": "skip", "passthrough": "passthrough", "return": "frame", "memory": "error"}
        for seq, (do, status) in enumerate(wanted.items()):
            server.parameters(0, seq, do=do)
            server.frame(0, seq)
            answer = server.done()
            self.assertEqual(answer["status"], status)
            if do == "return":
                self.assertEqual(int(server.planes(0, 1)[0][0, 0, 0]), 128)
        self.assertIn("out of memory", answer["message"])

    def test_reset_empties_the_state_and_close_forgets_the_session(self) -> None:
        server = self.ready()
        server.session(0, "RGB", 16, 8)
        counts = []
        for seq in range(4):
            if seq == 2:
                server.send(type="reset", session=0)
            server.frame(0, seq, source=None)
            server.done()
            counts.append(int(server.planes(0, 1)[0][0, 0, 0]))

        self.assertEqual(counts, [1, 2, 1, 2])
        self.assertEqual(server.mapped(), 1)
        server.send(type="close", session=0)
        server.send(type="ping", id=9)
        self.assertEqual(server.receive("pong")["id"], 9)
        self.assertEqual(server.mapped(), 0)

    def test_another_size_takes_the_place_of_the_one_before(self) -> None:
        server = self.ready()
        for width, height in ((16, 8), (64, 32)):
            server.session(0, "RGB", width, height)
            server.frame(0, 0)
            self.assertEqual(server.done()["status"], "frame")
            self.assertTrue((server.planes(0, 1)[0] == 1).all())
        self.assertEqual(server.mapped(), 1)

    def test_sessions_come_and_go_and_leave_nothing(self) -> None:
        server = self.ready()
        files = Path(f"/proc/{server.process.pid}/fd")
        before = len(list(files.iterdir()))
        for number in range(100):
            server.session(number, "RGB", 16 + number, 8)
            server.parameters(number, 1, do=("work", "raise", "return", "memory")[number % 4])
            server.frame(number, 0)
            server.done()
            server.send(type="close", session=number)
        server.send(type="ping", id=1)
        server.receive("pong")

        self.assertEqual((len(list(files.iterdir())), server.mapped()), (before, 0))

    def test_stop_and_the_end_of_the_socket_end_the_worker_with_0(self) -> None:
        stopped, left = self.ready(), self.ready()
        stopped.send(type="stop")
        left.socket.close()

        for server in (stopped, left):
            server.output()
            self.assertEqual(server.process.returncode, 0)

    def test_an_exit_in_the_middle_is_an_end_of_the_socket(self) -> None:
        server = self.ready()
        server.session(0, "RGB", 16, 8)
        server.parameters(0, 1, do="exit")
        server.frame(0, 0)

        with self.assertRaises(EOFError):
            server.done()
        self.assertEqual(server.process.returncode, 3)


class Garbage(unittest.TestCase):
    """What breaks the protocol ends the worker with a sentence; no memory is touched that is not there."""

    def fatal(self, break_it, wanted: str) -> None:
        server = Server(STYLIZE).ready()
        self.addCleanup(server.close)
        server.session(0, "RGB", 16, 8)
        break_it(server)

        self.assertIn(wanted, server.receive("fatal")["message"])
        server.output()
        self.assertEqual(server.process.returncode, 1)

    def test_packets(self) -> None:
        for packet, wanted in (
            (b"\xff\x00garbage", "expected a JSON object in UTF-8"),
            (b"[1]", "expected a JSON object"),
            (b'{"type": "nonsense", "session": 0}', "nonsense"),
            (b'{"type": "parameters", "session": 0, "version": 1, "values": 3}', "parameters.values"),
            (b'{"type": "session"}', "0 descriptors"),
        ):
            with self.subTest(packet):
                self.fatal(lambda server, packet=packet: server.send_bytes(packet), wanted)

    def test_slots_and_sessions_of_a_frame(self) -> None:
        for fields, wanted in (
            ({"session": 7}, "session 7 is not open"),
            ({"target": 4}, "frame.output"),
            ({"source": -1}, "frame.input"),
            ({"source": 1, "target": 1}, "two different slots"),
        ):
            with self.subTest(fields):
                given = {"session": 0, "seq": 0, **fields}
                self.fatal(lambda server, given=given: server.frame(**given), wanted)

    def test_memory_that_is_not_as_large_as_it_is_said_to_be(self) -> None:
        plane = {"offset": 0, "stride": 48, "width": 16, "height": 8, "channels": 3}
        for change, slot_bytes, held, wanted in (
            ({}, 384, 383, "do not fit in 383"),
            ({"offset": 1}, 384, 4 * 384, "do not fit in 384 bytes"),
            ({"stride": 47}, 384, 4 * 384, "rows of 48 bytes every 47"),
            ({"height": 9}, 432, 4 * 432, "expected planes"),
            ({"stride": 1 << 52}, 384, 4 * 384, "session.planes.stride"),
        ):
            with self.subTest(wanted):
                planes = [{**plane, **change}]
                self.fatal(
                    lambda server, planes=planes, slot_bytes=slot_bytes, held=held: server.describe(
                        1, "RGB", 16, 8, planes, slot_bytes, held
                    ),
                    wanted,
                )

    def test_descriptors_beyond_the_one(self) -> None:
        def break_it(server: Server) -> None:
            descriptor = os.open("/dev/null", os.O_RDONLY)
            server.send_bytes(b'{"type": "ping", "id": 1}', (descriptor,))
            os.close(descriptor)

        self.fatal(break_it, "1 descriptors")


if __name__ == "__main__":
    unittest.main()
