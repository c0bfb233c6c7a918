"""An echo on FastAPI and aiortc: a track that gives back the frames that it gets.

uvicorn aiortc_echo:app --host 127.0.0.1 --port 8000
"""

import asyncio
from contextlib import asynccontextmanager

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from fastapi import FastAPI
from pydantic import BaseModel

sessions: set[RTCPeerConnection] = set()


class EchoTrack(MediaStreamTrack):
    def __init__(self, track: MediaStreamTrack) -> None:
        super().__init__()
        self.kind = track.kind
        self.track = track

    async def recv(self):
        return await self.track.recv()


class Offer(BaseModel):
    sdp: str
    type: str


@asynccontextmanager
async def lifespan(_: FastAPI):
    yield
    await asyncio.gather(*(session.close() for session in sessions), return_exceptions=True)


app = FastAPI(lifespan=lifespan)


@app.get("/health")
def health() -> dict:
    return {"status": "ok", "sessions": len(sessions)}


@app.post("/api/v1/webrtc/offer")
async def answer(offer: Offer) -> dict:
    session = RTCPeerConnection()
    sessions.add(session)

    @session.on("track")
    def on_track(track: MediaStreamTrack) -> None:
        if track.kind == "video":
            session.addTrack(EchoTrack(track))

    @session.on("connectionstatechange")
    async def on_state() -> None:
        if session.connectionState in ("failed", "closed"):
            await session.close()
            sessions.discard(session)

    await session.setRemoteDescription(RTCSessionDescription(sdp=offer.sdp, type=offer.type))
    await session.setLocalDescription(await session.createAnswer())
    return {"sdp": session.localDescription.sdp, "type": session.localDescription.type}
