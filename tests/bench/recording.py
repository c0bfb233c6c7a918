"""What a recording costs the session that it is of: on and off in turn, in one session of one server."""

import json
import os
import statistics
import subprocess
import time
import urllib.request
from itertools import pairwise
from pathlib import Path

from servers import LOAD_CORE, LOADER, WORK, Missing, Server

# Off, on, off, ... and off again, so that each turn with a recording lies between two without.
PAIRS = 6
# After a change: the key frame that a recording begins with, the file's end.
SETTLE_S = 2
START_LIMIT_S = 20


def measure(server: Server, codec: str, size: int, bps: int, turn_s: float) -> dict:
    """CPU and the server's own delay of each turn; `share` is what the recording adds to the CPU."""
    with server.run(bps) as running:
        whole = (2 * PAIRS + 1) * (turn_s + SETTLE_S) + START_LIMIT_S
        command = [
            *("taskset", "-c", LOAD_CORE, LOADER, "run", "--clips", WORK, "--url", running.url),
            *("--pid", running.pid, "--codec", codec, "--size", size, "--window", whole),
        ]
        client = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
        try:
            session = wait_live(f"{running.url}/api/v1")
            turns = [turn(running, session, bool(number % 2), turn_s) for number in range(2 * PAIRS + 1)]
        finally:
            client.kill()
            client.wait()
    without, recorded = turns[::2], turns[1::2]
    beside = [(one["cores"] + other["cores"]) / 2 for one, other in pairwise(without)]
    shares = [on["cores"] / off - 1 for on, off in zip(recorded, beside, strict=True)]
    return {
        "codec": codec,
        "size": size,
        "share": statistics.median(shares),
        "shares": shares,
        "cores": [statistics.median(one["cores"] for one in kind) for kind in (without, recorded)],
        "delay_ms": [statistics.median(one["delay_ms"] for one in kind) for kind in (without, recorded)],
        "bytes": recorded[-1]["bytes"],
    }


def turn(running, session: str, records: bool, turn_s: float) -> dict:
    api = f"{running.url}/api/v1"
    ask(f"{api}/recordings/{session}/{'start' if records else 'stop'}", b"")
    time.sleep(SETTLE_S)
    begins, before, delays = time.monotonic(), cpu_s(running.pid), []
    while time.monotonic() - begins < turn_s:
        time.sleep(1)
        delays.append(ask(f"{api}/sessions/{session}")["figures"]["latency_ms"])
    cores = (cpu_s(running.pid) - before) / (time.monotonic() - begins)
    recording = ask(f"{api}/sessions/{session}")["recording"] or {}
    if records and not recording.get("bytes"):
        raise Missing(f"nothing is recorded: {recording}")
    return {"cores": cores, "delay_ms": statistics.median(delays), "bytes": recording.get("bytes")}


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
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(rows: list[dict]) -> str:
    lines = [
        "| recording | CPU without, with (cores) | added | delay in the server without, with |",
        "|---|---|---|---|",
    ]
    for row in rows:
        (off, on), (off_ms, on_ms) = row["cores"], row["delay_ms"]
        lines.append(
            f"| {row['codec'].upper()} {row['size']} | {off:.3f}, {on:.3f} | {row['share']:+.1%} "
            f"| {off_ms:.1f} ms, {on_ms:.1f} ms |"
        )
    return "\n".join(lines)
