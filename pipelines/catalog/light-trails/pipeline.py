"""Light trails: what is bright or moves glows, and the glow fades through a palette."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from scope_pipeline import Param, Parameters, Pipeline, serve

# Colours from cold (0) to hot (255), evenly spaced; in between they are mixed.
PALETTES = {
    "fire": ["#000000", "#3b0a00", "#a51c00", "#ff6a00", "#ffd23c", "#ffffe0"],
    "neon": ["#000000", "#12005e", "#7a00c8", "#ff1fb4", "#ff8ae2", "#eaffff"],
    "ice": ["#000000", "#001a3d", "#005a9c", "#20b6e8", "#9ff2ff", "#ffffff"],
    "aurora": ["#000000", "#00233a", "#00695c", "#16d67a", "#b8ff6a", "#ffffff"],
    "thermal": ["#000000", "#1b0064", "#8a0f8a", "#e23a2e", "#ffb000", "#ffffff"],
}


class LightTrails(Pipeline):
    """What is bright or moves glows, and the glow fades through a palette."""

    layouts = ("RGB",)
    version = "1.0.0"

    length: float = Param(
        0.8,
        min=0.05,
        max=5,
        step=0.05,
        label="Length",
        unit="s",
        description="Time that a trail takes to fade away.",
    )
    threshold: int = Param(
        160, min=0, max=255, label="Threshold", description="Brightness from which on a pixel leaves a trail."
    )
    source: Literal["light", "movement", "both"] = Param(
        "both", label="Source", description="What leaves trails: bright places, moving ones, or both."
    )
    palette: Literal["fire", "neon", "ice", "aurora", "thermal"] = Param(
        "neon", label="Palette", description="The colours that a trail fades through."
    )
    drift: int = Param(
        1,
        min=-8,
        max=8,
        label="Drift",
        unit="px",
        description="How far the trails rise each frame; below 0 they sink.",
    )
    picture: float = Param(
        0.5, min=0, max=1, step=0.05, label="Picture", description="How much of the camera's picture stays."
    )

    def setup(self, device: str) -> None:
        self.tables = {name: ramp(colours) for name, colours in PALETTES.items()}

    def process(self, frame: Any, out: Any, p: Parameters) -> None:
        state = p.state
        brightness = np.maximum(np.maximum(frame[..., 0], frame[..., 1]), frame[..., 2])
        if getattr(state, "heat", None) is None or state.heat.shape != brightness.shape:
            state.heat, state.before, state.pts = np.zeros_like(brightness), brightness, p.frame.pts
        heat = self.fade(state.heat, p.length, p.frame.pts - state.pts)
        if p.drift:
            heat = shifted(heat, p.drift)
        for fresh in self.sources(brightness, state.before, p):
            np.maximum(heat, fresh, out=heat)
        state.heat, state.before, state.pts = heat, brightness, p.frame.pts

        glow = np.take(self.tables[p.palette], heat, mode="clip").view(np.uint8)
        glow = glow.reshape(*heat.shape, 4)[..., :3]
        dimmed = np.take(np.rint(np.arange(256) * p.picture).astype(np.uint8), frame, mode="clip")
        # Light adds up; what would pass 255 stays there.
        np.add(dimmed, np.minimum(glow, 255 - dimmed), out=out)

    def fade(self, heat: Any, length: float, seconds: float) -> Any:
        """After `length` seconds a twentieth is left, at any frame rate."""
        keep = 0.05 ** (min(max(seconds, 0.0), 1.0) / length)
        return (heat * np.uint16(keep * 256) >> 8).astype(np.uint8)

    def sources(self, brightness: Any, before: Any, p: Parameters) -> list[Any]:
        found = []
        if p.source in ("light", "both"):
            above = np.maximum(brightness, p.threshold) - np.uint8(p.threshold)
            # From cold at the threshold to hot at white, so that a bright wall is no flat patch.
            found.append((above * np.uint16(255) // np.uint16(max(255 - p.threshold, 1))).astype(np.uint8))
        if p.source in ("movement", "both"):
            moved = np.maximum(brightness, before) - np.minimum(brightness, before)
            # Sensor noise is a few levels; a moving edge far more.
            found.append(np.where(moved > 24, np.minimum(moved, 85) * 3, 0).astype(np.uint8))
        return found


def ramp(colours: list[str]) -> Any:
    """256 colours, each the bytes R, G, B, 0 as one number: found in a quarter of the time of rows."""
    stops = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours])
    where = np.linspace(0, len(colours) - 1, 256)
    channels = [np.interp(where, np.arange(len(colours)), stops[:, channel]) for channel in range(3)]
    rows = np.zeros((256, 4), np.uint8)
    rows[:, :3] = np.rint(np.stack(channels, axis=1))
    return rows.view(np.uint32).ravel()


def shifted(heat: Any, rows: int) -> Any:
    """Moved up by `rows`; what comes in is cold."""
    moved = np.zeros_like(heat)
    if rows > 0:
        moved[:-rows] = heat[rows:]
    else:
        moved[-rows:] = heat[:rows]
    return moved


if __name__ == "__main__":
    serve(LightTrails)
