"""The wire (PROTOCOL.md, version 1): packets on a socket, frames in shared memory.

Nothing that comes in is trusted: what breaks the protocol raises `ProtocolError`.
"""

from __future__ import annotations

import array
import json
import mmap
import os
import select
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from .layout import Frame, planes, view

VERSION = 1
PACKET_BYTES = 131_072
SLOTS_LIMIT = 256
"""Far more than a session with one frame in work needs."""
SLOT_BYTES_LIMIT = 1 << 30

SOCKET = "SCOPE_SOCKET"


class ProtocolError(Exception):
    """The other side said something that it must not say."""


class Closed(Exception):
    """The other side is gone."""


class Message:
    """One packet, its fields checked as they are read."""

    def __init__(self, fields: Mapping[str, Any], descriptor: int | None = None) -> None:
        self._fields = fields
        self.descriptor = descriptor
        kind = fields.get("type")
        self.type = kind if isinstance(kind, str) else ""

    def integer(self, name: str, low: int = 0, high: int = (1 << 53) - 1) -> int:
        """The whole number of that name."""
        value = self._fields.get(name)
        if type(value) is not int or not low <= value <= high:
            raise ProtocolError(
                f"{self.type}.{name}: expected an integer from {low} to {high}, got {value!r}"
            )
        return value

    def optional(self, name: str, low: int, high: int) -> int | None:
        """The same, or None where it is null or missing."""
        return None if self._fields.get(name) is None else self.integer(name, low, high)

    def text(self, name: str) -> str:
        """The string of that name."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise ProtocolError(f"{self.type}.{name}: expected a string, got {value!r}")
        return value

    def table(self, name: str) -> dict[str, Any]:
        """The object of that name."""
        value = self._fields.get(name)
        if not isinstance(value, dict):
            raise ProtocolError(f"{self.type}.{name}: expected an object, got {value!r}")
        return value

    def list(self, name: str) -> Sequence[Message]:
        """The objects of that name."""
        value = self._fields.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ProtocolError(f"{self.type}.{name}: expected a list of objects, got {value!r}")
        return [Message({**item, "type": f"{self.type}.{name}"}) for item in value]


class Channel:
    """One end of the socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        # Not select(): the server may have thousands of files open, and this one a number above 1023.
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)

    @classmethod
    def inherited(cls, environment: Mapping[str, str]) -> Channel:
        """The socket that the server left open for this process."""
        number = environment[SOCKET]
        try:
            connected = socket.socket(fileno=int(number))
        except (ValueError, OSError) as error:
            raise ProtocolError(
                f"{SOCKET}: expected the number of an open socket, got {number!r}: {error}"
            ) from error
        connected.set_inheritable(False)
        connected.setblocking(True)
        return cls(connected)

    def send(self, kind: str, **fields: Any) -> None:
        """Sends one message; waits while the other side is behind."""
        text = json.dumps(
            {"type": kind, **fields}, separators=(",", ":"), allow_nan=False, ensure_ascii=False
        )
        # A lone surrogate, which file names may contain, is not valid UTF-8.
        packet = text.encode("utf-8", "replace")
        if len(packet) > PACKET_BYTES:
            raise ValueError(
                f"expected a message of at most {PACKET_BYTES} bytes, got {kind} with {len(packet)}"
            )
        try:
            self._socket.send(packet)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message; None where none comes within `timeout` seconds (None: as long as it takes)."""
        if timeout is not None and not self._poll.poll(timeout * 1000):
            return None
        descriptors = array.array("i")
        space = socket.CMSG_SPACE(descriptors.itemsize)
        try:
            packet, ancillary, flags, _ = self._socket.recvmsg(PACKET_BYTES, space, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError as error:
            raise Closed from error
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        if not packet:
            raise Closed
        try:
            return self._parse(packet, flags, descriptors)
        except ProtocolError:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def _parse(self, packet: bytes, flags: int, descriptors: Sequence[int]) -> Message:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ProtocolError(
                f"expected a packet of at most {PACKET_BYTES} bytes and one descriptor, got more"
            )
        try:
            fields = json.loads(packet)
        except ValueError as error:
            raise ProtocolError(f"expected a JSON object in UTF-8: {error}") from error
        if not isinstance(fields, dict):
            raise ProtocolError(f"expected a JSON object, got a {type(fields).__name__}")
        if len(descriptors) != (fields.get("type") == "session"):
            raise ProtocolError(
                f"got {len(descriptors)} descriptors with {fields.get('type')!r}; only session has one"
            )
        return Message(fields, descriptors[0] if descriptors else None)


class Memory:
    """The frames of one session."""

    def __init__(self, message: Message) -> None:
        """Maps the memory that a `session` message brings; owns its descriptor from here on."""
        descriptor = message.descriptor
        if descriptor is None:
            raise ProtocolError("session: expected a file descriptor, got none")
        try:
            self._read(message)
            held = os.fstat(descriptor).st_size
            if held < self._slots * self._slot_bytes:
                raise ProtocolError(
                    f"session: {self._slots} slots of {self._slot_bytes} bytes do not fit in {held}"
                )
            self._map = mmap.mmap(descriptor, self._slots * self._slot_bytes)
        except OSError as error:
            raise ProtocolError(f"session: cannot map its memory: {error}") from error
        finally:
            os.close(descriptor)
        self._views: dict[tuple[int, bool], Frame] = {}
        self.frame(0, writable=False)

    def _read(self, message: Message) -> None:
        self.session = message.integer("session")
        self.layout = message.text("layout")
        self.width, self.height = message.integer("width", 1), message.integer("height", 1)
        self._slots = message.integer("slots", 1, SLOTS_LIMIT)
        self._slot_bytes = message.integer("slot_bytes", 1, SLOT_BYTES_LIMIT)
        try:
            expected = planes(self.layout, self.width, self.height)
        except ValueError as error:
            raise ProtocolError(f"session: {error}") from error
        given = message.list("planes")
        sizes = [
            (plane.integer("height"), plane.integer("width"), plane.integer("channels")) for plane in given
        ]
        if sizes != [(*shape, 1)[:3] for shape in expected]:
            raise ProtocolError(
                f"session: expected planes {expected} for {self.layout} {self.width}x{self.height}, "
                f"got {sizes}"
            )
        self._offsets = [plane.integer("offset", 0, self._slot_bytes) for plane in given]
        self._strides = [plane.integer("stride", 1, self._slot_bytes) for plane in given]

    def slot(self, message: Message, name: str) -> int | None:
        """The slot of that name in a `frame` message."""
        return message.optional(name, 0, self._slots - 1)

    def frame(self, slot: int, writable: bool) -> Frame:
        """The frame in a slot: the same object each time."""
        known = self._views.get((slot, writable))
        if known is None:
            start = slot * self._slot_bytes
            part = memoryview(self._map)[start : start + self._slot_bytes]
            try:
                size = (self.width, self.height)
                known = view(part, self.layout, size, self._strides, self._offsets, writable)
            except ValueError as error:
                raise ProtocolError(f"session: {error}") from error
            self._views[slot, writable] = known
        return known
