"""From the offer to the first decoded picture, sessions one after another on one server."""

import json
import statistics
import subprocess

import codecs_cost
from servers import Server
from table import markdown

SESSIONS, QUICK_SESSIONS = 31, 11


def measure(server: Server, codec: str, size: int, quick: bool) -> dict:
    """The first session of a server pays for what it loads; it stands by itself."""
    with server.run(codecs_cost.BPS[size]) as running:
        command = running.load(codec, size, "--warm-up", 0, "--window", 1)
        count = QUICK_SESSIONS if quick else SESSIONS
        runs = [json.loads(subprocess.check_output(command)) for _ in range(count)]
    cold, *warm = [run["first_picture_ms"][0] for run in runs]
    return {"server_name": server.name, "codec": codec, "size": size, "first_ms": cold, "later_ms": warm}


def table(rows: list[dict]) -> str:
    lines = []
    for row in rows:
        shown = [value for value in row["later_ms"] if value is not None]
        first = "none" if row["first_ms"] is None else f"{row['first_ms']:.0f}"
        later = f"{statistics.median(shown):.0f} ({min(shown):.0f} to {max(shown):.0f})" if shown else "none"
        if missing := len(row["later_ms"]) - len(shown):
            later += f", {missing} without a picture"
        lines.append([row["server_name"], f"{row['codec'].upper()} {row['size']}", first, later])
    columns = ["server", "codec, size", "first session ms", "later ones: median (least to most)"]
    return markdown(columns, lines)
