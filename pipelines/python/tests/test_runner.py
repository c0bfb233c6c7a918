"""Frames in memory, and a class run on them without a worker."""

from __future__ import annotations

import sys
import unittest
from typing import Any
from unittest import mock

import numpy as np

from scope_pipeline import I420, NV12, FrameInfo, Param, Pipeline, Skip
from scope_pipeline.layout import allocate, resized, store, view
from scope_pipeline.runner import Job, Runner
from scope_pipeline.tensors import available


def job(session: int = 0, seq: int = 0, width: int = 8, layout: str = "RGB") -> Job:
    info = FrameInfo(session, seq, seq / 30, width, 4, layout)
    return Job(info, allocate(layout, width, 4), allocate(layout, width, 4))


class Layouts(unittest.TestCase):
    def test_a_view_is_the_memory_itself(self) -> None:
        memory = bytearray(100)

        frame = view(memory, "RGB", (4, 2), [16], [10], writable=True)
        frame[1, 3] = (7, 8, 9)

        self.assertEqual(memory[10 + 16 + 9 : 10 + 16 + 12], b"\x07\x08\x09")

    def test_an_input_cannot_be_written(self) -> None:
        frame = view(bytearray(24), "RGB", (4, 2), [12], [0], writable=False)

        with self.assertRaises(ValueError):
            frame[...] = 1

    def test_planes_have_their_names(self) -> None:
        i420 = view(bytearray(24), "I420", (4, 4), [4, 2, 2], [0, 16, 20], writable=True)
        nv12 = view(bytearray(24), "NV12", (4, 4), [4, 4], [0, 16], writable=True)

        assert isinstance(i420, I420) and isinstance(nv12, NV12)
        self.assertEqual((i420.y.shape, i420.v.shape, nv12.uv.shape), ((4, 4), (2, 2), (2, 2, 2)))

    def test_what_does_not_fit_is_refused(self) -> None:
        for strides, offsets in (([12], [1]), ([13], [0]), ([11], [0]), ([12], [-1]), ([12, 1], [0, 0])):
            with self.subTest((strides, offsets)), self.assertRaises(ValueError):
                view(bytearray(24), "RGB", (4, 2), strides, offsets, writable=True)

    def test_returned_frames_are_stored(self) -> None:
        out = allocate("RGB", 4, 2)
        for value, result in (
            (255, np.full((2, 4, 3), 1.5)),
            (0, np.full((1, 2, 4, 3), np.nan, np.float32)),
            (9, np.full((2, 4, 3), 9, np.uint8)),
        ):
            store(result, out)
            self.assertTrue((out == value).all())
        for wrong in (np.zeros((4, 2, 3)), np.zeros((2, 4, 3), np.int64), (out, out)):
            with self.assertRaises(ValueError):
                store(wrong, out)

    def test_resized_keeps_flat_frames_flat_and_ramps_ramps(self) -> None:
        ramp = np.repeat(np.arange(0, 200, 20, dtype=np.uint8)[np.newaxis, :, np.newaxis], 3, axis=2)

        bigger = resized(np.repeat(ramp, 10, axis=0), 40, 20)

        self.assertEqual(bigger.shape, (20, 40, 3))
        self.assertTrue((np.diff(bigger[0, :, 0].astype(int)) >= 0).all())
        self.assertTrue((resized(np.full((3, 3, 3), 77, np.uint8), 7, 5) == 77).all())


class Runs(unittest.TestCase):
    def test_changed_names_what_differs_since_the_last_good_frame(self) -> None:
        seen = []

        class Watcher(Pipeline):
            a: int = Param(1)
            b: int = Param(2)

            def process(self, frame: Any, out: Any, p: Any) -> None:
                if p.a == 13:
                    raise ValueError
                seen.append(set(p.changed))

        runner = Runner(Watcher)
        for values in ({}, {}, {"a": 5}, {"a": 13}, {"a": 6}):
            runner.set(0, values, 1)
            with self.assertLogs("scope_pipeline") if values == {"a": 13} else self.subTest():
                runner.run([job()])

        self.assertEqual(seen, [{"a", "b"}, set(), {"a"}, {"a"}])

    def test_a_batch_has_frames_of_one_size_and_of_different_sessions(self) -> None:
        sizes = []

        class Batcher(Pipeline):
            max_batch = 2

            def process_batch(self, frames: Any, outs: Any, ps: Any) -> None:
                self.sizes.append([(out.shape[1], p.frame.session) for out, p in zip(outs, ps, strict=True)])

        Batcher.sizes = sizes
        jobs = [job(0), job(1), job(2), job(0, seq=1), job(3, width=16)]

        answers = Runner(Batcher).run(jobs)

        self.assertEqual(sizes, [[(8, 0), (8, 1)], [(8, 2), (8, 0)], [(16, 3)]])
        self.assertEqual([answer.batch for answer in answers], [2, 2, 2, 2, 1])

    def test_input_is_what_the_class_says(self) -> None:
        given = []

        class Asks(Pipeline):
            def process(self, frame: Any, out: Any, p: Any) -> None:
                given.append(frame)

        class Makes(Asks):
            input = "none"

        without = job()
        without.frame = None
        with self.assertLogs("scope_pipeline"):
            self.assertIn("expected an input frame", Runner(Asks).run([without])[0].message)
        self.assertEqual(Runner(Makes).run([job()])[0].status, "frame")
        self.assertEqual(given, [None])

    def test_sessions_have_states_of_their_own(self) -> None:
        class Counter(Pipeline):
            def process(self, frame: Any, out: Any, p: Any) -> Any:
                p.state.count = getattr(p.state, "count", 0) + 1
                out[...] = p.state.count
                return Skip if p.state.count == 1 else None

        runner = Runner(Counter)
        jobs = [job(0), job(1), job(0), job(0)]

        statuses = [runner.run([one])[0].status for one in jobs]

        self.assertEqual(statuses, ["skip", "skip", "frame", "frame"])
        self.assertEqual([int(one.out[0, 0, 0]) for one in jobs], [1, 1, 2, 3])

    def test_tensors_without_torch_are_refused_with_a_sentence(self) -> None:
        class Torch(Pipeline):
            tensors = True

        # None in sys.modules makes an import fail, as if it were not installed.
        with (
            mock.patch.dict(sys.modules, {"torch": None}),
            self.assertRaisesRegex(ImportError, "torch cannot be imported; install it"),
        ):
            Runner(Torch).setup("cpu")

    @unittest.skipUnless(available(), "torch not installed")
    def test_tensors_are_the_same_memory(self) -> None:
        import torch

        class Torch(Pipeline):
            tensors = True
            given: Any = None

            def process(self, frame: Any, out: Any, p: Any) -> Any:
                type(self).given = frame
                out.copy_(frame + 1)
                return (frame.to(torch.bfloat16) * 0 + 1) if p.frame.seq else None

        runner = Runner(Torch)
        runner.setup("cpu")
        first, second = job(), job(seq=1)

        self.assertEqual(runner.run([first])[0].status, "frame")
        self.assertEqual((Torch.given.dtype, tuple(Torch.given.shape)), (torch.uint8, (4, 8, 3)))
        self.assertTrue((first.out == 1).all())
        runner.run([second])
        self.assertTrue((second.out == 255).all())


if __name__ == "__main__":
    unittest.main()
