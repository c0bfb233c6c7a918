"""FastRTC's video handler as an echo, driven by its own offer interface.

uvicorn fastrtc_echo:app --host 127.0.0.1 --port 8001

An offer is {sdp, type, webrtc_id}. FastRTC gives frames back only after the client has opened a data
channel, and calls the handler only after an input was set for that webrtc_id; /echo/offer sets it.
"""

import numpy as np
from fastapi import FastAPI
from fastrtc import Stream
from fastrtc.stream import Body


def echo(frame: np.ndarray) -> np.ndarray:
    return frame


stream = Stream(handler=echo, modality="video", mode="send-receive", concurrency_limit=64)
app = FastAPI()
stream.mount(app)


@app.get("/health")
def health() -> dict:
    return {"status": "ok"}


@app.post("/echo/offer")
async def answer(body: Body):
    answer = await stream.offer(body)
    stream.set_input(body.webrtc_id, None)
    return answer
