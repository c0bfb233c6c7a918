"""What a recording costs the session that it is of: on and off in turn, in one session of one server."""

import json
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import codecs_cost
from servers import LOAD_CORE, LOADER, WORK, Missing, Server

# Off, on, off, ... and off again, so that each turn with a recording lies between two without.
PAIRS = 12
# One round of the clip: its parts are not equally dear.
TURN_S = codecs_cost.CLIP_S
# After a change: the key frame that a recording begins with, the file's end.
SETTLE_S = 2
# The threads of a recording: its own, and one for each of a file's streams.
THREADS = ("recording", "video:src", "sound:src")
START_LIMIT_S = 20


def measure(server: Server, codec: str, size: int) -> dict:
    """CPU of each turn and delay of its pictures; `share` and `later_ms` are what the recording adds."""
    with server.run(codecs_cost.BPS[size]) as running:
        whole = (2 * PAIRS + 1) * (TURN_S + SETTLE_S) + START_LIMIT_S
        command = [
            *("taskset", "-c", LOAD_CORE, LOADER, "run", "--each", "--clips", WORK, "--url", running.url),
            *("--pid", running.pid, "--codec", codec, "--size", size, "--window", whole),
        ]
        client = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)
        try:
            session = wait_live(f"{running.url}/api/v1")
            turns = [turn(running, session, bool(number % 2)) for number in range(2 * PAIRS + 1)]
            seen = json.loads(client.communicate()[0])
        finally:
            client.kill()
            client.wait()
    for one in turns:
        begins, ends = one["window"]
        one["delay_ms"] = statistics.median(ms for at, ms in seen["each_delay_ms"] if begins <= at < ends)
    without, recorded = turns[::2], turns[1::2]
    row = {"codec": codec, "size": size, "bytes": recorded[-1]["bytes"]}
    for key in ("cores", "delay_ms"):
        row[key] = [statistics.median(one[key] for one in kind) for kind in (without, recorded)]
        beside = [(one[key] + other[key]) / 2 for one, other in pairwise(without)]
        row[f"{key}_beside"] = [(on[key], off) for on, off in zip(recorded, beside, strict=True)]
    row["share"] = spread(on / off - 1 for on, off in row["cores_beside"])
    row["own_share"] = statistics.median(one["own_cores"] / one["cores"] for one in recorded)
    row["later_ms"] = spread(on - off for on, off in row["delay_ms_beside"])
    return row


def spread(values: Iterable[float]) -> tuple[float, float, float]:
    """The median between its quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def turn(running, session: str, records: bool) -> dict:
    api = f"{running.url}/api/v1"
    ask(f"{api}/recordings/{session}/{'start' if records else 'stop'}", b"")
    time.sleep(SETTLE_S)
    begins, before, own_before = time.time(), cpu_s(running.pid), threads_s(running.pid)
    time.sleep(TURN_S)
    ends, after, own_after = time.time(), cpu_s(running.pid), threads_s(running.pid)
    recording = ask(f"{api}/sessions/{session}")["recording"] or {}
    if records and not recording.get("bytes"):
        raise Missing(f"nothing is recorded: {recording}")
    took_s = ends - begins
    return {
        "window": (begins, ends),
        "cores": (after - before) / took_s,
        "own_cores": (own_after - own_before) / took_s,
        "bytes": recording.get("bytes"),
    }


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
    lines = [
        "| recording | CPU without, with (cores) | added: median (quartiles) | its threads "
        "| delay without, with | added |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        (off, on), (off_ms, on_ms) = row["cores"], row["delay_ms"]
        (low, share, high), (low_ms, later, high_ms) = row["share"], row["later_ms"]
        lines.append(
            f"| {row['codec'].upper()} {row['size']} | {off:.4f}, {on:.4f} "
            f"| {share:+.1%} ({low:+.1%} to {high:+.1%}) | {row['own_share']:.1%} "
            f"| {off_ms:.2f} ms, {on_ms:.2f} ms | {later:+.2f} ms ({low_ms:+.2f} to {high_ms:+.2f}) |"
        )
    return "\n".join(lines)
