"""The process that the server starts: takes frames in batches, runs them, answers each."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import NoReturn

from ._version import __version__
from .parameters import FrameInfo
from .pipeline import BATCH_LIMIT, Pipeline
from .runner import ERROR, Job, Runner, describe
from .transport import SOCKET, VERSION, Channel, Closed, Memory, Message, ProtocolError

LOG = logging.getLogger("scope_pipeline")

STOP_SECONDS = 0.8
"""The server gives a second to end in order."""


def is_requested(environment: Mapping[str, str]) -> bool:
    """Whether a server started this process."""
    return SOCKET in environment


def main(kind: type[Pipeline], environment: Mapping[str, str]) -> int:
    """Serves until the server says stop, or is gone; the exit code."""
    channel = Channel.inherited(environment)
    code = 1
    try:
        Worker(kind, channel).run()
        code = 0
    except Closed:
        # Nobody is left to be told, and threads of the model's own must not keep the process.
        _leave(0)
    except ProtocolError as error:
        LOG.error("the server broke the protocol: %s", error)
        _tell_end(channel, f"ProtocolError: {error}")
    except (Exception, SystemExit) as error:
        LOG.exception("the worker ends")
        _tell_end(channel, describe(error))
    # In order, but in time: a library's own end may hang, and a thread of the model's may go on.
    watchdog = threading.Timer(STOP_SECONDS, _leave, (code,))
    watchdog.daemon = True
    watchdog.start()
    return code


def _tell_end(channel: Channel, message: str) -> None:
    try:
        channel.send("fatal", message=message)
    except (Closed, OSError, ValueError) as error:
        LOG.debug("the end could not be told: %s", error)


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Worker:
    """One pipeline class, one socket, many sessions. Everything runs on the thread that calls `run`."""

    def __init__(self, kind: type[Pipeline], channel: Channel) -> None:
        self.kind = kind
        self.channel = channel
        self.runner = Runner(kind, self._progress)
        self.memories: dict[int, Memory] = {}
        self.held: deque[Message] = deque()
        self.max_batch = 1
        self.batch_wait = 0.0

    def run(self) -> None:
        """From hello to stop."""
        self._load()
        while True:
            message = self.held.popleft() if self.held else self.channel.receive()
            if message is None:
                continue
            if message.type == "stop":
                break
            if message.type != "frame":
                self._take(message)
                continue
            self._serve(message)
        self.runner.pipeline.close()

    def _serve(self, first: Message) -> None:
        # A function of its own: its variables hold views, and a view keeps a closed session's memory.
        batch = self._collect(first)
        jobs = [self._job(frame) for frame in batch]
        for frame, job, answer in zip(batch, jobs, self.runner.run(jobs)):
            details = {"message": answer.message} if answer.status == ERROR else {}
            self.channel.send(
                "done",
                session=job.info.session,
                seq=job.info.seq,
                slot=frame.integer("output"),
                status=answer.status,
                version=answer.version,
                compute_us=round(answer.seconds * 1e6),
                batch=answer.batch,
                **details,
            )

    def _load(self) -> None:
        limit = self.kind.batch_limit()
        self.channel.send(
            "hello",
            protocol=VERSION,
            name=self.kind.title(),
            version=str(self.kind.version),
            package=f"scope_pipeline {__version__}",
            layouts=list(self.kind.layouts),
            parameters=self.kind.schema(),
            max_batch=limit,
        )
        message = self.channel.receive()
        if message is None or message.type != "load":
            raise ProtocolError(f"expected load, got {message.type if message else 'nothing'}")
        if message.integer("protocol") != VERSION:
            raise ProtocolError(f"expected protocol {VERSION}, got {message.integer('protocol')}")
        self.max_batch = min(message.optional("max_batch", 1, BATCH_LIMIT) or 1, limit)
        self.batch_wait = (message.optional("batch_wait_us", 0, 10_000_000) or 0) / 1e6
        self.runner.limit = self.max_batch
        device = self.runner.setup(values=message.table("parameters"))
        self.channel.send("ready", device=device)

    def _progress(self, text: str, fraction: float | None) -> None:
        share = "" if fraction is None else f" {min(max(fraction, 0), 1):.0%}"
        self.channel.send("loading", text=text[:190] + share)

    def _collect(self, first: Message) -> list[Message]:
        """The frames of one batch: what is there, and what comes within the wait while others are due."""
        batch = [first]
        until: float | None = None
        while len(batch) < self.max_batch:
            message = self.channel.receive(0)
            if message is None:
                if len(batch) >= len(self.memories) or self.batch_wait <= 0:
                    break
                now = time.monotonic()
                until = now + self.batch_wait if until is None else until
                message = self.channel.receive(max(0.0, until - now))
                if message is None:
                    break
            if message.type == "frame":
                batch.append(message)
                continue
            waiting = {frame.integer("session") for frame in batch}
            if message.type == "stop" or (message.type != "ping" and message.integer("session") in waiting):
                # In the order in which it came: after the frame that is waiting.
                self.held.append(message)
                break
            self._take(message)
        return batch

    def _take(self, message: Message) -> None:
        if message.type == "ping":
            self.channel.send("pong", id=message.integer("id"))
            return
        session = message.integer("session")
        if message.type == "session":
            memory = Memory(message)
            if memory.layout not in self.kind.layouts:
                raise ProtocolError(
                    f"session: expected layout {', '.join(self.kind.layouts)}, got {memory.layout}"
                )
            self.memories[session] = memory
        elif message.type == "parameters":
            self.runner.set(session, message.table("values"), message.integer("version"))
        elif message.type == "reset":
            self.runner.reset(session)
        elif message.type == "close":
            self.memories.pop(session, None)
            self.runner.end(session)
        else:
            raise ProtocolError(f"expected a message of version {VERSION}, got type {message.type!r}")

    def _job(self, message: Message) -> Job:
        session = message.integer("session")
        memory = self.memories.get(session)
        if memory is None:
            raise ProtocolError(f"frame: session {session} is not open")
        source, target = memory.slot(message, "input"), memory.slot(message, "output")
        if target is None or source == target:
            raise ProtocolError(
                f"frame: expected two different slots, got input {source} and output {target}"
            )
        info = FrameInfo(
            session,
            message.integer("seq"),
            message.integer("pts_ns") / 1e9,
            memory.width,
            memory.height,
            memory.layout,
        )
        frame = None if source is None else memory.frame(source, writable=False)
        return Job(info, frame, memory.frame(target, writable=True))
