"""What a recording costs the session that it is of: two servers of a session each record in turn.

What the machine does to both at once is no matter, nor is what one of them always takes more than the other.
"""

import contextlib
import json
import math
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import codecs_cost
from servers import Missing, Running, Server
from table import markdown

TURNS, QUICK_TURNS = 24, 6
# One round of the clip: its parts are not equally dear.
TURN_S = codecs_cost.CLIP_S
# After a change: the key frame that a recording begins with, the file's end.
SETTLE_S = 2
# The threads of a recording: its own, and one for each of a file's streams.
THREADS = ("recording", "video:src", "sound:src")
START_LIMIT_S = 20


@dataclass(frozen=True)
class Side:
    """A server with its one session."""

    running: Running
    client: subprocess.Popen
    session: str

    def record(self, on: bool) -> None:
        word = "start" if on else "stop"
        ask(f"{self.running.url}/api/v1/recordings/{self.session}/{word}", b"")

    def recorded_bytes(self) -> int:
        recording = ask(f"{self.running.url}/api/v1/sessions/{self.session}")["recording"] or {}
        if not recording.get("bytes"):
            raise Missing(f"nothing is recorded: {recording}")
        return recording["bytes"]


@dataclass(frozen=True)
class Turn:
    """What each side took, the one that recorded first."""

    begins: float
    ends: float
    recording: int
    cores: list[float]
    own_cores: float
    bytes: int

    def delay_ms(self, seen: list[list[list[float]]]) -> list[float]:
        """Of the pictures that each side showed, which are given in the sides' own order."""
        sides = seen[self.recording], seen[1 - self.recording]
        shown = [[ms for at, ms in pictures if self.begins <= at < self.ends] for pictures in sides]
        return [statistics.median(delays) for delays in shown]


def measure(server: Server, codec: str, size: int, quick: bool) -> dict:
    """`share` and `later_ms` are what recording adds to CPU and delay: medians between quartiles."""
    count = QUICK_TURNS if quick else TURNS
    window_s = count * (TURN_S + SETTLE_S) + START_LIMIT_S
    with side(server, codec, size, window_s) as first, side(server, codec, size, window_s) as second:
        sides = [first, second]
        turns = [turn(sides, number % 2) for number in range(count)]
        seen = [json.loads(one.client.communicate()[0])["each_delay_ms"] for one in sides]
    delays = [one.delay_ms(seen) for one in turns]
    # Two turns of exchanged roles: how the sides differ is a factor in one and a divisor in the other.
    products = [math.prod(one.cores[0] / one.cores[1] for one in pair) for pair in pairwise(turns)]
    return {
        "codec": codec,
        "size": size,
        "bytes": turns[-1].bytes,
        "cores": medians(one.cores for one in turns),
        "share": spread(math.sqrt(product) - 1 for product in products),
        "own_share": statistics.median(one.own_cores / one.cores[0] for one in turns),
        "delay_ms": medians(delays),
        "later_ms": spread((a[0] - a[1] + b[0] - b[1]) / 2 for a, b in pairwise(delays)),
    }


@contextlib.contextmanager
def side(server: Server, codec: str, size: int, window_s: float) -> Iterator[Side]:
    with server.run(codecs_cost.BPS[size]) as running:
        command = running.load(codec, size, "--each", "--window", window_s)
        client = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            yield Side(running, client, wait_live(f"{running.url}/api/v1"))
        finally:
            client.kill()
            client.wait()


def turn(sides: list[Side], recording: int) -> Turn:
    for number, one in enumerate(sides):
        one.record(number == recording)
    time.sleep(SETTLE_S)
    recorder, other = (sides[place].running.pid for place in (recording, 1 - recording))
    begins, before, own_before = time.time(), [cpu_s(recorder), cpu_s(other)], threads_s(recorder)
    time.sleep(TURN_S)
    ends, after, own_after = time.time(), [cpu_s(recorder), cpu_s(other)], threads_s(recorder)
    took_s = ends - begins
    return Turn(
        begins,
        ends,
        recording,
        [(later - earlier) / took_s for earlier, later in zip(before, after, strict=True)],
        (own_after - own_before) / took_s,
        sides[recording].recorded_bytes(),
    )


def medians(pairs: Iterable[list[float]]) -> list[float]:
    return [statistics.median(values) for values in zip(*pairs, strict=True)]


def spread(values: Iterable[float]) -> tuple[float, float, float]:
    """The median between its quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def wait_live(api: str) -> str:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        for session in ask(f"{api}/sessions")["sessions"]:
            if session["state"] == "live" and session["figures"]:
                return session["id"]
        time.sleep(0.2)
    raise Missing("no session came about")


def ask(url: str, body: bytes | None = None) -> dict:
    with urllib.request.urlopen(url, data=body, timeout=10) as answer:  # noqa: S310 - the URL is ours
        return json.load(answer)


def cpu_s(pid: int) -> float:
    """All of the process's threads, to the nanosecond: its CPU-time clock, clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def threads_s(pid: int) -> float:
    """CPU seconds of the threads that a recording has for itself."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    own = [task for task in tasks if (task / "comm").read_text().strip() in THREADS]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in own) / 1e9


def table(rows: list[dict]) -> str:
    columns = ["recording", "CPU with, without (cores)", "added: median (quartiles)", "its threads"]
    columns += ["delay with, without", "added: median (quartiles)"]
    lines = []
    for row in rows:
        (on, off), (on_ms, off_ms) = row["cores"], row["delay_ms"]
        (low, share, high), (low_ms, later, high_ms) = row["share"], row["later_ms"]
        lines.append(
            [
                f"{row['codec'].upper()} {row['size']}",
                f"{on:.4f}, {off:.4f}",
                f"{share:+.1%} ({low:+.1%} to {high:+.1%})",
                f"{row['own_share']:.1%}",
                f"{on_ms:.2f} ms, {off_ms:.2f} ms",
                f"{later:+.2f} ms ({low_ms:+.2f} to {high_ms:+.2f})",
            ]
        )
    return markdown(columns, lines)
