"""Classes written for Daydream Scope, run unchanged."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

import numpy as np

from scope_pipeline import FrameInfo
from scope_pipeline.daydream import adapt
from scope_pipeline.layout import allocate
from scope_pipeline.runner import Job, Runner

sys.path.insert(0, str(Path(__file__).parent / "fixtures"))


def job(seq: int, value: int | None, session: int = 0) -> Job:
    out = allocate("RGB", 32, 16)
    source = None if value is None else np.full((16, 32, 3), value, np.uint8)
    return Job(FrameInfo(session, seq, seq / 30, 32, 16, "RGB"), source, out)


class Invert(unittest.TestCase):
    def setUp(self) -> None:
        self.kind = adapt("scope_invert:InvertPipeline")
        self.calls: list[dict[str, Any]] = self.kind.wrapped.calls
        self.calls.clear()

    def runner(self, **load: Any) -> Runner:
        runner = Runner(self.kind)
        runner.setup("cpu", load)
        return runner

    def feed(self, runner: Runner, values: list[int], session: int = 0, first: int = 0) -> list[int | None]:
        shown: list[int | None] = []
        for seq, value in enumerate(values, first):
            one = job(seq, value, session)
            answer = runner.run([one])[0]
            self.assertNotEqual(answer.status, "error", answer.message)
            shown.append(int(one.out[0, 0, 0]) if answer.status == "frame" else None)
        return shown

    def test_its_configuration_is_ours(self) -> None:
        schema = self.kind.schema()

        self.assertEqual(
            (self.kind.name, self.kind.version, self.kind.input), ("invert", "0.3.0", "required")
        )
        intensity = schema["intensity"]
        self.assertEqual(
            (intensity["type"], intensity["minimum"], intensity["maximum"]), ("number", 0.0, 1.0)
        )
        self.assertEqual((intensity["default"], intensity["ui"]["label"]), (1.0, "Intensity"))
        self.assertTrue(schema["chunk"]["ui"]["is_load_param"])
        self.assertEqual(schema["noise_scale"]["type"], ["number", "null"])
        self.assertNotIn("ui", schema["noise_scale"], "a field without a hint has no control")
        self.assertIn("prompts", schema)

    def test_frames_are_queued_for_a_call_and_come_back_in_order(self) -> None:
        shown = self.feed(self.runner(), list(range(0, 100, 10)))

        self.assertEqual(shown, [None, None, None, 255, 245, 235, 225, 215, 205, 195])
        self.assertEqual([call["frames"] for call in self.calls], [4, 4])
        self.assertEqual(self.calls[0]["pts"], [0, 3000, 6000, 9000])

    def test_load_parameters_reach_the_constructor_and_others_the_call(self) -> None:
        runner = self.runner(chunk=1)
        runner.set(0, {"intensity": 0.0, "prompts": ["a", {"text": "b", "weight": 3}]}, 1)

        self.assertEqual(self.feed(runner, [10, 20]), [10, 20])
        self.assertEqual(
            self.calls[0]["prompts"], [{"text": "a", "weight": 0.25}, {"text": "b", "weight": 0.75}]
        )

    def test_the_first_call_and_another_session_start_afresh(self) -> None:
        runner = self.runner(chunk=1)

        self.feed(runner, [1, 2])
        self.feed(runner, [3], session=1)
        self.feed(runner, [4, 5], first=2)
        runner.reset(0)
        self.feed(runner, [6])

        fresh = [call["init_cache"] for call in self.calls]
        self.assertEqual(fresh, [True, False, True, True, False, True])

    def test_sessions_do_not_mix_their_frames(self) -> None:
        runner = self.runner(chunk=2)

        shown = [self.feed(runner, [value], value % 2, value)[0] for value in range(6)]

        self.assertEqual(shown, [None, None, 255, 254, 253, 252])


class Shapes(unittest.TestCase):
    def wrap(self, call: Any, **attributes: Any) -> Runner:
        runner = Runner(adapt(type("Written", (), {"__call__": call, **attributes})))
        runner.setup("cpu")
        return runner

    def test_a_class_without_input_makes_chunk_after_chunk_at_any_size(self) -> None:
        kind = adapt("scope_invert:NoisePipeline")
        runner = Runner(kind)
        runner.setup("cpu")
        jobs = [job(seq, None) for seq in range(5)]
        statuses = [runner.run([one])[0].status for one in jobs]

        self.assertEqual((kind.input, statuses), ("none", ["frame"] * 5))
        self.assertEqual([int(one.out.max()) for one in jobs], [1, 2, 3, 4, 5])

    def test_five_dimensions_and_a_bare_frame_and_nothing(self) -> None:
        video = np.zeros((1, 3, 2, 16, 32), np.float32)
        video[0, 2, 1] = 1.0
        answers = iter([{"video": video}, {}, np.full((16, 32, 1), 0.5)])
        runner = self.wrap(lambda self, **_: next(answers))
        jobs = [job(seq, None) for seq in range(4)]
        statuses = [runner.run([one])[0].status for one in jobs]

        self.assertEqual(statuses, ["frame", "frame", "skip", "frame"])
        self.assertEqual([tuple(one.out[0, 0]) for one in jobs[1::2]], [(0, 0, 255), (128, 128, 128)])

    def test_more_outputs_than_inputs_never_grow_the_delay(self) -> None:
        from scope.core.pipelines.interface import Requirements

        def doubled(self: Any, video: list[Any]) -> Any:
            stacked = np.concatenate([np.asarray(frame) for frame in video])
            return {"video": np.repeat(stacked, 2, axis=0)}

        runner = self.wrap(doubled, prepare=lambda self, **_: Requirements(input_size=2))
        shown = []
        for seq in range(40):
            one = job(seq, seq)
            if runner.run([one])[0].status == "frame":
                shown.append(seq - int(one.out[0, 0, 0]))

        self.assertEqual(set(shown), {1})

    def test_a_wrong_shape_is_a_sentence(self) -> None:
        runner = self.wrap(lambda self, **_: np.zeros((4, 4)))

        with self.assertLogs("scope_pipeline"):
            self.assertIn("TxHxWxC, got 4x4", runner.run([job(0, None)])[0].message)


if __name__ == "__main__":
    unittest.main()
