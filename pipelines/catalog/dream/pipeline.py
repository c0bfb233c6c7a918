"""Dream: pictures from words, with numpy alone. A stand-in for a diffusion model, with the same controls.

Nothing is learned here: a text seeds colours and shapes, a few words are known to mean a colour. Each
denoising step adds finer shapes.
"""

from __future__ import annotations

import colorsys
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from scope_pipeline import Param, Parameters, Pipeline, Prompts, serve, weighted

COARSE = 160
"""Columns, about, that shapes are computed at; the picture is enlarged from there."""
STEP_MAX = 1000
"""Noise at the start of denoising, as diffusion models count it."""

# Words that mean a colour: hue, saturation, brightness, each from 0 to 1.
WORDS = {
    "fire": (0.03, 0.95, 0.95), "lava": (0.02, 1.0, 0.85), "sunset": (0.05, 0.85, 0.95),
    "desert": (0.09, 0.6, 0.9), "gold": (0.12, 0.85, 0.95), "sun": (0.14, 0.8, 1.0),
    "forest": (0.34, 0.7, 0.55), "meadow": (0.28, 0.65, 0.8), "jungle": (0.38, 0.8, 0.5),
    "sea": (0.52, 0.8, 0.75), "ocean": (0.57, 0.85, 0.65), "ice": (0.53, 0.3, 1.0),
    "sky": (0.56, 0.5, 0.95), "snow": (0.58, 0.08, 1.0), "night": (0.66, 0.8, 0.3),
    "space": (0.72, 0.75, 0.35), "neon": (0.85, 1.0, 1.0), "rose": (0.94, 0.6, 0.95),
    "blood": (0.99, 0.95, 0.6), "red": (0.0, 0.9, 0.9), "orange": (0.07, 0.9, 0.95),
    "yellow": (0.15, 0.9, 0.95), "green": (0.33, 0.8, 0.75), "blue": (0.61, 0.85, 0.85),
    "purple": (0.77, 0.75, 0.75), "pink": (0.92, 0.5, 1.0), "white": (0.0, 0.0, 1.0),
    "black": (0.0, 0.0, 0.08),
}  # fmt: skip


class Dream(Pipeline):
    """Makes pictures from words, alone or out of the camera's picture."""

    layouts = ("RGB",)
    input = "optional"
    fps = 30
    version = "1.0.0"

    prompts: Prompts = Param(
        [{"text": "a calm sea at sunset", "weight": 1.0}],
        label="Prompts",
        category="input",
        widget="prompts",
        description="What to show: texts, or objects with text and weight that are mixed.",
    )
    noise_scale: float = Param(
        0.6,
        min=0,
        max=1,
        step=0.01,
        label="Noise scale",
        widget="noise",
        description="How wild the shapes are, and how much of the camera's picture is lost.",
    )
    denoising_step_list: list[int] = Param(
        [1000, 750, 500, 250],
        min=0,
        max=STEP_MAX,
        label="Denoising steps",
        widget="denoising_steps",
        description="Noise before each step, from much to little; each step adds finer shapes.",
        schema={"minItems": 1, "maxItems": 4},
    )
    seed: int = Param(
        42, min=0, max=2**31 - 1, label="Seed", description="Another seed, another picture of the same."
    )
    input_strength: float = Param(
        0.5,
        min=0,
        max=1,
        step=0.05,
        label="Input strength",
        modes=["video"],
        description="How much of the camera's picture is under the dream; 0 ignores it.",
    )
    speed: float = Param(1.0, min=0, max=4, step=0.1, label="Speed", description="How fast the shapes move.")

    def process(self, frame: Any, out: Any, p: Parameters) -> None:
        state = p.state
        if not hasattr(state, "time"):
            state.time, state.pts = 0.0, p.frame.pts
        # Summed up, so that another speed does not make the shapes jump.
        state.time += min(max(p.frame.pts - state.pts, 0.0), 1.0) * p.speed
        state.pts = p.frame.pts
        # The server goes from prompts to prompts in steps: each frame has its own weights.
        mixture = weighted(p.prompts) or (("", 1.0),)

        height, width = out.shape[:2]
        coarse = canvas(width, height)
        field, table = np.zeros(coarse.x.shape, np.float32), np.zeros((256, 3), np.float32)
        steps = p.denoising_step_list
        for text, weight in mixture:
            look = look_of(text, p.seed)
            table += weight * look.table
            for number, level in enumerate(steps):
                field += weight * shapes(look, coarse, state.time, number, level, p.noise_scale)
        field += grain(coarse.x.shape, p.seed, state.time) * (steps[-1] / STEP_MAX) * p.noise_scale
        # Unlike shapes average out: as much contrast for a mixture as for one prompt.
        field = 0.5 + (field - 0.5) / np.float32(np.sqrt(sum(weight * weight for _, weight in mixture)))
        level = enlarged(np.clip(field, 0, 1), coarse.cell, width, height)
        if frame is not None and p.input_strength > 0:
            share = np.float32(p.input_strength * (1 - 0.7 * p.noise_scale))
            level *= 1 - share
            level += brightness_of(frame) * (share / np.float32(255))
        # A colour as one number is found in a quarter of the time of a row of three.
        colours = np.zeros((256, 4), np.uint8)
        colours[:, :3] = np.rint(table)
        level *= np.float32(255)
        painted = np.take(colours.view(np.uint32).ravel(), level.astype(np.uint8), mode="clip")
        out[...] = painted.view(np.uint8).reshape(height, width, 4)[..., :3]


@dataclass(frozen=True)
class Look:
    """What a text looks like."""

    table: Any
    """256 colours, dark to bright."""
    waves: Any
    """Rows of x and y frequency, phase, speed."""
    symmetry: int
    """Petals of the kaleidoscope; 0 for none."""


@dataclass(frozen=True)
class Canvas:
    """Coordinates of the coarse picture: 0 in the middle, the shorter side from -1 to 1."""

    cell: int
    """Pixels from one value to the next."""
    x: Any
    y: Any


@lru_cache(maxsize=16)
def canvas(width: int, height: int) -> Canvas:
    cell = max(1, round(width / COARSE))
    # One more than cells: values are at their corners.
    y, x = np.mgrid[: -(-height // cell) + 1, : -(-width // cell) + 1].astype(np.float32)
    unit = np.float32(min(width, height) / 2)
    return Canvas(cell, (x * cell - width / 2) / unit, (y * cell - height / 2) / unit)


@lru_cache(maxsize=256)
def look_of(text: str, seed: int) -> Look:
    """The same for the same text and seed, on every machine."""
    words = text.lower()
    colours = np.random.default_rng(int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big"))
    known = [WORDS[word] for word in words.replace(",", " ").split() if word in WORDS]
    anchors = known or [(colours.random(), 0.5 + 0.5 * colours.random(), 0.6 + 0.4 * colours.random())]
    stops = [np.array(colorsys.hsv_to_rgb(anchors[0][0], anchors[0][1], anchors[0][2] * 0.12))]
    for hue, saturation, brightness in anchors:
        shift = colours.uniform(-0.06, 0.06)
        stops.append(np.array(colorsys.hsv_to_rgb((hue + shift) % 1, saturation, brightness * 0.55)))
        stops.append(np.array(colorsys.hsv_to_rgb(hue, saturation, brightness)))
    hue, saturation, brightness = anchors[-1]
    stops.append(np.array(colorsys.hsv_to_rgb((hue + 0.04) % 1, saturation * 0.35, 0.4 + 0.6 * brightness)))
    where = np.linspace(0, len(stops) - 1, 256)
    table = [
        np.interp(where, np.arange(len(stops)), [stop[channel] for stop in stops]) for channel in range(3)
    ]

    random = np.random.default_rng(
        [seed, int.from_bytes(hashlib.sha256(words.encode()).digest()[8:12], "big")]
    )
    waves = np.column_stack(
        [
            random.uniform(-4, 4, 6),
            random.uniform(-4, 4, 6),
            random.uniform(0, 6.3, 6),
            random.uniform(0.3, 1.2, 6),
        ]
    )
    return Look(
        np.float32(255) * np.stack(table, axis=1).astype(np.float32),
        waves,
        int(colours.choice([0, 0, 3, 5, 6])),
    )


def shapes(look: Look, area: Canvas, now: float, number: int, level: float, noise: float) -> Any:
    """What denoising step `number` adds: finer shapes with each step, fainter with more noise."""
    x, y = area.x, area.y
    if look.symmetry:
        angle, radius = np.arctan2(y, x), np.hypot(x, y)
        angle = np.abs((angle * look.symmetry / 2 / np.pi) % 1 - 0.5) * 2 * np.pi / look.symmetry
        x, y = radius * np.cos(angle), radius * np.sin(angle)
    scale = np.float32(1.7**number)
    bend = np.float32(0.15 + 0.6 * noise)
    (_, ay, a, a_speed), (bx, _, b, b_speed) = look.waves[:2].astype(np.float32)
    bent_x = x + bend * np.sin(ay * y + a + np.float32(now) * a_speed * np.float32(0.7))
    bent_y = y + bend * np.sin(bx * x + b + np.float32(now) * b_speed * np.float32(0.7))
    total = np.zeros(x.shape, np.float32)
    for fx, fy, phase, speed in look.waves[2:].astype(np.float32):
        total += np.sin(scale * (fx * bent_x + fy * bent_y) + phase + np.float32(now) * speed)
    if number == 0:
        return np.float32(0.5) + total * np.float32(0.14)
    return total * np.float32(0.09 * 0.6**number * (1 - min(level, STEP_MAX) / STEP_MAX) * 2)


def grain(shape: tuple[int, ...], seed: int, now: float) -> Any:
    """What noise is left: a fixed texture that moves, so that it does not flicker."""
    texture = noise_texture(shape, seed)
    return np.roll(texture, (int(now * 7), int(now * 11)), axis=(0, 1)) * np.float32(0.25)


@lru_cache(maxsize=16)
def noise_texture(shape: tuple[int, ...], seed: int) -> Any:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def brightness_of(frame: Any) -> Any:
    """From 0 to 253, a quarter red, half green, a quarter blue: in bytes alone."""
    return (frame[..., 0] >> 2) + (frame[..., 1] >> 1) + (frame[..., 2] >> 2)


def enlarged(field: Any, cell: int, width: int, height: int) -> Any:
    """Bilinear, `cell` pixels from one value to the next; first the rows, then the columns."""
    tall = np.empty(((field.shape[0] - 1) * cell, field.shape[1]), np.float32)
    step = np.diff(field, axis=0) / np.float32(cell)
    for row in range(cell):
        tall[row::cell] = field[:-1] + step * np.float32(row)
    found = np.empty((height, (field.shape[1] - 1) * cell), np.float32)
    tall = tall[:height]
    step = np.diff(tall, axis=1) / np.float32(cell)
    for column in range(cell):
        found[:, column::cell] = tall[:, :-1] + step * np.float32(column)
    return found[:, :width]


if __name__ == "__main__":
    serve(Dream)
