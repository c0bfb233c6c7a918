"""Daydream Scope's interface on one side, `Pipeline` on the other.

Scope's classes take several frames a call and give several back. Here the frames of a session are queued
until `prepare` has as many as it wants; what a call returns goes out in order, one per frame.
"""

from __future__ import annotations

import importlib
import inspect
from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Callable, NamedTuple

import numpy as np

from .. import tensors
from ..cli import serve as serve_pipeline
from ..layout import resized
from ..parameters import Parameters
from ..params import Param, Prompts
from ..pipeline import Pipeline, Skip
from ..prompts import weighted
from . import modules
from .schema import specs_of

WAITING = 64
"""Output frames of one session that may be queued; where a class makes more, the oldest are dropped."""

CLOCK = 90_000
"""Ticks a second of the time stamps that classes are given, as in RTP (RFC 3551)."""


class MediaTimestamp(NamedTuple):
    """When a frame is shown: `pts * time_base` seconds."""

    pts: int
    time_base: Fraction


def serve(target: str | type, *, per_session: bool = False) -> None:
    """`serve("package.module:ClassName")`: runs a class that was written for Daydream Scope."""
    serve_pipeline(adapt(target, per_session=per_session))


def adapt(target: str | type, *, per_session: bool = False) -> type[Pipeline]:
    """A `Pipeline` around a class of Scope's, given itself or as `"package.module:ClassName"`.

    Scope's classes know one viewer. `per_session` makes an instance for each; without it all share one, which
    is told to start afresh (`init_cache`) whenever another session's turn comes.
    """
    modules.install()
    wrapped = _load(target) if isinstance(target, str) else target
    config = wrapped.get_config_class() if hasattr(wrapped, "get_config_class") else None
    attributes: dict[str, Any] = {
        "__doc__": inspect.getdoc(wrapped),
        "__module__": wrapped.__module__,
        "layouts": ("RGB",),
        "input": _input_of(wrapped, config),
        "name": str(getattr(config, "pipeline_id", "") or wrapped.__name__.lower()),
        "version": str(getattr(config, "pipeline_version", "") or "0.0.0"),
        "wrapped": wrapped,
        "per_session": per_session,
        **specs_of(config),
    }
    if getattr(config, "supports_prompts", False):
        attributes.setdefault("prompts", Param([], label="Prompts", category="input", widget="prompts"))
        attributes["__annotations__"] = {"prompts": Prompts}
    return type(wrapped.__name__, (Adapter,), attributes)


class Adapter(Pipeline):
    """Queues frames for an instance of `wrapped`."""

    wrapped: type
    per_session: bool = False

    def setup(self, device: str) -> None:
        """Makes the shared instance, so that its weights are loaded before the first frame."""
        self.instances: dict[int, Any] = {}
        self.turn: int | None = None
        self.torch = importlib.import_module("torch") if tensors.available() else None
        self.load_names = [name for name, spec in self.specs.items() if spec.ui.get("is_load_param")]
        self.shared = (
            None if self.per_session else self._make({name: getattr(self, name) for name in self.specs})
        )

    def process(self, frame: Any, out: Any, p: Parameters) -> Any:
        """Queues the frame, calls the class when it has enough, returns the next output frame."""
        state = p.state
        if not hasattr(state, "inputs"):
            state.inputs, state.outputs, state.fresh = deque(maxlen=WAITING), deque(maxlen=WAITING), True
        instance = self._instance(p)
        if frame is not None:
            # A copy: the view is the server's again after this call.
            state.inputs.append((self._as_input(frame), p.frame.pts))
        self._call_if_ready(instance, p, video=frame is not None)
        if not state.outputs:
            return Skip
        output = state.outputs.popleft()
        return resized(output, p.frame.width, p.frame.height)

    def reset(self, session: int) -> None:
        """`init_cache` marks the next call; an instance of the session's own is created for each."""
        self.instances.pop(session, None)
        if self.turn == session:
            self.turn = None

    def _call_if_ready(self, instance: Any, p: Parameters, video: bool) -> None:
        state: Any = p.state
        arguments = self._arguments(p)
        prepared = dict(arguments, video=True) if video else arguments
        prepare = getattr(instance, "prepare", None)
        wants = prepare(**_accepted(prepare, prepared)) if prepare is not None else None
        count = 0 if wants is None else max(1, int(wants.input_size))
        if count:
            if len(state.inputs) < count:
                return
            taken = [state.inputs.popleft() for _ in range(count)]
            arguments["video"] = [queued for queued, _ in taken]
            arguments["video_timestamps"] = [
                MediaTimestamp(round(pts * CLOCK), Fraction(1, CLOCK)) for _, pts in taken
            ]
        elif state.outputs:
            return  # Makes frames by itself: the next chunk when this one has been shown.
        else:
            state.inputs.clear()
        arguments["init_cache"] = state.fresh or self.turn != p.frame.session
        result = instance(**_accepted(instance.__call__, arguments))
        state.fresh, self.turn = False, p.frame.session
        made = frames_of(result)
        # One output frame per input frame. Of more, an evenly spaced selection: the latency must not grow.
        shown = min(len(made), count) if count else len(made)
        state.outputs.extend(made[index * len(made) // shown] for index in range(shown))

    def _instance(self, p: Parameters) -> Any:
        if self.shared is not None:
            return self.shared
        session = p.frame.session
        if session not in self.instances:
            self.instances[session] = self._make(p.as_dict())
        return self.instances[session]

    def _make(self, values: Mapping[str, Any]) -> Any:
        arguments = {name: value for name, value in values.items() if value is not None}
        arguments.pop("prompts", None)
        if self.torch is not None:
            arguments["device"] = self.torch.device(self.device)
        return self.wrapped(**_accepted(self.wrapped, arguments))

    def _arguments(self, p: Parameters) -> dict[str, Any]:
        """The running parameters, by name; what is None was never set."""
        found = {
            name: value
            for name, value in p.as_dict().items()
            if value is not None and name not in self.load_names
        }
        if "prompts" in found:
            mixture = weighted(found["prompts"])
            found["prompts"] = [{"text": text, "weight": weight} for text, weight in mixture]
        return found

    def _as_input(self, frame: Any) -> Any:
        batch = np.array(frame, copy=True)[np.newaxis]
        if self.torch is None:
            return batch
        return self.torch.from_numpy(batch).to(self.device)


def frames_of(result: Any) -> list[Any]:
    """The frames that a call returned, as HxWxC arrays of uint8 or of float 0..1."""
    video = result.get("video") if isinstance(result, Mapping) else result
    if video is None:
        return []
    array = np.asarray(tensors.to_numpy(video))
    if array.ndim == 5:
        # B, C, F, H, W: a batch of one, channels first.
        array = array[0].transpose(1, 2, 3, 0)
    if array.ndim == 3:
        array = array[np.newaxis]
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4):
        raise ValueError(f"expected video of shape TxHxWxC, got {'x'.join(map(str, array.shape))}")
    if array.shape[-1] == 1:
        array = array.repeat(3, axis=-1)
    return list(array[..., :3])


def _accepted(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the function has names for; all of them where it takes `**kwargs`."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(arguments)
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in arguments.items() if name in names}


def _load(target: str) -> Any:
    module, colon, name = target.partition(":")
    if not colon:
        raise ValueError(f'expected a class as "package.module:ClassName", got {target!r}')
    return getattr(importlib.import_module(module), name)


def _input_of(wrapped: type, config: Any) -> str:
    """What comes in, by the class's modes; where it names none, by whether it has a `prepare` of its own."""
    prepare = getattr(wrapped, "prepare", None)
    own_prepare = prepare is not None and prepare is not modules.Pipeline.prepare
    for kind in getattr(config, "__mro__", ()):
        if kind.__name__ == "BasePipelineConfig":
            break
        if "modes" in vars(kind):
            declared = set(vars(kind)["modes"])
            if "video" not in declared:
                return "none"
            return "optional" if "text" in declared else "required"
    return "required" if own_prepare else "none"
