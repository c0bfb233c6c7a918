import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { StartOptions } from "../types/stream";
import { StreamController } from "./StreamController";

const source = vi.hoisted(() => ({ opened: 0, closed: 0 }));

vi.mock("./sources", () => ({
  openSource: () => {
    source.opened++;
    const stream = { getTracks: () => [{ kind: "video" }], getAudioTracks: () => [] };
    return Promise.resolve({ stream, onStamp: null, close: () => source.closed++ });
  },
}));

/** A peer connection whose state and channel the test moves. */
class FakePeer {
  static newest: FakePeer;
  connectionState: RTCPeerConnectionState = "new";
  localDescription = { sdp: "offer" };
  closed = false;
  channel = {
    readyState: "open",
    sent: [] as string[],
    onopen: null as (() => void) | null,
    onmessage: null as ((event: { data: string }) => void) | null,
    send(text: string) {
      this.sent.push(text);
    },
  };
  onconnectionstatechange: (() => void) | null = null;

  constructor() {
    FakePeer.newest = this;
  }
  createDataChannel = () => this.channel;
  addTransceiver = () => ({});
  setLocalDescription = () => Promise.resolve();
  setRemoteDescription = () => Promise.resolve();
  getStats = () => Promise.resolve(new Map());
  close = () => (this.closed = true);

  become(state: RTCPeerConnectionState) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
  say(message: object) {
    this.channel.onmessage?.({ data: JSON.stringify(message) });
  }
}

const OPTIONS: StartOptions = {
  source: "pattern",
  deviceId: null,
  file: null,
  sound: false,
  measureDelay: true,
  codec: "auto",
  pipelineId: "echo",
  parameters: {},
};

let requests: { method: string; path: string; body: string }[];
let answers: (() => Response)[];

beforeEach(() => {
  vi.useFakeTimers();
  requests = [];
  answers = [];
  source.opened = source.closed = 0;
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("MediaStream", function MediaStream() {});
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => setTimeout(callback, 16));
  vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => {
    requests.push({ method: init.method ?? "GET", path, body: String(init.body ?? "") });
    if (path.endsWith("ice-servers")) return Promise.resolve(Response.json({ iceServers: [] }));
    if (init.method === "POST") return Promise.resolve((answers.shift() ?? accepted)());
    return Promise.resolve(new Response(null, { status: 204 }));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function accepted() {
  return Response.json({ sdp: "answer", type: "answer", sessionId: "s1" });
}

async function live(): Promise<StreamController> {
  const controller = new StreamController();
  await controller.start(OPTIONS);
  FakePeer.newest.become("connected");
  expect(controller.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s1" });
  return controller;
}

it("ends the session on the server when it is stopped", async () => {
  const controller = await live();

  controller.stop();

  expect(controller.getSnapshot().phase).toBe("idle");
  expect(requests.at(-1)).toMatchObject({ method: "DELETE", path: "/api/v1/webrtc/offer/s1" });
  expect(source.closed).toBe(1);
});

it("comes back by itself when the connection fails, with the same source", async () => {
  const controller = await live();

  FakePeer.newest.become("failed");
  expect(controller.getSnapshot()).toMatchObject({ phase: "reconnecting", attempt: 1 });
  await vi.advanceTimersByTimeAsync(1000);
  FakePeer.newest.become("connected");

  expect(controller.getSnapshot()).toMatchObject({ phase: "live" });
  expect(source).toEqual({ opened: 1, closed: 0 });
});

it("waits for an interrupted connection before it gives it up", async () => {
  const controller = await live();
  const peer = FakePeer.newest;

  peer.become("disconnected");
  expect(controller.getSnapshot().phase).toBe("reconnecting");
  await vi.advanceTimersByTimeAsync(2000);
  peer.become("connected");
  await vi.advanceTimersByTimeAsync(10_000);

  expect(controller.getSnapshot().phase).toBe("live");
  expect(peer.closed).toBe(false);
});

it("says why the server stopped and reconnects", async () => {
  const controller = await live();

  FakePeer.newest.say({ type: "stream_stopped", reason: "server_shutdown", error_message: "it shuts down" });

  expect(controller.getSnapshot()).toMatchObject({ phase: "reconnecting", sentence: "it shuts down" });
});

it("tries again when the server is full, no sooner than it asks", async () => {
  answers = [
    () =>
      Response.json(
        { detail: "full", code: "server_full" },
        { status: 503, headers: { "retry-after": "4" } },
      ),
  ];
  const controller = new StreamController();
  await controller.start(OPTIONS);
  expect(controller.getSnapshot()).toMatchObject({ phase: "reconnecting", sentence: "full" });

  await vi.advanceTimersByTimeAsync(3900);
  expect(requests.filter((request) => request.method === "POST")).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2000);

  expect(requests.filter((request) => request.method === "POST")).toHaveLength(2);
});

it("ends with the server's sentence when the offer is refused", async () => {
  answers = [
    () => Response.json({ detail: "no common video codec", code: "no_common_codec" }, { status: 400 }),
  ];
  const controller = new StreamController();

  await controller.start(OPTIONS);

  expect(controller.getSnapshot()).toMatchObject({ phase: "ended", sentence: "no common video codec" });
  expect(source.closed).toBe(1);
});

it("sends the newest of each value once a frame", async () => {
  const controller = await live();

  controller.setParameters({ work_ms: 1 });
  controller.setParameters({ work_ms: 2 });
  controller.setPaused(true);
  await vi.advanceTimersByTimeAsync(20);

  expect(FakePeer.newest.channel.sent).toEqual(['{"work_ms":2,"paused":true}']);
});

it("shows what the server refused at its parameter, until it is changed", async () => {
  const controller = await live();

  FakePeer.newest.say({ type: "parameters_rejected", errors: [{ path: "/work_ms", message: "too much" }] });
  expect(controller.getSnapshot().rejected).toEqual({ work_ms: "too much" });
  controller.setParameters({ work_ms: 3 });

  expect(controller.getSnapshot().rejected).toEqual({});
});

it("forgets a refused value, so that it cannot break the next offer", async () => {
  const controller = await live();
  controller.setParameters({ work_ms: 9999, other: 1 });

  FakePeer.newest.say({ type: "parameters_rejected", errors: [{ path: "/work_ms", message: "too much" }] });
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  const offers = requests.filter((request) => request.method === "POST");
  expect(JSON.parse(offers.at(-1)?.body ?? "")).toMatchObject({
    initialParameters: { pipeline_ids: ["echo"], other: 1 },
  });
  expect(offers.at(-1)?.body).not.toContain("work_ms");
});

it("goes back to the running pipeline when another one is refused", async () => {
  const controller = await live();
  controller.switchPipeline("nothing");

  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/pipeline_id", message: "no pipeline" }],
  });

  expect(controller.getSnapshot().pipelineId).toBe("echo");
});

it("sends what was said before the channel opened once it is open", async () => {
  const controller = await live();
  FakePeer.newest.channel.readyState = "connecting";
  controller.setPaused(true);
  await vi.advanceTimersByTimeAsync(20);
  expect(FakePeer.newest.channel.sent).toEqual([]);

  FakePeer.newest.channel.readyState = "open";
  FakePeer.newest.channel.onopen?.();

  expect(FakePeer.newest.channel.sent).toEqual(['{"paused":true}']);
});

it("waits longer each time for a server whose sessions die at once", async () => {
  const controller = await live();
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);
  FakePeer.newest.become("connected");

  FakePeer.newest.become("failed");

  expect(controller.getSnapshot().attempt).toBe(2);
});

it("survives a message that is none", async () => {
  const controller = await live();

  FakePeer.newest.channel.onmessage?.({ data: "{" });
  FakePeer.newest.say({ type: "of_the_future" });

  expect(controller.getSnapshot().phase).toBe("live");
});
