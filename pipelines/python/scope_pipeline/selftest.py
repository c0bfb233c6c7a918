"""Runs a pipeline class on generated frames, with no server: `--selftest` and `--bench`."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import png
from .layout import allocate, arrays_of
from .parameters import FrameInfo
from .pipeline import Pipeline
from .runner import ERROR, FRAME, Job, Runner

BENCH_SIZES = ((512, 512), (1280, 720), (1920, 1080))


def pattern(layout: str, width: int, height: int, seq: int) -> Any:
    """A test frame of a moving pattern: colour ramps, a bright disc on a circle, squares for edges."""
    frame = allocate(layout, width, height)
    y, x = np.ogrid[:height, :width]
    angle = seq * 0.1
    centre = (width * (0.5 + 0.3 * np.cos(angle)), height * (0.5 + 0.3 * np.sin(angle)))
    disc = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < (min(width, height) / 6) ** 2
    stripes = ((x + 2 * seq) // 16 + y // 16) % 2 * 40
    ramps = [x * 200 // width + 0 * y, y * 200 // height + 0 * x, (x + y) * 200 // (width + height)]
    planes = arrays_of(frame)
    if layout in ("RGB", "RGBA"):
        for channel, ramp in enumerate(ramps):
            planes[0][..., channel] = np.where(disc, 250 - 60 * channel, np.minimum(ramp + stripes, 255))
        return frame
    planes[0][...] = np.where(disc, 235, np.minimum(16 + ramps[0] + stripes // 2, 235))
    chroma = [ramp[::2, ::2] // 2 + 78 for ramp in ramps[1:]]
    if layout == "NV12":
        planes[1][..., 0], planes[1][..., 1] = chroma
    else:
        planes[1][...], planes[2][...] = chroma
    return frame


def selftest(
    kind: type[Pipeline],
    values: Mapping[str, Any],
    size: tuple[int, int] = (320, 240),
    frames: int = 30,
    layout: str = "",
    device: str = "",
    picture: Path | None = None,
) -> int:
    """Runs the class on `frames` frames, prints timing and a checksum; 0, or 1 where a frame failed."""
    layout = layout or kind.layouts[0]
    runner = _ready(kind, values, device)
    runner.set(0, values, 1)
    times, checksum, skipped, out = [], 0, 0, None
    for seq in range(frames):
        job = _job(kind, layout, size, seq, 0)
        answer = runner.run([job])[0]
        if answer.status == ERROR:
            print(f"frame {seq}: {answer.message}")
            return 1
        if answer.status != FRAME:
            skipped += 1
        else:
            out = job.out
            for plane in arrays_of(out):
                checksum = zlib.crc32(plane.tobytes(), checksum)
        times.append(answer.seconds * 1000)
    runner.pipeline.close()
    print(f"{kind.title()}: {frames} frames of {size[0]}x{size[1]} {layout}, {skipped} skipped")
    print(_timing(times))
    print(f"checksum {checksum:08x}")
    if picture is not None and out is not None:
        png.write(picture, out)
        print(f"last frame written to {picture}")
    return 0


def bench(kind: type[Pipeline], values: Mapping[str, Any], device: str = "", seconds: float = 2.0) -> int:
    """Times the class at the sizes of `BENCH_SIZES`, and its batches where it has them."""
    runner = _ready(kind, values, device)
    counts = [1, runner.limit] if runner.limit > 1 else [1]
    for layout in kind.layouts:
        for size in BENCH_SIZES:
            for count in counts:
                times = _bench_one(runner, values, layout, size, count, seconds)
                if times is None:
                    return 1
                print(f"{layout:5} {size[0]:4}x{size[1]:<4} batch {count}: {_timing(times)}")
    runner.pipeline.close()
    return 0


def _bench_one(
    runner: Runner, values: Mapping[str, Any], layout: str, size: tuple[int, int], count: int, seconds: float
) -> list[float] | None:
    jobs = [_job(runner.kind, layout, size, 0, session) for session in range(count)]
    for session in range(count):
        runner.end(session)
        runner.set(session, values, 1)
    times: list[float] = []
    until = time.perf_counter() + seconds
    seq = 0
    while time.perf_counter() < until or len(times) < 3:
        for job in jobs:
            job.info = job.info._replace(seq=seq, pts=seq / runner.kind.fps)
        answers = runner.run(jobs)
        for answer in answers:
            if answer.status == ERROR:
                print(f"{layout} {size[0]}x{size[1]}: {answer.message}")
                return None
        times.extend(answer.seconds / answer.batch * 1000 for answer in answers)
        seq += 1
    # The first frame of a session may build what later ones use.
    return times[count:]


def _ready(kind: type[Pipeline], values: Mapping[str, Any], device: str) -> Runner:
    def progress(text: str, fraction: float | None) -> None:
        print(text if fraction is None else f"{text} {fraction:.0%}")

    runner = Runner(kind, progress)
    began = time.perf_counter()
    used = runner.setup(device, values)
    print(f"setup on {used}: {(time.perf_counter() - began) * 1000:.0f} ms")
    return runner


def _job(kind: type[Pipeline], layout: str, size: tuple[int, int], seq: int, session: int) -> Job:
    info = FrameInfo(session, seq, seq / kind.fps, size[0], size[1], layout)
    frame = None if kind.input == "none" else pattern(layout, *size, seq)
    for plane in arrays_of(frame) if frame is not None else ():
        plane.flags.writeable = False
    return Job(info, frame, allocate(layout, *size))


def _timing(times: Sequence[float]) -> str:
    p50, p99 = np.percentile(times, [50, 99])
    rate = 1000 / max(float(np.mean(times)), 1e-6)
    return f"{p50:.2f} ms a frame (p50), {p99:.2f} ms (p99), {rate:.0f} frames/s"
