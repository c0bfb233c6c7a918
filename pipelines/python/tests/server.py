"""The server's half of PROTOCOL.md, in Python: starts a real worker process and speaks to it."""

from __future__ import annotations

import json
import mmap
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = Path(__file__).resolve().parents[1]
LIMIT_S = 20
"""A worker that is silent for this long is stuck; a start on a busy machine takes a few seconds."""
SLOTS = 4


class Server:
    def __init__(self, script: Path, **load: Any) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(LIMIT_S)
        environment = {
            **os.environ,
            "SCOPE_SOCKET": str(theirs.fileno()),
            "SCOPE_PROTOCOL": "1",
            "SCOPE_PIPELINE": script.stem,
            "PYTHONPATH": str(PACKAGE),
            "PYTHONUNBUFFERED": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, script],
            cwd=script.parent,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        theirs.close()
        self.memories: dict[int, tuple[mmap.mmap, list[dict[str, int]], int]] = {}
        self.hello = self.receive("hello")
        self.loading: list[str] = []
        self.send(type="load", protocol=1, pipeline="x", **{"parameters": {}, "max_batch": 8, **load})

    def ready(self) -> Server:
        while (message := self.receive("loading", "ready"))["type"] == "loading":
            self.loading.append(message["text"])
        return self

    def send(self, **fields: Any) -> None:
        self.send_bytes(json.dumps(fields).encode())

    def send_bytes(self, packet: bytes, descriptors: tuple[int, ...] = ()) -> None:
        socket.send_fds(self.socket, [packet], descriptors)

    def receive(self, *kinds: str) -> dict[str, Any]:
        packet = self.socket.recv(131_072)
        if not packet:
            raise EOFError(self.output())
        message = json.loads(packet)
        if message["type"] not in kinds:
            raise AssertionError(f"expected {kinds}, got {message}")
        return message

    def session(self, number: int, layout: str, width: int, height: int, stride_more: int = 0) -> None:
        half_w, half_h = (width + 1) // 2, (height + 1) // 2
        shapes = {
            "RGB": [(width, height, 3)],
            "I420": [(width, height, 1), (half_w, half_h, 1), (half_w, half_h, 1)],
            "NV12": [(width, height, 1), (half_w, half_h, 2)],
        }[layout]
        planes, offset = [], 0
        for w, h, channels in shapes:
            stride = w * channels + stride_more
            plane = {"offset": offset, "stride": stride, "width": w, "height": h, "channels": channels}
            planes.append(plane)
            offset += stride * h
        self.describe(number, layout, width, height, planes, offset)

    def describe(self, number, layout, width, height, planes, slot_bytes, held=None, slots=SLOTS) -> None:
        descriptor = os.memfd_create("scope-test", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, SLOTS * slot_bytes if held is None else held)
        message = {
            "type": "session", "session": number, "layout": layout, "width": width, "height": height,
            "slots": slots, "slot_bytes": slot_bytes, "planes": planes,
        }  # fmt: skip
        self.send_bytes(json.dumps(message).encode(), (descriptor,))
        if held is None:
            memory = mmap.mmap(descriptor, SLOTS * slot_bytes)
            self.memories[number] = (memory, planes, slot_bytes)
        os.close(descriptor)

    def planes(self, session: int, slot: int) -> list[np.ndarray]:
        memory, planes, slot_bytes = self.memories[session]
        return [
            np.ndarray(
                (plane["height"], plane["width"], plane["channels"]),
                np.uint8,
                memory,
                slot * slot_bytes + plane["offset"],
                (plane["stride"], plane["channels"], 1),
            )
            for plane in planes
        ]

    def parameters(self, session: int, version: int, **values: Any) -> None:
        self.send(type="parameters", session=session, version=version, values=values)

    def frame(
        self, session: int, seq: int, source: int | None = 0, target: int = 1, version: int = 1
    ) -> None:
        pts = seq * 33_000_000
        self.send(
            type="frame", session=session, seq=seq, pts_ns=pts, input=source, output=target, version=version
        )

    def done(self) -> dict[str, Any]:
        return self.receive("done")

    def mapped(self) -> int:
        """How many sessions' memories the worker has mapped."""
        return Path(f"/proc/{self.process.pid}/maps").read_text().count("scope-test")

    def output(self) -> str:
        """What the worker wrote until its end."""
        self.process.wait(LIMIT_S)
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()

    def close(self) -> None:
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
