"""The figures as Markdown."""

COLUMNS = [
    "server",
    "codec",
    "size",
    "sessions",
    "holds",
    "fps least / mean",
    "delay p50 / p95 / p99 ms",
    "over relay ms",
    "first picture ms",
    "PSNR dB at kbit/s",
    "cores",
    "session / floor",
    "RSS MB",
    "threads",
    "fds",
    "freezes",
    "key frames asked of client / server",
    "generator cores",
]
SIZES = {480: "640x480", 720: "1280x720"}


def sessions(result: dict) -> str:
    relays = {
        (row["codec"], row["size"]): row["delay_ms"]["p50"]
        for row in result["rows"]
        if row["server_name"] == "janus" and row["sessions"] == 1 and "delay_ms" in row
    }
    lines = [session(row, result["floors"], relays) for row in result["rows"]]
    notes = [
        f"{result['machine']}. Warm-up {result['warm_up_s']} s, window {result['window_s']} s.",
        "For one session the floor is measured before and after it; for more it is"
        " the core that decoding and encoding one clip in real time take in bare GStreamer: "
        + ", ".join(f"{name} {value:.3f}" for name, value in result["floors"].items())
        + ".",
        *further(result["rows"]),
        *(f"{name} was not measured: {reason}." for name, reason in result["missing"].items()),
    ]
    return markdown(COLUMNS, lines) + "\n\n" + "\n".join(notes)


def further(rows: list[dict]) -> list[str]:
    """The sentence on memory, where single sessions and the most that hold were measured."""
    names = ("server_name", "codec", "size")
    one = {
        tuple(row[name] for name in names): row for row in rows if row["sessions"] == 1 and "server" in row
    }
    found = []
    for row in rows:
        alone = one.get(tuple(row[name] for name in names))
        if alone and row["role"] == "most" and row["sessions"] > 1:
            each = (row["server"]["rss_mb"] - alone["server"]["rss_mb"]) / (row["sessions"] - 1)
            found.append(f"{row['server_name']} {row['codec']}-{row['size']} {each:.1f}")
    return (
        [f"MB for each session beyond the first, at the most that hold: {', '.join(found)}."] if found else []
    )


def session(row: dict, floors: dict[str, float], relays: dict) -> list[str]:
    head = [row["server_name"], row["codec"], SIZES[row["size"]], str(row["sessions"]), verdict(row)]
    if "server" not in row:
        return head + ["-"] * (len(COLUMNS) - len(head))
    delay, used = row["delay_ms"], row["server"]
    floor = row.get("floor", floors[f"{row['codec']}-{row['size']}"])
    relay = relays.get((row["codec"], row["size"]))
    has_relay = row["sessions"] == 1 and None not in (relay, delay["p50"])
    first = [value for value in row["first_picture_ms"] if value is not None]
    return [
        *head,
        f"{number(row['fps_min'])} / {number(row['fps_mean'])}",
        " / ".join(number(delay[name]) for name in ("p50", "p95", "p99")),
        number(delay["p50"] - relay) if has_relay else "-",
        f"{min(first):.0f}-{max(first):.0f}" if first else "-",
        f"{number(row['psnr_db'])} at {row['kbit_s']:.0f}",
        f"{used['cores']:.2f}",
        f"{used['cores'] / row['sessions'] / floor:.2f}",
        f"{used['rss_mb']:.0f}",
        str(used["threads"]),
        str(used["fds"]),
        str(row["freezes"]),
        f"{row['key_frames_asked_of_us']} / {row['key_frames_asked_of_server']}",
        generator(row),
    ]


def generator(row: dict) -> str:
    cores, decoded = f"{row['generator']['cores']:.2f}", row["decoded"]
    return cores if decoded >= row["sessions"] else f"{cores}, decodes {decoded}"


def verdict(row: dict) -> str:
    word = "yes" if row["holds"] else "no"
    return f"{word}, {row['role']}" if row["role"] else word


def presets(rows: list[dict]) -> str:
    columns = ["encoder", "setting", "size", "CPU s per s", "kbit/s", "SSIM", "PSNR dB"]
    lines = [
        [
            row["encoder"],
            row["setting"],
            SIZES[row["size"]],
            f"{row['cpu_s_per_s']:.3f}",
            f"{row['kbit_s']:.0f}",
            f"{row['ssim']:.4f}",
            f"{row['psnr_db']:.2f}",
        ]
        for row in rows
    ]
    return markdown(columns, lines)


def markdown(columns: list[str], lines: list[list[str]]) -> str:
    rows = [columns, ["---"] * len(columns), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
