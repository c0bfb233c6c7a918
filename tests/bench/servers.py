"""The server under test and its peers: how each is installed, started on core 0 and stopped."""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
TARGET = TARGET if TARGET.is_absolute() else ROOT / TARGET
WORK = TARGET / "bench"
LOADER = TARGET / "release/examples/load"
PEERS = ROOT / "tests/bench/peers"
SERVER_CORE, LOAD_CORE = "0", "1"
# FastRTC loads Gradio for 4 to 6 s on an idle machine.
START_LIMIT_S = 90
STOP_LIMIT_S = 10
# Settings of the tester's own server must not reach the measured one.
FOREIGN_SETTINGS = ("SCOPE_", "TWILIO_", "CLOUDFLARE_", "HF_TOKEN", "PIPELINE", "VERBOSE_LOGGING")

JANUS_UNUSED = {
    "plugins": [
        *("audiobridge", "duktape", "lua", "nosip", "recordplay", "sip"),
        *("streaming", "textroom", "videocall", "videoroom"),
    ],
    "transports": ["mqtt", "nanomsg", "pfunix", "rabbitmq", "websockets"],
}


class Missing(Exception):
    """Why a peer cannot be measured here."""


@dataclass(frozen=True)
class Running:
    api: str
    url: str
    pid: int

    def load(self, codec: str, size: int, *more: str | float) -> list[str]:
        """The load generator's command line for sessions with this server."""
        command = [
            *("taskset", "-c", LOAD_CORE, LOADER, "run", "--clips", WORK),
            *("--api", self.api, "--url", self.url, "--pid", self.pid, "--codec", codec, "--size", size),
            *more,
        ]
        return [str(word) for word in command]


@dataclass(frozen=True)
class Server:
    """One kind of server: `api` is the load generator's word for its interface."""

    name: str
    api: str
    ready_path: str
    binary: Path = TARGET / "release/scope"
    settings: dict[str, str] = field(default_factory=dict)

    def install(self) -> None:
        """Makes it ready to start, or raises Missing."""
        if self.name in ("aiortc", "fastrtc"):
            install_venv(self.name)
        if self.name == "janus" and not shutil.which("janus"):
            raise Missing("Debian's package janus is not installed: make deps-bench")

    def command(self, port: int, bps: int) -> list[str]:
        match self.name:
            case "scope":
                limits = ["--max-sessions=64", f"--start-bitrate-bps={bps}", f"--max-bitrate-bps={bps}"]
                limits.append(f"--recordings={WORK / 'recordings'}")
                return [str(self.binary), f"--port={port}", "--host=127.0.0.1", *limits]
            case "janus":
                return ["janus", f"--configs-folder={janus_settings(port)}", "--disable-colors"]
            case _:
                uvicorn = WORK / f"venv/{self.name}/bin/uvicorn"
                app = f"{self.name}_echo:app"
                return [str(uvicorn), app, "--app-dir", str(PEERS), "--host=127.0.0.1", f"--port={port}"]

    @contextlib.contextmanager
    def run(self, bps: int) -> Iterator[Running]:
        """A fresh server on core 0, ready, and stopped at the end. It should return `bps` a session."""
        port = free_port()
        log = WORK / f"{self.name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                ["taskset", "-c", SERVER_CORE, *self.command(port, bps)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment() | self.settings,
                cwd=ROOT,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_ready(process, url + self.ready_path, log)
            yield Running(self.api, url, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


SERVERS = {
    server.name: server
    for server in (
        Server("scope", "scope", "/ready"),
        Server("aiortc", "scope", "/health"),
        Server("fastrtc", "fastrtc", "/health"),
        Server("janus", "janus", "/janus/info"),
    )
}


def install_venv(name: str) -> None:
    requirements = PEERS / f"requirements-{name}.txt"
    venv = WORK / "venv" / name
    stamp = venv / ".requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run(["python3", "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([*pip, "--requirement", str(requirements)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing(f"{requirements.name} cannot be installed: {error}") from error
    stamp.write_text(wanted)


def janus_settings(port: int) -> Path:
    """Writes a folder of settings: the echo test over HTTP on `port`, nothing else, no STUN."""
    folder = WORK / "janus"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Longer than any run: the load generator polls for the answer alone.
    general = "general: { session_timeout = 0 debug_level = 3 }\n"
    others = "".join(
        f'{kind}: {{ disable = "{",".join(f"libjanus_{name}.so" for name in names)}" }}\n'
        for kind, names in JANUS_UNUSED.items()
    )
    (folder / "janus.jcfg").write_text(general + others)
    http = f'general: {{ json = "plain" base_path = "/janus" http = true port = {port} ip = "127.0.0.1" }}\n'
    (folder / "janus.transport.http.jcfg").write_text(http)
    return folder


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN_SETTINGS)}
    # No peer asks a server on the network for anything while it is measured.
    return kept | {"SCOPE_OFFLINE": "true", "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_ready(process: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Missing(f"it ended with {process.returncode} while it started; see {log}")
        refused = contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError)
        with refused, urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the URL is ours
            return
        time.sleep(0.1)
    raise Missing(f"not ready within {START_LIMIT_S} s; see {log}")
