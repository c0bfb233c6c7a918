"""A worker that speaks pipelines/python/PROTOCOL.md with numpy alone, and misbehaves on request.

`fault` (a parameter) and `FAULT` (the environment, for the start) name what goes wrong. It goes wrong once in
a folder: a file remembers it. `FAULT_ALWAYS` goes wrong at each start.
"""

import json
import mmap
import os
import select
import signal
import socket
import sys
import time

import numpy

MESSAGE_BYTES = 131_072


def first_time(fault):
    try:
        os.close(os.open(fault + ".done", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


START = os.environ.get("FAULT_ALWAYS") or os.environ.get("FAULT", "")
if START and not os.environ.get("FAULT_ALWAYS") and not first_time(START):
    START = ""
if START == "import":
    import no_such_module  # noqa: F401
if START == "silent":
    time.sleep(3600)

channel = socket.socket(fileno=int(os.environ["SCOPE_SOCKET"]))
channel.set_inheritable(False)


def send(kind, **fields):
    channel.send(json.dumps({"type": kind, **fields}).encode())


def receive():
    packet, files, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 1)
    if not packet:
        os._exit(0)
    return json.loads(packet), files


class Session:
    def __init__(self, about, file):
        self.about = about
        self.memory = mmap.mmap(file, about["slots"] * about["slot_bytes"])
        os.close(file)
        self.values, self.version = {}, 0

    def planes(self, slot):
        start = slot * self.about["slot_bytes"]
        for plane in self.about["planes"]:
            shape = (plane["height"], plane["width"], plane["channels"])
            strides = (plane["stride"], plane["channels"], 1)
            yield numpy.ndarray(shape, numpy.uint8, self.memory, start + plane["offset"], strides)


sessions = {}
load = {}


def misbehave(fault, frame):
    if fault == "raise":
        raise ValueError("this frame is not to my taste")
    if fault == "hang":
        time.sleep(3600)
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "exit":
        print("out of ideas", file=sys.stderr)
        os._exit(3)
    if fault == "garbage":
        channel.send(b"\x00\xffnot a message")
    if fault == "lie":
        send(
            "done",
            session=frame["session"],
            seq=frame["seq"],
            slot=frame["output"] + 100,
            status="frame",
            version=frame["version"],
            compute_us=1,
            batch=1,
        )
    if fault == "eat":
        hoard = [numpy.ones(1 << 23, numpy.uint8) for _ in range(64)]
        time.sleep(3600)
        print(len(hoard))
    if fault == "flood":
        for number in range(100_000):
            print("line", number)
    if fault == "child":
        if os.fork() == 0:
            time.sleep(3600)
        os.kill(os.getpid(), signal.SIGKILL)


def work(frame):
    session = sessions[frame["session"]]
    fault = session.values.get("fault", "")
    if fault and first_time(fault):
        misbehave(fault, frame)
    if session.values.get("nothing"):
        return
    if frame["input"] is None:
        for out in session.planes(frame["output"]):
            out[:] = 7
        return
    keep = load.get("keep", False)
    for out, into in zip(session.planes(frame["output"]), session.planes(frame["input"]), strict=True):
        out[:] = into if keep else 255 - into


def batch(frames):
    started = time.perf_counter()
    status = []
    time.sleep(max(sessions[frame["session"]].values.get("work_ms", 0) for frame in frames) / 1000)
    for frame in frames:
        try:
            work(frame)
            status.append({"status": "frame"})
        except ValueError as error:
            status.append({"status": "error", "message": f"{type(error).__name__}: {error}"})
    took = int((time.perf_counter() - started) * 1e6)
    for frame, how in zip(frames, status, strict=True):
        send(
            "done",
            session=frame["session"],
            seq=frame["seq"],
            slot=frame["output"],
            version=sessions[frame["session"]].version,
            compute_us=took,
            batch=len(frames),
            **how,
        )


def handle(message, files, frames):
    kind = message["type"]
    if kind == "session":
        known = sessions.get(message["session"])
        session = sessions[message["session"]] = Session(message, files[0])
        if known:
            session.values, session.version = known.values, known.version
    elif kind == "parameters":
        sessions[message["session"]].values = message["values"]
        sessions[message["session"]].version = message["version"]
    elif kind == "frame":
        frames.append(message)
    elif kind == "close":
        sessions.pop(message["session"], None)
    elif kind == "ping":
        send("pong", id=message["id"])
    elif kind == "stop":
        sys.exit(0)


def serve():
    send(
        "hello",
        protocol=1,
        name="Test",
        layouts=["RGB", "I420"],
        max_batch=int(os.environ.get("MAX_BATCH", "8")),
    )
    about, _ = receive()
    load.update(about["parameters"])
    if START == "fatal":
        send("fatal", message="RuntimeError: no GPU")
        sys.exit(1)
    send("loading", text="weights")
    time.sleep(float(os.environ.get("LOAD_S", "0")))
    send("ready", device="cpu")
    frames = []
    while True:
        wait = None if not frames else 0
        if wait == 0 and len(frames) < min(len(sessions), about["max_batch"]):
            wait = about["batch_wait_us"] / 1e6
        if len(frames) < about["max_batch"] and (wait is None or select.select([channel], [], [], wait)[0]):
            handle(*receive(), frames)
            continue
        batch(frames)
        frames = []


serve()
