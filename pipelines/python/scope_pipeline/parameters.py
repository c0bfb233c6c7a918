"""The values that one frame is made with: what a pipeline gets as `p`."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple


class FrameInfo(NamedTuple):
    """Which frame this is."""

    session: int
    """Which session the frame is for: one worker serves many."""
    seq: int
    """Counted from 0 in each session; a gap is a frame that was dropped for a newer one."""
    pts: float
    """Presentation time on the session's clock, in seconds."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    layout: str
    """`RGB`, `RGBA`, `I420` or `NV12`."""


class Parameters:
    """The parameters by name (`p.strength`), and what belongs to the frame. Cannot be written to."""

    __slots__ = ("_values", "changed", "frame", "state", "version")

    frame: FrameInfo
    changed: frozenset[str]
    state: SimpleNamespace
    version: int

    def __init__(
        self,
        values: Mapping[str, Any],
        frame: FrameInfo,
        changed: frozenset[str] = frozenset(),
        state: SimpleNamespace | None = None,
        version: int = 0,
    ) -> None:
        """`changed`: names whose value differs from the session's last frame, all of them in its first one.

        `state`: a namespace of the session's own, for what you remember from frame to frame; empty after a
        reset. `version`: which of the server's updates the values stem from.
        """
        put = object.__setattr__
        put(self, "_values", values)
        put(self, "frame", frame)
        put(self, "changed", changed)
        put(self, "state", SimpleNamespace() if state is None else state)
        put(self, "version", version)

    def __getattr__(self, name: str) -> Any:
        values = object.__getattribute__(self, "_values")
        try:
            return values[name]
        except KeyError:
            raise AttributeError(
                f"no parameter {name!r}; there are {', '.join(sorted(values)) or 'none'}"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"parameter {name!r} is the server's to set; keep what you remember in p.state")

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def as_dict(self) -> dict[str, Any]:
        """A copy of all values."""
        return dict(self._values)

    def __repr__(self) -> str:
        return f"Parameters({self._values!r}, frame={self.frame!r})"
