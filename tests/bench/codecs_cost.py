"""What the codecs alone cost: the clip through bare gst-launch-1.0 with the server's own fragments, and a
comparison of the encoders' speed settings."""

import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from servers import LOAD_CORE, LOADER, ROOT, SERVER_CORE, WORK

FRAGMENTS = ROOT / "pipelines/codecs"
CLIP_S = 10
BPS = {480: 1_000_000, 720: 2_000_000}
ENCODERS = {"vp8": "vp8", "h264": "h264.x264", "vp9": "vp9", "openh264": "h264.openh264"}
# Fragment, property and values that --presets compares.
PRESETS = {
    "vp8": ("cpu-used", ["-16", "-12", "-8", "-6", "8"]),
    "h264": ("speed-preset", ["ultrafast", "superfast", "veryfast"]),
    "openh264": ("complexity", ["low", "medium", "high"]),
    "vp9": ("cpu-used", ["5", "6", "7", "8", "9"]),
}


@dataclass(frozen=True)
class Preset:
    encoder: str
    setting: str
    size: int
    cpu_s_per_s: float
    kbit_s: float
    ssim: float
    psnr_db: float


def clip(codec: str, size: int) -> Path:
    """The clip as Matroska, which keeps both codecs with their times."""
    ivf = make_clip("--codec", codec, "--size", str(size))
    mkv = ivf.with_suffix(".mkv")
    if not mkv.exists():
        ffmpeg("-i", ivf, "-c", "copy", mkv)
    return mkv


def floor(codec: str, size: int) -> float:
    """CPU seconds per second of decoding and encoding the clip in real time on the server's core."""
    payloader = {"vp8": "rtpvp8pay", "h264": "h264parse ! rtph264pay"}[codec]
    source = f"filesrc location={clip(codec, size)} ! matroskademux ! {{first}} {payloader} mtu=1200 pt=96"
    line = f"{source} ! {fragment(f'decode/{codec}')} ! {encoder(codec, size)} ! fakesink sync=true"
    start_up = cpu_s(line.format(first="identity eos-after=2 !"))
    return (cpu_s(line.format(first="")) - start_up) / CLIP_S


def presets(size: int) -> list[Preset]:
    """Every encoder and setting, as fast as one core goes, on the clip's source."""
    source = WORK / f"source-{size}.y4m"
    make_clip("--size", str(size), "--source", source)
    try:
        read = f"filesrc location={source} ! y4mdec"
        reading_s = cpu_s(f"{read} ! fakesink")
        return [
            preset(name, prop, value, size, source, read, reading_s)
            for name, (prop, values) in PRESETS.items()
            for value in values
        ]
    finally:
        source.unlink()


def preset(name: str, prop: str, value: str, size: int, source: Path, read: str, reading_s: float) -> Preset:
    encoded = WORK / "preset.mkv"
    # The payloader is RTP's part of the fragment, and no file takes RTP.
    encode = re.sub(r"! rtp\w+pay.*", "", encoder(name, size))
    encode, count = re.subn(rf"\b{prop}=\S+", f"{prop}={value}", encode)
    if count != 1:
        raise ValueError(f"{prop}= is wanted once in the fragment of {name}; it is there {count} times")
    parse = "! h264parse" if "h264" in name else ""
    used_s = cpu_s(f"{read} ! {encode} {parse} ! matroskamux ! filesink location={encoded}") - reading_s
    ssim, psnr_db = likeness(encoded, source)
    kbit_s = encoded.stat().st_size * 8 / 1000 / CLIP_S
    encoded.unlink()
    label = {"h264": "x264enc", "openh264": "openh264enc"}.get(name, f"{name}enc")
    return Preset(label, f"{prop}={value}", size, used_s / CLIP_S, kbit_s, ssim, psnr_db)


def likeness(encoded: Path, source: Path) -> tuple[float, float]:
    """SSIM and PSNR of the luma, by ffmpeg."""
    # Matroska's times are whole milliseconds: by them, some pictures would meet their neighbours.
    by_number = "setpts=N/30/TB,settb=1/30,split"
    graph = f"[0:v]{by_number}[a][b];[1:v]{by_number}[c][d];[a][c]ssim[e];[b][d]psnr[f]"
    outputs = ["-map", "[e]", "-map", "[f]", "-f", "null", "-"]
    said = ffmpeg("-i", encoded, "-i", source, "-lavfi", graph, *outputs)
    ssim, psnr = re.search(r"SSIM Y:([\d.]+)", said), re.search(r"PSNR y:([\d.]+)", said)
    if not ssim or not psnr:
        raise RuntimeError(f"ffmpeg printed no SSIM and PSNR:\n{said}")
    return float(ssim[1]), float(psnr[1])


def make_clip(*arguments: str | Path) -> Path:
    command = [LOADER, "clip", "--clips", WORK, *arguments]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def encoder(name: str, size: int) -> str:
    """The server's fragment at the clip's bitrate; x264enc counts in kbit/s."""
    rate = BPS[size] // 1000 if name == "h264" else BPS[size]
    return re.sub(r"(?<=\s)((?:target-)?bitrate)=\d+", rf"\1={rate}", fragment(f"encode/{ENCODERS[name]}"))


def fragment(name: str) -> str:
    lines = (FRAGMENTS / f"{name}.launch").read_text().splitlines()
    return " ".join(line for line in lines if not line.startswith("#"))


def cpu_s(line: str) -> float:
    """CPU seconds that gst-launch-1.0 takes for the line on the server's core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["taskset", "-c", SERVER_CORE, "gst-launch-1.0", "-q", *line.split()]
    done = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"gst-launch-1.0 {line}\nended with {done.returncode}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ffmpeg(*arguments: str | Path) -> str:
    """What ffmpeg printed on its way."""
    command = ["taskset", "-c", LOAD_CORE, "ffmpeg", "-hide_banner", "-nostats", "-y", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr
