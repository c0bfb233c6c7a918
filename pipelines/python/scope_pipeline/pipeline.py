"""The base class of every pipeline."""

from __future__ import annotations

import copy
import inspect
import logging
import re
import sys
import typing
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Callable, ClassVar

from .parameters import Parameters
from .params import Spec, properties

LAYOUTS = ("I420", "NV12", "RGB", "RGBA")
INPUTS = ("required", "optional", "none")
BATCH_LIMIT = 64
"""Most frames in one call that the server asks for."""
BATCH = 8
"""Frames in one call of a class that has `process_batch` and names no `max_batch`."""


class _Answer:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


Skip = _Answer("Skip")
"""Returned by `process`: show nothing for this frame."""
Passthrough = _Answer("Passthrough")
"""Returned by `process`: show the input frame."""

Result = Any
"""None (the result is in `out`), `Skip`, `Passthrough`, or a frame to copy: uint8, or float from 0 to 1."""


class Pipeline:
    """Subclass it, declare parameters with `Param`, write `process`, call `serve(YourClass)`."""

    layouts: ClassVar[Sequence[str]] = ("RGB",)
    """What `process` takes, the preferred one first: RGB, RGBA, I420, NV12."""
    input: ClassVar[str] = "required"
    """`required`, `optional` (`frame` may be None) or `none` (`frame` is None: makes frames by itself)."""
    fps: ClassVar[float] = 30.0
    """Frames per second that the server asks for where there is no input."""
    max_batch: ClassVar[int] = 0
    """Most frames in one `process_batch`; 0: 8 where the class has that method, else 1."""
    tensors: ClassVar[bool] = False
    """Hand frames over as torch tensors on `device` in place of numpy arrays."""
    name: ClassVar[str] = ""
    """What logs call it; the class's name in lower case where empty."""
    version: ClassVar[str] = "0.0.0"
    """Told to the server."""

    specs: ClassVar[Mapping[str, Spec]] = {}
    """Declared parameters, those of the base classes first. Filled here."""

    device: str = "cpu"
    """What `setup` was called with."""
    log: logging.Logger = logging.getLogger("scope_pipeline")
    """Goes to the server's log, with the pipeline's name."""
    on_progress: Callable[[str, float | None], None] | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        own = {key: value for key, value in vars(cls).items() if isinstance(value, Spec)}
        for key, spec in own.items():
            if hasattr(Parameters, key) or key in vars(Pipeline):
                raise TypeError(f"{cls.__name__}.{key}: {key!r} is reserved; choose another name")
            setattr(cls, key, spec.default)
        cls.specs = {**cls.specs, **own}
        if isinstance(cls.layouts, str) or not cls.layouts:
            raise TypeError(f'{cls.__name__}.layouts: expected a tuple like ("RGB",), got {cls.layouts!r}')
        for layout in cls.layouts:
            if layout not in LAYOUTS:
                raise TypeError(f"{cls.__name__}.layouts: expected {', '.join(LAYOUTS)}, got {layout!r}")
        if not 0 <= cls.max_batch <= BATCH_LIMIT:
            raise TypeError(f"{cls.__name__}.max_batch: expected 0 to {BATCH_LIMIT}, got {cls.max_batch!r}")
        if cls.input not in INPUTS:
            raise TypeError(f"{cls.__name__}.input: expected {', '.join(INPUTS)}, got {cls.input!r}")

    def setup(self, device: str) -> None:
        """Loads what takes long, once a process. `device`: `cpu`, `cuda`, `cuda:1`, ...

        Parameters declared with `load=True` have their value already: `self.weights`.
        """

    def process(self, frame: Any, out: Any, p: Parameters) -> Result:
        """Makes one frame: reads `frame`, writes all of `out`.

        RGB and RGBA are HxWx3 and HxWx4 arrays of uint8; I420 and NV12 tuples of planes. Both are views on
        memory that the server reads: nothing is copied, and neither may be kept after the call.
        """
        if self.batches():
            answers = self.process_batch([frame], [out], [p])
            return None if answers is None else answers[0]
        raise NotImplementedError(f"{type(self).__name__} has neither process nor process_batch")

    def process_batch(
        self, frames: Sequence[Any], outs: Sequence[Any], ps: Sequence[Parameters]
    ) -> Sequence[Result] | None:
        """Makes several frames of one size at once, each for another session, where that is cheaper."""
        raise NotImplementedError

    def reset(self, session: int) -> None:
        """Forgets what `self` remembers of that session; its `p.state` is already empty."""

    def close(self) -> None:
        """Called once before the process exits normally."""

    def progress(self, text: str, fraction: float | None = None) -> None:
        """Says what `setup` is doing (`fraction` from 0 to 1), to the users who wait for the pipeline."""
        if self.on_progress is not None:
            self.on_progress(text, fraction)

    @classmethod
    def batches(cls) -> bool:
        """Whether the class has a `process_batch` of its own."""
        return cls.process_batch is not Pipeline.process_batch

    @classmethod
    def batch_limit(cls) -> int:
        """Most frames in one call."""
        return (cls.max_batch or BATCH) if cls.batches() else 1

    @classmethod
    def title(cls) -> str:
        """The name for logs."""
        return cls.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """JSON Schema of each parameter by name: the `[parameters]` of `pipeline.toml`."""
        return properties(cls.specs, _hints(cls))

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The value of each parameter that nobody set."""
        return {name: copy.deepcopy(spec.default) for name, spec in cls.specs.items()}

    @classmethod
    def values(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter: defaults, then what is given, whole numbers made float where float is declared."""
        found = {**cls.defaults(), **given}
        for name, spec in cls.specs.items():
            if isinstance(spec.default, float) and type(found[name]) is int:
                found[name] = float(found[name])
        return found


def _hints(cls: type[Pipeline]) -> dict[str, Any]:
    """The annotations of the parameters, evaluated one by one."""
    found = {}
    for kind in reversed(cls.__mro__):
        scope = vars(sys.modules.get(kind.__module__, typing))
        for name, annotation in _annotations(kind).items():
            if name not in cls.specs:
                continue
            try:
                found[name] = typing.get_type_hints(
                    SimpleNamespace(__annotations__={name: annotation}), scope
                )[name]
            except (NameError, TypeError, AttributeError) as error:
                # `int | None` needs Python 3.10; the default says the type of most parameters.
                logging.getLogger("scope_pipeline").debug("%s.%s: %s", kind.__name__, name, error)
    return found


def _annotations(kind: type) -> Mapping[str, Any]:
    if hasattr(inspect, "get_annotations"):
        return inspect.get_annotations(kind)
    own: Mapping[str, Any] = vars(kind).get("__annotations__", {})
    return own
