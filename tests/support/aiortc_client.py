"""A foreign WebRTC client on aiortc: sends stamped pictures and reads the stamps of those that come back.

Prints one JSON line a second ({"decoded", "rises", "falls", "last"}) and a last one with "summary": true.
Exit codes: 0 the call was made and closed, 1 no call (stderr says why). The caller judges the numbers.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass

import aiohttp
import numpy as np
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

WIDTH, HEIGHT = 640, 480
# The stamp's geometry: shared with the page and with tests/support/stamp.rs.
COLUMNS, ROWS_PER_PICTURE, THRESHOLD = 24, 30, 128
ONE, ZERO = 235, 16
# A cold server loads codecs on the first offer.
HTTP_LIMIT = aiohttp.ClientTimeout(total=30)


def cell(row: int, column: int, width: int, height: int) -> tuple[slice, slice]:
    rows = slice(row * height // ROWS_PER_PICTURE, (row + 1) * height // ROWS_PER_PICTURE)
    columns = slice(column * width // COLUMNS, (column + 1) * width // COLUMNS)
    return rows, columns


def centre(span: slice) -> slice:
    """The middle half, away from what the encoder smears over the edges."""
    quarter = (span.stop - span.start) // 4
    return slice(span.start + quarter, span.stop - quarter)


def draw_stamp(luma: np.ndarray, number: int) -> None:
    height, width = luma.shape
    for row, bits in enumerate((number, ~number)):
        for column in range(COLUMNS):
            one = bits >> (COLUMNS - 1 - column) & 1
            luma[cell(row, column, width, height)] = ONE if one else ZERO


def read_stamp(luma: np.ndarray) -> int | None:
    """The number in a luma plane; None where the second row is not the complement of the first."""
    height, width = luma.shape
    rows = [0, 0]
    for row in (0, 1):
        for column in range(COLUMNS):
            y, x = cell(row, column, width, height)
            bright = luma[centre(y), centre(x)].mean() >= THRESHOLD
            rows[row] = rows[row] << 1 | int(bright)
    return rows[0] if rows[0] ^ rows[1] == (1 << COLUMNS) - 1 else None


def luma_of(frame: VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


class NumberedTrack(VideoStreamTrack):
    """Moving grey bands at aiortc's 30 frames/s, each picture with its number."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        band = (np.arange(WIDTH) // 16 * 8 + self.sent * 2) % 128 + 64
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        picture[:HEIGHT] = band
        draw_stamp(picture[:HEIGHT], self.sent)
        self.sent += 1
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame


@dataclass
class Seen:
    """What came back."""

    decoded: int = 0
    unstamped: int = 0
    rises: int = 0
    falls: int = 0
    last: int | None = None
    audio: int = 0
    stopped: str | None = None

    def picture(self, number: int | None) -> None:
        self.decoded += 1
        if number is None:
            self.unstamped += 1
            return
        if self.last is not None and number != self.last:
            self.rises += number > self.last
            self.falls += number < self.last
        self.last = number

    def line(self) -> dict:
        return {"decoded": self.decoded, "rises": self.rises, "falls": self.falls, "last": self.last}


async def watch(track, seen: Seen) -> None:
    """Counts a track's frames until it ends."""
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if track.kind == "video":
                seen.picture(read_stamp(luma_of(frame)))
            else:
                seen.audio += 1


def take_candidates(sdp: str) -> tuple[str, list[dict]]:
    """The offer without its candidates, and these as a PATCH wants them."""
    kept, candidates = [], []
    for index, section in enumerate(sdp.split("\nm="), start=-1):
        lines = section.splitlines()
        mid = next((line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:")), None)
        own = [line for line in lines if line.startswith("a=candidate:")]
        candidates += [
            {"candidate": line.removeprefix("a="), "sdpMid": mid, "sdpMLineIndex": index} for line in own
        ]
        rest = [line for line in lines if line not in own and line != "a=end-of-candidates"]
        kept.append("\r\n".join(rest))
    return "\r\nm=".join(kept) + "\r\n", candidates


async def signal(connection: RTCPeerConnection, url: str, trickle: bool) -> str | None:
    """Offer, answer and, with `trickle`, the candidates after it. Returns the session's id."""
    offer = f"{url}/api/v1/webrtc/offer"
    sdp, candidates = connection.localDescription.sdp, []
    if trickle:
        sdp, candidates = take_candidates(sdp)
    async with aiohttp.ClientSession(timeout=HTTP_LIMIT) as http:
        async with http.post(offer, json={"sdp": sdp, "type": "offer"}) as response:
            text = await response.text()
            if response.status != 200:
                raise SystemExit(f"the offer got {response.status}: {text}")
            answer = json.loads(text)
        description = RTCSessionDescription(sdp=answer["sdp"], type=answer["type"])
        # aiortc's setRemoteDescription waits for the connection's start, which needs the candidates.
        connected = asyncio.ensure_future(connection.setRemoteDescription(description))
        if trickle:
            last = {"candidate": "", "sdpMid": candidates[0]["sdpMid"], "sdpMLineIndex": 0}
            for some in ([candidate] for candidate in [*candidates, last]):
                async with http.patch(
                    f"{offer}/{answer['sessionId']}", json={"candidates": some}
                ) as response:
                    if response.status != 204:
                        raise SystemExit(f"PATCH got {response.status}: {await response.text()}")
        await connected
    return answer.get("sessionId")


def prefer(connection: RTCPeerConnection, codec: str) -> None:
    wanted = f"video/{codec}".lower()
    codecs = RTCRtpReceiver.getCapabilities("video").codecs
    chosen = [one for one in codecs if one.mimeType.lower() in (wanted, "video/rtx")]
    if not any(one.mimeType.lower() == wanted for one in chosen):
        raise SystemExit(f"aiortc has no {codec}; it has {sorted({one.mimeType for one in codecs})}")
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(chosen)


def answered_codec(connection: RTCPeerConnection) -> str | None:
    """The first video codec of the answer, e.g. `VP8`."""
    sdp = connection.remoteDescription.sdp
    video = sdp[sdp.index("m=video") :]
    payload = video.split(None, 4)[3]
    names = [line for line in video.splitlines() if line.startswith(f"a=rtpmap:{payload} ")]
    return names[0].split()[1].split("/")[0] if names else None


async def call(options: argparse.Namespace) -> None:
    servers = [RTCIceServer(**server) for server in json.loads(options.ice_servers)]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    source, seen, watchers = NumberedTrack(), Seen(), []
    connection.on("track", lambda track: watchers.append(asyncio.ensure_future(watch(track, seen))))

    def message(text: str) -> None:
        said = json.loads(text)
        if said.get("type") == "stream_stopped":
            seen.stopped = said.get("reason")

    connection.createDataChannel("parameters").on("message", message)
    connection.addTrack(source)
    if options.audio:
        connection.addTrack(AudioStreamTrack())
    prefer(connection, options.codec)
    await connection.setLocalDescription(await connection.createOffer())
    session = await signal(connection, options.url.rstrip("/"), options.trickle)
    print(json.dumps({"session": session, **seen.line()}), flush=True)

    def over() -> bool:
        return seen.stopped is not None or (seen.rises >= options.rises and seen.audio >= options.sounds)

    end = time.monotonic() + options.seconds
    while time.monotonic() < end and not over():
        await asyncio.sleep(1)
        print(json.dumps(seen.line()), flush=True)
    summary = {
        "summary": True,
        "session": session,
        "codec": answered_codec(connection),
        "sent": source.sent,
        **seen.line(),
        "unstamped": seen.unstamped,
        "audio": seen.audio,
        "stopped": seen.stopped,
        "connection": connection.connectionState,
    }
    await connection.close()
    await asyncio.gather(*watchers)
    print(json.dumps(summary), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url", help="base URL of the server")
    parser.add_argument("--codec", default="VP8", help="VP8 or H264: what aiortc encodes")
    parser.add_argument("--rises", type=int, default=sys.maxsize, help="numbers that end the call")
    parser.add_argument("--sounds", type=int, default=0, help="packets of sound that it waits for as well")
    parser.add_argument("--seconds", type=float, default=60, help="how long the call may last at most")
    parser.add_argument("--trickle", action="store_true", help="send the candidates after the answer")
    parser.add_argument("--audio", action="store_true", help="send and expect sound as well")
    parser.add_argument("--ice-servers", default="[]", help='JSON: [{"urls", "username", "credential"}]')
    options = parser.parse_args()
    try:
        asyncio.run(call(options))
    except (aiohttp.ClientError, OSError) as error:
        sys.exit(f"no call: {error}")


if __name__ == "__main__":
    main()
