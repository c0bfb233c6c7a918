"""A network link for tests where the kernel has no netem: two network namespaces, joined in user space.

The server's namespace and the client's each get TUN devices; this process carries the packets between them
with delay, jitter, loss, a rate with a queue, and reordering, for each direction by itself. Needs root and
/dev/net/tun.

  link.py ['{"down": {"rate_kbps": 700}, "second_path": true}']

Prints one line of JSON when the link is up:
  {"ready": {"server": {"namespace": NAME, "address": ADDRESS},
             "client": {"namespace": NAME, "addresses": {PATH: ADDRESS}}}}
and then takes one JSON object a line on stdin, in any mix of
  {"up": {...}, "down": {...}}                  settings of a direction; what is left out stays as it is
  {"path": {"name": "first", "open": false}}    takes the client's interface away for good
  {"stats": true}                               answered with {"stats": {"up": {...}, "down": {...}}}
A line that cannot be obeyed is answered with {"error": REASON}. Everything is removed at the end of stdin,
so also when the parent dies, and on SIGTERM and SIGINT.
Exit codes: 0, 64 bad settings, 77 namespaces are not to be had here.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import json
import os
import random
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NoReturn

EX_USAGE, EX_NOPERM = 64, 77

# linux/if_tun.h
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LARGEST_PACKET = 65536
# Packets taken from one device before the others get their turn.
BURST = 64

SERVER_ADDRESS = IPv4Address("10.77.0.1")
PATHS = {"first": IPv4Address("10.77.1.2"), "second": IPv4Address("10.77.2.2")}


class Refused(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True)
class Shape:
    """What happens to the packets of one direction."""

    delay_ms: float = 0
    # Each packet waits up to this much longer.
    jitter_ms: float = 0
    # Share of packets that jitter may put before or behind others; the rest stays in order.
    reorder: float = 0
    # Share of packets that vanish.
    loss: float = 0
    # 0 is no limit.
    rate_kbps: float = 0
    # Packets that would wait longer than this for the rate are dropped.
    queue_ms: float = 200
    # The same packets in the same order have the same fate.
    seed: int = 1

    def changed(self, settings: object) -> Shape:
        known = {each.name for each in fields(self)}
        if not isinstance(settings, dict) or not settings.keys() <= known:
            raise Refused(f"a direction's settings are {sorted(known)}, not {settings}")
        if not all(isinstance(value, int | float) and value >= 0 for value in settings.values()):
            raise Refused(f"settings are numbers from 0 on, not {settings}")
        if any(settings.get(share, 0) > 1 for share in ("loss", "reorder")):
            raise Refused(f"loss and reorder are shares up to 1, not {settings}")
        return replace(self, **settings)


@dataclass
class Counts:
    """What became of one direction's packets since the start."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0
    overflowed: int = 0
    # From or for an address that has no path.
    stray: int = 0
    queue_ms: float = 0


@dataclass
class Direction:
    """One way through the link: decides when a packet leaves, if it does."""

    shape: Shape
    counts: Counts = field(default_factory=Counts)
    _random: random.Random = field(init=False)
    _free_at: float = 0
    _last_due: float = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.shape.seed)  # noqa: S311 - chance that can be repeated

    def change(self, settings: object) -> None:
        before, self.shape = self.shape, self.shape.changed(settings)
        if before.seed != self.shape.seed:
            self._random.seed(self.shape.seed)

    def due(self, size: int, now: float) -> float | None:
        """When a packet of `size` bytes that comes at `now` leaves; None where it does not."""
        shape = self.shape
        if self._random.random() < shape.loss:
            self.counts.lost += 1
            return None
        wait = max(0.0, self._free_at - now) if shape.rate_kbps else 0.0
        if wait * 1000 > shape.queue_ms:
            self.counts.overflowed += 1
            return None
        self.counts.queue_ms = wait * 1000
        sent = now + wait
        if shape.rate_kbps:
            sent += size * 8 / (shape.rate_kbps * 1000)
            self._free_at = sent
        due = sent + (shape.delay_ms + self._random.uniform(0, shape.jitter_ms)) / 1000
        if self._random.random() >= shape.reorder:
            due = self._last_due = max(due, self._last_due)
        self.counts.packets += 1
        self.counts.bytes += size
        return due


class Namespace:
    """A network namespace with a name of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        ip("netns", "add", name)
        try:
            with self.entered():
                # Router solicitations and the like would be packets that no test sent.
                Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
        except OSError:
            pass  # a kernel without IPv6
        self.ip("link", "set", "dev", "lo", "up")

    def ip(self, *words: str) -> None:
        ip("-netns", self.name, *words)

    def add_tun(self, device: str, address: IPv4Address, metric: int) -> int:
        """Makes a TUN device that everything is routed through, and returns its file."""
        with self.entered():
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
        self.ip("address", "add", f"{address}/32", "dev", device)
        self.ip("link", "set", "dev", device, "up", "txqueuelen", "1000")
        self.ip("route", "add", "default", "dev", device, "src", str(address), "metric", str(metric))
        return tun

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Moves this thread into the namespace; /proc/self is not the thread, /proc/thread-self is."""
        with Path("/proc/thread-self/ns/net").open() as before, self._file().open() as inside:
            set_namespace(inside.fileno())
            try:
                yield
            finally:
                set_namespace(before.fileno())

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], check=False)

    def _file(self) -> Path:
        return Path("/run/netns") / self.name


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(f"ip {' '.join(words)}: {done.stderr.strip()}")


def set_namespace(file: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns comes with Python 3.12
    if libc.setns(file, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Link:
    """Both namespaces, their devices, and the packets under way."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._directions = {
            name: Direction(Shape().changed(settings.get(name, {}))) for name in ("up", "down")
        }
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._taken = 0
        self._removal = contextlib.ExitStack()
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.close)
            self._server = self._namespace("s")
            self._client = self._namespace("c")
            self._server_tun = self._tun(self._server, "wan", SERVER_ADDRESS, 1)
            names = ["first", "second"] if settings.get("second_path") else ["first"]
            self._paths = {
                name: self._tun(self._client, name, PATHS[name], metric)
                for metric, name in enumerate(names, start=1)
            }
            on_failure.pop_all()

    def ready(self) -> dict[str, Any]:
        addresses = {name: str(PATHS[name]) for name in self._paths}
        return {
            "server": {"namespace": self._server.name, "address": str(SERVER_ADDRESS)},
            "client": {"namespace": self._client.name, "addresses": addresses},
        }

    def obey(self, command: dict[str, Any]) -> dict[str, Any] | None:
        """Obeys one line, and returns what there is to answer."""
        known = {"up", "down", "path", "stats"}
        if not command.keys() <= known:
            raise Refused(f"a command has {sorted(known)}, not {sorted(command)}")
        for name in ("up", "down"):
            self._directions[name].change(command.get(name, {}))
        if "path" in command:
            self._close_path(command["path"])
        if "stats" in command:
            return {"stats": {name: asdict(each.counts) for name, each in self._directions.items()}}
        return None

    def devices(self) -> list[int]:
        return [self._server_tun, *self._paths.values()]

    def take(self, device: int) -> None:
        """Takes what a device has to send."""
        direction = self._directions["down" if device == self._server_tun else "up"]
        for _ in range(BURST):
            try:
                packet = os.read(device, LARGEST_PACKET)
            except OSError:
                return  # no more for now, or the interface is down
            target = self._target(device, packet)
            if target is None:
                direction.counts.stray += 1
                continue
            due = direction.due(len(packet), time.monotonic())
            if due is not None:
                self._taken += 1
                heapq.heappush(self._under_way, (due, self._taken, target, packet))

    def deliver(self) -> float | None:
        """Hands over what is due, and returns the seconds to the next packet."""
        while self._under_way:
            wait = self._under_way[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, target, packet = heapq.heappop(self._under_way)
            with contextlib.suppress(OSError):  # the interface is down
                os.write(target, packet)
        return None

    def close(self) -> None:
        self._removal.close()

    def _namespace(self, end: str) -> Namespace:
        namespace = Namespace(f"scope-{os.getpid()}-{end}")
        self._removal.callback(namespace.remove)
        return namespace

    def _tun(self, namespace: Namespace, device: str, address: IPv4Address, metric: int) -> int:
        tun = namespace.add_tun(device, address, metric)
        self._removal.callback(os.close, tun)
        return tun

    def _target(self, device: int, packet: bytes) -> int | None:
        """The device that a packet goes to; a path carries its own address alone."""
        if packet[0] >> 4 != 4:
            return None
        source, destination = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
        if device == self._server_tun:
            return next((tun for name, tun in self._paths.items() if PATHS[name] == destination), None)
        own = next(PATHS[name] for name, tun in self._paths.items() if tun == device)
        return self._server_tun if source == own and destination == SERVER_ADDRESS else None

    def _close_path(self, wanted: object) -> None:
        match wanted:
            case {"name": str(name), "open": False} if name in self._paths:
                self._client.ip("link", "set", "dev", name, "down")
                self._client.ip("address", "flush", "dev", name)
            case _:
                raise Refused(
                    f'a path is closed by {{"name": one of {list(self._paths)}, "open": false}}, not {wanted}'
                )


class Commands:
    """Lines of stdin, without waiting for one."""

    def __init__(self) -> None:
        os.set_blocking(0, False)
        self._rest = b""
        self.ended = False

    def read(self) -> list[bytes]:
        try:
            came = os.read(0, LARGEST_PACKET)
        except BlockingIOError:
            return []
        self.ended = not came
        *lines, self._rest = (self._rest + came).split(b"\n")
        return [line for line in lines if line.strip()]


def say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def parsed(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refused(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refused(f"a JSON object is wanted, not {value}")
    return value


def obey(link: Link, line: bytes) -> None:
    try:
        answer = link.obey(parsed(line))
    except Refused as refusal:
        answer = {"error": str(refusal)}
    if answer is not None:
        say(answer)


def serve(link: Link) -> None:
    commands = Commands()
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        for device in link.devices():
            selector.register(device, selectors.EVENT_READ)
        say({"ready": link.ready()})
        while not commands.ended:
            for key, _ in selector.select(link.deliver()):
                if key.fd != 0:
                    link.take(key.fd)
                    continue
                for line in commands.read():
                    obey(link, line)


def end(_signal: int, _frame: object) -> NoReturn:
    # Ends the wait in select; main removes everything.
    raise SystemExit(0)


def main(arguments: list[str]) -> int:
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    try:
        settings = parsed(arguments[0] if arguments else "{}")
        Shape().changed(settings.get("up", {}))
        Shape().changed(settings.get("down", {}))
    except Refused as refusal:
        print(f"link.py: {refusal}", file=sys.stderr)
        return EX_USAGE
    try:
        link = Link(settings)
    except (Refused, OSError) as refusal:
        print(f"link.py: no namespaces here: {refusal}", file=sys.stderr)
        return EX_NOPERM
    with contextlib.closing(link):
        serve(link)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
