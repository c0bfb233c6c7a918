"""Runs a pipeline class: sessions, parameters, batches, errors. Shared by worker and self-test."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

from . import tensors
from .layout import shape_of, store
from .parameters import FrameInfo, Parameters
from .pipeline import Passthrough, Pipeline, Skip

FRAME, SKIP, PASSTHROUGH, ERROR = "frame", "skip", "passthrough", "error"
"""Outcomes of a frame, as PROTOCOL.md names them."""

MESSAGE_LIMIT = 160
"""Longest error message, in characters: the server keeps 200, and the place where it was raised follows."""
LIBRARIES = ("site-packages", "dist-packages", str(Path(__file__).parent))
"""Parts of the paths of code that is not the user's."""


@dataclass
class Job:
    """One frame to make."""

    info: FrameInfo
    frame: Any
    """The input frame, or None."""
    out: Any
    """Where the output frame is written."""


@dataclass
class Answer:
    """The outcome of a job."""

    status: str
    """`frame`, `skip`, `passthrough` or `error`."""
    version: int
    """Of the parameters that it was made with."""
    seconds: float
    """Of the call that made it: of the whole batch."""
    batch: int = 1
    """How many frames that call made."""
    message: str = ""
    """Why it failed."""


@dataclass
class _Failure:
    message: str
    traceback: str
    memory: bool

    @classmethod
    def of(cls, error: Exception) -> _Failure:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip()
        memory = _is_memory(error)
        return cls(("out of memory: " if memory else "") + describe(error), text, memory)


@dataclass
class _Session:
    values: Mapping[str, Any]
    version: int = 0
    seen: Mapping[str, Any] | None = None
    state: SimpleNamespace = field(default_factory=SimpleNamespace)

    def changed(self) -> frozenset[str]:
        seen = self.seen
        if seen is None:
            return frozenset(self.values)
        if seen is self.values:
            return frozenset()
        return frozenset(name for name in self.values if name not in seen or seen[name] != self.values[name])


class Runner:
    """An instance of a pipeline class and the sessions that it serves. One thread calls it."""

    def __init__(
        self, kind: type[Pipeline], progress: Callable[[str, float | None], None] | None = None
    ) -> None:
        self.kind = kind
        self.pipeline = kind()
        self.pipeline.on_progress = progress
        self.limit = kind.batch_limit()
        self._sessions: dict[int, _Session] = {}
        self._device = "cpu"

    def setup(self, device: str = "", values: Mapping[str, Any] | None = None) -> str:
        """Loads the pipeline on `device`, or on the best one that there is; returns which.

        `values`: of the load-time parameters, which `setup` reads as `self.<name>`.
        """
        for name, value in self.kind.values(values or {}).items():
            setattr(self.pipeline, name, value)
        self._device = device or tensors.best_device()
        self.pipeline.device = self._device
        if self.kind.tensors and not tensors.available():
            raise ImportError(
                f"{self.kind.__name__} takes its frames as tensors, but torch cannot be imported; "
                f"install it for the Python that runs this pipeline, or remove tensors = True"
            )
        self.pipeline.setup(self._device)
        return self._device

    def set(self, session: int, values: Mapping[str, Any], version: int) -> None:
        """Parameters of a session, from its next frame on; opens the session where it is new."""
        full = self.kind.values(values)
        known = self._sessions.get(session)
        if known is None:
            self._sessions[session] = _Session(full, version)
        else:
            known.values, known.version = full, version

    def reset(self, session: int) -> None:
        """Empties the session's state and tells the pipeline."""
        known = self._sessions.get(session)
        if known is not None:
            known.state, known.seen = SimpleNamespace(), None
            self.pipeline.reset(session)

    def end(self, session: int) -> None:
        """Forgets the session."""
        if session in self._sessions:
            self.reset(session)
            del self._sessions[session]

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Makes the frames, as one batch where the class can and they are of one size; answers in order."""
        answers: list[Answer | None] = [None] * len(jobs)
        for group in self._groups(jobs):
            made = self._run_group([jobs[index] for index in group])
            for index, answer in zip(group, made):
                answers[index] = answer
        return [answer for answer in answers if answer is not None]

    def _groups(self, jobs: Sequence[Job]) -> list[list[int]]:
        groups: dict[Any, list[list[int]]] = {}
        for index, job in enumerate(jobs):
            key = (job.info.layout, shape_of(job.out), job.frame is None)
            lists = groups.setdefault(key, [[]])
            taken = {jobs[other].info.session for other in lists[-1]}
            # Two frames of one session depend on each other: never in one batch.
            if len(lists[-1]) >= self.limit or job.info.session in taken:
                lists.append([])
            lists[-1].append(index)
        return [group for lists in groups.values() for group in lists if group]

    def _run_group(self, jobs: Sequence[Job]) -> list[Answer]:
        ps = [self._parameters(job) for job in jobs]
        began = time.perf_counter()
        failure = None
        try:
            results = self._call(jobs, ps)
        except Exception as error:
            # As text alone: the traceback holds the frames of the call, and with them the model's memory.
            failure = _Failure.of(error)
        seconds = time.perf_counter() - began
        if failure is None:
            self._seen(jobs)
            return [Answer(_status(result), p.version, seconds, len(jobs)) for result, p in zip(results, ps)]
        self.pipeline.log.error("%s", failure.traceback)
        if failure.memory:
            gc.collect()
            tensors.release()
        if len(jobs) > 1:
            # Each frame alone: one session's fault must not fail another's, and one frame needs less memory.
            return [answer for job in jobs for answer in self._run_group([job])]
        return [Answer(ERROR, ps[0].version, seconds, 1, failure.message)]

    def _call(self, jobs: Sequence[Job], ps: Sequence[Parameters]) -> list[Any]:
        if self.kind.input == "required" and any(job.frame is None for job in jobs):
            raise ValueError(
                'expected an input frame, got none; set input = "optional" in the class to run without one'
            )
        frames = [None if self.kind.input == "none" else job.frame for job in jobs]
        outs = [job.out for job in jobs]
        if self.kind.tensors:
            frames = [tensors.to_tensor(frame, self._device) for frame in frames]
            outs = [tensors.to_tensor(out) for out in outs]
        if len(jobs) > 1:
            many = self.pipeline.process_batch(frames, outs, ps)
            results = [None] * len(jobs) if many is None else list(many)
            if len(results) != len(jobs):
                raise ValueError(f"process_batch got {len(jobs)} frames and returned {len(results)} results")
        else:
            results = [self.pipeline.process(frames[0], outs[0], ps[0])]
        for result, job in zip(results, jobs):
            if _status(result) == FRAME and result is not None:
                store(tensors.to_numpy(result), job.out)
        return results

    def _parameters(self, job: Job) -> Parameters:
        session = self._sessions.setdefault(job.info.session, _Session(self.kind.values({})))
        return Parameters(session.values, job.info, session.changed(), session.state, session.version)

    def _seen(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            session = self._sessions[job.info.session]
            session.seen = session.values


def _status(result: Any) -> str:
    if result is Skip:
        return SKIP
    return PASSTHROUGH if result is Passthrough else FRAME


def describe(error: BaseException) -> str:
    """The last line of a traceback, and the line of the user's own code that it came through last."""
    last = traceback.format_exception_only(type(error), error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(part in frame.filename for part in LIBRARIES)] or frames
    # Without the folder: this goes to clients.
    where = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    return (last[:MESSAGE_LIMIT] + where).strip()


def _is_memory(error: BaseException) -> bool:
    # torch's own class is known by its name, so that torch need not be imported; drivers say it in words.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "out of memory" in str(error).lower())
    )
