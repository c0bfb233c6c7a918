#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, all derived from tests/fixtures/offers. Run it in the repository's root.

offer/     shapes that no client in tests/fixtures/offers has:
  obs_whip       OBS Studio's WHIP output, read off its source (plugins/obs-webrtc/whip-output.cpp: sendonly Opus 111
                 and H.264 96, the mids 0 and 1) and libdatachannel's (src/description.cpp: the fingerprint at session
                 level, setup and ICE credentials on each m-line, candidates on the first), not recorded
  audio_only     Chromium's offer without video and channel: refused, for want of video
  many           sixteen m-lines: Chromium's video and audio in turn, each with its own mid
  simulcast      Chromium's video with three rids (RFC 8851, RFC 8853)
  all_extensions Chromium's video with every header extension that libwebrtc registers, in two-byte ids too
  session_level  str0m's shape with ICE and DTLS attributes at session level (RFC 8839 section 5.4)
  many_candidates  Chromium's video with one hundred candidates, the limit
candidate/ lines of browsers, as <mid>|<index>|<candidate>
sdpfrag/   fragments of RFC 8840 section 9 and of WHIP (RFC 9725 section 4.3.1)
answer/    each offer once more: an answer has the same grammar
message/   messages of the data channel
frame_size/  access units of ffmpeg's encoders, each behind the number of its format
"""

import json
import pathlib
import subprocess

ROOT = pathlib.Path("fuzz/seeds")
OFFERS = pathlib.Path("tests/fixtures/offers")
FINGERPRINT = ":".join(f"{byte:02X}" for byte in range(32))
EXTENSIONS = """urn:ietf:params:rtp-hdrext:ssrc-audio-level
urn:ietf:params:rtp-hdrext:csrc-audio-level
urn:ietf:params:rtp-hdrext:toffset
http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time
urn:3gpp:video-orientation
http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
http://www.webrtc.org/experiments/rtp-hdrext/transport-wide-cc-02
http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
http://www.webrtc.org/experiments/rtp-hdrext/video-content-type
http://www.webrtc.org/experiments/rtp-hdrext/video-timing
http://www.webrtc.org/experiments/rtp-hdrext/color-space
http://www.webrtc.org/experiments/rtp-hdrext/generic-frame-descriptor-00
https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension
http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00
http://www.webrtc.org/experiments/rtp-hdrext/inband-cn
http://www.webrtc.org/experiments/rtp-hdrext/video-frame-tracking-id
http://www.webrtc.org/experiments/rtp-hdrext/corruption-detection
urn:ietf:params:rtp-hdrext:sdes:mid
urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
urn:ietf:params:rtp-hdrext:encrypt""".splitlines()

OBS = f"""v=0
o=rtc 3457018223 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=ice-options:ice2
a=fingerprint:sha-256 {FINGERPRINT}
m=audio 51472 UDP/TLS/RTP/SAVPF 111
c=IN IP4 192.0.2.10
a=mid:0
a=sendonly
a=ssrc:2231627014 cname:k1rJx8AbQ0ZpLm3v
a=ssrc:2231627014 msid:Vt5yHn2eWq8sDf4g Vt5yHn2eWq8sDf4g-audio
a=msid:Vt5yHn2eWq8sDf4g Vt5yHn2eWq8sDf4g-audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
a=setup:actpass
a=ice-ufrag:obsU
a=ice-pwd:obsPasswordOfTwentyTwo
a=candidate:1 1 UDP 2114977791 192.0.2.10 51472 typ host
a=end-of-candidates
m=video 51472 UDP/TLS/RTP/SAVPF 96
c=IN IP4 192.0.2.10
a=mid:1
a=sendonly
a=ssrc:2231627015 cname:k1rJx8AbQ0ZpLm3v
a=ssrc:2231627015 msid:Vt5yHn2eWq8sDf4g Vt5yHn2eWq8sDf4g-video
a=msid:Vt5yHn2eWq8sDf4g Vt5yHn2eWq8sDf4g-video
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
a=setup:actpass
a=ice-ufrag:obsU
a=ice-pwd:obsPasswordOfTwentyTwo
"""


def chromium():
    """The session's lines, and those of each m-line."""
    session, *medias = (OFFERS / "chromium.sdp").read_text().split("\nm=")
    return session + "\n", ["m=" + media.rstrip("\n") + "\n" for media in medias]


def of_kind(medias, kind):
    return next(media for media in medias if media.startswith(f"m={kind} "))


def without(text, *starts):
    return "".join(line + "\n" for line in text.splitlines() if not line.startswith(starts))


def bundle(session, count):
    mids = " ".join(str(mid) for mid in range(count))
    return "".join(
        (f"a=group:BUNDLE {mids}" if line.startswith("a=group:") else line) + "\n" for line in session.splitlines()
    )


def with_mid(media, mid):
    return "".join((f"a=mid:{mid}" if line.startswith("a=mid:") else line) + "\n" for line in media.splitlines())


def offers():
    session, medias = chromium()
    video, audio = of_kind(medias, "video"), of_kind(medias, "audio")
    yield "obs_whip", OBS
    yield "audio_only", bundle(session, 1) + with_mid(audio, 0)
    # Sources and candidates of the first alone: each number names one stream.
    bare = [without(media, "a=ssrc", "a=candidate") for media in (video, audio)]
    yield "many", bundle(session, 16) + "".join(with_mid(bare[mid % 2], mid) for mid in range(16))
    layers = "a=rid:h send\na=rid:m send\na=rid:l send pt=96\na=simulcast:send h;m;~l\n"
    yield "simulcast", bundle(session, 1) + with_mid(without(video, "a=ssrc"), 0) + layers
    ids = [*range(1, 15), *range(16, 16 + len(EXTENSIONS) - 14)]
    extensions = "".join(f"a=extmap:{number} {uri}\n" for number, uri in zip(ids, EXTENSIONS, strict=True))
    yield "all_extensions", bundle(session, 1) + with_mid(without(video, "a=extmap:"), 0) + extensions
    shared = "".join(line + "\n" for line in video.splitlines() if line.startswith(TRANSPORT))
    yield "session_level", bundle(session, 2) + shared + "".join(
        with_mid(without(media, *TRANSPORT), mid) for mid, media in enumerate((video, audio))
    )
    candidates = "".join(
        f"a=candidate:{number} 1 udp {2122260223 - number} 192.0.2.{number} {40000 + number} typ host\n"
        for number in range(100)
    )
    yield "many_candidates", bundle(session, 1) + with_mid(without(video, "a=candidate"), 0) + candidates


TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:", "a=ice-options:")

CANDIDATES = [
    "candidate:842163049 1 udp 1677729535 192.0.2.9 46154 typ srflx raddr 10.0.0.1 rport 0 generation 0 ufrag EEtu",
    "candidate:1 1 UDP 2122252543 8e6f9d0a-6a0f-4dd3-9d0d-0b7f1f1c2d3e.local 5 typ host",
    "candidate:1 1 tcp 1518280447 fd00::2 9 typ host tcptype active",
    "a=candidate:1 2 udp 1 198.51.100.1 9 typ relay raddr 0.0.0.0 rport 0 network-id 3 network-cost 50",
    "",
]

FRAGMENTS = [
    "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n"
    "a=candidate:3471623853 1 udp 2122194687 198.51.100.1 61765 typ host\r\na=end-of-candidates\r\n",
    "m=audio 9 RTP/AVP 0\na=candidate:1 1 UDP 1 fd00::1 9 typ host\na=mid:a\nm=video 9 RTP/AVP 0\na=mid:b\n"
    "a=candidate:2 1 TCP 2 192.0.2.7 9 typ host tcptype passive\n",
    "a=end-of-candidates\r\n",
]

MESSAGES = [
    {"work_ms": 5, "id": "a"},
    {"paused": True},
    {"pipeline_id": "rich", "id": {"n": 1}},
    {"pipeline_ids": ["echo"], "prompts": ["a panda"], "noise_scale": 0.7},
    {"strength": 0.25, "steps": [1, 999], "style": "ink", "prompt": "näher", "area": {"a/b": {"x": -1}}},
    {"both": ["a", "b"], "denoising_step_list": [1000, 750], "manage_cache": False},
    {"both": True, "strength": 1e308, "nonsense": None},
]

# The format's number in the target, ffmpeg's encoder and its options. VP9's hidden frames come in superframes.
ENCODERS = {
    "vp8": (0, "libvpx"),
    "vp9": (1, "libvpx-vp9", "-auto-alt-ref", "1", "-lag-in-frames", "6"),
    "av1": (2, "libaom-av1", "-cpu-used", "8"),
}


def access_units():
    film = ["-f", "lavfi", "-i", "testsrc=size=48x34:rate=10:duration=1.2", "-pix_fmt", "yuv420p"]
    ffmpeg = ["ffmpeg", "-v", "error", "-fflags", "+bitexact", *film, "-flags:v", "+bitexact"]
    for name, (number, *encoder) in ENCODERS.items():
        ivf = subprocess.run([*ffmpeg, "-c:v", *encoder, "-f", "ivf", "-"], capture_output=True, check=True)
        rest, units = ivf.stdout[32:], []
        while rest:  # a frame's length, its time, itself
            end = 12 + int.from_bytes(rest[:4], "little")
            units.append(rest[12:end])
            rest = rest[end:]
        for at in (0, 1, -1):
            yield f"{name}_{at % len(units)}", bytes([number]) + units[at]
    one = ["-frames:v", "1", "-c:v", "libx264", "-x264-params", "info=0", "-f"]
    stream = subprocess.run([*ffmpeg, *one, "h264", "-"], capture_output=True, check=True).stdout
    yield "h264", bytes([3]) + stream
    nals = [nal.rstrip(b"\0") for nal in stream.split(b"\0\0\1")[1:]]
    parameters = [nal for nal in nals if nal[0] & 31 in (7, 8)]
    sets = b"".join(b"\1" + len(nal).to_bytes(2, "big") + nal for nal in parameters)
    yield "avcc", bytes([8, 1, 100, 0, 10, 0xFF]) + sets.replace(b"\1", b"\xe1", 1)


def main():
    every = dict(offers())
    for name, text in every.items():
        write("offer", name, text)
        write("answer", name, text.replace("\n", "\r\n"))
    for number, line in enumerate(CANDIDATES):
        write("candidate", str(number), f"0|{number}|{line}")
    for number, text in enumerate(FRAGMENTS):
        write("sdpfrag", str(number), text)
    for number, message in enumerate(MESSAGES):
        write("message", str(number), json.dumps(message, ensure_ascii=False))
    for name, unit in access_units():
        write("frame_size", name, unit)


def write(target, name, text):
    folder = ROOT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


if __name__ == "__main__":
    main()
