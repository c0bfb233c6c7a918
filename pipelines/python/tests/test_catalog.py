"""The shipped pipelines: descriptions say what the classes say, and every control does something."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import tomllib

from scope_pipeline import FrameInfo
from scope_pipeline.layout import allocate
from scope_pipeline.runner import Job, Runner
from scope_pipeline.selftest import pattern

from .server import PACKAGE

PIPELINES = PACKAGE.parent
FOLDERS = sorted(
    path.parent for path in PIPELINES.glob("catalog/*/pipeline.toml") if 'kind = "python"' in path.read_text()
)


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(PACKAGE), "PATH": ""}
    return subprocess.run(
        [sys.executable, script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def load(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location(
        "catalog_" + folder.name.replace("-", "_"), folder / "pipeline.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def picture(
    kind: Any, frames: int = 6, camera: bool = True, size: tuple[int, int] = (96, 64), **values: Any
) -> Any:
    """The last picture of a session, 30 frames a second."""
    runner = Runner(kind)
    runner.setup("cpu")
    runner.set(0, values, 1)
    for seq in range(frames):
        source = pattern("RGB", *size, seq) // 2 if camera else None
        job = Job(FrameInfo(0, seq, seq / 30, *size, "RGB"), source, allocate("RGB", *size))
        answer = runner.run([job])[0]
        assert answer.status == "frame", answer.message
    return job.out.astype(int)


def difference(one: Any, other: Any) -> float:
    return float(np.abs(one - other).mean())


class Descriptions(unittest.TestCase):
    def test_parameters_are_what_the_class_prints(self) -> None:
        self.assertGreaterEqual(len(FOLDERS), 2)
        for folder in FOLDERS:
            with self.subTest(folder.name):
                about = tomllib.loads((folder / "pipeline.toml").read_text())
                printed = run(folder / about["python"]["entry"], "--schema")

                self.assertEqual(printed.returncode, 0, printed.stderr)
                self.assertEqual(json.loads(printed.stdout), about["parameters"])

    def test_layouts_and_input_are_those_of_the_class(self) -> None:
        for folder, kind in (
            (PIPELINES / "catalog/dream", "Dream"),
            (PIPELINES / "catalog/light-trails", "LightTrails"),
        ):
            about, made = tomllib.loads((folder / "pipeline.toml").read_text()), getattr(load(folder), kind)

            self.assertEqual((about["id"], about["layouts"]), (folder.name, list(made.layouts)))
            self.assertEqual((about["input"], about["version"]), (made.input, made.version))

    def test_the_template_becomes_a_pipeline(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for path in (PIPELINES / "templates/python").iterdir():
                text = path.read_text().replace("__ID__", "my-look")
                (Path(folder) / path.name).write_text(text)
            about = tomllib.loads((Path(folder) / "pipeline.toml").read_text())
            tested = run(Path(folder) / "pipeline.py", "--selftest", "--frames", "3", "--size", "64x48")
            printed = run(Path(folder) / "pipeline.py", "--schema")

        self.assertEqual(tested.returncode, 0, tested.stderr)
        self.assertEqual(json.loads(printed.stdout), about["parameters"])


class CommandLine(unittest.TestCase):
    def test_the_example_in_the_readme_runs(self) -> None:
        example = (PACKAGE / "README.md").read_text().split("```python\n")[1].split("```")[0]
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "pipeline.py"
            script.write_text(example)
            ran = run(script, "--selftest", "--frames", "2", "--size", "64x48")

        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_selftest_prints_timing_and_the_same_checksum_each_time(self) -> None:
        script = PIPELINES / "catalog/dream/pipeline.py"
        with tempfile.TemporaryDirectory() as folder:
            png = Path(folder) / "out.png"
            arguments = ("--selftest", "--frames", "4", "--size", "64x48", "--param", "seed=7")
            first, second = run(script, *arguments, "--picture", str(png)), run(script, *arguments)
            self.assertEqual(png.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")

        def checksum(ran: subprocess.CompletedProcess[str]) -> list[str]:
            return [line for line in ran.stdout.splitlines() if line.startswith("checksum")]

        self.assertIn("frames/s", first.stdout)
        self.assertEqual(len(checksum(first)), 1)
        self.assertEqual(checksum(first), checksum(second))

    def test_bench_times_every_size(self) -> None:
        ran = run(PIPELINES / "catalog/light-trails/pipeline.py", "--bench", "--seconds", "0.01")

        self.assertEqual(ran.returncode, 0, ran.stderr)
        for size in ("512x512", "1280x720", "1920x1080"):
            self.assertIn(size, ran.stdout)

    def test_bad_use_is_64_and_a_sentence(self) -> None:
        script = PIPELINES / "catalog/dream/pipeline.py"
        for arguments, words in (
            (("--selftest", "--size", "3"), "WIDTHxHEIGHT"),
            (("--selftest", "--param", "nothing=1"), "noise_scale"),
            ((), "--selftest"),
        ):
            ran = run(script, *arguments)
            self.assertEqual((ran.returncode, words in ran.stderr), (64, True), ran.stderr)


class Dream(unittest.TestCase):
    def setUp(self) -> None:
        self.kind = load(PIPELINES / "catalog/dream").Dream

    def test_the_same_words_make_the_same_picture_and_others_another(self) -> None:
        night = picture(self.kind, camera=False, prompts=["night"])

        self.assertEqual(difference(night, picture(self.kind, camera=False, prompts=[{"text": "night"}])), 0)
        self.assertGreater(difference(night, picture(self.kind, camera=False, prompts=["a red desert"])), 20)
        self.assertGreater(night.std(), 5, "a picture, not a surface")

    def test_known_words_have_their_colour(self) -> None:
        red, green, blue = picture(self.kind, camera=False, prompts=["forest"]).mean(axis=(0, 1))
        self.assertGreater(green, max(red, blue) + 20)

        red, green, blue = picture(self.kind, camera=False, prompts=["ocean"]).mean(axis=(0, 1))
        self.assertGreater(blue, red + 20)

    def test_weights_lie_between_their_prompts(self) -> None:
        def mixed(weight: float) -> Any:
            prompts = [{"text": "forest", "weight": 1 - weight}, {"text": "lava", "weight": weight}]
            return picture(self.kind, camera=False, prompts=prompts)

        forest = mixed(0)
        ways = [difference(forest, mixed(weight)) for weight in (0.25, 0.5, 0.75, 1)]

        self.assertEqual(ways, sorted(ways))
        self.assertGreater(ways[0], 1)

    def test_every_control_changes_the_picture(self) -> None:
        plain = picture(self.kind)
        for name, value in (
            ("noise_scale", 0.1),
            ("denoising_step_list", [1000, 0]),
            ("seed", 1),
            ("input_strength", 0.0),
            ("speed", 4),
        ):
            with self.subTest(name):
                self.assertGreater(difference(plain, picture(self.kind, **{name: value})), 1)

    def test_more_steps_make_finer_shapes(self) -> None:
        def roughness(steps: list[int]) -> float:
            made = picture(self.kind, camera=False, noise_scale=0.3, denoising_step_list=steps)
            return float(np.abs(np.diff(made, axis=1)).mean())

        self.assertGreater(roughness([1000, 500, 250, 0]), 1.1 * roughness([0]))

    def test_with_a_camera_its_edges_are_in_the_picture(self) -> None:
        def likeness(strength: float) -> float:
            made = picture(self.kind, noise_scale=0, input_strength=strength, frames=1).sum(axis=2).ravel()
            return float(abs(np.corrcoef(made, pattern("RGB", 96, 64, 0).sum(axis=2).ravel())[0, 1]))

        self.assertGreater(likeness(1.0), 0.9)
        self.assertGreater(likeness(1.0), likeness(0.0) + 0.2)

    def test_it_moves_smoothly(self) -> None:
        shown = [picture(self.kind, frames=count, camera=False) for count in (20, 21, 60)]

        step, way = difference(shown[0], shown[1]), difference(shown[0], shown[2])
        self.assertGreater(step, 0)
        self.assertLess(step * 3, way)


class LightTrails(unittest.TestCase):
    def setUp(self) -> None:
        self.kind = load(PIPELINES / "catalog/light-trails").LightTrails

    def lamp(self, frames: int, **values: Any) -> Any:
        """A bright dot that goes from left to right, then the dark."""
        runner = Runner(self.kind)
        runner.setup("cpu")
        runner.set(0, {"drift": 0, "picture": 1.0, **values}, 1)
        for seq in range(frames):
            source = allocate("RGB", 64, 32)
            if seq < 10:
                source[14:18, 4 + 4 * seq : 8 + 4 * seq] = 255
            job = Job(FrameInfo(0, seq, seq / 30, 64, 32, "RGB"), source, allocate("RGB", 64, 32))
            runner.run([job])
        return job.out.astype(int)

    def test_a_lamp_leaves_a_trail_that_fades_behind_it(self) -> None:
        shown = self.lamp(10)[16].sum(axis=1)

        self.assertGreater(shown[38], shown[22])
        self.assertGreater(shown[22], shown[6])
        self.assertEqual(shown[60], 0)

    def test_the_trail_is_gone_after_its_length(self) -> None:
        self.assertGreater(self.lamp(12, length=0.3).max(), 100)
        self.assertLess(self.lamp(40, length=0.3).max(), 40)

    def test_drift_lifts_the_trail(self) -> None:
        rising, sinking = self.lamp(16, drift=2).sum(axis=(1, 2)), self.lamp(16, drift=-2).sum(axis=(1, 2))

        self.assertGreater(rising[:14].sum(), sinking[:14].sum())
        self.assertGreater(sinking[18:].sum(), rising[18:].sum())

    def test_every_control_changes_the_picture(self) -> None:
        plain = picture(self.kind)
        for name, value in (
            ("length", 5),
            ("threshold", 60),
            ("source", "light"),
            ("palette", "ice"),
            ("drift", 8),
            ("picture", 1.0),
        ):
            with self.subTest(name):
                self.assertGreater(difference(plain, picture(self.kind, **{name: value})), 0.3)


if __name__ == "__main__":
    unittest.main()
